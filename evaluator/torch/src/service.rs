//! The worker's service: answers the requests of a study.

use std::collections::BTreeMap;
use std::path::Path;

use evaluator::sequence::{
    Fit, Measured, Part, Predictions, Ready, Reply, Request, SequenceTask, Steps, recipe, weights_name,
};
use evaluator::{Control, Outcome};
use hashing::{Digest, Rng};
use spaces::sequence::{Genome, Network};
use tasks::pointing::{Part as Drawn, Pointed, Pointing};
use tasks::{Metric, Reason, Scaler, Scores, Sequences, Split, Text, Tokens, Verdict, mad};
use tch::Device;

use crate::artifacts::write_file;
use crate::data::{Cases, KIND};
use crate::evaluation::{Evaluation, Wanted, mean_scores, metrics, parents_of, scores_by_name};
use crate::inherit::begin;
use crate::train::{Effort, Stop, Trainer, log_loss, predict};
use crate::{Model, device, encoder, latency, pointing, weights};

/// What a request that was given up is answered with.
const CANCELLED: &str = "cancelled";
/// Cases of a test whose probabilities are held at once.
const TESTED_AT_ONCE: usize = 256;

/// A task with its data in memory.
pub struct Service {
    pub(crate) task: SequenceTask,
    data: Data,
    pub(crate) device: Device,
}

enum Data {
    /// Cases with a class each.
    Labelled(Sequences, Vec<Split>),
    /// Of each part the cases to train on, and those to validate on.
    Steps(Vec<[Tokens; 2]>),
    /// The same of one that points.
    Pointing(Pointing, [Vec<Pointed>; 2]),
}

/// What a fold of an evaluation is trained and scored on.
pub(crate) struct Ground {
    pub part: Part,
    pub train: Cases,
    pub validation: Cases,
    pub scaler: Scaler,
}

impl Service {
    /// Reads or draws the training data and finds the device. An error says what to mend.
    pub fn new(task: SequenceTask) -> Result<Self, String> {
        if let Some(steps) = task.steps.clone() {
            return Self::with_steps(task, &steps);
        }
        let data = match task.can_train() {
            true => task.sequences().map_err(|error| error.to_string())?,
            false => task.no_data(),
        };
        Self::with_data(task, data)
    }

    fn with_steps(task: SequenceTask, steps: &Steps) -> Result<Self, String> {
        let data = match steps {
            Steps::Mad(tasks) => {
                let parts = [mad::Part::Training, mad::Part::Validation];
                Data::Steps(tasks.iter().map(|task| parts.map(|part| task.cases(part))).collect())
            }
            Steps::Text(windows) => {
                let text = Text::read(&task.train).map_err(|error| error.to_string())?;
                let known = (text.fingerprint(), text.alphabet.as_slice());
                if known != (task.data, &task.alphabet()) {
                    return Err(changed(&task, &text.fingerprint()));
                }
                let (train, validation) = text.split(windows).map_err(|error| error.to_string())?;
                Data::Steps(vec![[train, validation]])
            }
            Steps::Pointing(task) => {
                let cases = [Drawn::Training, Drawn::Validation].map(|part| task.cases(part));
                Data::Pointing(task.clone(), cases)
            }
        };
        let device = device::find(task.device)?;
        Ok(Self { task, data, device })
    }

    /// As [`Service::new`], with data that have been read already.
    pub fn with_data(task: SequenceTask, data: Sequences) -> Result<Self, String> {
        let shape = (data.channels, &data.classes, data.longest());
        if data.fingerprint() != task.data || shape != (task.channels, &task.classes, task.longest) {
            return Err(changed(&task, &data.fingerprint()));
        }
        let splits = match task.can_train() {
            true => {
                task.validation.splits(&data.labels(), &data.classes, 0).map_err(|error| error.to_string())?
            }
            false => Vec::new(),
        };
        let device = device::find(task.device)?;
        Ok(Self { task, data: Data::Labelled(data, splits), device })
    }

    /// Trainings of an evaluation.
    pub(crate) fn folds(&self) -> usize {
        match &self.data {
            Data::Labelled(_, splits) => splits.len(),
            Data::Steps(parts) => parts.len(),
            Data::Pointing(..) => 1,
        }
    }

    /// Of one of them.
    pub(crate) fn ground(&self, number: usize) -> Ground {
        let mut parts = self.task.parts();
        match &self.data {
            Data::Labelled(data, splits) => {
                let Split { train, validation } = &splits[number];
                let scaler = Scaler::fit(data, train);
                let cases = |indices| Cases::new(data, indices, &scaler, self.device);
                let (train, validation) = (cases(train), cases(validation));
                Ground { part: parts.swap_remove(0), train, validation, scaler }
            }
            Data::Steps(cases) => {
                let part = parts.swap_remove(number);
                let [train, validation] = &cases[number];
                let train = Cases::of_tokens(train, self.device);
                let train = train.by_portions(self.task.epoch_of(number));
                let validation = Cases::of_tokens(validation, self.device);
                Ground { scaler: as_they_are(part.shape.channels), part, train, validation }
            }
            Data::Pointing(task, cases) => {
                let scaler = pointing::scaler(task.task.channels());
                let with_scaler =
                    |part: &Vec<Pointed>| Cases::of_positions(part, task.task.ends(), &scaler, self.device);
                let [train, validation] = cases.each_ref().map(with_scaler);
                let train = train.by_portions(self.task.epoch_of(0));
                Ground { part: parts.swap_remove(0), train, validation, scaler }
            }
        }
    }

    /// What the parent is told first.
    pub fn ready(&self) -> Ready {
        let (device, provenance) = (device::class(self.device), device::provenance(self.device));
        Ready { version: recipe::VERSION, device, provenance }
    }

    /// Answers one request. An error costs the worker its place: what is the candidate's fault is a verdict instead.
    pub fn answer(&self, request: &Request, control: &Control) -> Result<Reply, String> {
        match request {
            Request::Predict { genome, weights, data } => {
                self.predict(genome, weights, data).map(Reply::Predicted)
            }
            _ if !self.task.can_train() => {
                Err("this worker was started without training data and can only predict".into())
            }
            Request::Evaluate { genome, fidelity, seed, artifacts, previous, checkpoint, parents } => {
                let (fidelity, seed, checkpoint) = (*fidelity, *seed, *checkpoint);
                let previous = previous.as_deref();
                let wanted = Wanted { genome, fidelity, seed, artifacts, previous, checkpoint, parents };
                self.evaluate(&wanted, control).map(Reply::Evaluated)
            }
            Request::Test { genome, artifacts, data } => {
                self.test(genome, artifacts, data.as_deref()).map(Reply::Tested)
            }
            Request::Encoder { genome, weights, split, data } => {
                self.score_encoder(genome, weights, *split, data).map(Reply::Tested)
            }
            Request::Fit { genome, seed, epochs, to, parents } => {
                let fit = Fit { seed: *seed, epochs: *epochs, to, parents };
                self.fit(genome, &fit, control).map(Reply::Fitted)
            }
            Request::Measure { genome } => self.measure(genome, control).map(Reply::Measured),
        }
    }

    fn evaluate(&self, wanted: &Wanted, control: &Control) -> Result<Outcome, String> {
        let effort = self.effort(wanted.fidelity)?;
        if let Some(reason) = self.task.refusal(wanted.genome) {
            return Ok(self.outcome(Verdict::Invalid(reason), 0));
        }
        Evaluation { service: self, wanted, effort, control }.run()
    }

    /// Trains on all cases for so many epochs of the full schedule.
    fn fit(&self, genome: &Genome, fit: &Fit, control: &Control) -> Result<Outcome, String> {
        let Fit { seed, epochs, to, parents } = *fit;
        let effort = self.effort(epochs)?;
        let (data, _) = self.labelled()?;
        let all: Vec<usize> = (0..data.cases.len()).collect();
        let scaler = Scaler::fit(data, &all);
        let cases = Cases::new(data, &all, &scaler, self.device);
        let network = Network::new(genome, self.task.shape());
        let seed = Rng::named(seed, "fit", 0).next_u64();
        let parents = parents_of(genome, parents, 0, &self.task.parts()[0])?;
        let mut trainer = Trainer::new(&network, &cases, effort, seed, self.device);
        begin(&mut trainer.model, &network, &parents);
        if let Err(stop) = trainer.run(control) {
            return Ok(self.outcome(Verdict::Invalid(reason(stop)?), trainer.steps));
        }
        write_file(to, |path| weights::write(&trainer.model, &scaler, path))?;
        Ok(self.outcome(Verdict::Scored(Scores::default()), trainer.steps))
    }

    fn predict(&self, genome: &Genome, weights: &Path, data: &Path) -> Result<Predictions, String> {
        let (model, _, cases) = self.read(genome, weights, data)?;
        let (probabilities, labels) = (predict(&model, &cases), cases.labels().to_vec());
        Ok(Predictions { classes: self.task.classes.len(), probabilities, labels })
    }

    /// A model with the weights of a file, and the cases of a data file as it takes them.
    fn read(&self, genome: &Genome, weights: &Path, data: &Path) -> Result<(Model, Scaler, Cases), String> {
        let data = self.task.read_like(data, self.labelled()?.0).map_err(|error| error.to_string())?;
        let network = Network::new(genome, self.task.shape());
        weights::check_size(&network, weights)?;
        let mut model = Model::new(&network, 0, KIND, self.device);
        let scaler = weights::read(&mut model, data.channels, weights)?;
        let all: Vec<usize> = (0..data.cases.len()).collect();
        let cases = Cases::new(&data, &all, &scaler, self.device);
        Ok((model, scaler, cases))
    }

    /// Beside what its predictions say: by prefixes, and by the nearest class mean of the cases that it was trained on.
    fn score_encoder(
        &self,
        genome: &Genome,
        weights: &Path,
        split: Option<usize>,
        data: &Path,
    ) -> Result<Scores, String> {
        let (model, scaler, cases) = self.read(genome, weights, data)?;
        let (training, splits) = self.labelled()?;
        let trained = match split {
            None => (0..training.cases.len()).collect(),
            Some(number) => {
                let split = splits.get(number).ok_or_else(|| format!("there is no split {number}"))?;
                split.train.clone()
            }
        };
        let train = Cases::new(training, &trained, &scaler, self.device);
        let nearest_mean = encoder::by_nearest_mean(&model, &train, &cases);
        Ok(Scores(encoder::by_prefixes(&model, &cases).chain([nearest_mean]).collect()))
    }

    fn labelled(&self) -> Result<(&Sequences, &[Split]), String> {
        match &self.data {
            Data::Labelled(data, splits) => Ok((data, splits)),
            Data::Steps(_) | Data::Pointing(..) => {
                Err("a task with targets at the steps has no cases with a class; test it instead".into())
            }
        }
    }

    /// Scores on the test cases, under the weights of an evaluation.
    fn test(&self, genome: &Genome, artifacts: &Path, data: Option<&Path>) -> Result<Scores, String> {
        let parts = self.task.parts();
        if let (Data::Pointing(task, _), None) = (&self.data, data) {
            return self.test_pointing(task, genome, artifacts);
        }
        let mut scored = Vec::new();
        for (number, (part, cases)) in parts.iter().zip(self.test_cases(data)?).enumerate() {
            let model = self.model(part, genome, &artifacts.join(weights_name(number)))?;
            scored.push(self.score(&model, &cases));
        }
        let mut scores = mean_scores(scored.iter());
        scores.extend(scores_by_name(&parts, scored.iter()));
        Ok(Scores(scores))
    }

    fn test_pointing(&self, task: &Pointing, genome: &Genome, artifacts: &Path) -> Result<Scores, String> {
        let (part, file) = (self.task.parts().swap_remove(0), artifacts.join(weights_name(0)));
        let model = self.model(&part, genome, &file)?;
        let mut scores = pointing::scores(task, &model, Drawn::Test, self.device);
        let scaler = pointing::scaler(task.task.channels());
        let cases = Cases::of_positions(&task.cases(Drawn::Test), task.task.ends(), &scaler, self.device);
        scores.insert(Metric::LogLoss.name().into(), log_loss(&predict(&model, &cases), &cases));
        Ok(Scores(scores))
    }

    /// With the weights in a file.
    fn model(&self, part: &Part, genome: &Genome, file: &Path) -> Result<Model, String> {
        let network = part.network(genome);
        weights::check_size(&network, file)?;
        let mut model = Model::new(&network, 0, KIND, self.device);
        weights::read(&mut model, part.shape.channels, file)?;
        Ok(model)
    }

    /// Of each part: drawn, or read.
    fn test_cases(&self, data: Option<&Path>) -> Result<Vec<Tokens>, String> {
        match (&self.task.steps, data) {
            (Some(Steps::Mad(tasks)), None) => {
                Ok(tasks.iter().map(|task| task.cases(mad::Part::Test)).collect())
            }
            (Some(Steps::Text(windows)), Some(data)) => {
                let text = Text::read_like(data, &self.task.alphabet());
                let cases = text.and_then(|text| text.windows(windows)).map_err(|error| error.to_string())?;
                Ok(vec![cases])
            }
            _ => Err("this task has no such test".into()),
        }
    }

    /// Of some cases at a time: all probabilities of a text would be many.
    fn score(&self, model: &Model, cases: &Tokens) -> Scores {
        let metrics = metrics(self.task.steps.as_ref());
        let (mut sums, mut asked) = (BTreeMap::new(), 0.0);
        for some in cases.portions(TESTED_AT_ONCE) {
            let some = Cases::of_tokens(&some, self.device);
            let probabilities = predict(model, &some);
            let count = some.labels().len() as f64;
            let score = |metric: &Metric| metric.score(&probabilities, some.classes(), some.labels());
            let scores = metrics.iter().map(|metric| (metric.name().to_string(), score(metric)));
            for (name, score) in scores.chain(encoder::by_prefixes(model, &some)) {
                *sums.entry(name).or_insert(0.0) += count * score;
            }
            asked += count;
        }
        Scores(sums.into_iter().map(|(name, sum): (String, f64)| (name, sum / asked)).collect())
    }

    /// Of the part that takes the most. What is not trained is not run either.
    fn measure(&self, genome: &Genome, control: &Control) -> Result<Measured, String> {
        if self.task.refusal(genome).is_some() {
            return Ok(Measured::default());
        }
        let parts = self.task.parts().into_iter().map(|part| (part.network(genome), part.longest));
        let largest = parts.max_by_key(|(network, length)| network.multiply_adds(*length));
        let (network, length) = largest.expect("a task has a part");
        let costs =
            latency::measure(&network, length, self.device, control).map_err(|_| CANCELLED.to_string())?;
        Ok(Measured { costs })
    }

    fn effort(&self, epochs: u64) -> Result<Effort, String> {
        let SequenceTask { epochs: largest, batch_size, .. } = self.task;
        if epochs == 0 || epochs > largest {
            return Err(format!("{epochs} epochs are not between 1 and the study's {largest}"));
        }
        Ok(Effort { largest, epochs, batch_size })
    }

    pub(crate) fn outcome(&self, verdict: Verdict, steps: u64) -> Outcome {
        Outcome { verdict, steps, seconds: None, provenance: device::provenance(self.device) }
    }
}

/// Tokens are channels of 0 and 1.
fn as_they_are(channels: usize) -> Scaler {
    Scaler { mean: vec![0.0; channels], scale: vec![1.0; channels] }
}

fn changed(task: &SequenceTask, found: &Digest) -> String {
    let (path, found, wanted) = (task.train.display(), found.short(), task.data.short());
    format!("{path} has changed: its content is {found}, the study's {wanted}; restore it")
}

/// What a stop says of the candidate; an error where it says nothing.
pub(crate) fn reason(stop: Stop) -> Result<Reason, String> {
    match stop {
        Stop::NotFinite { step } => Ok(Reason::NotFinite { step }),
        Stop::Cancelled => Err(CANCELLED.to_string()),
    }
}
