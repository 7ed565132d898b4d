//! Binary problems out of a labelled table: two of its classes, and a random projection of its columns to a few features, as
//! AutoML-Zero makes them of images (Real et al. 2020, arXiv 2003.03384).

use std::ops::Range;

use hashing::Rng;

use crate::{DataError, Example, Labelled, Problem, quote};

/// What problems are for. No two parts share a pair of classes where there are three pairs or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A search chooses programs by them.
    Search,
    /// The best programs of a search are compared by them.
    Selection,
    /// Nothing is chosen by them. What is predicted here is predicted nowhere else, nor learned from: a third of the rows
    /// of each class is kept for it.
    Final,
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Search, Self::Selection, Self::Final];
}

/// How large the problems are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProjectedSize {
    pub features: usize,
    /// Default: two thirds of what the smallest pair of classes has beside the rows kept for [`Part::Final`].
    pub training: Option<usize>,
    /// At most.
    pub validation: usize,
}

/// A table whose rows and pairs of classes have been dealt out.
pub struct Projected<'a> {
    table: &'a Labelled,
    seed: u64,
    /// Rows of each class that are learned from, and those that are kept.
    rows: Vec<[Vec<usize>; 2]>,
    pairs: Vec<[usize; 2]>,
}

/// Rows of a class that are needed for problems.
const LEAST_ROWS: usize = 6;

impl<'a> Projected<'a> {
    /// Errors name a class that has too few rows.
    pub fn new(table: &'a Labelled, seed: u64) -> Result<Self, DataError> {
        let mut rows = Vec::new();
        for (class, name) in table.classes.iter().enumerate() {
            let mut of_class = table.of_class(class);
            if of_class.len() < LEAST_ROWS {
                let (name, count) = (quote(name), of_class.len());
                let what =
                    format!("class {name} has {count} rows; leave it out, or give {LEAST_ROWS} or more");
                return Err(DataError::Size(what));
            }
            Rng::named(seed, "rows of a class", class as u64).shuffle(&mut of_class);
            let kept = of_class.split_off(of_class.len() - of_class.len() / 3);
            rows.push([of_class, kept]);
        }
        let classes = 0..table.classes.len();
        let mut pairs: Vec<_> =
            classes.clone().flat_map(|a| (a + 1..classes.end).map(move |b| [a, b])).collect();
        Rng::named(seed, "pairs of classes", 0).shuffle(&mut pairs);
        Ok(Self { table, seed, rows, pairs })
    }

    /// Examples to learn from and to predict.
    pub fn counts(&self, size: ProjectedSize) -> Result<[usize; 2], DataError> {
        let least = |kept: usize| {
            let mut counts: Vec<usize> = self.rows.iter().map(|rows| rows[kept].len()).collect();
            counts.sort_unstable();
            counts[0] + counts[1]
        };
        let [seen, kept] = [least(0), least(1)];
        let most = seen - seen / 3;
        let training = size.training.unwrap_or(most);
        if training > most {
            let what = format!("{training} examples to learn from; the smallest pair of classes has {most}");
            return Err(DataError::Size(what));
        }
        Ok([training, size.validation.min(seen - training).min(kept)])
    }

    /// The pairs of a part.
    fn range(&self, part: Part) -> Range<usize> {
        let (parts, count) = (Part::ALL.len(), self.pairs.len());
        if count < parts {
            return 0..count;
        }
        let part = part as usize;
        part * count / parts..(part + 1) * count / parts
    }

    /// Problem number `number` of a part. Pairs of classes come in turn; rows and projection are drawn.
    pub fn problem(&self, part: Part, size: ProjectedSize, number: u64) -> Result<Problem, DataError> {
        let [training, validation] = self.counts(size)?;
        let pairs = &self.pairs[self.range(part)];
        let [a, b] = pairs[(number % pairs.len() as u64) as usize];
        let name = format!("projected {part:?}");
        let mut rng = Rng::named(self.seed, &name, number);
        let mut shuffled = |kept: usize| {
            let rows = |class: usize, label: f64| self.rows[class][kept].iter().map(move |row| (*row, label));
            let mut rows: Vec<(usize, f64)> = rows(a, 0.0).chain(rows(b, 1.0)).collect();
            rng.shuffle(&mut rows);
            rows
        };
        let (seen, kept) = (shuffled(0), shuffled(1));
        let predicted =
            if part == Part::Final { &kept[..validation] } else { &seen[training..training + validation] };
        let view = View::new(self.table, &seen[..training], size.features, &mut rng);
        let examples =
            |rows: &[(usize, f64)]| rows.iter().map(|(row, label)| view.example(*row, *label)).collect();
        Ok(Problem { training: examples(&seen[..training]), validation: examples(predicted) })
    }
}

/// How a problem sees a row: columns standardized, multiplied by a normal matrix, and the features standardized too, by the
/// rows that are learned from. A number that is not known is the mean of its column.
struct View<'a> {
    table: &'a Labelled,
    columns: Vec<[f64; 2]>,
    /// A row of weights for each feature.
    weights: Vec<Vec<f64>>,
    features: Vec<[f64; 2]>,
}

impl<'a> View<'a> {
    fn new(table: &'a Labelled, rows: &[(usize, f64)], features: usize, rng: &mut Rng) -> Self {
        let width = table.columns.len();
        let of_column = |column: usize| rows.iter().map(move |(row, _)| table.row(*row)[column]);
        let columns = (0..width).map(|column| moments(of_column(column).filter(|x| !x.is_nan()))).collect();
        let weights = (0..features).map(|_| (0..width).map(|_| rng.normal()).collect()).collect();
        let mut view = Self { table, columns, weights, features: vec![[0.0, 1.0]; features] };
        let projected: Vec<Vec<f64>> = rows.iter().map(|(row, _)| view.features(*row)).collect();
        view.features =
            (0..features).map(|feature| moments(projected.iter().map(move |it| it[feature]))).collect();
        view
    }

    fn features(&self, row: usize) -> Vec<f64> {
        let columns = self.table.row(row).iter().zip(&self.columns);
        let standard: Vec<f64> =
            columns.map(|(x, moments)| if x.is_nan() { 0.0 } else { standardized(*x, *moments) }).collect();
        let dot = |weights: &Vec<f64>| weights.iter().zip(&standard).map(|(w, x)| w * x).sum::<f64>();
        self.weights.iter().zip(&self.features).map(|(w, moments)| standardized(dot(w), *moments)).collect()
    }

    fn example(&self, row: usize, label: f64) -> Example {
        Example { features: self.features(row), label }
    }
}

/// Mean and standard deviation.
fn moments(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let squares = values.map(|x| (x - mean) * (x - mean)).sum::<f64>();
    [mean, (squares / count).sqrt()]
}

/// Zero where nothing varies.
fn standardized(x: f64, [mean, deviation]: [f64; 2]) -> f64 {
    if deviation > 1e-12 { (x - mean) / deviation } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SIZE: ProjectedSize = ProjectedSize { features: 16, training: None, validation: 100 };

    #[test]
    fn features_are_standard_on_what_is_learned_and_both_classes_are_there() {
        let digits = Labelled::digits();
        let projected = Projected::new(&digits, 3).unwrap();
        let problem = projected.problem(Part::Search, SIZE, 0).unwrap();
        assert_eq!([problem.training.len(), problem.validation.len()], projected.counts(SIZE).unwrap());
        for feature in 0..16 {
            let [mean, deviation] = moments(problem.training.iter().map(|it| it.features[feature]));
            assert!(mean.abs() < 1e-9 && (deviation - 1.0).abs() < 1e-9);
        }
        for part in [&problem.training, &problem.validation] {
            let ones = part.iter().filter(|it| it.label == 1.0).count() as f64 / part.len() as f64;
            assert!((ones - 0.5).abs() < 0.2, "{ones}");
        }
        assert_eq!(problem, projected.problem(Part::Search, SIZE, 0).unwrap());
        assert_ne!(problem, projected.problem(Part::Search, SIZE, 15).unwrap());
    }

    #[test]
    fn parts_share_no_pair_and_what_is_kept_is_never_seen() {
        let digits = Labelled::digits();
        let projected = Projected::new(&digits, 0).unwrap();
        let ranges = Part::ALL.map(|part| projected.range(part));
        assert_eq!(ranges, [0..15, 15..30, 30..45]);
        let distinct: BTreeSet<_> = projected.pairs.iter().collect();
        assert_eq!(distinct.len(), 45);
        let [seen, kept]: [BTreeSet<usize>; 2] =
            [0, 1].map(|i| projected.rows.iter().flat_map(|rows| rows[i].clone()).collect());
        assert!(seen.is_disjoint(&kept));
        assert_eq!(seen.len() + kept.len(), 1797);
    }

    #[test]
    fn what_is_too_small_is_named() {
        let digits = Labelled::digits();
        let projected = Projected::new(&digits, 0).unwrap();
        let size = ProjectedSize { training: Some(1000), ..SIZE };
        let error = projected.problem(Part::Search, size, 0).unwrap_err().to_string();
        assert_eq!(error, "no problem: 1000 examples to learn from; the smallest pair of classes has 156");
    }
}
