//! Which cases train a candidate and which judge it: stratified splits, the same for the same seed.

use std::fmt;
use std::str::FromStr;

use hashing::Rng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::DataError;
use crate::error::quote;

/// How cases are held back for selection. Written `0.2` or `kfold:5`, on the command line and in files.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Validation {
    /// This share of each class, between 0 and 1, both excluded.
    Holdout(f64),
    /// Each of so many parts, 2 or more, is held back once.
    KFold(usize),
}

/// Indices of cases, each list sorted; together they hold every case once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    pub train: Vec<usize>,
    pub validation: Vec<usize>,
}

impl Validation {
    /// Five folds under 500 training cases, where one small part would be a noisy judge; else a fifth held out.
    pub fn default_for(cases: usize) -> Self {
        if cases < 500 { Self::KFold(5) } else { Self::Holdout(0.2) }
    }

    /// One split for a holdout, k for k folds. Stratified: a holdout takes of each class the nearest whole number of
    /// cases, but at least one and not all; folds differ by at most one case, in total and in each class. So every
    /// class that occurs is in each training part, and in each validation part if it has as many cases as folds.
    ///
    /// `classes` name the labels in messages. Errors: no cases, a class with a single case, fewer cases than folds,
    /// a label without a class, a share or number of folds out of range.
    pub fn splits(&self, labels: &[usize], classes: &[String], seed: u64) -> Result<Vec<Split>, DataError> {
        self.check().map_err(|what| DataError::Validation { given: self.to_string(), what })?;
        let mut members = members(labels, classes)?;
        let mut rng = Rng::named(seed, "split", 0);
        members.iter_mut().for_each(|cases| rng.shuffle(cases));
        match *self {
            Self::Holdout(share) => {
                let held = members.iter().map(|cases| &cases[..held_back(cases.len(), share)]);
                Ok(vec![Split::holding(held.collect::<Vec<_>>().concat(), labels.len())])
            }
            Self::KFold(folds) if folds > labels.len() => Err(DataError::Split(format!(
                "{folds} folds of {} cases; choose fewer folds or add cases",
                labels.len()
            ))),
            Self::KFold(folds) => {
                let dealt = members.concat();
                let held = |fold| dealt.iter().copied().skip(fold).step_by(folds).collect();
                Ok((0..folds).map(|fold| Split::holding(held(fold), labels.len())).collect())
            }
        }
    }

    /// What is wrong with the number, if anything is.
    fn check(&self) -> Result<(), String> {
        match *self {
            Self::Holdout(share) if !(share > 0.0 && share < 1.0) => {
                Err("the share must lie between 0 and 1, both excluded".to_string())
            }
            Self::KFold(folds) if folds < 2 => Err("there must be at least 2 folds".to_string()),
            _ => Ok(()),
        }
    }
}

impl Split {
    /// Holds back `validation` of the cases 0..cases.
    pub(crate) fn holding(mut validation: Vec<usize>, cases: usize) -> Self {
        validation.sort_unstable();
        let train = (0..cases).filter(|case| validation.binary_search(case).is_err()).collect();
        Self { train, validation }
    }
}

/// How many of `cases` to hold back: near `share`, at least one, not all (none of none).
fn held_back(cases: usize, share: f64) -> usize {
    let nearest = (cases as f64 * share).round() as usize;
    nearest.max(1).min(cases.saturating_sub(1))
}

/// The cases of each class, in order. A class may be empty; one with a single case cannot be split.
fn members(labels: &[usize], classes: &[String]) -> Result<Vec<Vec<usize>>, DataError> {
    if labels.is_empty() {
        return Err(DataError::Split("there are no cases; add some".to_string()));
    }
    let mut members = vec![Vec::new(); classes.len()];
    for (case, label) in labels.iter().enumerate() {
        let class = members.get_mut(*label).ok_or_else(|| {
            let what = format!("case {case} has label {label}, and there are {} classes", classes.len());
            DataError::Split(format!("{what}; name every class"))
        })?;
        class.push(case);
    }
    match classes.iter().zip(&members).find(|(_, cases)| cases.len() == 1) {
        None => Ok(members),
        Some((class, _)) => Err(DataError::Split(format!(
            "class {} has one case, and needs one to train on and one to validate on; add cases of it or leave it out",
            quote(class)
        ))),
    }
}

impl FromStr for Validation {
    type Err = DataError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |what: String| DataError::Validation { given: text.chars().take(80).collect(), what };
        let validation = match text.strip_prefix("kfold:") {
            Some(folds) => {
                folds.parse().map(Self::KFold).map_err(|_| error("not a whole number".to_string()))?
            }
            None => text.parse().map(Self::Holdout).map_err(|_| error("not a number".to_string()))?,
        };
        validation.check().map_err(error)?;
        Ok(validation)
    }
}

impl fmt::Display for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Holdout(share) => write!(f, "{share}"),
            Self::KFold(folds) => write!(f, "kfold:{folds}"),
        }
    }
}

impl Serialize for Validation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Validation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("c{class}")).collect()
    }

    /// `counts[c]` cases of class `c`, mixed.
    fn labels(counts: &[usize]) -> Vec<usize> {
        let mut labels: Vec<_> =
            counts.iter().enumerate().flat_map(|(class, count)| vec![class; *count]).collect();
        Rng::named(0, "labels", 0).shuffle(&mut labels);
        labels
    }

    fn count(cases: &[usize], labels: &[usize], class: usize) -> usize {
        cases.iter().filter(|case| labels[**case] == class).count()
    }

    const COUNTS: [&[usize]; 5] = [&[2, 2], &[10, 3, 0, 7], &[100, 5], &[2, 2, 2, 2, 2], &[11]];

    #[test]
    fn every_split_holds_every_case_once_in_order() {
        for counts in COUNTS {
            let labels = labels(counts);
            for validation in [Validation::Holdout(0.2), Validation::Holdout(0.99), Validation::KFold(3)] {
                for split in validation.splits(&labels, &names(counts.len()), 5).unwrap() {
                    assert!(split.train.is_sorted() && split.validation.is_sorted());
                    let mut all = [split.train, split.validation].concat();
                    all.sort_unstable();
                    assert!(all.iter().copied().eq(0..labels.len()), "{counts:?} {validation}");
                }
            }
        }
    }

    #[test]
    fn a_holdout_takes_its_share_of_each_class_and_never_all_or_none() {
        for counts in COUNTS {
            for share in [0.01, 0.2, 0.5, 0.99] {
                let labels = labels(counts);
                let split =
                    Validation::Holdout(share).splits(&labels, &names(counts.len()), 1).unwrap().remove(0);
                for (class, cases) in counts.iter().enumerate().filter(|(_, cases)| **cases > 0) {
                    let held = count(&split.validation, &labels, class);
                    assert!(held >= 1 && held < *cases, "{counts:?} {share} {class}");
                    let wanted = (*cases as f64 * share).clamp(1.0, *cases as f64 - 1.0);
                    assert!((held as f64 - wanted).abs() <= 0.5, "{counts:?} {share} {class}: {held}");
                }
            }
        }
    }

    #[test]
    fn folds_are_disjoint_complete_and_even_in_total_and_in_each_class() {
        let even = |sizes: Vec<usize>| sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1;
        for counts in COUNTS {
            let (labels, folds) = (labels(counts), 4);
            let splits = Validation::KFold(folds).splits(&labels, &names(counts.len()), 3).unwrap();
            let mut held: Vec<_> = splits.iter().flat_map(|split| split.validation.clone()).collect();
            held.sort_unstable();
            assert!(held.into_iter().eq(0..labels.len()), "{counts:?}");
            assert!(even(splits.iter().map(|split| split.validation.len()).collect()), "{counts:?}");
            for (class, cases) in counts.iter().enumerate() {
                let sizes = splits.iter().map(|split| count(&split.validation, &labels, class)).collect();
                assert!(even(sizes), "{counts:?} {class}");
                let trained = |split: &Split| count(&split.train, &labels, class) > 0;
                assert!(*cases == 0 || splits.iter().all(trained), "{counts:?} {class}");
            }
        }
    }

    #[test]
    fn splits_are_pinned() {
        let labels = labels(&[6, 4]);
        let splits = |validation: Validation, seed| validation.splits(&labels, &names(2), seed).unwrap();
        let drift = "a split drifted: that changes every verdict";
        assert_eq!(splits(Validation::Holdout(0.3), 7)[0].validation, [0, 3, 9], "{drift}");
        let folds: Vec<_> =
            splits(Validation::KFold(3), 7).into_iter().map(|split| split.validation).collect();
        assert_eq!(folds, [vec![2, 3, 5, 9], vec![0, 1, 7], vec![4, 6, 8]], "{drift}");
        assert_eq!(splits(Validation::KFold(3), 7), splits(Validation::KFold(3), 7));
        assert_ne!(splits(Validation::KFold(3), 7), splits(Validation::KFold(3), 8));
    }

    #[test]
    fn labels_that_cannot_be_split_say_why() {
        let error = |validation: Validation, labels: &[usize], classes| {
            validation.splits(labels, &names(classes), 0).unwrap_err().to_string()
        };
        let half = Validation::Holdout(0.5);
        let lone = error(half, &[0, 0, 1], 2);
        assert!(
            lone.contains("class `c1` has one case") && lone.contains("add cases of it or leave it out"),
            "{lone}"
        );
        assert!(error(half, &[], 2).contains("no cases"));
        assert!(error(half, &[0, 0, 2], 2).contains("case 2 has label 2, and there are 2 classes"));
        assert!(error(Validation::KFold(5), &[0, 0, 1, 1], 2).contains("5 folds of 4 cases; choose fewer"));
        assert!(error(Validation::KFold(usize::MAX), &[0, 0], 1).contains("choose fewer"));
        assert!(error(Validation::KFold(0), &[0, 0], 1).contains("at least 2 folds"));
        assert!(error(Validation::Holdout(f64::NAN), &[0, 0], 1).contains("between 0 and 1"));
    }

    #[test]
    fn a_validation_survives_text_and_json() {
        for text in ["0.2", "0.05", "kfold:2", "kfold:10"] {
            let validation: Validation = text.parse().unwrap();
            assert_eq!(validation.to_string(), text);
            let json = serde_json::to_string(&validation).unwrap();
            assert_eq!(json, format!("\"{text}\""));
            assert_eq!(serde_json::from_str::<Validation>(&json).unwrap(), validation);
        }
        assert!(
            serde_json::from_str::<Validation>("\"1.5\"")
                .unwrap_err()
                .to_string()
                .contains("between 0 and 1")
        );
    }

    #[test]
    fn a_wrong_validation_says_what_to_give() {
        let wrong = [
            ("", "not a number"),
            ("fold", "not a number"),
            ("0", "between 0 and 1"),
            ("1", "between 0 and 1"),
            ("-0.1", "between 0 and 1"),
            ("nan", "between 0 and 1"),
            ("kfold:", "not a whole number"),
            ("kfold:2.5", "not a whole number"),
            ("kfold:-3", "not a whole number"),
            ("kfold:1", "at least 2 folds"),
        ];
        for (text, expected) in wrong {
            let error = text.parse::<Validation>().unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("validation `{text}`: ")) && error.contains(expected),
                "{error}"
            );
            assert!(
                error.ends_with("give a share such as 0.2 or a number of folds such as kfold:5"),
                "{error}"
            );
        }
    }

    #[test]
    fn few_cases_are_folded_and_many_are_held_out() {
        assert_eq!(Validation::default_for(499), Validation::KFold(5));
        assert_eq!(Validation::default_for(500), Validation::Holdout(0.2));
    }
}
