//! The libtorch form of every block, one file each, checked against the `f64` definitions in `spaces`.

mod attention;
mod chimera;
mod convolution;
mod elman;
mod fsmn;
mod gated;
mod gau;
mod glu;
mod gru;
mod identity;
mod lightnet;
mod long_convolution;
mod lssl;
mod lstm;
mod mamba;
mod mamba2;
mod mlp;
mod moe;
pub mod para_gru;
pub mod para_lstm;
mod plstm;
mod plstm2d;
mod rcnn;
mod s4d;
mod se;
mod snnk;

use std::collections::BTreeMap;

use spaces::sequence::{Place, Settings};
use tch::Tensor;

/// The libtorch form of a [`spaces::sequence::Block`].
pub trait TorchBlock: Sync {
    /// x is B×L×D, the result too. `mask` is B×L in x's kind, 1 where a step is real; padding is at the end, and
    /// `None` means that there is none. Real steps of the result do not depend on what padded steps hold.
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor;

    /// [`forward`](Self::forward) on a grid: steps of so many tokens each, one after the other, of which a case has whole
    /// ones. Default: the tokens are a sequence.
    fn forward_grid(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
        _columns: i64,
    ) -> Tensor {
        self.forward(settings, weights, x, mask)
    }

    /// What training adds to the loss for this block, a scalar: the mean over real steps of what it should keep small.
    /// Default: nothing.
    fn penalty(
        &self,
        _settings: &Settings,
        _weights: &TorchWeights,
        _x: &Tensor,
        _mask: Option<&Tensor>,
    ) -> Option<Tensor> {
        None
    }
}

/// The tensors of a block, by name.
#[derive(Debug, Default)]
pub struct TorchWeights(pub BTreeMap<&'static str, Tensor>);

/// Every block of `spaces::sequence::blocks::ALL`, by place and name.
pub const ALL: &[(Place, &str, &dyn TorchBlock)] = &[
    // Attention.
    (Place::Token, "attention", &attention::Attention),
    (Place::Token, "gau", &gau::Gau),
    // Linear recurrences.
    (Place::Token, "s4d", &s4d::S4d),
    (Place::Token, "lssl", &lssl::Lssl),
    (Place::Token, "mamba", &mamba::Mamba),
    (Place::Token, "mamba2", &mamba2::Mamba2),
    (Place::Token, "lightnet", &lightnet::Lightnet),
    (Place::Token, "plstm", &plstm::Plstm),
    (Place::Token, "plstm2d", &plstm2d::Plstm2d),
    (Place::Token, "chimera", &chimera::Chimera),
    // Recurrences that are not linear.
    (Place::Token, "gru", &gru::Gru),
    (Place::Token, "para-gru", &para_gru::ParaGru),
    (Place::Token, "para-lstm", &para_lstm::ParaLstm),
    (Place::Token, "lstm", &lstm::Lstm),
    (Place::Token, "elman", &elman::Elman),
    (Place::Token, "rcnn", &rcnn::Rcnn),
    // Convolutions.
    (Place::Token, "convolution", &convolution::Convolution),
    (Place::Token, "fsmn", &fsmn::Fsmn),
    (Place::Token, "gated-fsmn", &fsmn::GatedFsmn),
    (Place::Token, "long-convolution", &long_convolution::LongConvolution),
    // Nothing.
    (Place::Token, "identity", &identity::Identity),
    // Mixers of channels.
    (Place::Channel, "mlp", &mlp::Mlp),
    (Place::Channel, "glu", &glu::Glu),
    (Place::Channel, "moe", &moe::Moe),
    (Place::Channel, "snnk", &snnk::Snnk),
    (Place::Channel, "se", &se::Se),
    (Place::Channel, "identity", &identity::Identity),
];

/// The libtorch form of the block called `name` at this place.
pub fn find(place: Place, name: &str) -> Option<&'static dyn TorchBlock> {
    ALL.iter().copied().find(|listed| (listed.0, listed.1) == (place, name)).map(|listed| listed.2)
}

impl std::ops::Index<&str> for TorchWeights {
    type Output = Tensor;

    /// Panics if the block has no tensor of that name: an error of the block, which the laws catch.
    fn index(&self, name: &str) -> &Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("no tensor `{name}`"))
    }
}

/// x·Wᵀ without a bias, over the last dimension.
fn linear(x: &Tensor, weight: &Tensor) -> Tensor {
    x.linear(weight, None::<&Tensor>)
}

/// Panics on a name that no gene lists: genomes are checked when they are made.
fn activate(name: &str, x: &Tensor) -> Tensor {
    match name {
        "gelu" => x.gelu("none"),
        "relu" => x.relu(),
        "silu" => x.silu(),
        "tanh" => x.tanh(),
        "sigmoid" => x.sigmoid(),
        "identity" => x.shallow_clone(),
        _ => panic!("no activation `{name}`"),
    }
}

#[cfg(test)]
pub mod tests {
    use hashing::Rng;
    use tch::Kind;

    use super::*;

    /// Two forms of one function agree in values and in every gradient, in f64, on normal numbers of these shapes.
    pub fn assert_same(
        found: impl Fn(&[Tensor]) -> Tensor,
        expected: impl Fn(&[Tensor]) -> Tensor,
        shapes: &[Vec<i64>],
    ) {
        tch::set_num_threads(1);
        let drawn = |(i, shape): (usize, &Vec<i64>)| {
            let rng = &mut Rng::named(0, "same", i as u64);
            let values: Vec<f64> = (0..shape.iter().product()).map(|_: i64| rng.normal()).collect();
            Tensor::from_slice(&values).view(shape.as_slice()).set_requires_grad(true)
        };
        let inputs: Vec<Tensor> = shapes.iter().enumerate().map(drawn).collect();
        let all = |function: &dyn Fn(&[Tensor]) -> Tensor| {
            let y = function(&inputs);
            let weights = Tensor::arange(y.numel() as i64, (Kind::Double, y.device())).cos().view_as(&y);
            let gradients = Tensor::run_backward(&[(&y * weights).sum(None)], &inputs, false, false);
            std::iter::once(y.detach()).chain(gradients).collect::<Vec<_>>()
        };
        for (i, (found, expected)) in all(&found).iter().zip(all(&expected)).enumerate() {
            let largest = |x: &Tensor| x.abs().max().double_value(&[]);
            let error = largest(&(found - &expected)) / largest(&expected).max(1e-3);
            assert!(error < 1e-12, "result, then gradients: number {i} is off by {error:e}");
        }
    }
}
