//! Role refinement: parameters go to nodes by the part they play, never by their position or name.
//!
//! A candidate with trainable parameters is a family of functions. To compare two of them, matching groups must get
//! the same parameters and different groups different ones. Each group's role starts as its kind and the digest of
//! its inputs; groups that share a role are told apart by what redrawing one of them does to the output; what is
//! still alike after that is symmetric, so one member is numbered and the rest follows (individualization and
//! refinement, as in graph canonization).

use std::sync::{Mutex, PoisonError};

use crate::probe::{Behavior, HashError, Probe, Response, Tape, digest};
use crate::quantize::{Projection, Projector};
use crate::trace::{DrawTrace, Trace};
use crate::{Class, Digest, KeyWriter, Mark};

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
        format!("functional-v2 f64 seed={seed} bits={bits} role-bits={role_bits} draws={draws}")
    }
}

/// Fingerprints by what a candidate computes on the probe.
pub struct FunctionalHasher {
    scheme: Scheme,
    name: String,
    projector: Projector,
    /// Tapes that nobody uses just now.
    tapes: Mutex<Vec<Tape>>,
}

/// One draw of inputs and parameters, run until every live group had a role of its own.
struct Drawn {
    response: Response,
    projection: Option<Projection>,
    runs: usize,
}

impl FunctionalHasher {
    /// Panics on a scheme without draws, or with mantissa bits that an `f64` does not have.
    pub fn new(scheme: Scheme) -> Self {
        assert!(scheme.draws > 0, "a response needs a draw");
        assert!(
            (1..=51).contains(&scheme.bits) && (1..=51).contains(&scheme.role_bits),
            "1 to 51 mantissa bits"
        );
        let projector = Projector::new(scheme.seed);
        Self { scheme, name: scheme.name(), projector, tapes: Mutex::default() }
    }

    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The digest of the response under all draws and its class; the digest is `None` if a response is not finite.
    pub fn fingerprint(&self, candidate: &dyn Behavior) -> Result<(Option<Digest>, Class), HashError> {
        let mut tape = self.tapes.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        let mut fold = Fold::new(&self.name);
        let folded = (0..self.scheme.draws).try_for_each(|draw| {
            let drawn = self.refine(candidate, &mut tape, draw)?;
            fold.add(&drawn, &tape);
            Ok(())
        });
        self.tapes.lock().unwrap_or_else(PoisonError::into_inner).push(tape);
        folded.map(|()| fold.finish())
    }

    /// What the candidate did on the probe.
    pub fn trace(&self, candidate: &dyn Behavior) -> Result<Trace, HashError> {
        let mut tape = Tape::naming_kinds();
        let mut fold = Fold::new(&self.name);
        let mut draws = Vec::new();
        let mut by_value = None;
        for draw in 0..self.scheme.draws {
            let drawn = self.refine(candidate, &mut tape, draw)?;
            fold.add(&drawn, &tape);
            by_value = drawn.response.by_value;
            let Drawn { response, projection, runs } = drawn;
            draws.push(DrawTrace::of(&tape, &response, projection, runs));
        }
        let (_, class) = fold.finish();
        Ok(Trace { class, draws, by_value, bits: self.scheme.bits })
    }

    /// Runs one draw until every live group has a role of its own.
    fn refine(&self, candidate: &dyn Behavior, tape: &mut Tape, draw: u64) -> Result<Drawn, HashError> {
        tape.clear();
        let mut marks: Vec<Mark> = Vec::new();
        let mut runs = 0;
        loop {
            let (response, projection) = self.run(candidate, tape, draw, &marks, None)?;
            runs += 1;
            let classes = shared(tape);
            if projection.is_none() || classes.is_empty() {
                return Ok(Drawn { response, projection, runs });
            }
            let mut live = Vec::new();
            for class in classes {
                runs += class.len();
                let members = self.effects(candidate, tape, draw, &marks, projection, class)?;
                if members.len() > 1 {
                    live.push(members);
                }
            }
            if live.is_empty() {
                return Ok(Drawn { response, projection, runs });
            }
            marks.resize(tape.groups.len(), Mark::default());
            mark(&mut marks, &live);
        }
    }

    /// The members of a class whose redrawing changes the output, each with the output that it then gives.
    fn effects(
        &self,
        candidate: &dyn Behavior,
        tape: &mut Tape,
        draw: u64,
        marks: &[Mark],
        usual: Option<Projection>,
        class: Vec<usize>,
    ) -> Result<Vec<(usize, Mark)>, HashError> {
        let mut members = Vec::new();
        for group in class {
            let (_, projection) = self.run(candidate, tape, draw, marks, Some(group))?;
            if projection != usual {
                members.push((group, projection.map_or(Mark::default(), |projection| digest(&projection))));
            }
        }
        Ok(members)
    }

    fn run(
        &self,
        candidate: &dyn Behavior,
        tape: &mut Tape,
        draw: u64,
        marks: &[Mark],
        redrawn: Option<usize>,
    ) -> Result<(Response, Option<Projection>), HashError> {
        let Scheme { seed, bits, role_bits, .. } = self.scheme;
        tape.next_run();
        let stream = Mark::default().then(seed).then(draw);
        let projector = &self.projector;
        let mut probe = Probe { projector, role_bits, stream, marks, redrawn, tape, nodes: 0, groups: 0 };
        let response = candidate.respond(&mut probe)?;
        let outputs = probe.read(response.outputs);
        if response.columns == 0 || !outputs.len().is_multiple_of(response.columns) {
            let what = format!("{} outputs in rows of {}", outputs.len(), response.columns);
            return Err(HashError::Malformed(what));
        }
        let projection = projector.project(outputs, bits);
        Ok((response, projection))
    }
}

/// Makes one digest of all draws.
struct Fold {
    parts: KeyWriter,
    by_value: Option<Digest>,
    constant: bool,
    finite: bool,
}

impl Fold {
    fn new(scheme: &str) -> Self {
        let mut parts = KeyWriter::new("fecund functional v2");
        parts.text(scheme);
        Self { parts, by_value: None, constant: true, finite: true }
    }

    fn add(&mut self, drawn: &Drawn, tape: &Tape) {
        self.finite &= drawn.projection.is_some();
        self.constant &= is_constant(tape.kept(drawn.response.outputs), drawn.response.columns);
        self.by_value = drawn.response.by_value;
        self.parts.u64(tape.kept(drawn.response.outputs).len() as u64);
        drawn.projection.iter().flatten().for_each(|word| self.parts.u64(*word));
    }

    fn finish(mut self) -> (Option<Digest>, Class) {
        if !self.finite {
            return (None, Class::Unhashable);
        }
        if self.constant {
            return (Some(KeyWriter::new("fecund constant v2").finish()), Class::Constant);
        }
        self.parts.digest(&self.by_value.unwrap_or_default());
        (Some(self.parts.finish()), Class::Function)
    }
}

/// All rows are the same: the candidate ignores its input.
fn is_constant(outputs: &[f64], columns: usize) -> bool {
    let scale = outputs.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    let first = &outputs[..columns.min(outputs.len())];
    let same = |row: &[f64]| row.iter().zip(first).all(|(a, b)| (a - b).abs() <= 1e-9 * scale);
    outputs.chunks(columns).all(same)
}

/// Groups that share a role, in the order of roles.
fn shared(tape: &Tape) -> Vec<Vec<usize>> {
    let roles = &tape.groups;
    let alone = |i: usize| roles[i + 1..].iter().all(|other| other.mark != roles[i].mark);
    if (0..roles.len()).all(alone) {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..roles.len()).collect();
    order.sort_by_key(|group| roles[*group].mark);
    let classes = order.chunk_by(|a, b| roles[*a].mark == roles[*b].mark);
    classes.filter(|class| class.len() > 1).map(<[usize]>::to_vec).collect()
}

/// Adds to the marks what the redrawn outputs tell; where they tell nothing, numbers one member of the first class.
fn mark(marks: &mut [Mark], classes: &[Vec<(usize, Mark)>]) {
    let told = classes.iter().any(|class| class.iter().any(|(_, effect)| *effect != class[0].1));
    if told {
        for (group, effect) in classes.iter().flatten() {
            marks[*group] = marks[*group].then(effect.0);
        }
    } else {
        let (first, _) = classes[0][0];
        marks[first] = marks[first].then_text("numbered");
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{Rng, Value};

    /// Layers tanh(Wx), each of a sum of earlier values; what it is made of is drawn from the seed.
    struct Graph {
        /// Of each layer: its kind, and the values that it reads.
        layers: Vec<(&'static str, Vec<usize>)>,
    }

    impl Graph {
        fn random(seed: u64) -> Self {
            let mut rng = Rng::named(seed, "graph", 0);
            let count = 3 + rng.below(7);
            let sparse = rng.chance(0.5);
            let layer = |i: usize, rng: &mut Rng| {
                let kind = ["a", "b"][rng.below(2)];
                let sources: Vec<usize> =
                    (0..=i).filter(|_| rng.chance(if sparse { 0.2 } else { 0.5 })).collect();
                (kind, if sources.is_empty() { vec![0] } else { sources })
            };
            Self { layers: (0..count).map(|i| layer(i, &mut rng)).collect() }
        }
    }

    impl Graph {
        /// The same layers in another topological order.
        fn renumbered(&self, rng: &mut Rng) -> Self {
            let mut place = vec![Some(0)];
            place.resize(self.layers.len() + 1, None);
            let mut layers = Vec::new();
            while layers.len() < self.layers.len() {
                let ready = |i: &usize| {
                    place[i + 1].is_none() && self.layers[*i].1.iter().all(|source| place[*source].is_some())
                };
                let ready: Vec<usize> = (0..self.layers.len()).filter(ready).collect();
                let chosen = *rng.choose(&ready);
                let (kind, sources) = &self.layers[chosen];
                layers.push((*kind, sources.iter().filter_map(|source| place[*source]).collect()));
                place[chosen + 1] = Some(layers.len());
            }
            Self { layers }
        }
    }

    #[test]
    fn roles_do_not_depend_on_the_order_of_asking() {
        let hasher = FunctionalHasher::new(Scheme::default());
        for seed in 0..2000 {
            let graph = Graph::random(seed);
            let print = hasher.fingerprint(&graph).unwrap();
            let mut rng = Rng::named(seed, "order", 0);
            for _ in 0..3 {
                let other = graph.renumbered(&mut rng);
                assert_eq!(
                    hasher.fingerprint(&other).unwrap(),
                    print,
                    "{:?} {:?}",
                    graph.layers,
                    other.layers
                );
            }
        }
    }

    impl Behavior for Graph {
        fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
            let mut values: Vec<Value> = vec![probe.input("x", 12)];
            for (kind, sources) in &self.layers {
                let operands: Vec<_> = sources.iter().map(|source| values[*source]).collect();
                let sum = probe.sum(&operands);
                let group = probe.group(kind, &[sum]);
                let w = probe.tensor(group, "w", 3, 0.0, 1.0);
                values.push(probe.node([sum, w], 12, |[x, w], y| {
                    y.iter_mut().enumerate().for_each(|(i, y)| {
                        *y = libm::tanh(w[0] * x[i] + w[1] * x[(i + 1) % 12] + w[2] * x[(i + 5) % 12]);
                    });
                }));
            }
            let output = probe.sum(&values);
            Ok(Response::rows(output, 3))
        }
    }

    #[test]
    fn what_the_tape_keeps_is_what_would_be_computed() {
        let (keeping, afresh) =
            (FunctionalHasher::new(Scheme::default()), FunctionalHasher::new(Scheme::default()));
        let mut tape = Tape::default();
        tape.afresh = true;
        afresh.tapes.lock().unwrap().push(tape);
        let (mut seen, mut redrawn) = (HashSet::new(), 0);
        for graph in (0..200).map(Graph::random) {
            let print = keeping.fingerprint(&graph).unwrap();
            assert_eq!(print, afresh.fingerprint(&graph).unwrap());
            seen.insert(print.0);
            redrawn += usize::from(keeping.trace(&graph).unwrap().draws[0].runs > 1);
        }
        assert!(afresh.tapes.lock().unwrap()[0].afresh, "the tape was used");
        assert!(seen.len() > 150 && redrawn > 100, "{} functions, {redrawn} redrawn", seen.len());
    }

    #[test]
    fn a_response_of_broken_rows_is_an_error_and_a_pole_is_unhashable() {
        struct Odd(usize, f64);
        impl Behavior for Odd {
            fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
                let x = probe.input("x", 6);
                let y = probe.node([x], 6, |[x], y| y.iter_mut().zip(x).for_each(|(y, x)| *y = x * self.1));
                Ok(Response::rows(y, self.0))
            }
        }
        let hasher = FunctionalHasher::new(Scheme::default());
        for columns in [0, 4] {
            assert!(matches!(hasher.fingerprint(&Odd(columns, 1.0)), Err(HashError::Malformed(_))));
        }
        assert_eq!(hasher.fingerprint(&Odd(3, f64::INFINITY)), Ok((None, Class::Unhashable)));
        assert_eq!(hasher.fingerprint(&Odd(3, 0.0)).unwrap().1, Class::Constant);
        assert_eq!(hasher.fingerprint(&Odd(3, 1.0)).unwrap().1, Class::Function);
    }
}
