//! An application whose calls are written down and held against the grammar, for tests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::application::{Application, ApplicationError, Call};
use crate::grammar::Grammar;
use crate::local::{LocalClient, Watcher};

/// An application in this process whose calls are recorded. A call out of order is not put to the
/// application; it is answered with an error that says why.
pub type Recorded = LocalClient<Recording>;

/// The calls since the application was started, in order.
pub struct Recording {
    state: Mutex<State>,
}

struct State {
    grammar: Grammar,
    calls: Vec<Call>,
}

impl Recording {
    /// Nothing yet, of a node that starts in this way.
    pub fn new(grammar: Grammar) -> Self {
        Self { state: Mutex::new(State { grammar, calls: Vec::new() }) }
    }

    /// The calls so far, without those that were refused.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorded {
    /// Records the calls to an application from now on.
    pub fn from_start(application: Arc<dyn Application>, grammar: Grammar) -> Self {
        LocalClient::new(application, Arc::new(Recording::new(grammar)))
    }
}

impl Watcher for Recording {
    fn watch_all<T>(
        &self,
        call: Call,
        count: usize,
        ask: impl FnOnce() -> Result<T, ApplicationError>,
    ) -> Result<T, ApplicationError> {
        {
            let mut state = self.state();
            for _ in 0..count {
                state.grammar.call(call).map_err(|error| ApplicationError::new(call, error))?;
                state.calls.push(call);
            }
        }
        ask()
    }
}
