//! A broken assertion ends this process, whichever thread it was in: except in a simulated network,
//! where it is what one looks for, and the simulator makes a verdict of it.

use std::cell::{Cell, RefCell};

thread_local! {
    static WITHIN: Cell<bool> = const { Cell::new(false) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From now on panics of simulated networks end nothing.
pub fn heed() {
    let otherwise = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if WITHIN.get() {
            let place = panic.location().map(ToString::to_string);
            PLACE.with_borrow_mut(|it| *it = place);
        } else {
            otherwise(panic);
        }
    }));
}

/// Runs a simulated network.
pub fn within<T>(run: impl FnOnce() -> T) -> T {
    WITHIN.set(true);
    let came = run();
    WITHIN.set(false);
    came
}

/// Where the last simulated network of this thread broke an assertion.
pub fn place() -> Option<String> {
    PLACE.with_borrow(Clone::clone)
}
