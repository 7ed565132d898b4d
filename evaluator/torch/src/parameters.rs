//! The parameters of a network: views of one flat buffer, by name.

use std::collections::BTreeMap;

use hashing::Rng;
use spaces::sequence::NamedTensor;
use tch::{Device, Kind, Tensor};

/// Trainable tensors that share the storage of one vector, so that an optimizer's step is a handful of operations.
pub struct Parameters {
    named: Vec<NamedTensor>,
    flat: Tensor,
    leaves: Vec<Tensor>,
}

/// Values that do not fit the parameters of a model.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    #[error("no values for the parameter `{0}`")]
    Missing(String),
    #[error("the model has no parameter `{0}`")]
    Unknown(String),
    #[error("parameter `{name}` has shape {expected:?}, its values {found:?}")]
    Shape { name: String, expected: Vec<i64>, found: Vec<i64> },
}

impl Parameters {
    /// Every tensor starts from its own stream, called by its full name.
    pub fn new(named: Vec<NamedTensor>, seed: u64, kind: Kind, device: Device) -> Self {
        let start = |named: &NamedTensor| named.tensor.start(&mut Rng::named(seed, &named.name, 0));
        let values: Vec<f64> = named.iter().flat_map(start).collect();
        let flat = Tensor::from_slice(&values).to_kind(kind).to_device(device);
        let leaves = views(&flat, &named);
        Self { named, flat, leaves }
    }

    /// Every tensor, as it is described and as it is.
    pub fn iter(&self) -> impl Iterator<Item = (&NamedTensor, &Tensor)> {
        self.named.iter().zip(&self.leaves)
    }

    /// The leaf of this name. Panics if there is none: an error of who asks, which the laws catch.
    pub fn leaf(&self, name: &str) -> &Tensor {
        let found = self.iter().find(|(named, _)| named.name == name);
        found.unwrap_or_else(|| panic!("no tensor `{name}`")).1
    }

    /// All parameters in one vector, without gradients; whoever changes it in place (under `no_grad`) changes the
    /// parameters.
    pub fn flat(&self) -> &Tensor {
        &self.flat
    }

    /// The leaves that gradients are taken for, in the order of [`names`](Self::names).
    pub fn leaves(&self) -> &[Tensor] {
        &self.leaves
    }

    /// Full names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.named.iter().map(|named| named.name.as_str())
    }

    /// Like [`flat`](Self::flat): 1 where weight decay applies, 0 elsewhere.
    pub fn decay_mask(&self) -> Tensor {
        let of = |named: &NamedTensor| vec![f64::from(u8::from(named.tensor.decay)); named.tensor.len()];
        let mask: Vec<f64> = self.named.iter().flat_map(of).collect();
        Tensor::from_slice(&mask).to_kind(self.flat.kind()).to_device(self.flat.device())
    }

    /// A copy of every parameter, by name.
    pub fn values(&self) -> Vec<(String, Tensor)> {
        self.names().map(str::to_string).zip(self.leaves.iter().map(|p| p.detach().copy())).collect()
    }

    /// Takes every parameter from `values`, in any kind and order. Changes nothing if there is an error.
    pub fn load(&mut self, values: &[(String, Tensor)]) -> Result<(), LoadError> {
        let mut given: BTreeMap<&str, &Tensor> =
            values.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let mut found = Vec::new();
        for (name, parameter) in self.names().zip(&self.leaves) {
            let value = given.remove(name).ok_or_else(|| LoadError::Missing(name.into()))?;
            if value.size() != parameter.size() {
                let (expected, found) = (parameter.size(), value.size());
                return Err(LoadError::Shape { name: name.into(), expected, found });
            }
            found.push(value.detach().to_kind(self.flat.kind()).to_device(self.flat.device()).flatten(0, -1));
        }
        if let Some(unknown) = given.into_keys().next() {
            return Err(LoadError::Unknown(unknown.into()));
        }
        tch::no_grad(|| self.flat.copy_(&Tensor::cat(&found, 0)));
        Ok(())
    }
}

/// Leaves that share the storage of `flat`, one after the other.
fn views(flat: &Tensor, named: &[NamedTensor]) -> Vec<Tensor> {
    let mut from = 0;
    let view = |named: &NamedTensor| {
        let shape: Vec<i64> = named.tensor.shape.iter().map(|n| *n as i64).collect();
        let len = named.tensor.len() as i64;
        let view = flat.narrow(0, from, len).view(shape.as_slice()).detach().set_requires_grad(true);
        from += len;
        view
    };
    named.iter().map(view).collect()
}
