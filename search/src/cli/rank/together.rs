//! What columns tell together, counted from rows that are kept in memory.

use std::collections::BTreeSet;

use rayon::prelude::*;
use tasks::rank::{Contingency, NO_CLASS, Null, Relevance, Sample, relevance, totals};
use tasks::table::Chunk;

use super::pass::Counted;
use super::ranking::Ranking;
use super::reading;
use crate::cli::args::RankArgs;
use crate::cli::failure::Failure;

/// A sample of the columns of a ranking, in its order, and what chance shows on it.
pub struct Together {
    pub sample: Sample,
    null: Null,
}

/// Tables that are held at once.
const BATCH: usize = 64;

impl Together {
    /// Reads every k-th row of the table once more.
    pub fn read(ranking: &Ranking, counted: &mut Counted, args: &RankArgs) -> Result<Self, Failure> {
        let mut table = reading::open(&args.data, &args.reading)?;
        let survey = &mut counted.survey;
        let stride = (ranking.source.rows + survey.unlabeled).div_ceil(Sample::ROWS).max(1);
        let mut sample = Sample::new(ranking.features.len(), survey.classes.len());
        let places: Vec<(usize, usize)> =
            ranking.features.iter().map(|feature| survey.place(feature.place)).collect();
        let bins = usize::from(args.bins);
        let features = ranking.features.iter().zip(&places);
        let lows: Vec<_> =
            features.map(|(feature, (_, at))| survey.columns[*at].1.lows(feature.view, bins)).collect();
        let missing = table.missing().to_vec();
        let mut chunk = Chunk::default();
        let mut number = 0;
        while table.read(&mut chunk)? {
            let classes = survey.classes_of(&chunk, &table)?;
            for (row, class) in classes.into_iter().enumerate() {
                let class = if number % stride == 0 { class } else { NO_CLASS };
                number += 1;
                sample.push(class, |column| {
                    let (place, at) = places[column];
                    survey.columns[at].1.key(lows[column].as_deref(), chunk.cell(row, place), &missing)
                });
            }
        }
        let null = Null::new(&sample.class_counts());
        Ok(Self { sample, null })
    }

    /// What each set of columns tells.
    pub fn about(&mut self, sets: &[Vec<usize>]) -> Vec<Relevance> {
        sets.chunks(BATCH).flat_map(|sets| self.about_some(sets)).collect()
    }

    fn about_some(&mut self, sets: &[Vec<usize>]) -> Vec<Relevance> {
        let sample = &self.sample;
        let tables: Vec<_> = sets.par_iter().map(|set| sample.table(set)).collect();
        self.prepare(&tables);
        let null = &self.null;
        tables.par_iter().map(|table| relevance(table, null)).collect()
    }

    fn prepare(&mut self, tables: &[impl Contingency + Sync]) {
        let counts: BTreeSet<u64> = tables.iter().flat_map(totals).collect();
        let null = &self.null;
        let fresh: Vec<u64> = counts.into_iter().filter(|count| !null.is_known(*count)).collect();
        let moments: Vec<_> = fresh.into_par_iter().map(|count| (count, null.compute(count))).collect();
        moments.into_iter().for_each(|(count, moments)| self.null.insert(count, moments));
    }
}

/// Information above chance.
pub fn excess(relevance: &Relevance) -> f64 {
    relevance.information - relevance.expected
}
