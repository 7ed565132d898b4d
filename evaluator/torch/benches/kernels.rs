//! What the kernels of recurrences and of long convolutions cost on the processor, forward and backward, on one thread, beside other forms of the
//! same and beside what libtorch has. All forms of a kernel take turns in one run; each shows its least processor time.
//!
//! `cargo bench -p fecund-torch --bench kernels -- [FILTER] [--lengths 64,1024]`

#[path = "common/clock.rs"]
mod clock;

use std::{env, fs, process};

use clock::clock;
use hashing::Rng;
use tch::{Device, Kind, Tensor};
use torch::blocks::{para_gru, para_lstm};
use torch::convolve::{by_fft, by_terms, convolve};
use torch::kernels::{self, gru::GRU, recurrence::from_zero};
use torch::matrix_state::{CHUNK, matrix_state, scan_of_all, with_decay_of_rows};
use torch::scan::{chunk_scan, scan};

/// Cases, and channels where a row says no other number.
const BATCH: i64 = 8;
const WIDTH: i64 = 64;
const LENGTHS: [i64; 5] = [64, 256, 1_024, 4_096, 16_384];
const ROUNDS: usize = 5;

/// One way to compute something, ready to run forward and backward.
struct Form {
    name: &'static str,
    run: Box<dyn Fn()>,
}

/// The first form is what the others are compared with.
struct Kernel {
    name: &'static str,
    forms: fn(length: i64) -> Vec<Form>,
}

const KERNELS: &[Kernel] = &[
    Kernel { name: "linear-scan", forms: linear_scans },
    Kernel { name: "matrix-state", forms: matrix_states },
    Kernel { name: "matrix-rows", forms: matrix_states_of_rows },
    Kernel { name: "long-convolution", forms: long_convolutions },
    Kernel { name: "gru", forms: grus },
    Kernel { name: "lstm", forms: lstms },
];

fn main() {
    tch::set_num_threads(1);
    tch::set_num_interop_threads(1);
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (filter, lengths) = parse(&arguments).unwrap_or_else(|problem| {
        eprintln!("{problem}");
        process::exit(2);
    });
    if filter == CHILD {
        return print_memory();
    }
    println!("{:14} {:>7}  {:28} {:>10}  {:>7}", "kernel", "length", "form", "ms", "times");
    for kernel in KERNELS.iter().filter(|kernel| kernel.name.contains(&filter)) {
        lengths.iter().for_each(|length| compare(kernel, *length));
    }
    if "selective-scan".contains(&filter) {
        measure_memory();
    }
}

fn parse(arguments: &[String]) -> Result<(String, Vec<i64>), String> {
    let (mut filter, mut lengths) = (String::new(), LENGTHS.to_vec());
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        if argument == "--lengths" {
            let list = arguments.next().ok_or("--lengths needs numbers, as in 64,1024")?;
            let numbers: Result<_, _> = list.split(',').map(str::parse).collect();
            lengths = numbers.map_err(|error| format!("--lengths {list}: {error}"))?;
        } else {
            filter.clone_from(argument);
        }
    }
    Ok((filter, lengths))
}

/// A line for each form; `times` says how many times as fast as the first form it is.
fn compare(kernel: &Kernel, length: i64) {
    let forms = (kernel.forms)(length);
    let mut least = vec![f64::INFINITY; forms.len()];
    for _ in 0..ROUNDS {
        for (form, least) in forms.iter().zip(&mut least) {
            let start = clock();
            (form.run)();
            *least = least.min(clock() - start);
        }
    }
    for (form, seconds) in forms.iter().zip(&least) {
        let (ms, times) = (1e3 * seconds, least[0] / seconds);
        println!("{:14} {length:7}  {:28} {ms:10.2}  {times:7.2}", kernel.name, form.name);
    }
}

/// Runs it with gradients for all inputs.
fn form(name: &'static str, inputs: &[Tensor], f: impl Fn(&[Tensor]) -> Tensor + 'static) -> Form {
    let inputs: Vec<Tensor> = inputs.iter().map(|x| x.detach().copy().set_requires_grad(true)).collect();
    let run = move || {
        let y = f(&inputs).sum(None);
        Tensor::run_backward(&[y], &inputs, false, false);
    };
    Form { name, run: Box::new(run) }
}

/// Single precision, uniform.
fn drawn(name: &str, shape: &[i64], low: f64, high: f64) -> Tensor {
    let mut rng = Rng::named(0, name, 0);
    let values: Vec<f32> = (0..shape.iter().product()).map(|_: i64| rng.between(low, high) as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

/// The diagonal linear recurrence.
fn linear_scans(length: i64) -> Vec<Form> {
    let shape = [BATCH, length, WIDTH];
    let inputs = [drawn("a", &shape, 0.0, 1.0), drawn("b", &shape, -1.0, 1.0)];
    vec![
        form("loop over unbind", &inputs, |x| {
            let mut h = x[1].select(1, 0).zeros_like();
            let step = |(a, b): (Tensor, Tensor)| {
                h = a * &h + b;
                h.shallow_clone()
            };
            let steps = x[0].unbind(1).into_iter().zip(x[1].unbind(1));
            Tensor::stack(&steps.map(step).collect::<Vec<_>>(), 1)
        }),
        form("chunks, plain operations", &inputs, |x| chunk_scan(&x[0], &x[1])),
        form("our kernel", &inputs, |x| scan(&x[0], &x[1])),
    ]
}

/// The matrix state with a decay, 2 heads of 64 × 64.
fn matrix_states(length: i64) -> Vec<Form> {
    let (heads, chunk) = (2, CHUNK.min(length));
    let shape = [BATCH, length, heads, WIDTH];
    let [q, k, v] = ["q", "k", "v"].map(|name| drawn(name, &shape, -1.0, 1.0));
    let chunked = |x: &Tensor| x.unflatten(1, [-1, chunk]).transpose(2, 3).contiguous();
    let scores = drawn("scores", &[BATCH, length / chunk, heads, chunk, chunk], -1.0, 1.0);
    let states = drawn("states", &[BATCH, length / chunk, heads, WIDTH, WIDTH], -1.0, 1.0);
    let products = [chunked(&q), chunked(&k), chunked(&v), scores, states];
    let decay = drawn("decay", &[BATCH, length, heads], -0.1, 0.0);
    vec![
        form("its four matrix products", &products, |x| {
            let [q, k, v, scores, states] = [0, 1, 2, 3, 4].map(|i| &x[i]);
            let sums = [q.matmul(&k.transpose(-1, -2)), scores.matmul(v), k.transpose(-1, -2).matmul(v)];
            sums.iter().fold(q.matmul(states).sum(None), |sum, product| sum + product.sum(None))
        }),
        form("chunks, plain operations", &[decay, q, k, v], |x| matrix_state(&x[0], &x[1], &x[2], &x[3])),
    ]
}

/// The matrix state whose rows decay alone, 4 heads of 16 × 16.
fn matrix_states_of_rows(length: i64) -> Vec<Form> {
    let shape = [BATCH, length, 4, WIDTH / 4];
    let rows = |name, low| drawn(name, &shape, low, 1.0);
    let inputs = [rows("decay", 0.0), rows("q", -1.0), rows("k", -1.0), rows("v", -1.0)];
    vec![
        form("scan of all states", &inputs, |x| scan_of_all(&x[0], &x[1], &x[2], &x[3])),
        form("our kernel", &inputs, |x| with_decay_of_rows(&x[0], &x[1], &x[2], &x[3])),
    ]
}

/// Modes of every channel of a linear map that does not change in time.
const MODES: i64 = 16;

/// Σ_n c_n h_n[t] with h_n[t] = a_n h_n[t−1] + u[t], the kernel Σ_n c_n a_n^l of convolutions included. Forms that take
/// too long, or too much memory, end before the longest.
fn long_convolutions(length: i64) -> Vec<Form> {
    let modes = [WIDTH, MODES];
    let inputs = [
        drawn("a", &modes, 0.8, 1.0),
        drawn("c", &modes, -1.0, 1.0),
        drawn("u", &[BATCH, length, WIDTH], -1.0, 1.0),
    ];
    let mut forms = vec![
        form("loop over unbind", &inputs, |x| {
            let mut h = Tensor::zeros([BATCH, WIDTH, MODES], (Kind::Float, Device::Cpu));
            let step = |u: Tensor| {
                h = u.unsqueeze(-1).addcmul(&x[0], &h);
                (&h * &x[1]).sum_dim_intlist(-1, false, None)
            };
            Tensor::stack(&x[2].unbind(1).into_iter().map(step).collect::<Vec<_>>(), 1)
        }),
        form("FFT", &inputs, |x| by_fft(&x[2], &kernel_of_modes(x))),
        form("as it is chosen", &inputs, |x| convolve(&x[2], &kernel_of_modes(x), None)),
    ];
    if length <= 4_096 {
        forms.push(form("scan of all states", &inputs, |x| {
            let u = x[2].unsqueeze(-1).expand([-1, -1, -1, MODES], false).contiguous();
            (scan(&x[0].expand_as(&u), &u) * &x[1]).sum_dim_intlist(-1, false, None)
        }));
    }
    if length <= 1_024 {
        forms.push(form("term by term", &inputs, |x| by_terms(&x[2], &kernel_of_modes(x))));
    }
    forms
}

/// D×L.
fn kernel_of_modes(x: &[Tensor]) -> Tensor {
    let lags = Tensor::arange(x[2].size()[1], (Kind::Float, Device::Cpu));
    let powers = (x[0].log().unsqueeze(-1) * lags).exp();
    x[1].unsqueeze(1).matmul(&powers).squeeze_dim(1)
}

/// Input of D channels, and weights uniform in ±1/√D of these shapes.
fn cell(length: i64, shapes: &[&[i64]]) -> Vec<Tensor> {
    let bound = 1.0 / (WIDTH as f64).sqrt();
    let weights = shapes.iter().map(|shape| drawn(&format!("{shape:?}"), shape, -bound, bound));
    std::iter::once(drawn("x", &[BATCH, length, WIDTH], -1.0, 1.0)).chain(weights).collect()
}

/// The gated recurrent unit: dense by libtorch and by our kernel, then with a diagonal recurrence, which is another
/// model. All of them project their input.
fn grus(length: i64) -> Vec<Form> {
    let d = WIDTH;
    let dense = cell(length, &[&[3 * d, d], &[3 * d, d], &[3 * d], &[3 * d]]);
    let diagonal = cell(length, &[&[3 * d, d], &[3 * d], &[3, d]]);
    let project = |x: &[Tensor]| x[0].linear(&x[1], Some(&x[2]));
    vec![
        form("dense, libtorch", &dense, |x| {
            let start = Tensor::zeros([1, BATCH, WIDTH], (Kind::Float, Device::Cpu));
            x[0].gru(&start, &x[1..], true, 1, 0.0, false, false, true).0
        }),
        form("dense, our kernel", &dense, |x| from_zero(&GRU, &x[0], [&x[1], &x[2], &x[3], &x[4]])),
        form("diagonal, Newton", &diagonal, move |x| para_gru::by_newton(&project(x), &x[3])),
        form("diagonal, our kernel", &diagonal, move |x| kernels::para_gru::para_gru(&project(x), &x[3])),
    ]
}

/// Long short-term memory, likewise.
fn lstms(length: i64) -> Vec<Form> {
    let d = WIDTH;
    let dense = cell(length, &[&[4 * d, d], &[4 * d, d], &[4 * d], &[4 * d]]);
    let diagonal = cell(length, &[&[3 * d, d], &[3 * d], &[3, d], &[2, d]]);
    let project = |x: &[Tensor]| x[0].linear(&x[1], Some(&x[2]));
    vec![
        form("dense, libtorch", &dense, |x| {
            let start = Tensor::zeros([1, BATCH, WIDTH], (Kind::Float, Device::Cpu));
            x[0].lstm(&[start.shallow_clone(), start], &x[1..], true, 1, 0.0, true, false, true).0
        }),
        form("diagonal, Newton", &diagonal, move |x| para_lstm::by_newton(&project(x), &x[3], &x[4])),
        form("diagonal, our kernel", &diagonal, move |x| {
            kernels::para_lstm::para_lstm(&project(x), &x[3], &x[4])
        }),
    ]
}

/// As a filter: measure the memory of this process.
const CHILD: &str = "memory-of-the-selective-scan";

/// Of Mamba's selective scan with a state of 16, at 8 × 4,096 × 64, in a process of its own.
fn measure_memory() {
    let program = env::current_exe().expect("a path");
    let output = process::Command::new(program).arg(CHILD).output().expect("a process of our own");
    print!("{}", String::from_utf8_lossy(&output.stdout));
}

/// What the scan holds at most beyond its inputs, its result and the gradients of all of them.
fn print_memory() {
    const STATE: i64 = 16;
    const LENGTH: i64 = 4_096;
    // What libtorch loads once is not counted.
    scan_once(&scan_inputs(65, STATE));
    let inputs = scan_inputs(LENGTH, STATE);
    let bytes = |x: &Tensor| 4 * x.numel() as i64;
    let results = 2 * bytes(&inputs[4]) + inputs.iter().map(bytes).sum::<i64>();
    // Nor does what was freed before count for less.
    // SAFETY: gives memory back that nobody uses.
    unsafe { libc::malloc_trim(0) };
    let before = memory("VmRSS");
    scan_once(&inputs);
    let extra = memory("VmHWM") - before - results;
    let materialized = BATCH * LENGTH * WIDTH * STATE * 4;
    println!(
        "selective-scan {LENGTH:7}  beyond results and gradients {:.1} MB, {:.1} % of one tensor of all states",
        extra as f64 / 1e6,
        100.0 * extra as f64 / materialized as f64,
    );
}

/// log A, Δ, B, C and u.
fn scan_inputs(length: i64, state: i64) -> [Tensor; 5] {
    let rows = |name, columns| drawn(name, &[BATCH, length, columns], 0.0, 0.1);
    let log_a = drawn("log_a", &[WIDTH, state], 0.0, 1.0);
    [log_a, rows("step", WIDTH), rows("b", state), rows("c", state), rows("u", WIDTH)]
        .map(|x| x.set_requires_grad(true))
}

fn scan_once(inputs: &[Tensor; 5]) {
    let [log_a, step, b, c, u] = inputs.each_ref();
    let v = kernels::selective_scan::selective_scan(log_a, step, b, c, u, false);
    Tensor::run_backward(&[v.sum(None)], inputs, false, false);
}

/// Of this process, in bytes.
fn memory(what: &str) -> i64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with(what)).expect("a line of memory");
    1024 * line.split_whitespace().nth(1).and_then(|kib| kib.parse::<i64>().ok()).expect("a number")
}
