//! What comes with a candidate when it is to be judged: how long to train it, and the handle to stop it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use hashing::Fidelity;

/// One evaluation, apart from its candidate.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    pub fidelity: Fidelity,
    /// Derived from the key, so that equal candidates train under equal seeds.
    pub seed: u64,
    /// Folder for weights and checkpoints; need not exist yet.
    pub artifacts: &'a Path,
    /// Folder that an evaluation of the same function and seed at a lower fidelity left, if there may be one. Going on
    /// from what lies there may change the cost and never the verdict; whatever does not fit is no reason to fail.
    pub previous: Option<&'a Path>,
    /// Folders that the evaluations of the candidate's parents left, whole, in the order in which it names them.
    pub parents: &'a [PathBuf],
    pub control: &'a Control,
}

/// A handle to an evaluation under way. Clones are the same handle.
#[derive(Clone, Debug, Default)]
pub struct Control {
    cancelled: Arc<AtomicBool>,
    /// Cancel this one too.
    above: Vec<Arc<AtomicBool>>,
    /// Bits of an `f64` in [0, 1].
    progress: Arc<AtomicU64>,
    second_try: bool,
}

impl Control {
    pub fn new() -> Self {
        Self::default()
    }

    /// A handle that is cancelled together with this one and has a progress of its own: one for each job of a study.
    pub fn for_job(&self) -> Self {
        Self { progress: Arc::default(), second_try: false, ..self.clone() }
    }

    /// A handle that is cancelled with this one, and can be without it: for a study whose time is limited.
    pub fn for_part(&self) -> Self {
        let above = self.above.iter().chain([&self.cancelled]).cloned().collect();
        Self { above, ..Self::default() }
    }

    /// The same handle for a second try, which begins anew.
    pub fn for_second_try(&self) -> Self {
        self.set_progress(0.0);
        Self { second_try: true, ..self.clone() }
    }

    /// Whether a first try failed. A worker that serves others may be what failed, so the second asks for a fresh one.
    pub fn is_second_try(&self) -> bool {
        self.second_try
    }

    /// Asks the evaluation to end. There is no way back.
    pub fn cancel(&self) {
        self.cancelled.store(true, Relaxed);
    }

    pub fn cancelled(&self) -> bool {
        self.cancelled.load(Relaxed) || self.above.iter().any(|above| above.load(Relaxed))
    }

    /// Share of the evaluation that is done, in [0, 1].
    pub fn progress(&self) -> f64 {
        f64::from_bits(self.progress.load(Relaxed))
    }

    /// What lies outside [0, 1] is brought inside; what is not a number is left out.
    pub fn set_progress(&self, fraction: f64) {
        if !fraction.is_nan() {
            self.progress.store(fraction.clamp(0.0, 1.0).to_bits(), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_a_study_are_cancelled_together_and_progress_apart() {
        let study = Control::new();
        let (a, b) = (study.for_job(), study.for_job());
        a.set_progress(0.5);
        assert_eq!((a.progress(), b.progress()), (0.5, 0.0));
        study.cancel();
        assert!(a.cancelled() && b.cancelled());
    }

    #[test]
    fn a_part_is_cancelled_with_the_whole_and_without_it() {
        let whole = Control::new();
        let (part, other) = (whole.for_part(), whole.for_part());
        let job = part.for_job();
        part.cancel();
        assert!(job.cancelled() && !whole.cancelled() && !other.cancelled());
        whole.cancel();
        assert!(other.for_job().cancelled() && other.for_part().cancelled());
    }

    #[test]
    fn a_second_try_is_the_same_job_begun_anew() {
        let first = Control::new();
        first.set_progress(0.5);
        let second = first.for_second_try();
        assert!(second.is_second_try() && !first.is_second_try() && !second.for_job().is_second_try());
        assert_eq!(first.progress(), 0.0);
        second.set_progress(0.75);
        first.cancel();
        assert_eq!((first.progress(), second.cancelled()), (0.75, true));
    }

    #[test]
    fn progress_stays_between_zero_and_one() {
        let control = Control::new();
        control.set_progress(7.0);
        control.set_progress(f64::NAN);
        assert_eq!(control.progress(), 1.0);
        control.set_progress(-1.0);
        assert_eq!(control.progress(), 0.0);
    }
}
