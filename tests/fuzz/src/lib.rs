//! What reads bytes from elsewhere, as functions of bytes: any input is read or refused, and what was read keeps its
//! promises. Fuzzed by `tests/fuzz/run`; `tests/untrusted.rs` runs the seeds and mutations of them.

pub mod code;
pub mod frames;
pub mod genome;
pub mod journal;
pub mod record;
pub mod scratch;
pub mod table;
pub mod trials;
pub mod ts;

/// A name, which is that of the folder with its seeds, and what is done with the bytes: whether they were read, and not
/// refused, comes back. It panics where a promise is broken.
pub type Target = (&'static str, fn(&[u8]) -> bool);

pub const ALL: [Target; 8] = [
    ("ts", ts::run),
    ("table", table::run),
    ("genome", genome::run),
    ("code", code::run),
    ("journal", journal::run),
    ("record", record::run),
    ("frames", frames::run),
    ("trials", trials::run),
];
