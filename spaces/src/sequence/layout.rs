//! What a token of a stack is: a step with all of its channels, or one channel of one step.

use serde::{Deserialize, Serialize};

use super::block::{Tensor, Weights};
use super::math::{Matrix, linear};
use super::network::Group;
use super::tokenizer::Tokenizer;

/// How the numbers of a sequence become tokens. With one channel both have the same numbers of parameters, and other
/// tensors, which start otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A token has all channels: W x_t + b.
    #[default]
    Steps,
    /// A token has one channel, v of x_t with V channels: token t·V + v is x_t[v] · w_v + b_v, or W_v x_t[v] + b_v where
    /// the tokenizer keeps several numbers of a channel. Steps follow each other, each with its channels in a row; mixers that
    /// know no grid see the tokens in this order.
    Grid,
}

impl Layout {
    pub const ALL: [Self; 2] = [Self::Steps, Self::Grid];

    /// Tokens of a step.
    pub fn columns(self, channels: usize) -> usize {
        match self {
            Self::Steps => 1,
            Self::Grid => channels,
        }
    }

    pub(super) fn embedding(self, tokens: Tokenizer, channels: usize, width: usize) -> Group {
        let features = tokens.features();
        let inputs = features * channels;
        let (mut kind, parts) = match self {
            Self::Steps => (
                "embedding".to_string(),
                vec![(
                    "linear",
                    vec![Tensor::matrix("weight", width, inputs), Tensor::bias("bias", width, inputs)],
                )],
            ),
            // Each channel is a map of its own numbers, and starts as a linear layer of so many inputs does.
            Self::Grid => {
                let shape = vec![channels, width];
                let bias = Tensor { shape: shape.clone(), ..Tensor::bias("bias", width, features) };
                let shape = if features == 1 { shape } else { [shape, vec![features]].concat() };
                let weight = Tensor { shape, ..Tensor::matrix("weight", width, features) };
                ("embedding of channels".to_string(), vec![("channels", vec![weight, bias])])
            }
        };
        if tokens != Tokenizer::Steps {
            kind += &format!(" of {tokens}");
        }
        Group { name: "embedding".into(), kind, parts }
    }

    /// What a tokenizer read, rows × (features · channels), to tokens × width.
    pub(super) fn embed(self, x: &Matrix, features: usize, weights: &Weights) -> Matrix {
        let (weight, bias) = (&weights["weight"], &weights["bias"]);
        if self == Self::Steps {
            return linear(x, weight, bias);
        }
        let channels = x.columns / features;
        let width = bias.len() / channels;
        let mut tokens = Matrix::zeros(x.rows * channels, width);
        for number in 0..tokens.rows {
            let (row, channel) = (number / channels, number % channels);
            let read = || x.row(row)[channel..].iter().step_by(channels);
            let maps = weight[channel * width * features..].chunks_exact(features);
            let maps = maps.zip(&bias[channel * width..]);
            for (y, (w, b)) in tokens.row_mut(number).iter_mut().zip(maps) {
                *y = read().zip(w).map(|(x, w)| x * w).sum::<f64>() + b;
            }
        }
        tokens
    }
}

/// Changes the tokens of each column by themselves: step after step of it.
pub fn by_column(x: &mut Matrix, columns: usize, change: impl Fn(&mut Matrix)) {
    for column in 0..columns {
        let rows = (column..x.rows).step_by(columns);
        let mut alone = Matrix::zeros(x.rows / columns, x.columns);
        rows.clone().enumerate().for_each(|(to, from)| alone.row_mut(to).copy_from_slice(x.row(from)));
        change(&mut alone);
        rows.enumerate().for_each(|(from, to)| x.row_mut(to).copy_from_slice(alone.row(from)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_grid_is_a_channel_of_a_step() {
        let x = Matrix::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let weights = Weights(
            [("weight", vec![1.0, 10.0, 2.0, 20.0, 3.0, 30.0]), ("bias", vec![0.0, 0.5, 0.0, 0.5, 0.0, 0.5])]
                .into(),
        );
        let expected = [1.0, 10.5, 4.0, 40.5, 9.0, 90.5, 4.0, 40.5, 10.0, 100.5, 18.0, 180.5];
        assert_eq!(Layout::Grid.embed(&x, 1, &weights), Matrix::new(6, 2, expected.to_vec()));
    }

    #[test]
    fn a_channel_of_several_numbers_has_a_map_of_its_own() {
        // Two features of two channels, to a width of one.
        let x = Matrix::new(1, 4, vec![1.0, 2.0, 3.0, 4.0]);
        let weights = Weights([("weight", vec![1.0, 10.0, 100.0, 1000.0]), ("bias", vec![0.5, 0.25])].into());
        assert_eq!(Layout::Grid.embed(&x, 2, &weights), Matrix::new(2, 1, vec![31.5, 4200.25]));
    }

    #[test]
    fn columns_are_changed_by_themselves() {
        let mut x = Matrix::new(4, 1, vec![1.0, 2.0, 3.0, 4.0]);
        by_column(&mut x, 2, |column| *column = column.reversed());
        assert_eq!(x.data, [3.0, 4.0, 1.0, 2.0]);
    }
}
