//! Which of the tasks, and how large: plain data.

use serde::{Deserialize, Serialize};

/// One of the six tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    InContextRecall,
    FuzzyInContextRecall,
    NoisyInContextRecall,
    SelectiveCopying,
    Compression,
    Memorization,
}

/// A task with its sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mad {
    pub task: Kind,
    /// All tokens, those of noise and the special ones among them.
    pub vocabulary: usize,
    /// Steps, as the published configurations count them; [`Mad::steps`] are those of a case.
    pub length: usize,
    /// Training cases.
    pub training: usize,
    /// Training cases of an epoch; the next one takes those that follow, round and round.
    pub epoch: usize,
    /// Cases that select the epoch and score a candidate.
    pub validation: usize,
    /// Cases that are drawn for a test only.
    pub test: usize,
    /// Tokens of noise, in noisy recall.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub noise: usize,
    /// Share of the pairs that are noise, in noisy recall.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub noise_share: f64,
    /// Most tokens of a key and of a value, in fuzzy recall.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub motif: usize,
    /// Tokens to copy, in selective copying.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub copied: usize,
    /// Of all streams, and of the dictionary of memorization.
    pub seed: u64,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn is_nothing(share: &f64) -> bool {
    *share == 0.0
}

/// Of tokens and of steps.
const MOST: usize = 1 << 12;
/// Of cases times steps of a part.
const MOST_STEPS: usize = 1 << 26;

impl Kind {
    pub const ALL: [Self; 6] = [
        Self::InContextRecall,
        Self::FuzzyInContextRecall,
        Self::NoisyInContextRecall,
        Self::SelectiveCopying,
        Self::Compression,
        Self::Memorization,
    ];

    /// As on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::InContextRecall => "in-context-recall",
            Self::FuzzyInContextRecall => "fuzzy-in-context-recall",
            Self::NoisyInContextRecall => "noisy-in-context-recall",
            Self::SelectiveCopying => "selective-copying",
            Self::Compression => "compression",
            Self::Memorization => "memorization",
        }
    }

    /// What is asked, in a line.
    pub fn summary(self) -> &'static str {
        match self {
            Self::InContextRecall => "the value that came with a key, when the key comes again",
            Self::FuzzyInContextRecall => "the same where keys and values are groups of tokens",
            Self::NoisyInContextRecall => "the same with noise between the pairs",
            Self::SelectiveCopying => "the tokens that were strewn over blanks, in their order",
            Self::Compression => "all tokens, from the vector of the last step",
            Self::Memorization => "the value of a key in a dictionary that is the same in all cases",
        }
    }

    /// The sizes of the published configuration, and a validation part as large as its test part.
    pub fn published(self) -> Mad {
        let base = Mad {
            task: self,
            vocabulary: 16,
            length: 128,
            training: 12_800,
            epoch: 12_800,
            validation: 1_280,
            test: 1_280,
            noise: 0,
            noise_share: 0.0,
            motif: 0,
            copied: 0,
            seed: 0,
        };
        match self {
            Self::InContextRecall => base,
            Self::FuzzyInContextRecall => Mad { motif: 3, ..base },
            Self::NoisyInContextRecall => Mad { vocabulary: 32, noise: 16, noise_share: 0.2, ..base },
            Self::SelectiveCopying => Mad { length: 256, copied: 16, ..base },
            Self::Compression => Mad { length: 32, ..base },
            Self::Memorization => Mad { vocabulary: 256, length: 32, training: 256, epoch: 256, ..base },
        }
    }

    /// Sizes for one processor core.
    pub fn small(self) -> Mad {
        let base = Mad { length: 64, epoch: 800, validation: 160, test: 640, ..self.published() };
        match self {
            Self::InContextRecall | Self::NoisyInContextRecall => base,
            Self::FuzzyInContextRecall => Mad { vocabulary: 12, motif: 2, ..base },
            Self::SelectiveCopying => Mad { copied: 8, ..base },
            Self::Compression => Mad { length: 16, ..base },
            Self::Memorization => Mad { vocabulary: 128, training: 800, ..base },
        }
    }
}

impl Mad {
    /// Steps of a case. A recall ends before its last value, which is a target only.
    pub fn steps(&self) -> usize {
        match self.task {
            Kind::InContextRecall | Kind::NoisyInContextRecall => self.length - 1,
            _ => self.length,
        }
    }

    /// Tokens that are neither noise nor special: the first ones. The first half of them, rounded down, are keys where
    /// there are keys, and the others values.
    pub fn plain(&self) -> usize {
        let special = match self.task {
            Kind::InContextRecall | Kind::NoisyInContextRecall => 0,
            Kind::FuzzyInContextRecall | Kind::Compression | Kind::Memorization => 1,
            Kind::SelectiveCopying => 2,
        };
        self.vocabulary - self.noise - special
    }

    pub fn keys(&self) -> usize {
        self.plain() / 2
    }

    pub fn values(&self) -> usize {
        self.plain() - self.keys()
    }

    /// Share of targets that a guess among all tokens that may be asked for gets right.
    pub fn chance(&self) -> f64 {
        let choices = match self.task {
            Kind::SelectiveCopying | Kind::Compression => self.plain(),
            _ => self.values(),
        };
        1.0 / choices as f64
    }

    /// What cannot be drawn, if anything cannot. Everything else of a task assumes that it can.
    pub fn check(&self) -> Result<(), String> {
        let Self { task, vocabulary, length, noise, noise_share, motif, copied, .. } = self;
        let refuse = |what: String| Err(format!("task mad/{}: {what}", task.name()));
        if *vocabulary > MOST || !(2..=MOST).contains(length) || *noise > MOST {
            return refuse(format!("give at most {MOST} tokens, and 2 to {MOST} steps"));
        }
        // Two keys, two values and the special tokens.
        if *vocabulary < noise + 6 {
            return refuse(format!("{vocabulary} tokens, {noise} of them noise, leave fewer than 6 others"));
        }
        let noisy = *task == Kind::NoisyInContextRecall;
        if noisy != (*noise > 0) || !(0.0..1.0).contains(noise_share) || noisy != (*noise_share > 0.0) {
            return refuse("noise and noise_share (below 1) belong to noisy recall, and to no other".into());
        }
        let parts = [("training", self.training), ("validation", self.validation), ("test", self.test)];
        if let Some((name, cases)) =
            parts.iter().find(|(_, cases)| !(1..=MOST_STEPS / length).contains(cases))
        {
            return refuse(format!(
                "{cases} {name} cases; give 1 to {} of {length} steps",
                MOST_STEPS / length
            ));
        }
        if !(1..=self.training).contains(&self.epoch) {
            return refuse(format!(
                "an epoch of {} cases; give 1 to the {} there are",
                self.epoch, self.training
            ));
        }
        match task {
            Kind::InContextRecall | Kind::NoisyInContextRecall if *length < 4 || length % 2 == 1 => {
                refuse("length must be even, and 4 or more".into())
            }
            Kind::FuzzyInContextRecall if *motif == 0 || motif > &self.keys() || *length <= 6 * motif => {
                refuse(format!("motif must be 1 to {}, and length more than 6 times that", self.keys()))
            }
            Kind::SelectiveCopying if *copied == 0 || *length <= 2 * copied => {
                refuse("copied must be 1 or more, and length more than twice that".into())
            }
            Kind::Memorization if length % 2 == 1 => refuse("length must be even".into()),
            _ => Ok(()),
        }
    }
}
