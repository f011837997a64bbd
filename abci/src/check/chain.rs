//! A chain without a network and without signatures, from which the questions to an application
//! are made.

use std::time::Duration;

use bytes::Bytes;
use types::keys::SIGNATURE_BYTES;
use types::vote::Extension;
use types::{
    Address, Block, BlockOutcome, ChainState, CommitSig, ExtendedCommit, ExtendedCommitSig,
    Genesis, Height, Round, Signature, Tx, TxResult,
};

use super::report::Evidence;
use crate::application::Call;
use crate::request::{BlockRequest, ExtendedCommitInfo, PrepareProposalRequest};
use crate::response::InitChainResponse;

/// How much later each block is than the one before.
const BLOCK_GAP: Duration = Duration::from_secs(1);
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

    /// Asks for the next block, of at most so many bytes of transactions, or as many as fit.
    pub(super) fn prepare(&self, txs: Vec<Tx>, bytes_max: Option<u64>) -> PrepareProposalRequest {
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
        PrepareProposalRequest {
            txs_bytes_max: bytes_max.unwrap_or_else(|| self.state.txs_bytes_max(0)),
            txs,
            local_last_commit: last_commit,
            misbehavior: Vec::new(),
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
        self.state.make_block(txs, commit.as_ref().map(ExtendedCommit::commit), vec![], proposer)
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

    /// Everybody's votes for the last block.
    fn last_commit(&self) -> Option<ExtendedCommit> {
        let last = self.state.last_block.as_ref()?;
        let timestamp = self.state.last_block_time.after(BLOCK_GAP);
        let extended = self.state.params.extensions_enabled(last.height);
        let entry = |validator_address| ExtendedCommitSig {
            sig: CommitSig::Commit { validator_address, timestamp, signature: SIGNATURE },
            extension: extended
                .then(|| Extension { bytes: self.extension.clone(), signature: SIGNATURE }),
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
