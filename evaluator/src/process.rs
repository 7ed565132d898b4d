//! A child process that never outlives its owner and never stays a zombie.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};
use std::{io, thread};

use crate::os;

/// How long to wait for a killed process before its end is awaited in the background. A process inside a device
/// driver can take its time.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running child. Dropping it kills and reaps it.
#[derive(Debug)]
pub struct Process {
    child: Option<Child>,
}

impl Process {
    pub fn new(child: Child) -> Self {
        Self { child: Some(child) }
    }

    pub fn running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Resident bytes; `None` when it is gone.
    pub fn resident(&self) -> Option<u64> {
        os::resident(self.child.as_ref()?.id())
    }

    /// Sends SIGKILL and does not wait.
    pub fn kill(&mut self) {
        if let Some(child) = &mut self.child {
            // Fails only when the process has been reaped.
            let _ = child.kill();
        }
    }

    /// How it ended, in words, if it ends within `patience`.
    pub fn ending(&mut self, patience: Duration) -> Option<String> {
        let child = self.child.as_mut()?;
        match wait(child, patience) {
            Ok(status) => status.map(describe),
            Err(error) => Some(format!("unknown ({error})")),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let Some(mut child) = self.child.take() else { return };
        if let Ok(None) = wait(&mut child, PATIENCE) {
            thread::spawn(move || child.wait());
        }
    }
}

fn wait(child: &mut Child, patience: Duration) -> io::Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        match child.try_wait()? {
            None if start.elapsed() < patience => thread::sleep(Duration::from_millis(1)),
            status => return Ok(status),
        }
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("signal {signal} ({})", os::signal_name(signal)),
        (None, Some(code)) => format!("exit code {code}"),
        (None, None) => status.to_string(),
    }
}
