//! What a block does to the state, worked out on a fork.

use abci::Call;
use types::{Event, TxResult};

use super::frame::Frame;
use super::module::Effects;
use super::opened::Checked;
use super::overlay::Writes;
use super::refusal::Refusal;
use super::router::Router;
use super::state::State;
use super::store::StoreError;

/// A block that is being executed on a fork of the state before it.
pub struct Running<'a> {
    router: &'a Router,
    frame: &'a Frame,
    state: State,
    events: Vec<Event>,
    tx_results: Vec<TxResult>,
}

/// A block that was executed.
pub struct Execution {
    /// What it writes.
    pub writes: Writes,
    /// What happened besides its transactions.
    pub events: Vec<Event>,
    /// What came of each transaction.
    pub tx_results: Vec<TxResult>,
    /// What it wants of the chain.
    pub effects: Effects,
}

/// Why a block was not executed.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A module cannot go on.
    #[error("{0}")]
    Module(Refusal),
    /// A transaction is in the block that may not run.
    #[error("transaction {index} is not admitted: {refusal}")]
    NotAdmitted {
        /// Which.
        index: usize,
        /// Why.
        refusal: Refusal,
    },
}

impl ExecutionError {
    /// As the failure of a call.
    pub fn of(self, call: Call) -> abci::ApplicationError {
        abci::ApplicationError::new(call, self)
    }
}

impl<'a> Running<'a> {
    /// Begins a block.
    pub fn begin(
        router: &'a Router,
        frame: &'a Frame,
        mut state: State,
    ) -> Result<Self, ExecutionError> {
        let begun = router.begin_block(&mut state, frame);
        state.checked()?;
        begun.map_err(ExecutionError::Module)?;
        let events = state.take_events();
        Ok(Self { router, frame, state, events, tx_results: Vec::new() })
    }

    /// Runs the next transaction, if it is admitted; otherwise it leaves no trace.
    ///
    /// # Errors
    /// Why it is not admitted.
    pub fn run(&mut self, checked: &Checked) -> Result<(), Refusal> {
        let opened = checked.as_ref().as_ref().map_err(Clone::clone)?;
        self.router.admit(&mut self.state, opened)?;
        let handled = self.router.handle(&mut self.state, self.frame, opened);
        let gas = gas_of(opened.body.messages.len());
        self.tx_results.push(TxResult {
            gas_wanted: gas,
            gas_used: gas,
            events: self.state.take_events(),
            ..handled.map_or_else(|refusal| refusal.result(), |()| TxResult::default())
        });
        Ok(())
    }

    /// Whether everything that was read so far was true; if not, no refusal counts.
    pub fn checked(&self) -> Result<(), StoreError> {
        self.state.checked()
    }

    /// Notes that a transaction stands in a decided block that may not run.
    pub fn refuse(&mut self, refusal: &Refusal) {
        self.tx_results.push(refusal.result());
    }

    /// Ends the block.
    pub fn end(mut self) -> Result<Execution, ExecutionError> {
        let ended = self.router.end_block(&mut self.state, self.frame);
        self.state.checked()?;
        let effects = ended.map_err(ExecutionError::Module)?;
        self.events.extend(self.state.take_events());
        Ok(Execution {
            writes: self.state.into_writes()?,
            events: self.events,
            tx_results: self.tx_results,
            effects,
        })
    }
}

/// What a transaction with so many messages weighs.
pub fn gas_of(messages: usize) -> i64 {
    i64::try_from(messages).unwrap_or(i64::MAX)
}
