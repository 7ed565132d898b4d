//! Long short-term memory: libtorch's everywhere. In single precision on the processor that is one fused
//! kernel, which a kernel of ours in the style of `kernels::gru` does not reach (0.9 against 1.9 ms for 32
//! cases of 29 steps at width 32, both directions). With peepholes, step by step: libtorch has no kernel for
//! them.

use spaces::sequence::Settings;
use tch::Tensor;

use super::{TorchBlock, TorchWeights};

pub struct Lstm;

impl TorchBlock for Lstm {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let tensors = ["w_ih", "w_hh", "b_ih", "b_hh"].map(|name| &weights[name]);
        if settings.flag("peepholes") {
            return step_by_step(x, tensors, ["p_i", "p_f", "p_o"].map(|name| &weights[name]));
        }
        libtorch(x, tensors)
    }
}

fn libtorch(x: &Tensor, tensors: [&Tensor; 4]) -> Tensor {
    let (batch, _, width) = x.size3().expect("x is B×L×D");
    let start = Tensor::zeros([1, batch, width], (x.kind(), x.device()));
    // Biases; one layer; no dropout; ready for gradients; one direction; batch first.
    x.lstm(&[&start, &start], &tensors, true, 1, 0.0, true, false, true).0
}

fn step_by_step(x: &Tensor, [w_ih, w_hh, b_ih, b_hh]: [&Tensor; 4], [p_i, p_f, p_o]: [&Tensor; 3]) -> Tensor {
    let (batch, _, width) = x.size3().expect("x is B×L×D");
    let mut h = Tensor::zeros([batch, width], (x.kind(), x.device()));
    let mut c = h.shallow_clone();
    let step = |from_x: Tensor| {
        let sums = (from_x + h.linear(w_hh, Some(b_hh))).chunk(4, 1);
        let [i, f, g, o] = <[Tensor; 4]>::try_from(sums).expect("four parts");
        c = f.addcmul(p_f, &c).sigmoid() * &c + i.addcmul(p_i, &c).sigmoid() * g.tanh();
        h = o.addcmul(p_o, &c).sigmoid() * c.tanh();
        h.shallow_clone()
    };
    let states: Vec<Tensor> = x.linear(w_ih, Some(b_ih)).unbind(1).into_iter().map(step).collect();
    Tensor::stack(&states, 1)
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind};

    use super::super::tests::assert_same;
    use super::*;

    /// States, then the gradients of x and of every tensor.
    fn run(values: &[Tensor], kind: Kind) -> Vec<Tensor> {
        let leaf = |value: &Tensor| value.to_kind(kind).set_requires_grad(true);
        let leaves: Vec<_> = values.iter().map(leaf).collect();
        let y = libtorch(&leaves[0], [1, 2, 3, 4].map(|i| &leaves[i]));
        let projection = Tensor::arange(y.numel() as i64, (kind, Device::Cpu)).cos().view_as(&y);
        let gradients = Tensor::run_backward(&[(&y * projection).sum(None)], &leaves, false, false);
        std::iter::once(y.detach()).chain(gradients).collect()
    }

    /// They are two kernels of libtorch.
    #[test]
    fn single_precision_is_double_precision_in_values_and_gradients() {
        tch::set_num_threads(1);
        for length in [1, 2, 29] {
            let shapes = [vec![3, length, 8], vec![32, 8], vec![32, 8], vec![32], vec![32]];
            let value = |shape: &Vec<i64>| {
                let count = shape.iter().product::<i64>();
                (Tensor::arange(count, (Kind::Double, Device::Cpu)) * 1.7).sin().view(shape.as_slice())
            };
            let values: Vec<_> = shapes.iter().map(value).collect();
            for (single, double) in run(&values, Kind::Float).iter().zip(run(&values, Kind::Double)) {
                let error = (single - &double).abs().max().double_value(&[]);
                let bound = 1e-5 * double.abs().max().double_value(&[]).max(1e-3);
                assert!(error < bound, "{length} steps: {error:e} of {:?}", double.size());
            }
        }
    }

    #[test]
    fn closed_peepholes_are_none() {
        for length in [1, 2, 29] {
            let shapes = [vec![3, length, 8], vec![32, 8], vec![32, 8], vec![32], vec![32]];
            let tensors = |all: &[Tensor]| [1, 2, 3, 4].map(|i| all[i].shallow_clone());
            let closed = Tensor::zeros([8], (Kind::Double, Device::Cpu));
            let (steps, kernel) = (
                |all: &[Tensor]| step_by_step(&all[0], tensors(all).each_ref(), [&closed; 3]),
                |all: &[Tensor]| libtorch(&all[0], tensors(all).each_ref()),
            );
            assert_same(steps, kernel, &shapes);
        }
    }
}
