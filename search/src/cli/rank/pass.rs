//! The pass over a table: the next rows are read while every column counts the last ones.

use rayon::prelude::*;
use tasks::rank::{Control, OutRank, Parts, Survey, Target, is_of_numbers};
use tasks::table::{Chunk, Table};

use super::progress::Reading;
use super::reading;
use crate::cli::args::{RankArgs, StatisticName, TaskName};
use crate::cli::failure::{Failure, Outcome};

/// Classes that a target of numbers is cut into, of about equally many rows.
pub const TARGET_BINS: usize = 10;
/// OutRank's columns of noise are written out row by row, so they are fewer.
pub const OUTRANK_NOISE: u64 = 20;
/// Columns that a thread takes at once.
const COLUMNS: usize = 8;

/// A table that was read, and what was counted.
pub struct Counted {
    pub table: Table,
    pub survey: Survey,
    pub task: TaskName,
    /// Scores of the columns of the table, by place, then of noise.
    pub outrank: Option<Vec<f64>>,
}

pub fn count(args: &RankArgs) -> Result<Counted, Failure> {
    let mut table = reading::open(&args.data, &args.reading)?;
    let at = table.column(&args.target)?;
    let ignored = args.ignore.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()?;
    let task = args.task.unwrap_or_else(|| task_of(&table, at));
    let target = if task == TaskName::Regression {
        let bins = Target::bins(&mut table, at, TARGET_BINS)?;
        table = reading::open(&args.data, &args.reading)?;
        bins
    } else {
        Target::names()
    };
    let mut survey = Survey::new(&table, target, at, &ignored, args.memory << 20);
    let mut outrank = (args.statistic == StatisticName::Outrank).then(|| {
        let controls = Control::all(OUTRANK_NOISE, u64::MAX);
        OutRank::new(table.names.len(), at, controls, args.seed)
    });
    absorb(&mut table, &mut survey, outrank.as_mut())?;
    check(&table, &survey, task)?;
    Ok(Counted { table, survey, task, outrank: outrank.map(OutRank::finish) })
}

/// Numbers with many values are a regression.
fn task_of(table: &Table, at: usize) -> TaskName {
    if is_of_numbers(table, at) { TaskName::Regression } else { TaskName::Classification }
}

/// Counts all rows that are left in the table.
pub fn absorb(table: &mut Table, survey: &mut Survey, mut outrank: Option<&mut OutRank>) -> Outcome {
    let mut progress = Reading::new(table);
    let (mut now, mut next) = (Chunk::default(), Chunk::default());
    let mut more = table.read(&mut now)?;
    while more {
        survey.classify(&now, table)?;
        if let Some(outrank) = &mut outrank {
            outrank.absorb(&now);
        }
        let Parts { columns, classes, missing } = survey.parts();
        let count = || {
            let columns = columns.par_iter_mut().with_min_len(COLUMNS);
            columns.for_each(|(place, column)| column.absorb(&now, *place, classes, missing));
        };
        let (read, ()) = rayon::join(|| table.read(&mut next), count);
        more = read?;
        std::mem::swap(&mut now, &mut next);
        progress.at(table, survey.rows());
    }
    Ok(())
}

pub fn check(table: &Table, survey: &Survey, task: TaskName) -> Outcome {
    let (file, target) = (table.path.display(), &table.names[survey.at]);
    let rows = survey.rows();
    if rows == 0 {
        let what = if task == TaskName::Regression { "a number" } else { "a value" };
        let unlabeled = survey.unlabeled;
        return Err(Failure::failed(format!(
            "{file}: no row has {what} in column `{target}` ({unlabeled} rows without); name another target"
        )));
    }
    if rows > u64::from(u32::MAX) {
        return Err(Failure::failed(format!(
            "{file}: {rows} rows are more than can be counted; take a part"
        )));
    }
    if survey.classes.iter().filter(|count| **count > 0).count() < 2 {
        return Err(Failure::failed(format!(
            "{file}: column `{target}` is the same in all {rows} rows, so nothing can tell about it; name another target"
        )));
    }
    Ok(())
}
