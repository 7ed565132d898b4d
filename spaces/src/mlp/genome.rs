//! The genes of a perceptron, as they stand in JSON.

use hashing::{KeyWriter, Keyed};
use serde::{Deserialize, Serialize};

/// `{"depth": 2, "width": 64, …}`; what is left out has its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Genome {
    /// Of the format. Default: 1, the only one.
    pub version: u32,
    /// Hidden layers. Default: 2. Without any the network is linear.
    pub depth: usize,
    /// Units of each. Default: 64.
    pub width: usize,
    /// Numbers that stand for a category. Default: 8.
    pub embedding: usize,
    pub activation: Activation,
    pub norm: Norm,
    /// Whether each hidden layer but the first is added to its input. Default: no.
    pub residual: bool,
    pub training: Training,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    #[default]
    Relu,
    Gelu,
    Silu,
    Tanh,
}

/// Between the linear map of a hidden layer and its activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    #[default]
    None,
    Layer,
}

/// Genes that no response can show: they enter the fingerprint by value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Training {
    /// Peak of the schedule. Default: 0.003.
    pub learning_rate: f64,
    /// Of AdamW, on matrices and embeddings. Default: 0.01.
    pub weight_decay: f64,
    /// On what comes out of hidden layers. Default: 0.
    pub dropout: f64,
}

impl Activation {
    pub const ALL: [Self; 4] = [Self::Relu, Self::Gelu, Self::Silu, Self::Tanh];

    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::Silu => "silu",
            Self::Tanh => "tanh",
        }
    }
}

impl Norm {
    pub const ALL: [Self; 2] = [Self::None, Self::Layer];

    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Layer => "layer",
        }
    }
}

impl Training {
    pub const LEARNING_RATES: [f64; 4] = [3e-3, 1e-3, 3e-4, 1e-2];
    pub const WEIGHT_DECAYS: [f64; 4] = [0.01, 0.0, 0.1, 0.3];
    pub const DROPOUTS: [f64; 4] = [0.0, 0.1, 0.25, 0.5];
}

impl Genome {
    pub const DEEPEST: usize = 16;
    pub const WIDTHS: [usize; 5] = [16, 32, 64, 128, 256];
    pub const WIDEST: usize = 4096;
    pub const EMBEDDINGS: [usize; 5] = [1, 2, 4, 8, 16];
    pub const LARGEST_EMBEDDING: usize = 256;

    /// A width that tensors can have.
    pub fn check_width(width: usize) -> Result<(), String> {
        match (8..=Self::WIDEST).contains(&width) && width.is_multiple_of(8) {
            true => Ok(()),
            false => Err(format!("width {width} is not a multiple of 8 from 8 to {}", Self::WIDEST)),
        }
    }

    /// `2×64 relu+norm+residual | embedding 8`, for people.
    pub fn summary(&self) -> String {
        let mut text = match self.depth {
            0 => "linear".to_string(),
            depth => format!("{depth}×{} {}", self.width, self.activation.name()),
        };
        text += if self.norm == Norm::Layer { "+norm" } else { "" };
        text += if self.residual { "+residual" } else { "" };
        text + &format!(" | embedding {}", self.embedding)
    }
}

impl Default for Genome {
    fn default() -> Self {
        Self {
            version: 1,
            depth: 2,
            width: 64,
            embedding: 8,
            activation: Activation::default(),
            norm: Norm::default(),
            residual: false,
            training: Training::default(),
        }
    }
}

impl Default for Training {
    fn default() -> Self {
        Self {
            learning_rate: Self::LEARNING_RATES[0],
            weight_decay: Self::WEIGHT_DECAYS[0],
            dropout: Self::DROPOUTS[0],
        }
    }
}

impl Keyed for Genome {
    fn write_key(&self, out: &mut KeyWriter) {
        out.u64(self.depth as u64);
        out.u64(self.width as u64);
        out.u64(self.embedding as u64);
        out.text(self.activation.name());
        out.text(self.norm.name());
        out.bool(self.residual);
        self.training.write_key(out);
    }
}

impl Keyed for Training {
    fn write_key(&self, out: &mut KeyWriter) {
        out.f64(self.learning_rate);
        out.f64(self.weight_decay);
        out.f64(self.dropout);
    }
}

/// A genome as it is read, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Raw {
    version: u32,
    depth: usize,
    width: usize,
    embedding: usize,
    activation: Activation,
    norm: Norm,
    residual: bool,
    training: Training,
}

impl Default for Raw {
    fn default() -> Self {
        let Genome { version, depth, width, embedding, activation, norm, residual, training } =
            Genome::default();
        Self { version, depth, width, embedding, activation, norm, residual, training }
    }
}

impl TryFrom<Raw> for Genome {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Self, String> {
        let Raw { version, depth, width, embedding, activation, norm, residual, training } = raw;
        if version != 1 {
            return Err(format!("genome version {version} is not known; this program reads version 1"));
        }
        if depth > Self::DEEPEST {
            return Err(format!("depth {depth} is more than {}", Self::DEEPEST));
        }
        Self::check_width(width)?;
        if !(1..=Self::LARGEST_EMBEDDING).contains(&embedding) {
            return Err(format!("embedding {embedding} is not from 1 to {}", Self::LARGEST_EMBEDDING));
        }
        let Training { learning_rate, weight_decay, dropout } = training;
        if !(learning_rate > 0.0 && learning_rate <= 1.0 && (0.0..=1.0).contains(&weight_decay)) {
            return Err("learning_rate must be in (0, 1], weight_decay in [0, 1]".into());
        }
        if !(0.0..1.0).contains(&dropout) {
            return Err(format!("dropout {dropout} is not in [0, 1)"));
        }
        Ok(Self { version, depth, width, embedding, activation, norm, residual, training })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Genome, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        assert_eq!(read("{}").unwrap(), Genome::default());
        let genome = read(r#"{"depth": 0, "activation": "tanh", "training": {"dropout": 0.1}}"#).unwrap();
        assert_eq!((genome.depth, genome.activation, genome.width), (0, Activation::Tanh, 64));
        let written = serde_json::to_string(&genome).unwrap();
        assert_eq!(read(&written).unwrap(), genome);
    }

    #[test]
    fn what_no_network_can_have_is_refused_by_name() {
        for (json, word) in [
            (r#"{"version": 2}"#, "version 2"),
            (r#"{"depth": 17}"#, "depth 17"),
            (r#"{"width": 12}"#, "width 12"),
            (r#"{"width": 8192}"#, "width 8192"),
            (r#"{"embedding": 0}"#, "embedding 0"),
            (r#"{"activation": "sine"}"#, "sine"),
            (r#"{"training": {"learning_rate": 0}}"#, "learning_rate"),
            (r#"{"training": {"weight_decay": -1}}"#, "weight_decay"),
            (r#"{"training": {"dropout": 1}}"#, "dropout 1"),
            (r#"{"layers": 3}"#, "layers"),
        ] {
            let error = read(json).unwrap_err().to_string();
            assert!(error.contains(word), "{json}: {error}");
        }
    }

    #[test]
    fn a_summary_says_what_is_there() {
        let summary = |json| read(json).unwrap().summary();
        assert_eq!(summary(r#"{"depth": 0}"#), "linear | embedding 8");
        assert_eq!(
            summary(r#"{"norm": "layer", "residual": true, "embedding": 2}"#),
            "2×64 relu+norm+residual | embedding 2"
        );
    }
}
