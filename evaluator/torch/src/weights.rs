//! Weights in files: safetensors with every tensor by name, and the standardization of the input beside them.

use std::fmt::Display;
use std::path::Path;

use spaces::sequence::Network;
use tasks::Scaler;
use tch::{Kind, Tensor};

use crate::Model;

/// Mean and scale of each input channel, f64: a model reads (x − mean) / scale.
const MEAN: &str = "input.mean";
const SCALE: &str = "input.scale";

/// Writes the parameters of `model` (f32) and the scaler (f64) to `path`. The same weights give the same bytes.
pub fn write(model: &Model, scaler: &Scaler, path: &Path) -> Result<(), String> {
    let mut named = model.values();
    named.push((MEAN.to_string(), Tensor::from_slice(&scaler.mean)));
    named.push((SCALE.to_string(), Tensor::from_slice(&scaler.scale)));
    Tensor::write_safetensors(&named, path)
        .map_err(|error| format!("{} not written: {error}", path.display()))
}

/// No network of more parameters is made from a file: 67 million, 1.6 GB in the making.
const MOST_PARAMETERS: u64 = 1 << 26;

/// A genome from elsewhere may ask for any amount of memory: refuses one that the weights in a file cannot fill.
pub fn check_size(network: &Network, path: &Path) -> Result<(), String> {
    let parameters = network.parameters();
    let bytes = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?.len();
    if parameters > MOST_PARAMETERS || parameters * 4 > bytes {
        let what = format!("{bytes} bytes do not hold {parameters} parameters, of at most {MOST_PARAMETERS}");
        return Err(unreadable(path, &what));
    }
    Ok(())
}

fn unreadable(path: &Path, what: &dyn Display) -> String {
    format!("weights {} unreadable: {what}", path.display())
}

/// Reads what [`write()`] wrote into `model`, and returns the scaler. Files may come from anywhere: names, shapes and
/// numbers are checked.
pub fn read(model: &mut Model, channels: usize, path: &Path) -> Result<Scaler, String> {
    let unreadable = |what: &dyn Display| unreadable(path, what);
    let mut named = Tensor::read_safetensors(path).map_err(|error| unreadable(&error))?;
    let mean = take(&mut named, MEAN, channels).map_err(|error| unreadable(&error))?;
    let scale = take(&mut named, SCALE, channels).map_err(|error| unreadable(&error))?;
    if !mean.iter().all(|mean| mean.is_finite())
        || !scale.iter().all(|scale| scale.is_finite() && *scale > 0.0)
    {
        return Err(unreadable(&"the scales of the input are not positive numbers"));
    }
    model.load(&named).map_err(|error| unreadable(&error))?;
    Ok(Scaler { mean, scale })
}

/// Removes the vector called `name` and returns its numbers.
fn take(named: &mut Vec<(String, Tensor)>, name: &str, len: usize) -> Result<Vec<f64>, String> {
    let position = named.iter().position(|(other, _)| other == name).ok_or(format!("no tensor `{name}`"))?;
    let tensor = named.swap_remove(position).1;
    if tensor.size() != [len as i64] {
        return Err(format!("`{name}` has shape {:?}, and the data have {len} channels", tensor.size()));
    }
    Vec::<f64>::try_from(tensor.to_kind(Kind::Double)).map_err(|error| error.to_string())
}
