//! The nearest class mean: what an encoder is worth without the head that it was trained with (Janson et al. 2022, arXiv
//! 2210.04428).
//!
//! μ_c is the mean over the training cases of class c of what the head reads; a case belongs to the class whose mean is the
//! nearest. ‖f − μ_c‖² is ‖f‖² less twice μ_c·f − ½‖μ_c‖², so that this is a linear head with weights μ_c and bias −½‖μ_c‖².

use tch::{Device, Kind, Tensor, no_grad};

use crate::Model;
use crate::data::{Cases, in_order};

/// Cases that are encoded at once.
const AT_ONCE: usize = 128;

/// Of the cases, cases × classes: the largest number belongs to the nearest mean. A class without a training case has
/// none, and −∞.
pub fn nearness(model: &Model, train: &Cases, cases: &Cases) -> Vec<f64> {
    let (weights, bias) = means(model, train);
    let rows = features(model, cases).matmul(&weights.tr()) + bias;
    Vec::try_from(rows.flatten(0, -1)).expect("a vector of doubles on the processor")
}

/// μ_c (classes × width) and −½‖μ_c‖².
fn means(model: &Model, train: &Cases) -> (Tensor, Tensor) {
    let labels: Vec<i64> = train.labels().iter().map(|label| *label as i64).collect();
    let members = Tensor::from_slice(&labels).one_hot(train.classes() as i64).to_kind(Kind::Double).tr();
    let counts = members.sum_dim_intlist(1, true, None);
    let means = members.matmul(&features(model, train)) / counts.clamp_min(1.0);
    let bias = means.square().sum_dim_intlist(1, false, None) * -0.5;
    let empty = counts.squeeze_dim(1).eq(0.0);
    (means, bias.masked_fill(&empty, f64::NEG_INFINITY))
}

/// Cases × width, in f64 on the processor.
fn features(model: &Model, cases: &Cases) -> Tensor {
    let encode = |positions: &Vec<i64>| no_grad(|| model.features(&cases.batch(positions).0));
    let parts: Vec<_> = in_order(cases.len(), AT_ONCE).iter().map(encode).collect();
    Tensor::cat(&parts, 0).to_kind(Kind::Double).to_device(Device::Cpu)
}
