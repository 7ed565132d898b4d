//! Cases as tensors: standardized and padded once per split, cut out batch by batch.

use std::iter::repeat;

use hashing::Rng;
use spaces::sequence::Tokenizer;
use tasks::pointing::Pointed;
use tasks::{IGNORED, Scaler, Sequences, Tokens};
use tch::{Device, Kind, Tensor};

use crate::Batch;
use crate::prior::Labelled;

/// Cases of one part of a split, on the device. N cases, L steps of the longest, C channels.
#[derive(Debug)]
pub struct Cases {
    inputs: Inputs,
    /// N × L, f32, 1 where a step is real.
    mask: Tensor,
    /// Steps of each case, on the device and here.
    lengths: Tensor,
    steps: Vec<i64>,
    /// N, i64; of tokens N × L, i32; of positions N × the longest answer, i64.
    targets: Tensor,
    /// What is asked for, in the order of [`labels`](Self::labels).
    labels: Vec<usize>,
    classes: usize,
    epoch: usize,
}

#[derive(Debug)]
enum Inputs {
    /// N × L × C, f32, zero where padded.
    Series(Tensor),
    /// N × L, i32: which of the C channels is 1.
    Tokens(Tensor, i64),
    /// As series; the targets are positions.
    Pointed(Tensor),
}

impl Cases {
    /// The cases `indices` of `data`, standardized by `scaler` in f64 and then rounded to f32. Indices must lie in
    /// the data, as those of a split do.
    pub fn new(data: &Sequences, indices: &[usize], scaler: &Scaler, device: Device) -> Self {
        let cases: Vec<_> = indices.iter().map(|index| &data.cases[*index]).collect();
        let series = cases.iter().map(|case| (case.values.clone(), case.length)).collect();
        let labels: Vec<usize> = cases.iter().map(|case| case.label).collect();
        let targets: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
        let [x, mask] = padded(series, data.channels, scaler).map(|tensor| tensor.to_device(device));
        let steps: Vec<i64> = cases.iter().map(|case| case.length as i64).collect();
        Self {
            inputs: Inputs::Series(x),
            mask,
            lengths: Tensor::from_slice(&steps).to_device(device),
            targets: Tensor::from_slice(&targets).to_device(device),
            epoch: steps.len(),
            steps,
            labels,
            classes: data.classes.len(),
        }
    }

    /// All cases of tokens, none of them padded.
    pub fn of_tokens(tokens: &Tokens, device: Device) -> Self {
        let shape = [tokens.cases() as i64, tokens.length as i64];
        let vocabulary = tokens.vocabulary as i64;
        let table = |numbers: &[i32]| Tensor::from_slice(numbers).view(shape).to_device(device);
        let steps = vec![shape[1]; tokens.cases()];
        let asked = tokens.targets.iter().filter(|target| **target != IGNORED);
        Self {
            inputs: Inputs::Tokens(table(&tokens.inputs), vocabulary),
            mask: Tensor::ones(shape, (KIND, device)),
            lengths: Tensor::from_slice(&steps).to_device(device),
            targets: table(&tokens.targets),
            labels: asked.map(|target| *target as usize).collect(),
            classes: tokens.vocabulary,
            epoch: steps.len(),
            steps,
        }
    }

    /// All cases that ask for positions; they `end` by pointing behind the last step. Labels and classes are for cases of
    /// one length.
    pub fn of_positions(cases: &[Pointed], end: bool, scaler: &Scaler, device: Device) -> Self {
        let series = cases.iter().map(|case| (case.values(), case.length())).collect();
        let channels = cases.first().map_or(1, |case| case.channels);
        let [x, mask] = padded(series, channels, scaler).map(|tensor| tensor.to_device(device));
        let steps: Vec<i64> = cases.iter().map(|case| case.length() as i64).collect();
        let longest = cases.iter().map(|case| case.targets.len()).max().unwrap_or(0);
        let targets = cases.iter().flat_map(|case| {
            let positions = case.targets.iter().map(|position| *position as i64);
            positions.chain(repeat(i64::from(IGNORED))).take(longest)
        });
        let targets: Vec<i64> = targets.collect();
        Self {
            mask,
            lengths: Tensor::from_slice(&steps).to_device(device),
            targets: Tensor::from_slice(&targets)
                .view([steps.len() as i64, longest as i64])
                .to_device(device),
            labels: cases.iter().flat_map(|case| &case.targets).copied().collect(),
            classes: x.size()[1] as usize + usize::from(end),
            inputs: Inputs::Pointed(x),
            epoch: steps.len(),
            steps,
        }
    }

    /// An epoch takes so many of these cases, and the next one those that follow.
    pub fn by_portions(self, epoch: usize) -> Self {
        Self { epoch, ..self }
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Cases that an epoch takes.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// What each of the first tokens tells about the class of its sequence ([`Position::Prior`]); `None` where sequences
    /// have none.
    ///
    /// [`Position::Prior`]: spaces::sequence::Position::Prior
    pub fn prior(&self, tokens: Tokenizer) -> Option<Vec<f64>> {
        let Inputs::Series(x) = &self.inputs else { return None };
        let channels = x.size()[2] as usize;
        let x = Vec::<f32>::try_from(x.to_device(Device::Cpu).flatten(0, -1)).expect("numbers of this kind");
        let Self { steps, labels, classes, .. } = self;
        Some(Labelled { x: &x, steps, labels, channels, classes: *classes }.prior_of_tokens(tokens))
    }

    /// The class of each case, or of each step that has a target.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Classes, or tokens.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Steps of the longest of the cases at these positions.
    pub fn longest(&self, positions: &[i64]) -> i64 {
        positions.iter().map(|i| self.steps[*i as usize]).max().unwrap_or(0)
    }

    /// The cases at these positions, cut to the longest of them, and their targets; where these are positions, the end is
    /// that after the last step of the batch.
    pub fn batch(&self, positions: &[i64]) -> (Batch, Tensor) {
        let longest = self.longest(positions);
        let padded = positions.iter().any(|i| self.steps[*i as usize] < longest);
        let index = Tensor::from_slice(positions).to_device(self.targets.device());
        let cut = |tensor: &Tensor| tensor.narrow(1, 0, longest).index_select(0, &index);
        let batch = Batch {
            x: match &self.inputs {
                Inputs::Series(x) | Inputs::Pointed(x) => cut(x),
                Inputs::Tokens(tokens, channels) => one_of(&cut(tokens), *channels),
            },
            mask: padded.then(|| cut(&self.mask)),
            lengths: self.lengths.index_select(0, &index),
        };
        let targets = self.targets.index_select(0, &index);
        if let Inputs::Pointed(_) = self.inputs {
            let ends = targets.eq_tensor(&batch.lengths.unsqueeze(1));
            return (batch, targets.masked_fill(&ends, longest));
        }
        (batch, targets)
    }

    /// Mean cross-entropy of the logits of a batch against its targets, in nats.
    pub fn loss(&self, logits: &Tensor, targets: &Tensor) -> Tensor {
        let (logits, targets) = self.asked(logits, targets);
        logits.cross_entropy_for_logits(&targets)
    }

    /// Logits of what has a target, rows × classes, and these targets (i64). A network may give the logits of a step
    /// there, or those of all steps in a row.
    pub fn asked(&self, logits: &Tensor, targets: &Tensor) -> (Tensor, Tensor) {
        let (classes, targets) = match self.inputs {
            Inputs::Series(_) => return (logits.shallow_clone(), targets.shallow_clone()),
            Inputs::Tokens(..) => (self.classes as i64, targets.shallow_clone()),
            // Nothing is asked behind the steps of the longest case.
            Inputs::Pointed(_) => (logits.size()[2], targets.narrow(1, 0, logits.size()[1])),
        };
        let targets = targets.flatten(0, -1).to_kind(Kind::Int64);
        let rows = targets.ge(0).nonzero().squeeze_dim(1);
        let logits = logits.reshape([-1, classes]);
        (logits.index_select(0, &rows), targets.index_select(0, &rows))
    }
}

/// Standardized series and their masks, N × L × C and N × L, f32, both zero where padded; of values and steps of each.
fn padded(series: Vec<(Vec<f64>, usize)>, channels: usize, scaler: &Scaler) -> [Tensor; 2] {
    let longest = series.iter().map(|(_, length)| *length).max().unwrap_or(0);
    let (cases, row) = (series.len(), longest * channels);
    let mut values = vec![0f32; cases * row];
    let mut mask = vec![0f32; cases * longest];
    for (i, (mut standardized, length)) in series.into_iter().enumerate() {
        scaler.apply(&mut standardized);
        values[i * row..].iter_mut().zip(&standardized).for_each(|(to, from)| *to = *from as f32);
        mask[i * longest..][..length].fill(1.0);
    }
    let [cases, longest, channels] = [cases, longest, channels].map(|extent| extent as i64);
    [
        Tensor::from_slice(&values).view([cases, longest, channels]),
        Tensor::from_slice(&mask).view([cases, longest]),
    ]
}

/// Tokens as channels: 1 where a channel is the token, else 0.
fn one_of(tokens: &Tensor, channels: i64) -> Tensor {
    tokens.to_kind(Kind::Int64).one_hot(channels).to_kind(KIND)
}

/// The cases of an epoch, cut into batches; the last may be smaller. An epoch takes `portion` of the cases, which go
/// round and are shuffled anew every time.
pub fn batches(cases: usize, portion: usize, batch_size: usize, seed: u64, epoch: u64) -> Vec<Vec<i64>> {
    let shuffled = |round: u64| {
        let mut order: Vec<i64> = (0..cases as i64).collect();
        Rng::named(seed, "batches", round).shuffle(&mut order);
        order
    };
    let (cases, portion) = (cases.max(1) as u64, portion as u64);
    let first = epoch * portion;
    let rounds = first / cases..(first + portion).div_ceil(cases);
    let order: Vec<i64> = rounds.flat_map(shuffled).skip((first % cases) as usize).collect();
    let order = &order[..order.len().min(portion as usize)];
    order.chunks(batch_size.max(1)).map(<[i64]>::to_vec).collect()
}

/// Batches of cases in their own order, to predict by.
pub fn in_order(cases: usize, batch_size: usize) -> Vec<Vec<i64>> {
    let order: Vec<i64> = (0..cases as i64).collect();
    order.chunks(batch_size.max(1)).map(<[i64]>::to_vec).collect()
}

/// The kind of every number that training sees.
pub const KIND: Kind = Kind::Float;

#[cfg(test)]
mod tests {
    use tasks::Case;
    use tasks::pointing::UNIT;

    use super::*;

    /// Two channels, lengths 2, 1 and 3; the values of case i are 10 i, 10 i + 1, …
    fn data() -> Sequences {
        let case = |(i, length): (usize, usize)| Case {
            values: (0..2 * length).map(|value| (10 * i + value) as f64).collect(),
            length,
            label: i % 2,
        };
        let cases = [2, 1, 3].into_iter().enumerate().map(case).collect();
        Sequences { name: "x".into(), channels: 2, classes: vec!["a".into(), "b".into()], cases }
    }

    fn plain() -> Scaler {
        Scaler { mean: vec![0.0; 2], scale: vec![1.0; 2] }
    }

    fn numbers(tensor: &Tensor) -> Vec<f64> {
        Vec::try_from(tensor.to_kind(Kind::Double).flatten(0, -1)).unwrap()
    }

    #[test]
    fn batches_are_padded_to_their_own_longest_case() {
        let cases = Cases::new(&data(), &[0, 1, 2], &plain(), Device::Cpu);
        let (batch, targets) = cases.batch(&[1, 0]);
        assert_eq!(batch.x.size(), [2, 2, 2]);
        assert_eq!(numbers(&batch.x), [10.0, 11.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!(numbers(batch.mask.as_ref().unwrap()), [1.0, 0.0, 1.0, 1.0]);
        assert_eq!((numbers(&batch.lengths), numbers(&targets)), (vec![1.0, 2.0], vec![1.0, 0.0]));
        assert_eq!(cases.batch(&[2, 0]).0.x.size(), [2, 3, 2]);
    }

    #[test]
    fn cases_of_one_length_need_no_mask() {
        let cases = Cases::new(&data(), &[2, 0], &plain(), Device::Cpu);
        assert!(cases.batch(&[0]).0.mask.is_none() && cases.batch(&[0, 1]).0.mask.is_some());
        assert_eq!(cases.labels(), [0, 0]);
    }

    #[test]
    fn padding_is_zero_after_standardizing() {
        let scaler = Scaler { mean: vec![100.0; 2], scale: vec![0.5; 2] };
        let cases = Cases::new(&data(), &[1, 2], &scaler, Device::Cpu);
        let (batch, _) = cases.batch(&[0, 1]);
        assert_eq!(numbers(&batch.x)[..6], [-180.0, -178.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn an_epoch_sees_every_case_once_in_an_order_of_its_own() {
        let epoch = |number| batches(70, 70, 32, 5, number);
        assert_eq!(epoch(0).iter().map(Vec::len).collect::<Vec<_>>(), [32, 32, 6]);
        let mut all = epoch(0).concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..70));
        assert_eq!(epoch(1), epoch(1));
        assert_ne!(epoch(0), epoch(1));
    }

    #[test]
    fn portions_go_round_all_cases_before_any_comes_again() {
        for portion in [3, 10, 25] {
            let stream: Vec<i64> =
                (0..10).flat_map(|epoch| batches(10, portion, 4, 5, epoch).concat()).collect();
            assert_eq!(stream.len(), 10 * portion);
            for (round, cases) in stream.chunks_exact(10).enumerate() {
                assert_eq!(cases, batches(10, 10, 10, 5, round as u64)[0]);
            }
        }
    }

    #[test]
    fn the_end_is_behind_the_last_step_of_the_batch() {
        let case = |length: usize, targets: &[usize]| Pointed {
            channels: 1,
            numbers: vec![UNIT / 2; length],
            targets: targets.to_vec(),
        };
        let all = [case(2, &[1, 2]), case(3, &[2, 0, 1, 3]), case(2, &[0, 1, 2])];
        let scaler = Scaler { mean: vec![0.25], scale: vec![0.5] };
        let cases = Cases::of_positions(&all, true, &scaler, Device::Cpu);
        let (batch, targets) = cases.batch(&[0, 1]);
        assert_eq!(numbers(&batch.x), [0.5, 0.5, 0.0, 0.5, 0.5, 0.5]);
        assert_eq!(numbers(batch.mask.as_ref().unwrap()), [1.0, 1.0, 0.0, 1.0, 1.0, 1.0]);
        assert_eq!(numbers(&targets), [1.0, 3.0, -1.0, -1.0, 2.0, 0.0, 1.0, 3.0]);
        let (batch, targets) = cases.batch(&[2, 0]);
        assert_eq!((batch.x.size(), batch.mask.is_none()), (vec![2, 2, 1], true));
        assert_eq!(numbers(&targets), [0.0, 1.0, 2.0, -1.0, 1.0, 2.0, -1.0, -1.0]);
        // Rows that have a target, as many columns as there are candidates.
        let (rows, asked) = cases.asked(&Tensor::zeros([2, 4, 3], (KIND, Device::Cpu)), &targets);
        assert_eq!((rows.size(), numbers(&asked)), (vec![5, 3], vec![0.0, 1.0, 2.0, 1.0, 2.0]));
        let one_length = Cases::of_positions(&all[1..2], true, &scaler, Device::Cpu);
        assert_eq!((one_length.labels(), one_length.classes()), ([2, 0, 1, 3].as_slice(), 4));
    }

    fn tokens() -> Cases {
        let (inputs, targets) = (vec![0, 2, 1, 1, 1, 0], vec![-1, 1, 2, 0, -1, -1]);
        Cases::of_tokens(&Tokens { vocabulary: 3, length: 3, inputs, targets }, Device::Cpu)
    }

    #[test]
    fn a_token_is_one_channel() {
        let (batch, targets) = tokens().batch(&[1, 0]);
        assert_eq!((batch.x.size(), batch.mask.is_none()), (vec![2, 3, 3], true));
        assert_eq!(numbers(&batch.x)[..9], [0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(numbers(&targets), [0.0, -1.0, -1.0, -1.0, 1.0, 2.0]);
        assert_eq!(tokens().labels(), [1, 2, 0]);
    }

    #[test]
    fn only_steps_with_a_target_have_a_loss_and_a_gradient() {
        let cases = tokens();
        let (_, targets) = cases.batch(&[0, 1]);
        let logits = Tensor::from_slice(&(0..18).map(|i| f64::sin(i as f64)).collect::<Vec<_>>());
        let logits = logits.view([2, 3, 3]).set_requires_grad(true);
        let loss = cases.loss(&logits, &targets);
        let by_hand = |step: i64, target: i64| {
            let row = logits.detach().view([6, 3]).get(step).log_softmax(-1, None);
            -row.double_value(&[target])
        };
        let expected = (by_hand(1, 1) + by_hand(2, 2) + by_hand(3, 0)) / 3.0;
        assert!((loss.double_value(&[]) - expected).abs() < 1e-6);
        loss.backward();
        let rows = logits.grad().view([6, 3]).abs().sum_dim_intlist(1, false, None);
        let rows: Vec<bool> = numbers(&rows).iter().map(|gradient| *gradient > 0.0).collect();
        assert_eq!(rows, [false, true, true, true, false, false]);
        // All steps in a row are the same to it.
        let flat = cases.loss(&logits.detach().view([2, 9]), &targets);
        assert_eq!(flat.double_value(&[]), loss.double_value(&[]));
    }
}
