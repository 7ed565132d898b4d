//! What a discovery prints: the program, every line with what its removal does to the error, and what the search took.

use std::fmt::Write as _;
use std::time::Duration;

use evaluator::program::Judge;
use serde_json::{Value, json};
use spaces::program::{Function, Program, json as program_json, python};
use tasks::Fitness;

use super::references::{Reference, references};
use super::run::refused;
use super::settings::Settings;
use crate::cli::failure::Failure;
use crate::cli::sample::wilson;
use crate::discovery::{Line, Tally, Worth, error_of, explained};

/// A found program and its search.
pub struct Report {
    pub program: Program,
    lines: Vec<Line>,
    /// On the tasks that chose it, and on tasks that nothing has seen.
    selection: f64,
    fresh: f64,
    sufficient: bool,
    /// Errors are shown where fitness is made of them.
    kind: Fitness,
    references: Vec<Reference>,
    tally: Tally,
    worth: Worth,
    seconds: f64,
    cpu: f64,
}

impl Report {
    pub fn new(
        program: Program,
        selector: &mut Judge,
        fresh: &mut Judge,
        [seconds, cpu]: [Duration; 2],
        tally: Tally,
        worth: Worth,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let task = &settings.task;
        let lines = explained(&program, selector);
        let selection = selector.judge(&program);
        Ok(Self {
            lines,
            selection,
            fresh: fresh.judge(&program),
            sufficient: selection >= task.sufficient,
            kind: task.problems.learn.fitness(),
            references: references(&task.problems).map_err(refused)?,
            tally,
            worth,
            seconds: seconds.as_secs_f64(),
            cpu: cpu.as_secs_f64(),
            program,
        })
    }

    /// Of the program, and how it was found.
    pub fn files(&self) -> Vec<(&'static str, String)> {
        let report = ("report.json", format!("{:#}\n", self.json()));
        files(&self.program).into_iter().chain([report]).collect()
    }

    /// What a fitness says: the error, or the share that is right.
    fn shown(&self, fitness: f64) -> String {
        match self.kind {
            Fitness::SquashedError => shown(error_of(fitness)),
            Fitness::Accuracy => format!("{fitness:.4}"),
        }
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        let (whole, what) =
            (self.shown(self.selection), if self.kind == Fitness::Accuracy { "accuracy" } else { "error" });
        for function in Function::ALL {
            let _ = writeln!(text, "def {}():", function.name());
            for line in self.lines.iter().filter(|line| line.function == function) {
                let without = self.shown(line.fitness_without);
                let instruction = line.instruction.to_string();
                let _ =
                    writeln!(text, "    {instruction:40}  # without it the {what} is {without}, not {whole}");
            }
        }
        let Tally { proposals, by_symbol, by_probe, failed, below_hurdle, evaluated, .. } = self.tally;
        let verdict = if self.sufficient { "found" } else { "best so far" };
        let (selection, fresh) = (self.selection, self.fresh);
        let _ = writeln!(
            text,
            "\n{verdict}: fitness {selection:.6} on 100 tasks that chose it, {fresh:.6} on 100 new ones"
        );
        for Reference { name, rate, fitness } in &self.references {
            let _ = writeln!(
                text,
                "{name}, gradient descent with a rate of {rate}: {fitness:.6} on the new ones"
            );
        }
        let rate = proposals as f64 / self.cpu.max(1e-9);
        let _ = writeln!(text, "{proposals} programs in {:.1} s, {rate:.0} a core-second", self.seconds);
        let hits = 100.0 * self.tally.hit_rate();
        let _ = writeln!(
            text,
            "{hits:.1} % answered without training: {by_symbol} by symbol, {by_probe} by probe, {failed} failed; \
            {evaluated} evaluated, {below_hurdle} below the hurdle"
        );
        if let Some(audits) = self.audits() {
            let _ = writeln!(text, "{audits}");
        }
        text
    }

    fn audits(&self) -> Option<String> {
        let audits = self.tally.audits;
        let (low, high) = wilson(audits.wrong as usize, audits.made as usize)?;
        let [low, high] = [low, high].map(|share| format!("{:.4} %", 100.0 * share));
        Some(format!(
            "{} of {} audited answers were wrong: 95 % interval {low} to {high}",
            audits.wrong, audits.made
        ))
    }

    /// Seconds of processor time with keys and without, estimated from the proposals that were timed both ways.
    fn hashing(&self) -> Option<Value> {
        let [with, without] = self.worth.seconds(self.tally.proposals);
        let Worth { timed, .. } = self.worth;
        (timed > 0).then(|| json!({"timed": timed, "seconds_with": with, "seconds_without": without}))
    }

    /// `None` for a program that fails, and where fitness is no matter of errors.
    fn error(&self, fitness: f64) -> Option<f64> {
        let error = error_of(fitness);
        (self.kind == Fitness::SquashedError && error.is_finite()).then_some(error)
    }

    pub fn json(&self) -> Value {
        let lines = self.lines.iter().map(|line| {
            json!({
                "function": line.function.name(),
                "instruction": line.instruction.to_string(),
                "fitness_without": line.fitness_without,
                "error_without": self.error(line.fitness_without),
            })
        });
        let Tally { proposals, by_symbol, by_probe, failed, below_hurdle, evaluated, audits } = self.tally;
        json!({
            "program": self.program.to_string(),
            "lines": lines.collect::<Vec<_>>(),
            "sufficient": self.sufficient,
            "fitness": { "selection": self.selection, "fresh": self.fresh },
            "error": self.error(self.selection),
            "references": self.references.iter().map(|it| {
                json!({"name": it.name, "rate": it.rate, "fresh": it.fitness})
            }).collect::<Vec<_>>(),
            "proposals": proposals,
            "answered": { "symbol": by_symbol, "probe": by_probe, "failed": failed },
            "hit_rate": self.tally.hit_rate(),
            "below_hurdle": below_hurdle,
            "evaluated": evaluated,
            "audits": { "made": audits.made, "wrong": audits.wrong,
                "interval": wilson(audits.wrong as usize, audits.made as usize) },
            "hashing": self.hashing(),
            "seconds": self.seconds,
            "cpu_seconds": self.cpu,
        })
    }
}

/// The program as text, as Python and as JSON.
pub fn files(program: &Program) -> [(&'static str, String); 3] {
    [
        ("program.txt", program.to_string()),
        ("program.py", python(program)),
        ("program.json", format!("{:#}\n", program_json(program))),
    ]
}

fn shown(error: f64) -> String {
    if error.is_finite() { format!("{error:.3e}") } else { "none: it fails".into() }
}
