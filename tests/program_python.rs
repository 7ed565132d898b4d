//! Programs written as Python predict what they predict here.
//!
//! Needs a Python with NumPy (`FECUND_PYTHON` names one); skipped, with the reason, without it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use hashing::Rng;
use serde::Deserialize;
use serde_json::json;
use spaces::program::{Live, Machine, Operation, Program, ProgramSpace, python};
use spaces::{ParseError, Space};

const EXAMPLES: usize = 6;
const PROGRAMS: u64 = 300;

/// A line of `tests/export/learners.py`; a prediction that is not finite is none.
#[derive(Deserialize)]
struct Predicted {
    name: String,
    predictions: Vec<Option<f64>>,
}

#[test]
fn exported_learners_predict_what_the_program_predicts() {
    let python = match python_with_numpy() {
        Ok(python) => python,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let folder = tempfile::tempdir().unwrap();
    let examples = examples();
    let written = examples.iter().map(|(features, label)| json!({ "features": features, "label": label }));
    let written = json!(written.collect::<Vec<_>>());
    fs::write(folder.path().join("examples.json"), written.to_string()).unwrap();
    let programs: Vec<(String, Program)> = programs().collect();
    for (name, program) in &programs {
        fs::write(folder.path().join(format!("{name}.py")), self::python(program)).unwrap();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(python)
        .arg("tests/export/learners.py")
        .arg(folder.path())
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines: Vec<Predicted> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), programs.len());
    let mut compared: HashSet<Operation> = HashSet::new();
    for ((name, program), line) in programs.iter().zip(&lines) {
        assert_eq!(*name, line.name);
        if agrees(program, &examples, &line.predictions) {
            compared.extend(program.instructions().map(|(_, instruction)| instruction.operation()));
        }
    }
    let missing: Vec<_> = Operation::all().filter(|it| !it.is_random() && !compared.contains(it)).collect();
    assert!(
        missing.is_empty(),
        "{:?} were never compared",
        missing.iter().map(|it| it.name()).collect::<Vec<_>>()
    );
}

/// True if any prediction was compared: from where it is not finite or huge on, rounding decides.
fn agrees(program: &Program, examples: &[(Vec<f64>, f64)], found: &[Option<f64>]) -> bool {
    let mut machine = Machine::new(program, examples[0].0.len());
    let nothing = |_, _: &mut [f64]| panic!("nothing is random");
    machine.setup(nothing);
    for (i, ((features, label), found)) in examples.iter().zip(found).enumerate() {
        let expected = machine.predict(features, nothing);
        if !expected.is_finite() || expected.abs() > 1e6 {
            return i > 0;
        }
        let found = found.unwrap_or(f64::NAN);
        assert!(
            (found - expected).abs() <= 1e-6 * (1.0 + expected.abs()),
            "{found}, not {expected}:\n{program}"
        );
        machine.learn(*label, nothing);
    }
    true
}

fn examples() -> Vec<(Vec<f64>, f64)> {
    let mut rng = Rng::named(0, "python", 0);
    (0..EXAMPLES).map(|_| ((0..4).map(|_| rng.normal()).collect(), rng.normal())).collect()
}

/// Linear regression; every operation on its own; programs of all of them.
fn programs() -> impl Iterator<Item = (String, Program)> {
    let descent = "def setup():\n s2 = constant(0.1)\ndef predict():\n s1 = dot(v0, v1)\ndef learn():\n s3 = subtract(s0, s1)\n \
        s3 = multiply(s2, s3)\n v2 = multiply(s3, v0)\n v1 = add(v1, v2)\n no_op()";
    let descent = descent.parse();
    let single = Operation::all().filter(|it| !it.is_random() && *it != Operation::NO_OP).map(single);
    let space = ProgramSpace::wide();
    let grown = (0..PROGRAMS).map(move |n| {
        let mut rng = Rng::named(0, "python", 1 + n);
        let mut program = space.sample(&mut rng);
        (0..60).for_each(|_| space.mutate_in_place(&mut program, &mut rng));
        Ok(Live::of(&program, &space.memory).program().clone())
    });
    let is_fixed = |program: &Program| program.instructions().all(|(_, i)| !i.operation().is_random());
    let all = std::iter::once(descent).chain(single).chain(grown).map(Result::unwrap);
    all.filter(is_fixed).enumerate().map(|(n, program)| (format!("program_{n:03}"), program))
}

/// The mean of what the operation makes of the features, or of numbers made of them.
fn single(operation: Operation) -> Result<Program, ParseError> {
    let letter = |kind| ["s", "v", "m"][kind as usize];
    let operands =
        operation.operands().iter().enumerate().map(|(i, kind)| format!("{}{}", letter(*kind), 5 + i));
    let settings = ["0.3", "0.8", "0.25"].iter().take(operation.settings()).map(|text| (*text).to_string());
    let arguments: Vec<String> = operands.chain(settings).collect();
    let out = letter(operation.out());
    let call = format!("{out}9 = {}({})", operation.name(), arguments.join(", "));
    let end = if out == "s" { "s1 = add(s9, s0)" } else { &format!("s1 = mean({out}9)") };
    format!(
        "def predict():\n s8 = norm(v0)\n s5 = sin(s8)\n s6 = cos(s8)\n v5 = multiply(s5, v0)\n v6 = maximum(v0, v5)\n \
         m5 = outer(v5, v6)\n m6 = columns(v0)\n {call}\n {end}"
    )
    .parse()
}

fn python_with_numpy() -> Result<String, String> {
    let python = std::env::var("FECUND_PYTHON").unwrap_or_else(|_| "python3".into());
    let output = Command::new(&python).args(["-c", "import numpy"]).output();
    let output =
        output.map_err(|error| format!("{python}: {error}; FECUND_PYTHON names a Python with NumPy"))?;
    if output.status.success() {
        return Ok(python);
    }
    Err(format!("{python} has no NumPy; FECUND_PYTHON names one that has"))
}
