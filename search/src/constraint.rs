//! What a candidate may cost at most.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tasks::Reason;

/// A limit on a number of the written form, never of its function: an equal form that costs less may keep it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// A cost, as in [`Trial::costs`](crate::Trial::costs); or a measure, as in [`Trial::measures`](crate::Trial::measures).
    pub name: String,
    /// In the unit of the cost or measure; what has just as much is allowed.
    pub most: f64,
    /// Costs are known before training, and what exceeds them is not trained. Measures are taken afterwards; what exceeds
    /// them, or was not measured, ranks below everything that does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub measured: bool,
}

impl Constraint {
    /// On a cost, such as `parameters`.
    pub fn on_cost(name: &str, most: f64) -> Self {
        Self { name: name.into(), most, measured: false }
    }

    /// On a measure, such as `latency_1_ms`.
    pub fn on_measure(name: &str, most: f64) -> Self {
        Self { name: name.into(), most, measured: true }
    }

    /// Why a form of these costs is not trained.
    pub(crate) fn too_large(&self, costs: &BTreeMap<String, f64>) -> Option<Reason> {
        let value = *costs.get(&self.name).filter(|value| !self.measured && **value > self.most)?;
        Some(Reason::TooLarge { what: self.name.clone(), value: value as u64, limit: self.most as u64 })
    }

    /// How a form with these measures breaks it.
    pub(crate) fn broken_by(&self, measures: &BTreeMap<String, f64>) -> Option<String> {
        let Self { name, most, measured } = self;
        match measures.get(name) {
            _ if !measured => None,
            Some(value) if value <= most => None,
            Some(value) => Some(format!("{name} {value:.3} above {most}")),
            None => Some(format!("{name} was not measured")),
        }
    }
}
