//! The head that points: a GRU decodes, and every step of it scores the tokens. In training all steps at once, told what
//! is right; else from one to the next.

use tch::{Kind, Tensor};

use crate::blocks::TorchWeights;

/// Of a network that points; `spaces::sequence::Pointer` defines what it computes.
pub struct Pointer {
    pub pointer: TorchWeights,
    pub decoder: TorchWeights,
}

/// An answer to every case. Where all candidates of a case are pointed at, or it has ended, what follows means nothing.
pub struct Answer {
    /// B×T×candidates: a token each and, where there is an end, one more for it; −∞ where a case points at no more.
    pub scores: Tensor,
    /// B×T, int64.
    pub positions: Tensor,
}

/// What can be pointed at: B×N×D, N tokens or one more.
struct Candidates {
    values: Tensor,
    keys: Tensor,
    /// B×N: what is real.
    real: Tensor,
    /// B×D: where the decoder starts.
    mean: Tensor,
}

impl Pointer {
    /// Scores, B×T×N, of normed tokens, B×L×D, where step t is told the positions of the steps before it. `told` is B×T, the
    /// end is L; what is negative has no step, and scores that nobody should read.
    pub fn told(&self, tokens: &Tensor, mask: Option<&Tensor>, told: &Tensor) -> Tensor {
        let candidates = self.candidates(tokens, mask);
        let (steps, width) = (told.size()[1], tokens.size()[2]);
        let count = candidates.real.size()[1];
        let positions = told.clamp_min(0);
        let inputs =
            candidates.values.gather(1, &positions.unsqueeze(-1).expand([-1, -1, width], false), false);
        let inputs = Tensor::cat(&[&self.start(tokens), &inputs.narrow(1, 0, steps - 1)], 1);
        let cell = self.cell();
        // Biases; one layer; no dropout, hence `train` is inert; one direction; batch first.
        let d = inputs.gru(&candidates.mean.unsqueeze(0), &cell, true, 1, 0.0, false, false, true).0;
        let chosen = positions.one_hot(count) * told.ge(0).unsqueeze(-1);
        let taken = (chosen.cumsum(1, Kind::Int64) - chosen).gt(0);
        let hidden = taken.logical_or(&candidates.real.logical_not().unsqueeze(1));
        self.score(&candidates.keys.unsqueeze(1), &d.unsqueeze(2)).masked_fill(&hidden, f64::NEG_INFINITY)
    }

    /// Each step points at what scores highest, until nothing is left.
    pub fn answer(&self, tokens: &Tensor, mask: Option<&Tensor>) -> Answer {
        let candidates = self.candidates(tokens, mask);
        let [w_ih, w_hh, b_ih, b_hh] = self.cell();
        let (width, count) = (tokens.size()[2], candidates.real.size()[1]);
        let mut d = candidates.mean.shallow_clone();
        let mut input = self.start(tokens).squeeze_dim(1);
        let mut hidden = candidates.real.logical_not();
        let (mut scores, mut positions) = (Vec::new(), Vec::new());
        for _ in 0..count {
            d = input.gru_cell(&d, w_ih, w_hh, Some(b_ih), Some(b_hh));
            let row = self.score(&candidates.keys, &d.unsqueeze(1)).masked_fill(&hidden, f64::NEG_INFINITY);
            let position = row.argmax(1, true);
            let rows = position.unsqueeze(-1).expand([-1, -1, width], false);
            input = candidates.values.gather(1, &rows, false).squeeze_dim(1);
            hidden = hidden.scatter_value(1, &position, 1);
            scores.push(row);
            positions.push(position);
        }
        Answer { scores: Tensor::stack(&scores, 1), positions: Tensor::cat(&positions, 1) }
    }

    fn candidates(&self, tokens: &Tensor, mask: Option<&Tensor>) -> Candidates {
        let (cases, length, width) = tokens.size3().expect("tokens are B×L×D");
        let (mut values, mut real) = match mask {
            None => (tokens.shallow_clone(), Tensor::ones([cases, length], (Kind::Bool, tokens.device()))),
            Some(mask) => {
                let real = mask.ne(0.0);
                (tokens.masked_fill(&real.logical_not().unsqueeze(-1), 0.0), real)
            }
        };
        let lengths = real.sum_dim_intlist(1, true, tokens.kind());
        let mean = values.sum_dim_intlist(1, false, None) / lengths;
        if let Some(end) = self.pointer.0.get("end") {
            values = Tensor::cat(&[&values, &end.expand([cases, 1, width], false)], 1);
            real = Tensor::cat(&[&real, &real.new_ones([cases, 1], (Kind::Bool, tokens.device()))], 1);
        }
        Candidates { keys: values.linear::<&Tensor>(&self.pointer["w_key"], None), values, real, mean }
    }

    /// v · tanh(key + W_query d), of keys and decoder states that broadcast.
    fn score(&self, keys: &Tensor, d: &Tensor) -> Tensor {
        let queries = d.linear::<&Tensor>(&self.pointer["w_query"], None);
        (keys + queries).tanh().linear::<&Tensor>(&self.pointer["v"], None).squeeze_dim(-1)
    }

    /// B×1×D: what the first step reads.
    fn start(&self, tokens: &Tensor) -> Tensor {
        self.pointer["start"].expand([tokens.size()[0], 1, tokens.size()[2]], false)
    }

    fn cell(&self) -> [&Tensor; 4] {
        ["w_ih", "w_hh", "b_ih", "b_hh"].map(|name| &self.decoder[name])
    }
}
