//! Cases as tensors: standardized and padded once per split, cut out batch by batch.

use hashing::Rng;
use tasks::{Scaler, Sequences};
use tch::{Device, Kind, Tensor};

use crate::Batch;

/// Cases of one part of a split, on the device. N cases, L steps of the longest, C channels.
#[derive(Debug)]
pub struct Cases {
    /// N × L × C, f32, zero where padded.
    x: Tensor,
    /// N × L, f32, 1 where a step is real.
    mask: Tensor,
    /// Steps of each case, on the device and here.
    lengths: Tensor,
    steps: Vec<i64>,
    /// N, i64.
    targets: Tensor,
    labels: Vec<usize>,
}

impl Cases {
    /// The cases `indices` of `data`, standardized by `scaler` in f64 and then rounded to f32. Indices must lie in
    /// the data, as those of a split do.
    pub fn new(data: &Sequences, indices: &[usize], scaler: &Scaler, device: Device) -> Self {
        let cases: Vec<_> = indices.iter().map(|index| &data.cases[*index]).collect();
        let longest = cases.iter().map(|case| case.length).max().unwrap_or(0);
        let (row, channels) = (longest * data.channels, data.channels);
        let mut values = vec![0f32; cases.len() * row];
        let mut mask = vec![0f32; cases.len() * longest];
        for (i, case) in cases.iter().enumerate() {
            let mut standardized = case.values.clone();
            scaler.apply(&mut standardized);
            values[i * row..].iter_mut().zip(&standardized).for_each(|(to, from)| *to = *from as f32);
            mask[i * longest..][..case.length].fill(1.0);
        }
        let shape = [cases.len() as i64, longest as i64, channels as i64];
        let steps: Vec<i64> = cases.iter().map(|case| case.length as i64).collect();
        let labels: Vec<usize> = cases.iter().map(|case| case.label).collect();
        let targets: Vec<i64> = labels.iter().map(|label| *label as i64).collect();
        Self {
            x: Tensor::from_slice(&values).view(shape).to_device(device),
            mask: Tensor::from_slice(&mask).view([shape[0], shape[1]]).to_device(device),
            lengths: Tensor::from_slice(&steps).to_device(device),
            targets: Tensor::from_slice(&targets).to_device(device),
            steps,
            labels,
        }
    }

    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The class of each case.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Steps of the longest of the cases at these positions.
    pub fn longest(&self, positions: &[i64]) -> i64 {
        positions.iter().map(|i| self.steps[*i as usize]).max().unwrap_or(0)
    }

    /// The cases at these positions, cut to the longest of them, and their classes (i64).
    pub fn batch(&self, positions: &[i64]) -> (Batch, Tensor) {
        let longest = self.longest(positions);
        let padded = positions.iter().any(|i| self.steps[*i as usize] < longest);
        let index = Tensor::from_slice(positions).to_device(self.x.device());
        let cut = |tensor: &Tensor| tensor.narrow(1, 0, longest).index_select(0, &index);
        let batch = Batch {
            x: cut(&self.x),
            mask: padded.then(|| cut(&self.mask)),
            lengths: self.lengths.index_select(0, &index),
        };
        (batch, self.targets.index_select(0, &index))
    }
}

/// The order of the cases in an epoch, cut into batches; the last may be smaller.
pub fn batches(cases: usize, batch_size: usize, seed: u64, epoch: u64) -> Vec<Vec<i64>> {
    let mut order: Vec<i64> = (0..cases as i64).collect();
    Rng::named(seed, "batches", epoch).shuffle(&mut order);
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
        let epoch = |number| batches(70, 32, 5, number);
        assert_eq!(epoch(0).iter().map(Vec::len).collect::<Vec<_>>(), [32, 32, 6]);
        let mut all = epoch(0).concat();
        all.sort_unstable();
        assert!(all.into_iter().eq(0..70));
        assert_eq!(epoch(1), epoch(1));
        assert_ne!(epoch(0), epoch(1));
    }
}
