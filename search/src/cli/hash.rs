//! `fecund hash`: identities of candidates given as JSON.

use std::io;
use std::path::Path;

use hashing::{CandidateHasher, Identity, TwoStage};
use serde::de::DeserializeOwned;
use spaces::Space;

use super::args::HashArgs;
use super::bounded;
use super::failure::{Failure, Outcome};
use super::table::Table;

pub fn print_identities<S: Space + Default>(args: &HashArgs) -> Outcome {
    let (space, hasher) = (S::default(), TwoStage::default());
    let mut table = Table::new(&["line", "fingerprint", "structural", "class"]);
    for (line, candidate) in read_lines::<S::Candidate>(&args.file)? {
        let identity = identify(&space, &hasher, &candidate)
            .map_err(|error| Failure::failed(format!("{}:{line}: {error}", args.file.display())))?;
        let class = format!("{:?}", identity.class).to_lowercase();
        table.row(vec![
            line.into(),
            identity.fingerprint.to_string().into(),
            identity.structural.to_string().into(),
            class.into(),
        ]);
    }
    table.print(args.format)
}

/// As a study does it: canonical form first.
pub fn identify<S: Space>(
    space: &S,
    hasher: &TwoStage,
    candidate: &S::Candidate,
) -> Result<Identity, String> {
    let canonical = space.canonicalize(candidate);
    space.check(&canonical)?;
    hasher.identify(&canonical).map_err(|error| error.to_string())
}

/// Candidates of a file, one JSON object a line; empty lines are passed over.
pub fn read_candidates<C: DeserializeOwned>(file: &Path) -> Result<Vec<C>, Failure> {
    Ok(read_lines(file)?.into_iter().map(|(_, candidate)| candidate).collect())
}

fn read_lines<C: DeserializeOwned>(file: &Path) -> Result<Vec<(usize, C)>, Failure> {
    let text =
        if file == Path::new("-") { bounded::read_from(io::stdin()) } else { bounded::read_text(file) };
    let text = text.map_err(|error| Failure::file("read", file, &error))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parse = |(index, line): (usize, &str)| {
        let candidate = serde_json::from_str(line)
            .map_err(|error| Failure::failed(format!("{}:{}: {error}", file.display(), index + 1)))?;
        Ok((index + 1, candidate))
    };
    lines.map(parse).collect()
}
