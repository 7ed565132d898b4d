//! Small supervised problems for learning algorithms: examples to learn from, examples to predict, and how well that went.

use hashing::Rng;

use crate::DataError;

/// Features and what is to be predicted from them.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    pub features: Vec<f64>,
    pub label: f64,
}

/// One problem: a fresh learner sees the training examples in this order, then predicts the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub training: Vec<Example>,
    pub validation: Vec<Example>,
}

/// How predictions become a fitness between 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fitness {
    /// 1 − (2/π)·atan(√(mean squared error)), as in AutoML-Zero.
    SquashedError,
    /// The share of labels, 0 or 1, on the side of 1/2 that the sigmoid of the prediction is on.
    Accuracy,
}

/// Where problems come from (Real et al. 2020, arXiv 2003.03384). Features are standard normal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// The label is w·x, with standard normal w.
    Linear,
    /// The label is u·max(Wx, 0), with standard normal u and W, but for two hidden units (the first and the third) that
    /// are silent, as published.
    Nonlinear,
}

/// How large the problems of a family are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub features: usize,
    pub training: usize,
    pub validation: usize,
}

impl Fitness {
    /// Of the loss of a prediction, summed over so many: squared errors, or wrong sides.
    pub fn of(self, loss: f64, count: usize) -> f64 {
        let mean = loss / count as f64;
        match self {
            Self::SquashedError => 1.0 - std::f64::consts::FRAC_2_PI * libm::atan(mean.sqrt()),
            Self::Accuracy => 1.0 - mean,
        }
    }
}

impl Family {
    pub const ALL: [Self; 2] = [Self::Linear, Self::Nonlinear];

    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Nonlinear => "nonlinear",
        }
    }

    /// Problem number `number` of those that this seed makes. Errors name the part of the size that is too small.
    pub fn problem(self, size: Size, seed: u64, number: u64) -> Result<Problem, DataError> {
        let least = if self == Self::Nonlinear { 4 } else { 1 };
        for (name, value, least) in [
            ("features", size.features, least),
            ("training examples", size.training, 1),
            ("validation examples", size.validation, 1),
        ] {
            if value < least {
                let what = format!("{value} {name}; a {} problem has at least {least}", self.name());
                return Err(DataError::Size(what));
            }
        }
        let mut rng = Rng::named(seed, self.name(), number);
        let teacher = Teacher::draw(self, size.features, &mut rng);
        let mut examples = |count| (0..count).map(|_| teacher.example(size.features, &mut rng)).collect();
        Ok(Problem { training: examples(size.training), validation: examples(size.validation) })
    }
}

/// What makes the labels.
struct Teacher {
    /// Of the output.
    weights: Vec<f64>,
    /// Of the hidden units, if there are any.
    hidden: Vec<Vec<f64>>,
}

/// Hidden units that the published teacher leaves silent.
const SILENT: [usize; 2] = [0, 2];

impl Teacher {
    fn draw(family: Family, features: usize, rng: &mut Rng) -> Self {
        let mut normal = || (0..features).map(|_| rng.normal()).collect::<Vec<f64>>();
        let mut weights = normal();
        let mut hidden = Vec::new();
        if family == Family::Nonlinear {
            hidden = (0..features).map(|_| normal()).collect();
            SILENT.into_iter().for_each(|unit| weights[unit] = 0.0);
        }
        Self { weights, hidden }
    }

    fn example(&self, count: usize, rng: &mut Rng) -> Example {
        let features: Vec<f64> = (0..count).map(|_| rng.normal()).collect();
        let activations: Vec<f64> = self.hidden.iter().map(|unit| dot(unit, &features).max(0.0)).collect();
        let last = if activations.is_empty() { &features } else { &activations };
        Example { label: dot(&self.weights, last), features }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { features: 4, training: 200, validation: 100 };

    #[test]
    fn problems_are_the_same_for_the_same_seed_and_number() {
        let problem = |seed, number| Family::Nonlinear.problem(SIZE, seed, number).unwrap();
        assert_eq!(problem(1, 2), problem(1, 2));
        assert_ne!(problem(1, 2), problem(1, 3));
        assert_ne!(problem(1, 2), problem(2, 2));
    }

    #[test]
    fn labels_of_linear_problems_add_up() {
        let problem = Family::Linear.problem(SIZE, 0, 0).unwrap();
        // The weights that the first four examples tell fit all others.
        let weights = solve(&problem.training[..4]);
        for Example { features, label } in &problem.validation {
            assert!((dot(&weights, features) - label).abs() < 1e-9);
        }
        let problem = Family::Nonlinear.problem(SIZE, 0, 0).unwrap();
        let weights = solve(&problem.training[..4]);
        let off = |example: &&Example| (dot(&weights, &example.features) - example.label).abs() > 1e-3;
        assert!(problem.validation.iter().filter(off).count() > 50);
    }

    /// Gauss's elimination.
    fn solve(examples: &[Example]) -> Vec<f64> {
        let mut rows: Vec<Vec<f64>> =
            examples.iter().map(|it| it.features.iter().copied().chain([it.label]).collect()).collect();
        let n = rows.len();
        for i in 0..n {
            let pivot = (i..n).max_by(|a, b| rows[*a][i].abs().total_cmp(&rows[*b][i].abs())).unwrap();
            rows.swap(i, pivot);
            let row = rows[i].clone();
            for (_, other) in rows.iter_mut().enumerate().filter(|(j, _)| *j != i) {
                let factor = other[i] / row[i];
                other.iter_mut().zip(&row).for_each(|(x, y)| *x -= factor * y);
            }
        }
        (0..n).map(|i| rows[i][n] / rows[i][i]).collect()
    }

    #[test]
    fn fitness_is_one_for_no_error_and_half_for_an_error_of_one() {
        assert_eq!(Fitness::SquashedError.of(0.0, 7), 1.0);
        assert!((Fitness::SquashedError.of(7.0, 7) - 0.5).abs() < 1e-12);
        assert_eq!(Fitness::Accuracy.of(25.0, 100), 0.75);
    }

    #[test]
    fn sizes_that_make_no_problem_are_named() {
        let error = Family::Nonlinear.problem(Size { features: 2, ..SIZE }, 0, 0).unwrap_err();
        assert!(error.to_string().contains("2 features; a nonlinear problem has at least 4"), "{error}");
    }
}
