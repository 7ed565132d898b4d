//! How many steps are a token, and what of them it is made of: the step, a patch of steps, or what is known of an interval.

use std::fmt;

use hashing::{KeyWriter, Keyed};
use serde::{Deserialize, Serialize};

use super::math::Matrix;

/// What the embedding reads of a sequence: so many numbers of each channel for every token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", tag = "kind", rename_all = "lowercase")]
pub enum Tokenizer {
    /// A token is a step.
    #[default]
    Steps,
    /// `size` steps in a row, with zeros where the last patch of a sequence is short (Nie et al. 2023, arXiv 2211.14730).
    Patch { size: usize },
    /// Of `size` steps in a row mean, standard deviation, slope, least and largest value: the value tokens of VSFormer
    /// (2024, arXiv 2412.16515). The last interval of a sequence may have fewer steps.
    Values { size: usize },
}

impl Tokenizer {
    pub const KINDS: [&str; 3] = ["steps", "patch", "values"];
    /// Steps that may be joined. Default: the first.
    pub const SIZES: [usize; 3] = [4, 2, 8];
    /// Numbers that [`Self::Values`] keeps of an interval.
    pub const VALUES: usize = 5;

    /// Every choice there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let joined = Self::SIZES.into_iter().flat_map(|size| [Self::Patch { size }, Self::Values { size }]);
        std::iter::once(Self::Steps).chain(joined)
    }

    /// Steps of a token.
    pub fn size(self) -> usize {
        match self {
            Self::Steps => 1,
            Self::Patch { size } | Self::Values { size } => size,
        }
    }

    /// Numbers that a token has of every channel.
    pub fn features(self) -> usize {
        match self {
            Self::Steps => 1,
            Self::Patch { size } => size,
            Self::Values { .. } => Self::VALUES,
        }
    }

    /// Tokens of so many steps, the last of which may be short.
    pub fn count(self, steps: usize) -> usize {
        steps.div_ceil(self.size())
    }

    /// Steps × channels to tokens × (features · channels): feature after feature, each with its channels in a row.
    pub(super) fn read(self, x: &Matrix) -> Matrix {
        let (rows, columns) = (self.count(x.rows), self.features() * x.columns);
        let taken = x.data.chunks(self.size() * x.columns);
        let mut tokens = Matrix::zeros(rows, columns);
        for (token, steps) in tokens.data.chunks_exact_mut(columns).zip(taken) {
            match self {
                Self::Steps | Self::Patch { .. } => token[..steps.len()].copy_from_slice(steps),
                Self::Values { .. } => {
                    for channel in 0..x.columns {
                        let values: Vec<f64> = steps[channel..].iter().step_by(x.columns).copied().collect();
                        let features = token[channel..].iter_mut().step_by(x.columns);
                        features.zip(values_of(&values)).for_each(|(feature, value)| *feature = value);
                    }
                }
            }
        }
        tokens
    }
}

/// Mean, standard deviation (of the interval, not of what it is drawn from), slope of the line of least squares in units a
/// step (0 of one step), least and largest value.
fn values_of(interval: &[f64]) -> [f64; Tokenizer::VALUES] {
    let count = interval.len() as f64;
    let mean = interval.iter().sum::<f64>() / count;
    let variance = interval.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let times = || (0..interval.len()).map(|t| t as f64 - (count - 1.0) / 2.0);
    let spread: f64 = times().map(|t| t * t).sum();
    let rise: f64 = times().zip(interval).map(|(t, x)| t * (x - mean)).sum();
    let slope = if spread > 0.0 { rise / spread } else { 0.0 };
    let [least, largest] = [f64::min, f64::max]
        .map(|of: fn(f64, f64) -> f64| interval[1..].iter().fold(interval[0], |extreme, x| of(extreme, *x)));
    [mean, variance.sqrt(), slope, least, largest]
}

/// Steps write nothing, as there was no choice once.
impl Keyed for Tokenizer {
    fn write_key(&self, out: &mut KeyWriter) {
        let kind = match self {
            Self::Steps => return,
            Self::Patch { .. } => "patch",
            Self::Values { .. } => "values",
        };
        out.text("tokens");
        out.text(kind);
        out.u64(self.size() as u64);
    }
}

impl fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Steps => f.write_str("steps"),
            Self::Patch { size } => write!(f, "patches of {size} steps"),
            Self::Values { size } => write!(f, "values of {size} steps"),
        }
    }
}

/// A tokenizer as it is read, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    kind: String,
    size: Option<usize>,
}

impl TryFrom<Raw> for Tokenizer {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let Raw { kind, size } = raw;
        if kind == "steps" {
            let stray = |size| format!("tokens: `steps` have no `size` {size}; leave it out");
            return size.map_or(Ok(Self::Steps), |size| Err(stray(size)));
        }
        let size = size.unwrap_or(Self::SIZES[0]);
        let choices = || Self::SIZES.map(|size| size.to_string()).join(", ");
        match kind.as_str() {
            "patch" | "values" if size == 1 => Err(format!(
                "tokens: a `{kind}` of size 1 is a step; give the kind steps, or one of {}",
                choices()
            )),
            "patch" | "values" if !Self::SIZES.contains(&size) => {
                Err(format!("tokens: `{kind}` has no `size` {size}; choices: {}", choices()))
            }
            "patch" => Ok(Self::Patch { size }),
            "values" => Ok(Self::Values { size }),
            _ => Err(format!("tokens: no kind `{kind}`; known: {}", Self::KINDS.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Tokenizer, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_read_back_and_what_is_unknown_is_named() {
        for tokens in Tokenizer::all() {
            assert_eq!(read(&serde_json::to_string(&tokens).unwrap()), Ok(tokens));
        }
        assert_eq!(read(r#"{"kind": "patch"}"#), Ok(Tokenizer::Patch { size: 4 }));
        for (json, named) in [
            (r#"{"kind": "words"}"#, "no kind `words`"),
            (r#"{"kind": "patch", "size": 1}"#, "is a step"),
            (r#"{"kind": "values", "size": 3}"#, "no `size` 3; choices: 4, 2, 8"),
            (r#"{"kind": "steps", "size": 4}"#, "leave it out"),
            (r#"{"kind": "patch", "length": 4}"#, "length"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn a_patch_is_its_steps_and_then_zeros() {
        let x = Matrix::new(3, 2, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let expected = Matrix::new(2, 4, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 0.0, 0.0]);
        assert_eq!(Tokenizer::Patch { size: 2 }.read(&x), expected);
        assert_eq!(Tokenizer::Steps.read(&x), x);
    }

    #[test]
    fn values_are_of_the_steps_that_there_are() {
        let line = Matrix::new(5, 2, vec![0.0, 7.0, 2.0, 7.0, 4.0, 7.0, 6.0, 7.0, -3.0, 9.0]);
        let tokens = Tokenizer::Values { size: 4 }.read(&line);
        let rows = [
            [3.0, 7.0, 5f64.sqrt(), 0.0, 2.0, 0.0, 0.0, 7.0, 6.0, 7.0],
            [-3.0, 9.0, 0.0, 0.0, 0.0, 0.0, -3.0, 9.0, -3.0, 9.0],
        ];
        assert_eq!(tokens, Matrix::new(2, 10, rows.concat()));
    }
}
