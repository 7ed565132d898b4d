//! The probe: fixed inputs, parameters drawn by role, and a tape of every value, so that what a change does not reach
//! is not computed again.

use crate::quantize::{Projection, Projector};
use crate::{Digest, KeyWriter, Mark};

/// What a candidate computes, on the probe.
pub trait Behavior {
    /// Runs the candidate on the probe's inputs with the probe's parameters. The same calls in the same order, a
    /// topological one, on every run; nothing else may be random. Values are never read back to decide what to call.
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError>;
}

/// Why a candidate has no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    #[error("the candidate cannot be run: {0}")]
    Malformed(String),
}

/// A list of numbers on the tape: an input, a tensor, or something computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value(usize);

/// A group of trainable parameters: tensors that play one role together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group(usize);

/// The numbers that a candidate answers with: one row for each example (or position) of the probe.
#[derive(Clone, Debug)]
pub struct Response {
    pub(crate) outputs: Value,
    pub(crate) columns: usize,
    pub(crate) by_value: Option<Digest>,
}

impl Response {
    /// `outputs` holds rows of `columns` numbers, one row an example (or position).
    pub fn rows(outputs: Value, columns: usize) -> Self {
        Self { outputs, columns, by_value: None }
    }

    /// Genes that no response can show (learning rate, true width) enter the fingerprint by value.
    pub fn with_values(mut self, write: impl FnOnce(&mut KeyWriter)) -> Self {
        let mut out = KeyWriter::new("fecund genes by value v1");
        write(&mut out);
        self.by_value = Some(out.finish());
        self
    }
}

/// One run of a candidate. Values, groups and roles stay on the tape for the next run of the same candidate.
pub struct Probe<'a> {
    pub(crate) projector: &'a Projector,
    pub(crate) role_bits: u32,
    /// Seed and number of the draw.
    pub(crate) stream: Mark,
    /// What earlier runs learned about each group, in the order of asking.
    pub(crate) marks: &'a [Mark],
    /// In a run that redraws one group, all others keep their roles.
    pub(crate) redrawn: Option<usize>,
    pub(crate) tape: &'a mut Tape,
    pub(crate) nodes: usize,
    pub(crate) groups: usize,
}

/// What is kept between runs. In a run that redraws a group, what that changes goes to `changed`, and `kept` stays.
#[derive(Default)]
pub(crate) struct Tape {
    nodes: Vec<Node>,
    pub(crate) groups: Vec<Role>,
    kept: Vec<f64>,
    changed: Vec<f64>,
    run: u32,
    /// Kinds of the groups, where somebody wants to read them.
    pub(crate) kinds: Option<Vec<String>>,
    /// Computes everything in every run: what reuse is tested against.
    #[cfg(test)]
    pub(crate) afresh: bool,
}

struct Node {
    start: usize,
    len: usize,
    /// The last run that computed it.
    computed: u32,
    /// Digest of the kept values, once somebody asked.
    mark: Option<Mark>,
}

#[derive(Clone, Copy)]
pub(crate) struct Role {
    pub(crate) mark: Mark,
    /// The last run in which it changed.
    changed: u32,
}

impl Tape {
    pub(crate) fn naming_kinds() -> Self {
        Self { kinds: Some(Vec::new()), ..Self::default() }
    }

    /// Forgets the candidate before, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.nodes.clear();
        self.groups.clear();
        self.kept.clear();
        self.run = 0;
        self.kinds.iter_mut().for_each(Vec::clear);
    }

    pub(crate) fn next_run(&mut self) {
        self.run += 1;
        self.changed.resize(self.kept.len(), 0.0);
    }

    /// What a run without redrawing left.
    pub(crate) fn kept(&self, value: Value) -> &[f64] {
        let Node { start, len, .. } = self.nodes[value.0];
        &self.kept[start..start + len]
    }
}

impl Probe<'_> {
    /// An input called `name` of `len` numbers, uniform in [−√3, √3) (mean 0, variance 1), without ties.
    pub fn input(&mut self, name: &str, len: usize) -> Value {
        let stream = self.stream.then_text("input").then_text(name);
        self.write(false, len, |_, out| stream.fill_uniform(out, 0.0, 1.0))
    }

    /// The next group of trainable parameters. `kind` names the operation and every setting of it; `inputs` are what it
    /// reads, in an order that does not depend on how the candidate is written (where operands commute, pass their
    /// sum). A tied group is asked for once and used at all of its places: pass what it reads at those that are known
    /// by then, and where no data flow orders them, their sum, so that the role does not depend on which comes first.
    pub fn group(&mut self, kind: &str, inputs: &[Value]) -> Group {
        let index = self.groups;
        self.groups += 1;
        let run = self.tape.run;
        match self.redrawn {
            Some(redrawn) if redrawn == index => self.tape.groups[index].changed = run,
            Some(_) => {}
            None => self.place(index, kind, inputs),
        }
        Group(index)
    }

    /// The tensor `name` of a group, row-major, uniform around `center` with standard deviation `spread`. Tensors of a
    /// group are told apart by name.
    pub fn tensor(&mut self, group: Group, name: &str, len: usize, center: f64, spread: f64) -> Value {
        let role = self.tape.groups[group.0];
        let redrawn = u64::from(self.redrawn == Some(group.0));
        let stream = role.mark.then(redrawn).then_text(name);
        self.write(role.changed == self.tape.run, len, |_, out| stream.fill_uniform(out, center, spread))
    }

    /// `len` numbers computed from `inputs` (values and tensors), and from nothing else.
    pub fn node<const N: usize>(
        &mut self,
        inputs: [Value; N],
        len: usize,
        compute: impl FnOnce([&[f64]; N], &mut [f64]),
    ) -> Value {
        let changed = inputs.iter().any(|input| self.changed(*input));
        self.write(changed, len, |before, out| compute(inputs.map(|input| before.read(input)), out))
    }

    /// The sum of at least one value, all of the same length; the operands commute.
    pub fn sum(&mut self, operands: &[Value]) -> Value {
        let [first, others @ ..] = operands else { panic!("a sum has operands") };
        if others.is_empty() {
            return *first;
        }
        let changed = operands.iter().any(|operand| self.changed(*operand));
        self.write(changed, self.tape.nodes[first.0].len, |before, out| {
            out.copy_from_slice(before.read(*first));
            for other in others {
                out.iter_mut().zip(before.read(*other)).for_each(|(sum, x)| *sum += x);
            }
        })
    }

    /// Numbers computed beside the tape. They count as changed in every run.
    pub fn record(&mut self, values: &[f64]) -> Value {
        self.write(true, values.len(), |_, out| out.copy_from_slice(values))
    }

    /// The numbers of a value in this run.
    pub fn read(&self, value: Value) -> &[f64] {
        let Tape { nodes, kept, changed, run, .. } = &*self.tape;
        Before { nodes, kept, changed, redrawn: self.redrawn.is_some(), run: *run }.read(value)
    }

    fn changed(&self, value: Value) -> bool {
        self.tape.nodes[value.0].computed == self.tape.run
    }

    /// The role of a group: kind and settings, what it reads, and what earlier runs learned.
    fn place(&mut self, index: usize, kind: &str, inputs: &[Value]) {
        let mut role = self.stream.then_text(kind).then(inputs.len() as u64);
        for input in inputs {
            role = role.then(self.mark(*input).0);
        }
        let mark = role.then(self.marks.get(index).copied().unwrap_or_default().0);
        let run = self.tape.run;
        match self.tape.groups.get_mut(index) {
            Some(known) if known.mark == mark => {}
            Some(known) => *known = Role { mark, changed: run },
            None => {
                self.tape.groups.push(Role { mark, changed: run });
                self.tape.kinds.iter_mut().for_each(|kinds| kinds.push(kind.to_string()));
            }
        }
    }

    fn mark(&mut self, value: Value) -> Mark {
        let Node { start, len, mark, .. } = self.tape.nodes[value.0];
        mark.unwrap_or_else(|| {
            let projection = self.projector.project(&self.tape.kept[start..start + len], self.role_bits);
            let mark = projection.map_or(NOT_FINITE, |words| digest(&words));
            self.tape.nodes[value.0].mark = Some(mark);
            mark
        })
    }

    /// The next node; computed if this is its first run, or if what it is made from has changed.
    fn write(&mut self, changed: bool, len: usize, compute: impl FnOnce(&Before, &mut [f64])) -> Value {
        let index = self.nodes;
        self.nodes += 1;
        let tape = &mut *self.tape;
        let run = tape.run;
        let new = index == tape.nodes.len();
        if new {
            let start = tape.kept.len();
            tape.kept.resize(start + len, 0.0);
            tape.nodes.push(Node { start, len, computed: run, mark: None });
        }
        let (before, node) = tape.nodes.split_at_mut(index);
        let node = &mut node[0];
        assert_eq!(node.len, len, "a candidate makes the same calls on every run");
        #[cfg(test)]
        let changed = changed || tape.afresh;
        if !new && !changed {
            return Value(index);
        }
        node.computed = run;
        let redrawn = self.redrawn.is_some();
        let (kept, kept_out) = tape.kept.split_at_mut(node.start);
        // On the first run there is nothing to change yet.
        let border = node.start.min(tape.changed.len());
        let (changed, changed_out) = tape.changed.split_at_mut(border);
        let out = if redrawn { &mut changed_out[..len] } else { &mut kept_out[..len] };
        compute(&Before { nodes: before, kept, changed, redrawn, run }, out);
        if !redrawn {
            node.mark = None;
        }
        Value(index)
    }
}

/// The values before a node.
struct Before<'a> {
    nodes: &'a [Node],
    kept: &'a [f64],
    changed: &'a [f64],
    redrawn: bool,
    run: u32,
}

impl<'a> Before<'a> {
    fn read(&self, value: Value) -> &'a [f64] {
        let Node { start, len, computed, .. } = self.nodes[value.0];
        let values = if self.redrawn && computed == self.run { self.changed } else { self.kept };
        &values[start..start + len]
    }
}

const NOT_FINITE: Mark = Mark(u64::MAX);

pub(crate) fn digest(projection: &Projection) -> Mark {
    projection.iter().fold(Mark::default(), |mark, word| mark.then(*word))
}
