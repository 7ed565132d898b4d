//! pLSTM on a line: source, transition, mark and direct gates of each head. With T = σ(·), S, M, D alike from W x + b,
//! C_t = T_t C_{t−1} + S_t k_t v_tᵀ and o_t = M_t C_{t−1}ᵀ q_t + D_t ⟨q_t, k_t⟩ v_t: the state sits between two steps,
//! so that a step reads what came before it by the mark and itself by the direct gate; y = W_o rms_h(o), each head
//! normalized by itself.
//!
//! The transition is the sigmoid form, above 0; keys are scaled by 1/√d.

use crate::sequence::math::{Matrix, dot, linear, rms_norm, sigmoid};
use crate::sequence::{Block, Gene, Init, Place, Settings, Tensor, Weights};

pub struct Plstm;

impl Block for Plstm {
    fn name(&self) -> &'static str {
        "plstm"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Pöppel et al. 2025, arXiv 2506.11997"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("heads", &[4, 2, 8])]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    /// `w_gates` makes the rows S, T, M, D, each for all heads.
    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let heads = settings.number("heads");
        let mut all: Vec<_> = ["w_q", "w_k", "w_v"].map(|name| Tensor::matrix(name, width, width)).into();
        all.push(Tensor { init: Init::Constant(0.0), ..Tensor::matrix("w_gates", 4 * heads, width) });
        all.push(Tensor {
            name: "b_gates",
            shape: vec![4, heads],
            init: Init::Indexed(|index, shape| if index / shape[1] == 1 { OPEN } else { CLOSED }),
            // Low enough for the norm not to undo the direct gate where there is one step alone.
            probe: (-2.0, 0.7),
            decay: false,
        });
        all.push(Tensor::gain("gain", width));
        all.push(Tensor::matrix("w_o", width, width));
        all
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let heads = settings.number("heads");
        let size = x.columns / heads;
        let [q, k, v] = ["w_q", "w_k", "w_v"].map(|name| linear(x, &weights[name], &[]));
        let scale = 1.0 / (size as f64).sqrt();
        let k = k.map(|k| scale * k);
        let gates = linear(x, &weights["w_gates"], &weights["b_gates"]).map(sigmoid);
        let mut y = Matrix::zeros(x.rows, x.columns);
        for head in 0..heads {
            let [q, k, v] = [&q, &k, &v].map(|all| all.columns(head * size, size));
            let mut state = vec![0.0; size * size];
            let mut o = Matrix::zeros(x.rows, size);
            for t in 0..x.rows {
                let [source, transition, mark, direct] =
                    [0, 1, 2, 3].map(|gate| gates.at(t, gate * heads + head));
                let (q, k, v, o) = (q.row(t), k.row(t), v.row(t), o.row_mut(t));
                let itself = direct * dot(q, k);
                o.iter_mut().zip(v).for_each(|(o, v)| *o = itself * v);
                for (n, row) in state.chunks_exact_mut(size).enumerate() {
                    let (read, write) = (mark * q[n], source * k[n]);
                    o.iter_mut().zip(&*row).for_each(|(o, c)| *o += read * c);
                    row.iter_mut().zip(v).for_each(|(c, v)| *c = transition * *c + write * v);
                }
            }
            y.set_columns(head * size, &rms_norm(&o, &weights["gain"][head * size..][..size]));
        }
        linear(&y, &weights["w_o"], &[])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let heads = settings.number("heads");
        (length * width * (4 * width + 4 * heads + 3 * width / heads + 2)) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("plstm.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::LINEAR_SCAN, super::MATRIX_STATE]
    }
}

/// Biases of gates: the transition starts at 0.9999, as tanh 5 does, all others at 0.0067.
const OPEN: f64 = 9.2;
const CLOSED: f64 = -5.0;
