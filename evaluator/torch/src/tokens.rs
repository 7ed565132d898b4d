//! From steps to tokens: patches of steps, and values of intervals.

use spaces::sequence::Tokenizer;
use tch::{Kind, Tensor};

use crate::model::Batch;
use crate::steps::clean;

/// A row for each token, B×T×(features · C), feature after feature; with the mask and the lengths of tokens. Zeros
/// where there is no step.
pub fn joined(batch: &Batch, tokens: Tokenizer) -> Batch {
    let x = clean(batch);
    let size = tokens.size() as i64;
    if size == 1 {
        let mask = batch.mask.as_ref().map(Tensor::shallow_clone);
        return Batch { x, mask, lengths: batch.lengths.shallow_clone() };
    }
    let x = match tokens {
        Tokenizer::Steps | Tokenizer::Patch { .. } => cut(&x, size).flatten(2, 3),
        Tokenizer::Values { .. } => {
            let all = || x.select(2, 0).ones_like();
            let real = batch.mask.as_ref().map_or_else(all, Tensor::shallow_clone).unsqueeze(-1);
            values_of(&cut(&x, size), &cut(&real, size))
        }
    };
    let mask = batch.mask.as_ref().map(|mask| mask.slice(1, 0, None, size));
    let lengths = (&batch.lengths + (size - 1)).divide_scalar_mode(size, "floor");
    Batch { x, mask, lengths }
}

/// B×L×C to B×T×size×C, with zeros behind the last step.
fn cut(x: &Tensor, size: i64) -> Tensor {
    let short = -x.size()[1];
    x.constant_pad_nd([0, 0, 0, short.rem_euclid(size)]).unflatten(1, [-1, size])
}

/// Of x, B×T×S×C, whose steps are real where `real`, B×T×S×1, is 1: mean, standard deviation, slope, least and largest
/// value, B×T×(5·C).
fn values_of(x: &Tensor, real: &Tensor) -> Tensor {
    let over_steps = |x: &Tensor| x.sum_dim_intlist(2, true, None);
    let count = over_steps(real).clamp_min(1.0);
    let mean = over_steps(x) / &count;
    let off = (x - &mean) * real;
    let deviation = (over_steps(&off.square()) / &count).sqrt();
    let time = Tensor::arange(x.size()[2], (Kind::Int64, x.device())).unsqueeze(-1);
    let time = (time - (&count - 1.0) / 2.0) * real;
    // One step has no slope, and two have the least spread of time.
    let slope = over_steps(&(&time * off)) / over_steps(&time.square()).clamp_min(0.5);
    // In place of a step that is not there the mean is neither the least nor the largest.
    let filled = x.where_self(&real.gt(0.0), &mean);
    let [least, largest] = [filled.amin(2, true), filled.amax(2, true)];
    Tensor::cat(&[mean, deviation, slope, least, largest], 2).flatten(2, 3)
}
