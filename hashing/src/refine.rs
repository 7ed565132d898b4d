//! Role refinement: parameters go to nodes by the part they play, never by their position or name.
//!
//! A candidate with trainable parameters is a family of functions. To compare two of them, matching groups must get
//! the same parameters and different groups different ones. Each group's role starts as its kind and the digest of
//! its inputs; groups that share a role are told apart by what redrawing one of them does to the output. Where nothing
//! tells, one member is numbered and the rest follows; every member is tried, and the smallest response counts
//! (individualization and refinement, as in graph canonization).

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

/// Runs of one draw after which members are no longer tried but taken as they come: of two spellings of a function that
/// needs more, each may then get a fingerprint of its own. The cells and networks of the benchmarks need at most 148.
const MOST_RUNS: usize = 20_000;

/// Redrawings of groups together before they are taken for dead.
const JOINT_REDRAWS: u64 = 3;

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

    /// Runs one draw until every live group has a role of its own; that run is left on the tape.
    fn refine(&self, candidate: &dyn Behavior, tape: &mut Tape, draw: u64) -> Result<Drawn, HashError> {
        tape.clear();
        let mut refinement = Refinement { hasher: self, candidate, tape, draw, kept: Vec::new(), runs: 0 };
        let Leaf { response, projection, marks } = refinement.descend(Vec::new(), false)?;
        if refinement.kept != marks {
            refinement.run(&marks)?;
        }
        Ok(Drawn { response, projection, runs: refinement.runs })
    }
}

/// The search for roles in one draw.
struct Refinement<'a> {
    hasher: &'a FunctionalHasher,
    candidate: &'a dyn Behavior,
    tape: &'a mut Tape,
    draw: u64,
    /// What the values on the tape were computed under.
    kept: Vec<Mark>,
    runs: usize,
}

/// A run in which nothing is left to be told apart.
struct Leaf {
    response: Response,
    projection: Option<Projection>,
    marks: Vec<Mark>,
}

/// What one round found.
enum Round {
    /// Every group that matters has a role of its own.
    Done,
    /// Marks tell more than before.
    Told,
    /// Nothing tells these groups apart.
    Choose(Vec<usize>),
}

impl Refinement<'_> {
    /// Refines from these marks. `greedy` takes the first member where there is a choice.
    fn descend(&mut self, mut marks: Vec<Mark>, greedy: bool) -> Result<Leaf, HashError> {
        loop {
            let (response, projection) = self.run(&marks)?;
            let round = if projection.is_some() { self.round(&mut marks, projection)? } else { Round::Done };
            match round {
                Round::Told => {}
                Round::Done => return Ok(Leaf { response, projection, marks }),
                Round::Choose(members) if greedy || self.runs > MOST_RUNS => {
                    marks = numbered(&marks, members[0]);
                }
                Round::Choose(members) => return self.smallest(&marks, &members),
            }
        }
    }

    /// The smallest leaf over all members that may be numbered. One whose first leaf is the best so far is symmetric to
    /// the member that led there.
    fn smallest(&mut self, marks: &[Mark], members: &[usize]) -> Result<Leaf, HashError> {
        let mut best = self.descend(numbered(marks, members[0]), false)?;
        for member in &members[1..] {
            let first = self.descend(numbered(marks, *member), true)?;
            if first.projection == best.projection {
                continue;
            }
            let leaf = self.descend(numbered(marks, *member), false)?;
            if leaf.projection < best.projection {
                best = leaf;
            }
        }
        Ok(best)
    }

    /// Adds to the marks what redrawing tells of the groups that share a role.
    fn round(&mut self, marks: &mut Vec<Mark>, usual: Option<Projection>) -> Result<Round, HashError> {
        let classes = shared(self.tape);
        if classes.is_empty() {
            return Ok(Round::Done);
        }
        marks.resize(self.tape.groups.len(), Mark::default());
        let (mut live, mut silent) = (Vec::new(), Vec::new());
        for class in classes {
            let (answering, quiet) = self.effects(marks, usual, class)?;
            live.extend((answering.len() > 1).then_some(answering));
            silent.extend((!quiet.is_empty()).then_some(quiet));
        }
        if live.iter().any(|class| class.iter().any(|(_, effect)| *effect != class[0].1)) {
            for (group, effect) in live.into_iter().flatten() {
                marks[group] = marks[group].then(effect.0);
            }
            return Ok(Round::Told);
        }
        if let Some(class) = live.first() {
            return Ok(Round::Choose(class.iter().map(|(group, _)| *group).collect()));
        }
        let together = !silent.is_empty() && self.matter_together(marks, usual, &silent)?;
        Ok(if together { Round::Choose(silent.swap_remove(0)) } else { Round::Done })
    }

    /// Silent one by one, groups may yet matter together, as the three terms of a median do.
    fn matter_together(
        &mut self,
        marks: &[Mark],
        usual: Option<Projection>,
        silent: &[Vec<usize>],
    ) -> Result<bool, HashError> {
        for attempt in 0..JOINT_REDRAWS {
            let mut apart = marks.to_vec();
            for (place, group) in silent.iter().flatten().enumerate() {
                apart[*group] = apart[*group].then_text("apart").then(attempt).then(place as u64);
            }
            if self.run(&apart)?.1 != usual {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The members of a class whose redrawing changes the output, each with the output that it then gives, and the
    /// others.
    #[expect(clippy::type_complexity, reason = "two lists that are taken apart at once")]
    fn effects(
        &mut self,
        marks: &[Mark],
        usual: Option<Projection>,
        class: Vec<usize>,
    ) -> Result<(Vec<(usize, Mark)>, Vec<usize>), HashError> {
        let (mut answering, mut silent) = (Vec::new(), Vec::new());
        for group in class {
            match self.probe(marks, Some(group))?.1 {
                projection if projection == usual => silent.push(group),
                Some(projection) => answering.push((group, digest(&projection))),
                None => answering.push((group, Mark::default())),
            }
        }
        Ok((answering, silent))
    }

    /// A run whose values are kept.
    fn run(&mut self, marks: &[Mark]) -> Result<(Response, Option<Projection>), HashError> {
        self.kept = marks.to_vec();
        self.probe(marks, None)
    }

    fn probe(
        &mut self,
        marks: &[Mark],
        redrawn: Option<usize>,
    ) -> Result<(Response, Option<Projection>), HashError> {
        let Scheme { seed, bits, role_bits, .. } = self.hasher.scheme;
        self.runs += 1;
        self.tape.next_run();
        let stream = Mark::default().then(seed).then(self.draw);
        let (projector, tape) = (&self.hasher.projector, &mut *self.tape);
        let mut probe = Probe { projector, role_bits, stream, marks, redrawn, tape, nodes: 0, groups: 0 };
        let response = self.candidate.respond(&mut probe)?;
        let outputs = probe.read(response.outputs);
        if response.columns == 0 || !outputs.len().is_multiple_of(response.columns) {
            let what = format!("{} outputs in rows of {}", outputs.len(), response.columns);
            return Err(HashError::Malformed(what));
        }
        let projection = projector.project(outputs, bits);
        Ok((response, projection))
    }
}

/// These marks, with one group told from all others.
fn numbered(marks: &[Mark], group: usize) -> Vec<Mark> {
    let mut marks = marks.to_vec();
    marks[group] = marks[group].then_text("numbered");
    marks
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

    #[test]
    fn where_nothing_tells_every_member_is_tried() {
        // Five layers of one kind, joined in pairs over a doubled edge and a triangle: no redrawing tells the ends of the
        // one from those of the other, and yet they are not symmetric.
        let pairs = [[1, 2], [1, 2], [3, 4], [4, 5], [3, 5]];
        let leaves = (0..5).map(|_| ("a", vec![0]));
        let graph = Graph { layers: leaves.chain(pairs.map(|pair| ("b", pair.to_vec()))).collect() };
        let hasher = FunctionalHasher::new(Scheme::default());
        let print = hasher.fingerprint(&graph).unwrap();
        for n in 0..40 {
            let other = graph.renumbered(&mut Rng::named(n, "order", 1));
            assert_eq!(hasher.fingerprint(&other).unwrap(), print, "{:?}", other.layers);
        }
    }

    #[test]
    fn groups_that_matter_only_together_are_not_dead() {
        /// x + (f₁ − f₂)(f₂ − f₃)(f₁ − f₃), which no single redrawing of equal draws changes; or x alone.
        struct Differences(usize);
        impl Behavior for Differences {
            fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
                let x = probe.input("x", 8);
                let f: Vec<Value> = (0..self.0)
                    .map(|_| {
                        let group = probe.group("f", &[x]);
                        let w = probe.tensor(group, "w", 1, 0.0, 1.0);
                        probe.node([x, w], 8, |[x, w], y| {
                            y.iter_mut().zip(x).for_each(|(y, x)| *y = libm::tanh(w[0] * x));
                        })
                    })
                    .collect();
                let [a, b, c] = [0, 1, 2].map(|i| f.get(i).copied().unwrap_or(x));
                let y = probe.node([x, a, b, c], 8, |[x, a, b, c], y| {
                    for (i, y) in y.iter_mut().enumerate() {
                        *y = x[i] + (a[i] - b[i]) * (b[i] - c[i]) * (a[i] - c[i]);
                    }
                });
                Ok(Response::rows(y, 1))
            }
        }
        let hasher = FunctionalHasher::new(Scheme::default());
        let print = |groups| hasher.fingerprint(&Differences(groups)).unwrap().0;
        assert_ne!(print(3), print(0));
        assert_ne!(print(3), print(1));
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
