//! One evaluation: a training for each split or task, from the start or from where a lower fidelity left it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use evaluator::sequence::{CHECKPOINT, Fold, Part, Steps, Summary, digest_of, recipe, weights_name};
use evaluator::{Control, Outcome};
use hashing::Rng;
use serde_json::json;
use spaces::sequence::Genome;
use tasks::{Metric, Reason, Scores, Verdict, pointing::Part as Drawn};

use crate::artifacts::Folder;
use crate::checkpoint::{self, Expected};
use crate::data::Cases;
use crate::inherit::{Parent, begin};
use crate::service::{Ground, reason};
use crate::train::{Best, Effort, Trainer};
use crate::{Model, Service, device, encoder, pointing, weights};

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
    /// What the evaluations of the genome's parents left.
    pub parents: &'a [PathBuf],
}

/// What its folds share.
pub struct Evaluation<'a> {
    pub service: &'a Service,
    pub wanted: &'a Wanted<'a>,
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
        for number in 0..self.service.folds() {
            match self.fold(number, &folder)? {
                Ok(fold) => trained.push(fold),
                Err(reason) => return Ok(self.outcome(Verdict::Invalid(reason), &trained)),
            }
        }
        let scores = self.scores(&trained);
        let scored = self.outcome(Verdict::Scored(scores), &trained);
        let Wanted { fidelity, seed, .. } = *self.wanted;
        let folds = trained.into_iter().map(|trained| trained.fold).collect();
        let genome = Some(self.wanted.genome.clone());
        folder.finish(&Summary { version: recipe::VERSION, fidelity, seed, genome, folds })?;
        Ok(scored)
    }

    /// Trains on one split, scores it and leaves its weights in the folder.
    fn fold(&self, number: usize, folder: &Folder) -> Result<Result<Trained, Reason>, String> {
        let Ground { part, train, validation, scaler } = self.service.ground(number);
        let seed = Rng::named(self.wanted.seed, "fold", number as u64).next_u64();
        let network = part.network(self.wanted.genome);
        let parents = parents_of(self.wanted.genome, self.wanted.parents, number, &part)?;
        let mut trainer = Trainer::new(&network, &train, self.effort, seed, self.service.device);
        let start = begin(&mut trainer.model, &network, &parents);
        let subject = self.subject(number);
        self.go_on(&mut trainer, &subject, number, &validation);
        let (from, steps_before) = (trainer.trained(), trainer.steps);
        let share = |share: f64| (number as f64 + share) / self.service.folds() as f64;
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
        let file = folder.file(&weights_name(number));
        weights::write(&model, &scaler, &file)?;
        let weights = digest_of(&file).map_err(|error| format!("{} unreadable: {error}", file.display()))?;
        let mut scores = self.scores_of(&model, &best, &validation);
        scores.0.extend(encoder::by_prefixes(&model, &validation));
        if self.service.task.steps.is_none() {
            scores.0.extend([encoder::by_nearest_mean(&model, &train, &validation)]);
        }
        let fold = Fold {
            best_epoch: best.epoch,
            epochs,
            steps,
            scores,
            weights: Some(weights),
            root: Some(start.root),
            inherited: start.inherited,
        };
        Ok(Ok(Trained { fold, from, steps_made: steps - steps_before }))
    }

    /// Takes the trainer to where the checkpoint of this fold is, if there is one that fits.
    fn go_on(&self, trainer: &mut Trainer, subject: &str, number: usize, validation: &Cases) {
        let Some(folder) = self.wanted.previous else { return };
        let expected =
            Expected { subject, parameters: trainer.model.flat().numel(), validation, effort: self.effort };
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

    /// Of one split or part, under the weights that are kept.
    fn scores_of(&self, model: &Model, best: &Best, validation: &Cases) -> Scores {
        if let Some(Steps::Pointing(task)) = &self.service.task.steps {
            let mut scores = pointing::scores(task, model, Drawn::Validation, self.service.device);
            scores.insert(Metric::LogLoss.name().into(), best.log_loss);
            return Scores(scores);
        }
        let score =
            |metric: &Metric| metric.score(&best.probabilities, validation.classes(), validation.labels());
        let metrics = metrics(self.service.task.steps.as_ref());
        Scores(metrics.iter().map(|metric| (metric.name().to_string(), score(metric))).collect())
    }

    /// The mean of every metric over the splits or parts, and of the kept epoch under the name `best_epoch`; of several
    /// tasks the accuracy of each, too.
    fn scores(&self, trained: &[Trained]) -> Scores {
        let mut means = mean_scores(trained.iter().map(|trained| &trained.fold.scores));
        let epochs: f64 = trained.iter().map(|trained| trained.fold.best_epoch as f64).sum();
        means.insert("best_epoch".to_string(), epochs / trained.len() as f64);
        let parts = self.service.task.parts();
        means.extend(scores_by_name(&parts, trained.iter().map(|trained| &trained.fold.scores)));
        Scores(means)
    }

    fn outcome(&self, verdict: Verdict, trained: &[Trained]) -> Outcome {
        let steps = trained.iter().map(|trained| trained.fold.steps).sum();
        let mut outcome = self.service.outcome(verdict, steps);
        let from = trained.iter().map(|trained| trained.from).max().unwrap_or(0);
        if from > 0 {
            let made: u64 = trained.iter().map(|trained| trained.steps_made).sum();
            outcome.provenance += &format!("; continued from epoch {from}, {made} of {steps} steps made");
        }
        if !self.wanted.parents.is_empty() && !trained.is_empty() {
            let sum: f64 = trained.iter().map(|trained| trained.fold.inherited).sum();
            outcome.provenance +=
                &format!("; {:.0} % of the start inherited", 100.0 * sum / trained.len() as f64);
        }
        outcome
    }
}

/// Of a fold or part, in the order in which the genome names them.
pub fn parents_of(
    genome: &Genome,
    folders: &[PathBuf],
    fold: usize,
    part: &Part,
) -> Result<Vec<Parent>, String> {
    if folders.len() != genome.inherits.len() {
        let (named, given) = (genome.inherits.len(), folders.len());
        return Err(format!(
            "the genome inherits from {named} evaluations, and the folders of {given} are given"
        ));
    }
    folders.iter().map(|folder| Parent::read(folder, fold, part)).collect()
}

fn checkpoint_name(fold: usize) -> String {
    format!("fold-{fold}.{CHECKPOINT}")
}

/// What is scored.
pub fn metrics(steps: Option<&Steps>) -> &'static [Metric] {
    match steps {
        None => &Metric::ALL,
        Some(Steps::Mad(_) | Steps::Pointing(_)) => &[Metric::Accuracy, Metric::LogLoss],
        Some(Steps::Text(_)) => &[Metric::Accuracy, Metric::LogLoss, Metric::BitsPerCharacter],
    }
}

/// The mean of every metric.
pub fn mean_scores<'a>(of: impl ExactSizeIterator<Item = &'a Scores>) -> BTreeMap<String, f64> {
    let (count, mut means) = (of.len() as f64, BTreeMap::new());
    for (name, score) in of.flat_map(|scores| &scores.0) {
        *means.entry(name.clone()).or_insert(0.0) += score;
    }
    means.values_mut().for_each(|mean| *mean /= count);
    means
}

/// Where there are several tasks: the accuracy of each under its name, and its share of errors as `NAME_error`.
pub fn scores_by_name<'a>(
    parts: &[Part],
    of: impl Iterator<Item = &'a Scores>,
) -> impl Iterator<Item = (String, f64)> {
    let named = parts.iter().zip(of).filter(|(part, _)| !part.name.is_empty());
    named.flat_map(|(part, scores)| {
        let accuracy = scores.0[Metric::Accuracy.name()];
        [(part.name.clone(), accuracy), (format!("{}_error", part.name), 1.0 - accuracy)]
    })
}
