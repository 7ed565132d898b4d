//! Training one perceptron: batches in the order of a named stream, AdamW, a schedule, and early stopping.

use evaluator::Control;
use evaluator::sequence::recipe::{CLIP, patience, schedule, steps_per_epoch};
use hashing::Rng;
use spaces::mlp::Network;
use tch::{Device, Tensor, no_grad};

use super::{Mlp, Rows};
use crate::Dropout;
use crate::data::{KIND, batches, in_order};
use crate::optimizer::AdamW;
use crate::train::{Effort, Stop, flat_gradient, gradients};

/// Rows that are predicted at once.
const PREDICTED_AT_ONCE: usize = 4096;

/// A network in training.
pub struct Trainer<'a> {
    pub model: Mlp,
    optimizer: AdamW,
    dropout: Option<Dropout>,
    rows: &'a Rows,
    effort: Effort,
    peak: f64,
    seed: u64,
    /// Steps of the optimizer so far.
    pub steps: u64,
    /// Epochs so far.
    pub trained: u64,
    best: Option<Best>,
}

/// What early stopping keeps.
struct Best {
    /// Counted from 1.
    epoch: u64,
    loss: f64,
    /// All parameters in one vector.
    weights: Tensor,
}

impl<'a> Trainer<'a> {
    pub fn new(network: &Network, rows: &'a Rows, effort: Effort, seed: u64, device: Device) -> Self {
        let genes = network.genome.training;
        let model = Mlp::new(network, seed, KIND, device);
        let optimizer = AdamW::new(model.tensors.flat(), &model.tensors.decay_mask(), genes.weight_decay);
        let dropout =
            (genes.dropout > 0.0).then(|| Dropout::new(genes.dropout, Rng::named(seed, "dropout", 0)));
        let peak = genes.learning_rate;
        Self { model, optimizer, dropout, rows, effort, peak, seed, steps: 0, trained: 0, best: None }
    }

    /// One pass over the rows; the loss of each step.
    pub fn epoch(&mut self, control: &Control) -> Result<Vec<f64>, Stop> {
        let rows = self.rows.len();
        let batches = batches(rows, rows, self.effort.batch_size, self.seed, self.trained);
        let losses = batches.iter().map(|positions| self.step(positions, control)).collect();
        self.trained += 1;
        losses
    }

    /// One step on the rows at these positions; its loss, before the step.
    fn step(&mut self, positions: &[i64], control: &Control) -> Result<f64, Stop> {
        if control.cancelled() {
            return Err(Stop::Cancelled);
        }
        let batch = self.rows.batch(positions);
        let loss = batch.loss(&self.model.forward(&batch, self.dropout.as_mut()));
        let mut gradient = flat_gradient(&gradients(&loss, self.model.tensors.leaves()));
        let (norm, loss) = (gradient.norm().double_value(&[]), loss.double_value(&[]));
        if !norm.is_finite() || !loss.is_finite() {
            return Err(Stop::NotFinite { step: self.steps + 1 });
        }
        if norm > CLIP {
            let _ = gradient.g_mul_scalar_(CLIP / norm);
        }
        let total = self.effort.largest * steps_per_epoch(self.rows.len(), self.effort.batch_size);
        let rate = self.peak * schedule(self.steps, total);
        self.optimizer.step(&mut self.model.tensors.flat().shallow_clone(), &gradient, rate);
        self.steps += 1;
        Ok(loss)
    }

    /// All epochs, without early stopping.
    pub fn run(&mut self, control: &Control) -> Result<(), Stop> {
        while self.trained < self.effort.epochs {
            self.epoch(control)?;
            control.set_progress(self.trained as f64 / self.effort.epochs as f64);
        }
        Ok(())
    }

    /// Epochs until the loss of these rows has not fallen for [`patience`] of them; then the model has the weights of the
    /// best. `progress` is told the share of the epochs that are done. The best epoch, counted from 1.
    pub fn run_until_best(
        &mut self,
        validation: &Rows,
        control: &Control,
        progress: impl Fn(f64),
    ) -> Result<u64, Stop> {
        while self.trained < self.effort.epochs && !self.is_out_of_patience() {
            self.epoch(control)?;
            progress(self.trained as f64 / self.effort.epochs as f64);
            self.validate(validation)?;
        }
        let best = self.best.as_ref().ok_or(Stop::NotFinite { step: 0 })?;
        no_grad(|| self.model.tensors.flat().shallow_clone().copy_(&best.weights));
        Ok(best.epoch)
    }

    fn is_out_of_patience(&self) -> bool {
        self.best.as_ref().is_some_and(|best| self.trained - best.epoch >= patience(self.effort.largest))
    }

    /// Keeps this epoch if it is better than all before it.
    fn validate(&mut self, validation: &Rows) -> Result<(), Stop> {
        let said = outputs(&self.model, validation);
        let loss = validation.loss(&said).double_value(&[]);
        if !loss.is_finite() {
            return Err(Stop::NotFinite { step: self.steps });
        }
        if self.best.as_ref().is_none_or(|best| loss < best.loss) {
            self.best = Some(Best { epoch: self.trained, loss, weights: self.model.tensors.flat().copy() });
        }
        Ok(())
    }
}

/// Logits or standardized numbers of all rows, on their device.
fn outputs(model: &Mlp, rows: &Rows) -> Tensor {
    let portions = in_order(rows.len(), PREDICTED_AT_ONCE);
    let said = portions.iter().map(|positions| no_grad(|| model.forward(&rows.batch(positions), None)));
    Tensor::cat(&said.collect::<Vec<_>>(), 0)
}

/// Rows × outputs: class probabilities by a softmax in f64, or numbers in the unit of a target with this mean and scale.
pub fn predict(model: &Mlp, rows: &Rows, target: Option<(f64, f64)>) -> Vec<f64> {
    if rows.is_empty() {
        return Vec::new();
    }
    let said = outputs(model, rows).to_kind(tch::Kind::Double);
    let said = match target {
        Some((mean, scale)) => said * scale + mean,
        None => said.softmax(-1, None),
    };
    let said = said.flatten(0, -1).to_device(Device::Cpu);
    Vec::try_from(said).expect("a vector of doubles on the processor")
}
