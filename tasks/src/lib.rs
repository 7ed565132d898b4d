//! What is asked of a candidate: data sets, splits, metrics, and the verdict that comes back.
//!
//! [`Sequences`] are labelled time series, read from the `.ts` files of the UCR and UEA archives; [`locate()`] finds
//! the training file and the test file that belongs to it. [`Validation`] holds back cases for selection, class by
//! class, [`Scaler`] standardizes the channels, and [`Metric::score`] turns predicted probabilities into a number of
//! the [`Verdict`]. [`Tokens`] have a target at some of their steps: those of the tasks in [`mad`], and of a [`Text`];
//! the answers to those in [`pointing`] are positions of the input. [`Problem`]s are small, for algorithms that learn them
//! from nothing; [`Projected`] makes them of a [`Labelled`] table. A [`table`] is a stream of rows, which [`rank`] counts; in
//! memory, for models, it is [`tabular`].
//!
//! ```
//! use tasks::{Metric, Validation};
//!
//! let classes = ["cat".to_string(), "dog".to_string()];
//! let labels = [0, 0, 0, 1, 1, 1];
//! let folds = "kfold:3".parse::<Validation>()?.splits(&labels, &classes, 7)?;
//! assert_eq!(folds.len(), 3);
//! assert!(folds.iter().all(|fold| fold.train.len() == 4 && fold.validation.len() == 2));
//!
//! let probabilities = [0.9, 0.1, 0.4, 0.6];
//! assert_eq!(Metric::Accuracy.score(&probabilities, 2, &[0, 0]), 0.5);
//! # Ok::<(), tasks::DataError>(())
//! ```
//!
//! Read next: [`Sequences`] for the data, [`Verdict`] for what an evaluation says.

mod error;
mod labelled;
mod locate;
pub mod mad;
pub mod pointing;
mod problem;
mod projected;
pub mod rank;
mod scaler;
mod score;
mod sequences;
mod split;
pub mod table;
pub mod tabular;
mod text;
mod tokens;
mod ts;
mod verdict;

pub use error::{DataError, Place, quote};
pub use labelled::Labelled;
pub use locate::{Location, check_target, locate};
pub use problem::{Example, Family, Fitness, Problem, Size};
pub use projected::{Part, Projected, ProjectedSize};
pub use scaler::Scaler;
pub use sequences::{Case, Sequences};
pub use split::{Split, Validation};
pub use text::{Text, Windows};
pub use tokens::{IGNORED, Tokens};
pub use verdict::{Metric, Reason, Scores, Verdict};
