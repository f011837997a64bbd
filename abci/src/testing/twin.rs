//! A second application beside the first, to see whether both make the same of every block.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use types::{BlockOutcome, Height};

use super::TestChainError;
use crate::application::Application;
use crate::request::BlockRequest;
use crate::response::Verdict;

/// An application that shows what it is about to commit, so that two of them can be compared, and
/// says what should hold.
pub trait Inspected: Application {
    /// What the executed block writes: keys, and their new values or none.
    fn staged_writes(&self) -> BTreeMap<Vec<u8>, Option<Bytes>>;

    /// What does not hold in the committed state and should.
    fn broken_invariant(&self) -> Option<String>;
}

/// The application twice: what the chain drives, and one that only follows.
pub(super) struct Twins {
    pub(super) leader: Arc<dyn Inspected>,
    follower: Arc<dyn Inspected>,
}

impl Twins {
    pub(super) fn new(leader: Arc<dyn Inspected>, follower: Arc<dyn Inspected>) -> Self {
        Self { leader, follower }
    }

    pub(super) fn into_follower(self) -> Arc<dyn Inspected> {
        self.follower
    }

    pub(super) fn follower(&self) -> &dyn Application {
        &*self.follower
    }

    /// Has the follower judge and execute a block that the leader has executed, and compares.
    pub(super) fn compare(
        &self,
        request: &BlockRequest,
        outcome: &BlockOutcome,
    ) -> Result<(), TestChainError> {
        let height = request.height;
        if self.follower.process_proposal(request)? == Verdict::Reject {
            return Err(TestChainError::Differ { height, what: "the verdict".to_owned() });
        }
        let followed = self.follower.finalize_block(request)?;
        let (ours, theirs) = (self.leader.staged_writes(), self.follower.staged_writes());
        let differing =
            ours.keys().chain(theirs.keys()).find(|key| ours.get(*key) != theirs.get(*key));
        let what = if let Some(key) = differing {
            format!("key {}", key.escape_ascii())
        } else if let Some(index) = first_differing_result(outcome, &followed) {
            format!("the result of transaction {index}")
        } else if outcome.events != followed.events {
            "the block's events".to_owned()
        } else if outcome != &followed {
            "validators, parameters or app hash".to_owned()
        } else {
            return Ok(());
        };
        Err(TestChainError::Differ { height, what })
    }

    /// Has the follower commit, and asks both what does not hold.
    pub(super) fn commit(&self, height: Height) -> Result<(), TestChainError> {
        self.follower.commit()?;
        for application in [&self.leader, &self.follower] {
            if let Some(broken) = application.broken_invariant() {
                return Err(TestChainError::Invariant { height, broken });
            }
        }
        Ok(())
    }
}

fn first_differing_result(ours: &BlockOutcome, theirs: &BlockOutcome) -> Option<usize> {
    let count = ours.tx_results.len().max(theirs.tx_results.len());
    (0..count).find(|&index| ours.tx_results.get(index) != theirs.tx_results.get(index))
}
