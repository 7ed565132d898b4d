//! What an evaluation leaves in its folder, and whether it is whole: a summary, and the weights of every split.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use hashing::{Digest, KeyWriter};
use serde::de::DeserializeOwned;

use super::{Summary, recipe};

/// No summary is longer, in bytes.
const LONGEST_SUMMARY: u64 = 1 << 24;

/// Name of the weights of a split in the folder of its evaluation.
pub fn weights_name(fold: usize) -> String {
    format!("fold-{fold}.safetensors")
}

/// Of the content of a file.
pub fn digest_of(file: &Path) -> io::Result<Digest> {
    let mut out = KeyWriter::new("fecund artifact v1");
    out.bytes(&fs::read(file)?);
    Ok(out.finish())
}

impl<G: DeserializeOwned> Summary<G> {
    /// From the folder of an evaluation. An error says what is wrong with it.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let path = folder.join("summary.json");
        let failed = |what: &dyn std::fmt::Display| format!("{}: {what}", path.display());
        let file = fs::File::open(&path).map_err(|error| failed(&error))?;
        serde_json::from_reader(file.take(LONGEST_SUMMARY)).map_err(|error| failed(&error))
    }
}

impl Summary {
    /// Whether others can start from what it is of: training of this version left it in this folder, bit for bit.
    pub fn is_whole_in(&self, folder: &Path) -> bool {
        let is_whole = |(number, digest): (usize, &Option<Digest>)| {
            digest.is_some_and(|digest| {
                digest_of(&folder.join(weights_name(number))).is_ok_and(|it| it == digest)
            })
        };
        let weights = self.folds.iter().map(|fold| &fold.weights).enumerate();
        self.version == recipe::VERSION && self.genome.is_some() && weights.len() > 0 && { weights }
            .all(is_whole)
    }
}

#[cfg(test)]
mod tests {
    use spaces::sequence::Genome;

    use super::*;
    use crate::sequence::Fold;

    #[test]
    fn what_is_lost_damaged_or_of_another_version_is_not_whole() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(weights_name(0));
        fs::write(&file, "weights").unwrap();
        let fold = Fold { weights: Some(digest_of(&file).unwrap()), ..Fold::default() };
        let genome = serde_json::from_str("{}").ok();
        let whole =
            Summary { version: recipe::VERSION, genome, folds: vec![fold.clone()], ..Summary::default() };
        let is_whole = |summary: Summary| summary.is_whole_in(folder.path());
        assert!(is_whole(whole.clone()));
        assert!(!is_whole(Summary { version: recipe::VERSION + 1, ..whole.clone() }));
        assert!(!is_whole(Summary { genome: None, ..whole.clone() }));
        assert!(!is_whole(Summary { folds: Vec::new(), ..whole.clone() }));
        assert!(
            !is_whole(Summary { folds: vec![fold.clone(), fold], ..whole.clone() }),
            "the second is not there"
        );
        fs::write(&file, "weightz").unwrap();
        assert!(!is_whole(whole.clone()));
        fs::remove_file(&file).unwrap();
        assert!(!is_whole(whole));
        assert!(Summary::<Genome>::read(folder.path()).unwrap_err().contains("summary.json"));
    }
}
