//! A text file as a task: the next character at every step.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use hashing::{Digest, KeyWriter};
use serde::{Deserialize, Serialize};

use crate::{DataError, Place, Tokens};

/// Characters of a file, as numbers into an alphabet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    path: PathBuf,
    /// The characters that occur in the training file, in the order of their code points.
    pub alphabet: Vec<char>,
    characters: Vec<i32>,
}

/// How a text is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Windows {
    /// Characters that are seen at once. Default: 128.
    pub length: usize,
    /// Windows that an epoch trains on: those of the text in turn, in an order that is shuffled every time round.
    /// Default: 256, 32,768 characters.
    pub epoch: usize,
    /// Most windows of the validation part, spread over it. Default: 128, 16,384 characters.
    pub validation: usize,
}

impl Default for Windows {
    fn default() -> Self {
        Self { length: 128, epoch: 256, validation: 128 }
    }
}

impl Windows {
    /// What a study file may not ask for.
    pub fn check(&self) -> Result<(), String> {
        let Self { length, epoch, validation } = self;
        let range = 1..=1 << 16;
        if [length, epoch, validation].into_iter().all(|size| range.contains(size)) {
            return Ok(());
        }
        Err(format!("windows of text: length, epoch and validation must be 1 to {}", range.end()))
    }
}

/// The last of so many equal parts validates.
const PARTS: usize = 10;
/// Of a file, in bytes.
const MOST_BYTES: u64 = 1 << 28;
/// Of an alphabet.
const MOST_CHARACTERS: usize = 1 << 12;

impl Text {
    /// Reads a file of UTF-8 text of at most 256 MiB.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let text = read_text(path)?;
        let alphabet: Vec<char> = text.chars().collect::<BTreeSet<_>>().into_iter().collect();
        if alphabet.len() > MOST_CHARACTERS {
            let what =
                format!("{} different characters; give a text of at most {MOST_CHARACTERS}", alphabet.len());
            return Err(DataError::NotLocated { path: path.into(), what });
        }
        Self::of(path, &text, &alphabet)
    }

    /// Reads a file to be judged by a model of this alphabet.
    pub fn read_like(path: &Path, alphabet: &[char]) -> Result<Self, DataError> {
        Self::of(path, &read_text(path)?, alphabet)
    }

    /// `alphabet` is in the order of code points.
    fn of(path: &Path, text: &str, alphabet: &[char]) -> Result<Self, DataError> {
        let number = |(at, character): (usize, char)| {
            alphabet.binary_search(&character).map(|number| number as i32).map_err(|_| {
                let what = format!("the character {character:?} does not occur in the training file");
                DataError::Malformed { place: place(path, &text[..at]), what: what + "; leave it out" }
            })
        };
        let characters = text.char_indices().map(number).collect::<Result<_, _>>()?;
        Ok(Self { path: path.into(), alphabet: alphabet.to_vec(), characters })
    }

    /// Identifies the content.
    pub fn fingerprint(&self) -> Digest {
        let mut writer = KeyWriter::new("fecund text v1");
        writer.list(&self.alphabet, |out, character| out.u64(u64::from(u32::from(*character))));
        writer.list(&self.characters, |out, character| out.u64(*character as u64));
        writer.finish()
    }

    /// The training part, and the validation part: the last tenth of the text.
    pub fn split(&self, windows: &Windows) -> Result<(Tokens, Tokens), DataError> {
        let validation = self.characters.len() / PARTS;
        if validation <= windows.length {
            let (found, least) = (self.characters.len(), PARTS * (windows.length + 1));
            let what =
                format!("{found} characters are too few for windows of {}; give {least}", windows.length);
            return Err(DataError::NotLocated { path: self.path.clone(), what: what + " or more" });
        }
        let (train, validation) = self.characters.split_at(self.characters.len() - validation);
        let validation = self.cut(validation, windows.length).spread(windows.validation);
        Ok((self.cut(train, windows.length), validation))
    }

    /// All windows.
    pub fn windows(&self, windows: &Windows) -> Result<Tokens, DataError> {
        if self.characters.len() <= windows.length {
            let (found, least) = (self.characters.len(), windows.length + 1);
            let what = format!("{found} characters are too few; give {least} or more");
            return Err(DataError::NotLocated { path: self.path.clone(), what });
        }
        Ok(self.cut(&self.characters, windows.length))
    }

    /// One after the other; the target of a step is the next character. What is left at the end is passed over.
    fn cut(&self, characters: &[i32], length: usize) -> Tokens {
        let used = (characters.len() - 1) / length * length;
        Tokens {
            vocabulary: self.alphabet.len(),
            length,
            inputs: characters[..used].to_vec(),
            targets: characters[1..=used].to_vec(),
        }
    }
}

fn read_text(path: &Path) -> Result<String, DataError> {
    let unreadable = |source| DataError::Unreadable { path: path.into(), source };
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(unreadable)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let refused = |what: String| Err(DataError::NotLocated { path: path.into(), what });
    if bytes.is_empty() {
        return refused("is empty; give a text".into());
    }
    if bytes.len() as u64 > MOST_BYTES {
        return refused(format!("is longer than {} MiB; give a part of it", MOST_BYTES >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned();
        let what = format!("byte 0x{:02x} is not UTF-8; save the text as UTF-8", error.as_bytes()[valid]);
        DataError::Malformed { place: place(path, &before), what }
    })
}

/// The place after this text.
fn place(path: &Path, before: &str) -> Place {
    let line = 1 + before.matches('\n').count() as u64;
    let column = 1 + before.rsplit('\n').next().unwrap_or_default().chars().count() as u64;
    Place { path: path.into(), line, column: Some(column) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: impl AsRef<[u8]>) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.txt");
        fs::write(&path, content).unwrap();
        (folder, path)
    }

    const SMALL: Windows = Windows { length: 3, epoch: 2, validation: 9 };

    #[test]
    fn windows_follow_each_other_and_ask_for_the_next_character() {
        let (_folder, path) = file("abcabcabcabcabcabcabcabcabcabcabcabcabcbé\n");
        let text = Text::read(&path).unwrap();
        assert_eq!(text.alphabet, ['\n', 'a', 'b', 'c', 'é']);
        let (train, validation) = text.split(&SMALL).unwrap();
        assert_eq!((train.cases(), train.vocabulary, train.length), (12, 5, 3));
        assert!(train.iter().all(|(inputs, targets)| inputs == [1, 2, 3] && targets == [2, 3, 1]));
        assert_eq!((validation.inputs, validation.targets), (vec![3, 2, 4], vec![2, 4, 0]));
    }

    #[test]
    fn a_test_text_takes_the_alphabet_of_the_training_text() {
        let (_folder, path) = file("ba\nbc");
        let like = Text::read_like(&path, &['\n', 'a', 'b', 'c', 'd']).unwrap();
        assert_eq!(like.windows(&SMALL).unwrap().inputs, [2, 1, 0]);
        let error = Text::read_like(&path, &['\n', 'a', 'b']).unwrap_err().to_string();
        assert!(
            error.contains("x.txt:2:2: the character 'c' does not occur in the training file"),
            "{error}"
        );
    }

    #[test]
    fn the_fingerprint_is_of_the_content() {
        let print = |content: &str| Text::read(&file(content).1).unwrap().fingerprint();
        let all: BTreeSet<_> = ["ab", "ba", "abb", "ac"].map(|content| print(content).0).into();
        assert_eq!(all.len(), 4);
        assert_eq!(print("ab"), print("ab"));
    }

    #[test]
    fn texts_that_cannot_be_used_say_where_and_why() {
        let error = |content: &[u8]| {
            let (_folder, path) = file(content);
            Text::read(&path).and_then(|text| text.split(&SMALL)).unwrap_err().to_string()
        };
        assert!(error(b"").ends_with("x.txt: is empty; give a text"));
        let binary = error(b"good\nb\xc3\xa4d \xff!");
        assert!(binary.ends_with("x.txt:2:5: byte 0xff is not UTF-8; save the text as UTF-8"), "{binary}");
        let short = error(b"0123456789012345678901234567890123456789"[..39].as_ref());
        assert!(short.ends_with("39 characters are too few for windows of 3; give 40 or more"), "{short}");
        let various: String = (0u32..5000).filter_map(char::from_u32).collect();
        assert!(error(various.as_bytes()).contains("5000 different characters; give a text of at most 4096"));
    }

    #[test]
    fn sizes_from_elsewhere_are_checked() {
        assert!(SMALL.check().is_ok() && Windows::default().check().is_ok());
        assert!(Windows { length: 0, ..SMALL }.check().unwrap_err().contains("must be 1 to 65536"));
        assert!(Windows { epoch: usize::MAX, ..SMALL }.check().is_err());
    }
}
