//! One evaluation: a training for each split, from the start or from where a lower fidelity left it.

use std::path::Path;

use evaluator::sequence::{CHECKPOINT, Fold, SequenceTask, Summary, recipe};
use evaluator::{Control, Outcome};
use hashing::Rng;
use serde_json::json;
use spaces::sequence::{Genome, Network};
use tasks::{Metric, Reason, Scaler, Scores, Split, Verdict};

use crate::artifacts::Folder;
use crate::checkpoint::{self, Expected};
use crate::data::Cases;
use crate::service::reason;
use crate::train::{Best, Effort, Trainer};
use crate::{Service, device, weights};

/// What is asked of an evaluation.
pub struct Wanted<'a> {
    pub genome: &'a Genome,
    pub fidelity: u64,
    pub seed: u64,
    pub artifacts: &'a Path,
    /// Where checkpoints of a lower fidelity may lie.
    pub previous: Option<&'a Path>,
    /// Whether to leave checkpoints for a higher one.
    pub checkpoint: bool,
}

/// What its folds share.
pub struct Evaluation<'a> {
    pub service: &'a Service,
    pub wanted: &'a Wanted<'a>,
    pub network: Network,
    pub effort: Effort,
    pub control: &'a Control,
}

/// A fold that was trained, and how far it had been before.
struct Trained {
    fold: Fold,
    from: u64,
    steps_made: u64,
}

impl Evaluation<'_> {
    /// The mean over the splits of every metric on the validation part, each at the epoch of its lowest validation log
    /// loss; `best_epoch` is the mean of these epochs. The first split that cannot be trained makes the verdict.
    /// Verdict and steps are those of a training from the start, whatever it goes on from.
    pub fn run(&self) -> Result<Outcome, String> {
        let folder = Folder::new(self.wanted.artifacts)?;
        let mut trained = Vec::new();
        for number in 0..self.service.splits.len() {
            match self.fold(number, &folder)? {
                Ok(fold) => trained.push(fold),
                Err(reason) => return Ok(self.outcome(Verdict::Invalid(reason), &trained)),
            }
        }
        let scores = mean_scores(&trained);
        let scored = self.outcome(Verdict::Scored(scores), &trained);
        let Wanted { fidelity, seed, .. } = *self.wanted;
        let folds = trained.into_iter().map(|trained| trained.fold).collect();
        folder.finish(&Summary { version: recipe::VERSION, fidelity, seed, folds })?;
        Ok(scored)
    }

    /// Trains on one split, scores it and leaves its weights in the folder.
    fn fold(&self, number: usize, folder: &Folder) -> Result<Result<Trained, Reason>, String> {
        let Service { task, data, splits, device } = self.service;
        let scaler = Scaler::fit(data, &splits[number].train);
        let cases = |indices| Cases::new(data, indices, &scaler, *device);
        let Split { train, validation } = &splits[number];
        let (train, validation) = (cases(train), cases(validation));
        let seed = Rng::named(self.wanted.seed, "fold", number as u64).next_u64();
        let mut trainer = Trainer::new(&self.network, &train, self.effort, seed, *device);
        let subject = self.subject(number);
        self.go_on(&mut trainer, &subject, number, &validation);
        let (from, steps_before) = (trainer.trained(), trainer.steps);
        let share = |share: f64| (number as f64 + share) / splits.len() as f64;
        let ended =
            trainer.run_until_best(&validation, self.control, |done| self.control.set_progress(share(done)));
        if let Err(stop) = ended {
            return reason(stop).map(Err);
        }
        if let Some(state) = trainer.state().filter(|_| self.wanted.checkpoint) {
            checkpoint::write(&state, &subject, &folder.file(&checkpoint_name(number)))?;
        }
        let (epochs, steps) = (trainer.trained(), trainer.steps);
        let (model, best) = match trainer.into_best() {
            Ok(best) => best,
            Err(stop) => return reason(stop).map(Err),
        };
        weights::write(&model, &scaler, &folder.file(&format!("fold-{number}.safetensors")))?;
        let fold = Fold { best_epoch: best.epoch, epochs, steps, scores: scores(&best, task, &validation) };
        Ok(Ok(Trained { fold, from, steps_made: steps - steps_before }))
    }

    /// Takes the trainer to where the checkpoint of this fold is, if there is one that fits.
    fn go_on(&self, trainer: &mut Trainer, subject: &str, number: usize, validation: &Cases) {
        let Some(folder) = self.wanted.previous else { return };
        let expected = Expected {
            subject,
            parameters: trainer.model.flat().numel(),
            classes: self.service.task.classes.len(),
            validation,
            effort: self.effort,
        };
        if let Ok(state) = checkpoint::read(&folder.join(checkpoint_name(number)), &expected) {
            trainer.resume(state);
        }
    }

    /// Everything that the bits of this fold's training depend on, besides how long it is.
    fn subject(&self, number: usize) -> String {
        let Service { task, device, .. } = self.service;
        json!({
            "version": recipe::VERSION,
            "context": task.context(),
            "machine": device::provenance(*device),
            "genome": self.wanted.genome,
            "seed": self.wanted.seed,
            "fold": number,
        })
        .to_string()
    }

    fn outcome(&self, verdict: Verdict, trained: &[Trained]) -> Outcome {
        let steps = trained.iter().map(|trained| trained.fold.steps).sum();
        let mut outcome = self.service.outcome(verdict, steps);
        let from = trained.iter().map(|trained| trained.from).max().unwrap_or(0);
        if from > 0 {
            let made: u64 = trained.iter().map(|trained| trained.steps_made).sum();
            outcome.provenance += &format!("; continued from epoch {from}, {made} of {steps} steps made");
        }
        outcome
    }
}

fn checkpoint_name(fold: usize) -> String {
    format!("fold-{fold}.{CHECKPOINT}")
}

fn scores(best: &Best, task: &SequenceTask, validation: &Cases) -> Scores {
    let score = |metric: Metric| metric.score(&best.probabilities, task.classes.len(), validation.labels());
    Scores(Metric::ALL.map(|metric| (metric.name().to_string(), score(metric))).into())
}

/// The mean over the folds of every metric, and of the kept epoch under the name `best_epoch`.
fn mean_scores(trained: &[Trained]) -> Scores {
    let mean = |value: &dyn Fn(&Fold) -> f64| {
        trained.iter().map(|trained| value(&trained.fold)).sum::<f64>() / trained.len() as f64
    };
    let metrics = Metric::ALL.map(|metric| (metric.name(), mean(&|fold| fold.scores.0[metric.name()])));
    let epoch = ("best_epoch", mean(&|fold| fold.best_epoch as f64));
    Scores(metrics.into_iter().chain([epoch]).map(|(name, value)| (name.to_string(), value)).collect())
}
