//! `fecund export`: a trial in a folder of its own; of a sequence model, one that PyTorch can use.

use std::fs;
use std::path::Path;

use spaces::Space;
use spaces::sequence::Network;
use spaces::sequence::export::{self as written, Facts};
use tasks::{Validation, Verdict};

use super::args::ExportArgs;
use super::domain::Domain;
use super::failure::{Failure, Outcome};
use super::judge::{Judge, Model};
use super::run_folder::RunFolder;
use super::settings::command_line;
use super::table::print;

pub fn export<D: Domain>(args: &ExportArgs) -> Outcome {
    if args.to.exists() {
        return Err(Failure::usage(format!(
            "{} is there already; name another folder with --to",
            args.to.display()
        )));
    }
    D::export(RunFolder::open(&args.run)?, args)?;
    print(&format!("{}\n", args.to.display()))
}

/// Writes a trained model as PyTorch code, weights, genome and drawing.
pub fn model(judge: &Judge, args: &ExportArgs) -> Outcome {
    let (model, task) = (judge.model(args.which)?, &judge.folder.settings.task);
    if model.form != task.space()?.canonicalize(&model.trial.candidate) {
        say!(
            "fecund: trial {} was answered by an equal function; its trained form is exported",
            model.trial.number
        );
    }
    let task = &task.training;
    let network = Network::new(&model.form, task.shape());
    let scores = scores(&model, &task.validation);
    let title = format!("Trial {} of {}", model.trial.number, judge.folder.path.display());
    let command = format!("{}\n{}", judge.folder.settings.command, command_line());
    let facts = Facts {
        title: &title,
        classes: &task.classes,
        scores: &scores,
        length: task.longest,
        command: &command,
    };
    let files = [
        ("architecture.json", written::architecture_json(&network, &task.classes)),
        ("model.py", written::model_py(&network, &task.classes)),
        ("architecture.svg", written::drawing(&network, &title)),
        ("README.md", written::readme(&network, &facts)),
    ];
    publish(&args.to, &files, |draft| {
        let weights = draft.join("model.safetensors");
        fs::copy(&model.weights, &weights).map(drop).map_err(|error| Failure::file("write", &weights, &error))
    })
}

/// Writes these files, and what `more` adds, into a folder beside `to` and renames it, so that no half an export is
/// ever seen.
pub fn publish(to: &Path, files: &[(&str, String)], more: impl FnOnce(&Path) -> Outcome) -> Outcome {
    let draft = to.with_extension("new");
    let _ = fs::remove_dir_all(&draft);
    let file_error = |path: &Path, error| Failure::file("write", path, &error);
    fs::create_dir_all(&draft).map_err(|error| file_error(&draft, error))?;
    for (name, text) in files {
        fs::write(draft.join(name), text).map_err(|error| file_error(&draft.join(name), error))?;
    }
    more(&draft)?;
    fs::rename(&draft, to).map_err(|error| file_error(to, error))
}

/// What is known of the function by validation, and which training these weights are from.
fn scores(model: &Model, validation: &Validation) -> Vec<(String, String)> {
    let weights =
        if model.refit { "trained on the whole training part, not scored" } else { "of the first split" };
    let mut rows = vec![
        ("weights".to_string(), weights.to_string()),
        ("validation".to_string(), validation.to_string()),
    ];
    if let Verdict::Scored(scores) = &model.trial.verdict {
        rows.extend(
            scores
                .0
                .iter()
                .map(|(name, score)| (format!("mean {}", name.replace('_', " ")), format!("{score:.4}"))),
        );
    }
    rows
}
