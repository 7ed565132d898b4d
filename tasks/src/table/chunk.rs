//! A block of rows as they stand in the file: one buffer of bytes, and where each cell ends.

/// Cells of some rows. The buffers are kept when it is cleared.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    bytes: Vec<u8>,
    ends: Vec<u32>,
    rows: Vec<Row>,
    columns: usize,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    /// Of the first cell.
    start: u32,
    line: u64,
}

impl Chunk {
    /// Rows that are handed out at once: what a column touches of them stays in the cache of a core.
    pub const ROWS: usize = 1024;
    /// A chunk with so many bytes takes no further row.
    const BYTES: usize = 1 << 24;

    pub fn new(columns: usize) -> Self {
        Self { columns, ..Self::default() }
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.rows() >= Self::ROWS || self.bytes.len() >= Self::BYTES
    }

    /// Line of the file, or number of the row where a format has no lines, from 1.
    pub fn line(&self, row: usize) -> u64 {
        self.rows[row].line
    }

    pub fn cell(&self, row: usize, column: usize) -> &[u8] {
        let at = row * self.columns + column;
        let start = if column == 0 { self.rows[row].start } else { self.ends[at - 1] };
        &self.bytes[start as usize..self.ends[at] as usize]
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.rows.clear();
    }

    /// Appends a row. Panics if it has another number of cells than there are columns.
    pub fn push<'a>(&mut self, line: u64, cells: impl IntoIterator<Item = &'a [u8]>) {
        let start = self.bytes.len();
        for cell in cells {
            self.bytes.extend_from_slice(cell);
            self.ends.push(self.bytes.len() as u32);
        }
        self.finish(start, line);
    }

    /// Appends a row whose cells lie one after the other in `bytes` and end at `ends`.
    pub fn push_joined(&mut self, line: u64, bytes: &[u8], ends: &[usize]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.ends.extend(ends.iter().map(|end| (start + end) as u32));
        self.finish(start, line);
    }

    fn finish(&mut self, start: usize, line: u64) {
        self.rows.push(Row { start: start as u32, line });
        assert_eq!(self.ends.len(), self.rows.len() * self.columns, "one cell a column");
    }

    /// Drops the rows that `keep` refuses; it sees their numbers in this chunk.
    pub fn retain(&mut self, mut keep: impl FnMut(usize) -> bool) {
        let mut kept = 0;
        for row in 0..self.rows() {
            if keep(row) {
                self.rows[kept] = self.rows[row];
                let cells = row * self.columns..(row + 1) * self.columns;
                self.ends.copy_within(cells, kept * self.columns);
                kept += 1;
            }
        }
        self.rows.truncate(kept);
        self.ends.truncate(kept * self.columns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells<const N: usize>(texts: [&str; N]) -> impl Iterator<Item = &[u8]> {
        texts.into_iter().map(str::as_bytes)
    }

    #[test]
    fn rows_can_be_dropped_and_the_others_keep_their_cells() {
        let mut chunk = Chunk::new(2);
        chunk.push(1, cells(["a", ""]));
        chunk.push_joined(2, b"bcd", &[1, 3]);
        chunk.push(5, cells(["", "e"]));
        chunk.retain(|row| row != 0);
        assert_eq!((chunk.rows(), chunk.line(0), chunk.line(1)), (2, 2, 5));
        assert_eq!(
            [chunk.cell(0, 0), chunk.cell(0, 1), chunk.cell(1, 0), chunk.cell(1, 1)],
            [&b"b"[..], b"cd", b"", b"e"]
        );
    }
}
