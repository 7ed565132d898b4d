//! Rows of a table as tensors.

use tasks::tabular::{Encoded, Encoder, Frame, Truths};
use tch::{Device, Kind, Reduction, Tensor};

use crate::data::KIND;

/// Inputs of some rows, and what is right for them.
#[derive(Debug)]
pub struct Rows {
    /// N×(numbers + flags).
    pub numbers: Tensor,
    /// N×categories, int64.
    pub codes: Tensor,
    /// N: classes (int64), or standardized numbers.
    pub truths: Tensor,
}

impl Rows {
    /// These rows of a frame, under an encoder that was fit to rows like them.
    pub fn new(frame: &Frame, rows: &[usize], encoder: &Encoder, device: Device) -> Self {
        let count = rows.len() as i64;
        let (width, categories) = (encoder.numbers() + encoder.flags(), encoder.values().len());
        let Encoded { numbers, codes, truths } = encoder.encode(frame, rows);
        let truths = match truths {
            Truths::Labels(labels) => {
                Tensor::from_slice(&labels.into_iter().map(|label| label as i64).collect::<Vec<_>>())
            }
            Truths::Numbers(numbers) => Tensor::from_slice(&numbers).to_kind(KIND),
        };
        Self {
            numbers: Tensor::from_slice(&numbers).view([count, width as i64]).to_kind(KIND).to_device(device),
            codes: Tensor::from_slice(&codes).view([count, categories as i64]).to_device(device),
            truths: truths.to_device(device),
        }
    }

    pub fn len(&self) -> usize {
        self.truths.numel()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Those at these positions.
    pub fn batch(&self, positions: &[i64]) -> Self {
        let positions = Tensor::from_slice(positions).to_device(self.truths.device());
        let of = |tensor: &Tensor| tensor.index_select(0, &positions);
        Self { numbers: of(&self.numbers), codes: of(&self.codes), truths: of(&self.truths) }
    }

    /// Mean cross-entropy of logits in nats, or mean squared error of standardized numbers.
    pub fn loss(&self, said: &Tensor) -> Tensor {
        match self.truths.kind() {
            Kind::Int64 => said.cross_entropy_loss::<Tensor>(&self.truths, None, Reduction::Mean, -100, 0.0),
            _ => said.squeeze_dim(1).mse_loss(&self.truths, Reduction::Mean),
        }
    }
}
