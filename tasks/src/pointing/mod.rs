//! Tasks whose answer is a sequence of positions in the input (Vinyals et al. 2015, arXiv 1506.03134), drawn from named
//! streams.
//!
//! A [`Pointing`] is plain data; its cases follow from it, bit for bit, and need no file. All numbers are multiples of
//! 2⁻²⁴, which a network sees as they are in `f32`, and of which the oracles know the integers: what is right is decided
//! exactly. Training cases have different lengths; what is learned is asked for at the longest of them, and at twice that.

mod hull;
mod settings;
mod sort;

pub use hull::{convex_hull, covered};
pub use settings::{Kind, Pointing};

use std::collections::BTreeMap;

use hashing::Rng;

/// Version of the generators and of the scores, part of every key; goes up when a case or a score changes.
pub const VERSION: u64 = 1;

/// Numbers are so many-th parts of one.
pub const UNIT: i64 = 1 << 24;

/// What cases are for. Each part has streams of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Training,
    Validation,
    Test,
}

/// One case: tokens, and the positions to point at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointed {
    /// Numbers of a token.
    pub channels: usize,
    /// Tokens × channels, each in 0..[`UNIT`].
    pub numbers: Vec<i64>,
    /// In turn. The position after the last token is the end, where the task has one.
    pub targets: Vec<usize>,
}

/// The names that scores at twice the trained length end in.
pub const AT_TWICE: &str = "_at_2x";

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl Pointed {
    /// Tokens.
    pub fn length(&self) -> usize {
        self.numbers.len() / self.channels
    }

    /// Tokens × channels, in [0, 1).
    pub fn values(&self) -> Vec<f64> {
        self.numbers.iter().map(|number| *number as f64 / UNIT as f64).collect()
    }
}

impl Pointing {
    /// All cases of a part, each from a stream of its own: of all lengths to train on, else of the longest.
    pub fn cases(&self, part: Part) -> Vec<Pointed> {
        let length = |rng: &mut Rng| match part {
            Part::Training => self.shortest + rng.below(self.longest - self.shortest + 1),
            Part::Validation | Part::Test => self.longest,
        };
        self.draw(part.name(), self.count(part), length)
    }

    /// As many cases of twice the longest length, from streams of their own.
    pub fn cases_at_twice(&self, part: Part) -> Vec<Pointed> {
        self.draw(&format!("{} twice", part.name()), self.count(part), |_| 2 * self.longest)
    }

    fn count(&self, part: Part) -> usize {
        match part {
            Part::Training => self.training,
            Part::Validation => self.validation,
            Part::Test => self.test,
        }
    }

    fn draw(&self, name: &str, count: usize, length: impl Fn(&mut Rng) -> usize) -> Vec<Pointed> {
        let name = format!("pointing {} {name}", self.task.name());
        let case = |number| {
            let rng = &mut Rng::named(self.seed, &name, number);
            let length = length(rng);
            match self.task {
                Kind::Sort => sort::case(length, rng),
                Kind::ConvexHull => hull::case(length, rng),
            }
        };
        (0..count as u64).map(case).collect()
    }

    /// What `answers` to these cases are worth: the share of targets that stand where they should (`accuracy`), of cases
    /// that are right from the first to the last (`sequence_accuracy`), and, of hulls, the mean share of the area that is
    /// covered (`area`).
    pub fn scores(&self, cases: &[Pointed], answers: &[Vec<usize>]) -> BTreeMap<String, f64> {
        assert_eq!(cases.len(), answers.len(), "an answer a case");
        let both = || cases.iter().zip(answers);
        let right = |(case, answer): (&Pointed, &Vec<usize>)| {
            case.targets.iter().zip(answer).filter(|(target, told)| target == told).count() as f64
        };
        let whole = both().filter(|(case, answer)| case.targets == **answer).count() as f64;
        let asked: usize = cases.iter().map(|case| case.targets.len()).sum();
        let mut scores: BTreeMap<String, f64> = [
            ("accuracy".to_string(), both().map(right).sum::<f64>() / asked as f64),
            ("sequence_accuracy".to_string(), whole / cases.len() as f64),
        ]
        .into();
        if self.task == Kind::ConvexHull {
            let area: f64 = both().map(|(case, answer)| covered(case, answer)).sum();
            scores.insert("area".into(), area / cases.len() as f64);
        }
        scores
    }

    /// The names of [`scores`](Self::scores), the first decides.
    pub fn score_names(&self) -> &'static [&'static str] {
        match self.task {
            Kind::Sort => &["accuracy", "sequence_accuracy"],
            Kind::ConvexHull => &["accuracy", "sequence_accuracy", "area"],
        }
    }
}
