//! `fecund create`, `ask` and `tell`: studies whose candidates somebody else evaluates.

mod commands;
#[path = "../common/mod.rs"]
mod common;
mod example;
mod lines;
mod runs;
mod same_trials;
