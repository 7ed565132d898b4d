//! Who drives: strategies, the study, and the command line.
//!
//! ```
//! use evaluator::{EvalError, Evaluator, Job, Outcome};
//! use hashing::Context;
//! use search::{Objective, Plan, RegularizedEvolution, Statistics, Study};
//! use spaces::cell201::{Cell, CellSpace, Operation};
//! use tasks::{Scores, Verdict};
//!
//! /// Likes pooling. A real one would train.
//! struct Pools;
//! impl Evaluator<Cell> for Pools {
//!     fn context(&self) -> Context {
//!         Context::new().with("evaluator", "pools v1")
//!     }
//!     fn evaluate(&self, cell: &Cell, _: &Job) -> Result<Outcome, EvalError> {
//!         let pools = cell.operations.iter().filter(|operation| **operation == Operation::Pool).count();
//!         let scores = Scores([("pools".to_string(), pools as f64)].into());
//!         Ok(Outcome { verdict: Verdict::Scored(scores), steps: 1, seconds: None, provenance: String::new() })
//!     }
//! }
//!
//! let strategy = RegularizedEvolution::new(Objective::new("pools", true));
//! let mut study = Study::new(CellSpace::default(), Pools, strategy, Plan { trials: Some(200), ..Plan::default() });
//! study.run()?;
//! let statistics = Statistics::of(study.trials());
//! assert_eq!(statistics.total.proposals, 200);
//! assert!(statistics.hit_rate() > 0.0);
//! # Ok::<(), search::StudyError>(())
//! ```
//!
//! Read next: `study.rs`, the life of a candidate; `strategy.rs`, who proposes.

pub mod cli;
mod clock;
pub mod conformance;
mod constraint;
pub mod discovery;
mod evaluation;
mod executor;
mod halving;
mod history;
mod hypervolume;
mod known;
mod ledger;
mod lineage;
mod meter;
mod objective;
mod observer;
pub mod pareto;
mod parts;
mod plan;
mod processor;
mod recorder;
mod seeds;
mod statistics;
mod strategies;
mod strategy;
mod study;
mod trial;

pub use clock::{Clock, SystemClock};
pub use constraint::Constraint;
pub use executor::{AtOnce, Executor, Finished, Task, Threads};
pub use halving::Halving;
pub use history::{History, Moment};
pub use known::Finding;
pub use ledger::{Ledger, Written};
pub use objective::{Goal, Objective};
pub use observer::Observer;
pub use pareto::Tradeoff;
pub use parts::structural_identity;
pub use plan::{Plan, Stop};
pub use statistics::{Statistics, Tally};
pub use strategies::{
    LocalSearch, MapElites, Nsga2, RandomSearch, Redrawing, RegularizedEvolution, all as strategies,
};
pub use strategy::{Listed, Options, Proposal, Strategy};
pub use study::{Study, StudyError, Waiting};
pub use trial::{Miss, Origin, Rung, Times, Trial};
