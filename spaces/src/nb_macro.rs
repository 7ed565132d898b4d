//! NAS-Bench-Macro (Su et al., CVPR 2021): eight layers, each one of three blocks; 6,561 codes, 3,969 networks.
//!
//! The first layer of each of the three stages changes resolution and width, so that even its "identity" is a map of
//! its own kind. The other layers keep the shape and are residual: an identity there is none, and changes places with
//! its neighbour without changing the network.

use std::fmt;

use hashing::{Behavior, HashError, KeyWriter, Keyed, Probe, Response, Rng, Value};
use serde::{Deserialize, Serialize};

use crate::{Candidate, Enumerated, Niche, Space, Tabulated};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Block {
    Identity,
    /// MobileNetV2 block, kernel 3, expansion 3.
    Small,
    /// MobileNetV2 block, kernel 5, expansion 6.
    Large,
}

impl Block {
    pub const ALL: [Self; 3] = [Self::Identity, Self::Small, Self::Large];

    /// As the table writes it.
    pub fn digit(self) -> char {
        match self {
            Self::Identity => '0',
            Self::Small => '1',
            Self::Large => '2',
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Small => "mobile block, kernel 3, expansion 3",
            Self::Large => "mobile block, kernel 5, expansion 6",
        }
    }
}

/// The blocks of the eight layers, as in `{"arch": "22212202"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Raw", into = "Raw")]
pub struct Network(pub [Block; LAYERS]);

const LAYERS: usize = 8;
/// Layers of each stage; the first of them changes the shape.
const STAGES: [std::ops::Range<usize>; 3] = [0..2, 2..5, 5..8];

/// The space of all [`Network`]s.
#[derive(Clone, Debug, Default)]
pub struct MacroSpace;

impl Enumerated for MacroSpace {
    /// In the order of the digits.
    fn all(&self) -> impl Iterator<Item = Network> + Send {
        let digit = |code: usize, layer: usize| code / 3usize.pow((LAYERS - 1 - layer) as u32) % 3;
        (0..3usize.pow(LAYERS as u32))
            .map(move |code| Network(std::array::from_fn(|layer| Block::ALL[digit(code, layer)])))
    }
}

impl Candidate for Network {
    /// Of the blocks that are no identity.
    fn niche(&self) -> Niche {
        Niche::of(self.0.iter().filter(|block| **block != Block::Identity).map(|block| block.name()))
    }
}

impl Space for MacroSpace {
    type Candidate = Network;

    fn name(&self) -> &str {
        "nb-macro v1"
    }

    fn sample(&self, rng: &mut Rng) -> Network {
        Network(std::array::from_fn(|_| *rng.choose(&Block::ALL)))
    }

    /// Another block in one layer.
    fn mutate(&self, parent: &Network, rng: &mut Rng) -> Network {
        let mut child = *parent;
        let layer = rng.below(LAYERS);
        let others: Vec<_> = Block::ALL.into_iter().filter(|block| *block != parent.0[layer]).collect();
        child.0[layer] = *rng.choose(&others);
        child
    }

    /// Each layer as one of the parents has it.
    fn crossover(&self, a: &Network, b: &Network, rng: &mut Rng) -> Option<Network> {
        Some(Network(std::array::from_fn(|layer| rng.choose(&[a, b]).0[layer])))
    }

    /// Identities go behind the blocks of their stage.
    fn canonicalize(&self, network: &Network) -> Network {
        let mut canonical = *network;
        for stage in STAGES {
            // The sort is stable: blocks keep their order.
            canonical.0[stage][1..].sort_by_key(|block| *block == Block::Identity);
        }
        canonical
    }
}

impl Keyed for Network {
    fn write_key(&self, out: &mut KeyWriter) {
        out.list(&self.0, |out, block| out.text(block.name()));
    }
}

/// The probe's signal: rows of numbers, as many a row as there are channels.
const ROWS: usize = 8;
const CHANNELS: usize = 4;

impl Behavior for Network {
    fn respond(&self, probe: &mut Probe) -> Result<Response, HashError> {
        let mut x = probe.input("x", ROWS * CHANNELS);
        for (number, stage) in STAGES.into_iter().enumerate() {
            for (place, block) in self.0[stage].iter().enumerate() {
                match (place, block) {
                    (0, _) => x = map(&format!("stage {number} start, {}", block.name()), x, probe),
                    (_, Block::Identity) => {}
                    _ => {
                        let added = map(&format!("stage {number}, {}", block.name()), x, probe);
                        x = probe.sum(&[x, added]);
                    }
                }
            }
        }
        Ok(Response::rows(x, CHANNELS))
    }
}

/// What stands for a block of this kind: a generic nonlinear map of each row, the tangent hyperbolic of a linear one.
fn map(kind: &str, x: Value, probe: &mut Probe) -> Value {
    let group = probe.group(kind, &[x]);
    let weights = probe.tensor(group, "w", CHANNELS * CHANNELS, 0.0, 1.0 / (CHANNELS as f64).sqrt());
    let bias = probe.tensor(group, "b", CHANNELS, 0.0, 0.5);
    probe.node([x, weights, bias], ROWS * CHANNELS, |[x, weights, bias], y| {
        for (row, out) in x.chunks_exact(CHANNELS).zip(y.chunks_exact_mut(CHANNELS)) {
            for ((out, weights), bias) in out.iter_mut().zip(weights.chunks_exact(CHANNELS)).zip(bias) {
                let sum: f64 = weights.iter().zip(row).map(|(w, x)| w * x).sum();
                *out = libm::tanh(sum + bias);
            }
        }
    })
}

impl Tabulated for Network {
    const COLUMNS: &'static [&'static str] = &["arch"];

    fn from_row(cells: &[&str]) -> Result<Self, String> {
        match cells {
            [arch] => Self::of_digits(arch.trim()),
            _ => Err(format!("{} cells name a candidate, not the one `arch`", cells.len())),
        }
    }
}

impl Network {
    /// As the table writes it: a digit a layer.
    fn of_digits(text: &str) -> Result<Self, String> {
        let block = |c: char| Block::ALL.into_iter().find(|block| block.digit() == c);
        let blocks: Option<Vec<Block>> = text.chars().map(block).collect();
        blocks.and_then(|blocks| blocks.try_into().ok()).map(Self).ok_or_else(|| {
            let shown: String = text.chars().take(20).collect();
            format!(
                "arch `{}` is not {LAYERS} digits of 0, 1 and 2, such as 22212202",
                shown.escape_default()
            )
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|block| write!(f, "{}", block.digit()))
    }
}

/// How it is written in JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    arch: String,
}

impl TryFrom<Raw> for Network {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        Self::of_digits(&raw.arch)
    }
}

impl From<Network> for Raw {
    fn from(network: Network) -> Self {
        Self { arch: network.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use hashing::{CandidateHasher, TwoStage};

    use super::*;

    #[test]
    fn codes_fall_into_3969_networks_by_form_and_by_function_alike() {
        let (hasher, space) = (TwoStage::default(), MacroSpace);
        let mut function_of_form = HashMap::new();
        for network in MacroSpace.all() {
            // Probed as it is written: the canonical form has no part in this fingerprint.
            let fingerprint = hasher.identify(&network).unwrap().fingerprint;
            let known = function_of_form.entry(space.canonicalize(&network)).or_insert(fingerprint);
            assert_eq!(*known, fingerprint, "{network} has a form with another function");
        }
        assert_eq!(MacroSpace.all().count(), 6_561);
        assert_eq!(function_of_form.len(), 3_969);
        assert_eq!(function_of_form.values().collect::<HashSet<_>>().len(), 3_969);
    }

    #[test]
    fn identities_move_behind_and_only_where_they_may() {
        let canonical =
            |arch: &str| MacroSpace.canonicalize(&Network::from_row(&[arch]).unwrap()).to_string();
        assert_eq!(canonical("00001002"), "00010020");
        assert_eq!(canonical("12012021"), "12012021", "the first layer of a stage stays");
        assert_eq!(canonical("02021021"), "02021021", "blocks keep their order");
        for network in MacroSpace.all() {
            let once = MacroSpace.canonicalize(&network);
            assert_eq!(MacroSpace.canonicalize(&once), once);
        }
    }

    #[test]
    fn a_mutation_changes_one_layer() {
        let parent = Network([Block::Small; LAYERS]);
        let mut seen = HashSet::new();
        for n in 0..400 {
            let child = MacroSpace.mutate(&parent, &mut Rng::named(0, "mutate", n));
            assert_eq!(child.0.iter().zip(parent.0).filter(|(a, b)| **a != *b).count(), 1);
            seen.insert(child);
        }
        assert_eq!(seen.len(), 2 * LAYERS, "every neighbor is reached");
    }

    #[test]
    fn a_code_survives_json_and_a_bad_one_is_explained() {
        let json = r#"{"arch":"22212202"}"#;
        let network: Network = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&network).unwrap(), json);
        for bad in ["", "2221220", "222122020", "2221220x", "２2212202"] {
            assert!(Network::from_row(&[bad]).unwrap_err().contains("8 digits"), "{bad}");
        }
        assert!(serde_json::from_str::<Network>(r#"{"arch":"22212202","depth":8}"#).is_err());
        assert!(Network::from_row(&[]).is_err());
    }
}
