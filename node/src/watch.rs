//! Looks on while blocks are kept and executed: counts, measures, tells those who wait, and dies
//! where a test wants it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use execution::{Point, Stopped, Watch};
use types::{Block, BlockOutcome};

use crate::crash;
use crate::events::Events;

/// The node's own watch.
pub struct Watcher {
    events: Arc<Events>,
    /// When the block that is being executed was begun.
    begun: Mutex<Instant>,
}

impl Watcher {
    /// Tells `events`.
    pub fn new(events: Arc<Events>) -> Self {
        Self { events, begun: Mutex::new(Instant::now()) }
    }
}

impl Watch for Watcher {
    fn pass(&self, point: Point) -> Result<(), Stopped> {
        if point == Point::BeforeFinalize {
            *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
        crash::point(point);
        Ok(())
    }

    fn synced(&self) {
        self.events.synced();
    }

    fn executed(&self, block: &Block, outcome: &BlockOutcome) {
        let begun = *self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        self.events.block_executed(block, outcome, begun.elapsed());
    }
}
