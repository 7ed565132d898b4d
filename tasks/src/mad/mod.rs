//! The six tasks of mechanistic architecture design (Poli et al. 2024, arXiv 2403.17844), drawn from named streams.
//!
//! A [`Mad`] is plain data; its cases follow from it, bit for bit, and need no file. Sizes are those of the published
//! configurations ([`Kind::published`]) or smaller ones for one processor core ([`Kind::small`]). Where the published
//! generators can make a case without an answer, these do not; each file says what differs.

mod compression;
mod copying;
mod fuzzy;
mod memorization;
mod noisy;
mod recall;
mod settings;

pub use memorization::dictionary;
pub use settings::{Kind, Mad};

use hashing::Rng;

use crate::{IGNORED, Tokens};

/// Version of the generators, part of every key; goes up when a case changes.
pub const VERSION: u64 = 1;

/// What cases are for. Each part has streams of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Training,
    Validation,
    Test,
}

/// One case: as many targets as inputs.
struct Case {
    inputs: Vec<i32>,
    targets: Vec<i32>,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl Mad {
    /// All cases of a part, each from a stream of its own.
    pub fn cases(&self, part: Part) -> Tokens {
        let count = match part {
            Part::Training => self.training,
            Part::Validation => self.validation,
            Part::Test => self.test,
        };
        let mut tokens = Tokens {
            vocabulary: self.vocabulary,
            length: self.steps(),
            inputs: Vec::with_capacity(count * self.steps()),
            targets: Vec::with_capacity(count * self.steps()),
        };
        for number in 0..count as u64 {
            let Case { inputs, targets } = self.case(part, number);
            tokens.inputs.extend(inputs);
            tokens.targets.extend(targets);
        }
        tokens
    }

    fn case(&self, part: Part, number: u64) -> Case {
        let rng = &mut Rng::named(self.seed, &format!("mad {} {}", self.task.name(), part.name()), number);
        match self.task {
            Kind::InContextRecall => recall::case(self, part, rng),
            Kind::NoisyInContextRecall => noisy::case(self, part, rng),
            Kind::FuzzyInContextRecall => fuzzy::case(self, part, rng),
            Kind::SelectiveCopying => copying::case(self, rng),
            Kind::Compression => compression::case(self, rng),
            Kind::Memorization => memorization::case(self, rng),
        }
    }
}

/// A token of `first..first + count`.
fn draw(first: usize, count: usize, rng: &mut Rng) -> i32 {
    (first + rng.below(count)) as i32
}

/// A text whose next token is to be told. Training asks for every token, as the published protocol does; else only
/// tokens that `answers` marks are asked for.
fn next_tokens(text: &[i32], answers: &[bool], part: Part) -> Case {
    let asked = |(token, answer): (&i32, &bool)| match part {
        Part::Training => *token,
        _ if *answer => *token,
        _ => IGNORED,
    };
    let targets = text.iter().zip(answers).skip(1).map(asked).collect();
    Case { inputs: text[..text.len() - 1].to_vec(), targets }
}
