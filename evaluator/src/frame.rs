//! Messages on a pipe: a greeting, then frames of a little-endian `u32` length and a JSON body.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// Bytes of the largest body. Checked before anything is allocated.
pub const MAX_BODY: usize = 64 << 20;

/// Six letters and the protocol's version, sent once in each direction before the first frame.
pub const GREETING: [u8; 8] = *b"fecund\x01\x00";

/// What a frame is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Request,
    Reply,
    Error,
    /// The request `id` is under way; the body is the share that is done.
    Progress,
    /// Alive, and waiting for a request.
    Heartbeat,
}

/// One message; `id` is that of the request it belongs to.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Frame {
    pub id: u64,
    pub kind: Kind,
    pub body: Value,
}

/// Why no frame could be read or written.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The other side closed the pipe, between two frames or within one.
    #[error("closed its end of the pipe")]
    Closed,
    #[error("frame of {0} bytes above the limit of {MAX_BODY}")]
    TooLong(usize),
    #[error("unreadable frame: {0}")]
    Malformed(String),
    #[error("no greeting but `{}`", .0.escape_ascii())]
    Stranger([u8; 8]),
    #[error("protocol version {theirs}, not {}; build both sides from the same source", version(&GREETING))]
    OtherVersion { theirs: u16 },
    #[error(transparent)]
    Pipe(io::Error),
}

/// A message as the bytes of its frame.
pub fn encode(id: u64, kind: Kind, body: &Value) -> Result<Vec<u8>, FrameError> {
    #[derive(Serialize)]
    struct Borrowed<'a> {
        id: u64,
        kind: Kind,
        body: &'a Value,
    }
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, &Borrowed { id, kind, body })
        .map_err(|error| FrameError::Malformed(error.to_string()))?;
    let length = bytes.len() - 4;
    if length > MAX_BODY {
        return Err(FrameError::TooLong(length));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(bytes)
}

/// Waits for the next frame. Never allocates more than has arrived, nor more than [`MAX_BODY`].
pub fn read(input: &mut impl Read) -> Result<Frame, FrameError> {
    let mut length = [0; 4];
    input.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_BODY {
        return Err(FrameError::TooLong(length));
    }
    let mut body = Vec::new();
    input.by_ref().take(length as u64).read_to_end(&mut body)?;
    if body.len() < length {
        return Err(FrameError::Closed);
    }
    serde_json::from_slice(&body).map_err(|error| FrameError::Malformed(error.to_string()))
}

/// One write, so that frames of several threads do not mix under a lock.
pub fn write(output: &mut (impl Write + ?Sized), bytes: &[u8]) -> Result<(), FrameError> {
    output.write_all(bytes)?;
    Ok(output.flush()?)
}

/// Waits for the other side's greeting.
pub fn read_greeting(input: &mut impl Read) -> Result<(), FrameError> {
    let mut greeting = [0; 8];
    input.read_exact(&mut greeting)?;
    match greeting {
        GREETING => Ok(()),
        other if other[..6] == GREETING[..6] => Err(FrameError::OtherVersion { theirs: version(&other) }),
        other => Err(FrameError::Stranger(other)),
    }
}

fn version(greeting: &[u8; 8]) -> u16 {
    u16::from_le_bytes([greeting[6], greeting[7]])
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Pipe(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_come_back_as_sent() {
        let body = json!({ "π": [1, -2.5, null, "a\nb"], "seed": u64::MAX });
        let bytes = encode(7, Kind::Reply, &body).unwrap();
        assert_eq!(read(&mut bytes.as_slice()).unwrap(), Frame { id: 7, kind: Kind::Reply, body });
    }

    #[test]
    fn floats_come_back_bit_for_bit() {
        let numbers: Vec<f64> = (0..20_000u64)
            .map(|i| f64::from_bits(i.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .filter(|number| number.is_finite())
            .collect();
        let bytes = encode(0, Kind::Reply, &json!(numbers)).unwrap();
        let body = read(&mut bytes.as_slice()).unwrap().body;
        let back: Vec<f64> = serde_json::from_value(body).unwrap();
        assert!(numbers.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits()));
    }

    #[test]
    fn every_cut_is_a_closed_pipe() {
        let bytes = encode(1, Kind::Request, &json!("hello")).unwrap();
        for end in 0..bytes.len() {
            assert!(matches!(read(&mut &bytes[..end]), Err(FrameError::Closed)));
        }
    }

    #[test]
    fn lengths_are_checked_before_allocation() {
        assert!(matches!(read(&mut &b"\xff\xff\xff\xff"[..]), Err(FrameError::TooLong(0xffff_ffff))));
        let long = Value::String("x".repeat(MAX_BODY));
        assert!(matches!(encode(1, Kind::Reply, &long), Err(FrameError::TooLong(_))));
    }

    #[test]
    fn garbage_is_an_error() {
        let nested = format!("{{\"id\":1,\"kind\":\"reply\",\"body\":{}", "[".repeat(100_000));
        for body in ["", "x", "{}", "{\"id\":-1,\"kind\":\"reply\",\"body\":0}", "[1,\"reply\"]", &nested] {
            let bytes = [&(body.len() as u32).to_le_bytes(), body.as_bytes()].concat();
            assert!(matches!(read(&mut bytes.as_slice()), Err(FrameError::Malformed(_))), "{body:.40}");
        }
    }

    #[test]
    fn strangers_and_other_versions_are_told_apart() {
        assert!(read_greeting(&mut &GREETING[..]).is_ok());
        assert!(matches!(
            read_greeting(&mut &b"fecund\x02\x00"[..]),
            Err(FrameError::OtherVersion { theirs: 2 })
        ));
        assert!(matches!(read_greeting(&mut &b"running 1 test"[..]), Err(FrameError::Stranger(_))));
    }
}
