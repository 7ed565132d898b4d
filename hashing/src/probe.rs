//! The probe: fixed inputs, and parameters drawn by the role that each group of them plays.

use crate::quantize::Projector;
use crate::{Digest, KeyWriter, Rng};

/// What a candidate computes, on the probe.
pub trait Behavior {
    /// Runs the candidate on the probe's inputs with the probe's parameters. Groups of parameters are asked for in a
    /// topological order of the computation, always the same one; nothing else may be random.
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError>;
}

/// Why a candidate has no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    #[error("the candidate cannot be run: {0}")]
    Malformed(String),
}

/// The numbers that a candidate answers with: one row for each example of the probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    pub(crate) outputs: Vec<f64>,
    pub(crate) rows: usize,
    pub(crate) by_value: Option<Digest>,
}

impl Response {
    /// `outputs` holds rows of `columns` numbers, one row an example (or position).
    pub fn rows(outputs: Vec<f64>, columns: usize) -> Self {
        assert!(
            columns > 0 && outputs.len().is_multiple_of(columns),
            "{} outputs in {columns} columns",
            outputs.len()
        );
        let rows = outputs.len() / columns;
        Self { outputs, rows, by_value: None }
    }

    /// Genes that no response can show (learning rate, true width) enter the fingerprint by value.
    pub fn with_values(mut self, write: impl FnOnce(&mut KeyWriter)) -> Self {
        let mut out = KeyWriter::new("fecund genes by value v1");
        write(&mut out);
        self.by_value = Some(out.finish());
        self
    }

    /// All rows are the same: the candidate ignores its input.
    pub(crate) fn is_constant(&self) -> bool {
        let columns = self.outputs.len() / self.rows.max(1);
        let scale = self.outputs.iter().fold(0.0f64, |max, x| max.max(x.abs()));
        let first = &self.outputs[..columns];
        self.outputs
            .chunks(columns)
            .all(|row| row.iter().zip(first).all(|(a, b)| (a - b).abs() <= 1e-9 * scale))
    }
}

/// One pass over a candidate: hands out inputs and parameters, and notes the role of every group.
pub struct Probe<'a> {
    pub(crate) projector: &'a Projector,
    pub(crate) seed: u64,
    /// Independent draws of inputs and parameters are numbered.
    pub(crate) draw: u64,
    pub(crate) role_bits: u32,
    /// What earlier passes learned about each group, in the order of asking.
    pub(crate) marks: &'a [Digest],
    /// In a pass that redraws one group, all others keep these roles.
    pub(crate) fixed: Option<(&'a [Digest], usize)>,
    pub(crate) roles: Vec<Digest>,
}

/// The parameters of one group. Tensors inside a group are told apart by name.
pub struct Parameters {
    role: Digest,
}

impl Probe<'_> {
    /// An input called `name` of `len` numbers, uniform in [−√3, √3) (mean 0, variance 1), without ties.
    pub fn input(&self, name: &str, len: usize) -> Vec<f64> {
        let mut out = KeyWriter::new("fecund probe input v1");
        out.u64(self.seed);
        out.u64(self.draw);
        out.text(name);
        uniform(&out.finish(), len, 0.0, 1.0)
    }

    /// Digest of values inside the network, for [`Probe::group`].
    pub fn digest(&self, values: &[f64]) -> Digest {
        self.projector.digest(values, self.role_bits).unwrap_or(NOT_FINITE)
    }

    /// The next group of trainable parameters. `kind` names the operation and every setting of it; `inputs` are the
    /// digests of what it reads, in an order that does not depend on how the candidate is written (sorted where
    /// operands commute). A tied group is asked for once, at the first place where it is needed, with the sorted
    /// digests of the inputs known there, and used at all of its places.
    pub fn group(&mut self, kind: &str, inputs: &[Digest]) -> Parameters {
        let index = self.roles.len();
        let role = match self.fixed {
            Some((roles, redrawn)) if redrawn == index => mixed("fecund redraw v1", &[roles[index]]),
            Some((roles, _)) => roles[index],
            None => self.role(kind, inputs, index),
        };
        self.roles.push(role);
        Parameters { role }
    }

    fn role(&self, kind: &str, inputs: &[Digest], index: usize) -> Digest {
        let mut out = KeyWriter::new("fecund role v1");
        out.u64(self.seed);
        out.u64(self.draw);
        out.text(kind);
        out.list(inputs, |out, input| out.digest(input));
        out.digest(self.marks.get(index).unwrap_or(&Digest::default()));
        out.finish()
    }
}

impl Parameters {
    /// The tensor `name`, row-major, uniform around `center` with standard deviation `spread`.
    pub fn tensor(&self, name: &str, len: usize, center: f64, spread: f64) -> Vec<f64> {
        let mut out = KeyWriter::new("fecund tensor v1");
        out.digest(&self.role);
        out.text(name);
        uniform(&out.finish(), len, center, spread)
    }
}

const NOT_FINITE: Digest = Digest([0xff; 32]);

fn uniform(stream: &Digest, len: usize, center: f64, spread: f64) -> Vec<f64> {
    let half_width = spread * 3f64.sqrt();
    let mut rng = Rng::from_digest(stream);
    (0..len).map(|_| rng.between(center - half_width, center + half_width)).collect()
}

pub(crate) fn mixed(domain: &str, digests: &[Digest]) -> Digest {
    let mut out = KeyWriter::new(domain);
    out.list(digests, |out, digest| out.digest(digest));
    out.finish()
}
