//! Which of a key's seeds are whose: no training that checks a search repeats one of its seeds.

/// A search takes its seeds from 0 on, one for each evaluation of a key. `fecund confirm` takes its own from here,
pub const CONFIRM: u64 = 1 << 62;
/// `--audit` from here, one for each trial,
pub const AUDIT: u64 = 2 << 62;
/// and `fecund cache verify` from here.
pub const VERIFY: u64 = 3 << 62;
