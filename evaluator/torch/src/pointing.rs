//! What a network that points is worth: its own answers, at the longest trained length and at twice that.

use std::collections::BTreeMap;

use tasks::Scaler;
use tasks::pointing::{AT_TWICE, Part, Pointed, Pointing};
use tch::{Device, no_grad};

use crate::Model;
use crate::data::{Cases, in_order};

/// Cases that are answered at once.
const ANSWERED_AT_ONCE: usize = 128;

/// Takes uniform numbers of [0, 1) to mean 0 and variance 1.
pub fn scaler(channels: usize) -> Scaler {
    Scaler { mean: vec![0.5; channels], scale: vec![12f64.sqrt().recip(); channels] }
}

/// All scores of the task but the loss.
pub fn scores(task: &Pointing, model: &Model, part: Part, device: Device) -> BTreeMap<String, f64> {
    let score = |cases: &[Pointed]| task.scores(cases, &answers(task, model, cases, device));
    let at_twice = score(&task.cases_at_twice(part)).into_iter();
    let at_twice = at_twice.map(|(name, score)| (name + AT_TWICE, score));
    score(&task.cases(part)).into_iter().chain(at_twice).collect()
}

/// The positions that the network points at, up to the end or the last token.
pub fn answers(task: &Pointing, model: &Model, cases: &[Pointed], device: Device) -> Vec<Vec<usize>> {
    let data = Cases::of_positions(cases, task.task.ends(), &scaler(task.task.channels()), device);
    let answer = |positions: &Vec<i64>| {
        let (batch, _) = data.batch(positions);
        let (longest, told) = (batch.x.size()[1], no_grad(|| model.answer(&batch)).positions);
        let rows = Vec::<Vec<i64>>::try_from(told.to_device(Device::Cpu)).expect("rows of integers");
        let of_case = |(row, case): (Vec<i64>, &i64)| {
            let length = cases[*case as usize].length();
            let position = |at: i64| if at == longest { length } else { at as usize };
            let row: Vec<usize> = row.into_iter().map(position).collect();
            let end = row.iter().position(|at| *at == length).map_or(length, |end| end + 1);
            row[..end].to_vec()
        };
        rows.into_iter().zip(positions).map(of_case).collect::<Vec<_>>()
    };
    in_order(cases.len(), ANSWERED_AT_ONCE).iter().flat_map(answer).collect()
}
