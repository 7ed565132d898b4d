//! The columns of a table by relevance, and what columns of noise reach.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde_json::{Value, json};
use tasks::rank::{Column, Control, Null, Relevance, Rows, View, q_values, relevance, totals};
use tasks::table::{Format, Kind};

use super::pass::{Counted, OUTRANK_NOISE};
use crate::cli::args::{RankArgs, StatisticName, TaskName};

/// What columns are scored by.
#[derive(Clone, Copy)]
pub struct Scoring {
    pub statistic: StatisticName,
    /// Bins of a number.
    pub bins: usize,
    /// Columns of noise, and their seed.
    pub noise: u64,
    pub seed: u64,
}

impl Scoring {
    pub fn of(args: &RankArgs) -> Self {
        let RankArgs { statistic, bins, noise, seed, .. } = *args;
        Self { statistic, bins: usize::from(bins), noise: u64::from(noise), seed }
    }
}

/// As `fecund rank` without options.
impl Default for Scoring {
    fn default() -> Self {
        Self { statistic: StatisticName::Ami, bins: 32, noise: 200, seed: 0 }
    }
}

pub struct Ranking {
    pub source: Source,
    pub target: TargetSummary,
    pub statistic: StatisticName,
    pub noise: Noise,
    /// The best first.
    pub features: Vec<Feature>,
}

/// What was read, and how it was understood.
pub struct Source {
    pub data: String,
    pub format: Format,
    /// Of a CSV file, and whether its first row was taken for names.
    pub dialect: Option<(char, bool)>,
    pub rows: u64,
    pub unlabeled: u64,
    pub skipped: u64,
    pub first_skipped: Option<String>,
}

pub struct TargetSummary {
    pub name: String,
    pub kind: Kind,
    pub task: TaskName,
    /// Names and rows of the classes, or of the bins of numbers.
    pub classes: Vec<(String, u64)>,
    pub entropy: f64,
}

/// What columns of noise score.
pub struct Noise {
    pub scores: Vec<f64>,
    pub best: f64,
    /// Values of the column that scored best.
    pub cardinality: u64,
    /// The largest z of any of them, whatever the columns are ranked by.
    pub best_z: f64,
}

pub struct Feature {
    pub name: String,
    /// In the table.
    pub place: usize,
    pub kind: Kind,
    pub view: View,
    pub score: f64,
    pub relevance: Relevance,
    pub q: f64,
    pub cardinality: f64,
    pub estimated: bool,
    /// Share of the rows in which the value is known.
    pub coverage: f64,
    /// What it tells about the target whether the value is known.
    pub presence: Relevance,
    /// Of what training and validation rows differ in.
    pub drift: Option<Relevance>,
    pub notes: Vec<String>,
    pub keep: bool,
}

impl Ranking {
    pub fn of(counted: &Counted, scoring: Scoring) -> Self {
        let Counted { table, survey, task, outrank } = counted;
        let Scoring { statistic, bins, noise: number, .. } = scoring;
        let controls = Control::all(number, survey.rows());
        let views: Vec<Views> = survey.columns.par_iter().map(|(_, column)| column.views(bins)).collect();
        let null = null(counted, &controls, &views);
        let (columns, names) = (survey.columns.par_iter().zip(&views), &table.names);
        let mut features: Vec<Feature> = columns
            .map(|((place, column), views)| {
                feature(names[*place].clone(), (*place, column), views, &null, statistic)
            })
            .collect();
        let mut noise = noise(&controls, &null, scoring);
        if let Some(outrank) = outrank {
            features.iter_mut().for_each(|feature| feature.score = outrank[feature.place]);
            let scores = outrank[table.names.len()..].to_vec();
            noise = noise_of(scores, &Control::all(OUTRANK_NOISE, u64::MAX), noise.best_z);
        }
        let p: Vec<f64> = features.iter().map(|feature| feature.relevance.p).collect();
        features.iter_mut().zip(q_values(&p)).for_each(|(feature, q)| feature.q = q);
        features.sort_by(|a, b| b.score.total_cmp(&a.score).then(b.relevance.z.total_cmp(&a.relevance.z)));
        let labels = survey.target.labels().into_iter();
        Self {
            source: source(counted),
            target: TargetSummary {
                name: table.names[survey.at].clone(),
                kind: table.kinds[survey.at],
                task: *task,
                classes: labels.zip(survey.classes.iter().copied()).collect(),
                entropy: null.entropy(),
            },
            statistic,
            noise,
            features,
        }
    }

    pub fn statistic_name(&self) -> &'static str {
        match self.statistic {
            StatisticName::Ami => "ami",
            StatisticName::Z => "z",
            StatisticName::Excess => "excess",
            StatisticName::Mi => "mi",
            StatisticName::Outrank => "outrank",
        }
    }
}

fn source(counted: &Counted) -> Source {
    let Counted { table, survey, .. } = counted;
    Source {
        data: table.path.display().to_string(),
        format: table.format,
        dialect: table.dialect.map(|dialect| (dialect.delimiter.into(), dialect.header)),
        rows: survey.rows(),
        unlabeled: survey.unlabeled,
        skipped: table.bad.skipped,
        first_skipped: table.bad.first.clone(),
    }
}

/// The ways to score a column.
type Views<'a> = Vec<(View, Rows<'a>)>;

/// Knows every count of a value that the columns and the controls hold.
fn null(counted: &Counted, controls: &[Control], views: &[Views]) -> Null {
    let survey = &counted.survey;
    let mut null = Null::new(&survey.classes);
    let of_column = |((_, column), views): (&(usize, Column), &Views)| {
        let mut counts: BTreeSet<u64> = views.iter().flat_map(|(_, rows)| totals(rows)).collect();
        counts.extend(totals(&column.presence(&survey.classes)[..]));
        counts
    };
    let of_columns = survey.columns.par_iter().zip(views).map(of_column);
    let of_controls = controls.par_iter().map(|control| control.totals(survey.rows()).into_iter().collect());
    let mut counts = of_columns.chain(of_controls).reduce(BTreeSet::new, |mut a, b| {
        a.extend(b);
        a
    });
    counts.remove(&0);
    let moments: Vec<_> = counts.into_par_iter().map(|count| (count, null.compute(count))).collect();
    moments.into_iter().for_each(|(count, moments)| null.insert(count, moments));
    null
}

fn feature(
    name: String,
    (place, column): (usize, &Column),
    views: &Views,
    null: &Null,
    statistic: StatisticName,
) -> Feature {
    let tries = views.len() as f64;
    let scored = views.iter().map(|(view, rows)| (*view, relevance(rows, null)));
    let best = scored.min_by(|(_, a), (_, b)| a.p.total_cmp(&b.p).then(b.z.total_cmp(&a.z)));
    let (view, mut relevance) = best.expect("every column has a view");
    // The better of two looks is not as surprising.
    relevance.p = (relevance.p * tries).min(1.0);
    let presence = tasks::rank::relevance(&column.presence(null.classes())[..], null);
    let missing: u64 = column.missing.iter().map(|count| u64::from(*count)).sum();
    let (cardinality, estimated) = column.cardinality();
    Feature {
        name,
        place,
        kind: column.kind,
        view,
        score: score(&relevance, statistic),
        relevance,
        q: 1.0,
        cardinality,
        estimated,
        coverage: 1.0 - missing as f64 / null.rows() as f64,
        presence,
        drift: None,
        notes: Vec::new(),
        keep: false,
    }
}

fn score(relevance: &Relevance, statistic: StatisticName) -> f64 {
    match statistic {
        StatisticName::Ami => relevance.adjusted,
        StatisticName::Z => relevance.z,
        StatisticName::Excess => relevance.information - relevance.expected,
        // OutRank's comes from elsewhere.
        StatisticName::Mi | StatisticName::Outrank => relevance.information,
    }
}

fn noise(controls: &[Control], null: &Null, Scoring { statistic, seed, .. }: Scoring) -> Noise {
    let found: Vec<Relevance> =
        controls.par_iter().map(|control| relevance(&control.table(null, seed), null)).collect();
    let best_z = found.iter().map(|found| found.z).fold(f64::MIN, f64::max);
    noise_of(found.iter().map(|found| score(found, statistic)).collect(), controls, best_z)
}

fn noise_of(scores: Vec<f64>, controls: &[Control], best_z: f64) -> Noise {
    let best = scores.iter().zip(controls).max_by(|(a, _), (b, _)| a.total_cmp(b));
    let (best, control) = best.expect("there is noise");
    Noise { best: *best, cardinality: control.cardinality, best_z, scores }
}

impl Feature {
    /// How its values were put together.
    pub fn view_name(&self) -> String {
        match self.view {
            View::Values => "values".into(),
            View::Buckets(buckets) => format!("{buckets} buckets"),
            View::Bins(bins) => format!("{bins} bins"),
        }
    }

    pub fn to_json(&self) -> Value {
        let relevance = &self.relevance;
        json!({
            "feature": self.name,
            "score": self.score,
            "z": relevance.z,
            "p": relevance.p,
            "q": self.q,
            "ami": relevance.adjusted,
            "mi": relevance.information,
            "expected_mi": relevance.expected,
            "explained": relevance.explained,
            "type": self.kind.name(),
            "counted_as": self.view_name(),
            "cardinality": self.cardinality,
            "cardinality_is_estimated": self.estimated,
            "coverage": self.coverage,
            "missing_ami": self.presence.adjusted,
            "missing_z": self.presence.z,
            "drift_ami": self.drift.map(|drift| drift.adjusted),
            "drift_p": self.drift.map(|drift| drift.p),
            "keep": self.keep,
            "notes": self.notes,
        })
    }
}
