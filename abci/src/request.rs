//! What the node asks of an application, made from the chain's own nouns.

use bytes::Bytes;
use types::{
    Address, AppHash, Block, ChainId, Commit, CommitSig, ConsensusParams, Evidence, ExtendedCommit,
    Genesis, Hash, Height, Round, Signature, Time, Tx, ValidatorSet, ValidatorUpdate, VotingPower,
};

use crate::response::Snapshot;

/// Who asks. spec: `RequestInfo`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct InfoRequest {
    /// Of the node's software.
    pub version: String,
    /// Of the block protocol.
    pub block_version: u64,
    /// Of the peer protocol.
    pub p2p_version: u64,
    /// Of ABCI.
    pub abci_version: String,
}

/// How the chain begins. spec: `RequestInitChain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitChainRequest {
    /// Time of the first block.
    pub time: Time,
    /// The chain.
    pub chain_id: ChainId,
    /// Parameters of the first block.
    pub params: ConsensusParams,
    /// The genesis file's validators, in the order of the set that they make.
    pub validators: Vec<ValidatorUpdate>,
    /// The application's beginning, as JSON text.
    pub app_state: Bytes,
    /// Height of the first block.
    pub initial_height: Height,
}

impl InitChainRequest {
    /// The question that a genesis file gives rise to.
    pub fn of(genesis: &Genesis) -> Self {
        let mut validators: Vec<ValidatorUpdate> = genesis
            .validators
            .iter()
            .map(|it| ValidatorUpdate { public_key: it.public_key, power: it.power })
            .collect();
        validators.sort_by_key(|it| (std::cmp::Reverse(it.power), it.public_key.address()));
        Self {
            time: genesis.genesis_time,
            chain_id: genesis.chain_id.clone(),
            params: genesis.params.clone(),
            validators,
            app_state: Bytes::from(genesis.app_state.clone()),
            initial_height: genesis.initial_height,
        }
    }
}

/// A transaction at the mempool's door. spec: `RequestCheckTx`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckTxRequest {
    /// The transaction.
    pub tx: Tx,
    /// Why it is asked about.
    pub kind: CheckTxKind,
}

/// Why a transaction is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckTxKind {
    /// It is new.
    New,
    /// It has waited, and a block was committed since.
    Recheck,
}

/// How much of an application's own mempool is wanted. spec: `RequestReapTxs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ReapTxsRequest {
    /// Most bytes; 0 is no limit.
    pub bytes_max: u64,
    /// Most gas; 0 is no limit.
    pub gas_max: u64,
}

/// A question about the committed state. spec: `RequestQuery`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct QueryRequest {
    /// What is asked for, as the application understands it.
    pub data: Bytes,
    /// How it is asked for.
    pub path: String,
    /// At which height; none is the last committed one.
    pub height: Option<Height>,
    /// Whether a proof is wanted.
    pub prove: bool,
}

/// What a proposal may be made of. spec: `RequestPrepareProposal`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrepareProposalRequest {
    /// Most bytes of transactions, with the bytes that the block adds around each
    /// ([`tx_bytes_in_block`]).
    pub txs_bytes_max: u64,
    /// From the mempool, in its order.
    pub txs: Vec<Tx>,
    /// Why the block before was decided, with the vote extensions that we saw.
    pub local_last_commit: ExtendedCommitInfo,
    /// Whom the block will accuse.
    pub misbehavior: Vec<Misbehavior>,
    /// Of the block.
    pub height: Height,
    /// Of the block.
    pub time: Time,
    /// The validators of the next height.
    pub next_validators_hash: Hash,
    /// Our own.
    pub proposer_address: Address,
}

impl PrepareProposalRequest {
    /// The transactions in their order, up to the first that does not fit.
    pub fn txs_that_fit(&self) -> Vec<Tx> {
        let mut left = self.txs_bytes_max;
        let fits = |tx: &&Tx| match left.checked_sub(tx_bytes_in_block(tx)) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        };
        self.txs.iter().take_while(fits).cloned().collect()
    }
}

/// Bytes that a transaction takes up in a block: a tag, its length as a varint, and itself. spec:
/// `ComputeProtoSizeForTxs`.
pub fn tx_bytes_in_block(tx: &[u8]) -> u64 {
    let bytes = tx.len() as u64;
    let bits = u64::from(u64::BITS - (bytes | 1).leading_zeros());
    1 + bits.div_ceil(7) + bytes
}

/// A block put to the application: to judge it (`process_proposal`), to extend the vote for it
/// (`extend_vote`), or to execute it once it is decided (`finalize_block`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRequest {
    /// Names the block.
    pub hash: Hash,
    /// Its height.
    pub height: Height,
    /// Its time.
    pub time: Time,
    /// In the order of execution.
    pub txs: Vec<Tx>,
    /// Why the block before was decided, as this block says; empty in the first.
    pub last_commit: CommitInfo,
    /// Whom the block accuses.
    pub misbehavior: Vec<Misbehavior>,
    /// The validators of the next height.
    pub next_validators_hash: Hash,
    /// Who made it.
    pub proposer_address: Address,
}

impl BlockRequest {
    /// The question about a block. `last_validators` voted on the block before; none exactly if
    /// there is none before.
    pub fn of(block: &Block, last_validators: Option<&ValidatorSet>) -> Self {
        let last_commit = match (&block.last_commit, last_validators) {
            (Some(commit), Some(validators)) => CommitInfo::of(commit, validators),
            (None, _) | (Some(_), None) => CommitInfo::default(),
        };
        Self {
            hash: block.hash(),
            height: block.header.height,
            time: block.header.time,
            txs: block.txs.clone(),
            last_commit,
            misbehavior: Misbehavior::of(&block.evidence),
            next_validators_hash: block.header.next_validators_hash,
            proposer_address: block.header.proposer_address,
        }
    }
}

/// A vote extension to be judged. spec: `RequestVerifyVoteExtension`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyVoteExtensionRequest {
    /// The block that the vote is for.
    pub hash: Hash,
    /// Whose vote.
    pub validator_address: Address,
    /// Of the block.
    pub height: Height,
    /// What it says.
    pub extension: Bytes,
}

/// A snapshot that a peer has. spec: `RequestOfferSnapshot`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferSnapshotRequest {
    /// As the peer describes it.
    pub snapshot: Snapshot,
    /// What the chain says the state at its height must be.
    pub app_hash: AppHash,
}

/// Asks for a piece of a snapshot of ours. spec: `RequestLoadSnapshotChunk`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadSnapshotChunkRequest {
    /// Which snapshot.
    pub height: Height,
    /// Which snapshot.
    pub format: u32,
    /// Which piece, from 0.
    pub chunk: u32,
}

/// A piece of the accepted snapshot. spec: `RequestApplySnapshotChunk`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplySnapshotChunkRequest {
    /// Which piece, from 0.
    pub index: u32,
    /// Its bytes.
    pub chunk: Bytes,
    /// The peer it came from.
    pub sender: String,
}

/// Who voted on the block before. spec: `CommitInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// In which it was decided.
    pub round: Round,
    /// One for each validator, in the set's order.
    pub votes: Vec<VoteSummary>,
}

/// Nobody voted: there is no block before.
impl Default for CommitInfo {
    fn default() -> Self {
        Self { round: Round::FIRST, votes: Vec::new() }
    }
}

impl CommitInfo {
    /// What a verified commit by these validators says of each.
    pub fn of(commit: &Commit, validators: &ValidatorSet) -> Self {
        assert_eq!(commit.signatures.len(), validators.count(), "the commit was verified");
        let members = validators.validators().iter();
        let votes = members.zip(&commit.signatures).map(|(member, sig)| VoteSummary {
            address: member.address,
            power: member.power,
            flag: VoteFlag::of(sig),
        });
        Self { round: commit.round, votes: votes.collect() }
    }
}

/// What became of one validator's precommit. spec: `VoteInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoteSummary {
    /// Whose.
    pub address: Address,
    /// Its weight at that height.
    pub power: VotingPower,
    /// What it was.
    pub flag: VoteFlag,
}

/// What a precommit was. spec: `BlockIDFlag`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteFlag {
    /// Not seen, or for another block. Wire flag 1.
    Absent,
    /// For the block. Wire flag 2.
    Commit,
    /// For nil. Wire flag 3.
    Nil,
}

impl VoteFlag {
    /// The flag of an entry of a commit.
    pub fn of(sig: &CommitSig) -> Self {
        match sig {
            CommitSig::Absent => VoteFlag::Absent,
            CommitSig::Commit { .. } => VoteFlag::Commit,
            CommitSig::Nil { .. } => VoteFlag::Nil,
        }
    }
}

/// As [`CommitInfo`], with what the proposer saw of the vote extensions. spec:
/// `ExtendedCommitInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedCommitInfo {
    /// In which the block before was decided.
    pub round: Round,
    /// One for each validator, in the set's order.
    pub votes: Vec<ExtendedVoteSummary>,
}

/// Nobody voted: there is no block before.
impl Default for ExtendedCommitInfo {
    fn default() -> Self {
        Self { round: Round::FIRST, votes: Vec::new() }
    }
}

impl ExtendedCommitInfo {
    /// What a verified commit by these validators says of each. Extensions are left out unless
    /// they were `enabled` at the commit's height.
    pub fn of(commit: &ExtendedCommit, validators: &ValidatorSet, enabled: bool) -> Self {
        assert_eq!(commit.signatures.len(), validators.count(), "the commit was verified");
        let members = validators.validators().iter();
        let votes = members.zip(&commit.signatures).map(|(member, entry)| {
            let extension = entry.extension.as_ref().filter(|_| enabled);
            ExtendedVoteSummary {
                vote: VoteSummary {
                    address: member.address,
                    power: member.power,
                    flag: VoteFlag::of(&entry.sig),
                },
                extension: extension.map(|it| it.bytes.clone()).unwrap_or_default(),
                extension_signature: extension.map(|it| it.signature),
            }
        });
        Self { round: commit.round, votes: votes.collect() }
    }
}

/// What became of one validator's precommit, and what it said beside it. spec:
/// `ExtendedVoteInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedVoteSummary {
    /// The precommit.
    pub vote: VoteSummary,
    /// What it said; may be empty.
    pub extension: Bytes,
    /// Over the extension; none if extensions are not enabled, or the vote was not for the block.
    pub extension_signature: Option<Signature>,
}

/// Whom a block accuses, and of what. spec: `Misbehavior`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misbehavior {
    /// Of what.
    pub kind: MisbehaviorKind,
    /// Whom.
    pub address: Address,
    /// Its weight when it happened.
    pub power: VotingPower,
    /// When it happened.
    pub height: Height,
    /// Time of the block at that height.
    pub time: Time,
    /// Weight of all validators at that height.
    pub total_power: VotingPower,
}

/// What a validator is accused of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MisbehaviorKind {
    /// Two votes of one kind in one round. Wire type 1.
    DuplicateVote,
    /// A part in a lie to light clients. Wire type 2.
    LightClientAttack,
}

impl Misbehavior {
    /// The accusations in a block's evidence: one for each culprit.
    pub fn of(evidence: &[Evidence]) -> Vec<Self> {
        evidence.iter().flat_map(Self::of_one).collect()
    }

    fn of_one(evidence: &Evidence) -> Vec<Self> {
        match evidence {
            Evidence::DuplicateVote(it) => vec![Self {
                kind: MisbehaviorKind::DuplicateVote,
                address: it.vote_a.validator_address,
                power: it.validator_power,
                height: it.vote_a.height,
                time: it.timestamp,
                total_power: it.total_power,
            }],
            Evidence::LightClientAttack(it) => {
                let accused = it.byzantine_validators.iter().map(|culprit| Self {
                    kind: MisbehaviorKind::LightClientAttack,
                    address: culprit.address,
                    power: culprit.power,
                    height: it.common_height,
                    time: it.timestamp,
                    total_power: it.total_power,
                });
                accused.collect()
            }
        }
    }
}
