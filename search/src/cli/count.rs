//! `fecund count`: how many functions a space holds.

use std::collections::HashSet;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use hashing::{Behavior, Digest, FunctionalHasher, Keyed, Scheme};
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use spaces::nb_macro::MacroSpace;
use spaces::{Enumerated, Pooling, cell101, cell201, nb_graph};

use super::args::Format;
use super::domains;
use super::failure::{Failure, Outcome};
use super::table::Table;

#[derive(Args)]
pub struct CountArgs {
    /// What is counted
    #[arg(long, value_parser = domains::names())]
    pub space: String,
    /// Vertices of a cell101, input and output included [default: all from 2 to 7]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=7))]
    vertices: Option<u64>,
    /// Most edges of a cell101; all 21 make 48 million candidates [default: 9]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=21))]
    edges: Option<u32>,
    /// What pooling is taken to be [default: own for cell101, linear for cell201]
    #[arg(long, value_enum)]
    pooling: Option<PoolingName>,
    #[arg(long, value_enum, default_value = "table")]
    format: Format,
}

#[derive(Clone, Copy, ValueEnum)]
enum PoolingName {
    /// A mean: additive and homogeneous
    Linear,
    /// A generic map without parameters; also `free`
    #[value(alias = "free")]
    Nonlinear,
    /// A maximum: positively homogeneous
    Max,
    /// A generic map with parameters of its own
    Own,
}

/// A space small enough to be counted.
pub trait Counted: Enumerated + Sized {
    /// The space that these options describe.
    fn of(args: &CountArgs) -> Result<Self, Failure>;
}

impl Counted for cell101::CellSpace {
    fn of(args: &CountArgs) -> Result<Self, Failure> {
        let default = Self::default();
        Ok(Self {
            vertices: args.vertices.map(|vertices| vertices as usize),
            edges: args.edges.unwrap_or(default.edges),
            pooling: args.pooling.map_or(default.pooling, Pooling::from),
        })
    }
}

impl Counted for cell201::CellSpace {
    fn of(args: &CountArgs) -> Result<Self, Failure> {
        args.refuse_cell101()?;
        Ok(Self { pooling: args.pooling.map_or(Self::default().pooling, Pooling::from) })
    }
}

impl Counted for MacroSpace {
    fn of(args: &CountArgs) -> Result<Self, Failure> {
        args.refuse_pooling()?;
        Ok(Self)
    }
}

impl Counted for nb_graph::CellSpace {
    fn of(args: &CountArgs) -> Result<Self, Failure> {
        args.refuse_pooling()?;
        Ok(Self)
    }
}

impl CountArgs {
    fn refuse_cell101(&self) -> Outcome {
        if self.vertices.is_some() || self.edges.is_some() {
            return Err(Failure::usage("--vertices and --edges belong to --space cell101"));
        }
        Ok(())
    }

    fn refuse_pooling(&self) -> Outcome {
        if self.pooling.is_some() {
            return Err(Failure::usage("--pooling belongs to --space cell101 and cell201"));
        }
        self.refuse_cell101()
    }
}

impl From<PoolingName> for Pooling {
    fn from(name: PoolingName) -> Self {
        match name {
            PoolingName::Linear => Self::Linear,
            PoolingName::Nonlinear => Self::Nonlinear,
            PoolingName::Max => Self::Max,
            PoolingName::Own => Self::Own,
        }
    }
}

/// `fecund count` over the space that is asked for.
pub fn of_named(args: &CountArgs) -> Outcome {
    let refusal = || Failure::usage(format!("--space {} holds too many candidates to be listed", args.space));
    domains::named(&args.space)?.count.ok_or_else(refusal)?(args)
}

pub fn count<S: Counted>(args: &CountArgs) -> Outcome {
    print(&S::of(args)?, args.format)
}

fn print(space: &impl Enumerated, format: Format) -> Outcome {
    let counts = enumerate(space)?;
    let mut table =
        Table::new(&["space", "candidates", "structural", "functional", "seconds", "candidates_per_second"]);
    table.row(vec![
        space.name().into(),
        counts.candidates.into(),
        counts.structural.into(),
        counts.functional.into(),
        counts.seconds.into(),
        (counts.candidates as f64 / counts.seconds).into(),
    ]);
    table.print_single(format)
}

struct Counts {
    candidates: usize,
    /// Distinct canonical forms.
    structural: usize,
    /// Distinct responses to the probe.
    functional: usize,
    seconds: f64,
}

const BATCH: usize = 8192;

/// Every candidate is probed as it is written: the canonical form, which is counted beside it, is of no help.
fn enumerate<S: Enumerated>(space: &S) -> Result<Counts, Failure> {
    let hasher = FunctionalHasher::new(Scheme::default());
    let progress = Progress::new(space.all().count());
    let (mut forms, mut functions) = (HashSet::new(), HashSet::new());
    let (mut candidates, started) = (0, Instant::now());
    let mut all = space.all();
    loop {
        let batch: Vec<S::Candidate> = all.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            break;
        }
        let identities: Result<Vec<_>, Failure> =
            batch.par_iter().map(|candidate| identities(space, &hasher, candidate)).collect();
        for (form, function) in identities? {
            forms.insert(form);
            functions.insert(function);
        }
        candidates += batch.len();
        progress.at(candidates, started.elapsed());
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(Counts { candidates, structural: forms.len(), functional: functions.len(), seconds })
}

/// Of the canonical form, and of what the written form computes.
fn identities<S: Enumerated>(
    space: &S,
    hasher: &FunctionalHasher,
    candidate: &S::Candidate,
) -> Result<(Digest, Digest), Failure> {
    let form = space.canonicalize(candidate).digest("fecund structural v1");
    let probed = hasher.fingerprint(candidate as &dyn Behavior);
    let (function, _) = probed.map_err(|error| Failure::failed(error.to_string()))?;
    Ok((form, function.unwrap_or(form)))
}

/// A bar on a terminal, a line every five seconds elsewhere.
struct Progress {
    bar: Option<ProgressBar>,
    all: usize,
    said: std::cell::Cell<Duration>,
}

impl Progress {
    fn new(all: usize) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:30.cyan/blue} {human_pos}/{human_len}, {eta} left")
                    .expect("the template is fixed");
            ProgressBar::new(all as u64).with_style(style)
        });
        Self { bar, all, said: Duration::ZERO.into() }
    }

    fn at(&self, done: usize, elapsed: Duration) {
        match &self.bar {
            Some(bar) if done == self.all => bar.finish_and_clear(),
            Some(bar) => bar.set_position(done as u64),
            None if elapsed >= self.said.get() + Duration::from_secs(5) => {
                let left = elapsed.as_secs_f64() * (self.all - done) as f64 / done as f64;
                say!("fecund: {done} of {} candidates, {left:.0} s left", self.all);
                self.said.set(elapsed);
            }
            None => {}
        }
    }
}
