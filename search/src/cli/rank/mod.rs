//! `fecund rank`: how much each column of a table tells about the target, and which to keep.

mod copies;
mod drift;
mod joint;
mod keep;
mod page;
mod pass;
mod print;
mod progress;
pub mod prune;
mod quality;
mod ranking;
pub mod reading;
mod together;

use std::fs;

use rayon::ThreadPoolBuilder;

use super::args::{ByName, RankArgs};
use super::failure::{Failure, Outcome};
use pass::Counted;
use ranking::{Ranking, Scoring};
use together::Together;

pub fn rank(args: &RankArgs) -> Outcome {
    let threads = args.jobs.unwrap_or(0) as usize;
    let pool = ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|error| Failure::failed(format!("cannot start threads: {error}")))?;
    let (ranking, mut counted) = pool.install(|| ranked(args))?;
    print::talk(&ranking);
    if let Some(file) = &args.keep_to {
        let names: String = keep::names(&ranking).map(|name| format!("{name}\n")).collect();
        fs::write(file, names).map_err(|error| Failure::file("write", file, &error))?;
    }
    if let Some(file) = &args.html {
        fs::write(file, page::page(&ranking)).map_err(|error| Failure::file("write", file, &error))?;
    }
    if args.by == ByName::Columns && args.given.is_empty() {
        return print::print(&ranking, args.format);
    }
    let table = pool.install(|| {
        let mut together = Together::read(&ranking, &mut counted, args)?;
        joint::table(&ranking, &mut together, args)
    })?;
    table.print(args.format)
}

fn ranked(args: &RankArgs) -> Result<(Ranking, Counted), Failure> {
    let counted = pass::count(args)?;
    let mut ranking = Ranking::of(&counted, Scoring::of(args));
    quality::note(&mut ranking, &counted);
    copies::note(&mut ranking, &counted);
    if let Some(validation) = &args.validation {
        drift::note(&mut ranking, args, validation)?;
    }
    keep::choose(&mut ranking, args.keep);
    Ok((ranking, counted))
}
