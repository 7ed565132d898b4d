//! What opening a journal or a store had to do, in sentences for people and in numbers.

use std::fmt;
use std::path::PathBuf;

/// Empty when there was nothing to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// One sentence for each thing that was noticed or done.
    pub notes: Vec<String>,
    /// Bytes of a write that a crash interrupted, cut off the end (or passed over, by a reader).
    pub torn_bytes: u64,
    /// Places in the middle that cannot be read. Only readers return them; a writer does not open.
    pub damages: Vec<Damage>,
    /// Whether the index was made anew from the whole journal.
    pub index_rebuilt: bool,
    /// Entries that the index lacked or had wrong, added from the journal.
    pub index_mended: u64,
    /// Where an index that would not open was moved to.
    pub quarantined: Option<PathBuf>,
    /// Intact frames whose record this program does not understand.
    pub unreadable: u64,
}

/// Bytes of a journal that are not a frame, with the authority of what follows: they were written and then changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub path: PathBuf,
    pub offset: u64,
    /// Up to the next intact frame, or the end.
    pub bytes: u64,
}

impl Recovery {
    pub fn is_empty(&self) -> bool {
        self.notes.is_empty()
    }

    pub(crate) fn note(&mut self, sentence: impl Into<String>) {
        self.notes.push(sentence.into());
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.notes.join("\n"))
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is damaged at byte {} ({} bytes)", self.path.display(), self.offset, self.bytes)
    }
}
