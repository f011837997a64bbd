//! Looks on while a node keeps and executes: ends it at a place, and notes what was executed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use execution::{Point, Stopped, Watch};
use types::{Block, BlockOutcome, Height, Tx};

/// What came of a block on one node.
#[derive(Clone, Debug)]
pub struct Executed {
    /// Of which height.
    pub height: Height,
    /// Its transactions.
    pub txs: Vec<Tx>,
    /// What came of them.
    pub outcome: Arc<BlockOutcome>,
}

/// Looks on.
#[derive(Debug, Default)]
pub struct Lookout {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The node ends at this place, after passing it so many times.
    doom: Option<(Point, u64)>,
    /// It has ended there.
    ended: bool,
    executed: Vec<Executed>,
}

impl Lookout {
    /// The node ends at `point`, when it gets there for the `count`th time from now, the first
    /// being 1.
    pub fn doom(&self, point: Point, count: u64) {
        self.state().doom = Some((point, count));
    }

    /// It lives on.
    pub fn spare(&self) {
        let mut state = self.state();
        (state.doom, state.ended) = (None, false);
    }

    /// Whether the node was ended at a place.
    pub fn has_ended(&self) -> bool {
        self.state().ended
    }

    /// What was executed since this was asked last.
    pub fn take_executed(&self) -> Vec<Executed> {
        std::mem::take(&mut self.state().executed)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch for Lookout {
    fn pass(&self, point: Point) -> Result<(), Stopped> {
        let mut state = self.state();
        let Some((doom, left)) = &mut state.doom else { return Ok(()) };
        if *doom != point {
            return Ok(());
        }
        *left = left.saturating_sub(1);
        if 0 < *left {
            return Ok(());
        }
        (state.doom, state.ended) = (None, true);
        Err(Stopped { point })
    }

    fn executed(&self, block: &Block, outcome: &BlockOutcome) {
        let (height, txs) = (block.header.height, block.txs.clone());
        let outcome = Arc::new(outcome.clone());
        self.state().executed.push(Executed { height, txs, outcome });
    }
}
