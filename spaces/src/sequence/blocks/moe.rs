//! Mixture of experts on every step: y = Σ_{i kept} g_i E_i(x), with perceptrons
//! E_i(x) = W_2i act(W_1i x + b_1i) + b_2i, the `top` largest scores of W_g x kept, those with equal scores by
//! their number, and gates g = softmax(W_g x) over all experts or over those kept. A shared expert, where there
//! is one, is added to every step.
//!
//! Training keeps the load balanced, where it is told to, by adding E Σ_i f_i P_i to the loss (times 0.01):
//! f_i is the share of expert i in what is kept, P_i its mean gate among all, over the steps.

use super::mlp::perceptron;
use crate::sequence::math::{Matrix, linear, softmax};
use crate::sequence::{Block, Gene, Init, Mixer, Place, Settings, Tensor, Value, Weights};

pub struct Moe;

impl Block for Moe {
    fn name(&self) -> &'static str {
        "moe"
    }

    fn place(&self) -> Place {
        Place::Channel
    }

    fn source(&self) -> &'static str {
        "Shazeer et al. 2017, arXiv 1701.06538, with the balance of Fedus, Zoph and Shazeer 2021, arXiv \
         2101.03961, and the shared expert of Dai et al. 2024, arXiv 2401.06066"
    }

    fn genes(&self) -> Vec<Gene> {
        vec![
            Gene::numbers("experts", &[4, 1, 2, 8]),
            Gene::numbers("top", &[2, 1, 4]),
            Gene::flag("shared", false),
            Gene::flag("balance", true),
            Gene::flag("normalize", true),
            Gene::numbers("ratio", &[2, 1, 4]),
            super::mlp::activation(),
        ]
    }

    fn causal(&self, _: &Settings) -> bool {
        true
    }

    fn penalizes(&self, settings: &Settings) -> bool {
        settings.flag("balance") && kept(settings) < settings.number("experts")
    }

    /// Where all are kept there is nothing to balance or to normalize, and one expert is a perceptron.
    fn simpler(&self, settings: &Settings) -> Option<Mixer> {
        let experts = settings.number("experts");
        if experts == 1 && !settings.flag("shared") {
            let kept = ["ratio", "activation"].map(|gene| (gene.to_string(), settings.0[gene].clone()));
            return Some(Mixer { kind: "mlp".into(), settings: Settings(kept.into()) });
        }
        let mut simpler = settings.with("top", Value::Number(kept(settings)));
        if kept(settings) == experts {
            simpler = simpler.with("balance", Value::Flag(true)).with("normalize", Value::Flag(true));
        }
        (simpler != *settings).then(|| Mixer { kind: self.name().into(), settings: simpler })
    }

    /// One expert needs no scores, and has the tensors of a perceptron.
    fn tensors(&self, settings: &Settings, width: usize) -> Vec<Tensor> {
        let (experts, hidden) = (settings.number("experts"), settings.number("ratio") * width);
        let of_each = |tensor: Tensor| match experts {
            1 => tensor,
            _ => Tensor { shape: [&[experts], &tensor.shape[..]].concat(), ..tensor },
        };
        let mut tensors = vec![
            of_each(Tensor::matrix("w_1", hidden, width)),
            of_each(Tensor::bias("b_1", hidden, width)),
            of_each(Tensor::matrix("w_2", width, hidden)),
            of_each(Tensor::bias("b_2", width, hidden)),
        ];
        if experts > 1 {
            tensors.push(Tensor { init: Init::Normal(0.02), ..Tensor::matrix("w_g", experts, width) });
        }
        if settings.flag("shared") {
            tensors.extend([
                Tensor::matrix("shared_w_1", hidden, width),
                Tensor::bias("shared_b_1", hidden, width),
                Tensor::matrix("shared_w_2", width, hidden),
                Tensor::bias("shared_b_2", width, hidden),
            ]);
        }
        tensors
    }

    fn forward(&self, settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
        let (experts, activation) = (settings.number("experts"), settings.word("activation"));
        let mut y = if settings.flag("shared") {
            let tensors = ["shared_w_1", "shared_b_1", "shared_w_2", "shared_b_2"].map(|name| &weights[name]);
            perceptron(x, activation, tensors)
        } else {
            Matrix::zeros(x.rows, x.columns)
        };
        let gates = gates(settings, weights, x);
        let tensors = ["w_1", "b_1", "w_2", "b_2"].map(|name| &weights[name]);
        for expert in 0..experts {
            let asking: Vec<usize> = (0..x.rows).filter(|t| gates.at(*t, expert) != 0.0).collect();
            let tensors = tensors.map(|all| {
                let len = all.len() / experts;
                &all[expert * len..][..len]
            });
            let made = perceptron(&x.picked(&asking), activation, tensors);
            for (row, t) in asking.into_iter().enumerate() {
                let gate = gates.at(t, expert);
                y.row_mut(t).iter_mut().zip(made.row(row)).for_each(|(y, made)| *y += gate * made);
            }
        }
        y
    }

    fn multiply_adds(&self, settings: &Settings, width: usize, length: usize) -> u64 {
        let experts = settings.number("experts");
        let asked = kept(settings) + usize::from(settings.flag("shared"));
        let scores = if experts > 1 { experts * width } else { 0 };
        (length * (2 * asked * settings.number("ratio") * width * width + scores)) as u64
    }

    fn python(&self) -> &'static str {
        include_str!("moe.py")
    }
}

/// Experts that a step asks: no more than there are.
fn kept(settings: &Settings) -> usize {
    settings.number("top").min(settings.number("experts"))
}

/// Steps × experts, 0 where an expert is not asked.
fn gates(settings: &Settings, weights: &Weights, x: &Matrix) -> Matrix {
    let experts = settings.number("experts");
    if experts == 1 {
        return Matrix::new(x.rows, 1, vec![1.0; x.rows]);
    }
    let mut scores = linear(x, &weights["w_g"], &[]);
    let kept = kept(settings);
    let of_step = |t: usize| {
        let scores = scores.row(t);
        (0..experts).filter(move |at| rank(scores, *at) >= kept).map(move |at| t * experts + at)
    };
    let dropped: Vec<usize> = (0..x.rows).flat_map(of_step).collect();
    let set_dropped = |scores: &mut Matrix, value| dropped.iter().for_each(|at| scores.data[*at] = value);
    if settings.flag("normalize") {
        set_dropped(&mut scores, f64::NEG_INFINITY);
        return softmax(scores);
    }
    let mut gates = softmax(scores);
    set_dropped(&mut gates, 0.0);
    gates
}

/// How many scores come before this one.
fn rank(scores: &[f64], at: usize) -> usize {
    let before = |(other, score): (usize, &f64)| *score > scores[at] || *score == scores[at] && other < at;
    scores.iter().enumerate().filter(|listed| before(*listed)).count()
}
