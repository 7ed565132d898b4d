//! Where evaluations run: jobs go in, finished ones come out in any order.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use evaluator::EvalError;
use hashing::{Fidelity, Key};
use storage::Purpose;

/// What comes back of an evaluation. Nobody has been told yet: the study remembers it first.
pub struct Finished {
    /// The trial that pays, or is audited.
    pub number: u64,
    /// Whether the search awaits it.
    pub purpose: Purpose,
    pub key: Key,
    pub fidelity: Fidelity,
    /// What the form measured by the clock, if its evaluator measures; see [`evaluator::Evaluator::measure`].
    pub measures: BTreeMap<String, f64>,
    /// Ancestors whose artifacts were lost and have been made again.
    pub remade: usize,
    /// As a record keeps it, always with the form that was evaluated.
    pub found: Result<storage::Evaluation, EvalError>,
}

/// Runs once, or again where a run was given up; the study takes the first that comes.
pub type Task = Arc<dyn Fn() -> Finished + Send + Sync>;

/// Runs tasks beside the study. Handed in, so that a simulation can decide when what finishes.
pub trait Executor: Send {
    /// May run it before this returns, or beside the study.
    fn submit(&mut self, task: Task);

    /// The next one that finishes, if one does within this time; `None` waits as long as it takes, and is asked only
    /// while tasks are under way.
    fn next(&mut self, within: Option<Duration>) -> Option<Finished>;

    /// Tasks that can run at once.
    fn width(&self) -> usize;
}

/// Runs each task where it is submitted, before that returns.
#[derive(Default)]
pub struct AtOnce(VecDeque<Finished>);

impl Executor for AtOnce {
    fn submit(&mut self, task: Task) {
        self.0.push_back(task());
    }

    fn next(&mut self, _: Option<Duration>) -> Option<Finished> {
        self.0.pop_front()
    }

    fn width(&self) -> usize {
        1
    }
}

/// A thread pool of `jobs` threads.
pub struct Threads {
    pool: rayon::ThreadPool,
    finished: (Sender<Finished>, Receiver<Finished>),
}

impl Threads {
    /// An error says why the system gives no threads.
    pub fn new(jobs: usize) -> Result<Self, String> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).thread_name(|n| format!("job-{n}"));
        let pool = pool.build().map_err(|error| format!("cannot start {jobs} threads: {error}"))?;
        Ok(Self { pool, finished: channel() })
    }
}

impl Executor for Threads {
    fn submit(&mut self, task: Task) {
        let sender = self.finished.0.clone();
        self.pool.spawn(move || {
            let finished = task();
            // What it holds is given back before anybody hears of it.
            drop(task);
            // The receiver lives as long as the pool; a send can only fail when the study is gone.
            drop(sender.send(finished));
        });
    }

    fn next(&mut self, within: Option<Duration>) -> Option<Finished> {
        let receiver = &self.finished.1;
        match within {
            None => Some(receiver.recv().expect("the executor holds a sender itself")),
            Some(within) => receiver.recv_timeout(within).ok(),
        }
    }

    fn width(&self) -> usize {
        self.pool.current_num_threads()
    }
}
