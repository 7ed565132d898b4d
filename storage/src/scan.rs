//! Reading a journal from its first byte to its last, and telling a torn tail from damage.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::frame::{self, HEADER, Header, HeaderRead, MAX_PAYLOAD, Position, VERSION};
use crate::{Damage, Recovery, StoreError, replace};

/// No writer makes a segment longer than this; what lies beyond is not read.
const MAX_SEGMENT: u64 = 4 * MAX_PAYLOAD as u64;

/// Segments are counted from 1; no journal comes near this number.
const MAX_NUMBER: u64 = 1 << 40;

/// What a journal holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// Payloads in the order in which they were appended.
    pub frames: Vec<Vec<u8>>,
    pub recovery: Recovery,
}

/// Reads a journal while another process may be writing it: takes no lock and changes nothing.
///
/// A tail that is being written, or was torn, is passed over and noted. Damage in the middle is noted too, with every
/// intact frame before and after it returned.
pub fn read_journal(dir: &Path) -> Result<Replay, StoreError> {
    // What looks like damage may be a frame that the writer is replacing after a failed write: look again.
    let mut tries = 0..2;
    loop {
        let place = replace::current(dir);
        let before = inode(&place);
        let replay = collect(&place);
        let settled = match &replay {
            Ok(replay) => replay.recovery.damages.is_empty(),
            Err(error) => matches!(error, StoreError::Version { .. }),
        };
        // A journal that was replaced meanwhile may have been read half and half.
        let replaced = inode(&place) != before || replace::current(dir) != place;
        if !replaced && (settled || tries.next().is_none()) {
            return replay;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn inode(dir: &Path) -> Option<(u64, u64)> {
    std::fs::metadata(dir).ok().map(|dir| (dir.dev(), dir.ino()))
}

fn collect(dir: &Path) -> Result<Replay, StoreError> {
    let mut frames = Vec::new();
    let scan = scan(dir, &mut |_, payload| frames.push(payload.to_vec()))?;
    if scan.last.is_none() && scan.stub.is_none() {
        return Err(StoreError::Missing { dir: dir.to_path_buf() });
    }
    Ok(Replay { frames, recovery: scan.report_to_reader() })
}

/// What was found besides the frames.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub damages: Vec<Damage>,
    /// Number and end of the last segment that counts.
    pub last: Option<(u64, u64)>,
    /// Invalid bytes after that end.
    pub torn_bytes: u64,
    /// A segment after the last one, begun and without a whole header.
    pub stub: Option<u64>,
    pub frames: u64,
    pub notes: Vec<String>,
}

impl Scan {
    fn report_to_reader(self) -> Recovery {
        let mut recovery = Recovery { notes: self.notes, torn_bytes: self.torn_bytes, ..Recovery::default() };
        if self.torn_bytes > 0 {
            recovery.note(format!(
                "passed over {} bytes at the end that are not a whole frame yet",
                self.torn_bytes
            ));
        }
        for damage in &self.damages {
            recovery.note(format!("{damage}; the intact frames before and after it were read"));
        }
        recovery.damages = self.damages;
        recovery
    }
}

/// Shows every intact frame to `visit`, in order.
///
/// An invalid stretch is a *torn tail* if it reaches the end of the last segment: no intact frame follows it. Every
/// other one is *damage*. A last segment without a valid header is the stub of an interrupted beginning if it is no
/// longer than a header or all zeros (frames are only written after the header is durable), else damage as well.
pub(crate) fn scan(dir: &Path, visit: &mut dyn FnMut(Position, &[u8])) -> Result<Scan, StoreError> {
    let mut scan = Scan::default();
    let numbers = segments(dir)?;
    let mut headers = Vec::new();
    for number in &numbers {
        headers.push(read_header(&segment_path(dir, *number))?);
    }
    let mut count = numbers.len();
    if let (Some(number), Some(HeaderRead::Invalid)) = (numbers.last(), headers.last())
        && is_stub(&segment_path(dir, *number))?
    {
        scan.stub = Some(*number);
        count -= 1;
    }
    for i in 0..count {
        let next = if i + 1 < count { Some((numbers[i + 1], headers[i + 1])) } else { None };
        scan.note_gap(i.checked_sub(1).map(|before| numbers[before]), numbers[i]);
        scan.segment(dir, numbers[i], headers[i], next, visit)?;
    }
    Ok(scan)
}

impl Scan {
    fn note_gap(&mut self, before: Option<u64>, number: u64) {
        let expected = before.unwrap_or(0) + 1;
        if number - expected == 1 {
            self.notes.push(format!("segment {} is not there; its frames are missing", file_name(expected)));
        } else if number > expected {
            let (from, to) = (file_name(expected), file_name(number - 1));
            self.notes.push(format!("segments {from} to {to} are not there; their frames are missing"));
        }
    }

    fn segment(
        &mut self,
        dir: &Path,
        number: u64,
        header: HeaderRead,
        next: Option<(u64, HeaderRead)>,
        visit: &mut dyn FnMut(Position, &[u8]),
    ) -> Result<(), StoreError> {
        let path = segment_path(dir, number);
        let bytes = read_segment(&path)?;
        let valid = matches!(header, HeaderRead::Valid(header) if header.segment == number);
        let whole = (bytes.len() as u64) < MAX_SEGMENT;
        if !valid {
            self.damage(&path, 0, HEADER.min(bytes.len() as u64));
        } else if !whole {
            self.damage(&path, MAX_SEGMENT, 0);
        }
        let limit = match next {
            Some((after, HeaderRead::Valid(header))) if after == number + 1 && header.segment == after => {
                header.previous_end
            }
            _ => bytes.len() as u64,
        };
        let walk = walk(&bytes, number, limit, &mut |position, payload| {
            self.frames += 1;
            visit(position, payload);
        });
        for (offset, length) in walk.gaps {
            self.damage(&path, offset, length);
        }
        if next.is_none() && valid && whole {
            self.torn_bytes = limit - walk.end;
        } else if walk.end < limit {
            self.damage(&path, walk.end, limit - walk.end);
        }
        self.last = Some((number, walk.end));
        Ok(())
    }

    fn damage(&mut self, path: &Path, offset: u64, bytes: u64) {
        self.damages.push(Damage { path: path.to_path_buf(), offset, bytes });
    }
}

struct Walk {
    /// Invalid stretches that an intact frame follows: offset and length.
    gaps: Vec<(u64, u64)>,
    /// End of the last intact frame.
    end: u64,
}

fn walk(bytes: &[u8], segment: u64, limit: u64, visit: &mut dyn FnMut(Position, &[u8])) -> Walk {
    let bytes = &bytes[..bytes.len().min(usize::try_from(limit).unwrap_or(usize::MAX))];
    let mut walk = Walk { gaps: Vec::new(), end: HEADER.min(bytes.len() as u64) };
    let mut offset = walk.end;
    while (offset as usize) < bytes.len() {
        let Some(payload) = frame::decode(&bytes[offset as usize..], segment, offset) else {
            offset += 1;
            continue;
        };
        if offset > walk.end {
            walk.gaps.push((walk.end, offset - walk.end));
        }
        visit(Position { segment, offset, bytes: payload.len() as u32 }, payload);
        offset = frame::end(offset, payload.len() as u64);
        walk.end = offset;
    }
    walk
}

/// The payload of one frame, checked.
pub(crate) fn read_frame(dir: &Path, position: Position) -> Result<Vec<u8>, String> {
    use std::os::unix::fs::FileExt;
    if position.bytes as usize > MAX_PAYLOAD {
        return Err(format!("no frame has {} bytes", position.bytes));
    }
    let path = segment_path(dir, position.segment);
    let mut bytes = vec![0; frame::FRAME_HEAD as usize + position.bytes as usize];
    let read = File::open(&path).and_then(|file| file.read_exact_at(&mut bytes, position.offset));
    read.map_err(|error| format!("{} at byte {}: {error}", path.display(), position.offset))?;
    match frame::decode(&bytes, position.segment, position.offset) {
        Some(payload) => Ok(payload.to_vec()),
        None => Err(format!("{} has no intact frame at byte {}", path.display(), position.offset)),
    }
}

pub(crate) fn file_name(segment: u64) -> String {
    format!("{segment:06}.seg")
}

pub(crate) fn segment_path(dir: &Path, segment: u64) -> PathBuf {
    dir.join(file_name(segment))
}

/// Numbers of the segments in a directory, ascending. Files of any other name are not ours and are left alone.
fn segments(dir: &Path) -> Result<Vec<u64>, StoreError> {
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(StoreError::Missing { dir: dir.to_path_buf() });
        }
        entries => entries.map_err(|error| StoreError::disk("list", dir, error))?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry.map_err(|error| StoreError::disk("list", dir, error))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".seg")?.parse().ok());
        let ours =
            |number: &u64| (1..MAX_NUMBER).contains(number) && name.to_str() == Some(&file_name(*number));
        numbers.extend(number.filter(ours));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn read_header(path: &Path) -> Result<HeaderRead, StoreError> {
    let header = Header::decode(&read_up_to(path, HEADER)?);
    match header {
        HeaderRead::Version(found) => {
            Err(StoreError::Version { path: path.to_path_buf(), found, known: VERSION })
        }
        _ => Ok(header),
    }
}

fn is_stub(path: &Path) -> Result<bool, StoreError> {
    let bytes = read_segment(path)?;
    Ok(bytes.len() as u64 <= HEADER || bytes.iter().all(|byte| *byte == 0))
}

fn read_segment(path: &Path) -> Result<Vec<u8>, StoreError> {
    read_up_to(path, MAX_SEGMENT)
}

fn read_up_to(path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(|error| StoreError::disk("read", path, error))?;
    Ok(bytes)
}
