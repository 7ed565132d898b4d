//! The bytes of a journal: segment headers and frames. `docs/journal.md` is this file in prose.

use hashing::KeyWriter;

/// The journal version that this program writes.
pub(crate) const VERSION: u32 = 1;
/// First bytes of a segment. Not text, and changed by a transfer that translates line ends.
const MAGIC: [u8; 8] = *b"\x89fecund\n";
/// Bytes of a segment before its first frame.
pub(crate) const HEADER: u64 = 36;
/// Bytes of a frame before its payload.
pub(crate) const FRAME_HEAD: u64 = 16;
/// A frame holds no more; a longer length is not believed, and nothing is allocated for it.
pub const MAX_PAYLOAD: usize = 64 << 20;

/// Where a frame stands. Ordered as written: a later frame has the greater position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    pub segment: u64,
    pub offset: u64,
    /// Length of the payload.
    pub bytes: u32,
}

/// What the first bytes of a segment say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub segment: u64,
    /// Where the segment before this one ends. What follows there was never acknowledged, and counts no more.
    pub previous_end: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderRead {
    Valid(Header),
    /// Intact, of a version unknown here.
    Version(u32),
    Invalid,
}

impl Header {
    pub(crate) fn encode(&self) -> Vec<u8> {
        self.encode_as(VERSION)
    }

    fn encode_as(&self, version: u32) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(version.to_le_bytes());
        bytes.extend(self.segment.to_le_bytes());
        bytes.extend(self.previous_end.to_le_bytes());
        let checksum = header_checksum(&bytes);
        bytes.extend(checksum);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> HeaderRead {
        let (Some(told), Some(sum)) = (bytes.get(..28), bytes.get(28..36)) else {
            return HeaderRead::Invalid;
        };
        if told[..8] != MAGIC || header_checksum(told) != *sum {
            return HeaderRead::Invalid;
        }
        match u32_at(told, 8) {
            Some(VERSION) => {
                let (segment, previous_end) = (u64_at(told, 12), u64_at(told, 20));
                HeaderRead::Valid(Header {
                    segment: segment.unwrap_or_default(),
                    previous_end: previous_end.unwrap_or_default(),
                })
            }
            other => HeaderRead::Version(other.unwrap_or_default()),
        }
    }
}

/// The frame of `payload` (at most [`MAX_PAYLOAD`] bytes) for this place; at any other it is invalid.
pub(crate) fn encode(segment: u64, offset: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + FRAME_HEAD as usize);
    encode_into(&mut bytes, segment, offset, payload);
    bytes
}

/// Puts the frame behind what `bytes` holds.
pub(crate) fn encode_into(bytes: &mut Vec<u8>, segment: u64, offset: u64, payload: &[u8]) {
    let length = payload.len() as u32;
    bytes.extend(length.to_le_bytes());
    bytes.extend(head_check(segment, offset, length).to_le_bytes());
    bytes.extend(frame_checksum(segment, offset, payload));
    bytes.extend(payload);
}

/// The payload of the frame that begins where `bytes` begins, which is at `offset` of `segment`; `None` if there is no
/// intact one. Takes time in proportion to the payload only if the head is intact.
pub(crate) fn decode(bytes: &[u8], segment: u64, offset: u64) -> Option<&[u8]> {
    let length = u32_at(bytes, 0)?;
    if length as usize > MAX_PAYLOAD || u32_at(bytes, 4)? != head_check(segment, offset, length) {
        return None;
    }
    let payload = bytes.get(FRAME_HEAD as usize..FRAME_HEAD as usize + length as usize)?;
    (bytes.get(8..16)? == frame_checksum(segment, offset, payload)).then_some(payload)
}

/// Where the frame of a payload of this length ends.
pub(crate) fn end(offset: u64, payload_bytes: u64) -> u64 {
    offset + FRAME_HEAD + payload_bytes
}

/// Half of a SplitMix64 mix of place and length. Not a checksum to trust, only cheap: it lets a search for the next
/// intact frame pass over bytes that look like a length without hashing megabytes for each of them.
fn head_check(segment: u64, offset: u64, length: u32) -> u32 {
    let seed = segment.rotate_left(40) ^ offset ^ (u64::from(length) << 32);
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z ^ (z >> 31)) as u32
}

/// blake3 rather than a CRC: `hashing` has it already, and 64 bits of it leave no room for an unlucky false match even
/// when every byte of a damaged gigabyte is tried as the beginning of a frame.
fn frame_checksum(segment: u64, offset: u64, payload: &[u8]) -> [u8; 8] {
    let mut out = KeyWriter::new("fecund journal frame v1");
    out.u64(segment);
    out.u64(offset);
    out.bytes(payload);
    shorten(out)
}

fn header_checksum(told: &[u8]) -> [u8; 8] {
    let mut out = KeyWriter::new("fecund journal header v1");
    out.bytes(told);
    shorten(out)
}

/// The first 8 bytes of the digest.
pub(crate) fn shorten(out: KeyWriter) -> [u8; 8] {
    let digest = out.finish();
    std::array::from_fn(|i| digest.0[i])
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_survives_its_bytes_and_no_flipped_bit() {
        let header = Header { segment: 3, previous_end: 1 << 33 };
        let bytes = header.encode();
        assert_eq!(bytes.len() as u64, HEADER);
        assert_eq!(Header::decode(&bytes), HeaderRead::Valid(header));
        assert_eq!(Header::decode(&header.encode_as(2)), HeaderRead::Version(2));
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Header::decode(&bytes), HeaderRead::Invalid, "bit {bit}");
        }
    }

    #[test]
    fn a_frame_is_valid_only_whole_and_in_its_place() {
        let bytes = encode(2, 36, b"payload");
        assert_eq!(decode(&bytes, 2, 36), Some(&b"payload"[..]));
        assert_eq!(decode(&bytes, 2, 37), None);
        assert_eq!(decode(&bytes, 1, 36), None);
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bytes, 2, 36), None, "bit {bit}");
        }
        assert!((0..bytes.len()).all(|end| decode(&bytes[..end], 2, 36).is_none()));
    }

    #[test]
    fn the_bytes_of_version_1_never_change() {
        let header = Header { segment: 1, previous_end: 0 }.encode();
        let frame = encode(1, 36, b"fecund");
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&header), "89666563756e640a01000000010000000000000000000000000000001d317678362fc186");
        assert_eq!(hex(&frame), "06000000572c52301d28e5915c57bbdb666563756e64");
    }
}
