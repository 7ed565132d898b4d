//! `study.toml` of a discovery: everything that it was made with.

use std::path::Path;

use evaluator::program::{Learn, ProgramTask};
use hashing::{Digest, KeyWriter};
use serde::{Deserialize, Serialize};

use super::args::{CachingArgs, DiscoverArgs, EvolutionArgs, MOST_TABU, TaskName};
use crate::cli::args::{FEATURES, MOST_MEMBERS, ResumeArgs};
use crate::cli::bounded::read_text;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::run_folder::write_whole;
use crate::cli::settings::{Budget, VERSION, command_line};
use crate::cli::study_file;
use crate::discovery::{Breeding, Caching, Plan};

/// The settings of a discovery, of the version that those of other runs have.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    version: u32,
    /// The command that made the run.
    command: String,
    space: String,
    pub seed: u64,
    /// Threads.
    pub jobs: usize,
    pub budget: Budget,
    pub task: Task,
}

/// What a program is found for, and how it is looked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    kind: Kind,
    /// Fitness on tasks that the search does not see, at which it ends.
    pub sufficient: f64,
    pub problems: ProgramTask,
    pub search: EvolutionArgs,
    pub cache: CachingArgs,
}

/// The `kind` of these tasks in `study.toml`.
pub const KIND: &str = "discovery";
/// The space that a discovery is over.
const SPACE: &str = "program";

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Discovery,
}

impl Settings {
    pub fn of(args: &DiscoverArgs) -> Result<Self, Failure> {
        let data = args.data.as_deref().zip(args.target.as_deref());
        let learn = match (args.task, data) {
            (None, None) | (Some(TaskName::Linear), None) => Learn::Linear,
            (Some(TaskName::Nonlinear), None) => Learn::Nonlinear,
            (Some(TaskName::Digits), None) => Learn::Digits,
            (None | Some(TaskName::Classes), Some(_)) => Learn::Classes,
            (Some(TaskName::Classes), None) => {
                return Err(Failure::usage("--task classes needs --data FILE and --target COLUMN"));
            }
            (Some(_), Some(_)) => return Err(Failure::usage("--data goes with --task classes only")),
        };
        let problems = args.problems.task(learn, data)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut search = args.search.clone();
        if let Some(trials) = args.trials {
            // So few that a round of all islands would be more.
            let share = trials.div_ceil(search.islands.get() as u64);
            search.round = usize::try_from(share)
                .ok()
                .and_then(|it| it.try_into().ok())
                .map_or(search.round, |it| search.round.min(it));
        }
        Ok(Self {
            version: VERSION,
            command: command_line(),
            space: SPACE.into(),
            seed: args.seed,
            jobs: args.jobs.map_or(cores, usize::from),
            budget: Budget { time: Some(args.time.as_secs_f64()), trials: args.trials, ..Budget::default() },
            task: Task {
                kind: Kind::Discovery,
                sufficient: args.sufficient,
                problems: ProgramTask {
                    seed: args.seed,
                    epochs: args.epochs.get(),
                    probe: args.cache.probe.get(),
                    ..problems
                },
                search,
                cache: args.cache.clone(),
            },
        })
    }

    /// What a run was made with. It may come from elsewhere.
    pub fn read(run: &Path) -> Result<Self, Failure> {
        let file = run.join("study.toml");
        let text = read_text(&file).map_err(|error| Failure::file("read", &file, &error))?;
        let settings: Self =
            toml::from_str(&text).map_err(|error| study_file::wrong(&file, &text, &error))?;
        settings.check().map_err(|what| Failure::failed(format!("{}: {what}", file.display())))?;
        Ok(settings)
    }

    /// What the command line would not have taken.
    fn check(&self) -> Result<(), String> {
        let Task { sufficient, problems, search, cache, .. } = &self.task;
        let shares = [
            ("sufficient", *sufficient),
            ("mutation", search.mutation),
            ("crossover", search.crossover),
            ("audit", cache.audit),
        ];
        if let Some((name, share)) = shares.into_iter().find(|(_, share)| !(0.0..=1.0).contains(share)) {
            return Err(format!("{name} = {share}; give a share from 0 to 1"));
        }
        let sizes = [
            ("jobs", self.jobs),
            ("islands", search.islands.get()),
            ("round", search.round.get()),
            ("population", search.population.get()),
            ("tournament", search.tournament.get()),
            ("cache_size", cache.cache_size.get()),
            ("tasks", problems.tasks),
            ("examples", problems.examples.unwrap_or(1)),
            ("epochs", problems.epochs),
            ("probe", problems.probe),
        ];
        if let Some((name, size)) = sizes.into_iter().find(|(_, size)| !(1..=MOST_MEMBERS).contains(size)) {
            return Err(format!("{name} = {size}; give a whole number from 1 to {MOST_MEMBERS}"));
        }
        if search.tabu > MOST_TABU {
            return Err(format!("tabu = {}; give {MOST_TABU} at most", search.tabu));
        }
        if !FEATURES.contains(&problems.features) {
            return Err(format!("features = {}; give 4, 8, 16 or 32", problems.features));
        }
        Ok(())
    }

    /// With what a resume names instead of what was before.
    pub fn changed(mut self, args: &ResumeArgs) -> Result<Self, Failure> {
        let budget = &args.budget;
        for (option, given) in [
            ("--config", args.config.is_some()),
            ("--trainings", budget.trainings.is_some()),
            ("--cpu-time", budget.cpu_time.is_some()),
        ] {
            if given {
                return Err(Failure::usage(format!(
                    "{option} does not apply to a discovery; its budgets are --time and --trials"
                )));
            }
        }
        self.budget = self.budget.changed(budget);
        self.jobs = args.jobs.map_or(self.jobs, |jobs| jobs as usize);
        Ok(self)
    }

    pub fn save(&self, run: &Path) -> Outcome {
        let text = toml::to_string(self).map_err(|error| Failure::failed(error.to_string()))?;
        write_whole(&run.join("study.toml"), &text)
    }

    /// Of all that decides what is found, and when.
    pub fn fingerprint(&self) -> Result<Digest, Failure> {
        let task = toml::to_string(&self.task).map_err(|error| Failure::failed(error.to_string()))?;
        let mut writer = KeyWriter::new("fecund discovery v1");
        writer.u64(self.seed);
        writer.text(&task);
        Ok(writer.finish())
    }

    pub fn plan(&self) -> Plan {
        let Task { problems, search, cache, .. } = &self.task;
        let round = search.round.get() as u64;
        Plan {
            seed: self.seed,
            rules: problems.rules(),
            breeding: Breeding {
                population: search.population.get(),
                tournament: search.tournament.get(),
                mutation: search.mutation,
                crossover: search.crossover,
                redraws: search.redraws,
                tabu: search.tabu as usize,
                random: search.random,
            },
            caching: Caching {
                enabled: !cache.no_cache,
                size: cache.cache_size.get(),
                forget_every: cache.forget_every,
                audit: cache.audit,
            },
            hurdle: search.hurdle,
            islands: search.islands.get(),
            round,
            lifetime: search.lifetime.checked_next_multiple_of(round).unwrap_or(0),
        }
    }
}
