//! A space whose candidates are what they do to the worker that evaluates them.

use evaluator::Limits;
use hashing::{Behavior, HashError, KeyWriter, Keyed, Probe, Response, Rng};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spaces::{Candidate, Space};
use tasks::{Reason, Scores, Verdict};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum What {
    /// Answers with its level.
    Works,
    /// So too, after garbage on stdout, which is nobody's.
    Prints,
    Sleeps,
    Spins,
    IgnoresSignals,
    Allocates,
    Segfaults,
    Aborts,
    Panics,
    /// Into the pipe to the parent.
    WritesGarbage,
}

/// What it does, and the score of one that works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Deed {
    pub what: What,
    pub level: u64,
}

const SOUND: [What; 2] = [What::Works, What::Prints];

const BAD: [What; 8] = [
    What::IgnoresSignals,
    What::Spins,
    What::Sleeps,
    What::Allocates,
    What::Segfaults,
    What::Aborts,
    What::Panics,
    What::WritesGarbage,
];

const LEVELS: usize = 16;

impl Deed {
    pub fn works(level: u64) -> Self {
        Self { what: What::Works, level }
    }

    /// One for each way to fail.
    pub fn bad() -> impl Iterator<Item = Self> {
        BAD.into_iter().map(|what| Self { what, level: 0 })
    }

    pub fn is_sound(&self) -> bool {
        SOUND.contains(&self.what)
    }

    /// What the worker is asked.
    pub fn request(&self) -> Value {
        match self.what {
            What::Works => json!(["echo", self.level]),
            What::Prints => json!(["print", self.level]),
            What::Sleeps => json!("sleep"),
            What::Spins => json!("spin"),
            What::IgnoresSignals => json!("ignore signals"),
            What::Allocates => json!("allocate"),
            What::Segfaults => json!(["die", "segfault"]),
            What::Aborts => json!(["die", "abort"]),
            What::Panics => json!(["die", "panic"]),
            What::WritesGarbage => json!("garbage"),
        }
    }

    /// What comes of it under these limits, on any machine.
    pub fn verdict(&self, limits: Limits) -> Verdict {
        let (cause, limit) = match self.what {
            What::Works | What::Prints => return scored(self.level as f64),
            What::Sleeps | What::Spins | What::IgnoresSignals => ("time limit", limits.seconds),
            What::Allocates => ("memory limit", limits.memory.map(|bytes| bytes as f64)),
            What::Segfaults => ("worker died: signal 11 (SIGSEGV)", None),
            What::Aborts => ("worker died: signal 6 (SIGABRT)", None),
            What::Panics => ("worker died: exit code 101", None),
            What::WritesGarbage => {
                ("protocol broken: frame of 4294967295 bytes above the limit of 67108864", None)
            }
        };
        Verdict::Invalid(Reason::Unstable { cause: cause.to_string(), limit })
    }

    /// Whether the worker says something before it fails, and the failure has room for it.
    pub fn has_last_words(&self) -> bool {
        matches!(self.what, What::Segfaults | What::Aborts | What::Panics | What::WritesGarbage)
    }
}

pub fn scored(score: f64) -> Verdict {
    Verdict::Scored(Scores([("score".to_string(), score)].into()))
}

/// All deeds. Levels of those that fail are inert.
pub struct Deeds;

impl Space for Deeds {
    type Candidate = Deed;

    fn name(&self) -> &str {
        "deeds v1"
    }

    fn sample(&self, rng: &mut Rng) -> Deed {
        let what = if rng.below(4) == 0 { *rng.choose(&BAD) } else { *rng.choose(&SOUND) };
        Deed { what, level: rng.below(LEVELS) as u64 }
    }

    fn mutate(&self, parent: &Deed, rng: &mut Rng) -> Deed {
        match rng.below(2) {
            0 => Deed { level: rng.below(LEVELS) as u64, ..*parent },
            _ => Deed { what: self.sample(rng).what, ..*parent },
        }
    }

    fn canonicalize(&self, deed: &Deed) -> Deed {
        if deed.is_sound() { *deed } else { Deed { level: 0, ..*deed } }
    }
}

impl Candidate for Deed {}

impl Keyed for Deed {
    fn write_key(&self, out: &mut KeyWriter) {
        out.text(&format!("{self:?}"));
    }
}

impl Behavior for Deed {
    /// A function of its own for each.
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let x = probe.input("x", 8);
        let group = probe.group(&format!("{self:?}"), &[x]);
        let weights = probe.tensor(group, "w", 8, 0.0, 1.0);
        let y = probe.node([x, weights], 8, |[x, weights], y| {
            y.iter_mut().zip(x).zip(weights).for_each(|((y, x), w)| *y = x * w);
        });
        Ok(Response::rows(y, 1))
    }
}
