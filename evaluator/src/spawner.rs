//! Starting worker processes, all from one thread that lives as long as their pool.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;

use crate::{EvalError, os};

/// How to start a worker.
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// Added to this process's own variables: `OMP_NUM_THREADS=1`, as a rule.
    pub env: Vec<(OsString, OsString)>,
    /// The first request to each new worker: data set, device, whatever is loaded once.
    pub setup: Value,
    /// A worker whose process says nothing for so long is given up. Default: 30 s; at least twice the heartbeat.
    pub lease: Duration,
    /// Time for start and setup. Default: 300 s.
    pub setup_limit: Duration,
}

impl WorkerCommand {
    pub fn new(program: impl Into<PathBuf>, setup: Value) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: Vec::new(),
            setup,
            lease: Duration::from_secs(30),
            setup_limit: Duration::from_secs(300),
        }
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        os::tie_to_parent(&mut command);
        let child = command.spawn()?;
        os::volunteer_for_oom(child.id());
        Ok(child)
    }

    fn refused_to_start(&self, error: impl ToString) -> EvalError {
        EvalError::Start {
            what: format!("`{}`: {}", self.program.display(), error.to_string()),
            remedy: "check that the program exists and may be run".to_string(),
        }
    }
}

type Answer = Sender<io::Result<Child>>;

/// The thread that starts workers. The kernel kills a worker when the thread that started it ends, so this must be
/// one that ends with the pool, not one of its callers.
#[derive(Debug)]
pub struct Spawner {
    pub command: WorkerCommand,
    orders: Option<Mutex<Sender<Answer>>>,
    thread: Option<JoinHandle<()>>,
}

impl Spawner {
    pub fn new(command: WorkerCommand) -> Result<Self, EvalError> {
        let (orders, inbox) = mpsc::channel();
        let copy = command.clone();
        let thread = thread::Builder::new()
            .name("worker spawner".to_string())
            .spawn(move || fill(&copy, &inbox))
            .map_err(|error| command.refused_to_start(error))?;
        Ok(Self { command, orders: Some(Mutex::new(orders)), thread: Some(thread) })
    }

    pub fn spawn(&self) -> Result<Child, EvalError> {
        let (answer, child) = mpsc::channel();
        if let Some(orders) = &self.orders {
            // A lost order shows as a lost answer below.
            let _ = orders.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).send(answer);
        }
        let child = child.recv().map_err(|_| self.command.refused_to_start("the spawning thread ended"))?;
        child.map_err(|error| self.command.refused_to_start(error))
    }
}

/// Fills orders until the last one who could give them is gone.
fn fill(command: &WorkerCommand, orders: &Receiver<Answer>) {
    for answer in orders {
        if let Err(mpsc::SendError(Ok(mut orphan))) = answer.send(command.spawn()) {
            let _ = orphan.kill();
            let _ = orphan.wait();
        }
    }
}

impl Drop for Spawner {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
