//! How a candidate is judged: evaluators, and processes that bear their crashes.
//!
//! An [`Evaluator`] turns a candidate into an [`Outcome`]. It does not know that it is cached, and it keeps two kinds
//! of failure apart: a candidate that cannot work is a verdict and is remembered; a machine that failed is an
//! [`EvalError`] and is not. [`Retried`] tries once more and then calls the candidate unstable. A [`WorkerPool`]
//! keeps evaluations in processes of their own, so that a crash, a hang or an allocation without end costs one call.
//!
//! ```
//! use evaluator::{Control, EvalError, Evaluator, Job, Outcome, Retried};
//! use hashing::{Context, Fidelity};
//! use tasks::{Scores, Verdict};
//!
//! /// Shorter is better.
//! struct Length;
//!
//! impl Evaluator<String> for Length {
//!     fn context(&self) -> Context {
//!         Context::new().with("evaluator", "length v1")
//!     }
//!
//!     fn evaluate(&self, candidate: &String, _: &Job) -> Result<Outcome, EvalError> {
//!         let scores = Scores([("length".to_string(), candidate.len() as f64)].into());
//!         Ok(Outcome { verdict: Verdict::Scored(scores), steps: 1, seconds: None, provenance: String::new() })
//!     }
//! }
//!
//! let control = Control::new();
//! let job = Job { fidelity: Fidelity(1), seed: 7, artifacts: "artifacts".as_ref(), previous: None, parents: &[], control: &control };
//! let outcome = Retried(Length).evaluate(&"conv".to_string(), &job)?;
//! assert_eq!(outcome.verdict.score("length"), Some(4.0));
//! # Ok::<(), EvalError>(())
//! ```
//!
//! Read next: `evaluator.rs` (the trait), `error.rs` (what can fail, and what is tried again), `pool.rs` (the
//! parent's side of the processes), `serve.rs` (the worker's side) and `conformance.rs` (the laws, to test an evaluator
//! of your own by). The processes need Linux.

pub mod conformance;
mod error;
mod evaluator;
pub mod frame;
mod job;
mod limits;
mod os;
mod pool;
mod process;
pub mod program;
pub mod replay;
mod retried;
pub mod sequence;
pub mod serve;
mod spawner;
pub mod tabular;
mod torch_worker;
mod trainers;
mod worker;

pub use error::EvalError;
pub use evaluator::{Evaluator, Outcome};
pub use job::{Control, Job};
pub use limits::Limits;
pub use pool::WorkerPool;
pub use retried::Retried;
pub use spawner::WorkerCommand;
pub use torch_worker::torch_worker;
