//! `fecund create`: a run folder that nothing has been evaluated in.

use std::path::Path;

use evaluator::{Evaluator, Limits};
use hashing::Context;
use spaces::Space;

use crate::cli::args::CreateArgs;
use crate::cli::domains::ExternalDomain;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::hash::read_candidates;
use crate::cli::keeper::Keep;
use crate::cli::run_folder::{RunFolder, check_free};
use crate::cli::search::{made_absolute, settle_options, study_name};
use crate::cli::settings::{Budget, Settings, VERSION, command_line, hashing_scheme};
use crate::cli::table::print;

pub fn create<S: Space + Default + 'static>(args: &CreateArgs) -> Outcome {
    let mut settings = settings::<S>(args)?;
    let name = || format!("{}-external-{}", args.space, args.seed);
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(name()));
    if settings.listed_strategy()?.options.contains(&"against") && args.options.against.is_empty() {
        let why =
            "weighs several scores; name them with --scores, and what of them should be low with --against";
        return Err(Failure::usage(format!("--strategy {} {why}", args.strategy)));
    }
    settle_options(&args.options, &mut settings)?;
    check_free(&out)?;
    settings.study = study_name(&out);
    settings.context = Evaluator::<S::Candidate>::context(&settings.task.elsewhere());
    RunFolder::create(&out, settings)?;
    let run = out.display();
    say!("fecund: `fecund ask {run}` says what to evaluate, `fecund tell {run}` takes what was found");
    print(&format!("{run}\n"))
}

fn settings<S: Space + Default + 'static>(args: &CreateArgs) -> Result<Settings<ExternalDomain<S>>, Failure> {
    if args.reuse.audit > 0.0 {
        let why = "an audit is an evaluation beside the search, and `fecund ask` asks for the search only";
        return Err(Failure::usage(format!("--audit does not apply here: {why}")));
    }
    let budget = Budget { trials: args.trials, trainings: args.trainings, ..Budget::default() };
    Ok(Settings {
        version: VERSION,
        study: String::new(),
        command: command_line(),
        space: args.space.clone(),
        strategy: args.strategy.clone(),
        baseline: None,
        options: args.options.options(),
        seed: args.seed,
        window: args.window,
        jobs: 1,
        reuse: !args.no_cache,
        evaluations_per_key: args.reuse.evaluations_per_key,
        forget: args.reuse.forget,
        audit: 0.0,
        warm: 0,
        cache: args.cache.as_deref().map(made_absolute).transpose()?,
        budget: budget.or_default(),
        constraints: Vec::new(),
        limits: Limits::default(),
        // What a trainer leaves behind is its own affair.
        keep: Keep::default(),
        scheme: hashing_scheme::<S::Candidate>(),
        context: Context::new(),
        task: ExternalDomain::new(args)?,
        enqueued: args.enqueue.as_deref().map_or(Ok(Vec::new()), read_candidates)?,
    })
}
