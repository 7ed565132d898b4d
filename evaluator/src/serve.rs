//! The worker's side: requests in on stdin, replies out on what was stdout.

use std::io::{self, BufReader, Read, Write};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::frame::{self, FrameError, Kind};
use crate::{Control, os};

/// How often a worker says that it lives, and how far it is.
pub const HEARTBEAT: Duration = Duration::from_secs(1);

type Output = Mutex<dyn Write + Send>;
type UnderWay = Arc<Mutex<Option<(u64, Control)>>>;

/// Answers requests until the parent closes the pipe. The first is the pool's setup; whatever it loads, later calls
/// use. An error becomes the parent's `EvalError::Refused` (`Start` for the setup) and costs this worker its place,
/// so a candidate that cannot work is better told as a reply. Progress set on the control reaches the parent once a
/// second; a parent that cancels kills this process instead of asking.
///
/// Call it before anything is printed or read: it takes stdin and stdout for itself and lets later prints go to
/// stderr. A panic in the handler ends the process, which is one failed call to the parent.
pub fn serve(handler: impl FnMut(Value, &Control) -> Result<Value, String>) -> io::Result<()> {
    let (input, output) = os::claim_stdio()?;
    serve_on(input, output, handler).map_err(io::Error::other)
}

fn serve_on(
    input: impl Read,
    mut output: impl Write + Send + 'static,
    mut handler: impl FnMut(Value, &Control) -> Result<Value, String>,
) -> Result<(), FrameError> {
    frame::write(&mut output, &frame::GREETING)?;
    let mut input = BufReader::new(input);
    frame::read_greeting(&mut input)?;
    let output: Arc<Output> = Arc::new(Mutex::new(output));
    let under_way = UnderWay::default();
    beat(Arc::downgrade(&output), Arc::clone(&under_way))?;
    loop {
        let request = match frame::read(&mut input) {
            Err(FrameError::Closed) => return Ok(()),
            request => request?,
        };
        let control = Control::new();
        set(&under_way, Some((request.id, control.clone())));
        let answer = handler(request.body, &control);
        set(&under_way, None);
        send(&output, &encode_answer(request.id, answer)?)?;
    }
}

fn encode_answer(id: u64, answer: Result<Value, String>) -> Result<Vec<u8>, FrameError> {
    let (kind, body) = match answer {
        Ok(reply) => (Kind::Reply, reply),
        Err(message) => (Kind::Error, Value::String(message)),
    };
    frame::encode(id, kind, &body).or_else(|error| frame::encode(id, Kind::Error, &json!(error.to_string())))
}

/// Starts the thread that says every second that this process lives. When nobody listens, the parent is gone, and so
/// is this process, whatever the handler does.
fn beat(output: Weak<Output>, under_way: UnderWay) -> io::Result<()> {
    let work = move || {
        loop {
            thread::sleep(HEARTBEAT);
            let Some(output) = output.upgrade() else { return };
            if encode_beat(&under_way).and_then(|bytes| send(&output, &bytes)).is_err() {
                os::vanish();
            }
        }
    };
    thread::Builder::new().name("heartbeat".to_string()).spawn(work).map(drop)
}

fn encode_beat(under_way: &UnderWay) -> Result<Vec<u8>, FrameError> {
    match &*under_way.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) {
        Some((id, control)) => frame::encode(*id, Kind::Progress, &json!(control.progress())),
        None => frame::encode(0, Kind::Heartbeat, &Value::Null),
    }
}

fn set(under_way: &UnderWay, value: Option<(u64, Control)>) {
    *under_way.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = value;
}

fn send(output: &Output, bytes: &[u8]) -> Result<(), FrameError> {
    let mut output = output.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    frame::write(&mut *output, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Frame;

    /// What a parent reads when it sends these bytes and closes the pipe.
    fn answers(requests: &[u8]) -> (Result<(), FrameError>, Vec<u8>) {
        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let output = Shared::default();
        let handler = |request: Value, _: &Control| match request {
            Value::Null => Err("nothing to do".to_string()),
            Value::Bool(_) => Ok(Value::String("x".repeat(frame::MAX_BODY))),
            other => Ok(other),
        };
        let ended = serve_on(requests, output.clone(), handler);
        let bytes = output.0.lock().unwrap().clone();
        (ended, bytes)
    }

    #[test]
    fn every_request_has_one_answer_under_its_id() {
        let mut requests = frame::GREETING.to_vec();
        for (id, body) in [(1, json!("a")), (2, Value::Null), (3, json!(true))] {
            requests.extend(frame::encode(id, Kind::Request, &body).unwrap());
        }
        let (ended, bytes) = answers(&requests);
        assert!(ended.is_ok());
        let mut bytes = bytes.as_slice();
        frame::read_greeting(&mut bytes).unwrap();
        assert_eq!(frame::read(&mut bytes).unwrap(), Frame { id: 1, kind: Kind::Reply, body: json!("a") });
        let error = Frame { id: 2, kind: Kind::Error, body: json!("nothing to do") };
        assert_eq!(frame::read(&mut bytes).unwrap(), error);
        let too_long = frame::read(&mut bytes).unwrap();
        assert_eq!((too_long.id, too_long.kind), (3, Kind::Error));
    }

    #[test]
    fn a_person_at_the_other_end_is_told_so() {
        let (ended, _) = answers(b"what is this?\n");
        assert_eq!(ended.unwrap_err().to_string(), "no greeting but `what is `");
    }
}
