//! An exported `model.py` computes what the definition computes, in PyTorch, whatever stands in the padding.
//!
//! Needs a Python with torch and safetensors (`tools/export-env` makes one); skipped, with the reason, without it.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hashing::Rng;
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Deserialize;
use spaces::Space;
use spaces::sequence::export::{Facts, architecture_json, drawing, model_py, read_architecture, readme};
use spaces::sequence::math::Matrix;
use spaces::sequence::{
    Block, Gene, Genome, Head, Layer, Layout, Mixer, Network, Norm, Order, Pattern, Place, Pooling, Position,
};
use spaces::sequence::{
    Group, Limits, Pointed, Pointer, SequenceSpace, Settings, Shape, Sharing, Skeleton, Tensor, Tokenizer,
    Weights, blocks,
};

const SHAPE: Shape = Shape { channels: 3, classes: 4 };
const LENGTHS: [usize; 4] = [14, 1, 37, 8];
const SAMPLED: u64 = 30;
/// Settings drawn for every block.
const DRAWN: u64 = 4;

/// One line of `tests/export/compare.py`: differences, relative to the largest logit.
#[derive(Deserialize)]
struct Compared {
    name: String,
    single: f64,
    double: f64,
    shell: f64,
    chunks: f64,
    slope: f64,
}

#[test]
fn exported_models_compute_what_the_definition_computes() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let networks = networks();
    for (name, genome) in &networks {
        export(&folder.path().join(name), genome);
    }
    let output = run(&python, &["tests/export/compare.py".as_ref(), folder.path().as_os_str()]);
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    let compared: Vec<Compared> = lines.lines().map(read).collect();
    assert_eq!(compared.len(), networks.len(), "{messages}");
    for Compared { name, single, double, shell, chunks, slope } in &compared {
        assert!(
            *single < 1e-4 && *shell < 1e-4 && *double < 1e-9 && *chunks < 1e-12 && *slope < 1e-4,
            "{name}: float32 {single:e}, shell {shell:e}, float64 {double:e}, chunks {chunks:e}, slope {slope:e}\n{}",
            serde_json::to_string(&networks[name]).unwrap(),
        );
    }
    let worst = |value: fn(&Compared) -> f64| compared.iter().map(value).fold(0.0, f64::max);
    let (single, double, slope) = (worst(|c| c.single), worst(|c| c.double), worst(|c| c.slope));
    println!(
        "{} models: float32 within {single:.1e}, float64 {double:.1e}, slopes {slope:.1e}",
        compared.len()
    );
}

/// A line of `tests/export/compare_pointing.py`: whether positions agree, and differences of probabilities.
#[derive(Deserialize)]
struct Pointing {
    name: String,
    positions: bool,
    single: f64,
    double: f64,
    slope: f64,
}

#[test]
fn exported_networks_that_point_compute_what_the_definition_computes() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let space = SequenceSpace::new(Limits { points: true, ..Limits::default() }).unwrap();
    let genomes = (0..12).map(|seed| {
        let mut rng = Rng::named(seed, "export pointing", 0);
        (0..seed % 4).fold(space.sample(&mut rng), |genome, _| space.mutate(&genome, &mut rng))
    });
    let routed = RECURSIVE.iter().enumerate().map(|(number, (_, sharing))| {
        let genome = recursive(["cycle", "middle-cycle"][number % 2], sharing, number % 2);
        Genome { pooling: Pooling::None, ..genome }
    });
    for (number, genome) in genomes.chain(routed).enumerate() {
        let network = Network::pointing(&genome, SHAPE.channels, Pointer { ends: number % 2 == 1 });
        export_pointing(&folder.path().join(format!("{number:02}")), &network);
    }
    let output = run(&python, &["tests/export/compare_pointing.py".as_ref(), folder.path().as_os_str()]);
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{messages}");
    let lines = String::from_utf8(output.stdout).unwrap();
    let compared: Vec<Pointing> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(compared.len(), 12 + RECURSIVE.len(), "{messages}");
    for Pointing { name, positions, single, double, slope } in compared {
        let agrees = positions && single < 1e-4 && double < 1e-9 && slope < 1e-4;
        assert!(
            agrees,
            "{name}: positions {positions}, float32 {single:e}, float64 {double:e}, slope {slope:e}"
        );
    }
}

/// The folder of a network that points, and `expected.json`: of every series what it is told and answers.
fn export_pointing(folder: &Path, network: &Network) {
    let facts = Facts { title: "title", classes: &[], scores: &[], length: 29, command: "fecund export" };
    std::fs::create_dir(folder).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("model.py", model_py(network, &[]));
    write("architecture.json", architecture_json(network, &[]));
    write("architecture.svg", drawing(network, "title"));
    write("README.md", readme(network, &facts));
    let read = std::fs::read_to_string(folder.join("architecture.json")).unwrap();
    assert_eq!(read_architecture(&read).unwrap().0.pointer, network.pointer);
    let mut rng = Rng::named(0, "export pointing", 0);
    let (series, weights) = (series(&mut rng), weights(network, &mut rng));
    let mut told = LENGTHS.map(|length| (0..length).collect::<Vec<_>>());
    told.iter_mut().for_each(|told| rng.shuffle(told));
    let of = |answers: Vec<Pointed>| {
        let rows = |answer: &Pointed| {
            let rows = answer.probabilities.data.chunks(answer.probabilities.columns);
            rows.map(<[f64]>::to_vec).collect::<Vec<_>>()
        };
        answers.iter().map(|answer| (rows(answer), answer.positions.clone())).collect::<Vec<_>>()
    };
    let [told, free] =
        [Some(&told[..]), None].map(|told| of(network.point(&series, told, &mut supply(&weights))));
    let raw = write_scaled(folder, &series, weights, &mut rng);
    write("expected.json", serde_json::json!({ "series": raw, "told": told, "free": free }).to_string());
}

/// The first of `FECUND_PYTHON`, the environment in the cache folder and `python3` that is there; it has to know torch.
fn python() -> Result<OsString, String> {
    let cached = || {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
        let python = cache.join("fecund/torch-2.11.0-venv/bin/python");
        python.exists().then(|| python.into_os_string())
    };
    let python = std::env::var_os("FECUND_PYTHON").or_else(cached).unwrap_or_else(|| "python3".into());
    let output = Command::new(&python).args(["-c", "import torch, safetensors"]).output();
    let shown = python.to_string_lossy().into_owned();
    let output =
        output.map_err(|error| format!("{shown}: {error}; `tools/export-env` makes a Python with torch"))?;
    if output.status.success() {
        return Ok(python);
    }
    let reason = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("failed").to_string();
    Err(format!("{shown}: {reason}; `tools/export-env` makes a Python with torch"))
}

fn run(python: &OsString, arguments: &[&std::ffi::OsStr]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    Command::new(python).args(arguments).current_dir(root).output().unwrap()
}

/// Every value of every gene of every block, some combinations, then sampled and mutated genomes.
fn networks() -> BTreeMap<String, Genome> {
    let mut networks = BTreeMap::new();
    for &block in blocks::ALL {
        for (number, mixer) in settings(block).into_iter().enumerate() {
            networks.insert(
                format!("{}-{}-{number}", block.place(), block.name()),
                alone(block.place(), mixer, number),
            );
        }
    }
    for (name, sharing) in RECURSIVE {
        for (number, pattern) in ["cycle", "middle-cycle"].into_iter().enumerate() {
            networks.insert(format!("{name}-{pattern}"), recursive(pattern, sharing, number));
        }
    }
    for (number, (name, sharing)) in RECURSIVE.into_iter().enumerate() {
        networks.insert(format!("{name}-grid"), recursive_grid(sharing, number));
        networks.insert(format!("{name}-u-shape"), in_a_u(recursive("cycle", sharing, number % 2)));
        networks.insert(format!("{name}-u-shape-grid"), in_a_u(recursive_grid(sharing, number)));
    }
    let space = SequenceSpace::default();
    for seed in 0..SAMPLED {
        let mut rng = Rng::named(seed, "export", 0);
        let mut genome = space.sample(&mut rng);
        for _ in 0..seed % 10 {
            genome = space.mutate(&genome, &mut rng);
        }
        networks.insert(format!("sampled-{seed:02}"), genome);
    }
    networks
}

/// What passes do beside running layers.
const RECURSIVE: [(&str, &str); 7] = [
    ("projected", r#""projection": true"#),
    ("token-choice", r#""depth": "token-choice""#),
    ("token-choice-projected", r#""depth": "token-choice", "projection": true"#),
    ("expert-choice", r#""depth": "expert-choice""#),
    ("expert-choice-projected", r#""depth": "expert-choice", "projection": true"#),
    ("converge", r#""depth": "converge", "epsilon": 0.9"#),
    ("converge-projected", r#""depth": "converge", "epsilon": 0.9, "projection": true"#),
];

/// Passes over layers that know the past, the future and neither.
fn recursive(pattern: &str, sharing: &str, number: usize) -> Genome {
    let mut genome: Genome = serde_json::from_str(&format!(
        r#"{{"width": 16, "layers": [{{"token": {{"kind": "gru"}}, "rank": 1}},
            {{"token": {{"kind": "attention", "position": "rotary"}}, "channel": {{"kind": "mlp"}}}},
            {{"token": {{"kind": "convolution"}}, "order": "bidirectional"}}, {{"channel": {{"kind": "moe"}}}}],
            "sharing": {{"pattern": "{pattern}", "passes": 3, {sharing}}}}}"#
    ))
    .unwrap();
    (genome.norm, genome.pooling) = (Norm::ALL[number], Pooling::ALL[number]);
    genome
}

/// The same over layers that know columns, snakes or neither.
fn recursive_grid(sharing: &str, number: usize) -> Genome {
    let mut genome: Genome = serde_json::from_str(&format!(
        r#"{{"width": 16, "layout": "grid", "layers": [{{"token": {{"kind": "plstm2d"}}, "rank": 1}},
            {{"token": {{"kind": "gru"}}, "order": "snake4"}}, {{"token": {{"kind": "chimera"}}, "order": "reverse"}},
            {{"token": {{"kind": "attention"}}, "channel": {{"kind": "se"}}}}],
            "sharing": {{"pattern": "cycle", "passes": 3, {sharing}}}}}"#
    ))
    .unwrap();
    (genome.pooling, genome.position) = (Pooling::ALL[number % 3], Position::ALL[number % 4]);
    genome
}

/// With layers on tokens pooled as often as can be, and less often.
fn in_a_u(genome: Genome) -> Genome {
    let placed =
        genome.layers.into_iter().enumerate().map(|(index, layer)| Layer { part: index % 3, ..layer });
    Genome { skeleton: Skeleton::UShape, layers: placed.collect(), ..genome }
}

/// The default of every gene, every other choice of one gene, and some choices of all.
fn settings(block: &dyn Block) -> Vec<Mixer> {
    let default = Mixer::of(block);
    let with = |settings| Mixer { settings, ..default.clone() };
    let mut mixers = vec![default.clone()];
    for gene in block.genes() {
        let others = gene.choices[1..].iter().cloned();
        mixers.extend(others.map(|value| with(default.settings.with(gene.name, value))));
    }
    mixers.extend((0..DRAWN).map(|number| {
        let mut rng = Rng::named(0, block.name(), number);
        let chosen = |gene: Gene| (gene.name.to_string(), rng.choose(&gene.choices).clone());
        with(Settings(block.genes().into_iter().map(chosen).collect()))
    }));
    mixers
}

/// A stack with one layer for each order, plain ones or snakes, in which this mixer stands alone; these, norms and poolings
/// take turns.
fn alone(place: Place, mixer: Mixer, number: usize) -> Genome {
    let head = Head::ALL[number / 5 % 2];
    // Products with the corners of a simplex are small: single precision bears fewer runs before them.
    let repeat = if head == Head::Simplex { 1 } else { 1 + number % 2 };
    let layer = |order| {
        let none = Mixer::identity;
        let (token, channel) =
            if place == Place::Token { (mixer.clone(), none()) } else { (none(), mixer.clone()) };
        Layer { token, order, channel, repeat, rank: number % 3, part: order as usize % 3 }
    };
    let mut genome: Genome = serde_json::from_str(r#"{"width": 16}"#).unwrap();
    genome.layout = Layout::ALL[number / 2 % 2];
    let tokens: Vec<_> = Tokenizer::all().collect();
    genome.tokens =
        if number % 4 == 3 { tokens[1 + (number / 4 + place as usize) % 6] } else { Tokenizer::Steps };
    genome.skeleton = Skeleton::ALL[number / 3 % 4];
    genome.norm = Norm::ALL[number % 2];
    genome.pooling = Pooling::ALL[number % 5];
    genome.head = head;
    genome.position = Position::ALL[number % 4];
    let (pattern, passes) = (Pattern::ALL[number % 4], 1 + number % 2);
    genome.sharing = Sharing { pattern, passes, ..Sharing::default() };
    let (plain, snakes) = Order::ALL.split_at(3);
    let orders = if (number / 3).is_multiple_of(2) { plain } else { snakes };
    genome.layers = orders.iter().copied().map(layer).collect();
    genome
}

/// Writes the folder that a caller of `export` would, and `expected.json`.
fn export(folder: &Path, genome: &Genome) {
    let network = Network::new(genome, SHAPE);
    let classes: Vec<_> = (0..SHAPE.classes).map(|i| format!("class \"{i}\" ü\n")).collect();
    let title = "<title> & \"quotes\"\u{1}";
    let scores = [("accuracy".to_string(), "0.9".to_string())];
    let facts = Facts { title, classes: &classes, scores: &scores, length: 29, command: "fecund export" };
    std::fs::create_dir(folder).unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.join(name), text).unwrap();
    write("model.py", model_py(&network, &classes));
    write("architecture.json", architecture_json(&network, &classes));
    write("architecture.svg", drawing(&network, title));
    write("README.md", readme(&network, &facts));

    let (read, _) =
        read_architecture(&std::fs::read_to_string(folder.join("architecture.json")).unwrap()).unwrap();
    assert_eq!(read.genome, *genome);
    let mut rng = Rng::named(0, "export weights", 0);
    let weights = weights(&network, &mut rng);
    let series = series(&mut rng);
    let logits = network.forward(&series, &mut supply(&weights));
    let raw = write_scaled(folder, &series, weights, &mut rng);
    write("expected.json", serde_json::json!({ "series": raw, "logits": logits }).to_string());
}

/// Name, shape and values.
type Named = (String, Vec<usize>, Vec<f64>);

fn weights(network: &Network, rng: &mut Rng) -> Vec<Named> {
    let tensors = network.tensors().into_iter();
    tensors.map(|named| (named.name, named.tensor.shape.clone(), generic(&named.tensor, rng))).collect()
}

fn series(rng: &mut Rng) -> [Matrix; 4] {
    LENGTHS.map(|length| Matrix::new(length, SHAPE.channels, uniform(rng, length * SHAPE.channels, 0.0, 1.0)))
}

/// Writes the weights with a scale of the input, and returns the series as they are before it.
fn write_scaled(folder: &Path, series: &[Matrix], weights: Vec<Named>, rng: &mut Rng) -> Vec<Vec<Vec<f64>>> {
    let (mean, scale) = (uniform(rng, SHAPE.channels, 5.0, 3.0), uniform(rng, SHAPE.channels, 2.0, 0.5));
    let raw = series.iter().map(|x| raw_steps(x, &mean, &scale)).collect();
    let ends = [("input.mean", mean), ("input.scale", scale)];
    let ends = ends.map(|(name, values)| (name.to_string(), vec![SHAPE.channels], values));
    write_weights(&folder.join("model.safetensors"), &[weights, ends.into()].concat());
    raw
}

fn generic(tensor: &Tensor, rng: &mut Rng) -> Vec<f64> {
    uniform(rng, tensor.len(), tensor.probe.0, tensor.probe.1)
}

/// Around `center` with standard deviation `spread`.
fn uniform(rng: &mut Rng, len: usize, center: f64, spread: f64) -> Vec<f64> {
    let half_width = spread * 3f64.sqrt();
    (0..len).map(|_| rng.between(center - half_width, center + half_width)).collect()
}

fn supply(weights: &[Named]) -> impl FnMut(&Group, &[Matrix]) -> Vec<Weights> {
    let values: HashMap<_, _> = weights.iter().map(|(name, _, values)| (name.as_str(), values)).collect();
    move |group, _| {
        let part = |(part, tensors): &(&'static str, Vec<Tensor>)| {
            let full = |name: &str| values[format!("{}.{part}.{name}", group.name).as_str()].clone();
            Weights(tensors.iter().map(|tensor| (tensor.name, full(tensor.name))).collect())
        };
        group.parts.iter().map(part).collect()
    }
}

/// The series as they are before the model standardizes them.
fn raw_steps(x: &Matrix, mean: &[f64], scale: &[f64]) -> Vec<Vec<f64>> {
    let raw =
        |row: &[f64]| row.iter().zip(mean).zip(scale).map(|((x, mean), scale)| x * scale + mean).collect();
    (0..x.rows).map(|row| raw(x.row(row))).collect()
}

fn write_weights(path: &Path, weights: &[(String, Vec<usize>, Vec<f64>)]) {
    let bytes = |values: &[f64]| -> Vec<u8> { values.iter().flat_map(|x| x.to_le_bytes()).collect() };
    let bytes: Vec<_> = weights.iter().map(|(.., values)| bytes(values)).collect();
    let views = weights
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| (name, TensorView::new(Dtype::F64, shape.clone(), bytes).unwrap()));
    safetensors::serialize_to_file(views, None, path).unwrap();
}
