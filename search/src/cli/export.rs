//! `fecund export`: a trial in a folder of its own; of a sequence model, one that PyTorch can use.

use std::fs;
use std::path::{Path, PathBuf};

use evaluator::sequence::{Kept, Part, SequenceTask, Steps};
use evaluator::tabular::TableTask;
use serde_json::{Value, json};
use spaces::Space;
use spaces::mlp::{Network, export as perceptrons};
use spaces::sequence::export::{self as written, Facts};
use tasks::Verdict;
use tasks::table::Table;
use tasks::tabular::{Code, Encoder, Frame, LARGEST};

use super::args::ExportArgs;
use super::domain::{Candidate, Domain};
use super::domains::{MlpDomain, SequenceDomain};
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

/// Writes a trained model as PyTorch code, weights, genome and drawing; of several tasks each in a folder of its own.
pub fn model(judge: &Judge<SequenceDomain>, args: &ExportArgs) -> Outcome {
    let (model, task) = (judge.model(args.which)?, &judge.folder.settings.task);
    if model.form != task.space()?.canonicalize(&model.trial.candidate) {
        say!(
            "fecund: trial {} was answered by an equal function; its trained form is exported",
            model.trial.number
        );
    }
    let task = &task.training;
    let scores = scores(&model, task);
    let title = format!("Trial {} of {}", model.trial.number, judge.folder.path.display());
    let command = format!("{}\n{}", judge.folder.settings.command, command_line());
    let parts = task.parts();
    let files = |part: &Part| {
        let network = part.network(&model.form);
        let title = format!("{title} {}", part.name);
        let (classes, length) = (part.classes.as_slice(), part.longest);
        let facts = Facts { title: title.trim_end(), classes, scores: &scores, length, command: &command };
        [
            ("architecture.json", written::architecture_json(&network, classes)),
            ("model.py", written::model_py(&network, classes)),
            ("architecture.svg", written::drawing(&network, facts.title)),
            ("README.md", written::readme(&network, &facts)),
        ]
        .map(|(name, text)| (Path::new(&part.name).join(name), text))
    };
    let files: Vec<_> = parts.iter().flat_map(files).collect();
    publish(&args.to, &files, |draft| {
        parts.iter().enumerate().try_for_each(|(number, part)| {
            let weights = draft.join(&part.name).join("model.safetensors");
            fs::copy(model.weights_of(number), &weights)
                .map(drop)
                .map_err(|error| Failure::file("write", &weights, &error))
        })
    })
}

/// Writes a trained perceptron as PyTorch code, with its preprocessing, weights and genome.
pub fn perceptron(judge: &Judge<MlpDomain>, args: &ExportArgs) -> Outcome {
    let (model, domain) = (judge.model(args.which)?, &judge.folder.settings.task);
    let task = &domain.training;
    let frame = task.frame().map_err(Failure::failed)?;
    let dropped: Vec<String> = domain.dropped.iter().map(|dropped| dropped.column.clone()).collect();
    let rows = if model.refit { task.parts(&frame)? } else { task.splits(&frame)?.swap_remove(0) };
    let encoder = Encoder::fit(&frame, &rows.train);
    let network = Network::new(&model.form, &task.shape_of(&encoder));
    let title = format!("Trial {} of {}", model.trial.number, judge.folder.path.display());
    let command = format!("{}\n{}", judge.folder.settings.command, command_line());
    let weights =
        if model.refit { "trained on the whole training part, not scored" } else { "of the first split" };
    let mut scores =
        vec![("weights".into(), weights.into()), ("validation".into(), task.validation.to_string())];
    scores.extend(validated(&model.trial.verdict));
    let files = [
        ("model.py", perceptrons::model_py(&network)),
        ("preprocessing.json", format!("{:#}\n", preprocessing(task, &frame, &encoder)?)),
        ("genome.json", format!("{:#}\n", json!(model.form))),
        ("README.md", perceptrons::readme(&network, &title, &scores, &dropped, &command)),
    ]
    .map(|(name, text)| (name.into(), text));
    publish(&args.to, &files, |draft| {
        let weights = draft.join("model.safetensors");
        fs::copy(&model.weights, &weights).map(drop).map_err(|error| Failure::file("write", &weights, &error))
    })
}

/// Everything that `model.py` needs to read rows as the network was trained to.
fn preprocessing(task: &TableTask, frame: &Frame, encoder: &Encoder) -> Result<Value, Failure> {
    let kinds = frame.columns.iter().map(|column| column.kind.name());
    let columns = encoder.columns.iter().zip(kinds).map(|((name, code), kind)| match code {
        Code::Number { mean, scale, flag } => {
            json!({"name": name, "type": kind, "mean": mean, "scale": scale, "flag": flag})
        }
        Code::Category { words } => json!({"name": name, "type": kind, "words": words}),
    });
    let options = task.reading.options();
    let table = Table::open(&task.train, task.reading.format, &options)?;
    let delimiter = table.dialect.map_or(',', |dialect| char::from(dialect.delimiter));
    let mut found = json!({"target": task.target, "classes": task.classes, "columns": columns.collect::<Vec<_>>(),
        "missing": options.missing, "delimiter": delimiter, "largest": LARGEST});
    if let Some((mean, scale)) = encoder.target {
        (found["mean"], found["scale"]) = (mean.into(), scale.into());
    }
    Ok(found)
}

/// Writes a candidate with its scores, where there is no model; `judge` names what they are from, and `untrained` says
/// why none can be trained.
pub fn genome<D: Domain>(
    folder: &RunFolder<D>,
    args: &ExportArgs,
    untrained: &str,
    judge: (&str, Value),
) -> Outcome {
    let settings = &folder.settings;
    if args.which.refit {
        let space = &settings.space;
        return Err(Failure::usage(format!("--refit does not apply to a run over {space}: {untrained}")));
    }
    let trial = folder.choose(args.which.trial)?;
    let canonical: Candidate<D> = settings.task.space()?.canonicalize(&trial.candidate);
    let mut genome = json!({"space": settings.space, "run": folder.path, "trial": trial.number,
        "candidate": trial.candidate, "canonical": canonical, "fingerprint": trial.identity.fingerprint,
        "key": trial.key, "verdict": trial.verdict, "command": settings.command});
    genome[judge.0] = judge.1;
    publish(&args.to, &[("genome.json".into(), format!("{genome:#}\n"))], |_| Ok(()))
}

/// Writes these files, and what `more` adds, into a new folder beside `to` and renames it, so that no half an export
/// is ever seen. A folder that could not be finished is removed, and no other.
pub fn publish(to: &Path, files: &[(PathBuf, String)], more: impl FnOnce(&Path) -> Outcome) -> Outcome {
    let draft = draft_of(to)?;
    let file_error = |path: &Path, error| Failure::file("write", path, &error);
    if let Some(above) = draft.parent() {
        fs::create_dir_all(above).map_err(|error| file_error(above, error))?;
    }
    fs::create_dir(&draft).map_err(|error| file_error(&draft, error))?;
    let write = |(name, text): &(PathBuf, String)| {
        let file = draft.join(name);
        let made = file.parent().map_or(Ok(()), fs::create_dir_all);
        made.and_then(|()| fs::write(&file, text)).map_err(|error| file_error(&file, error))
    };
    let written = files.iter().try_for_each(write).and_then(|()| more(&draft));
    let done = written.and_then(|()| fs::rename(&draft, to).map_err(|error| file_error(to, error)));
    if done.is_err() {
        let _ = fs::remove_dir_all(&draft);
    }
    done
}

/// `to` with an ending that no other process gives it.
fn draft_of(to: &Path) -> Result<PathBuf, Failure> {
    let Some(name) = to.file_name() else {
        return Err(Failure::usage(format!("{} names no folder; name a new one with --to", to.display())));
    };
    let mut name = name.to_os_string();
    name.push(format!(".making-{}", std::process::id()));
    Ok(to.with_file_name(name))
}

/// What is known of the function by validation, and which training these weights are from.
fn scores(model: &Model<SequenceDomain>, task: &SequenceTask) -> Vec<(String, String)> {
    let (weights, validation) = match (&task.steps, model.refit) {
        (None, true) => ("trained on the whole training part, not scored", task.validation.to_string()),
        (None, false) => ("of the first split", task.validation.to_string()),
        (Some(Steps::Mad(_) | Steps::Pointing(_)), _) => {
            ("of the search", "cases that were drawn for it".into())
        }
        (Some(Steps::Text(_)), _) => ("of the search", "the last tenth of the text".into()),
    };
    let mut rows = vec![("weights".to_string(), weights.to_string()), ("validation".to_string(), validation)];
    if let Some(Kept { channels, of }) = &task.kept {
        let channels = channels.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        rows.push(("channels that it takes".into(), format!("{channels}, of {of} in the training file")));
    }
    rows.extend(validated(&model.trial.verdict));
    rows
}

/// Means over the splits.
fn validated(verdict: &Verdict) -> Vec<(String, String)> {
    let Verdict::Scored(scores) = verdict else { return Vec::new() };
    let shown =
        |(name, score): (&String, &f64)| (format!("mean {}", name.replace('_', " ")), format!("{score:.4}"));
    scores.0.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_touches_no_folder_but_its_own() {
        let place = tempfile::tempdir().unwrap();
        let (to, neighbor) = (place.path().join("v1.2"), place.path().join("v1.new"));
        fs::create_dir(&neighbor).unwrap();
        fs::write(neighbor.join("mine"), "").unwrap();
        let files = [("a".into(), "text".to_string())];
        assert!(publish(&to, &files, |_| Err(Failure::failed("no weights"))).is_err());
        assert_eq!(place.path().read_dir().unwrap().count(), 1);
        publish(&to, &files, |_| Ok(())).unwrap();
        assert_eq!(fs::read_to_string(to.join("a")).unwrap(), "text");
        assert!(neighbor.join("mine").is_file());
        assert_eq!(place.path().read_dir().unwrap().count(), 2);
    }
}
