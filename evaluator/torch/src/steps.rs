//! Which tokens of a batch are real, and what must know it: reversing, pooling.

use std::cell::OnceCell;

use tch::{Device, Kind, Tensor};

use crate::model::Batch;
use crate::snake::Snake;

/// The time axis of a batch: L tokens, so many for each step.
pub struct Steps {
    columns: i64,
    /// B×L, 1 where a token is real; `None` where nothing is padded.
    mask: Option<Tensor>,
    /// B: the tokens of each case.
    lengths: Tensor,
    /// B·L: for every token, the row of the token that it changes places with; made when first asked for.
    reversed: OnceCell<Tensor>,
    /// Made when first asked for.
    snakes: [OnceCell<Snake>; 4],
    /// Of tokens pooled by two; made when first asked for.
    half: OnceCell<Box<Steps>>,
}

/// The input with zeros in padded steps, whatever they held.
pub fn clean(batch: &Batch) -> Tensor {
    match &batch.mask {
        Some(mask) => batch.x.masked_fill(&mask.eq(0.0).unsqueeze(-1), 0.0),
        None => batch.x.shallow_clone(),
    }
}

impl Steps {
    pub fn of(batch: &Batch, columns: i64) -> Self {
        let tokens = |mask: &Tensor| match columns {
            1 => mask.shallow_clone(),
            _ => mask.repeat_interleave_self_int(columns, 1, None),
        };
        let (mask, lengths) = (batch.mask.as_ref().map(tokens), &batch.lengths * columns);
        Self::with(columns, mask, lengths)
    }

    fn with(columns: i64, mask: Option<Tensor>, lengths: Tensor) -> Self {
        let (reversed, half) = (OnceCell::new(), OnceCell::new());
        Self { columns, mask, lengths, reversed, snakes: Default::default(), half }
    }

    pub fn mask(&self) -> Option<&Tensor> {
        self.mask.as_ref()
    }

    pub fn columns(&self) -> i64 {
        self.columns
    }

    /// B×L, true where a step is real, of the tokens of x.
    pub fn real(&self, x: &Tensor) -> Tensor {
        let length = x.size()[1] / self.columns;
        match self.mask() {
            Some(mask) => mask.view([-1, length, self.columns]).select(2, 0).ne(0.0),
            None => Tensor::ones([x.size()[0], length], (Kind::Bool, x.device())),
        }
    }

    /// Where steps are pooled by two: one is real where its first one is.
    pub fn half(&self) -> &Self {
        self.half.get_or_init(|| {
            let firsts =
                |mask: &Tensor| mask.unflatten(1, [-1, self.columns]).slice(1, 0, None, 2).flatten(1, 2);
            let steps = self.lengths.divide_scalar_mode(self.columns, "floor");
            let lengths = (steps + 1).divide_scalar_mode(2, "floor") * self.columns;
            Box::new(Self::with(self.columns, self.mask.as_ref().map(firsts), lengths))
        })
    }

    /// B×L×D, each case reversed within its own length, so that padding stays at the end.
    pub fn reverse(&self, x: &Tensor) -> Tensor {
        match self.mask() {
            None => x.flip([1]),
            Some(mask) => take_rows(x, self.reversed.get_or_init(|| reversed_rows(mask))),
        }
    }

    /// The snake of this number through the tokens of x, B×L×D.
    pub fn snake(&self, number: usize, x: &Tensor) -> &Snake {
        let steps = || self.lengths.divide_scalar_mode(self.columns, "floor");
        self.snakes[number].get_or_init(|| Snake::new(number, &steps(), x.size()[1], self.columns))
    }

    /// B×L×D to B×D.
    pub fn mean(&self, x: &Tensor) -> Tensor {
        match self.mask() {
            None => x.mean_dim(1, false, None),
            Some(mask) => {
                let shares = mask / self.lengths.unsqueeze(1);
                shares.unsqueeze(1).bmm(x).squeeze_dim(1)
            }
        }
    }

    /// B×L×D to B×D, in every channel by itself.
    pub fn max(&self, x: &Tensor) -> Tensor {
        self.without_padding(x.shallow_clone()).max_dim(1, false).0
    }

    /// B×L×D to B×D: of the last step the mean of its tokens.
    pub fn last(&self, x: &Tensor) -> Tensor {
        let steps = x.unflatten(1, [-1, self.columns]);
        let last = match self.mask() {
            None => steps.select(1, -1),
            Some(_) => {
                let (cases, length) = (x.size()[0], steps.size()[1]);
                let number = self.lengths.divide_scalar_mode(self.columns, "floor") - 1;
                steps.flatten(0, 1).index_select(0, &(first_rows(cases, length, x.device()) + number))
            }
        };
        if self.columns == 1 { last.squeeze_dim(1) } else { last.mean_dim(1, false, None) }
    }

    /// B×L×D to B×D: in every channel a mean weighted by a softmax over the tokens of its scores, W x. W is D×D.
    pub fn attend(&self, x: &Tensor, weight: &Tensor) -> Tensor {
        let scores = self.without_padding(x.linear::<&Tensor>(weight, None));
        (scores.softmax(1, None) * x).sum_dim_intlist(1, false, None)
    }

    /// B×L×K to B×K: from logits to ln of the mean over the tokens of the probabilities that they stand for.
    pub fn log_of_mean(&self, logits: &Tensor) -> Tensor {
        let sum = self.without_padding(logits.log_softmax(-1, None)).logsumexp(1, false);
        sum - self.lengths.to_kind(logits.kind()).log().unsqueeze(1)
    }

    /// B×L×D with −∞ where a token is padded.
    fn without_padding(&self, x: Tensor) -> Tensor {
        match self.mask() {
            Some(mask) => x.masked_fill(&mask.eq(0.0).unsqueeze(-1), f64::NEG_INFINITY),
            None => x,
        }
    }
}

/// B×L×D, each case reversed within its own length, so that padding stays at the end. `mask` is B×L.
pub fn reverse(x: &Tensor, mask: Option<&Tensor>) -> Tensor {
    match mask {
        None => x.flip([1]),
        Some(mask) => take_rows(x, &reversed_rows(mask)),
    }
}

/// For every step of B×L, the row of the step that it changes places with.
fn reversed_rows(mask: &Tensor) -> Tensor {
    let (cases, length) = mask.size2().expect("a mask is B×L");
    let time = Tensor::arange(length, (Kind::Int64, mask.device()));
    let last = mask.sum_dim_intlist(1, true, None).to_kind(Kind::Int64) - 1;
    // A padded step stays where it is.
    let source = (&last - &time).where_self(&time.le_tensor(&last), &time);
    (source + first_rows(cases, length, mask.device()).unsqueeze(1)).flatten(0, -1)
}

fn first_rows(cases: i64, length: i64, device: Device) -> Tensor {
    Tensor::arange(cases, (Kind::Int64, device)) * length
}

fn take_rows(x: &Tensor, rows: &Tensor) -> Tensor {
    x.flatten(0, 1).index_select(0, rows).view_as(x)
}
