//! How the cells of a table become inputs: learned from training rows, the same for all others, and plain data.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{Cells, Column, Frame, MISSING, Target};

/// Words in fewer training rows are one class, that of words which were never seen.
pub const RARE: usize = 4;
/// Words of a column that are told apart, the most frequent.
const MOST_WORDS: usize = 1 << 16;
/// Standardized numbers are cut off at this many deviations.
pub const LARGEST: f64 = 10.0;

/// What was learned of each column, and of the target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Encoder {
    /// In the order of the table: their numbers, then their flags, then their categories are the inputs.
    pub columns: Vec<(String, Code)>,
    /// Of a target of numbers: mean and deviation.
    pub target: Option<(f64, f64)>,
}

/// How the cells of a column are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Code {
    /// (x − mean) / scale, 0 where it is not known. With a flag, whether it is known is an input of its own.
    Number { mean: f64, scale: f64, flag: bool },
    /// Number 0 is for words that are rare or were never seen, 1 for what is not known, then come these.
    Category { words: Vec<String> },
}

/// Rows as a network reads them.
#[derive(Clone, Debug, PartialEq)]
pub struct Encoded {
    /// Rows × (numbers + flags), row-major.
    pub numbers: Vec<f32>,
    /// Rows × categories, row-major.
    pub codes: Vec<i64>,
    pub truths: Truths,
}

/// What is right for each row.
#[derive(Clone, Debug, PartialEq)]
pub enum Truths {
    Labels(Vec<usize>),
    /// Standardized.
    Numbers(Vec<f64>),
}

impl Encoder {
    /// Of these rows, and of no others.
    pub fn fit(frame: &Frame, rows: &[usize]) -> Self {
        let code = |column: &Column| match &column.cells {
            Cells::Numbers(numbers) => number(numbers, rows),
            Cells::Words { names, codes } => category(names, codes, rows),
        };
        let target = match &frame.target {
            Target::Classes { .. } => None,
            Target::Numbers(numbers) => Some(mean_and_scale(rows.iter().map(|row| numbers[*row]))),
        };
        let columns = frame.columns.iter().map(|column| (column.name.clone(), code(column)));
        Self { columns: columns.collect(), target }
    }

    /// Standardized numbers of a row.
    pub fn numbers(&self) -> usize {
        self.columns.iter().filter(|(_, code)| matches!(code, Code::Number { .. })).count()
    }

    /// Columns of which it is told whether they are known.
    pub fn flags(&self) -> usize {
        self.columns.iter().filter(|(_, code)| matches!(code, Code::Number { flag: true, .. })).count()
    }

    /// Values of each category, what is unknown and what is missing among them.
    pub fn values(&self) -> Vec<usize> {
        let values = |(_, code): &(String, Code)| match code {
            Code::Number { .. } => None,
            Code::Category { words } => Some(words.len() + 2),
        };
        self.columns.iter().filter_map(values).collect()
    }

    /// These rows of a frame with the same columns; targets must be known.
    pub fn encode(&self, frame: &Frame, rows: &[usize]) -> Encoded {
        let (numbers, flags, categories) = (self.numbers(), self.flags(), self.values().len());
        let width = numbers + flags;
        let mut inputs = vec![0.0; rows.len() * width];
        let mut codes = vec![0; rows.len() * categories];
        let (mut number, mut flagged, mut category) = (0, 0, 0);
        for ((_, code), column) in self.columns.iter().zip(&frame.columns) {
            match (code, &column.cells) {
                (Code::Number { mean, scale, flag }, Cells::Numbers(values)) => {
                    for (place, row) in rows.iter().enumerate() {
                        let value = values[*row];
                        let input = if value.is_nan() { 0.0 } else { (value - mean) / scale };
                        inputs[place * width + number] = input.clamp(-LARGEST, LARGEST) as f32;
                        if *flag {
                            inputs[place * width + numbers + flagged] =
                                if value.is_nan() { 1.0 } else { 0.0 };
                        }
                    }
                    number += 1;
                    flagged += usize::from(*flag);
                }
                (Code::Category { words }, Cells::Words { names, codes: own }) => {
                    let known: HashMap<&str, i64> = words
                        .iter()
                        .enumerate()
                        .map(|(place, word)| (word.as_str(), place as i64 + 2))
                        .collect();
                    let of_name: Vec<i64> =
                        names.iter().map(|name| known.get(name.as_str()).copied().unwrap_or(0)).collect();
                    for (place, row) in rows.iter().enumerate() {
                        let own = own[*row];
                        codes[place * categories + category] =
                            if own == MISSING { 1 } else { of_name[own as usize] };
                    }
                    category += 1;
                }
                _ => unreachable!("a frame that is read like another has its kinds"),
            }
        }
        Encoded { numbers: inputs, codes, truths: self.truths(frame, rows) }
    }

    fn truths(&self, frame: &Frame, rows: &[usize]) -> Truths {
        match (&frame.target, self.target) {
            (Target::Numbers(numbers), Some((mean, scale))) => {
                Truths::Numbers(rows.iter().map(|row| (numbers[*row] - mean) / scale).collect())
            }
            (Target::Numbers(numbers), None) => {
                Truths::Numbers(rows.iter().map(|row| numbers[*row]).collect())
            }
            (Target::Classes { labels, .. }, _) => {
                Truths::Labels(rows.iter().map(|row| labels[*row] as usize).collect())
            }
        }
    }
}

fn number(numbers: &[f64], rows: &[usize]) -> Code {
    let known = rows.iter().map(|row| numbers[*row]).filter(|number| !number.is_nan());
    let flag = rows.iter().any(|row| numbers[*row].is_nan());
    let (mean, scale) = mean_and_scale(known);
    Code::Number { mean, scale, flag }
}

/// A scale of 1 where nothing varies.
fn mean_and_scale(numbers: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = numbers.clone().count().max(1) as f64;
    let mean = numbers.clone().sum::<f64>() / count;
    let variance = numbers.map(|number| (number - mean) * (number - mean)).sum::<f64>() / count;
    let scale = libm::sqrt(variance);
    // Rounding of a large mean is no variation.
    if scale > 1e-12 * mean.abs() && scale.is_finite() { (mean, scale) } else { (mean, 1.0) }
}

/// The most frequent first, and of equally frequent ones the first by name.
fn category(names: &[String], codes: &[u32], rows: &[usize]) -> Code {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    let known = rows.iter().map(|row| codes[*row]).filter(|code| *code != MISSING);
    known.for_each(|code| *counts.entry(code).or_default() += 1);
    let mut frequent: Vec<(usize, &String)> = counts
        .into_iter()
        .filter(|(_, count)| *count >= RARE)
        .map(|(code, count)| (count, &names[code as usize]))
        .collect();
    frequent.sort_by(|(a, first), (b, second)| b.cmp(a).then(first.cmp(second)));
    frequent.truncate(MOST_WORDS);
    Code::Category { words: frequent.into_iter().map(|(_, name)| name.clone()).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Kind;
    use crate::tabular::Keys;

    fn frame(ages: &[f64], jobs: &[&str]) -> Frame {
        let mut names: Vec<String> = Vec::new();
        let mut code = |job: &&str| {
            if *job == "?" {
                return MISSING;
            }
            let place = names.iter().position(|name| name == job);
            place.unwrap_or_else(|| {
                names.push(job.to_string());
                names.len() - 1
            }) as u32
        };
        let codes = jobs.iter().map(&mut code).collect();
        let column = |name: &str, kind, cells| Column { name: name.into(), kind, cells };
        Frame {
            columns: vec![
                column("age", Kind::Numeric, Cells::Numbers(ages.to_vec())),
                column("job", Kind::Categorical, Cells::Words { names, codes }),
            ],
            target: Target::Numbers(
                ages.iter().map(|age| if age.is_nan() { 0.0 } else { 2.0 * age }).collect(),
            ),
            keys: Keys::None,
            unlabeled: 0,
            skipped: (0, None),
        }
    }

    const JOBS: [&str; 11] = ["a", "b", "b", "b", "b", "a", "a", "a", "a", "c", "?"];

    #[test]
    fn everything_is_learned_from_the_training_rows() {
        let ages = [1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 2.0, 2.0, f64::NAN];
        let frame = frame(&ages, &JOBS);
        let rows: Vec<usize> = (0..10).collect();
        let encoder = Encoder::fit(&frame, &rows);
        let scale = libm::sqrt(0.8);
        assert_eq!(encoder.columns[0].1, Code::Number { mean: 2.0, scale, flag: false });
        assert_eq!(encoder.columns[1].1, Code::Category { words: vec!["a".into(), "b".into()] });
        assert_eq!((encoder.numbers(), encoder.flags(), encoder.values()), (1, 0, vec![4]));
        let encoded = encoder.encode(&frame, &[0, 1, 9, 10]);
        let one = (1.0 / scale) as f32;
        assert_eq!(encoded.numbers, [-one, one, 0.0, 0.0]);
        assert_eq!(encoded.codes, [2, 3, 0, 1], "known, known, rare, missing");
        let Truths::Numbers(numbers) = encoded.truths else { panic!() };
        assert!((numbers[1] - 1.0 / scale).abs() < 1e-12);
        let with_gap = Encoder::fit(&frame, &(0..11).collect::<Vec<_>>());
        assert_eq!(
            (with_gap.flags(), with_gap.encode(&frame, &[0, 10]).numbers[1..].to_vec()),
            (1, vec![0.0, 0.0, 1.0])
        );
        assert_ne!(Encoder::fit(&frame, &rows[..5]), encoder);
    }

    #[test]
    fn words_of_another_file_are_known_by_name_and_outliers_are_cut_off() {
        let encoder =
            Encoder::fit(&frame(&[1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 0.0, 0.0, 0.0], &JOBS), &{
                (0..11).collect::<Vec<_>>()
            });
        let other = frame(&[1e9, -1e9, 0.0], &["new", "b", "a"]);
        let encoded = encoder.encode(&other, &[0, 1, 2]);
        assert_eq!(encoded.codes, [0, 3, 2]);
        assert_eq!(encoded.numbers[..2], [LARGEST as f32, -LARGEST as f32]);
    }

    #[test]
    fn what_never_varies_is_zero_and_no_division_by_it() {
        let frame = frame(&[1e8 + 0.1; 4], &["a"; 4]);
        let encoded = Encoder::fit(&frame, &[0, 1, 2, 3]).encode(&frame, &[0, 1]);
        assert!(encoded.numbers.iter().all(|number| number.abs() < 1e-6), "{encoded:?}");
        let empty = self::frame(&[f64::NAN; 4], &["?"; 4]);
        let encoder = Encoder::fit(&empty, &[0, 1, 2, 3]);
        assert_eq!(encoder.encode(&empty, &[0]).numbers, [0.0, 1.0]);
    }
}
