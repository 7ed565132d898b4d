//! Bytes of a file, plain or gzip, with a count of how much of the file was read.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use crate::{DataError, Place};

pub struct Input {
    path: PathBuf,
    reader: BufReader<Box<dyn Read + Send>>,
    compressed: bool,
    /// Of the next byte, from 1.
    line: u64,
    progress: Progress,
}

/// How far a file was read; another thread may look.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    read: Arc<AtomicU64>,
    pub length: u64,
}

impl Progress {
    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    pub(super) fn of_length(length: u64) -> Self {
        Self { length, ..Self::default() }
    }

    pub(super) fn set(&self, read: u64) {
        self.read.store(read, Ordering::Relaxed);
    }
}

struct Counting {
    file: File,
    progress: Progress,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.progress.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// The file and its length; a folder is an error that says so.
pub fn open_file(path: &Path) -> Result<(File, u64), DataError> {
    let unreadable = |source| DataError::Unreadable { path: path.to_path_buf(), source };
    let length = fs::metadata(path).map_err(unreadable)?;
    if length.is_dir() {
        return Err(unreadable(io::ErrorKind::IsADirectory.into()));
    }
    Ok((File::open(path).map_err(unreadable)?, length.len()))
}

impl Input {
    const BUFFER: usize = 1 << 20;

    /// Gzip is told by its first bytes, not by the name.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let unreadable = |source| DataError::Unreadable { path: path.to_path_buf(), source };
        let (mut file, length) = open_file(path)?;
        let mut magic = Vec::new();
        (&mut file).take(2).read_to_end(&mut magic).map_err(unreadable)?;
        file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
        let compressed = magic == [0x1f, 0x8b];
        let progress = Progress::of_length(length);
        let counting = Counting { file, progress: progress.clone() };
        let reader: Box<dyn Read + Send> =
            if compressed { Box::new(MultiGzDecoder::new(counting)) } else { Box::new(counting) };
        let reader = BufReader::with_capacity(Self::BUFFER, reader);
        let mut input = Self { path: path.to_path_buf(), reader, compressed, line: 1, progress };
        if input.fill()?.starts_with(b"\xef\xbb\xbf") {
            input.consume(3);
        }
        Ok(input)
    }

    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    pub fn line(&self) -> u64 {
        self.line
    }

    /// What comes next; nothing at the end.
    pub fn fill(&mut self) -> Result<&[u8], DataError> {
        match self.reader.fill_buf() {
            Ok(_) => Ok(self.reader.buffer()),
            Err(source) if self.compressed => {
                Err(DataError::Damaged { path: self.path.clone(), line: self.line, source })
            }
            Err(source) => Err(DataError::Unreadable { path: self.path.clone(), source }),
        }
    }

    pub fn consume(&mut self, count: usize) {
        let ends = self.reader.buffer()[..count].iter().filter(|byte| **byte == b'\n').count();
        self.line += ends as u64;
        self.reader.consume(count);
    }

    pub fn error(&self, line: u64, column: Option<u64>, what: impl Into<String>) -> DataError {
        let place = Place { path: self.path.clone(), line, column };
        DataError::Malformed { place, what: what.into() }
    }
}
