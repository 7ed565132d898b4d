//! Columns whose values differ between the rows to rank by and other rows: a model may not carry over.

use std::path::Path;

use tasks::rank::{Null, Survey, Target, q_values, relevance, totals};

use super::ranking::Ranking;
use super::{pass, quality, reading};
use crate::cli::args::RankArgs;
use crate::cli::failure::Failure;

/// Share of false alarms among the columns that are said to drift.
const RATE: f64 = 0.01;

/// Both files are counted once more, with the file as the target.
pub fn note(ranking: &mut Ranking, args: &RankArgs, validation: &Path) -> Result<(), Failure> {
    let mut training = reading::open(&args.data, &args.reading)?;
    let mut other = reading::open(validation, &args.reading)?;
    if other.names != training.names {
        let what = format!(
            "{} and {} do not have the same columns in the same order",
            validation.display(),
            args.data.display()
        );
        return Err(Failure::failed(what));
    }
    // The target is counted like every other column.
    let nowhere = training.names.len();
    let of_file = |class| Target::Same { class, classes: 2 };
    let mut survey = Survey::new(&training, of_file(0), nowhere, &[], args.memory << 20);
    pass::absorb(&mut training, &mut survey, None)?;
    survey.target = of_file(1);
    pass::absorb(&mut other, &mut survey, None)?;
    describe(ranking, &survey, usize::from(args.bins));
    Ok(())
}

fn describe(ranking: &mut Ranking, survey: &Survey, bins: usize) {
    let mut null = Null::new(&survey.classes);
    let mut found = Vec::new();
    for feature in &mut ranking.features {
        let (_, column) = &survey.columns[feature.place];
        let views = column.views(bins);
        // Of amounts the bins tell more, and codes have no other view.
        let (_, rows) = views.last().expect("every column has a view");
        null.prepare(totals(rows).into_iter().filter(|total| *total > 0));
        let drift = relevance(rows, &null);
        feature.drift = Some(drift);
        found.push(drift.p);
    }
    for (feature, q) in ranking.features.iter_mut().zip(q_values(&found)) {
        let drift = feature.drift.expect("set just now");
        if q < RATE && drift.adjusted > quality::WORTH {
            let note = format!("differs between the two files (AMI {:.3}, q {q:.1e})", drift.adjusted);
            feature.notes.push(note);
        }
    }
}
