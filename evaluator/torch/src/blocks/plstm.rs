//! pLSTM on a line, in chunks.

use spaces::sequence::Settings;
use spaces::sequence::math::EPSILON;
use tch::{Kind, Tensor};

use super::{TorchBlock, TorchWeights, linear};
use crate::matrix_state::matrix_state;

pub struct Plstm;

impl TorchBlock for Plstm {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let heads = settings.number("heads") as i64;
        // B×L×H×d.
        let [q, k, v] =
            ["w_q", "w_k", "w_v"].map(|name| linear(x, &weights[name]).unflatten(-1, [heads, -1]));
        let size = v.size()[3];
        let k = k * (1.0 / (size as f64).sqrt());
        let gates = x.linear(&weights["w_gates"], Some(&weights["b_gates"].flatten(0, 1)));
        // S, M, D as B×L×H×1.
        let gates = gates.chunk(4, -1);
        let [source, mark, direct] = [0, 2, 3].map(|i| gates[i].sigmoid().unsqueeze(-1));
        let (log_decay, key) = (delayed(&gates[1].log_sigmoid()), delayed(&(source * &k)));
        let before = matrix_state(&log_decay, &(mark * &q), &key, &delayed(&v));
        let itself = direct * (q * k).sum_dim_intlist(-1, true, None::<Kind>);
        let o = before.addcmul(&itself, &v).rms_norm([size], None::<Tensor>, EPSILON);
        linear(&(o.flatten(2, 3) * &weights["gain"]), &weights["w_o"])
    }
}

/// One step later: a step reads the state before it.
fn delayed(x: &Tensor) -> Tensor {
    let mut pad = vec![0; 2 * (x.dim() - 1)];
    pad[2 * (x.dim() - 2)] = 1;
    x.constant_pad_nd(pad).narrow(1, 0, x.size()[1])
}
