//! What a candidate did on the probe, and where two of them part: for people to read.

use std::collections::BTreeMap;

use crate::probe::{Response, Tape};
use crate::quantize::Projection;
use crate::{Class, Digest, Mark};

/// What a candidate did on the probe.
#[derive(Clone, Debug)]
pub struct Trace {
    pub class: Class,
    pub draws: Vec<DrawTrace>,
    /// Digest of the genes that enter by value.
    pub by_value: Option<Digest>,
    pub(crate) bits: u32,
}

/// One draw of a [`Trace`].
#[derive(Clone, Debug)]
pub struct DrawTrace {
    /// Kind and role of every group, in the order of roles.
    pub roles: Vec<(String, Mark)>,
    /// The response, row by row.
    pub outputs: Vec<f64>,
    pub columns: usize,
    /// What of the response enters the fingerprint; `None` if it is not finite.
    pub projection: Option<Projection>,
    /// Runs until every live group had a role of its own, those that redrew one group included.
    pub runs: usize,
}

/// Two traces side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Roles of the first draw, in order.
    pub roles: Vec<RoleCount>,
    /// Numbers that were compared, over all draws.
    pub responses: usize,
    /// The first that differs beyond rounding; `None` if none does.
    pub difference: Option<Difference>,
    /// Whether the genes that enter by value are the same.
    pub same_values: bool,
}

/// How many groups of each side play a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleCount {
    pub kind: String,
    pub role: Mark,
    pub a: usize,
    pub b: usize,
}

/// Where two responses part.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// The sides answer with so many numbers.
    Length { a: usize, b: usize },
    /// All counted from 0.
    Value { draw: usize, row: usize, column: usize, a: f64, b: f64 },
}

impl DrawTrace {
    pub(crate) fn of(tape: &Tape, response: &Response, projection: Option<Projection>, runs: usize) -> Self {
        let kinds = tape.kinds.iter().flatten().cloned();
        let mut roles: Vec<_> = kinds.zip(tape.groups.iter().map(|role| role.mark)).collect();
        roles.sort_by_key(|(_, mark)| *mark);
        let outputs = tape.kept(response.outputs).to_vec();
        Self { roles, outputs, columns: response.columns, projection, runs }
    }
}

impl Trace {
    /// Where two candidates, traced under the same scheme, agree and where they part.
    pub fn compare(&self, other: &Self) -> Comparison {
        let mut counts: BTreeMap<(Mark, &str), (usize, usize)> = BTreeMap::new();
        for (kind, role) in self.draws.iter().take(1).flat_map(|draw| &draw.roles) {
            counts.entry((*role, kind)).or_default().0 += 1;
        }
        for (kind, role) in other.draws.iter().take(1).flat_map(|draw| &draw.roles) {
            counts.entry((*role, kind)).or_default().1 += 1;
        }
        let count = |((role, kind), (a, b)): ((Mark, &str), _)| RoleCount { kind: kind.into(), role, a, b };
        let pairs = self.draws.iter().zip(&other.draws).enumerate();
        Comparison {
            roles: counts.into_iter().map(count).collect(),
            responses: self.draws.iter().map(|draw| draw.outputs.len()).sum(),
            difference: pairs.into_iter().find_map(|(draw, (a, b))| self.difference(draw, a, b)),
            same_values: self.by_value == other.by_value,
        }
    }

    /// The first number that differs by more than the rounding; if all differ by less and the projections differ all
    /// the same, the number that differs most.
    fn difference(&self, draw: usize, a: &DrawTrace, b: &DrawTrace) -> Option<Difference> {
        if a.outputs.len() != b.outputs.len() || a.columns != b.columns {
            return Some(Difference::Length { a: a.outputs.len(), b: b.outputs.len() });
        }
        // What is not finite has no projection to agree on.
        if a.projection.is_some() && a.projection == b.projection {
            return None;
        }
        let at = |i: usize| Difference::Value {
            draw,
            row: i / a.columns,
            column: i % a.columns,
            a: a.outputs[i],
            b: b.outputs[i],
        };
        let off = |i: &usize| {
            let (a, b) = (a.outputs[*i], b.outputs[*i]);
            if a.is_finite() && b.is_finite() { (a - b).abs() } else { f64::INFINITY }
        };
        let scale = a.outputs.iter().chain(&b.outputs).fold(0.0f64, |max, x| max.max(x.abs()));
        let tolerance = scale / (1u64 << self.bits) as f64;
        let places = 0..a.outputs.len();
        let beyond = places.clone().find(|i| off(i) > tolerance);
        beyond.or_else(|| places.max_by(|i, j| off(i).total_cmp(&off(j)))).map(at)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Behavior, FunctionalHasher, HashError, Probe, Response, Scheme};

    use super::*;

    /// Layers of tanh(w·x), each with a factor on its way to the sum.
    struct Branches(Vec<f64>);

    impl Behavior for Branches {
        fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
            let x = probe.input("x", 6);
            let mut terms = vec![x];
            for factor in &self.0 {
                let group = probe.group("layer", &[x]);
                let w = probe.tensor(group, "w", 1, 0.0, 1.0);
                terms.push(probe.node([x, w], 6, |[x, w], y| {
                    y.iter_mut().zip(x).for_each(|(y, x)| *y = factor * libm::tanh(w[0] * x));
                }));
            }
            let sum = probe.sum(&terms);
            Ok(Response::rows(sum, 1))
        }
    }

    fn trace(factors: &[f64]) -> Trace {
        FunctionalHasher::new(Scheme::default()).trace(&Branches(factors.to_vec())).unwrap()
    }

    #[test]
    fn equal_functions_play_the_same_roles_and_answer_alike() {
        let comparison = trace(&[1.0, 2.0]).compare(&trace(&[2.0, 1.0]));
        assert_eq!((comparison.responses, comparison.difference), (12, None));
        assert_eq!(comparison.roles.len(), 2);
        assert!(comparison.roles.iter().all(|role| (role.a, role.b) == (1, 1) && role.kind == "layer"));
    }

    #[test]
    fn what_differs_is_shown_where_it_does() {
        let comparison = trace(&[1.0]).compare(&trace(&[2.0]));
        let Some(Difference::Value { draw: 0, row: 0, column: 0, a, b }) = comparison.difference else {
            panic!("{comparison:?}")
        };
        assert!((a - b).abs() > 1e-6, "{a} {b}");
        let roles = trace(&[1.0, 2.0]).compare(&trace(&[1.0])).roles;
        assert!(roles.iter().any(|role| role.a != role.b), "{roles:?}");
    }
}
