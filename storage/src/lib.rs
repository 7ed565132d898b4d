//! What is remembered: verdicts under their keys, on a disk that may fail at any time.
//!
//! A [`Store`] maps a [`Key`](hashing::Key) to a [`Record`]. [`MemoryStore`] is the smallest one; [`JournalStore`]
//! keeps what was paid for: its [`Journal`] is the authority, a `sled` database beside it only the index, made anew
//! whenever it is lost. [`Tiered`] puts a hot tier around any store, [`ReadOnly`] takes the pen away, and [`Faulty`] fails
//! by a plan. All disk operations that the journal relies on go through a [`Disk`], so that tests can let it fail:
//! [`FaultyDisk`].
//!
//! ```
//! use hashing::{Digest, Key};
//! use storage::{MemoryStore, Record, Store, Tiered};
//!
//! let store = Tiered::new(MemoryStore::default());
//! let key = Key(Digest([7; 32]));
//! assert_eq!(store.get(&key)?, None);
//! store.put(&key, &Record { subject: None, form: "{}".into(), evaluations: vec![] })?;
//! assert_eq!(store.get(&key)?.unwrap().form, "{}");
//! # Ok::<(), storage::StoreError>(())
//! ```
//!
//! Read next: [`Store`] for the promises, [`Journal`] for how they are kept, [`conformance`] for how a new store is
//! tested, `docs/journal.md` for the bytes.

mod codec;
pub mod conformance;
mod disk;
mod error;
mod faulty;
mod faulty_store;
mod frame;
mod index;
mod journal;
mod journal_store;
mod lock;
mod quiet;
mod recovery;
mod repair;
mod replace;
#[cfg(test)]
mod rotating;
mod scan;
mod sled_index;
mod store;
mod tiered;

pub use disk::{Disk, DiskFile, RealDisk};
pub use error::StoreError;
pub use faulty::{Fault, FaultyDisk, Operation};
pub use faulty_store::{Access, Faulty, StoreFault};
pub use frame::MAX_PAYLOAD;
pub use journal::{Journal, make_dir};
pub use journal_store::JournalStore;
pub use lock::{Lock, is_being_written};
pub use recovery::{Damage, Recovery};
pub use replace::Rewrite;
pub use scan::{Replay, read_journal};
pub use store::{Evaluation, MemoryStore, Purpose, ReadOnly, Record, Store, Subject};
pub use tiered::Tiered;
