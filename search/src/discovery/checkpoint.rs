//! The state of a search on the disk: the last checkpoint and the one before it, each whole and checksummed, or not there.
//!
//! A checkpoint is `fecund checkpoint 1` and a line end, 32 bytes of checksum, 8 of length (little-endian), and the state.
//! It is written as `checkpoint.new`, made durable, and takes the name `checkpoint` when the one of that name is called
//! `checkpoint.before`. So at every moment one of the three is whole, whatever ends the process or the machine.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use hashing::{Digest, KeyWriter};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::{Disk, RealDisk};

/// Checkpoints of one run, in its folder.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    folder: PathBuf,
}

/// A file that is there and is no whole checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} {what}", path.display())]
pub struct Damaged {
    pub path: PathBuf,
    pub what: String,
}

const MAGIC: &[u8] = b"fecund checkpoint 1\n";
/// 4 GiB: a file may come from elsewhere.
const LARGEST: u64 = 1 << 32;
const HEAD: usize = MAGIC.len() + 32 + 8;
/// In the order in which they are read: the newest that is whole counts.
const NAMES: [&str; 3] = ["checkpoint.new", "checkpoint", "checkpoint.before"];

impl Checkpoints {
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_path_buf() }
    }

    /// Whether there is any, whole or not.
    pub fn are_there(&self) -> bool {
        NAMES.iter().any(|name| self.folder.join(name).exists())
    }

    /// Returns when the state survives a loss of power.
    pub fn keep(&self, state: &impl Serialize) -> io::Result<()> {
        let state = postcard::to_stdvec(state).map_err(io::Error::other)?;
        let [draft, last, before] = NAMES.map(|name| self.folder.join(name));
        let mut file = File::create(&draft)?;
        file.write_all(&head(&state))?;
        file.write_all(&state)?;
        file.sync_all()?;
        if last.exists() {
            fs::rename(&last, &before)?;
        }
        fs::rename(&draft, &last)?;
        RealDisk.sync_dir(&self.folder)
    }

    /// The newest state that is whole, and what is wrong with newer ones; an unfinished draft is nothing wrong.
    pub fn newest<S: DeserializeOwned>(&self) -> (Option<S>, Vec<Damaged>) {
        let mut damaged = Vec::new();
        for name in NAMES {
            let path = self.folder.join(name);
            let bytes = match read(&path) {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    damaged.push(Damaged { path, what: format!("cannot be read: {error}") });
                    continue;
                }
            };
            match decoded(&bytes) {
                Ok(state) => return (Some(state), damaged),
                Err(_) if name == NAMES[0] => {}
                Err(what) => damaged.push(Damaged { path, what }),
            }
        }
        (None, damaged)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other("it is larger than any checkpoint"));
    }
    Ok(bytes)
}

fn head(state: &[u8]) -> Vec<u8> {
    let length = (state.len() as u64).to_le_bytes();
    [MAGIC, &checksum(state).0, &length].concat()
}

fn checksum(state: &[u8]) -> Digest {
    let mut writer = KeyWriter::new("fecund checkpoint v1");
    writer.bytes(state);
    writer.finish()
}

fn decoded<S: DeserializeOwned>(bytes: &[u8]) -> Result<S, String> {
    if !bytes.starts_with(MAGIC) {
        return Err("is not a checkpoint that this program can read".into());
    }
    let state = bytes.get(HEAD..).unwrap_or_default();
    if !bytes.starts_with(&head(state)) {
        return Err("is cut short or damaged".into());
    }
    match postcard::take_from_bytes(state) {
        Ok((state, [])) => Ok(state),
        Ok((_, rest)) => Err(format!("has {} bytes too many", rest.len())),
        Err(error) => Err(format!("holds another state than this program writes: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Kept = (u64, String);

    fn kept(number: u64) -> Kept {
        (number, format!("state {number}"))
    }

    #[test]
    fn a_checkpoint_that_is_cut_anywhere_leaves_the_one_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::in_folder(folder.path());
        assert!(!checkpoints.are_there());
        assert_eq!(checkpoints.newest::<Kept>(), (None, vec![]));
        (1..4).for_each(|number| checkpoints.keep(&kept(number)).unwrap());
        assert_eq!(checkpoints.newest(), (Some(kept(3)), vec![]));
        let last = folder.path().join("checkpoint");
        let whole = fs::read(&last).unwrap();
        for length in 0..whole.len() {
            fs::write(&last, &whole[..length]).unwrap();
            let (newest, damaged) = checkpoints.newest::<Kept>();
            assert_eq!((newest, damaged.len()), (Some(kept(2)), 1), "{length}");
            // The draft of an interrupted writing.
            fs::write(folder.path().join("checkpoint.new"), &whole[..length]).unwrap();
            fs::write(&last, &whole).unwrap();
            assert_eq!(checkpoints.newest(), (Some(kept(3)), vec![]), "{length}");
            fs::remove_file(folder.path().join("checkpoint.new")).unwrap();
        }
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 16;
            fs::write(&last, &changed).unwrap();
            assert_eq!(checkpoints.newest::<Kept>().0, Some(kept(2)), "byte {at}");
        }
        // Between the two renamings.
        fs::rename(&last, folder.path().join("elsewhere")).unwrap();
        assert_eq!(checkpoints.newest(), (Some(kept(2)), vec![]));
        fs::write(folder.path().join("checkpoint.new"), &whole).unwrap();
        assert_eq!(checkpoints.newest(), (Some(kept(3)), vec![]));
    }
}
