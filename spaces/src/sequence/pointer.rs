//! A head that points (Vinyals et al. 2015, arXiv 1506.03134): the answer is a sequence of positions of the input, so
//! there are as many classes as tokens, however many these are.
//!
//! Candidates are the tokens e_j that the stack makes, normed and unpooled, and behind them a learned one for the end,
//! where answers have one. A GRU of the stack's width decodes: d_0 is the mean of the tokens, and d_i follows from d_{i−1}
//! and the candidate that step i − 1 pointed at (at first a learned vector). Of step i,
//! u_ij = v · tanh(W_key e_j + W_query d_i), and p(C_i = j) = softmax_j u_ij over the candidates that no step before pointed
//! at; the others have probability 0.

use serde::{Deserialize, Serialize};

use super::block::{Block, Settings, Tensor, Weights};
use super::blocks::gru;
use super::genome::{Genome, name_of};
use super::head::{Head, Pooling};
use super::layout::Layout;
use super::math::{Linear, Matrix, dot, linear, softmax, tanh};
use super::tokenizer::Tokenizer;

/// What a task that is answered by positions fixes of the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// Whether an answer says where it ends, by pointing behind the last token; else it points at every token.
    pub ends: bool,
}

/// What a network answers to a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Pointed {
    /// Steps × candidates; each row adds up to 1.
    pub probabilities: Matrix,
    /// The position of every step.
    pub positions: Vec<usize>,
}

impl Pointer {
    /// The parts of the head's group beside its norm.
    pub const PARTS: [&str; 2] = ["pointer", "decoder"];

    /// Why this genome has no token for each of the input's, or has genes of a head that it would not have, if so. Its
    /// steps may see all others.
    pub fn unfit(genome: &Genome) -> Option<String> {
        let (pooling, layout) = (name_of(&genome.pooling), name_of(&genome.layout));
        if genome.pooling != Pooling::None {
            return Some(format!(
                "pooling {pooling} leaves no token to point at, and this task points; choose none"
            ));
        }
        if genome.layout != Layout::Steps {
            return Some(format!(
                "layout {layout} has several tokens for a step, and this task points at steps; choose steps"
            ));
        }
        if genome.tokens != Tokenizer::Steps {
            let tokens = genome.tokens;
            return Some(format!(
                "{tokens} are one token, and this task points at steps; choose tokens of kind steps"
            ));
        }
        if genome.head != Head::Linear {
            let head = name_of(&genome.head);
            return Some(format!("head {head} is of classes, and this task points; choose linear"));
        }
        let prefixes = genome.training.prefixes;
        (prefixes > 1).then(|| {
            format!("prefixes {prefixes} are of a head of classes, and this task points at tokens; choose 1")
        })
    }

    pub(super) fn parts(self, width: usize) -> [(&'static str, Vec<Tensor>); 2] {
        let mut pointer = vec![Tensor::bias("start", width, width)];
        pointer.extend(self.ends.then(|| Tensor::bias("end", width, width)));
        pointer.extend([
            Tensor::matrix("w_key", width, width),
            Tensor::matrix("w_query", width, width),
            Tensor::matrix("v", 1, width),
        ]);
        let [first, second] = Self::PARTS;
        [(first, pointer), (second, gru::Gru.tensors(&Settings::default(), width))]
    }

    /// Steps of an answer that points at all that it can.
    pub fn steps(self, tokens: usize) -> usize {
        tokens.saturating_add(usize::from(self.ends))
    }

    /// Of an answer that points at all that it can.
    pub(super) fn multiply_adds(self, width: usize, tokens: usize) -> u64 {
        let steps = self.steps(tokens);
        let (square, pairs) = (width.saturating_mul(width), steps.saturating_mul(steps));
        // A key a candidate; seven matrices a step; a dot product a pair.
        square.saturating_mul(8).saturating_mul(steps).saturating_add(pairs.saturating_mul(width)) as u64
    }

    /// The answer to these normed tokens: what `told` says, if it says anything; else, from the most probable candidate to
    /// the next, up to the end or the last token. Each probability is one where the positions before it are those answered.
    pub(super) fn answer(self, tokens: &Matrix, weights: &[Weights], told: Option<&[usize]>) -> Pointed {
        let mut decoder = Decoder::new(self, tokens, weights);
        let (mut probabilities, mut positions) = (Vec::new(), Vec::new());
        let most = told.map_or(self.steps(tokens.rows), <[usize]>::len);
        while positions.len() < most && (told.is_some() || positions.last() != Some(&tokens.rows)) {
            let row = decoder.next(positions.last().copied());
            positions.push(told.map_or_else(|| most_probable(&row), |told| told[positions.len()]));
            probabilities.extend(row);
        }
        Pointed {
            probabilities: Matrix::new(positions.len(), self.steps(tokens.rows), probabilities),
            positions,
        }
    }
}

/// The first among equals.
fn most_probable(row: &[f64]) -> usize {
    (0..row.len()).fold(0, |best, next| if row[next] > row[best] { next } else { best })
}

/// An answer under way.
struct Decoder<'a> {
    /// Tokens, and the end where there is one, × width.
    candidates: Matrix,
    /// W_key of each.
    keys: Matrix,
    pointed: Vec<bool>,
    pointer: &'a Weights,
    cell: &'a Weights,
    d: Vec<f64>,
}

impl<'a> Decoder<'a> {
    fn new(head: Pointer, tokens: &Matrix, weights: &'a [Weights]) -> Self {
        let [pointer, cell] = [&weights[0], &weights[1]];
        let mut candidates = tokens.clone();
        if head.ends {
            candidates.rows += 1;
            candidates.data.extend_from_slice(&pointer["end"]);
        }
        let mean =
            |channel| (0..tokens.rows).map(|j| tokens.at(j, channel)).sum::<f64>() / tokens.rows as f64;
        Self {
            keys: linear(&candidates, &pointer["w_key"], &[]),
            pointed: vec![false; candidates.rows],
            candidates,
            pointer,
            cell,
            d: (0..tokens.columns).map(mean).collect(),
        }
    }

    /// Probabilities of the candidates, where the step before pointed at this one.
    fn next(&mut self, before: Option<usize>) -> Vec<f64> {
        let input = match before {
            Some(position) => {
                self.pointed[position] = true;
                self.candidates.row(position)
            }
            None => &self.pointer["start"],
        };
        let width = self.d.len();
        let product = |x: &[f64], weight: &str, bias: &str| {
            let mut y = vec![0.0; 3 * width];
            Linear::new(&self.cell[weight], width, &self.cell[bias]).apply_to_rows(x, &mut y);
            y
        };
        let (from_input, from_state) = (product(input, "w_ih", "b_ih"), product(&self.d, "w_hh", "b_hh"));
        gru::step(&from_input, &from_state, &mut self.d);
        let query = linear(&Matrix::new(1, width, self.d.clone()), &self.pointer["w_query"], &[]);
        let score = |j: usize| {
            let sum = self.keys.row(j).iter().zip(&query.data).map(|(key, query)| tanh(key + query));
            let u = dot(&sum.collect::<Vec<_>>(), &self.pointer["v"]);
            if self.pointed[j] { f64::NEG_INFINITY } else { u }
        };
        let scores = (0..self.keys.rows).map(score).collect();
        softmax(Matrix::new(1, self.keys.rows, scores)).data
    }
}
