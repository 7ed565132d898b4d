//! A training on disk, as it was after an epoch: what it takes to go on bit for bit, and whose it is.
//!
//! A safetensors file. `subject` (text) says of what; `epochs` how many were trained and which was best; `weights`,
//! `moments.first` and `moments.second` are the training, `best.weights` (where that is another epoch) and
//! `best.probabilities` what early stopping keeps; `digest` is of all the others. Where the schedule, the order of the
//! cases and the masks of dropout are follows from the epochs.
//!
//! Nobody depends on a checkpoint: one that is damaged, of something else, or made to mislead is an error here and a
//! training from the start to the caller.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use evaluator::sequence::recipe::patience;
use hashing::{Digest, KeyWriter};
use tch::{Kind, Tensor};

use crate::data::{Cases, KIND};
use crate::train::{Best, Effort, State, log_loss};

/// More than the names and shapes of the tensors take, in bytes.
const HEADER: u64 = 4096;

/// What a checkpoint has to fit.
pub struct Expected<'a> {
    /// Everything that the training depends on, in a text.
    pub subject: &'a str,
    pub parameters: usize,
    pub validation: &'a Cases,
    pub effort: Effort,
}

/// Writes the state of a training of `subject` to `path`. The same state gives the same bytes.
pub fn write(state: &State, subject: &str, path: &Path) -> Result<(), String> {
    let failed = |error: String| format!("{} not written: {error}", path.display());
    let mut named = tensors(state, subject);
    let digest = digest(&named).map_err(failed)?;
    named.push(("digest", Tensor::from_slice(&digest.0)));
    Tensor::write_safetensors(&named, path).map_err(|error| failed(error.to_string()))
}

/// Reads what [`write()`] wrote. An error says why it is of no use. Files may come from anywhere: no more is read than
/// fits, and everything in it is checked.
pub fn read(path: &Path, expected: &Expected) -> Result<State, String> {
    let file = fs::metadata(path).map_err(|error| error.to_string())?;
    if !file.is_file() || file.len() > expected.most_bytes() {
        return Err(format!("no file of at most {} bytes", expected.most_bytes()));
    }
    let named = Tensor::read_safetensors(path).map_err(|error| error.to_string())?;
    let mut named = Named(named.into_iter().collect());
    let subject = named.take("subject", Kind::Uint8, expected.subject.len())?;
    if bytes(&subject)? != expected.subject.as_bytes() {
        return Err("of another training".to_string());
    }
    let written = named.take("digest", Kind::Uint8, 32)?;
    let state = named.state(expected)?;
    if bytes(&written)? != digest(&tensors(&state, expected.subject))?.0 {
        return Err("damaged".to_string());
    }
    Ok(state)
}

impl Expected<'_> {
    fn probabilities(&self) -> usize {
        self.validation.classes() * self.validation.labels().len()
    }

    fn most_bytes(&self) -> u64 {
        let numbers = 4 * 4 * self.parameters as u64 + 8 * self.probabilities() as u64;
        numbers + self.subject.len() as u64 + HEADER
    }
}

/// Everything but the digest, in the order of the digest.
fn tensors(state: &State, subject: &str) -> Vec<(&'static str, Tensor)> {
    let State { trained, weights, moments: [first, second], best } = state;
    let mut named = vec![
        ("subject", Tensor::from_slice(subject.as_bytes())),
        ("epochs", Tensor::from_slice(&[*trained as i64, best.epoch as i64])),
        ("weights", weights.shallow_clone()),
        ("moments.first", first.shallow_clone()),
        ("moments.second", second.shallow_clone()),
        ("best.probabilities", Tensor::from_slice(&best.probabilities)),
    ];
    if best.epoch != *trained {
        named.push(("best.weights", best.weights.shallow_clone()));
    }
    named
}

fn digest(named: &[(&str, Tensor)]) -> Result<Digest, String> {
    let mut writer = KeyWriter::new("fecund checkpoint v1");
    for (name, tensor) in named {
        writer.text(name);
        writer.bytes(&bytes(tensor)?);
    }
    Ok(writer.finish())
}

fn bytes(tensor: &Tensor) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; tensor.numel() * tensor.kind().elt_size_in_bytes()];
    tensor.f_copy_data_u8(&mut bytes, tensor.numel()).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Tensors that a file holds.
struct Named(BTreeMap<String, Tensor>);

impl Named {
    fn take(&mut self, name: &str, kind: Kind, len: usize) -> Result<Tensor, String> {
        let tensor = self.0.remove(name).ok_or_else(|| format!("no tensor `{name}`"))?;
        let fits = tensor.kind() == kind && tensor.size() == [len as i64];
        fits.then_some(tensor).ok_or_else(|| format!("`{name}` is not what it should be"))
    }

    fn numbers<T>(&mut self, name: &str, kind: Kind, len: usize) -> Result<Vec<T>, String>
    where
        Vec<T>: TryFrom<Tensor, Error = tch::TchError>,
    {
        Vec::try_from(self.take(name, kind, len)?).map_err(|error| error.to_string())
    }

    fn state(&mut self, expected: &Expected) -> Result<State, String> {
        let (trained, epoch) = self.epochs(expected.effort)?;
        let mut vector = |name| self.take(name, KIND, expected.parameters);
        let weights = vector("weights")?;
        let moments = [vector("moments.first")?, vector("moments.second")?];
        let best = if epoch == trained { weights.shallow_clone() } else { vector("best.weights")? };
        let probabilities: Vec<f64> =
            self.numbers("best.probabilities", Kind::Double, expected.probabilities())?;
        let log_loss = log_loss(&probabilities, expected.validation);
        if log_loss.is_nan() {
            return Err("`best.probabilities` are no numbers".to_string());
        }
        Ok(State { trained, weights, moments, best: Best { epoch, log_loss, probabilities, weights: best } })
    }

    /// Those that were trained, and the best of them.
    fn epochs(&mut self, effort: Effort) -> Result<(u64, u64), String> {
        let epochs: Vec<i64> = self.numbers("epochs", Kind::Int64, 2)?;
        let [trained, best] = [epochs[0], epochs[1]].map(|epoch| u64::try_from(epoch).unwrap_or(0));
        let can_be = 1 <= best && best <= trained && trained - best <= patience(effort.largest);
        if !can_be || trained > effort.epochs {
            return Err(format!("{trained} epochs, the best {best}, do not lead to {}", effort.epochs));
        }
        Ok((trained, best))
    }
}

#[cfg(test)]
mod tests {
    use tasks::{Case, Scaler, Sequences};
    use tch::Device;

    use super::*;

    const SUBJECT: &str = r#"{"version":1}"#;
    const EFFORT: Effort = Effort { largest: 20, epochs: 9, batch_size: 4 };

    /// Two cases of two classes.
    fn validation() -> Cases {
        let case = |label| Case { values: vec![label as f64], length: 1, label };
        let cases = [0, 1].map(case).to_vec();
        let data = Sequences { name: "x".into(), channels: 1, classes: vec!["a".into(), "b".into()], cases };
        Cases::new(&data, &[0, 1], &Scaler::fit(&data, &[0, 1]), Device::Cpu)
    }

    fn state(trained: u64, epoch: u64) -> State {
        let vector = |start: f32| Tensor::from_slice(&[start, -0.0, f32::MIN_POSITIVE / 2.0]);
        let best = Best {
            epoch,
            log_loss: f64::NAN,
            probabilities: vec![0.1, 0.9, 0.2, 0.8],
            weights: vector(if epoch == trained { 1.0 } else { 4.0 }),
        };
        State { trained, weights: vector(1.0), moments: [vector(2.0), vector(3.0)], best }
    }

    /// What is read of a state that was written.
    fn written_and_read(state: &State, subject: &str) -> Result<State, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fold-0.checkpoint");
        write(state, subject, &path).unwrap();
        let (validation, parameters) = (&validation(), 3);
        read(&path, &Expected { subject: SUBJECT, parameters, validation, effort: EFFORT })
    }

    #[test]
    fn a_state_comes_back_bit_for_bit() {
        for (trained, epoch) in [(1, 1), (9, 9), (9, 4), (6, 1)] {
            let before = state(trained, epoch);
            let after = written_and_read(&before, SUBJECT).unwrap();
            let bits = |state: &State| digest(&tensors(state, SUBJECT)).unwrap();
            assert_eq!(bits(&after), bits(&before));
            assert_eq!((after.trained, after.best.epoch), (trained, epoch));
            assert_eq!(bytes(&after.best.weights).unwrap(), bytes(&before.best.weights).unwrap());
            assert!((after.best.log_loss - 0.5 * (10f64.ln() + 1.25f64.ln())).abs() < 1e-12);
        }
    }

    #[test]
    fn what_another_version_left_is_refused() {
        let error = |subject: &str| written_and_read(&state(1, 1), subject).unwrap_err();
        assert_eq!(error(r#"{"version":2}"#), "of another training");
        assert_eq!(error(r#"{"version":10}"#), "`subject` is not what it should be");
    }

    /// Whole, and yet nothing that a training could have left.
    #[test]
    fn what_no_training_can_have_left_is_refused() {
        let epochs = [(0, 0), (3, 0), (3, 4), (10, 9), (9, 3), (u64::MAX, 1), (u64::MAX, u64::MAX)];
        for (trained, epoch) in epochs {
            let error = written_and_read(&state(trained, epoch), SUBJECT).unwrap_err();
            assert!(error.contains("do not lead to 9"), "{trained} {epoch}: {error}");
        }
        let with = |change: fn(&mut State)| {
            let mut state = state(2, 1);
            change(&mut state);
            written_and_read(&state, SUBJECT).unwrap_err()
        };
        let refused = [
            with(|state| state.best.probabilities[2] = f64::NAN),
            with(|state| state.best.probabilities.push(0.5)),
            with(|state| state.weights = Tensor::from_slice(&[1f32; 4])),
            with(|state| state.moments[1] = Tensor::from_slice(&[1f32; 3]).view([1, 3])),
            with(|state| state.best.weights = Tensor::from_slice(&[1f64; 3])),
        ];
        let named = ["best.probabilities", "best.probabilities", "weights", "moments.second", "best.weights"];
        for (error, name) in refused.iter().zip(named) {
            assert!(error.contains(&format!("`{name}`")), "{name}: {error}");
        }
    }

    #[test]
    fn a_file_longer_than_any_that_fits_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fold-0.checkpoint");
        write(&State { weights: Tensor::zeros([2000], (KIND, Device::Cpu)), ..state(1, 1) }, SUBJECT, &path)
            .unwrap();
        let (validation, parameters) = (&validation(), 3);
        let expected = Expected { subject: SUBJECT, parameters, validation, effort: EFFORT };
        assert_eq!(read(&path, &expected).unwrap_err(), "no file of at most 4189 bytes");
    }
}
