//! What the first instance was asked and has answered, to be put to the others.

use types::{BlockOutcome, Height, Tx};

use super::plan::Purpose;
use super::seen::Seen;
use crate::request::{
    BlockRequest, InitChainRequest, PrepareProposalRequest, QueryRequest,
    VerifyVoteExtensionRequest,
};
use crate::response::{InitChainResponse, Verdict};

/// A chain as the first instance has seen it.
pub(super) struct Script {
    pub(super) beginning: InitChainRequest,
    pub(super) begun: InitChainResponse,
    pub(super) steps: Vec<Step>,
}

/// One height of it.
pub(super) struct Step {
    pub(super) purpose: Purpose,
    /// What changes in the state can be seen by.
    pub(super) questions: Vec<QueryRequest>,
    /// Asks for a proposal, with all the room there is.
    pub(super) prepare: PrepareProposalRequest,
    /// The same with less room than the transactions need; none if there are none.
    pub(super) tight: Option<PrepareProposalRequest>,
    /// The decided block.
    pub(super) block: BlockRequest,
    /// Each proposal that was judged, and what was said of it.
    pub(super) verdicts: Vec<(BlockRequest, Verdict)>,
    /// Whether votes for the block carry extensions.
    pub(super) extends: bool,
    /// Vote extensions that were judged, and what was said of each: the first instance's own, then
    /// noise. Empty if none were.
    pub(super) extensions: Vec<(VerifyVoteExtensionRequest, Verdict)>,
    pub(super) outcome: BlockOutcome,
    /// What was seen after Commit.
    pub(super) seen: Seen,
    /// Transactions that were checked again after Commit, and whether each time they would do.
    pub(super) rechecked: Vec<(Tx, Vec<bool>)>,
}

impl Step {
    pub(super) fn height(&self) -> Height {
        self.block.height
    }
}

impl Script {
    /// The step of a height.
    pub(super) fn step(&self, height: Height) -> Option<&Step> {
        self.steps.iter().find(|step| step.height() == height)
    }

    /// Transactions that were decided.
    pub(super) fn txs(&self) -> impl Iterator<Item = &Tx> {
        self.steps.iter().flat_map(|step| &step.block.txs)
    }
}
