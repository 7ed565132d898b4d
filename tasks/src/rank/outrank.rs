//! The score of OutRank's default heuristic (release 0.97.5), its quirks included, for comparison.
//!
//! S = Σ_c n_c / n (H(f at rows n_c further on) − H(f)), entropies over the rows of class c. Its quirks:
//!
//! - The control is one shift of the column itself. On a file sorted by a balanced target it is the other class, and S
//!   is 0 for every column.
//! - Classes of one row do not count.
//! - Where the codes of column and target, by the order of their texts, have the same sum, the plain mutual information
//!   stands in.
//! - Every value is a text; an empty cell is one of them.
//! - Batches of 16,384 rows are scored by themselves and the median is taken; a last batch of at most 1,024 rows does not
//!   count. (Here it does if it is the only one; the peer then ranks nothing.)

use std::collections::{BTreeMap, HashMap};

use hashing::Rng;

use super::noise::Control;
use super::null::entropy;
use crate::table::Chunk;

/// Rows that are scored together.
pub const BATCH: usize = 16_384;
/// A last batch needs more rows than this.
const LEAST: usize = 1024;

/// Scores of all columns against one of them, batch by batch.
pub struct OutRank {
    target: usize,
    /// Those of the table first, then those of noise.
    columns: Vec<Codes>,
    scores: Vec<Vec<f64>>,
    controls: Vec<Control>,
    noise: Rng,
}

impl OutRank {
    /// Behind the columns come `controls`, whose values are drawn at random, all equally likely.
    pub fn new(columns: usize, target: usize, controls: Vec<Control>, seed: u64) -> Self {
        let all = columns + controls.len();
        let codes = (0..all).map(|_| Codes::default()).collect();
        let noise = Rng::named(seed, "noise of outrank", 0);
        Self { target, columns: codes, scores: vec![Vec::new(); all], controls, noise }
    }

    pub fn absorb(&mut self, chunk: &Chunk) {
        for row in 0..chunk.rows() {
            let (known, noise) = self.columns.split_at_mut(chunk.columns());
            for (column, codes) in known.iter_mut().enumerate() {
                codes.push(chunk.cell(row, column));
            }
            for (codes, control) in noise.iter_mut().zip(&self.controls) {
                codes.push(&(self.noise.below(control.cardinality as usize) as u64).to_le_bytes());
            }
            if self.columns[self.target].rows.len() == BATCH {
                self.settle();
            }
        }
    }

    /// Median over the batches for each column, the target's own place included.
    pub fn finish(mut self) -> Vec<f64> {
        let left = self.columns[self.target].rows.len();
        if left > LEAST || self.scores[self.target].is_empty() {
            self.settle();
        }
        self.scores.iter_mut().map(|scores| median(scores)).collect()
    }

    fn settle(&mut self) {
        let target = self.columns[self.target].ordered();
        for (codes, scores) in self.columns.iter_mut().zip(&mut self.scores) {
            scores.push(shifted(&codes.ordered(), &target));
            codes.clear();
        }
    }
}

/// The texts of a column in a batch.
#[derive(Default)]
struct Codes {
    known: HashMap<Vec<u8>, u32>,
    rows: Vec<u32>,
}

impl Codes {
    fn push(&mut self, cell: &[u8]) {
        let next = self.known.len() as u32;
        let code = match self.known.get(cell) {
            Some(code) => *code,
            None => *self.known.entry(cell.to_vec()).or_insert(next),
        };
        self.rows.push(code);
    }

    /// Codes by the order of the texts.
    fn ordered(&self) -> Vec<u32> {
        let sorted: BTreeMap<_, _> = self.known.iter().map(|(text, code)| (text, *code)).collect();
        let mut places = vec![0; sorted.len()];
        sorted.values().enumerate().for_each(|(place, code)| places[*code as usize] = place as u32);
        self.rows.iter().map(|code| places[*code as usize]).collect()
    }

    fn clear(&mut self) {
        self.known.clear();
        self.rows.clear();
    }
}

/// The score of one column: codes of it and of the target.
pub fn shifted(feature: &[u32], target: &[u32]) -> f64 {
    let rows = feature.len();
    if rows == 0 {
        return 0.0;
    }
    let sum = |codes: &[u32]| codes.iter().map(|code| u64::from(*code)).sum::<u64>();
    let mut members: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    target.iter().enumerate().for_each(|(row, class)| members.entry(*class).or_default().push(row));
    let values = feature.iter().max().map_or(0, |most| *most as usize + 1);
    let mut counts = vec![0u64; values];
    let mut entropy_at = |places: &mut dyn Iterator<Item = usize>| {
        let mut met = Vec::new();
        for place in places {
            let value = feature[place] as usize;
            if counts[value] == 0 {
                met.push(value);
            }
            counts[value] += 1;
        }
        let found: Vec<u64> = met.iter().map(|value| std::mem::take(&mut counts[*value])).collect();
        entropy(&found)
    };
    if sum(feature) == sum(target) {
        let within = members.values().map(|rows| rows.len() as f64 * entropy_at(&mut rows.iter().copied()));
        let within: f64 = within.sum();
        return entropy_at(&mut (0..rows)) - within / rows as f64;
    }
    let score = |of_class: &Vec<usize>| {
        let size = of_class.len();
        let noise = entropy_at(&mut of_class.iter().map(|row| (row + size) % rows));
        size as f64 / rows as f64 * (noise - entropy_at(&mut of_class.iter().copied()))
    };
    members.values().filter(|of_class| of_class.len() > 1).map(score).sum()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}
