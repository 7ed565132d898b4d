//! Options of `fecund rank`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Format, share};

#[derive(Args)]
pub struct RankArgs {
    /// A table: CSV, TSV and their like, libsvm (.svm), Vowpal Wabbit (.vw), ARFF, also gzip; Parquet
    #[arg(value_name = "DATA")]
    pub data: PathBuf,
    /// Name of the column to be predicted
    #[arg(long, value_name = "COLUMN")]
    pub target: String,
    /// What the target is [default: classes, unless it is a number with more than 20 values]
    #[arg(long, value_enum)]
    pub task: Option<TaskName>,
    /// Columns not to rank
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub ignore: Vec<String>,
    /// What columns are ranked by
    #[arg(long, value_enum, default_value = "ami")]
    pub statistic: StatisticName,
    /// Bins of a number, of about equally many rows
    #[arg(long, value_name = "N", default_value = "32", value_parser = clap::value_parser!(u16).range(2..=512))]
    pub bins: u16,
    /// Columns of noise, of 2 to 10,000 values, whose best score is the line below which nothing counts
    #[arg(long, value_name = "N", default_value = "200", value_parser = clap::value_parser!(u16).range(20..))]
    pub noise: u16,
    /// Of the columns of noise
    #[arg(long, value_name = "N", default_value = "0")]
    pub seed: u64,
    /// What is ranked, beside single columns from up to 32,768 rows spread over the table
    #[arg(long, value_enum, default_value = "columns")]
    pub by: ByName,
    /// Columns that are known already: rank others by what they add to these
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub given: Vec<String>,
    /// Most columns (`joint`, `3mr`) or combinations (`pairs`, `triples`) that are looked at, the best columns first
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..))]
    pub budget: Option<u64>,
    /// Columns to keep: `auto` (above all noise, and 5 in 100 false at most), a number, or a false-discovery rate below 1
    #[arg(long, value_name = "auto|N|FDR", value_parser = keep, default_value = "auto")]
    pub keep: Keep,
    /// Write the names of the columns to keep, one a line
    #[arg(long, value_name = "FILE")]
    pub keep_to: Option<PathBuf>,
    /// Write one page with plots
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Other rows of the same columns: say which columns drift
    #[arg(long, value_name = "FILE")]
    pub validation: Option<PathBuf>,
    /// Most that counts may take together, in MiB; columns with more values are counted in buckets
    #[arg(long, value_name = "MIB", default_value = "1024", value_parser = clap::value_parser!(u64).range(16..))]
    pub memory: u64,
    /// Threads [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub jobs: Option<u64>,
    #[command(flatten)]
    pub reading: ReadingArgs,
    #[arg(long, value_enum, default_value = "table")]
    pub format: Format,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ByName {
    Columns,
    /// One after the other, the column that adds most to those before it
    Joint,
    /// Two columns together
    Pairs,
    /// Three columns together, grown from the best pairs
    Triples,
    /// OutRank's order by redundancy and relation, not corrected for chance
    #[value(name = "3mr")]
    ThreeMr,
}

/// How a table is read.
#[derive(Args)]
#[command(next_help_heading = "How the table is read")]
pub struct ReadingArgs {
    /// How rows are written [default: by the first bytes or the name of the file]
    #[arg(long, value_enum, value_name = "NAME")]
    pub input: Option<InputName>,
    /// What separates cells: one character, or `tab` [default: found out]
    #[arg(long, value_name = "C", value_parser = delimiter)]
    pub delimiter: Option<u8>,
    /// Whether the first row names the columns [default: found out]
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    pub header: Option<bool>,
    /// Types that are not what they seem, as in zip=categorical,age=numeric; `*` is all others
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub types: Vec<String>,
    /// A TOML file with a line `name = "type"` for each such column
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// Words for what is not known, beside empty cells [default: NA,N/A,NaN,nan,NULL,null,None,none,?]
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub missing: Option<Vec<String>>,
    /// A row that breaks the format or a declared type
    #[arg(long, value_enum, default_value = "stop")]
    pub on_bad_row: OnBadRowName,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TaskName {
    Classification,
    /// Bins of the target
    Regression,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StatisticName {
    /// Adjusted mutual information: 0 by chance, 1 for a renamed copy
    Ami,
    /// Deviations above chance
    Z,
    /// Mutual information above chance, in nats
    Excess,
    /// Mutual information, in nats, chance included
    Mi,
    /// OutRank's default, its quirks included; every value is a text
    Outrank,
}

#[derive(Clone, Copy, ValueEnum)]
pub enum InputName {
    Csv,
    Libsvm,
    Vw,
    Arff,
    Parquet,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnBadRowName {
    Stop,
    Skip,
}

/// Which columns are kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Keep {
    Auto,
    Number(usize),
    Rate(f64),
}

fn keep(text: &str) -> Result<Keep, String> {
    if text == "auto" {
        return Ok(Keep::Auto);
    }
    if let Ok(number) = text.parse() {
        return Ok(Keep::Number(number));
    }
    let rate = share(text).ok().filter(|rate| *rate > 0.0 && *rate < 1.0);
    rate.map(Keep::Rate).ok_or_else(|| "give auto, a number of columns, or a rate such as 0.05".into())
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [one] if !matches!(one, b'"' | b'\n' | b'\r') => Ok(*one),
        _ => Err("give one character, or tab".into()),
    }
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err("give yes or no".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_a_number_or_a_rate() {
        assert_eq!(keep("auto"), Ok(Keep::Auto));
        assert_eq!(keep("20"), Ok(Keep::Number(20)));
        assert_eq!(keep("0.05"), Ok(Keep::Rate(0.05)));
        for bad in ["", "all", "-1", "1.5", "0.0", "nan"] {
            assert!(keep(bad).is_err(), "{bad}");
        }
    }
}
