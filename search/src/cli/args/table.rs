//! Options of `fecund search --space mlp`.

use std::path::Path;

use clap::Args;
use tasks::tabular::SplitBy;

use super::{OnBadRowName, ReadingArgs, inner_share, only_given};
use crate::cli::bounded;

#[derive(Args)]
#[command(next_help_heading = "Options of --space mlp")]
pub struct TableArgs {
    /// How rows are held back to validate and to test: random (as much of every class), group:COLUMN (rows with the same
    /// value stay together) or time:COLUMN (the last ones); that column is no input [default: random]
    #[arg(long, value_name = "BY")]
    pub split: Option<SplitBy>,
    /// Share of the rows that are held back for `fecund test`, where no --test names a file [default: 0.2]
    #[arg(long, value_name = "P", value_parser = inner_share, conflicts_with = "test")]
    pub test_share: Option<f64>,
    /// Columns that are kept: auto (those that the training rows show to be no noise, as `fecund rank --keep auto`), off
    /// (all), or names, separated by commas or one a line in a file, as `fecund rank --keep-to` writes. sequence: the same of
    /// channels, by number from 0 [default: off]
    #[arg(long, value_name = "auto|LIST|off")]
    pub prune: Option<Prune>,
    /// Columns that are no inputs
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub ignore: Vec<String>,
    #[command(flatten)]
    pub reading: ReadingArgs,
}

/// Which columns are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prune {
    Auto,
    Off,
    Names(Vec<String>),
}

impl std::str::FromStr for Prune {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = |text: &str, by: &[char]| -> Vec<String> {
            text.split(by).map(str::trim).filter(|name| !name.is_empty()).map(String::from).collect()
        };
        let named = match text {
            "auto" => return Ok(Self::Auto),
            "off" => return Ok(Self::Off),
            file if Path::new(file).is_file() => {
                let text = bounded::read_text(Path::new(file)).map_err(|error| format!("{file}: {error}"))?;
                names(&text, &['\n'])
            }
            list => names(list, &[',']),
        };
        if named.is_empty() { Err("no column is named".into()) } else { Ok(Self::Names(named)) }
    }
}

impl TableArgs {
    /// Which of these options were given.
    pub fn given(&self) -> Vec<&'static str> {
        [only_given(&[("--prune", self.prune.is_some())]), self.given_of_tables()].concat()
    }

    /// Those that series do not have.
    pub fn given_of_tables(&self) -> Vec<&'static str> {
        let Self { split, test_share, prune: _, ignore, reading } = self;
        let ReadingArgs { input, delimiter, header, types, schema, missing, on_bad_row } = reading;
        only_given(&[
            ("--split", split.is_some()),
            ("--test-share", test_share.is_some()),
            ("--ignore", !ignore.is_empty()),
            ("--input", input.is_some()),
            ("--delimiter", delimiter.is_some()),
            ("--header", header.is_some()),
            ("--types", !types.is_empty()),
            ("--schema", schema.is_some()),
            ("--missing", missing.is_some()),
            ("--on-bad-row", *on_bad_row == OnBadRowName::Skip),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_in_a_list_or_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("kept.txt");
        std::fs::write(&file, "a\nb,c\n\n").unwrap();
        assert_eq!("auto".parse(), Ok(Prune::Auto));
        assert_eq!("off".parse(), Ok(Prune::Off));
        assert_eq!("a, b".parse(), Ok(Prune::Names(vec!["a".into(), "b".into()])));
        assert_eq!(file.to_str().unwrap().parse(), Ok(Prune::Names(vec!["a".into(), "b,c".into()])));
        assert!(",".parse::<Prune>().unwrap_err().contains("no column"));
    }
}
