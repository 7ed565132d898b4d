//! Role refinement: parameters go to nodes by the part they play, never by their position or name.
//!
//! A candidate with trainable parameters is a family of functions. To compare two of them, matching groups must get
//! the same parameters and different groups different ones. Each group's role starts as its kind and the digest of
//! its inputs; groups that share a role are told apart by what redrawing one of them does to the output; what is
//! still alike after that is symmetric, so one member is numbered and the rest follows (individualization and
//! refinement, as in graph canonization).

use std::collections::BTreeMap;

use crate::probe::{Behavior, HashError, Probe, Response, mixed};
use crate::quantize::Projector;
use crate::{Class, Digest, KeyWriter};

/// Every setting that can change a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scheme {
    /// Seed of inputs, parameters and projections. Default: 0.
    pub seed: u64,
    /// Mantissa bits kept of the response. Default: 24.
    pub bits: u32,
    /// Mantissa bits kept of values inside the network, for roles. Default: 16.
    pub role_bits: u32,
    /// Independent draws: under a single one, a silent ReLU can hide a live branch. Default: 2.
    pub draws: u64,
}

impl Default for Scheme {
    fn default() -> Self {
        Self { seed: 0, bits: 24, role_bits: 16, draws: 2 }
    }
}

impl Scheme {
    pub fn name(&self) -> String {
        let Self { seed, bits, role_bits, draws } = self;
        format!("functional-v1 f64 seed={seed} bits={bits} role-bits={role_bits} draws={draws}")
    }
}

/// Fingerprints by what a candidate computes on the probe.
pub struct FunctionalHasher {
    scheme: Scheme,
    projector: Projector,
}

/// One draw of inputs and parameters, and what came out of it.
struct Outcome {
    response: Response,
    digest: Option<Digest>,
    roles: Vec<Digest>,
}

impl FunctionalHasher {
    /// Panics on a scheme without draws, or with mantissa bits that an `f64` does not have.
    pub fn new(scheme: Scheme) -> Self {
        assert!(scheme.draws > 0, "a response needs a draw");
        assert!(
            (1..=51).contains(&scheme.bits) && (1..=51).contains(&scheme.role_bits),
            "1 to 51 mantissa bits"
        );
        Self { scheme, projector: Projector::new(scheme.seed) }
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The digest of the response under all draws and its class; the digest is `None` if a response is not finite.
    pub fn fingerprint(&self, candidate: &dyn Behavior) -> Result<(Option<Digest>, Class), HashError> {
        let mut parts = Vec::new();
        let mut constant = true;
        let mut by_value = Digest::default();
        for draw in 0..self.scheme.draws {
            let outcome = self.refine(candidate, draw)?;
            let Some(digest) = outcome.digest else { return Ok((None, Class::Unhashable)) };
            constant &= outcome.response.is_constant();
            by_value = outcome.response.by_value.unwrap_or_default();
            parts.push(digest);
        }
        if constant {
            return Ok((Some(mixed("fecund constant v1", &[])), Class::Constant));
        }
        let mut out = KeyWriter::new("fecund functional v1");
        out.text(&self.scheme.name());
        out.digest(&by_value);
        out.list(&parts, |out, part| out.digest(part));
        Ok((Some(out.finish()), Class::Function))
    }

    /// Runs one draw until every live group has a role of its own.
    fn refine(&self, candidate: &dyn Behavior, draw: u64) -> Result<Outcome, HashError> {
        let mut marks: Vec<Digest> = Vec::new();
        loop {
            let outcome = self.run(candidate, draw, &marks, None)?;
            if outcome.digest.is_none() {
                return Ok(outcome);
            }
            marks.resize(outcome.roles.len(), Digest::default());
            let mut live = Vec::new();
            for class in shared(&outcome.roles) {
                let members = self.effects(candidate, draw, &marks, &outcome, class)?;
                if members.len() > 1 {
                    live.push(members);
                }
            }
            if live.is_empty() {
                return Ok(outcome);
            }
            mark(&mut marks, &live);
        }
    }

    /// The members of a class whose redrawing changes the output, each with the output that it then gives.
    fn effects(
        &self,
        candidate: &dyn Behavior,
        draw: u64,
        marks: &[Digest],
        outcome: &Outcome,
        class: Vec<usize>,
    ) -> Result<Vec<(usize, Digest)>, HashError> {
        let mut members = Vec::new();
        for group in class {
            let redrawn = self.run(candidate, draw, marks, Some((&outcome.roles, group)))?;
            if redrawn.digest != outcome.digest {
                members.push((group, redrawn.digest.unwrap_or_default()));
            }
        }
        Ok(members)
    }

    fn run(
        &self,
        candidate: &dyn Behavior,
        draw: u64,
        marks: &[Digest],
        fixed: Option<(&[Digest], usize)>,
    ) -> Result<Outcome, HashError> {
        let Scheme { seed, bits, role_bits, .. } = self.scheme;
        let mut probe =
            Probe { projector: &self.projector, seed, draw, role_bits, marks, fixed, roles: Vec::new() };
        let response = candidate.respond(&mut probe)?;
        let digest = self.projector.digest(&response.outputs, bits);
        Ok(Outcome { response, digest, roles: probe.roles })
    }
}

/// Groups that share a role, in the order of roles.
fn shared(roles: &[Digest]) -> Vec<Vec<usize>> {
    let mut classes: BTreeMap<Digest, Vec<usize>> = BTreeMap::new();
    for (group, role) in roles.iter().enumerate() {
        classes.entry(*role).or_default().push(group);
    }
    classes.into_values().filter(|class| class.len() > 1).collect()
}

/// Adds to the marks what the redrawn outputs tell; where they tell nothing, numbers one member of the first class.
fn mark(marks: &mut [Digest], classes: &[Vec<(usize, Digest)>]) {
    let told = classes.iter().any(|class| class.iter().any(|(_, effect)| *effect != class[0].1));
    if told {
        for (group, effect) in classes.iter().flatten() {
            marks[*group] = mixed("fecund effect v1", &[marks[*group], *effect]);
        }
    } else {
        let (first, _) = classes[0][0];
        marks[first] = mixed("fecund numbered v1", &[marks[first]]);
    }
}
