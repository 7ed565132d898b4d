//! Bytes that reach a digest are written by hand, with their length, in one byte order.

use crate::Digest;

/// How a thing is written, every part of it: what differs in any part must write differently.
pub trait Keyed {
    fn write_key(&self, out: &mut KeyWriter);

    /// The digest of what [`Keyed::write_key`] writes, in its own `domain` (which carries a version).
    fn digest(&self, domain: &str) -> Digest {
        let mut out = KeyWriter::new(domain);
        self.write_key(&mut out);
        out.finish()
    }
}

/// A blake3 hasher that takes typed values: each is preceded by a tag, so that `1, "a"` and `"1a"` differ.
pub struct KeyWriter(blake3::Hasher);

impl KeyWriter {
    /// `domain` names what is digested and its version, as in `fecund functional v1`.
    pub fn new(domain: &str) -> Self {
        let mut writer = Self(blake3::Hasher::new());
        writer.text(domain);
        writer
    }

    pub fn u64(&mut self, value: u64) {
        self.tagged(b'u', &value.to_le_bytes());
    }

    pub fn bool(&mut self, value: bool) {
        self.tagged(b'b', &[u8::from(value)]);
    }

    /// The bits of the number, with −0 written as +0 and every NaN alike.
    pub fn f64(&mut self, value: f64) {
        let value = if value.is_nan() { f64::NAN } else { value + 0.0 };
        self.tagged(b'f', &value.to_bits().to_le_bytes());
    }

    pub fn text(&mut self, value: &str) {
        self.tagged(b't', &(value.len() as u64).to_le_bytes());
        self.0.update(value.as_bytes());
    }

    pub fn bytes(&mut self, value: &[u8]) {
        self.tagged(b'y', &(value.len() as u64).to_le_bytes());
        self.0.update(value);
    }

    pub fn digest(&mut self, value: &Digest) {
        self.tagged(b'd', &value.0);
    }

    /// The number of items, then each of them.
    pub fn list<T>(&mut self, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        self.tagged(b'l', &(items.len() as u64).to_le_bytes());
        items.iter().for_each(|item| write(self, item));
    }

    pub fn finish(self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) {
        self.0.update(&[tag]).update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(write: impl Fn(&mut KeyWriter)) -> Digest {
        let mut writer = KeyWriter::new("test v1");
        write(&mut writer);
        writer.finish()
    }

    #[test]
    fn values_keep_their_borders() {
        let different = [
            digest(|w| w.text("ab")),
            digest(|w| {
                w.text("a");
                w.text("b");
            }),
            digest(|w| w.list(&["a", "b"], |w, s| w.text(s))),
            digest(|w| w.u64(1)),
            digest(|w| w.f64(1.0)),
            digest(|w| w.bool(true)),
            digest(|w| w.bytes(b"ab")),
        ];
        for (i, a) in different.iter().enumerate() {
            assert!(different[i + 1..].iter().all(|b| a != b), "{i}");
        }
    }

    #[test]
    fn zero_has_one_spelling() {
        assert_eq!(digest(|w| w.f64(0.0)), digest(|w| w.f64(-0.0)));
        assert_ne!(digest(|w| w.f64(1.0)), digest(|w| w.f64(-1.0)));
    }
}
