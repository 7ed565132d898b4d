//! Register programs, judged on many small tasks at once.
//!
//! A program is read (dead instructions go), known by its [symbol](spaces::program::symbol) or by its probe, and trained
//! only where both are new; training then goes on where the probe ended.
//!
//! ```
//! use evaluator::program::{Judge, Rules};
//! use spaces::program::{Memory, Program};
//! use tasks::{Family, Size};
//!
//! let size = Size { features: 4, training: 100, validation: 100 };
//! let problems: Vec<_> = (0..10).map(|n| Family::Linear.problem(size, 0, n).unwrap()).collect();
//! let descent: Program = "
//! def setup():
//!     s2 = constant(0.1)
//! def predict():
//!     s1 = dot(v0, v1)
//! def learn():
//!     s3 = subtract(s0, s1)
//!     s3 = multiply(s2, s3)
//!     v2 = multiply(s3, v0)
//!     v1 = add(v1, v2)
//! ".parse()?;
//! let mut judge = Judge::new(&problems, Memory::of(&descent)?, Rules::default())?;
//! assert!(judge.judge(&descent) > 0.99);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod block;
mod budget;
mod code;
mod evaluator;
mod judge;
mod lanes;
mod task;
#[cfg(test)]
mod tests;

pub use budget::{Budget, step_cost};
pub use evaluator::{FITNESS, INSTRUCTIONS, Programs};
pub use judge::{Combination, Judge, NoJudge, Rules};
pub use task::{LabelledTable, Learn, ProgramTask, SpaceName, UNSEEN_TASKS};
