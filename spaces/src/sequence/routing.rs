//! The `f64` definition of [`Passes`], and of who goes deep.

use super::Run;
use super::block::Weights;
use super::math::{Matrix, dot, linear, sigmoid, softmax};
use super::network::{Branches, Network, Supply};
use super::passes::{Depth, Passes, projector};

/// Who says how deep a step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Routing {
    /// The network, as it answers.
    Inference,
    /// The network, as it is trained.
    Training,
    /// Nobody: every depth is taken by some step of each sequence (that has as many), for the functional hash to see.
    Forced,
}

/// What a network made of its cases.
#[derive(Clone, Debug)]
pub struct Routed {
    /// Of every case.
    pub logits: Vec<Vec<f64>>,
    /// Of every pass.
    pub kept: Vec<Kept>,
}

/// Of every case the steps that a pass keeps, in the order of time.
pub type Kept = Vec<Vec<usize>>;

impl Network {
    /// All passes over the tokens of every case, and the steps that each of them kept.
    pub(super) fn run_passes(
        &self,
        routing: Routing,
        branches: &mut Branches,
        xs: &mut [Matrix],
        supply: &mut Supply,
    ) -> Vec<Kept> {
        let Some(passes) = self.genome.passes() else { return Vec::new() };
        let runs = self.genome.turns().passes;
        let columns = self.columns();
        xs.iter_mut().for_each(|x| fold(x, columns));
        let mut walk = Walk { network: self, passes, routing, runs, branches, supply, kept: Vec::new() };
        match passes.depth {
            Depth::Fixed => walk.fixed(xs),
            Depth::TokenChoice => walk.chosen_by_tokens(xs),
            Depth::ExpertChoice => walk.chosen_by_passes(xs),
            Depth::Converge => walk.until_still(xs),
        }
        let kept = walk.kept;
        xs.iter_mut().for_each(|x| unfold(x, columns));
        kept
    }

    /// c₁ x + c₂ MLP(norm x).
    fn project(&self, x: &Matrix, weights: &[Weights]) -> Matrix {
        let [norm, mixer, residual] = weights else { panic!("a projection has three parts") };
        let made = projector().forward(&Passes::mixer().settings, mixer, &self.apply_norm(x, norm));
        let [kept, added] = residual["coefficients"] else { panic!("there are two coefficients") };
        x.clone().zip(&made, |x, made| kept * x + added * made)
    }
}

/// Passes on their way. A row of x is a step here, with the channels of all of its tokens.
struct Walk<'a, 'b> {
    network: &'a Network,
    passes: Passes,
    routing: Routing,
    /// Of every pass.
    runs: Vec<Vec<Run>>,
    branches: &'a mut Branches,
    supply: &'a mut Supply<'b>,
    /// Of every pass so far.
    kept: Vec<Kept>,
}

impl Walk<'_, '_> {
    /// G_r of these steps of every case alone.
    fn pass(&mut self, xs: &[Matrix], kept: &Kept) -> Vec<Matrix> {
        let (network, columns, pass) = (self.network, self.network.columns(), self.kept.len());
        self.kept.push(kept.clone());
        let mut made: Vec<_> = xs.iter().zip(kept).map(|(x, kept)| x.picked(kept)).collect();
        made.iter_mut().for_each(|x| unfold(x, columns));
        network.run(&self.runs[pass], self.branches, &mut made, self.supply);
        if let Some(group) = network.projection(pass) {
            let weights = (self.supply)(&group, &made);
            let some = made.iter_mut().filter(|x| x.rows > 0);
            some.for_each(|x| *x = network.project(x, &weights));
        }
        made.iter_mut().for_each(|x| fold(x, columns));
        made
    }

    /// A row of scores for every step: what the router makes of the mean of its tokens.
    fn scores(&mut self, router: usize, xs: &[Matrix]) -> Vec<Matrix> {
        let router = self.network.router(router).expect("who chooses has a router");
        let columns = self.network.columns();
        let means: Vec<_> = xs.iter().map(|x| mean_of_tokens(x, columns)).collect();
        let weights = (self.supply)(&router, &means);
        means.iter().map(|x| linear(x, &weights[0]["weight"], &[])).collect()
    }

    /// x ← G_r(x).
    fn fixed(&mut self, xs: &mut [Matrix]) {
        let kept = all(xs);
        for _ in 0..self.passes.count {
            let made = self.pass(xs, &kept);
            put_back(xs, &kept, &made, |_, made| made);
        }
    }

    /// x ← x + p_d h, of the h that the d passes of a step make.
    fn chosen_by_tokens(&mut self, xs: &mut [Matrix]) {
        let shares: Vec<Matrix> = self.scores(0, xs).into_iter().map(softmax).collect();
        let (count, routing) = (self.passes.count, self.routing);
        let last_pass = |shares: &Matrix, step: usize| match routing {
            Routing::Inference | Routing::Training => first_largest(shares.row(step)),
            Routing::Forced => count - 1 - step % count,
        };
        let of_case = |shares: &Matrix| (0..shares.rows).map(|step| last_pass(shares, step)).collect();
        let last: Vec<Vec<usize>> = shares.iter().map(of_case).collect();
        let mut hidden = xs.to_vec();
        for pass in 0..count {
            let deep = |last: &Vec<usize>| (0..last.len()).filter(|step| last[*step] >= pass).collect();
            let kept = last.iter().map(deep).collect();
            let made = self.pass(&hidden, &kept);
            put_back(&mut hidden, &kept, &made, |_, made| made);
        }
        for (case, x) in xs.iter_mut().enumerate() {
            for (step, last) in last[case].iter().enumerate() {
                let share = shares[case].at(step, *last);
                x.row_mut(step).iter_mut().zip(hidden[case].row(step)).for_each(|(x, h)| *x += share * h);
            }
        }
    }

    /// x ← x + w G_r(x), of the steps that pass r keeps.
    fn chosen_by_passes(&mut self, xs: &mut [Matrix]) {
        let mut kept = all(xs);
        for pass in 0..self.passes.count {
            let scores: Vec<Vec<f64>> = self.scores(pass, xs).into_iter().map(|scores| scores.data).collect();
            if pass > 0 {
                for (kept, scores) in kept.iter_mut().zip(&scores) {
                    *kept = self.chosen(kept, scores, pass);
                }
            }
            let mut made = self.pass(xs, &kept);
            for ((made, kept), scores) in made.iter_mut().zip(&kept).zip(&scores) {
                for (row, step) in kept.iter().enumerate() {
                    let weight = Passes::ALPHA * sigmoid(scores[*step]);
                    made.row_mut(row).iter_mut().for_each(|made| *made *= weight);
                }
            }
            put_back(xs, &kept, &made, |x, made| x + made);
        }
    }

    /// Those of the steps of a case that this pass keeps of what the one before it kept.
    fn chosen(&self, kept: &[usize], scores: &[f64], pass: usize) -> Vec<usize> {
        match self.routing {
            Routing::Inference => kept.iter().copied().filter(|step| scores[*step] > 0.0).collect(),
            Routing::Training | Routing::Forced => {
                best(kept, scores, self.passes.capacity(pass, scores.len()))
            }
        }
    }

    /// x ← G_r(x), until that changes a step by less than a share ε of it.
    fn until_still(&mut self, xs: &mut [Matrix]) {
        let mut going = all(xs);
        for _ in 0..self.passes.count {
            let kept = going.clone();
            let made = self.pass(xs, &kept);
            for ((going, x), made) in going.iter_mut().zip(&*xs).zip(&made) {
                let steps = std::mem::take(going).into_iter().enumerate();
                let moving = |(row, step): (usize, usize)| {
                    let moves = moves(x.row(step), made.row(row), self.passes.epsilon);
                    (moves || self.routing == Routing::Forced).then_some(step)
                };
                *going = steps.filter_map(moving).collect();
            }
            put_back(xs, &kept, &made, |_, made| made);
        }
    }
}

/// A row for every step, of all of its tokens.
fn fold(x: &mut Matrix, columns: usize) {
    (x.rows, x.columns) = (x.rows / columns, x.columns * columns);
}

/// A row for every token.
fn unfold(x: &mut Matrix, columns: usize) {
    (x.rows, x.columns) = (x.rows * columns, x.columns / columns);
}

fn mean_of_tokens(x: &Matrix, columns: usize) -> Matrix {
    let width = x.columns / columns;
    let mean =
        |step: usize, d: usize| (0..columns).map(|v| x.at(step, v * width + d)).sum::<f64>() / columns as f64;
    let means = (0..x.rows).flat_map(|step| (0..width).map(move |d| mean(step, d))).collect();
    Matrix::new(x.rows, width, means)
}

fn all(xs: &[Matrix]) -> Kept {
    xs.iter().map(|x| (0..x.rows).collect()).collect()
}

/// Whether a step changes by at least a share ε of it.
fn moves(before: &[f64], after: &[f64], epsilon: f64) -> bool {
    let change: f64 = before.iter().zip(after).map(|(x, y)| (y - x) * (y - x)).sum();
    change.sqrt() >= epsilon * dot(before, before).sqrt()
}

/// The `count` steps with the largest scores among these, in the order of time; of equal ones the first.
fn best(steps: &[usize], scores: &[f64], count: usize) -> Vec<usize> {
    let mut ranked = steps.to_vec();
    ranked.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    ranked.truncate(count);
    ranked.sort_unstable();
    ranked
}

/// Of these steps of every case, `f(x, made)` for each channel.
fn put_back(xs: &mut [Matrix], kept: &Kept, made: &[Matrix], f: impl Fn(f64, f64) -> f64) {
    for ((x, kept), made) in xs.iter_mut().zip(kept).zip(made) {
        for (row, t) in kept.iter().enumerate() {
            x.row_mut(*t).iter_mut().zip(made.row(row)).for_each(|(x, made)| *x = f(*x, *made));
        }
    }
}

fn first_largest(values: &[f64]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}
