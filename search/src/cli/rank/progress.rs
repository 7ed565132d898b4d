//! How far a table is read: a bar on a terminal, a line every five seconds elsewhere.

use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use tasks::table::Table;

const BETWEEN_LINES: Duration = Duration::from_secs(5);

pub struct Reading {
    bar: Option<ProgressBar>,
    started: Instant,
    said: Instant,
    rows: u64,
}

impl Reading {
    pub fn new(table: &Table) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{bar:30.cyan/blue} {percent} % read · {msg} · {eta} left")
                    .expect("the template is fixed");
            ProgressBar::new(table.progress.length).with_style(style)
        });
        Self { bar, started: Instant::now(), said: Instant::now(), rows: 0 }
    }

    pub fn at(&mut self, table: &Table, rows: u64) {
        self.rows = rows;
        if let Some(bar) = &self.bar {
            bar.set_position(table.progress.read());
            bar.set_message(self.speed());
        } else if self.said.elapsed() >= BETWEEN_LINES {
            let share = 100.0 * table.progress.read() as f64 / table.progress.length.max(1) as f64;
            say!("fecund: {share:.0} % read · {}", self.speed());
            self.said = Instant::now();
        }
    }

    fn speed(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        format!("{} rows, {:.0} rows/s", self.rows, self.rows as f64 / seconds)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
