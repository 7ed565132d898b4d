//! A pool of worker processes: a crash, a hang or an allocation without end costs one call.

use std::sync::{Condvar, Mutex, MutexGuard};

use serde_json::Value;

use crate::limits::POLL;
use crate::serve::HEARTBEAT;
use crate::spawner::{Spawner, WorkerCommand};
use crate::worker::Worker;
use crate::{Control, EvalError, Limits};

/// How often a worker may die in its setup before a call gives up. The first worker of a pool has one start: there the
/// command itself is in question.
const STARTS: usize = 3;

/// Worker processes, each of which answers one request at a time.
///
/// Laws: a failed call costs that call and no other, for the worker it ran on is killed and replaced. A worker that
/// answers is used again, but never for a second try. A call starts at most three workers. Dropping the pool kills and reaps every worker, and if this process is killed, the kernel
/// kills them.
#[derive(Debug)]
pub struct WorkerPool {
    /// Places that no call holds, those with a living worker last. Declared before the spawner: workers die first.
    free: Mutex<Vec<Option<Worker>>>,
    freed: Condvar,
    limits: Limits,
    setup_reply: Value,
    spawner: Spawner,
}

impl WorkerPool {
    /// Starts the first worker, so that a command that cannot work is known at once; the others start when they are
    /// first needed.
    pub fn start(command: WorkerCommand, workers: usize, limits: Limits) -> Result<Self, EvalError> {
        if workers == 0 {
            let what = "a pool of no workers".to_string();
            return Err(EvalError::Start { what, remedy: "ask for at least one".to_string() });
        }
        let spawner = Spawner::new(command)?;
        let (first, setup_reply) = start_worker(&spawner, limits, &Control::new())
            .map_err(|error| cannot_start(&spawner.command, &error, 1))?;
        let mut free: Vec<_> = (1..workers).map(|_| None).collect();
        free.push(Some(first));
        Ok(Self { free: Mutex::new(free), freed: Condvar::new(), limits, setup_reply, spawner })
    }

    /// What the first worker answered to the setup: versions, devices.
    pub fn setup_reply(&self) -> &Value {
        &self.setup_reply
    }

    /// Waits for a free worker, then for its reply. Limits count from the moment the worker has the request.
    pub fn call(&self, request: &Value, control: &Control) -> Result<Value, EvalError> {
        let mut place = self.take_place(control)?;
        let used = place.worker.take().filter(|_| !control.is_second_try());
        let mut worker = self.living_worker(used, control)?;
        let reply = worker.call(request, self.limits, lease(&self.spawner.command), control)?;
        place.worker = Some(worker);
        Ok(reply)
    }

    /// A second try takes a place without a worker, if there is one.
    fn take_place(&self, control: &Control) -> Result<Place<'_>, EvalError> {
        let mut free = self.places();
        loop {
            if control.cancelled() {
                return Err(EvalError::Cancelled);
            }
            if !free.is_empty() {
                let position = if control.is_second_try() { 0 } else { free.len() - 1 };
                return Ok(Place { pool: self, worker: free.remove(position) });
            }
            free = self.freed.wait_timeout(free, POLL).unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        }
    }

    /// The worker of a place, or another if there is none or it died while it had nothing to do.
    fn living_worker(&self, worker: Option<Worker>, control: &Control) -> Result<Worker, EvalError> {
        if let Some(mut worker) = worker
            && worker.usable()
        {
            return Ok(worker);
        }
        let mut starts = 1;
        loop {
            match start_worker(&self.spawner, self.limits, control) {
                Ok((worker, _)) => return Ok(worker),
                // When memory is short, the system may take one that had only begun.
                Err(EvalError::Died { .. }) if starts < STARTS => starts += 1,
                Err(error) => return Err(cannot_start(&self.spawner.command, &error, starts)),
            }
        }
    }

    fn places(&self) -> MutexGuard<'_, Vec<Option<Worker>>> {
        self.free.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for WorkerPool {
    fn drop(&mut self) {
        // All at once; then each is reaped as it is dropped.
        self.places().iter_mut().flatten().for_each(Worker::kill);
    }
}

/// One place in the pool, held by a call; given back however the call ends, with a worker only if it did well.
struct Place<'a> {
    pool: &'a WorkerPool,
    worker: Option<Worker>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut free = self.pool.places();
        let position = if self.worker.is_some() { free.len() } else { 0 };
        free.insert(position, self.worker.take());
        self.pool.freed.notify_one();
    }
}

/// A new worker that has answered the setup, and what it answered.
fn start_worker(spawner: &Spawner, limits: Limits, control: &Control) -> Result<(Worker, Value), EvalError> {
    let command = &spawner.command;
    let mut worker = Worker::adopt(spawner.spawn()?).map_err(|error| EvalError::Start {
        what: format!("`{}`: {error}", command.program.display()),
        remedy: "raise the limit on threads (ulimit -u)".to_string(),
    })?;
    let limits = Limits { seconds: Some(command.setup_limit.as_secs_f64()), ..limits };
    let reply = worker.call(&command.setup, limits, lease(command), control)?;
    Ok((worker, reply))
}

/// What a failure in the setup means to the caller, after so many starts.
fn cannot_start(command: &WorkerCommand, error: &EvalError, starts: usize) -> EvalError {
    let (what, remedy) = match error {
        EvalError::Cancelled | EvalError::Start { .. } => return error.clone(),
        EvalError::Refused { message } => (message.clone(), "mend what it names and start again"),
        EvalError::MemoryLimit { .. } => (error.to_string(), "raise the memory limit"),
        EvalError::Died { .. } | EvalError::TimeLimit { .. } | EvalError::Protocol { .. } => {
            (error.to_string(), "run the program by hand to see what it lacks")
        }
    };
    let times = if starts > 1 { format!(", {starts} times in a row") } else { String::new() };
    let what = format!("`{}`: {what}{times}", command.program.display());
    EvalError::Start { what, remedy: remedy.to_string() }
}

fn lease(command: &WorkerCommand) -> std::time::Duration {
    command.lease.max(2 * HEARTBEAT)
}
