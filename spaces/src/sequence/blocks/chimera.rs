//! Two coupled selective state spaces on a grid of time × channels: Mamba along the time of every channel, and across channels.
//! (u, z) = W_in x; u ← silu(conv(u)) along time; (δ, B, C) = W_x u and Δ = softplus(W_dt δ + b_dt), twice: for time and for
//! channels. At time t in channel v, with Ā = e^{Δ A} and Ā′ = e^{Δ′ A′} of the cell,
//! h[t, v] = Ā ∘ h[t−1, v] + (1 − Ā) ∘ tanh(M) ∘ g[t−1, v] + Δ B u and
//! g[t, v] = Ā′ ∘ g[t, v−1] + (1 − Ā′) ∘ tanh(M′) ∘ h[t, v−1] + Δ′ B′ u; o = ⟨C, h⟩ + ⟨C′, g⟩, the mean of both orders of the
//! channels; y = W_out ((o + D u) ∘ silu(z)).
//!
//! The paper has no published code. Its cross terms A₂ and A₃ are (1 − Ā) tanh(M) and (1 − Ā′) tanh(M′) here: they start at zero,
//! and what is carried into a cell is no larger than the larger state that it comes from, however the couplings train.
//! Without cross terms time alone is left (A₂ = A₃ = B₂ = 0): Mamba in every channel by itself, and Mamba on one column.

use multiversion::multiversion;

use super::convolution::causal_convolution;
use super::mamba::{EXPAND, KERNEL, Mamba, rank, step_bias};
use crate::sequence::layout::by_column;
use crate::sequence::math::{Lanes, Matrix, exp, linear, silu, softplus, tanh};
use crate::sequence::{Block, Gene, Init, Mixer, Place, Settings, Tensor, Value, Weights};

pub struct Chimera;

impl Block for Chimera {
    fn name(&self) -> &'static str {
        "chimera"
    }

    fn place(&self) -> Place {
        Place::Token
    }

    fn source(&self) -> &'static str {
        "Behrouz, Santacatterina and Zabih 2024, arXiv 2406.04320"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![Gene::numbers("state", &[8, 4, 16]), Gene::flag("cross", true)]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn simpler_in_steps(&self, settings: &Settings) -> Option<Mixer> {
        (!settings.flag("cross")).then(|| Mixer { kind: Mamba.name().into(), settings: of_mamba(settings) })
    }

    /// Those of Mamba, and what couples: rows δ (rank), B (state), C (state) of `w_x_across`, M as `couple`, M′ as `couple_across`.
    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let mut all = Mamba.tensors(&of_mamba(settings), width);
        if !settings.flag("cross") {
            return all;
        }
        let (inner, state, rank) = (EXPAND * width, settings.number("state"), rank(width));
        let of_states =
            |name, init| Tensor { name, shape: vec![inner, state], init, probe: (0.0, 0.7), decay: false };
        all.extend([
            Tensor::matrix("w_x_across", rank + 2 * state, inner),
            Tensor::matrix("w_dt_across", inner, rank),
            Tensor {
                name: "b_dt_across",
                shape: vec![inner],
                init: Init::Drawn(step_bias),
                probe: (-1.0, 0.5),
                decay: false,
            },
            of_states("log_a_across", Init::Indexed(|index, shape| ((index % shape[1] + 1) as f64).ln())),
            of_states("couple", Init::Constant(0.0)),
            of_states("couple_across", Init::Constant(0.0)),
        ]);
        all
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        self.forward_grid(settings, weights, x, 1)
    }

    fn knows_grid(&self) -> bool {
        true
    }

    fn forward_grid(&self, settings: &Settings, weights: &Weights, x: &Matrix, columns: usize) -> Matrix {
        if !settings.flag("cross") {
            let mut y = x.clone();
            by_column(&mut y, columns, |x| *x = Mamba.forward(&of_mamba(settings), weights, x));
            return y;
        }
        let (inner, state) = (EXPAND * x.columns, settings.number("state"));
        let both = linear(x, &weights["w_in"], &[]);
        let mut u = both.columns(0, inner);
        by_column(&mut u, columns, |u| {
            *u = causal_convolution(u, &weights["w_conv"], &weights["b_conv"], KERNEL);
        });
        let u = u.map(silu);
        let along = Axis::new(&u, state, ["w_x", "w_dt", "b_dt", "log_a", "couple"].map(|n| &weights[n]));
        let across = ["w_x_across", "w_dt_across", "b_dt_across", "log_a_across", "couple_across"];
        let across = Axis::new(&u, state, across.map(|name| &weights[name]));
        let mut o = u.clone();
        o.data
            .chunks_exact_mut(inner)
            .for_each(|o| o.iter_mut().zip(&weights["d"]).for_each(|(o, d)| *o *= d));
        for first in (0..inner).step_by(Lanes::COUNT) {
            run(&along, &across, &u, columns, first, &mut o);
        }
        let gate = both.columns(inner, inner).map(silu);
        linear(&o.zip(&gate, |o, z| o * z), &weights["w_out"], &[])
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let mamba = Mamba.multiply_adds(&of_mamba(settings), width, length);
        if !settings.flag("cross") {
            return mamba;
        }
        let (inner, state, rank) = (EXPAND * width, settings.number("state"), rank(width));
        // In both orders, of both states: what it keeps, takes over, is given, and shows; Mamba counts four of these.
        let coupled = inner * (rank + 2 * state) + rank * inner + inner * (2 * 8 - 4) * state;
        mamba + (length * coupled) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("chimera.py")
    }

    fn python_shared(&self) -> &'static [&'static str] {
        &[super::LINEAR_SCAN, super::DEPTHWISE, super::GRID_SCAN, super::MAMBA]
    }
}

/// Of the Mamba that runs along time.
fn of_mamba(settings: &Settings) -> Settings {
    let named = [("state", settings.0["state"].clone()), ("discretization", Value::Word("euler".into()))];
    Settings(named.map(|(gene, value)| (gene.to_string(), value)).into())
}

/// What moves in one direction: steps, inputs and read-outs of every cell, and ln(−A) and M of every state.
struct Axis<'a> {
    step: Matrix,
    b: Matrix,
    c: Matrix,
    log_a: &'a [f64],
    couple: &'a [f64],
}

impl<'a> Axis<'a> {
    fn new(u: &Matrix, state: usize, [w_x, w_dt, b_dt, log_a, couple]: [&'a [f64]; 5]) -> Self {
        let made = linear(u, w_x, &[]);
        let rank = made.columns - 2 * state;
        Self {
            step: linear(&made.columns(0, rank), w_dt, b_dt).map(softplus),
            b: made.columns(rank, state),
            c: made.columns(rank + state, state),
            log_a,
            couple,
        }
    }

    /// The coupling tanh M of every state, of the channels from `first` on.
    #[inline(always)]
    fn couplings(&self, first: usize) -> Vec<Lanes> {
        let mut couplings = Vec::with_capacity(self.b.columns);
        for n in 0..self.b.columns {
            couplings.push(Lanes::load_column(self.couple, self.b.columns, n, first).map(tanh));
        }
        couplings
    }

    /// e^{Δ A} of every cell, and there of every state, of the channels from `first` on.
    #[inline(always)]
    fn decays(&self, first: usize) -> Vec<Lanes> {
        let count = self.b.columns;
        let mut rates = Vec::with_capacity(count);
        for n in 0..count {
            rates.push(-Lanes::load_column(self.log_a, count, n, first).map(exp));
        }
        let mut decays = Vec::with_capacity(self.step.rows * count);
        for cell in 0..self.step.rows {
            let step = Lanes::load(self.step.row(cell), first);
            for rate in &rates {
                decays.push((step * *rate).map(exp));
            }
        }
        decays
    }
}

/// A state from itself and from the other one where the edge comes from.
#[inline(always)]
fn next(keep: Lanes, couple: Lanes, own: Lanes, other: Lanes, given: Lanes) -> Lanes {
    keep * own + (Lanes::all(1.0) - keep) * couple * other + given
}

/// Adds to `o` what the channels from `first` on, side by side, read in both orders of the columns.
#[multiversion(targets("x86_64+avx+avx2"))]
fn run(along: &Axis, across: &Axis, u: &Matrix, columns: usize, first: usize, o: &mut Matrix) {
    let count = along.b.columns;
    let (keep, couple) = (along.decays(first), along.couplings(first));
    let (mut keep_across, mut couple_across) = (Vec::new(), Vec::new());
    // Into one column nothing comes from beside, and its orders are one.
    let (orders, share): (&[bool], f64) = if columns > 1 { (&[false, true], 0.5) } else { (&[false], 1.0) };
    if columns > 1 {
        (keep_across, couple_across) = (across.decays(first), across.couplings(first));
    }
    for &leftwards in orders {
        // Both states: of every column one step ago, and of the column beside.
        let (mut h, mut g) = (vec![Lanes::ZERO; columns * count], vec![Lanes::ZERO; columns * count]);
        let (mut h_beside, mut g_beside) = (vec![Lanes::ZERO; count], vec![Lanes::ZERO; count]);
        for t in 0..u.rows / columns {
            for j in 0..columns {
                let column = if leftwards { columns - 1 - j } else { j };
                let cell = t * columns + column;
                let (h, g) = (&mut h[column * count..][..count], &mut g[column * count..][..count]);
                let u = Lanes::load(u.row(cell), first);
                let (b, given) = (along.b.row(cell), Lanes::load(along.step.row(cell), first) * u);
                let keep = &keep[cell * count..][..count];
                for n in 0..count {
                    h[n] = next(keep[n], couple[n], h[n], g[n], b[n] * given);
                }
                let (b, given) = (across.b.row(cell), Lanes::load(across.step.row(cell), first) * u);
                for n in 0..count {
                    g[n] = b[n] * given;
                }
                if j > 0 {
                    let keep = &keep_across[cell * count..][..count];
                    for n in 0..count {
                        g[n] = next(keep[n], couple_across[n], g_beside[n], h_beside[n], g[n]);
                    }
                }
                let (c, c_across) = (along.c.row(cell), across.c.row(cell));
                let mut sum = Lanes::load(o.row(cell), first);
                for n in 0..count {
                    sum += share * (c[n] * h[n] + c_across[n] * g[n]);
                }
                sum.store(o.row_mut(cell), first);
                h_beside.copy_from_slice(h);
                g_beside.copy_from_slice(g);
            }
        }
    }
}
