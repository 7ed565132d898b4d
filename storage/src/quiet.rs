//! Runs code that may panic and keeps its panic message from the user's terminal.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// What `work` returns, or the message of its panic, which is printed nowhere.
///
/// The state that `work` touched must not be used after an error: it may be half changed.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    install();
    let before = QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    QUIET.set(before);
    result.map_err(|panic| message(&*panic))
}

/// Wraps the panic hook once. Other panics of other threads are shown as before.
fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let shown = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !QUIET.try_with(Cell::get).unwrap_or(false) && !in_sled() {
                shown(info);
            }
        }));
    });
}

/// `sled` also panics on threads of its own; nothing that they do can be lost.
fn in_sled() -> bool {
    std::thread::current().name().is_some_and(|name| name.starts_with("sled-"))
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(quietly(|| 1), Ok(1));
        assert_eq!(quietly(|| panic!("no {}", 7)), Err::<(), _>("no 7".to_string()));
    }
}
