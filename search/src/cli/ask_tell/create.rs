//! `fecund create`: a run folder that nothing has been evaluated in.

use std::path::Path;

use evaluator::Evaluator;
use spaces::Space;

use crate::cli::args::CreateArgs;
use crate::cli::domains::ExternalDomain;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::run_folder::{RunFolder, check_free};
use crate::cli::search::{settings_of_study, settle_options, study_name};
use crate::cli::settings::{Budget, Settings};
use crate::cli::table::print;

pub fn create<S: Space + Default + 'static>(args: &CreateArgs) -> Outcome {
    let mut settings = settings::<S>(args)?;
    let name = format!("{}-external-{}", args.space, settings.seed);
    let out = args.out.clone().unwrap_or_else(|| Path::new("runs").join(name));
    if settings.listed_strategy()?.options.contains(&"against") && args.study.options.against.is_empty() {
        let why =
            "weighs several scores; name them with --scores, and what of them should be low with --against";
        return Err(Failure::usage(format!("--strategy {} {why}", args.study.strategy)));
    }
    settle_options(&args.study.options, &mut settings)?;
    check_free(&out)?;
    settings.study = study_name(&out);
    settings.context = Evaluator::<S::Candidate>::context(&settings.task.elsewhere());
    RunFolder::create(&out, settings)?;
    let run = out.display();
    say!("fecund: `fecund ask {run}` says what to evaluate, `fecund tell {run}` takes what was found");
    print(&format!("{run}\n"))
}

fn settings<S: Space + Default + 'static>(args: &CreateArgs) -> Result<Settings<ExternalDomain<S>>, Failure> {
    if args.study.reuse.audit > 0.0 {
        let why = "an audit is an evaluation beside the search, and `fecund ask` asks for the search only";
        return Err(Failure::usage(format!("--audit does not apply here: {why}")));
    }
    let budget = Budget { trials: args.trials, trainings: args.trainings, ..Budget::default() };
    settings_of_study(&args.space, &args.study, budget, ExternalDomain::new(args)?)
}
