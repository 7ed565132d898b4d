//! Training one network: batches in the order of a named stream, AdamW, a schedule, and early stopping.

use evaluator::Control;
use evaluator::sequence::recipe::{CLIP, patience, schedule, steps_per_epoch};
use hashing::Rng;
use spaces::sequence::{Network, Position};
use tasks::Metric;
use tch::{Device, Kind, Tensor, no_grad};

use crate::data::{Cases, KIND, batches, in_order};
use crate::optimizer::AdamW;
use crate::{Batch, Dropout, Model};

/// Cases that are predicted at once.
const PREDICTED_AT_ONCE: usize = 128;

/// How long to train, and in what portions.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Epochs of the whole schedule: the study's largest fidelity.
    pub largest: u64,
    /// Epochs to train at most.
    pub epochs: u64,
    pub batch_size: usize,
}

/// Why a training ended early and left nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The loss or a gradient left the finite numbers at this step, counted from 1.
    NotFinite {
        step: u64,
    },
    Cancelled,
}

/// A network in training.
pub struct Trainer<'a> {
    pub model: Model,
    optimizer: AdamW,
    dropout: Option<Dropout>,
    cases: &'a Cases,
    effort: Effort,
    peak: f64,
    seed: u64,
    width: usize,
    /// Steps of the optimizer so far.
    pub steps: u64,
    /// Epochs that [`run_until_best`](Self::run_until_best) has trained.
    trained: u64,
    best: Option<Best>,
}

/// What early stopping keeps.
#[derive(Debug)]
pub struct Best {
    /// Counted from 1.
    pub epoch: u64,
    /// Of the validation cases, in nats.
    pub log_loss: f64,
    /// Of what the validation cases ask for, labels × classes.
    pub probabilities: Vec<f64>,
    /// All parameters in one vector.
    pub weights: Tensor,
}

/// A training after an epoch. Where its streams of random numbers are follows from that.
#[derive(Debug)]
pub struct State {
    /// Epochs trained.
    pub trained: u64,
    /// All parameters in one vector, and AdamW's moments of them.
    pub weights: Tensor,
    pub moments: [Tensor; 2],
    pub best: Best,
}

impl<'a> Trainer<'a> {
    pub fn new(network: &Network, cases: &'a Cases, effort: Effort, seed: u64, device: Device) -> Self {
        let genes = network.genome.training;
        let mut model = Model::new(network, seed, KIND, device);
        let prior = (network.genome.position == Position::Prior).then(|| cases.prior(network.genome.tokens));
        if let Some(prior) = prior.flatten() {
            model.start_from_prior(&prior);
        }
        let optimizer = AdamW::new(model.flat(), &model.decay_mask(), genes.weight_decay);
        let dropout =
            (genes.dropout > 0.0).then(|| Dropout::new(genes.dropout, Rng::named(seed, "dropout", 0)));
        let (peak, width) = (genes.learning_rate, network.genome.width);
        Self { model, optimizer, dropout, cases, effort, peak, seed, width, steps: 0, trained: 0, best: None }
    }

    /// One pass over the cases; the loss of each step.
    pub fn epoch(&mut self, epoch: u64, control: &Control) -> Result<Vec<f64>, Stop> {
        let batches = self.batches(epoch);
        batches.iter().map(|positions| self.step(positions, control)).collect()
    }

    /// One step on the cases at these positions; its loss, before the step.
    fn step(&mut self, positions: &[i64], control: &Control) -> Result<f64, Stop> {
        if control.cancelled() {
            return Err(Stop::Cancelled);
        }
        let (batch, targets) = self.cases.batch(positions);
        let (logits, penalty) = self.model.forward_with_penalty(&batch, &targets, self.dropout.as_mut());
        let losses = logits.iter().map(|logits| self.cases.loss(logits, &targets));
        let loss = losses.chain(penalty).reduce(|sum, part| sum + part).expect("the head reads the whole");
        let mut gradient = flat_gradient(&gradients(&loss, self.model.parameters()));
        // Read together: on a GPU the first waits for the step, the second does not.
        let (norm, loss) = (gradient.norm().double_value(&[]), loss.double_value(&[]));
        if !norm.is_finite() || !loss.is_finite() {
            return Err(Stop::NotFinite { step: self.steps + 1 });
        }
        if norm > CLIP {
            let _ = gradient.g_mul_scalar_(CLIP / norm);
        }
        let rate = self.peak * schedule(self.steps, self.total_steps());
        self.optimizer.step(&mut self.model.flat().shallow_clone(), &gradient, rate);
        self.steps += 1;
        Ok(loss)
    }

    fn total_steps(&self) -> u64 {
        self.effort.largest * self.steps_per_epoch()
    }

    fn steps_per_epoch(&self) -> u64 {
        steps_per_epoch(self.cases.epoch(), self.effort.batch_size)
    }

    /// The positions of each batch of an epoch.
    fn batches(&self, epoch: u64) -> Vec<Vec<i64>> {
        batches(self.cases.len(), self.cases.epoch(), self.effort.batch_size, self.seed, epoch)
    }

    /// All epochs, without early stopping.
    pub fn run(&mut self, control: &Control) -> Result<(), Stop> {
        for epoch in 0..self.effort.epochs {
            self.epoch(epoch, control)?;
            control.set_progress((epoch + 1) as f64 / self.effort.epochs as f64);
        }
        Ok(())
    }

    /// Epochs until the validation log loss has not fallen for [`patience`] of them. `progress` is told the share of the
    /// epochs that are done.
    pub fn run_until_best(
        &mut self,
        validation: &Cases,
        control: &Control,
        progress: impl Fn(f64),
    ) -> Result<(), Stop> {
        while self.trained < self.effort.epochs && !self.is_out_of_patience() {
            self.epoch(self.trained, control)?;
            self.trained += 1;
            progress(self.trained as f64 / self.effort.epochs as f64);
            self.validate(validation)?;
        }
        Ok(())
    }

    fn is_out_of_patience(&self) -> bool {
        self.best.as_ref().is_some_and(|best| self.trained - best.epoch >= patience(self.effort.largest))
    }

    /// Keeps this epoch if it is better than all before it.
    fn validate(&mut self, validation: &Cases) -> Result<(), Stop> {
        let probabilities = predict(&self.model, validation);
        let log_loss = log_loss(&probabilities, validation);
        if log_loss.is_nan() {
            return Err(Stop::NotFinite { step: self.steps });
        }
        if self.best.as_ref().is_none_or(|best| log_loss < best.log_loss) {
            let weights = self.model.flat().copy();
            self.best = Some(Best { epoch: self.trained, log_loss, probabilities, weights });
        }
        Ok(())
    }

    /// Epochs that [`run_until_best`](Self::run_until_best) has trained.
    pub fn trained(&self) -> u64 {
        self.trained
    }

    /// Gives the model the weights of the best epoch, and ends the training.
    pub fn into_best(self) -> Result<(Model, Best), Stop> {
        let best = self.best.ok_or(Stop::NotFinite { step: 0 })?;
        no_grad(|| self.model.flat().shallow_clone().copy_(&best.weights));
        Ok((self.model, best))
    }

    /// Where the training is, between two epochs; `None` before the first. Its tensors are those of the training.
    pub fn state(&self) -> Option<State> {
        let Best { epoch, log_loss, ref probabilities, ref weights } = *self.best.as_ref()?;
        let best =
            Best { epoch, log_loss, probabilities: probabilities.clone(), weights: weights.shallow_clone() };
        let moments = self.optimizer.moments().map(Tensor::shallow_clone);
        Some(State { trained: self.trained, weights: self.model.flat().shallow_clone(), moments, best })
    }

    /// Goes on, from the start, to where another training of the same network, cases, seed and largest fidelity was.
    pub fn resume(&mut self, state: State) {
        let State { trained, weights, moments: [first, second], best } = state;
        self.skip_masks(trained);
        self.steps = trained * self.steps_per_epoch();
        self.optimizer.resume([&first, &second], self.steps);
        no_grad(|| self.model.flat().shallow_clone().copy_(&weights));
        (self.trained, self.best) = (trained, Some(best));
    }

    /// Draws what dropout drew in so many epochs.
    fn skip_masks(&mut self, epochs: u64) {
        let Some(mut dropout) = self.dropout.take() else { return };
        for positions in (0..epochs).flat_map(|epoch| self.batches(epoch)) {
            let tokens = self.model.tokens(self.cases.longest(&positions) as usize);
            let elements = positions.len() * tokens * self.width;
            (0..self.model.masks()).for_each(|_| dropout.skip(elements));
        }
        self.dropout = Some(dropout);
    }
}

/// Of the cases, under these class probabilities.
pub fn log_loss(probabilities: &[f64], cases: &Cases) -> f64 {
    Metric::LogLoss.score(probabilities, cases.classes(), cases.labels())
}

/// Of a loss, by each of these parameters: zeros by what it does not depend on, as what belongs to a depth that no step
/// took.
pub fn gradients(loss: &Tensor, parameters: &[Tensor]) -> Vec<Tensor> {
    let found = Tensor::run_backward(&[loss], parameters, false, false);
    let or_zero = |(found, parameter): (Tensor, &Tensor)| {
        if found.defined() { found } else { parameter.detach().zeros_like() }
    };
    found.into_iter().zip(parameters).map(or_zero).collect()
}

/// The gradients of all parameters in one vector, in their order.
pub fn flat_gradient(gradients: &[Tensor]) -> Tensor {
    let flat: Vec<_> = gradients.iter().map(|gradient| gradient.reshape([-1])).collect();
    Tensor::cat(&flat, 0)
}

/// Class probabilities of what the cases ask for, labels × classes, by a softmax in f64.
pub fn predict(model: &Model, cases: &Cases) -> Vec<f64> {
    predict_by(cases, |batch, targets| model.forward_told(batch, targets))
}

/// The same of these logits of a batch and its targets.
pub fn predict_by(cases: &Cases, logits: impl Fn(&Batch, &Tensor) -> Tensor) -> Vec<f64> {
    let probabilities = |positions: &Vec<i64>| {
        let (batch, targets) = cases.batch(positions);
        let logits = no_grad(|| cases.asked(&logits(&batch, &targets), &targets).0).to_kind(Kind::Double);
        let rows = logits.softmax(-1, None).flatten(0, -1).to_device(Device::Cpu);
        Vec::<f64>::try_from(rows).expect("a vector of doubles on the processor")
    };
    in_order(cases.len(), PREDICTED_AT_ONCE).iter().flat_map(probabilities).collect()
}
