//! Workers that train with libtorch, and the conversation with them, whatever they train.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sequence::Ready;
use crate::{Control, EvalError, Limits, WorkerPool, torch_worker};

/// Workers that were set up with a task, and what the first of them found.
#[derive(Debug)]
pub(crate) struct Trainers {
    pool: WorkerPool,
    pub ready: Ready,
}

/// The answer to the setup.
#[derive(Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Opening {
    Ready(Ready),
}

impl Trainers {
    /// Starts the first of `workers` processes. An error says so if it trains by another version than this one.
    pub fn start(
        setup: &impl Serialize,
        version: u64,
        workers: usize,
        limits: Limits,
    ) -> Result<Self, EvalError> {
        let pool = WorkerPool::start(torch_worker(setup)?, workers, limits)?;
        let Opening::Ready(ready) = understand(pool.setup_reply().clone())?;
        if ready.version != version {
            let found = ready.version;
            return Err(EvalError::Start {
                what: format!("fecund-worker trains by version {found}, this program asks for {version}"),
                remedy: "build both anew: `make install`, or `cargo build`".to_string(),
            });
        }
        Ok(Self { pool, ready })
    }

    pub fn ask<A: DeserializeOwned>(
        &self,
        request: &impl Serialize,
        control: &Control,
    ) -> Result<A, EvalError> {
        let request = serde_json::to_value(request)
            .map_err(|error| EvalError::Refused { message: format!("request not written: {error}") })?;
        understand(self.pool.call(&request, control)?)
    }
}

fn understand<A: DeserializeOwned>(reply: Value) -> Result<A, EvalError> {
    serde_json::from_value(reply).map_err(|error| protocol(format!("unknown reply: {error}")))
}

/// The error of a reply, with its kind as `answer`, to something that was not asked.
pub(crate) fn unexpected(reply: &impl Serialize) -> EvalError {
    let written = serde_json::to_value(reply).unwrap_or_default();
    protocol(format!("`{}` answers another question", written["answer"].as_str().unwrap_or_default()))
}

fn protocol(what: String) -> EvalError {
    EvalError::Protocol { what, stderr: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sequence::Reply;

    #[test]
    fn an_answer_to_another_question_is_named() {
        let reply = Reply::Tested(tasks::Scores::default());
        assert!(unexpected(&reply).to_string().contains("`tested` answers another question"));
    }
}
