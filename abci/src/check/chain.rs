//! A chain without a network and without signatures, from which the questions to an application
//! are made.

use std::time::Duration;

use bytes::Bytes;
use types::chain_state::LastBlock;
use types::keys::SIGNATURE_BYTES;
use types::vote::Extension;
use types::{
    Address, Block, BlockOutcome, ChainState, CommitSig, Evidence as Proof, ExtendedCommit,
    ExtendedCommitSig, Genesis, Height, Round, Signature, Tx, TxResult,
};

use super::report::Evidence;
use crate::application::Call;
use crate::request::{BlockRequest, ExtendedCommitInfo, Misbehavior, PrepareProposalRequest};
use crate::response::InitChainResponse;
use crate::testing::faults::equivocation;

/// How much later each block is than the one before.
const BLOCK_GAP: Duration = Duration::from_secs(1);
/// How often a vote is missing.
const SILENT_EVERY: u64 = 3;
/// Proves nothing; nobody is asked for a proof.
const SIGNATURE: Signature = Signature([0; SIGNATURE_BYTES]);

/// The chain, as far as it has come.
pub(super) struct Chain {
    state: ChainState,
    /// What was said beside the votes for the last block.
    extension: Bytes,
}

impl Chain {
    /// Begins as the application says.
    pub(super) fn begin(
        genesis: &Genesis,
        answer: &InitChainResponse,
        app_version: u64,
    ) -> Result<Self, Evidence> {
        let (validators, params) = (&answer.validators, answer.params.as_ref());
        let app_hash = answer.app_hash.clone();
        ChainState::after_init_chain(genesis, validators, params, app_hash, app_version)
            .map(|state| Self { state, extension: Bytes::new() })
            .map_err(|error| Evidence::new(error.to_string()).in_call(Call::InitChain))
    }

    /// Whether votes for the next block carry extensions.
    pub(super) fn extends(&self) -> bool {
        self.state.params.extensions_enabled(self.state.next_height())
    }

    /// The height of the next block.
    pub(super) fn next_height(&self) -> Height {
        self.state.next_height()
    }

    /// A validator, by its place in the set.
    pub(super) fn voter(&self, place: usize) -> Address {
        let members = self.state.validators.validators();
        members[place % members.len()].address
    }

    /// Asks for the next block, of as many transactions as fit.
    pub(super) fn prepare(&self, txs: Vec<Tx>) -> PrepareProposalRequest {
        let last_commit = match (&self.last_commit(), &self.state.last_block) {
            (Some(commit), Some(last)) => {
                let enabled = self.state.params.extensions_enabled(last.height);
                ExtendedCommitInfo::of(commit, &last.validators, enabled)
            }
            (None, _) | (Some(_), None) => ExtendedCommitInfo::default(),
        };
        let time = match self.state.last_block {
            Some(_) => self.state.last_block_time.after(BLOCK_GAP),
            None => self.state.last_block_time,
        };
        let evidence = self.evidence();
        let evidence_bytes = types::evidence::encoded_bytes(&evidence);
        PrepareProposalRequest {
            txs_bytes_max: self.state.txs_bytes_max(evidence_bytes),
            txs,
            local_last_commit: last_commit,
            misbehavior: Misbehavior::of(&evidence),
            height: self.state.next_height(),
            time,
            next_validators_hash: self.state.next_validators.hash(),
            proposer_address: self.state.validators.proposer().address,
        }
    }

    /// The next block, with these transactions.
    pub(super) fn block(&self, txs: Vec<Tx>) -> Block {
        let proposer = self.state.validators.proposer().address;
        let commit = self.last_commit();
        let commit = commit.as_ref().map(ExtendedCommit::commit);
        self.state.make_block(txs, commit, self.evidence(), proposer)
    }

    /// A block as the application is asked about it.
    pub(super) fn request(&self, block: &Block) -> BlockRequest {
        let last = self.state.last_block.as_ref();
        BlockRequest::of(block, last.map(|it| it.validators.as_ref()))
    }

    /// Goes on by a block. Results that are missing count as refusals.
    pub(super) fn advance(
        &mut self,
        block: &Block,
        outcome: &BlockOutcome,
        extension: Bytes,
    ) -> Result<(), Evidence> {
        let id = block.id(&block.part_set());
        let mut outcome = outcome.clone();
        let missing = TxResult { code: 1, ..TxResult::default() };
        outcome.tx_results.resize(block.txs.len(), missing);
        let advanced = self.state.advance(id, &block.header, block.txs.len(), &outcome);
        self.state = advanced.map_err(|error| {
            let evidence = Evidence::new(error.to_string()).in_call(Call::FinalizeBlock);
            evidence.at(block.header.height)
        })?;
        self.extension = extension;
        Ok(())
    }

    /// Somebody whom the chain can do without: with less than a third of the power. The place
    /// moves on with the height.
    fn spare(&self, last: &LastBlock) -> Option<Address> {
        let members = last.validators.validators();
        let place = usize::try_from(last.height.0).unwrap_or(0) % members.len();
        let spare = &members[place];
        let few = spare.power.0.checked_mul(3)? < last.validators.total_power().0;
        few.then_some(spare.address)
    }

    /// What the next block proves: in the second, that somebody voted twice in the first.
    fn evidence(&self) -> Vec<Proof> {
        let last = self.state.last_block.as_ref();
        let last = last.filter(|last| last.height == self.state.initial_height);
        let accused = last.and_then(|last| self.spare(last).map(|it| (last, it)));
        let time = self.state.last_block_time;
        accused.iter().map(|(last, culprit)| equivocation(last, time, culprit)).collect()
    }

    /// The votes for the last block: everybody's, but every third time somebody is silent.
    fn last_commit(&self) -> Option<ExtendedCommit> {
        let last = self.state.last_block.as_ref()?;
        let timestamp = self.state.last_block_time.after(BLOCK_GAP);
        let extended = self.state.params.extensions_enabled(last.height);
        let silent = self.spare(last).filter(|_| last.height.0.is_multiple_of(SILENT_EVERY));
        let entry = |validator_address| {
            if silent == Some(validator_address) {
                return ExtendedCommitSig { sig: CommitSig::Absent, extension: None };
            }
            let bytes = self.extension.clone();
            let extension = extended.then_some(Extension { bytes, signature: SIGNATURE });
            let sig = CommitSig::Commit { validator_address, timestamp, signature: SIGNATURE };
            ExtendedCommitSig { sig, extension }
        };
        let members = last.validators.validators().iter();
        Some(ExtendedCommit {
            height: last.height,
            round: Round::FIRST,
            block_id: last.id,
            signatures: members.map(|it| entry(it.address)).collect(),
        })
    }
}
