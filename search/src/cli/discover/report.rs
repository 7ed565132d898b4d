//! What a discovery prints: the program, every line with what its removal does to the error, and what the search took.

use std::fmt::Write as _;
use std::time::Duration;

use evaluator::program::Judge;
use serde_json::{Value, json};
use spaces::program::{Function, Program};

use super::args::DiscoverArgs;
use crate::cli::sample::wilson;
use crate::discovery::{Line, Tally, error_of, explained};

/// A found program and its search.
pub struct Report {
    pub program: Program,
    lines: Vec<Line>,
    /// On the tasks that chose it, and on tasks that nothing has seen.
    selection: f64,
    fresh: f64,
    sufficient: bool,
    tally: Tally,
    seconds: f64,
    cpu: f64,
}

impl Report {
    pub fn new(
        program: Program,
        selector: &mut Judge,
        fresh: &mut Judge,
        tally: Tally,
        args: &DiscoverArgs,
        [seconds, cpu]: [Duration; 2],
    ) -> Self {
        let lines = explained(&program, selector);
        let selection = selector.judge(&program);
        Self {
            lines,
            selection,
            fresh: fresh.judge(&program),
            sufficient: selection >= args.sufficient,
            tally,
            seconds: seconds.as_secs_f64(),
            cpu: cpu.as_secs_f64(),
            program,
        }
    }

    pub fn text(&self) -> String {
        let mut text = String::new();
        let error = shown(error_of(self.selection));
        for function in Function::ALL {
            let _ = writeln!(text, "def {}():", function.name());
            for line in self.lines.iter().filter(|line| line.function == function) {
                let without = shown(error_of(line.fitness_without));
                let instruction = line.instruction.to_string();
                let _ =
                    writeln!(text, "    {instruction:40}  # without it the error is {without}, not {error}");
            }
        }
        let Tally { proposals, by_symbol, by_probe, failed, below_hurdle, evaluated, .. } = self.tally;
        let verdict = if self.sufficient { "found" } else { "best so far" };
        let (selection, fresh) = (self.selection, self.fresh);
        let _ = writeln!(
            text,
            "\n{verdict}: fitness {selection:.6} on 100 tasks that chose it, {fresh:.6} on 100 new ones"
        );
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

    pub fn json(&self) -> Value {
        let lines = self.lines.iter().map(|line| {
            json!({
                "function": line.function.name(),
                "instruction": line.instruction.to_string(),
                "fitness_without": line.fitness_without,
                "error_without": finite(error_of(line.fitness_without)),
            })
        });
        let Tally { proposals, by_symbol, by_probe, failed, below_hurdle, evaluated, audits } = self.tally;
        json!({
            "program": self.program.to_string(),
            "lines": lines.collect::<Vec<_>>(),
            "sufficient": self.sufficient,
            "fitness": { "selection": self.selection, "fresh": self.fresh },
            "error": finite(error_of(self.selection)),
            "proposals": proposals,
            "answered": { "symbol": by_symbol, "probe": by_probe, "failed": failed },
            "hit_rate": self.tally.hit_rate(),
            "below_hurdle": below_hurdle,
            "evaluated": evaluated,
            "audits": { "made": audits.made, "wrong": audits.wrong,
                "interval": wilson(audits.wrong as usize, audits.made as usize) },
            "seconds": self.seconds,
            "cpu_seconds": self.cpu,
        })
    }
}

fn finite(error: f64) -> Option<f64> {
    error.is_finite().then_some(error)
}

fn shown(error: f64) -> String {
    if error.is_finite() { format!("{error:.3e}") } else { "none: it fails".into() }
}
