//! `fecund ask`: what to evaluate next.

use serde_json::{Value, json};
use spaces::Space;

use super::session::{Advanced, Session};
use crate::cli::args::AskArgs;
use crate::cli::failure::Outcome;
use crate::cli::search::made_absolute;
use crate::cli::table::print_exactly;
use crate::{Stop, Waiting};

pub fn ask<S: Space + Default + 'static>(args: &AskArgs) -> Outcome {
    let session = Session::<S>::open(&args.run, |settings| {
        settings.budget.trials = args.trials.or(settings.budget.trials);
        settings.budget.trainings = args.trainings.or(settings.budget.trainings);
    })?;
    let mut advanced = session.advance()?;
    advanced.report();
    let Advanced { folder, asked, study, .. } = &mut advanced;
    let most = args.number.or((!args.again).then_some(1)).map_or(usize::MAX, |number| number as usize);
    let chosen: Vec<_> =
        study.waiting().filter(|waiting| asked.is_out(waiting) == args.again).take(most).collect();
    if !args.again {
        asked.ask(&chosen)?;
    }
    let artifacts = made_absolute(&folder.artifacts())?;
    let place = |trial: u64| artifacts.join(trial.to_string());
    let line = |waiting: &Waiting<S::Candidate>| -> Value {
        json!({
            "trial": waiting.number,
            "operator": waiting.operator,
            "parents": waiting.parents,
            "candidate": waiting.candidate,
            "canonical": waiting.canonical,
            "key": waiting.key,
            "seed": waiting.seed,
            "fidelity": waiting.fidelity,
            "artifacts": place(waiting.number),
            "previous": waiting.goes_on_from().map(place),
        })
    };
    let lines: String = chosen.iter().map(|waiting| format!("{}\n", line(waiting))).collect();
    if lines.is_empty() {
        say!("fecund: {}", nothing(&advanced, args.again));
    }
    print_exactly(&lines)
}

/// Why there is nothing to evaluate.
fn nothing<S: Space + Default + 'static>(advanced: &Advanced<S>, again: bool) -> String {
    let run = advanced.folder.path.display();
    let Some(oldest) = advanced.oldest() else {
        let (stop, more) = (advanced.stop, "a larger --trials or --trainings of `fecund ask` goes on");
        let more = matches!(stop, Stop::Trials(_) | Stop::Trainings(_)).then(|| format!("; {more}"));
        return format!("{stop}; see `fecund leaderboard {run}`{}", more.unwrap_or_default());
    };
    if again {
        return "nothing was asked that has not been told".into();
    }
    let waiting = advanced.study.waiting().count();
    format!(
        "nothing to ask: {}; {waiting} asked and not told, and everything waits for trial {oldest} (`fecund ask {run} \
         --again` repeats what was asked)",
        limit(advanced)
    )
}

/// What keeps a study that waits from proposing more.
fn limit<S: Space + Default + 'static>(advanced: &Advanced<S>) -> String {
    let (study, settings) = (&advanced.study, &advanced.folder.settings);
    let (proposed, settled) = (study.proposed(), study.trials().len() as u64);
    match settings.budget.trainings {
        _ if settings.budget.trials.is_some_and(|most| proposed >= most) => {
            Stop::Trials(proposed).to_string()
        }
        Some(most) if proposed - settled < settings.window => Stop::Trainings(most).to_string(),
        _ => format!("the window of {} proposals is full", settings.window),
    }
}
