//! Mixture of experts on every step: each asked for its steps alone, or all for all where that is faster.

use spaces::sequence::Settings;
use tch::{Kind, Tensor};

use super::mlp::perceptron;
use super::{TorchBlock, TorchWeights, activate, linear};
use crate::kernels;

pub struct Moe;

/// Weight of the balance in the loss (Fedus, Zoph and Shazeer 2021).
const BALANCE: f64 = 0.01;

impl TorchBlock for Moe {
    fn forward(&self, settings: &Settings, weights: &TorchWeights, x: &Tensor, _: Option<&Tensor>) -> Tensor {
        let activation = settings.word("activation");
        let tensors = ["w_1", "b_1", "w_2", "b_2"].map(|name| &weights[name]);
        let y = if settings.number("experts") == 1 {
            perceptron(x, activation, tensors)
        } else {
            let rows = x.flatten(0, 1);
            let scores = Scores::of(settings, weights, &rows);
            let form = if scores.few_are_asked(&rows, tensors[0]) { apart } else { together };
            form(activation, &rows, &scores.gates(settings.flag("normalize")), tensors).view_as(x)
        };
        if !settings.flag("shared") {
            return y;
        }
        let shared = ["shared_w_1", "shared_b_1", "shared_w_2", "shared_b_2"].map(|name| &weights[name]);
        y + perceptron(x, activation, shared)
    }

    /// E Σ_i f_i P_i over real steps, 1 where the load is balanced, times its weight.
    fn penalty(
        &self,
        settings: &Settings,
        weights: &TorchWeights,
        x: &Tensor,
        mask: Option<&Tensor>,
    ) -> Option<Tensor> {
        let experts = settings.number("experts");
        if !settings.flag("balance") || settings.number("top") >= experts {
            return None;
        }
        let scores = Scores::of(settings, weights, &x.flatten(0, 1));
        let load = scores.load(mask);
        Some(load * (BALANCE * experts as f64))
    }
}

/// Scores of steps × experts.
struct Scores {
    scores: Tensor,
    dropped: Tensor,
    kept: usize,
}

impl Scores {
    /// Of equal scores the first are kept.
    fn of(settings: &Settings, weights: &TorchWeights, rows: &Tensor) -> Self {
        let kept = settings.number("top").min(settings.number("experts"));
        let scores = linear(rows, &weights["w_g"]);
        let (_, ranked) = scores.sort_stable(true, 1, true);
        let last = ranked.narrow(1, kept as i64, ranked.size()[1] - kept as i64);
        let dropped = scores.zeros_like().to_kind(Kind::Bool).scatter_value(1, &last, 1);
        Self { scores, dropped, kept }
    }

    /// 0 where an expert is not asked.
    fn gates(&self, normalize: bool) -> Tensor {
        if normalize {
            return self.scores.masked_fill(&self.dropped, f64::NEG_INFINITY).softmax(1, None);
        }
        self.scores.softmax(1, None).masked_fill(&self.dropped, 0.0)
    }

    /// Σ_i f_i P_i: the share of expert i in what is kept, times its mean gate among all, over real steps.
    fn load(&self, mask: Option<&Tensor>) -> Tensor {
        let gates = self.scores.softmax(1, None);
        let kept = self.dropped.logical_not().to_kind(gates.kind()) / self.kept as f64;
        let mean = |x: &Tensor| match mask {
            None => x.mean_dim(0, false, None),
            Some(mask) => mask.flatten(0, -1).unsqueeze(0).mm(x).squeeze_dim(0) / mask.sum(None),
        };
        mean(&kept).dot(&mean(&gates))
    }

    /// Whether it saves time to ask each expert for its own steps alone. Never off the processor: to know
    /// which they are it would have to wait.
    fn few_are_asked(&self, rows: &Tensor, w_1: &Tensor) -> bool {
        let (experts, hidden, width) = w_1.size3().expect("w_1 is E×H×D");
        let spared = (experts - self.kept as i64) * rows.size()[0] * hidden * width;
        kernels::suit(rows) && spared > experts * WORTH_PICKING
    }
}

/// Multiply-adds of its first layer that an expert spares when picking rows begins to pay: measured with 2 to
/// 8 experts of width 16 to 64.
const WORTH_PICKING: i64 = 1 << 20;

/// Every expert makes something of its own steps.
fn apart(activation: &str, rows: &Tensor, gates: &Tensor, tensors: [&Tensor; 4]) -> Tensor {
    let [w_1, b_1, w_2, b_2] = tensors.map(|tensor| tensor.unbind(0));
    let mut y = rows.zeros_like();
    for (i, gate) in gates.unbind(1).iter().enumerate() {
        let asking = gate.nonzero().squeeze_dim(1);
        let made =
            perceptron(&rows.index_select(0, &asking), activation, [&w_1[i], &b_1[i], &w_2[i], &b_2[i]]);
        let _ = y.index_add_(0, &asking, &(made * gate.index_select(0, &asking).unsqueeze(1)));
    }
    y
}

/// Every expert makes something of every step; most of it is dropped.
fn together(activation: &str, rows: &Tensor, gates: &Tensor, [w_1, b_1, w_2, b_2]: [&Tensor; 4]) -> Tensor {
    let layer = |x: &Tensor, w: &Tensor, b: &Tensor| b.unsqueeze(1).baddbmm(x, &w.transpose(1, 2), 1, 1);
    let hidden = layer(&rows.unsqueeze(0).expand([w_1.size()[0], -1, -1], false), w_1, b_1);
    let made = layer(&activate(activation, &hidden), w_2, b_2);
    (made * gates.transpose(0, 1).unsqueeze(2)).sum_dim_intlist(0, false, None)
}

#[cfg(test)]
mod tests {
    use super::super::tests::assert_same;
    use super::*;

    /// What `top` asks for, of scores that are all equal in the first row.
    fn scores(top: usize) -> Scores {
        use spaces::sequence::Value;
        let settings = [("experts", 4), ("top", top)].map(|(gene, n)| (gene.to_string(), Value::Number(n)));
        let w_g = Tensor::from_slice(&[0.0, 1.0, 0.0, 1.0, 0.0, 2.0, 0.0, 1.0]).view([4, 2]);
        let rows = Tensor::from_slice(&[1.0, 0.0, 0.0, 1.0]).view([2, 2]);
        Scores::of(&Settings(settings.into()), &TorchWeights([("w_g", w_g)].into()), &rows)
    }

    #[test]
    fn of_equal_scores_the_first_are_kept() {
        let dropped = |top| Vec::<bool>::try_from(scores(top).dropped.flatten(0, -1)).unwrap();
        assert_eq!(dropped(1), [false, true, true, true, true, true, false, true]);
        assert_eq!(dropped(2), [false, false, true, true, false, true, false, true]);
        assert_eq!(dropped(4), [false; 8]);
    }

    #[test]
    fn asking_apart_is_asking_together() {
        for (rows, top) in [(1, 1), (3, 2), (40, 1), (40, 2)] {
            let shapes = [vec![rows, 8], vec![4, 16, 8], vec![4, 16], vec![4, 8, 16], vec![4, 8], vec![4, 8]];
            let run = |form: fn(&str, &Tensor, &Tensor, [&Tensor; 4]) -> Tensor| {
                move |all: &[Tensor]| {
                    let scores = all[0].matmul(&all[5].transpose(0, 1));
                    let kept = scores.topk(top, 1, true, true).1;
                    let gates = scores.softmax(1, None) * scores.zeros_like().scatter_value(1, &kept, 1);
                    form("gelu", &all[0], &gates, [&all[1], &all[2], &all[3], &all[4]])
                }
            };
            assert_same(run(apart), run(together), &shapes);
        }
    }
}
