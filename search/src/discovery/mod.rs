//! The search for learning algorithms, lean: a loop of its own, for judges that take microseconds. Islands keep their caches
//! in memory, and no trial is written, but between two rounds the whole [`State`] can be, from which a search goes on as if it
//! had never stopped ([`Checkpoints`]). The same plan finds the same.
//!
//! ```
//! use search::discovery::{Archipelago, Plan};
//! use spaces::program::ProgramSpace;
//! use tasks::{Family, Size};
//!
//! let size = Size { features: 4, training: 100, validation: 100 };
//! let problems: Vec<_> = (0..10).map(|n| Family::Linear.problem(size, 0, n).unwrap()).collect();
//! let plan = Plan { islands: 2, round: 2000, ..Plan::default() };
//! let mut search = Archipelago::new(&ProgramSpace::linear(), &problems, plan)?;
//! search.round(2);
//! assert_eq!(search.tally().proposals, 4000);
//! assert!(search.tally().hit_rate() > 0.3);
//! # Ok::<(), evaluator::program::NoJudge>(())
//! ```

mod answer;
mod archipelago;
mod checkpoint;
mod explain;
mod hurdle;
mod island;
mod lru;
mod tabu;
mod tally;
mod worth;

pub use answer::Caching;
pub use archipelago::{Archipelago, Plan, State};
pub use checkpoint::{Checkpoints, Damaged};
pub use explain::{Line, error_of, explained, simplified};
pub use island::{Breeding, Individual, Island};
pub use tally::{Audits, Tally};
pub use worth::Worth;
