//! `fecund cache …`: what was remembered and reused, a file for each command.

pub mod explain;
pub mod stats;
