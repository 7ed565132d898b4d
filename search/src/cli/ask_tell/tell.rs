//! `fecund tell`: what evaluations found.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use spaces::Space;
use storage::{Purpose, Store, Subject};

use super::asked::Question;
use super::session::Session;
use super::told::{Found, Told};
use crate::Finished;
use crate::cli::args::TellArgs;
use crate::cli::bounded;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::table::print_exactly;
use crate::recorder::remember;

/// Every line is told as if it were alone: it is on the disk before it is acknowledged, and what is wrong with another
/// one does not matter to it.
pub fn tell<S: Space + Default + 'static>(args: &TellArgs) -> Outcome {
    let from_input = args.file == Path::new("-");
    // Read to its end first: nobody shall wait for a lock while a trainer trains.
    let text = if from_input { bounded::read_from(io::stdin()) } else { bounded::read_text(&args.file) };
    let text = text.map_err(|error| Failure::file("read", &args.file, &error))?;
    let mut session = Session::<S>::open(&args.run, |_| {})?;
    let (mut bad, mut told) = (0, BTreeSet::new());
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match tell_one(&mut session, line) {
            Ok(acknowledged) => {
                print_exactly(&format!("{acknowledged}\n"))?;
                told.extend(
                    acknowledged["trial"].as_u64().filter(|_| acknowledged.get("asked_again").is_none()),
                );
            }
            Err(Refused::Line(why)) => {
                bad += 1;
                say!("error: {}:{}: {why}", args.file.display(), index + 1);
            }
            Err(Refused::Machine(failure)) => return Err(failure),
        }
    }
    let advanced = session.advance()?;
    advanced.report();
    for waiting in advanced.study.waiting().filter(|waiting| told.contains(&waiting.number)) {
        let number = waiting.number;
        say!(
            "warning: trial {number} is another candidate since the cache lost verdicts; what was told is kept, ask again"
        );
    }
    match bad {
        0 => Ok(()),
        1 => Err(Failure::failed("1 line was not told; the others were")),
        _ => Err(Failure::failed(format!("{bad} lines were not told; the others were"))),
    }
}

/// Why a line is not told.
enum Refused {
    Line(String),
    /// Nothing more can be told.
    Machine(Failure),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Machine(failure)
    }
}

/// What is acknowledged.
fn tell_one<S: Space + Default + 'static>(session: &mut Session<S>, line: &str) -> Result<Value, Refused> {
    let told = Told::read(line, session.folder.settings.task.told()).map_err(Refused::Line)?;
    let trial = told.trial;
    let question = session.asked.question(trial)?;
    let question = question.ok_or_else(|| Refused::Line(never_asked(session, trial)))?;
    let is_late = is_answered(session, &question)?;
    let verdict = match told.found {
        Found::Failed(_) if is_late => {
            return Err(Refused::Line(format!("trial {trial} has its verdict; a failure changes nothing")));
        }
        Found::Failed(why) => {
            session.asked.fail(trial, why)?;
            return Ok(json!({"trial": trial, "told": true, "asked_again": true}));
        }
        Found::Verdict(verdict) => verdict,
    };
    let evaluation = storage::Evaluation {
        verdict,
        purpose: if is_late { Purpose::Late } else { Purpose::Search },
        form: Some(question.form.clone()),
        seed: question.seed,
        seconds: told.seconds,
        steps: told.steps,
        study: session.folder.settings.study.clone(),
        trial,
        provenance: format!("told; {}", session.folder.settings.task.evaluator),
    };
    keep(session, &question, evaluation)?;
    if is_late {
        say!("fecund: trial {trial} had its verdict; this one is kept, marked late, and not used");
        return Ok(json!({"trial": trial, "told": true, "late": true}));
    }
    Ok(json!({"trial": trial, "told": true}))
}

fn never_asked<S: Space + Default + 'static>(session: &Session<S>, trial: u64) -> String {
    let (run, settled) = (session.folder.path.display(), session.trials.get(trial as usize));
    match settled {
        Some(trial) => format!("trial {} was never asked: {}", trial.number, trial.origin.name()),
        None => format!("no trial {trial} was asked; `fecund ask {run}` says which to evaluate"),
    }
}

/// Whether the trial has its verdict: settled, or told and waiting for its turn.
fn is_answered<S: Space + Default + 'static>(
    session: &Session<S>,
    Question { trial, key, .. }: &Question,
) -> Result<bool, Failure> {
    let study = &session.folder.settings.study;
    let record = session.store.get(key)?;
    let told = record.is_some_and(|record| record.evaluation_of(study, *trial, Purpose::Search).is_some());
    Ok(told || (*trial as usize) < session.trials.len())
}

/// On the disk, when it returns.
fn keep<S: Space + Default + 'static>(
    session: &Session<S>,
    question: &Question,
    evaluation: storage::Evaluation,
) -> Outcome {
    let settings = &session.folder.settings;
    let space = S::default().name().to_string();
    let subject = |fidelity| Subject { space: space.clone(), scheme: settings.scheme.clone(), fidelity };
    let mut finished = [Finished {
        number: question.trial,
        purpose: evaluation.purpose,
        key: question.key,
        fidelity: question.fidelity,
        measures: BTreeMap::new(),
        remade: 0,
        found: Ok(evaluation),
    }];
    match remember(&*session.store, subject, &mut finished).into_values().next() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}
