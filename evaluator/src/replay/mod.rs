//! Verdicts from published tables: every candidate of a benchmark was trained once, by its authors, and a search over
//! it looks them up. So thousands of searches cost seconds, and everybody can repeat them.
//!
//! A [`Table`] is a CSV file with a row for each candidate; [`ReplayTask`] says which column is sought and, with
//! [`Cost`], what an evaluation would have cost; [`Replay`] is the evaluator.
//!
//! ```
//! use evaluator::replay::{Replay, ReplayTask, Table};
//! use evaluator::{Control, Evaluator, Job};
//! use hashing::Fidelity;
//! use spaces::Tabulated;
//! use spaces::nb_macro::{MacroSpace, Network};
//!
//! let folder = tempfile::tempdir().unwrap();
//! let file = folder.path().join("table.csv");
//! std::fs::write(&file, "arch,accuracy,flops\n22212202,93.1,85000000\n").unwrap();
//!
//! let table = Table::<Network>::read(&file, &["accuracy"])?;
//! let task = ReplayTask::of(&table, "accuracy", true, Some("flops*1e-6".parse().unwrap()));
//! let replay = Replay::new(MacroSpace, table, task)?;
//! let job = Job { fidelity: Fidelity(1), seed: 0, artifacts: "".as_ref(), previous: None, parents: &[], control: &Control::new() };
//! // An identity in layer 7 or 8 may stand in either.
//! let network = Network::from_row(&["22212220"]).unwrap();
//! let outcome = replay.evaluate(&network, &job).unwrap();
//! assert_eq!((outcome.verdict.score("accuracy"), outcome.seconds), (Some(93.1), Some(85.0)));
//! # Ok::<(), tasks::DataError>(())
//! ```

mod cost;
mod evaluator;
mod table;
mod task;

pub use cost::Cost;
pub use evaluator::Replay;
pub use table::Table;
pub use task::ReplayTask;
