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
