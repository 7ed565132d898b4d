//! pLSTM on a grid, orientation after orientation.

use spaces::sequence::Settings;
use spaces::sequence::math::EPSILON;
use tch::{Kind, Tensor};

use super::{TorchBlock, TorchWeights, linear};
use crate::grid::{Entering, grid_scan, shifted};
use crate::steps::reverse;

pub struct Plstm2d;

impl TorchBlock for Plstm2d {
    fn forward(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Tensor {
        self.forward_grid(settings, weights, x, mask, 1)
    }

    fn forward_grid(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
        columns: i64,
    ) -> Tensor {
        let heads = settings.number("heads") as i64;
        let [q, k, v] = ["w_q", "w_k", "w_v"].map(|name| linear(x, &weights[name]));
        let size = v.size()[2] / heads;
        let k = k * (1.0 / (size as f64).sqrt());
        let gates = x.linear(&weights["w_gates"], Some(&weights["b_gates"].flatten(0, 1))).sigmoid();
        let rows = gates.size()[2] / heads;
        let direct = gates.narrow(2, (rows - 1) * heads, heads).unsqueeze(-1);
        let [of_q, of_k, of_v] = [&q, &k, &v].map(|x| x.unflatten(-1, [heads, -1]));
        let itself = direct * (of_q * of_k).sum_dim_intlist(-1, true, None::<Kind>);
        let mut o = itself * of_v;
        let count = (rows - 1) / 4 * heads;
        for orientation in 0..4 {
            let own = gates.narrow(2, orientation * count, count);
            let all = turned(&Tensor::cat(&[&q, &k, &v, &own], 2), mask, columns, orientation);
            let read = states_read(&all, settings.word("mode") == "p", heads, size);
            o += turned_back(&read.flatten(3, 4), mask, orientation).unflatten(-1, [heads, -1]);
        }
        let o = o.rms_norm([size], None::<Tensor>, EPSILON).flatten(2, 3);
        linear(&(o * &weights["gain"]), &weights["w_o"])
    }
}

/// B×tokens×… to B×R×C×…, so that this orientation goes right and down: the last two go up, the odd ones left. A case goes up
/// within its own length.
fn turned(x: &Tensor, mask: Option<&Tensor>, columns: i64, orientation: i64) -> Tensor {
    let (upwards, leftwards) = (orientation / 2 == 1, orientation % 2 == 1);
    // Tokens in reverse go up and left.
    let x = if upwards { reverse(x, mask) } else { x.shallow_clone() };
    let x = x.unflatten(1, [-1, columns]);
    if upwards == leftwards { x } else { x.flip([2]) }
}

/// B×R×C×… back to B×tokens×….
fn turned_back(x: &Tensor, mask: Option<&Tensor>, orientation: i64) -> Tensor {
    let (upwards, leftwards) = (orientation / 2 == 1, orientation % 2 == 1);
    let x = if upwards == leftwards { x.shallow_clone() } else { x.flip([2]) };
    let x = x.flatten(1, 2);
    if upwards { reverse(&x, mask) } else { x }
}

/// Of q, k, v and gates, B×R×C×…: what the marks read of the states, B×R×C×H×P.
fn states_read(all: &Tensor, p_mode: bool, heads: i64, size: i64) -> Tensor {
    let width = heads * size;
    let part = |number: i64| all.narrow(3, number * width, width).unflatten(3, [heads, size]);
    let (q, k, v) = (part(0), part(1), part(2));
    // B×R×C×H×1.
    let gates = all.narrow(3, 3 * width, all.size()[3] - 3 * width).unflatten(3, [-1, heads]).unsqueeze(-1);
    let gates = gates.unbind(3);
    // What leaves a cell enters the next one; both states are B×R×C×H×N×P.
    let entering = |dim: i64, own: &Tensor, other: Option<&Tensor>, source: &Tensor| {
        let gate = |gate: &Tensor| shifted(&gate.unsqueeze(-1), dim);
        let added = (source * &k).unsqueeze(-1) * v.unsqueeze(-2);
        Entering { own: gate(own), other: other.map(gate), source: shifted(&added, dim) }
    };
    let read = |mark: &Tensor, state: &Tensor| (mark * &q).unsqueeze(-2).matmul(state).squeeze_dim(-2);
    if p_mode {
        let [source, stay, share, mark] = [&gates[0], &gates[1], &gates[2], &gates[3]];
        let rest = share.neg() + 1.0;
        let (right, down) = (share * stay, &rest * stay);
        let right = entering(2, &right, Some(&right), &(share * source));
        let down = entering(1, &down, Some(&down), &(rest * source));
        let [r, u] = grid_scan(&right, &down);
        return read(mark, &(r + u));
    }
    let right = entering(2, &gates[2], None, &gates[0]);
    let down = entering(1, &gates[3], Some(&gates[4]), &gates[1]);
    let [r, u] = grid_scan(&right, &down);
    read(&gates[5], &r) + read(&gates[6], &u)
}
