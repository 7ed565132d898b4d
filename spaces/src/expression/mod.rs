//! Lambdas: expressions over named inputs, such as feature rules, activations and losses.
//!
//! ```
//! use hashing::{CandidateHasher, TwoStage};
//! use spaces::expression::{Expression, canonicalize};
//!
//! let (sum, product): (Expression, Expression) = ("x + x".parse().unwrap(), "2 * x".parse().unwrap());
//! assert_eq!(canonicalize(&sum), product);
//! let softsign: Expression = "x / (1 + abs(x))".parse().unwrap();
//! let hasher = TwoStage::default();
//! assert_ne!(hasher.identify(&softsign).unwrap().fingerprint, hasher.identify(&product).unwrap().fingerprint);
//! assert_eq!("1 + * x".parse::<Expression>().unwrap_err().column, 5);
//! ```

mod behavior;
mod canonical;
#[expect(clippy::module_inception, reason = "the file is named after what it defines")]
mod expression;
mod operation;
mod text;

pub use canonical::canonicalize;
pub use expression::{Expression, Node, NotFinite};
pub use operation::{Binary, Unary};
