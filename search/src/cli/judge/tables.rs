//! Models of tables: tested and asked.

use std::path::Path;

use evaluator::sequence::Fit;
use evaluator::tabular::{Predictions, TableEvaluator};
use evaluator::{Control, EvalError};
use spaces::mlp::Genome;

use super::sequences::likeliest;
use super::{Judge, Model, Tested, Trained};
use crate::cli::domains::MlpDomain;
use crate::cli::failure::Failure;
use crate::cli::table::Table;

impl Trained for MlpDomain {
    fn fit(
        evaluator: &TableEvaluator,
        form: &Genome,
        fit: &Fit,
        control: &Control,
    ) -> Result<evaluator::Outcome, EvalError> {
        evaluator.fit(form, fit, control)
    }

    /// On the file of the test part, or on the rows that were held back.
    fn test(judge: &Judge<Self>, model: &Model<Self>) -> Result<(Tested, Option<usize>), Failure> {
        let task = &judge.folder.settings.task;
        if task.test.is_none() && task.training.test_rows == 0 {
            return Err(Failure::usage("this run has no test part; give one with `fecund predict RUN FILE`"));
        }
        let metrics = task.training.metrics();
        let (scores, rows) = predictions(judge, model, task.test.as_deref())?.scores(&metrics);
        if rows == 0 {
            return Err(Failure::failed("no row of the test part tells what is right for it"));
        }
        let shown = metrics
            .iter()
            .filter_map(|metric| Some((metric.name().to_string(), *scores.0.get(metric.name())?)));
        Ok((shown.collect(), Some(rows)))
    }

    fn predict(judge: &Judge<Self>, model: &Model<Self>, data: &Path) -> Result<Table, Failure> {
        let classes = &judge.folder.settings.task.training.classes;
        let Predictions { outputs, said, truths } = predictions(judge, model, Some(data))?;
        let rows = said.chunks_exact(outputs).zip(truths).enumerate();
        if classes.is_empty() {
            let mut table = Table::new(&["row", "predicted", "true"]);
            rows.for_each(|(row, (said, truth))| table.row(vec![row.into(), said[0].into(), truth.into()]));
            return Ok(table);
        }
        let names: Vec<String> = classes.iter().map(|class| format!("p({class})")).collect();
        let columns =
            ["row", "class"].into_iter().chain(names.iter().map(String::as_str)).chain(["true_class"]);
        let mut table = Table::new(&columns.collect::<Vec<_>>());
        for (row, (said, truth)) in rows {
            let truth = truth.and_then(|label| classes.get(label as usize));
            let mut cells = vec![row.into(), classes[likeliest(said)].clone().into()];
            cells.extend(said.iter().map(|probability| (*probability).into()));
            cells.push(truth.cloned().into());
            table.row(cells);
        }
        Ok(table)
    }
}

fn predictions(
    judge: &Judge<MlpDomain>,
    model: &Model<MlpDomain>,
    data: Option<&Path>,
) -> Result<Predictions, Failure> {
    let split = (!model.refit).then_some(0);
    Ok(judge.evaluator.predict(&model.form, &model.weights, split, data, &judge.control)?)
}

pub fn is_export(folder: &Path) -> bool {
    folder.join("preprocessing.json").is_file()
}

pub fn answers_by_itself(folder: &Path, data: &Path) -> Failure {
    let (folder, data) = (folder.display(), data.display());
    Failure::usage(format!(
        "an exported model of a table answers by itself: `python {folder}/model.py {data}`"
    ))
}
