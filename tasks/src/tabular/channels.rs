//! Channels of series as columns of a table: what is known of each channel of a case, in a few numbers.

use super::{Cells, Column, Frame, Keys, Target};
use crate::Sequences;
use crate::table::Kind;

/// What is told of a channel.
const FEATURES: [&str; 5] = ["mean", "deviation", "least", "largest", "slope"];

/// Columns that a channel has in the [`Frame::of_channels`].
pub const OF_A_CHANNEL: usize = FEATURES.len();

impl Frame {
    /// A row a case; of each channel the mean, the deviation, the least and largest value, and the slope of the least
    /// squares over time.
    pub fn of_channels(data: &Sequences) -> Self {
        let columns = (0..data.channels).flat_map(|channel| {
            let mut told = [const { Vec::new() }; OF_A_CHANNEL];
            for case in &data.cases {
                let values = case.values.iter().skip(channel).step_by(data.channels).copied();
                told.iter_mut().zip(features(values)).for_each(|(column, number)| column.push(number));
            }
            let column = move |(name, numbers): (&str, Vec<f64>)| Column {
                name: format!("{channel} {name}"),
                kind: Kind::Numeric,
                cells: Cells::Numbers(numbers),
            };
            FEATURES.into_iter().zip(told).map(column)
        });
        let labels = data.cases.iter().map(|case| case.label as u32).collect();
        Self {
            columns: columns.collect(),
            target: Target::Classes { names: data.classes.clone(), labels },
            keys: Keys::None,
            unlabeled: 0,
            skipped: (0, None),
        }
    }
}

fn features(values: impl Iterator<Item = f64> + Clone) -> [f64; OF_A_CHANNEL] {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.clone().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let [least, largest] = [f64::min, f64::max].map(|pick| values.clone().reduce(pick).unwrap_or(f64::NAN));
    let middle = (count - 1.0) / 2.0;
    let steps = || values.clone().enumerate().map(|(t, x)| (t as f64 - middle, x));
    let spread: f64 = steps().map(|(t, _)| t * t).sum();
    let slope = if spread > 0.0 { steps().map(|(t, x)| t * x).sum::<f64>() / spread } else { 0.0 };
    [mean, libm::sqrt(variance), least, largest, slope]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Case;

    #[test]
    fn a_channel_is_told_in_five_numbers() {
        let case = |values: &[f64]| Case { values: values.to_vec(), length: values.len() / 2, label: 0 };
        let cases = vec![case(&[1.0, 5.0, 3.0, 5.0, 5.0, 5.0]), case(&[2.0, 0.0])];
        let data = Sequences { name: "x".into(), channels: 2, classes: vec!["a".into()], cases };
        let frame = Frame::of_channels(&data);
        let numbers = |row: usize| -> Vec<f64> {
            let number = |column: &Column| match &column.cells {
                Cells::Numbers(numbers) => numbers[row],
                Cells::Words { .. } => panic!(),
            };
            frame.columns.iter().map(number).collect()
        };
        let deviation = libm::sqrt(8.0 / 3.0);
        assert_eq!(numbers(0), [3.0, deviation, 1.0, 5.0, 2.0, 5.0, 0.0, 5.0, 5.0, 0.0]);
        assert_eq!(numbers(1)[..5], [2.0, 0.0, 2.0, 2.0, 0.0]);
        assert_eq!((frame.columns[6].name.as_str(), frame.rows()), ("1 deviation", 2));
    }
}
