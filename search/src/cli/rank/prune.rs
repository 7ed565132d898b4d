//! Which columns a search keeps: those that the training rows show to be no noise.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tasks::Sequences;
use tasks::rank::{Survey, Target};
use tasks::tabular::{Frame, OF_A_CHANNEL};

use super::keep;
use super::pass::{self, Counted, TARGET_BINS};
use super::ranking::{Feature, Ranking, Scoring};
use crate::cli::args::{Keep, TaskName};
use crate::cli::failure::Failure;

/// Most that counts may take together, in bytes.
const MEMORY: u64 = 1 << 30;

/// A column that is not read, and the reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropped {
    pub column: String,
    pub why: String,
}

/// Ranks the columns of a frame on these of its rows, as `fecund rank --keep auto` does, and says of each, in the order of
/// the table, whether it is kept or why not. `target` is the name of the target, `path` where the table is from.
pub fn judge(
    frame: &Frame,
    rows: &[usize],
    target: &str,
    path: &Path,
) -> Result<Vec<(String, Option<String>)>, Failure> {
    let stream = || frame.stream(rows, target, path);
    let (mut table, at) = (stream(), frame.columns.len());
    let (task, classes) = match frame.target.classes() {
        [] => (TaskName::Regression, Target::bins(&mut stream(), at, TARGET_BINS)?),
        _ => (TaskName::Classification, Target::names()),
    };
    let mut survey = Survey::new(&table, classes, at, &[], MEMORY);
    pass::absorb(&mut table, &mut survey, None)?;
    pass::check(&table, &survey, task)?;
    let counted = Counted { table, survey, task, outrank: None };
    let mut ranking = Ranking::of(&counted, Scoring::default());
    keep::choose(&mut ranking, Keep::Auto);
    let mut judged: Vec<(usize, String, Option<String>)> = ranking
        .features
        .iter()
        .map(|feature| (feature.place, feature.name.clone(), (!feature.keep).then(|| why(feature, &ranking))))
        .collect();
    judged.sort_by_key(|(place, ..)| *place);
    Ok(judged.into_iter().map(|(_, name, why)| (name, why)).collect())
}

/// The same of the channels of series: one is kept if anything that is told of it in a few numbers is; see
/// [`Frame::of_channels`].
pub fn judge_channels(
    data: &Sequences,
    cases: &[usize],
    path: &Path,
) -> Result<Vec<Option<String>>, Failure> {
    let judged = judge(&Frame::of_channels(data), cases, "class", path)?;
    let of_channel = |told: &[(String, Option<String>)]| {
        let reasons: Option<Vec<&String>> = told.iter().map(|(_, why)| why.as_ref()).collect();
        let others = "nor do deviation, least, largest value or slope tell more than noise";
        reasons.map(|reasons| format!("mean: {}; {others}", reasons[0]))
    };
    Ok(judged.chunks(OF_A_CHANNEL).map(of_channel).collect())
}

/// Why a column is not kept.
fn why(feature: &Feature, ranking: &Ranking) -> String {
    let Feature { score, relevance, q, .. } = feature;
    if feature.cardinality <= 1.0 && feature.coverage == 1.0 {
        return "always the same".into();
    }
    let (noise, best_z) = (ranking.noise.scores.len(), ranking.noise.best_z);
    let figures = format!("ami {score:.4}, z {:.1}, q {q:.2}", relevance.z);
    if relevance.z <= best_z {
        return format!("{figures}: one of {noise} columns of noise has z {best_z:.1}");
    }
    if *score <= ranking.noise.best {
        return format!("{figures}: one of {noise} columns of noise has ami {:.4}", ranking.noise.best);
    }
    format!("{figures}: too many columns look like this by chance")
}
