//! What a token of a stack is: a step with all of its channels, or one channel of one step.

use serde::{Deserialize, Serialize};

use super::block::{Tensor, Weights};
use super::math::{Matrix, linear};
use super::network::Group;

/// How the numbers of a sequence become tokens. With one channel both have the same numbers of parameters, and other
/// tensors, which start otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// A token is a step, with all of its channels: W x_t + b.
    #[default]
    Steps,
    /// A token is a channel of a step, v of x_t with V channels: token t·V + v is x_t[v] · w_v + b_v. Steps follow each
    /// other, each with its channels in a row; mixers that know no grid see the tokens in this order.
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

    pub(super) fn embedding(self, channels: usize, width: usize) -> Group {
        let (kind, parts) = match self {
            Self::Steps => (
                "embedding",
                vec![(
                    "linear",
                    vec![Tensor::matrix("weight", width, channels), Tensor::bias("bias", width, channels)],
                )],
            ),
            // Each channel is a map of one number, so that it starts as a linear layer of one input does.
            Self::Grid => {
                let shape = vec![channels, width];
                let weight = Tensor { shape: shape.clone(), ..Tensor::matrix("weight", width, 1) };
                let bias = Tensor { shape, ..Tensor::bias("bias", width, 1) };
                ("embedding of channels", vec![("channels", vec![weight, bias])])
            }
        };
        Group { name: "embedding".into(), kind: kind.into(), parts }
    }

    /// Steps × channels to tokens × width.
    pub(super) fn embed(self, x: &Matrix, weights: &Weights) -> Matrix {
        let (weight, bias) = (&weights["weight"], &weights["bias"]);
        if self == Self::Steps {
            return linear(x, weight, bias);
        }
        let width = weight.len() / x.columns;
        let mut tokens = Matrix::zeros(x.rows * x.columns, width);
        for (number, value) in x.data.iter().enumerate() {
            let from = number % x.columns * width;
            let channel = weight[from..].iter().zip(&bias[from..]);
            tokens.row_mut(number).iter_mut().zip(channel).for_each(|(y, (w, b))| *y = value * w + b);
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
        assert_eq!(Layout::Grid.embed(&x, &weights), Matrix::new(6, 2, expected.to_vec()));
    }

    #[test]
    fn columns_are_changed_by_themselves() {
        let mut x = Matrix::new(4, 1, vec![1.0, 2.0, 3.0, 4.0]);
        by_column(&mut x, 2, |column| *column = column.reversed());
        assert_eq!(x.data, [3.0, 4.0, 1.0, 2.0]);
    }
}
