//! One evaluation: a training for each split.

use std::path::Path;

use evaluator::sequence::{Fold, Summary, digest_of, weights_name};
use evaluator::tabular::VERSION;
use evaluator::{Control, Outcome};
use hashing::Rng;
use spaces::mlp::{Genome, Network};
use tasks::{Reason, Scores, Verdict};

use super::Trainer;
use super::service::{TableService, write_weights};
use crate::artifacts::Folder;
use crate::evaluation::mean_scores;
use crate::service::reason;
use crate::train::Effort;

pub struct Evaluation<'a> {
    pub service: &'a TableService,
    pub genome: &'a Genome,
    pub seed: u64,
    pub effort: Effort,
    pub control: &'a Control,
}

impl Evaluation<'_> {
    /// The mean over the splits of every metric on the validation part, each at the epoch of its lowest loss there;
    /// `best_epoch` is the mean of these epochs. The first split that cannot be trained makes the verdict.
    pub fn run(&self, artifacts: &Path) -> Result<Outcome, String> {
        let folder = Folder::new(artifacts)?;
        let mut folds: Vec<Fold> = Vec::new();
        for number in 0..self.service.grounds.len() {
            match self.fold(number, &folder)? {
                Ok(fold) => folds.push(fold),
                Err(reason) => return Ok(self.service.outcome(Verdict::Invalid(reason), steps(&folds))),
            }
        }
        let mut means = mean_scores(folds.iter().map(|fold| &fold.scores));
        // A score that some split has no number for has no mean.
        means.retain(|name, _| folds.iter().all(|fold| fold.scores.0.contains_key(name)));
        let epochs: u64 = folds.iter().map(|fold| fold.best_epoch).sum();
        means.insert("best_epoch".to_string(), epochs as f64 / folds.len() as f64);
        let scored = self.service.outcome(Verdict::Scored(Scores(means)), steps(&folds));
        let genome = Some(self.genome.clone());
        let (fidelity, seed) = (self.effort.epochs, self.seed);
        folder.finish(&Summary { version: VERSION, fidelity, seed, genome, folds })?;
        Ok(scored)
    }

    /// Trains on one split, scores it and leaves its weights in the folder.
    fn fold(&self, number: usize, folder: &Folder) -> Result<Result<Fold, Reason>, String> {
        let Self { service, effort, control, .. } = *self;
        let ground = &service.grounds[number];
        let seed = Rng::named(self.seed, "fold", number as u64).next_u64();
        let network = Network::new(self.genome, &service.task.shape_of(&ground.encoder));
        let mut trainer = Trainer::new(&network, &ground.train, effort, seed, service.device);
        let share = |share: f64| (number as f64 + share) / service.grounds.len() as f64;
        let ended =
            trainer.run_until_best(&ground.validation, control, |done| control.set_progress(share(done)));
        let best_epoch = match ended {
            Ok(epoch) => epoch,
            Err(stop) => return reason(stop).map(Err),
        };
        let file = folder.file(&weights_name(number));
        write_weights(&trainer.model, &file)?;
        let weights = digest_of(&file).map_err(|error| format!("{} unreadable: {error}", file.display()))?;
        let (scores, _) = service.validated(&trainer.model, ground).scores(&service.task.metrics());
        Ok(Ok(Fold {
            best_epoch,
            epochs: trainer.trained,
            steps: trainer.steps,
            scores,
            weights: Some(weights),
            ..Fold::default()
        }))
    }
}

fn steps(folds: &[Fold]) -> u64 {
    folds.iter().map(|fold| fold.steps).sum()
}
