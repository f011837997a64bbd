//! At start the application, the store and the state may stand at different heights, as a crash
//! left them. The handshake brings them to one. spec: `consensus/replay.go`, inventory §5.3.
//!
//! Written A (application), S (store's last block), T (state). The store is never more than one
//! block ahead of the state, and the application never ahead of the store.

use abci::{InfoRequest, InitChainRequest};
use anyhow::{Context, Result, bail, ensure};
use storage::{Durable, Store};
use types::block::BLOCK_VERSION;
use types::{AppHash, BlockOutcome, ChainState, Genesis, Height};

use crate::crash;
use crate::executor::finalize;

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
pub fn run(application: &abci::Client, store: &Store, genesis: &Genesis) -> Result<ChainState> {
    let info = application.info(&InfoRequest {
        version: DIALECT_VERSION.to_owned(),
        block_version: BLOCK_VERSION,
        p2p_version: P2P_VERSION,
        abci_version: ABCI_VERSION.to_owned(),
    })?;
    let handshake = Handshake { application, store, genesis };
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
    tracing::info!(height = state.last_height().map_or(0, |it| it.0),
        app_hash = %state.app_hash, "application and store stand at the same height");
    Ok(state)
}

struct Handshake<'a> {
    application: &'a abci::Client,
    store: &'a Store,
    genesis: &'a Genesis,
}

impl Handshake<'_> {
    /// InitChain for an application that is at no height; the state to go on from.
    fn begin(&self, app_height: Option<Height>, app_version: u64) -> Result<ChainState> {
        let known = self.store.state()?;
        if app_height.is_some() {
            return known.with_context(|| {
                format!(
                    "the application is at height {} but this node's data folder is empty; \
                     restore the data folder, or reset the application",
                    app_height.map_or(0, |it| it.0)
                )
            });
        }
        let answer = self.application.init_chain(&InitChainRequest::of(self.genesis))?;
        crash::point("after-init-chain");
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
        .context("genesis.json and the application's InitChain make no state to begin with")?;
        let mut step = self.store.step();
        step.state(&state)?;
        step.write(Durable::Now)?;
        Ok(state)
    }

    fn check_heights(
        &self,
        app_height: Option<Height>,
        stored: Option<(Height, Height)>,
        state: &ChainState,
    ) -> Result<()> {
        let (app, at) = (app_height.map_or(0, |it| it.0), state.last_height().map_or(0, |it| it.0));
        let Some((base, tip)) = stored else {
            ensure!(
                app == 0 && at == 0,
                "the application is at height {app} and the state at {at}, but the store has no \
                 block; restore the data folder, or run unsafe-reset-all and reset the application",
            );
            return Ok(());
        };
        ensure!(
            tip.0 == at || tip.0 == at + 1,
            "the store's last block is {tip}, the state is at {at}: the data folder is damaged; \
             restore it, or run unsafe-reset-all and fetch the chain again",
        );
        ensure!(
            app <= tip.0,
            "the application is at height {app}, the store's last block is {tip}: the data folder \
             is older than the application; restore the newer one, or reset the application",
        );
        ensure!(
            base.0 <= app + 1,
            "the application is at height {app}, but the store keeps no block before {base}; \
             restore the application from a snapshot at height {base} or later",
        );
        Ok(())
    }

    /// Has the application execute what it lacks, and the state take what it lacks.
    fn replay(
        &self,
        app_height: Option<Height>,
        tip: Option<Height>,
        mut state: ChainState,
    ) -> Result<ChainState> {
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
            let outcome = self.store.outcome(tip)?.with_context(|| {
                format!(
                    "the application has committed height {tip}, but its outcome is not in the \
                     store; restore the data folder, or reset the application"
                )
            })?;
            state = self.advance(&state, tip, &outcome)?;
        }
        Ok(state)
    }

    fn execute(&self, height: Height) -> Result<BlockOutcome> {
        let missing = || format!("block {height} is not in the store; restore the data folder");
        let block = self.store.block(height)?.with_context(missing)?;
        let last_validators = match height.previous() {
            Some(before) if self.genesis.initial_height <= before => {
                Some(self.store.validators(before)?.with_context(missing)?)
            }
            _ => None,
        };
        let known = self.store.outcome(height)?;
        let outcome = finalize(self.application, self.store, &block, last_validators.as_ref())?;
        if let Some(known) = known {
            ensure!(
                known.app_hash == outcome.app_hash
                    && known.results_hash() == outcome.results_hash(),
                "the application executed block {height} differently than before (app hash {}, \
                 then {}): it is not deterministic, or its state is not that of height {}",
                known.app_hash,
                outcome.app_hash,
                height.previous().map_or(0, |it| it.0),
            );
        }
        self.application.commit()?;
        crash::point("after-commit");
        Ok(outcome)
    }

    /// The chain's own word on a block that it is past.
    fn check_same_outcome(&self, height: Height, outcome: &BlockOutcome) -> Result<()> {
        let Some(meta) = self.store.block_meta(height.next())? else { return Ok(()) };
        if meta.header.app_hash != outcome.app_hash {
            bail!(
                "the application's state after replaying block {height} is {}, the chain says {}: \
                 it is not deterministic, or its state is not of this chain",
                outcome.app_hash,
                meta.header.app_hash,
            );
        }
        Ok(())
    }

    fn advance(
        &self,
        state: &ChainState,
        height: Height,
        outcome: &BlockOutcome,
    ) -> Result<ChainState> {
        let meta = self.store.block_meta(height)?.context("the block was read a moment ago")?;
        let txs_count = outcome.tx_results.len();
        let state = state.advance(meta.id, &meta.header, txs_count, outcome)?;
        let mut step = self.store.step();
        step.state(&state)?;
        step.write(Durable::Now)?;
        crash::point("after-state");
        Ok(state)
    }

    fn check_app_hash(&self, app_hash: &AppHash, state: &ChainState) -> Result<()> {
        ensure!(
            *app_hash == state.app_hash,
            "the application's state is {app_hash}, the chain says {} after height {}: it is not \
             deterministic, or its state is not of this chain; reset the application to replay",
            state.app_hash,
            state.last_height().map_or(0, |it| it.0),
        );
        Ok(())
    }
}
