//! Which rows of a table train and which judge: by chance and class by class, whole groups, or the later ones.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use hashing::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Frame, Keys, Target};
use crate::{DataError, Split, Validation, quote};

/// Written `random`, `group:COLUMN` or `time:COLUMN`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SplitBy {
    /// Of every class, or of every tenth of the numbers, the same share.
    #[default]
    Random,
    /// Rows with the same value in this column stay on one side.
    Group(String),
    /// The rows that come last by this column are held back.
    Time(String),
}

/// Classes with fewer rows are split together with the largest one.
const SMALL: usize = 5;
/// Parts of a target of numbers, of about equally many rows, that are split alike.
const TENTHS: usize = 10;

impl SplitBy {
    pub fn column(&self) -> Option<&str> {
        match self {
            Self::Random => None,
            Self::Group(column) | Self::Time(column) => Some(column),
        }
    }
}

/// Splits these rows of a frame, by its keys; the same for the same seed. Indices are rows of the frame.
pub fn divide(
    frame: &Frame,
    rows: &[usize],
    validation: &Validation,
    seed: u64,
) -> Result<Vec<Split>, DataError> {
    let splits = match &frame.keys {
        Keys::None => {
            let (labels, names) = strata(&frame.target, rows);
            validation.splits(&labels, &names, seed)?
        }
        Keys::Groups(groups) => by_group(rows.iter().map(|row| groups[*row]).collect(), validation, seed)?,
        Keys::Times(times) => vec![by_time(rows.iter().map(|row| times[*row]).collect(), validation)?],
    };
    let of_frame = |places: Vec<usize>| places.into_iter().map(|place| rows[place]).collect();
    let of_frame =
        |Split { train, validation }| Split { train: of_frame(train), validation: of_frame(validation) };
    Ok(splits.into_iter().map(of_frame).collect())
}

/// What each row is split like, and names for messages.
fn strata(target: &Target, rows: &[usize]) -> (Vec<usize>, Vec<String>) {
    match target {
        Target::Classes { names, labels } => {
            let mut labels: Vec<usize> = rows.iter().map(|row| labels[*row] as usize).collect();
            let mut counts = vec![0; names.len()];
            labels.iter().for_each(|label| counts[*label] += 1);
            let largest = (0..names.len()).rev().max_by_key(|label| counts[*label]).unwrap_or(0);
            labels.iter_mut().filter(|label| counts[**label] < SMALL).for_each(|label| *label = largest);
            (labels, names.clone())
        }
        Target::Numbers(numbers) => {
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by(|a, b| numbers[rows[*a]].total_cmp(&numbers[rows[*b]]));
            let tenths = TENTHS.min(rows.len() / SMALL).max(1);
            let mut labels = vec![0; rows.len()];
            order.iter().enumerate().for_each(|(rank, place)| labels[*place] = rank * tenths / rows.len());
            (labels, (0..tenths).map(|tenth| format!("part {tenth} of the target")).collect())
        }
    }
}

/// Groups in a random order: the first that make up the share are held back, or each goes to the smallest fold, the large
/// ones first.
fn by_group(groups: Vec<u32>, validation: &Validation, seed: u64) -> Result<Vec<Split>, DataError> {
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    groups.iter().enumerate().for_each(|(row, group)| members.entry(*group).or_default().push(row));
    let mut members: Vec<Vec<usize>> = members.into_values().collect();
    let needed = if let Validation::KFold(folds) = validation { *folds } else { 2 };
    if members.len() < needed {
        let groups = members.len();
        return Err(DataError::Split(format!(
            "{groups} groups, and {needed} are needed; choose fewer folds or split otherwise"
        )));
    }
    Rng::named(seed, "groups", 0).shuffle(&mut members);
    match validation {
        Validation::Holdout(share) => {
            let wanted = share * groups.len() as f64;
            let mut held: Vec<usize> = Vec::new();
            for group in &members[..members.len() - 1] {
                let after = (held.len() + group.len()) as f64;
                if held.is_empty() || after - wanted <= wanted - held.len() as f64 {
                    held.extend(group);
                }
            }
            Ok(vec![Split::holding(held, groups.len())])
        }
        Validation::KFold(folds) => {
            members.sort_by_key(|group| std::cmp::Reverse(group.len()));
            let mut held = vec![Vec::new(); *folds];
            for group in members {
                let smallest = (0..*folds).min_by_key(|fold| held[*fold].len()).expect("there are folds");
                held[smallest].extend(group);
            }
            Ok(held.into_iter().map(|held| Split::holding(held, groups.len())).collect())
        }
    }
}

/// Rows of one time stay on one side.
fn by_time(times: Vec<f64>, validation: &Validation) -> Result<Split, DataError> {
    let Validation::Holdout(share) = validation else {
        let what =
            format!("{validation} of rows by time would train on what comes later; give a share such as 0.2");
        return Err(DataError::Split(what));
    };
    let mut sorted = times.clone();
    sorted.sort_by(f64::total_cmp);
    let wanted = ((times.len() as f64 * share).round() as usize).max(1);
    let place = times.len().saturating_sub(wanted);
    let first = sorted.get(place).copied().unwrap_or(f64::NAN);
    // Where the first time of all would be held back, the next one is the first.
    let first = if Some(&first) == sorted.first() {
        sorted.iter().copied().find(|time| *time > first)
    } else {
        Some(first)
    };
    let first = first.ok_or_else(|| DataError::Split("all rows are of one time; split otherwise".into()))?;
    let held = (0..times.len()).filter(|row| times[*row] >= first).collect();
    Ok(Split::holding(held, times.len()))
}

impl FromStr for SplitBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "random" => Ok(Self::Random),
            Some(("group", column)) if !column.is_empty() => Ok(Self::Group(column.into())),
            Some(("time", column)) if !column.is_empty() => Ok(Self::Time(column.into())),
            _ => Err(format!("no split {}; give random, group:COLUMN or time:COLUMN", quote(text))),
        }
    }
}

impl fmt::Display for SplitBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Random => f.write_str("random"),
            Self::Group(column) => write!(f, "group:{column}"),
            Self::Time(column) => write!(f, "time:{column}"),
        }
    }
}

impl Serialize for SplitBy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SplitBy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(target: Target, keys: Keys) -> Frame {
        Frame { columns: Vec::new(), target, keys, unlabeled: 0, skipped: (0, None) }
    }

    fn numbers(count: usize) -> Target {
        Target::Numbers((0..count).map(|n| ((n * 7919) % count) as f64).collect())
    }

    /// Every row once in each split, whatever the rows are.
    fn assert_parts(splits: &[Split], rows: &[usize]) {
        for Split { train, validation } in splits {
            assert!(!train.is_empty() && !validation.is_empty());
            let mut all = [train.as_slice(), validation].concat();
            all.sort_unstable();
            assert_eq!(all, rows);
        }
    }

    #[test]
    fn numbers_are_held_back_in_every_tenth() {
        let frame = frame(numbers(200), Keys::None);
        let rows: Vec<usize> = (0..200).collect();
        let splits = divide(&frame, &rows, &Validation::Holdout(0.2), 0).unwrap();
        assert_parts(&splits, &rows);
        let Target::Numbers(values) = &frame.target else { unreachable!() };
        for tenth in 0..10 {
            let range = (20 * tenth) as f64..(20 * tenth + 20) as f64;
            let held = splits[0].validation.iter().filter(|row| range.contains(&values[**row])).count();
            assert_eq!(held, 4, "of tenth {tenth}");
        }
    }

    #[test]
    fn a_class_with_a_single_row_does_no_harm() {
        let labels: Vec<u32> = (0..40).map(|row| if row == 7 { 2 } else { row % 2 }).collect();
        let target = Target::Classes { names: ["a", "b", "c"].map(String::from).to_vec(), labels };
        let rows: Vec<usize> = (0..40).collect();
        for validation in [Validation::Holdout(0.2), Validation::KFold(4)] {
            assert_parts(&divide(&frame(target.clone(), Keys::None), &rows, &validation, 0).unwrap(), &rows);
        }
    }

    #[test]
    fn groups_stay_together_and_parts_come_near_their_share() {
        let groups: Vec<u32> = (0..300u32).map(|row| row.isqrt()).collect();
        let frame = frame(numbers(300), Keys::Groups(groups.clone()));
        // Not all rows of the frame: some were held back before.
        let rows: Vec<usize> = (0..300).filter(|row| row % 5 > 0).collect();
        for (validation, least, most) in [(Validation::Holdout(0.25), 40, 80), (Validation::KFold(4), 50, 70)]
        {
            let splits = divide(&frame, &rows, &validation, 3).unwrap();
            assert_parts(&splits, &rows);
            for Split { train, validation } in &splits {
                let of = |rows: &[usize]| {
                    rows.iter().map(|row| groups[*row]).collect::<std::collections::BTreeSet<_>>()
                };
                assert!(of(train).is_disjoint(&of(validation)));
                assert!((least..=most).contains(&validation.len()), "{}", validation.len());
            }
        }
        assert_ne!(
            divide(&frame, &rows, &Validation::Holdout(0.25), 3).unwrap(),
            divide(&frame, &rows, &Validation::Holdout(0.25), 4).unwrap()
        );
        let few = self::frame(numbers(4), Keys::Groups(vec![1; 4]));
        let error = divide(&few, &[0, 1, 2, 3], &Validation::Holdout(0.5), 0).unwrap_err().to_string();
        assert!(error.contains("1 groups, and 2 are needed"), "{error}");
    }

    #[test]
    fn what_is_later_is_held_back_and_equal_times_stay_together() {
        let times: Vec<f64> = (0..100).map(|row| f64::from((row * 37) % 100 / 10)).collect();
        let frame = frame(numbers(100), Keys::Times(times.clone()));
        let rows: Vec<usize> = (0..100).collect();
        let split = divide(&frame, &rows, &Validation::Holdout(0.25), 0).unwrap().remove(0);
        assert_parts(std::slice::from_ref(&split), &rows);
        let latest = split.train.iter().map(|row| times[*row]).fold(f64::MIN, f64::max);
        assert!(split.validation.iter().all(|row| times[*row] > latest));
        assert_eq!(split.validation.len(), 30);
        let error = divide(&frame, &rows, &Validation::KFold(5), 0).unwrap_err().to_string();
        assert!(error.contains("kfold:5 of rows by time"), "{error}");
        let same = self::frame(numbers(3), Keys::Times(vec![1.0; 3]));
        let error = divide(&same, &[0, 1, 2], &Validation::Holdout(0.3), 0).unwrap_err().to_string();
        assert!(error.contains("of one time"), "{error}");
        let two = self::frame(numbers(3), Keys::Times(vec![1.0, 1.0, 2.0]));
        let split = divide(&two, &[0, 1, 2], &Validation::Holdout(0.9), 0).unwrap().remove(0);
        assert_eq!(split.validation, [2]);
    }

    #[test]
    fn a_split_survives_text() {
        for text in ["random", "group:store", "time:day:of"] {
            assert_eq!(text.parse::<SplitBy>().unwrap().to_string(), text);
        }
        for bad in ["", "group", "group:", "time:", "month:x"] {
            assert!(bad.parse::<SplitBy>().unwrap_err().contains("group:COLUMN"), "{bad}");
        }
    }
}
