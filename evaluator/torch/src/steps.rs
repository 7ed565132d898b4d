//! Which steps of a batch are real, and what must know it: reversing, pooling.

use std::cell::OnceCell;

use spaces::sequence::Pooling;
use tch::{Device, Kind, Tensor};

use crate::model::Batch;

/// The time axis of a batch.
pub struct Steps<'a> {
    batch: &'a Batch,
    /// B·L: for every step, the row of the step that it changes places with; made when first asked for.
    reversed: OnceCell<Tensor>,
}

impl<'a> Steps<'a> {
    pub fn of(batch: &'a Batch) -> Self {
        Self { batch, reversed: OnceCell::new() }
    }

    /// B×L, 1 where a step is real; `None` where nothing is padded.
    pub fn mask(&self) -> Option<&Tensor> {
        self.batch.mask.as_ref()
    }

    /// B×L×D with zeros in padded steps, whatever they held.
    pub fn clean(&self, x: &Tensor) -> Tensor {
        match self.mask() {
            Some(mask) => x.masked_fill(&mask.eq(0.0).unsqueeze(-1), 0.0),
            None => x.shallow_clone(),
        }
    }

    /// B×L×D, each case reversed within its own length, so that padding stays at the end.
    pub fn reverse(&self, x: &Tensor) -> Tensor {
        match self.mask() {
            None => x.flip([1]),
            Some(mask) => take_rows(x, self.reversed.get_or_init(|| reversed_rows(mask))),
        }
    }

    /// B×L×D to B×D, or as it is where every step counts by itself.
    pub fn pool(&self, x: &Tensor, pooling: Pooling) -> Tensor {
        match (pooling, self.mask()) {
            (Pooling::None, _) => x.shallow_clone(),
            (Pooling::Mean, None) => x.mean_dim(1, false, None),
            (Pooling::Mean, Some(mask)) => {
                let shares = mask / self.batch.lengths.unsqueeze(1);
                shares.unsqueeze(1).bmm(x).squeeze_dim(1)
            }
            (Pooling::Max, None) => x.max_dim(1, false).0,
            (Pooling::Max, Some(mask)) => {
                x.masked_fill(&mask.eq(0.0).unsqueeze(-1), f64::NEG_INFINITY).max_dim(1, false).0
            }
            (Pooling::Last, None) => x.select(1, -1),
            (Pooling::Last, Some(_)) => {
                x.flatten(0, 1).index_select(0, &(self.first_rows() + &self.batch.lengths - 1))
            }
        }
    }

    /// B: the row of the first step of every case, of B·L rows.
    fn first_rows(&self) -> Tensor {
        let (cases, length, _) = self.batch.x.size3().expect("x is B×L×C");
        first_rows(cases, length, self.batch.x.device())
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
