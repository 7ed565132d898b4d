//! Who watches. Observers see a study and never change it.

use crate::Trial;

/// Watches a study.
pub trait Observer<C>: Send {
    /// A trial has its verdict. Called in the order of numbers.
    fn settled(&mut self, _trial: &Trial<C>) {}

    /// A candidate goes to the evaluator.
    fn started(&mut self, _number: u64, _under_way: usize) {}

    /// Something that the user should know: what was noticed, why it matters, what helps.
    fn noticed(&mut self, _message: &str) {}
}

/// Watches nothing.
impl<C> Observer<C> for () {}

/// Both watch, the first one first.
impl<C, A: Observer<C>, B: Observer<C>> Observer<C> for (A, B) {
    fn settled(&mut self, trial: &Trial<C>) {
        self.0.settled(trial);
        self.1.settled(trial);
    }

    fn started(&mut self, number: u64, under_way: usize) {
        self.0.started(number, under_way);
        self.1.started(number, under_way);
    }

    fn noticed(&mut self, message: &str) {
        self.0.noticed(message);
        self.1.noticed(message);
    }
}
