//! What a step tells about the class before anything is trained, from the training cases alone.

use spaces::sequence::{Position, Tokenizer};

/// Labelled series: N cases × L steps × channels, of which each case has its first `steps`.
pub struct Labelled<'a> {
    pub x: &'a [f32],
    pub steps: &'a [i64],
    pub labels: &'a [usize],
    pub channels: usize,
    pub classes: usize,
}

impl Labelled<'_> {
    /// The prior of every token that has one, [`Position::LEARNED`] of them: the mean over its steps, the last over all
    /// later ones, and 0 where there is no step.
    pub fn prior_of_tokens(&self, tokens: Tokenizer) -> Vec<f64> {
        let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len().max(1) as f64;
        let by_step = self.prior_of_steps();
        let by_token: Vec<f64> = by_step.chunks(tokens.size()).map(mean).collect();
        let (own, later) = by_token.split_at(by_token.len().min(Position::LEARNED - 1));
        let mut prior = own.to_vec();
        prior.push(mean(later));
        prior.resize(Position::LEARNED, 0.0);
        prior
    }

    /// Of every step the mean over the channels of [`share_between`], between 0 and 1.
    fn prior_of_steps(&self) -> Vec<f64> {
        let longest = self.x.len() / (self.steps.len() * self.channels).max(1);
        let share = |t: usize, channel: usize| {
            let mut classes = vec![Moments::default(); self.classes];
            for (case, label) in
                self.labels.iter().enumerate().filter(|(case, _)| t < self.steps[*case] as usize)
            {
                classes[*label].add(f64::from(self.x[(case * longest + t) * self.channels + channel]));
            }
            share_between(&classes)
        };
        let of_step =
            |t| (0..self.channels).map(|channel| share(t, channel)).sum::<f64>() / self.channels as f64;
        (0..longest).map(of_step).collect()
    }
}

/// Of numbers: how many, their sum, and that of their squares.
#[derive(Clone, Copy, Default)]
struct Moments {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, x: f64) {
        *self = self.plus(Self { count: 1.0, sum: x, squares: x * x });
    }

    fn plus(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// Σ (x − mean)².
    fn spread(self) -> f64 {
        (self.squares - self.sum * self.sum / self.count.max(1.0)).max(0.0)
    }
}

/// ε² (Kelley 1935): the share of the variance that is between the classes, without what chance alone would give, and at
/// least 0: 1 − (within/(n − k))/(total/(n − 1)) for n numbers in k classes. 0 where n ≤ k, or where all are the same.
fn share_between(classes: &[Moments]) -> f64 {
    let all = classes.iter().fold(Moments::default(), |all, class| all.plus(*class));
    let filled = classes.iter().filter(|class| class.count > 0.0).count() as f64;
    let within: f64 = classes.iter().map(|class| class.spread()).sum();
    let total = all.spread();
    if all.count <= filled || total <= 1e-12 * all.squares {
        return 0.0;
    }
    (1.0 - within / total * (all.count - 1.0) / (all.count - filled)).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four cases of two classes, one channel. Step 0 is the class, step 1 tells nothing, step 2 is constant, and only two cases
    /// have step 3.
    const X: [f32; 16] = [
        1.0, 1.0, 5.0, 1.0, //
        1.0, -1.0, 5.0, 0.0, //
        -1.0, 1.0, 5.0, 2.0, //
        -1.0, -1.0, 5.0, 0.0,
    ];

    fn labelled(labels: &[usize]) -> Labelled<'_> {
        Labelled { x: &X, steps: &[4, 3, 4, 3], labels, channels: 1, classes: 3 }
    }

    #[test]
    fn a_step_that_is_the_class_tells_all_and_one_that_chance_explains_nothing() {
        assert_eq!(labelled(&[0, 0, 2, 2]).prior_of_steps(), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(labelled(&[0, 2, 0, 2]).prior_of_steps(), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn channels_are_averaged_and_noise_is_subtracted() {
        // Two channels of two steps; in the first, classes 0 0 1 1 have 0, 1, 2, 3: within 1, total 5.
        let x = [0.0, 7.0, 9.0, 9.0, 1.0, 7.0, 9.0, 9.0, 2.0, 7.0, 9.0, 9.0, 3.0, 7.0, 9.0, 9.0];
        let all = Labelled { x: &x, steps: &[2; 4], labels: &[0, 0, 1, 1], channels: 2, classes: 2 };
        let expected = (1.0 - (1.0 / 2.0) / (5.0 / 3.0)) / 2.0;
        assert!((all.prior_of_steps()[0] - expected).abs() < 1e-12);
        assert_eq!(all.prior_of_steps()[1], 0.0);
    }

    #[test]
    fn tokens_have_the_mean_of_their_steps_and_what_is_not_there_has_none() {
        let all = labelled(&[0, 0, 2, 2]);
        let prior = all.prior_of_tokens(Tokenizer::Patch { size: 4 });
        assert_eq!((prior.len(), prior[0], prior[1]), (Position::LEARNED, 0.25, 0.0));
        assert_eq!(all.prior_of_tokens(Tokenizer::Steps)[..2], [1.0, 0.0]);
    }

    #[test]
    fn the_last_number_stands_for_all_later_tokens() {
        let longest = Position::LEARNED + 1;
        let x: Vec<f32> = [1.0f32, 1.0, -1.0, -1.0].iter().flat_map(|x| vec![*x; longest]).collect();
        let steps = [longest as i64; 4];
        let all = Labelled { x: &x, steps: &steps, labels: &[0, 0, 1, 1], channels: 1, classes: 2 };
        assert_eq!(all.prior_of_tokens(Tokenizer::Steps), vec![1.0; Position::LEARNED]);
    }
}
