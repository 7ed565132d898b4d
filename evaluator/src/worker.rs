//! One worker as its parent sees it: a process, the threads that talk with it, and one call at a time.

use std::collections::VecDeque;
use std::io::{self, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::frame::{self, Frame, FrameError, Kind};
use crate::limits::{POLL, Watch};
use crate::process::Process;
use crate::{Control, EvalError, Limits};

/// How much of a worker's stderr is kept, in bytes: a panic and its backtrace.
const TAIL: usize = 16 << 10;

/// How long a worker that closed its pipe may take to end, and its last words to arrive.
const GRACE: Duration = Duration::from_millis(500);

/// A worker process. Dropping it kills and reaps it.
#[derive(Debug)]
pub struct Worker {
    process: Process,
    requests: Sender<Vec<u8>>,
    events: Receiver<Result<Frame, FrameError>>,
    reader: JoinHandle<()>,
    /// Frames heard so far, heartbeats included.
    heard: Arc<AtomicU64>,
    tail: Tail,
    last_id: u64,
}

impl Worker {
    /// Takes charge of a child whose three standard streams are pipes.
    pub fn adopt(mut child: Child) -> io::Result<Self> {
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let process = Process::new(child);
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(io::Error::other("a worker's standard streams must be pipes"));
        };
        let (requests, outbox) = mpsc::channel();
        // Short, so that a worker that talks without end fills its own pipe and not our memory.
        let (sender, events) = mpsc::sync_channel(4);
        let heard = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&heard);
        spawn("worker requests", move || write_all(stdin, &outbox))?;
        let reader = spawn("worker replies", move || read_all(stdout, &sender, &counter))?;
        let tail = Tail::follow(stderr)?;
        Ok(Self { process, requests, events, reader, heard, tail, last_id: 0 })
    }

    /// Whether it lives and has kept to the protocol so far. A killed process gives up its memory before all of its
    /// threads are gone and it can be reaped.
    pub fn usable(&mut self) -> bool {
        let has_memory = self.process.resident().is_some_and(|bytes| bytes > 0);
        !self.reader.is_finished() && has_memory && self.process.running()
    }

    /// Sends SIGKILL and does not wait; dropping waits.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// One request, one reply. After an error the worker is in no state to be used again.
    pub fn call(
        &mut self,
        request: &Value,
        limits: Limits,
        lease: Duration,
        control: &Control,
    ) -> Result<Value, EvalError> {
        let id = self.send(request)?;
        let mut watch = Watch::new(limits, lease);
        loop {
            match self.events.recv_timeout(POLL) {
                Ok(Ok(frame)) => {
                    if let Some(reply) = self.answer(id, frame, control)? {
                        return Ok(reply);
                    }
                }
                Ok(Err(error)) => return Err(self.failure(error)),
                Err(RecvTimeoutError::Disconnected) => return Err(self.failure(FrameError::Closed)),
                Err(RecvTimeoutError::Timeout) => {}
            }
            self.look(&mut watch, control)?;
        }
    }

    fn send(&mut self, request: &Value) -> Result<u64, EvalError> {
        self.last_id += 1;
        let bytes = frame::encode(self.last_id, Kind::Request, request)
            .map_err(|error| EvalError::Refused { message: format!("request not sent: {error}") })?;
        // A worker that no longer reads is noticed where its replies end.
        let _ = self.requests.send(bytes);
        Ok(self.last_id)
    }

    /// The reply, if this frame is the one.
    fn answer(&mut self, id: u64, frame: Frame, control: &Control) -> Result<Option<Value>, EvalError> {
        match frame.kind {
            Kind::Reply if frame.id == id => return Ok(Some(frame.body)),
            Kind::Error if frame.id == id => return Err(EvalError::Refused { message: message(frame.body) }),
            Kind::Progress if frame.id == id => control.set_progress(frame.body.as_f64().unwrap_or(f64::NAN)),
            // Of an earlier request: it crossed that one's reply.
            Kind::Progress | Kind::Heartbeat => {}
            Kind::Reply | Kind::Error | Kind::Request => {
                let what = format!("{:?} {} in answer to request {id}", frame.kind, frame.id).to_lowercase();
                return Err(EvalError::Protocol { what, stderr: self.last_words() });
            }
        }
        Ok(None)
    }

    fn look(&mut self, watch: &mut Watch, control: &Control) -> Result<(), EvalError> {
        if control.cancelled() {
            return Err(EvalError::Cancelled);
        }
        if !watch.due() {
            return Ok(());
        }
        match watch.look(Instant::now(), self.heard.load(Relaxed), self.process.resident()) {
            Err(EvalError::Died { cause, .. }) => Err(EvalError::Died { cause, stderr: self.last_words() }),
            other => other,
        }
    }

    /// What the end of the worker's frames means.
    fn failure(&mut self, error: FrameError) -> EvalError {
        match error {
            FrameError::Closed | FrameError::Pipe(_) => {
                let cause = self.process.ending(GRACE).unwrap_or_else(|| error.to_string());
                EvalError::Died { cause, stderr: self.last_words() }
            }
            broken => EvalError::Protocol { what: broken.to_string(), stderr: self.last_words() },
        }
    }

    /// Ends the process, so that nothing more can come, and waits for what it said.
    fn last_words(&mut self) -> String {
        self.process.kill();
        self.tail.complete()
    }
}

fn message(body: Value) -> String {
    match body {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Writes the greeting and the requests; a worker that does not read blocks this thread and nobody else.
fn write_all(mut stdin: ChildStdin, requests: &Receiver<Vec<u8>>) {
    let mut sent = stdin.write_all(&frame::GREETING);
    for request in requests {
        sent = sent.and_then(|()| stdin.write_all(&request));
        if sent.is_err() {
            return;
        }
    }
}

/// Passes frames on until the pipe ends or makes no sense; that is its last word.
fn read_all(stdout: ChildStdout, events: &SyncSender<Result<Frame, FrameError>>, heard: &AtomicU64) {
    let mut input = BufReader::new(stdout);
    let mut next = frame::read_greeting(&mut input).and_then(|()| frame::read(&mut input));
    loop {
        heard.fetch_add(1, Relaxed);
        let last = next.is_err();
        let heartbeat = matches!(&next, Ok(frame) if frame.kind == Kind::Heartbeat);
        if !heartbeat && events.send(next).is_err() || last {
            return;
        }
        next = frame::read(&mut input);
    }
}

/// The end of what a worker says on stderr.
#[derive(Debug)]
struct Tail {
    bytes: Arc<Mutex<VecDeque<u8>>>,
    thread: JoinHandle<()>,
}

impl Tail {
    fn follow(mut stderr: impl Read + Send + 'static) -> io::Result<Self> {
        let bytes = Arc::new(Mutex::new(VecDeque::with_capacity(TAIL)));
        let shared = Arc::clone(&bytes);
        let thread = spawn("worker stderr", move || {
            let mut buffer = [0; TAIL];
            loop {
                match stderr.read(&mut buffer) {
                    Ok(count @ 1..) => keep(&shared, &buffer[..count]),
                    // A signal to this process; a worker whose stderr is closed could not print.
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(0) | Err(_) => return,
                }
            }
        })?;
        Ok(Self { bytes, thread })
    }

    fn text(&self) -> String {
        let mut tail = self.bytes.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        String::from_utf8_lossy(tail.make_contiguous()).into_owned()
    }

    /// The text once the pipe has ended; not for ever, since a child of the worker may hold it open.
    fn complete(&self) -> String {
        let start = Instant::now();
        while !self.thread.is_finished() && start.elapsed() < GRACE {
            thread::sleep(Duration::from_millis(1));
        }
        self.text()
    }
}

/// Adds to the tail what fits into it, at the cost of what is oldest.
fn keep(tail: &Mutex<VecDeque<u8>>, bytes: &[u8]) {
    let mut tail = tail.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let surplus = (tail.len() + bytes.len()).saturating_sub(TAIL);
    tail.drain(..surplus);
    tail.extend(bytes);
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_string()).spawn(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_keeps_the_last_bytes_and_no_more() {
        let text: String = (0..TAIL).map(|number| format!("{number}\n")).collect();
        let tail = Tail::follow(io::Cursor::new(text.clone())).unwrap();
        let kept = tail.complete();
        assert_eq!(kept.len(), TAIL);
        assert!(text.ends_with(&kept));
    }

    #[test]
    fn a_signal_while_reading_does_not_end_the_tail() {
        struct Interrupted<R>(R, bool);
        impl<R: Read> Read for Interrupted<R> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.1 = !self.1;
                if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(buffer) }
            }
        }
        let tail = Tail::follow(Interrupted(io::Cursor::new("last words"), false)).unwrap();
        assert_eq!(tail.complete(), "last words");
    }
}
