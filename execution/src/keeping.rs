//! What the replica wants kept, until it is written: joined barriers (decision 0002).
//!
//! Everything that a turn's outputs want kept goes into the first barrier's write: earlier than
//! asked for is allowed, later is not. The other outputs are carried out in order.

use std::sync::Arc;

use consensus::Output;
use storage::{Durable, StorageError, Store};
use types::ChainState;

use crate::watch::{Point, Stopped, Watch};

/// Why a barrier does not hold: the node stops.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The store failed. It is never tried again.
    #[error(transparent)]
    Store(#[from] StorageError),
    /// Whoever watches has ended the node.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// Outputs that are to be kept and are not written yet.
#[derive(Debug, Default)]
pub struct Keeping {
    held: Vec<Output>,
    /// Whether a block was executed since [`Keeping::settle`].
    executed: bool,
}

impl Keeping {
    /// Holds back what is to be kept, and gives what else is to be done, in order.
    ///
    /// For each [`Output::Persist`] among it call [`Keeping::barrier`], and after the last output
    /// [`Keeping::settle`].
    pub fn take(&mut self, mut outputs: Vec<Output>) -> Vec<Output> {
        for output in outputs.extract_if(.., |output| is_kept(output)) {
            self.executed |= matches!(output, Output::KeepState(_));
            self.held.push(output);
        }
        outputs
    }

    /// Gives up what is held, to a store of another kind.
    pub fn release(&mut self) -> Vec<Output> {
        self.executed = false;
        std::mem::take(&mut self.held)
    }

    /// Whether a block was executed since [`Keeping::settle`].
    pub fn has_execution(&self) -> bool {
        self.executed
    }

    /// What is to be kept and is not written yet.
    pub fn held(&self) -> &[Output] {
        &self.held
    }

    /// Whether all is written.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether a decided block is not written yet.
    pub fn has_decision(&self) -> bool {
        self.held.iter().any(|output| matches!(output, Output::Decide(_)))
    }

    /// The latest state that is not written yet.
    pub fn state(&self) -> Option<&Arc<ChainState>> {
        self.held.iter().rev().find_map(|output| {
            if let Output::KeepState(state) = output { Some(state) } else { None }
        })
    }

    /// Writes what is held, and returns when it is durable. What [`Output::Persist`] asks for, and
    /// what a node does last before it ends.
    ///
    /// # Errors
    /// If the store fails, or the node is ended here.
    pub fn barrier(&mut self, store: &Store, watch: &dyn Watch) -> Result<(), KeepError> {
        if self.is_empty() {
            return Ok(());
        }
        let (before, after) = if self.has_decision() {
            (Point::BeforeDecide, Point::AfterDecide)
        } else {
            (Point::BeforePersist, Point::AfterPersist)
        };
        watch.pass(before)?;
        self.write(store, Durable::Now)?;
        watch.synced();
        watch.pass(after)?;
        Ok(())
    }

    /// Ends a turn: readers (the RPC) want to see a new state even if nothing needs a barrier for
    /// long, so it is written, without a sync of its own.
    ///
    /// # Errors
    /// If the store fails, or the node is ended here.
    pub fn settle(&mut self, store: &Store, watch: &dyn Watch) -> Result<(), KeepError> {
        if !std::mem::take(&mut self.executed) {
            return Ok(());
        }
        self.write(store, Durable::Later)?;
        watch.pass(Point::AfterState)?;
        Ok(())
    }

    /// Writes what is held as one batch.
    fn write(&mut self, store: &Store, durable: Durable) -> Result<(), StorageError> {
        if self.is_empty() {
            return Ok(());
        }
        let mut step = store.step();
        for output in self.held.drain(..) {
            match output {
                Output::Record(record) => step.record(record.height(), record.encode()),
                Output::KeepEvidence(evidence) => step.keep_evidence(&evidence),
                Output::DropEvidence(hash) => step.drop_evidence(&hash),
                Output::Decide(it) => step.decide(&it.block, &it.id, &it.parts, &it.commit),
                Output::KeepState(state) => step.state(&state)?,
                other => unreachable!("not held: {other:?}"),
            }
        }
        step.write(durable)
    }
}

/// Whether an output asks for something to be kept.
fn is_kept(output: &Output) -> bool {
    match output {
        Output::Record(_)
        | Output::KeepEvidence(_)
        | Output::DropEvidence(_)
        | Output::Decide(_)
        | Output::KeepState(_) => true,
        Output::Persist
        | Output::Send { .. }
        | Output::Serve { .. }
        | Output::Schedule(_)
        | Output::Sign(_)
        | Output::AwaitTxs { .. }
        | Output::Ask(_)
        | Output::Rekey(_)
        | Output::Load { .. }
        | Output::Penalise { .. }
        | Output::Halt { .. }
        | Output::Announce(_) => false,
    }
}
