//! Starting a fresh application from a snapshot of the one that has run.

use std::sync::Arc;

use types::AppHash;

use super::{TestChain, TestChainError};
use crate::application::Application;
use crate::grammar::Grammar;
use crate::recorded::Recorded;
use crate::request::{
    ApplySnapshotChunkRequest, InfoRequest, LoadSnapshotChunkRequest, OfferSnapshotRequest,
};
use crate::response::{ChunkVerdict, SnapshotVerdict};

impl TestChain {
    /// Starts a fresh application from our latest snapshot, and puts to it the blocks since. The
    /// chain that it goes on with is a copy of ours.
    ///
    /// # Errors
    /// If there is no snapshot, or the fresh one does not take it, or is not what we are.
    pub fn snapshot_into(&self, fresh: Arc<dyn Application>) -> Result<TestChain, TestChainError> {
        let failed = |problem: String| TestChainError::Snapshot { problem };
        let snapshots = self.application.list_snapshots()?;
        let latest = snapshots.into_iter().max_by_key(|it| it.height);
        let snapshot = latest.ok_or_else(|| failed("there is none".to_owned()))?;
        let height = snapshot.height;
        let app_hash = self.app_hash_after(height).ok_or_else(|| {
            failed(format!("there is one of height {height}, which the chain does not have"))
        })?;
        let fresh = Recorded::from_start(fresh, Grammar::clean_start());
        let offer = OfferSnapshotRequest { snapshot: snapshot.clone(), app_hash };
        let verdict = fresh.offer_snapshot(&offer)?;
        if verdict != SnapshotVerdict::Accept {
            return Err(failed(format!("the offer of height {height}: {verdict:?}")));
        }
        for index in 0..snapshot.chunks {
            let request =
                LoadSnapshotChunkRequest { height, format: snapshot.format, chunk: index };
            let chunk = self.application.load_snapshot_chunk(&request)?;
            let chunk = chunk.ok_or_else(|| failed(format!("chunk {index} is not there")))?;
            let request = ApplySnapshotChunkRequest { index, chunk, sender: "peer".to_owned() };
            let verdict = fresh.apply_snapshot_chunk(&request)?.verdict;
            if verdict != ChunkVerdict::Accept {
                return Err(failed(format!("chunk {index}: {verdict:?}")));
            }
        }
        let answer = fresh.info(&InfoRequest::default())?;
        if (answer.last_block_height, &answer.last_block_app_hash)
            != (Some(height), &offer.app_hash)
        {
            return Err(TestChainError::Diverged { height: Some(height) });
        }
        let chain = TestChain {
            application: fresh,
            twins: None,
            genesis: self.genesis.clone(),
            first: self.first.clone(),
            state: self.state.clone(),
            executed: self.executed.clone(),
            gap: self.gap,
            silent: self.silent.clone(),
            accused: self.accused.clone(),
        };
        chain.replay_above(Some(height))?;
        Ok(chain)
    }

    fn app_hash_after(&self, height: types::Height) -> Option<AppHash> {
        let executed = self.executed.iter().find(|it| it.request.height == height)?;
        Some(executed.outcome.app_hash.clone())
    }
}
