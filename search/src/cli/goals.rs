//! Several goals on the command line: what can be weighed, what can be limited, and what depends on the clock.

use clap::Args;

use super::args::positive;
use super::domain::Domain;
use super::failure::{Failure, Outcome};
use super::settings::Settings;
use crate::pareto::SECONDS;
use crate::{Constraint, Trial};

/// Milliseconds for a batch of one.
pub const LATENCY: &str = "latency_1_ms";

#[derive(Args)]
#[command(next_help_heading = "Constraints, on the form of a candidate and not on its function")]
pub struct ConstraintArgs {
    /// Most parameters; what has more is not trained [default of sequence: 2,000,000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_parameters: Option<u64>,
    /// Most multiply-adds for the longest training case; what takes more is not trained [default of sequence:
    /// 2,000,000,000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_multiply_adds: Option<u64>,
    /// Most milliseconds for a batch of one, measured on this machine once a form is trained; what takes longer ranks
    /// below everything that does not
    #[arg(long, value_name = "MS", value_parser = positive)]
    pub max_latency: Option<f64>,
}

impl ConstraintArgs {
    pub fn constraints(&self) -> Vec<Constraint> {
        let on_cost = |name: &str, most: Option<u64>| most.map(|most| Constraint::on_cost(name, most as f64));
        [
            on_cost("parameters", self.max_parameters),
            on_cost("multiply_adds", self.max_multiply_adds),
            self.max_latency.map(|most| Constraint::on_measure(LATENCY, most)),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Refuses limits on what candidates of a task do not have, wherever they are from.
pub fn check_constraints<D: Domain>(space: &str, task: &D, constraints: &[Constraint]) -> Outcome {
    let known = |limit: &Constraint| {
        let names = if limit.measured { task.measures() } else { task.costs() };
        names.contains(&limit.name)
    };
    let option = |name: &str| match name {
        "parameters" => "--max-parameters".into(),
        "multiply_adds" => "--max-multiply-adds".into(),
        LATENCY => "--max-latency".into(),
        other => format!("a constraint on `{other}`"),
    };
    match constraints.iter().find(|limit| !known(limit)) {
        Some(other) => {
            Err(Failure::usage(format!("{} does not apply to --space {space}", option(&other.name))))
        }
        None => Ok(()),
    }
}

/// Refuses what cannot be weighed against the objective of a task.
pub fn check_against<D: Domain>(task: &D, names: &[String]) -> Outcome {
    let known = weighable(task);
    if let Some((_, twice)) = names.iter().enumerate().find(|(place, name)| names[..*place].contains(name)) {
        return Err(Failure::usage(format!("--against names `{twice}` twice; each goal counts once")));
    }
    match names.iter().find(|name| !known.contains(name)) {
        Some(unknown) => {
            let known = known.join(", ");
            Err(Failure::usage(format!("--against `{unknown}` cannot be weighed here; known: {known}")))
        }
        None => Ok(()),
    }
}

/// Scores, costs and measures that the objective does not name.
pub fn weighable<D: Domain>(task: &D) -> Vec<String> {
    let (objective, high, mut columns) = (task.objective(), task.high(), task.columns());
    columns.retain(|name| !high.contains(name));
    let others = task.goals().into_iter().filter(|goal| !columns.contains(goal));
    columns.iter().cloned().chain(others).filter(|name| !objective.names(name)).collect()
}

/// All goals of a task, and what its search weighed, that some trial with a score has a number for, besides the objective.
pub fn all_goals<D: Domain, C>(settings: &Settings<D>, trials: &[Trial<C>]) -> Vec<String> {
    let (objective, mut goals) = (settings.task.objective(), settings.task.goals());
    let weighed = settings.options.against.iter().filter(|name| !goals.contains(name)).cloned();
    goals.extend(weighed.collect::<Vec<_>>());
    let is_known = |goal: &String| {
        trials.iter().any(|trial| objective.value(&trial.verdict).is_some() && trial.number(goal).is_some())
    };
    goals.retain(|goal| !objective.names(goal) && is_known(goal));
    goals
}

/// Says, where a search weighs or limits what the clock measures, what that means for its trials.
pub fn warn_of_clock<D: Domain>(task: &D, weighed: &[String], limits: &[Constraint]) {
    let limited = limits.iter().filter(|limit| limit.measured).map(|limit| &limit.name);
    let by_clock = |name: &&String| task.measures().contains(name) || (*name == SECONDS && !task.simulated());
    let mut measured: Vec<_> = weighed.iter().filter(by_clock).chain(limited).map(String::as_str).collect();
    measured.dedup();
    if !measured.is_empty() {
        say!(
            "warning: {} by the clock of this machine: the trials depend on it, and another run with this seed need not \
             make the same",
            match measured.as_slice() {
                [one] => format!("{one} is measured"),
                many => format!("{} are measured", many.join(", ")),
            }
        );
    }
}
