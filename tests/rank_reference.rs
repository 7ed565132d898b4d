//! Statistics against the programs that they are named after. The expected numbers lie in `data/outrank_reference`:
//! written by OutRank 0.97.5, and by scikit-learn 1.7.2 (`mutual_info_score(column, label)` and
//! `adjusted_mutual_info_score(column, label)` on the cells as texts).

use std::path::{Path, PathBuf};

use tasks::rank::{Null, OutRank, Pairs, Parts, Sample, Survey, Target, relevance, three_mr, totals};
use tasks::table::{Chunk, Kind, ReadOptions, Table};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/outrank_reference").join(name)
}

/// Every cell is a text.
fn table() -> Table {
    let types = [("*".to_string(), Kind::Categorical)].into();
    Table::open(&data("data.csv.gz"), None, &ReadOptions { types, missing: vec![], ..ReadOptions::default() })
        .unwrap()
}

/// Column by column, the expected number in this field.
fn expected(field: &str) -> Vec<(String, f64)> {
    let mut reader = csv::Reader::from_path(data("scores.csv")).unwrap();
    let at = reader.headers().unwrap().iter().position(|name| name == field).unwrap();
    let row = |row: Result<csv::StringRecord, _>| {
        let row = row.unwrap();
        (row[0].to_string(), row[at].parse().unwrap())
    };
    reader.records().map(row).collect()
}

#[test]
fn outrank_is_equal_to_outrank() {
    let mut table = table();
    let names = table.names.clone();
    let mut scores = OutRank::new(names.len(), names.len() - 1, Vec::new(), 0);
    let mut chunk = Chunk::default();
    while table.read(&mut chunk).unwrap() {
        scores.absorb(&chunk);
    }
    let found = scores.finish();
    for (name, score) in expected("outrank") {
        let place = names.iter().position(|other| *other == name).unwrap();
        assert!((found[place] - score).abs() < 1e-5, "{name}: {} is not {score}", found[place]);
    }
}

#[test]
fn mi_and_ami_are_equal_to_those_of_scikit_learn() {
    let mut table = table();
    let at = table.column("label").unwrap();
    let mut survey = Survey::new(&table, Target::names(), at, &[], 1 << 30);
    let mut chunk = Chunk::default();
    while table.read(&mut chunk).unwrap() {
        survey.classify(&chunk, &table).unwrap();
        survey.absorb(&chunk);
    }
    let mut null = Null::new(&survey.classes);
    let (mi, ami) = (expected("mi"), expected("ami"));
    for (((place, column), (name, mi)), (_, ami)) in survey.columns.iter().zip(mi).zip(ami) {
        assert_eq!(table.names[*place], name);
        let views = column.views(32);
        let [(_, rows)] = views.as_slice() else { panic!("{name}: one view of texts") };
        null.prepare(totals(rows).into_iter().filter(|total| *total > 0));
        let found = relevance(rows, &null);
        assert!((found.information - mi).abs() < 1e-9, "{name}: {} is not {mi}", found.information);
        assert!((found.adjusted - ami).abs() < 1e-9, "{name}: {} is not {ami}", found.adjusted);
    }
}

/// Everything in memory, every cell a text.
fn sample() -> (Vec<String>, Sample) {
    let mut table = table();
    let at = table.column("label").unwrap();
    let mut survey = Survey::new(&table, Target::names(), at, &[], 1 << 30);
    let mut sample = Sample::new(at, 2);
    let mut chunk = Chunk::default();
    while table.read(&mut chunk).unwrap() {
        survey.classify(&chunk, &table).unwrap();
        let Parts { columns, classes, missing } = survey.parts();
        for (row, class) in classes.iter().enumerate() {
            sample.push(*class, |column| columns[column].1.key(None, chunk.cell(row, column), missing));
        }
    }
    (table.names[..at].to_vec(), sample)
}

#[test]
fn the_3mr_order_is_that_of_outrank() {
    let (names, sample) = sample();
    let columns = names.len();
    let mut null = Null::new(&sample.class_counts());
    let mut about = |set: &[usize]| {
        let table = sample.table(set);
        null.prepare(totals(&table));
        relevance(&table, &null).information
    };
    let relevance: Vec<f64> = (0..columns).map(|f| about(&[f])).collect();
    let own: Vec<f64> = (0..columns).map(|f| sample.entropy(&[f])).collect();
    let redundancy = Pairs::of(columns, |a, b| own[a] + own[b] - sample.entropy(&[a, b]));
    let relation = Pairs::of(columns, |a, b| if a == b { 0.0 } else { about(&[a, b]) });
    let mut expected = expected("3mr");
    expected.sort_by(|a, b| a.1.total_cmp(&b.1));
    let found: Vec<&str> =
        three_mr(&relevance, &redundancy, &relation).iter().map(|at| names[*at].as_str()).collect();
    let expected: Vec<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    // Both tell all about the label, so which comes first is left to chance.
    assert_eq!(found[2..], expected[2..]);
    assert_eq!((found[0], found[1]), ("noise_rowid", "anti_label"));
    assert_eq!((expected[0], expected[1]), ("anti_label", "noise_rowid"));
}
