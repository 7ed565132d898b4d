//! Files for readers that want a path: in memory where the system has a place for that.

use std::path::Path;

use tempfile::TempDir;

/// An empty folder, gone when it is dropped.
pub fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() };
    made.expect("a temporary folder can be made")
}

/// Whether these are the first bytes of a gzip stream.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1f\x8b")
}
