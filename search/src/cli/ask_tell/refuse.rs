//! What cannot be done with a run whose verdicts come from outside, in words.

use std::path::Path;

use crate::cli::args::{CacheVerifyArgs, ResumeArgs, SearchArgs};
use crate::cli::failure::{Failure, Outcome};

pub fn refuse_search(args: &SearchArgs) -> Outcome {
    Err(cannot_search(args))
}

/// What to do instead.
pub fn cannot_search(args: &SearchArgs) -> Failure {
    let space = &args.space;
    Failure::usage(format!("make a run for a trainer of your own with `fecund create --space {space}`"))
}

pub fn refuse_resume(args: &ResumeArgs) -> Outcome {
    let run = args.run.display();
    Err(Failure::usage(format!(
        "{run} gets its verdicts from outside; go on with `fecund ask {run}`, which takes larger budgets, and `fecund tell \
         {run}`"
    )))
}

pub fn refuse_verify(run: &Path, _: &CacheVerifyArgs) -> Outcome {
    let run = run.display();
    let ways = "ask twice for each function (`fecund create --evaluations-per-key 2`) to see how far equal ones agree";
    Err(Failure::usage(format!(
        "{run} gets its verdicts from outside, and nothing here can train again; {ways}"
    )))
}
