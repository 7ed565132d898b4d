//! How layers are put together: in one stack, in two branches, or on tokens pooled by two and, behind them, by four.
//!
//! Layers know their `part` in it. In two branches it says which one; both read the embedded tokens, and what they add is
//! added, or both are mapped back to the width. In a U it says how often tokens are pooled by two where the layer stands:
//! x ← x + up(mixer(norm(down x))), with the mean of two steps down, and each step twice up. As down(up y) = y, layers of parts
//! 0 1 2 1 0 are the U of Ronneberger et al. 2015 (arXiv 1505.04597) with skips that are added.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::genome::{Genome, Run};
use super::math::Matrix;
use super::network::{Branches, Group, Network, Supply, apply_linear, linear_tensors};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Raw", tag = "kind", rename_all = "kebab-case")]
pub enum Skeleton {
    /// Every layer reads what the one before it left. Parts are inert.
    #[default]
    Stack,
    /// Layers of part 0 and all others.
    TwoBranch { join: Join },
    /// Tokens are pooled as often as the part says.
    UShape,
}

/// How two branches, which read x and end as a and b, become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Join {
    /// x + (a − x) + (b − x).
    #[default]
    Sum,
    /// W [a, b] + c.
    Concat,
}

impl Join {
    pub const ALL: [Self; 2] = [Self::Sum, Self::Concat];
}

impl Skeleton {
    pub const KINDS: [&str; 3] = ["stack", "two-branch", "u-shape"];
    pub const ALL: [Self; 4] = [
        Self::Stack,
        Self::TwoBranch { join: Join::Sum },
        Self::TwoBranch { join: Join::Concat },
        Self::UShape,
    ];
    /// The largest part of a layer.
    pub const DEEPEST: usize = 2;

    /// Which branch a layer of this part is in, 0 or 1.
    pub fn branch(self, part: usize) -> usize {
        usize::from(matches!(self, Self::TwoBranch { .. }) && part > 0)
    }

    /// How often tokens are pooled by two where a layer of this part stands.
    pub fn level(self, part: usize) -> usize {
        if self == Self::UShape { part } else { 0 }
    }

    /// The simplest part that means the same.
    pub(super) fn simplest_part(self, part: usize) -> usize {
        self.branch(part).max(self.level(part))
    }

    /// What maps two branches back to the width; `None` where nothing does.
    pub(super) fn join(self, width: usize) -> Option<Group> {
        let Self::TwoBranch { join: Join::Concat } = self else { return None };
        let parts = vec![("linear", linear_tensors(width, 2 * width))];
        Some(Group { name: "join".into(), kind: "join of two branches".into(), parts })
    }
}

impl Genome {
    /// Of two branches the runs of each; `None` of other skeletons.
    pub fn branches(&self) -> Option<[Vec<Run>; 2]> {
        let of = |branch| {
            let here = |run: &Run| self.skeleton.branch(self.layers[run.layer].part) == branch;
            self.schedule().into_iter().filter(here).collect()
        };
        matches!(self.skeleton, Skeleton::TwoBranch { .. }).then(|| [0, 1].map(of))
    }
}

impl Network {
    /// What two branches of these runs, which read the same tokens, become.
    pub(super) fn run_branches(
        &self,
        runs: &[Vec<Run>; 2],
        branches: &mut Branches,
        xs: &[Matrix],
        supply: &mut Supply,
    ) -> Vec<Matrix> {
        let [a, b] = runs.each_ref().map(|runs| {
            let mut made = xs.to_vec();
            self.run(runs, branches, &mut made, supply);
            made
        });
        match self.join() {
            None => xs.iter().zip(a.iter().zip(&b)).map(|(x, (a, b))| added(x, a, b)).collect(),
            Some(group) => {
                let both: Vec<_> = a.iter().zip(&b).map(|(a, b)| concatenated(a, b)).collect();
                let weights = supply(&group, &both);
                both.iter().map(|x| apply_linear(x, &weights[0])).collect()
            }
        }
    }
}

/// x + (a − x) + (b − x).
fn added(x: &Matrix, a: &Matrix, b: &Matrix) -> Matrix {
    a.clone().zip(b, |a, b| a + b).zip(x, |sum, x| sum - x)
}

/// [a, b].
fn concatenated(a: &Matrix, b: &Matrix) -> Matrix {
    let mut both = Matrix::zeros(a.rows, 2 * a.columns);
    both.set_columns(0, a);
    both.set_columns(a.columns, b);
    both
}

/// What `mix` makes of tokens pooled by two so many times, repeated as often. Of a grid, every column by itself.
pub(super) fn at_level(level: usize, x: &Matrix, columns: usize, mix: &dyn Fn(&Matrix) -> Matrix) -> Matrix {
    if level == 0 {
        return mix(x);
    }
    repeated(&at_level(level - 1, &halved(x, columns), columns, mix), columns, x.rows)
}

/// Means of two steps, of `columns` tokens each; the last step may be alone.
fn halved(x: &Matrix, columns: usize) -> Matrix {
    let step = columns * x.columns;
    let mean = |pair: &[f64]| -> Vec<f64> {
        let (a, b) = pair.split_at(step);
        if b.is_empty() { a.to_vec() } else { a.iter().zip(b).map(|(a, b)| 0.5 * (a + b)).collect() }
    };
    let data: Vec<f64> = x.data.chunks(2 * step).flat_map(mean).collect();
    Matrix::new(data.len() / x.columns, x.columns, data)
}

/// Every step twice, up to so many tokens.
fn repeated(x: &Matrix, columns: usize, tokens: usize) -> Matrix {
    let steps = x.data.chunks(columns * x.columns);
    let mut data: Vec<f64> = steps.flat_map(|step| [step, step].concat()).collect();
    data.truncate(tokens * x.columns);
    Matrix::new(tokens, x.columns, data)
}

impl fmt::Display for Skeleton {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stack => "stack",
            Self::TwoBranch { join: Join::Sum } => "two branches, added",
            Self::TwoBranch { join: Join::Concat } => "two branches, side by side",
            Self::UShape => "u-shape",
        })
    }
}

/// A skeleton as it is read, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    kind: String,
    join: Option<Join>,
}

impl TryFrom<Raw> for Skeleton {
    type Error = String;

    fn try_from(Raw { kind, join }: Raw) -> Result<Self, String> {
        match (kind.as_str(), join) {
            ("two-branch", join) => Ok(Self::TwoBranch { join: join.unwrap_or_default() }),
            ("stack", None) => Ok(Self::Stack),
            ("u-shape", None) => Ok(Self::UShape),
            ("stack" | "u-shape", Some(_)) => Err(format!(
                "skeleton: `{kind}` joins nothing; leave `join` out, or give the kind two-branch"
            )),
            _ => Err(format!("skeleton: no kind `{kind}`; known: {}", Self::KINDS.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_what_is_unknown_is_named() {
        let read = |json: &str| serde_json::from_str::<Skeleton>(json).map_err(|error| error.to_string());
        for skeleton in Skeleton::ALL {
            assert_eq!(read(&serde_json::to_string(&skeleton).unwrap()), Ok(skeleton));
        }
        assert_eq!(read(r#"{"kind": "two-branch"}"#), Ok(Skeleton::TwoBranch { join: Join::Sum }));
        for (json, named) in [
            (r#"{"kind": "tree"}"#, "no kind `tree`"),
            (r#"{"kind": "u-shape", "join": "sum"}"#, "joins nothing"),
            (r#"{"kind": "two-branch", "join": "product"}"#, "product"),
            (r#"{"kind": "stack", "depth": 2}"#, "depth"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(named), "{json}: {error}");
        }
    }

    #[test]
    fn two_steps_are_one_and_the_last_may_be_alone() {
        // Three steps of two columns.
        let x = Matrix::new(6, 1, vec![1.0, 10.0, 3.0, 30.0, 7.0, 70.0]);
        assert_eq!(halved(&x, 2).data, [2.0, 20.0, 7.0, 70.0]);
        assert_eq!(at_level(1, &x, 2, &Matrix::clone).data, [2.0, 20.0, 2.0, 20.0, 7.0, 70.0]);
        assert_eq!(at_level(2, &x, 2, &Matrix::clone).data, [4.5, 45.0, 4.5, 45.0, 4.5, 45.0]);
    }

    #[test]
    fn what_was_repeated_and_is_pooled_again_is_itself() {
        for (tokens, columns) in [(1usize, 1usize), (2, 1), (7, 1), (8, 1), (15, 3), (3, 3)] {
            let halves = (tokens / columns).div_ceil(2) * columns;
            let x = Matrix::new(halves, 1, (0..halves).map(|i| (i * i) as f64).collect());
            assert_eq!(halved(&repeated(&x, columns, tokens), columns), x, "{tokens} {columns}");
        }
    }
}
