//! How long a forward pass takes, by the clock of this machine.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use evaluator::Control;
use hashing::Rng;
use spaces::sequence::Network;
use tch::{Cuda, Device, Tensor, no_grad};

use crate::data::KIND;
use crate::train::Stop;
use crate::{Batch, Model};

/// Cases that are run at once: one that somebody waits for, and a batch.
const BATCHES: [usize; 2] = [1, 32];
/// Runs before those that count, while memory and caches are filled.
const WARM_UP: usize = 3;
/// Runs of which the median is taken: as many as [`TIME`] allows, between these.
const RUNS: (usize, usize) = (3, 31);
const TIME: Duration = Duration::from_millis(300);

/// `latency_B_ms` for each size of batch: the median over several forward passes of `length` steps, of noise.
pub fn measure(
    network: &Network,
    length: usize,
    device: Device,
    control: &Control,
) -> Result<BTreeMap<String, f64>, Stop> {
    let model = Model::new(network, 0, KIND, device);
    let of = |cases: usize| {
        let milliseconds = median_milliseconds(&model, &noise(network, cases, length, device), control)?;
        Ok((format!("latency_{cases}_ms"), milliseconds))
    };
    BATCHES.into_iter().map(of).collect()
}

/// Standard normal, the same at every call.
fn noise(network: &Network, cases: usize, length: usize, device: Device) -> Batch {
    let channels = network.shape.channels;
    let mut rng = Rng::named(0, "latency", cases as u64);
    let values: Vec<f32> = (0..cases * length * channels).map(|_| rng.normal() as f32).collect();
    let x = Tensor::from_slice(&values).view([cases as i64, length as i64, channels as i64]);
    let lengths = Tensor::from_slice(&vec![length as i64; cases]);
    Batch { x: x.to_device(device), mask: None, lengths: lengths.to_device(device) }
}

fn median_milliseconds(model: &Model, batch: &Batch, control: &Control) -> Result<f64, Stop> {
    let device = batch.x.device();
    let begun = Instant::now();
    for _ in 0..WARM_UP {
        run(model, batch, device, control)?;
        if begun.elapsed() > TIME {
            break;
        }
    }
    let (begun, mut times) = (Instant::now(), Vec::new());
    while times.len() < RUNS.0 || times.len() < RUNS.1 && begun.elapsed() < TIME {
        times.push(run(model, batch, device, control)?.as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// The time of one forward pass, with nothing under way on the device before and after.
fn run(model: &Model, batch: &Batch, device: Device, control: &Control) -> Result<Duration, Stop> {
    if control.cancelled() {
        return Err(Stop::Cancelled);
    }
    finish(device);
    let begun = Instant::now();
    let _logits = no_grad(|| model.forward(batch, None));
    finish(device);
    Ok(begun.elapsed())
}

fn finish(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}
