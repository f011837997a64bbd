//! At start the application, the store and the state may stand at different heights, as a crash
//! left them. The handshake brings them to one. spec: `consensus/replay.go`, inventory §5.3.
//!
//! Written A (application), S (store's last block), T (state). The store is never more than one
//! block ahead of the state, and the application never ahead of the store.

use abci::{Application, InfoRequest, InitChainRequest};
use storage::{Durable, StorageError, Store};
use types::block::BLOCK_VERSION;
use types::{AppHash, BlockOutcome, ChainState, Genesis, Height};

use crate::executor::finalize;
use crate::watch::{Point, Watch};

mod error;

pub use error::HandshakeError;

/// Version of the peer protocol. spec: `P2PProtocol`.
pub const P2P_VERSION: u64 = 8;
/// Version of the application's protocol. spec: `ABCISemVer`.
pub const ABCI_VERSION: &str = "2.0.0";
/// The dialect of RPC that clients may expect; they choose their decoders by it.
pub const DIALECT_VERSION: &str = "0.38.22";

/// Brings application, store and state to one height, and returns the state there.
///
/// # Errors
/// If they cannot be brought together, with what to do about it.
pub fn run(
    application: &dyn Application,
    store: &Store,
    genesis: &Genesis,
    watch: &dyn Watch,
) -> Result<ChainState, HandshakeError> {
    let info = application.info(&InfoRequest {
        version: DIALECT_VERSION.to_owned(),
        block_version: BLOCK_VERSION,
        p2p_version: P2P_VERSION,
        abci_version: ABCI_VERSION.to_owned(),
    })?;
    let handshake = Handshake { application, store, genesis, watch };
    let app_height = info.last_block_height;
    let state = handshake.begin(app_height, info.app_version)?;
    let stored = store.range()?;
    handshake.check_heights(app_height, stored, &state)?;
    let state = handshake.replay(app_height, stored.map(|(_, tip)| tip), state)?;
    let app_hash = application.info(&InfoRequest::default())?.last_block_app_hash;
    // Before the first block an application may not have said anything about its state yet.
    if app_height.is_some() || state.last_block.is_some() {
        handshake.check_app_hash(&app_hash, &state)?;
    }
    tracing::info!(height = number(state.last_height()),
        app_hash = %state.app_hash, "application and store stand at the same height");
    Ok(state)
}

struct Handshake<'a> {
    application: &'a dyn Application,
    store: &'a Store,
    genesis: &'a Genesis,
    watch: &'a dyn Watch,
}

impl Handshake<'_> {
    /// InitChain for an application that is at no height; the state to go on from.
    fn begin(
        &self,
        app_height: Option<Height>,
        app_version: u64,
    ) -> Result<ChainState, HandshakeError> {
        let known = self.store.state()?;
        if let Some(application) = app_height {
            return known.ok_or(HandshakeError::NoState { application });
        }
        let answer = self.application.init_chain(&InitChainRequest::of(self.genesis))?;
        self.watch.pass(Point::AfterInitChain)?;
        if let Some(state) = known {
            return Ok(state);
        }
        let state = ChainState::after_init_chain(
            self.genesis,
            &answer.validators,
            answer.params.as_ref(),
            answer.app_hash,
            app_version,
        )
        .map_err(HandshakeError::Genesis)?;
        self.keep(&state)?;
        Ok(state)
    }

    fn check_heights(
        &self,
        app_height: Option<Height>,
        stored: Option<(Height, Height)>,
        state: &ChainState,
    ) -> Result<(), HandshakeError> {
        let at = state.last_height();
        let Some((base, tip)) = stored else {
            if app_height.is_some() || at.is_some() {
                let (application, state) = (number(app_height), number(at));
                return Err(HandshakeError::NoBlock { application, state });
            }
            return Ok(());
        };
        // A chain need not begin at height 1.
        let before = self.genesis.initial_height.0.saturating_sub(1);
        let application = app_height.map_or(before, |it| it.0);
        let state = at.map_or(before, |it| it.0);
        if tip.0 != state && tip.0 != state + 1 {
            return Err(HandshakeError::StateAstray { tip, state });
        }
        if tip.0 < application {
            return Err(HandshakeError::ApplicationAhead { application, tip });
        }
        if application + 1 < base.0 {
            return Err(HandshakeError::BlocksGone { application, base });
        }
        Ok(())
    }

    /// Has the application execute what it lacks, and the state take what it lacks.
    fn replay(
        &self,
        app_height: Option<Height>,
        tip: Option<Height>,
        mut state: ChainState,
    ) -> Result<ChainState, HandshakeError> {
        let Some(tip) = tip else { return Ok(state) };
        let mut next = app_height.map_or(self.genesis.initial_height, Height::next);
        while next <= tip {
            tracing::info!(height = %next, %tip, "replaying a block");
            let outcome = self.execute(next)?;
            if state.last_height().is_some_and(|at| next <= at) {
                self.check_same_outcome(next, &outcome)?;
            } else {
                state = self.advance(&state, next, &outcome)?;
            }
            next = next.next();
        }
        if state.last_height() != Some(tip) {
            // The application has executed the last block, and what came of it is known.
            let outcome = self.store.outcome(tip)?.ok_or(HandshakeError::NoOutcome { tip })?;
            state = self.advance(&state, tip, &outcome)?;
        }
        Ok(state)
    }

    fn execute(&self, height: Height) -> Result<BlockOutcome, HandshakeError> {
        let missing = || HandshakeError::Missing { height };
        let block = self.store.block(height)?.ok_or_else(missing)?;
        let last_validators = match height.previous() {
            Some(before) if self.genesis.initial_height <= before => {
                Some(self.store.validators(before)?.ok_or_else(missing)?)
            }
            _ => None,
        };
        let known = self.store.outcome(height)?;
        let outcome =
            finalize(self.application, self.store, &block, last_validators.as_ref(), self.watch)?;
        if let Some(known) = known
            && (known.app_hash != outcome.app_hash
                || known.results_hash() != outcome.results_hash())
        {
            let (before, now) = (known.app_hash, outcome.app_hash);
            return Err(HandshakeError::OtherOutcome { height, before, now });
        }
        self.application.commit()?;
        self.watch.pass(Point::AfterCommit)?;
        Ok(outcome)
    }

    /// The chain's own word on a block that it is past.
    fn check_same_outcome(
        &self,
        height: Height,
        outcome: &BlockOutcome,
    ) -> Result<(), HandshakeError> {
        let Some(meta) = self.store.block_meta(height.next())? else { return Ok(()) };
        if meta.header.app_hash != outcome.app_hash {
            let (chain, application) = (meta.header.app_hash, outcome.app_hash.clone());
            return Err(HandshakeError::OtherChain { height, application, chain });
        }
        Ok(())
    }

    fn advance(
        &self,
        state: &ChainState,
        height: Height,
        outcome: &BlockOutcome,
    ) -> Result<ChainState, HandshakeError> {
        let meta = self.store.block_meta(height)?.ok_or(HandshakeError::Missing { height })?;
        let txs_count = outcome.tx_results.len();
        let state = state.advance(meta.id, &meta.header, txs_count, outcome)?;
        self.keep(&state)?;
        self.watch.pass(Point::AfterState)?;
        Ok(state)
    }

    fn keep(&self, state: &ChainState) -> Result<(), StorageError> {
        let mut step = self.store.step();
        step.state(state)?;
        step.write(Durable::Now)
    }

    fn check_app_hash(&self, app_hash: &AppHash, state: &ChainState) -> Result<(), HandshakeError> {
        if *app_hash != state.app_hash {
            return Err(HandshakeError::OtherState {
                height: number(state.last_height()),
                application: app_hash.clone(),
                chain: state.app_hash.clone(),
            });
        }
        Ok(())
    }
}

/// A height as operators read it: before the first block it is 0.
fn number(height: Option<Height>) -> u64 {
    height.map_or(0, |it| it.0)
}
