//! A data file, plain or gzipped, and what is made of it before anything is trained.

use std::fs;

use tasks::{Scaler, Sequences, Validation};

use super::scratch;

pub fn run(bytes: &[u8]) -> bool {
    let folder = scratch::folder();
    let name = if scratch::is_gzip(bytes) { "x.ts.gz" } else { "x.ts" };
    let path = folder.path().join(name);
    fs::write(&path, bytes).expect("a temporary file can be written");
    let Ok(data) = Sequences::read(&path) else { return false };
    check(&data);
    let again = Sequences::read_like(&path, &data).expect("data are like themselves");
    assert_eq!(again.fingerprint(), data.fingerprint());
    let all: Vec<usize> = (0..data.cases.len()).collect();
    Scaler::fit(&data, &all);
    if let Ok(splits) = Validation::default_for(data.cases.len()).splits(&data.labels(), &data.classes, 0) {
        assert!(splits.iter().all(|split| split.train.len() + split.validation.len() == data.cases.len()));
    }
    true
}

fn check(data: &Sequences) {
    assert!(data.channels > 0 && !data.classes.is_empty() && !data.cases.is_empty());
    for case in &data.cases {
        assert!(case.length > 0 && case.label < data.classes.len());
        assert_eq!(case.values.len(), case.length * data.channels);
        assert!(case.values.iter().all(|value| value.is_finite()));
    }
}
