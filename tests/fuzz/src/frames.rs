//! What comes through the pipe between a search and its workers: a greeting, then frames, read on either side.

use evaluator::frame::{self, Frame, Kind};
use evaluator::sequence::{Reply, Request, SequenceTask};

pub fn run(bytes: &[u8]) -> bool {
    let mut input = bytes;
    let _ = frame::read_greeting(&mut input);
    let mut read = false;
    while let Ok(frame) = frame::read(&mut input) {
        understand(&frame);
        let written =
            frame::encode(frame.id, frame.kind, &frame.body).expect("a frame that was read is short");
        let again = frame::read(&mut written.as_slice()).expect("what was written can be read");
        assert_eq!(again, frame);
        read = true;
    }
    read
}

fn understand(frame: &Frame) {
    let body = || frame.body.clone();
    match frame.kind {
        Kind::Request => {
            let _ = serde_json::from_value::<Request>(body());
            if let Ok(task) = serde_json::from_value::<SequenceTask>(body()) {
                task.context();
            }
        }
        Kind::Reply => drop(serde_json::from_value::<Reply>(body())),
        Kind::Error | Kind::Progress | Kind::Heartbeat => {}
    }
}
