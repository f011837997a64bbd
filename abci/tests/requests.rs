//! Questions say what the chain's nouns say, and the defaults of the trait answer them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::sync::Arc;

use abci::request::tx_bytes_in_block;
use abci::{
    Application, ApplicationError, BlockRequest, Call, CheckTxRequest, CommitInfo, CommitResponse,
    Connections, ExtendedCommitInfo, InfoRequest, InfoResponse, InitChainRequest,
    InitChainResponse, Misbehavior, PrepareProposalRequest, QueryRequest, QueryResponse, Timings,
    Verdict, VerifyVoteExtensionRequest, VoteFlag,
};
use bytes::Bytes;
use types::vote::Extension;
use types::{
    Address, BlockId, BlockOutcome, CommitSig, DuplicateVoteEvidence, Evidence, ExtendedCommit,
    ExtendedCommitSig, Hash, Height, PartSetHeader, PublicKey, Round, Signature, Time, Tx,
    TxResult, ValidatorIndex, ValidatorSet, Vote, VoteKind, VotingPower,
};

/// Fails in whatever has no default.
struct Bare;

impl Application for Bare {
    fn info(&self, _request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        Err(ApplicationError::new(Call::Info, "nothing here"))
    }

    fn init_chain(
        &self,
        _request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        Err(ApplicationError::new(Call::InitChain, "nothing here"))
    }

    fn check_tx(&self, _request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        Err(ApplicationError::new(Call::CheckTx, "nothing here"))
    }

    fn query(&self, _request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        Err(ApplicationError::new(Call::Query, "nothing here"))
    }

    fn finalize_block(&self, _block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        Err(ApplicationError::new(Call::FinalizeBlock, "nothing here"))
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        Err(ApplicationError::new(Call::Commit, "nothing here"))
    }
}

fn validators() -> ValidatorSet {
    let members = [(PublicKey([1; 32]), VotingPower(30)), (PublicKey([2; 32]), VotingPower(20))];
    ValidatorSet::new(&[&members[..], &[(PublicKey([3; 32]), VotingPower(10))]].concat())
        .expect("three distinct members")
}

fn block_id(byte: u8) -> BlockId {
    BlockId { hash: Hash([byte; 32]), parts: PartSetHeader { total: 1, hash: Hash([byte; 32]) } }
}

/// The first votes for the block, the second for nil, the third is not seen.
fn commit(validators: &ValidatorSet) -> ExtendedCommit {
    let address = |index| validators.get(ValidatorIndex(index)).unwrap().address;
    let (timestamp, signature) = (Time::EPOCH, Signature([7; 64]));
    let sigs = [
        CommitSig::Commit { validator_address: address(0), timestamp, signature },
        CommitSig::Nil { validator_address: address(1), timestamp, signature },
        CommitSig::Absent,
    ];
    let extension = Extension { bytes: Bytes::from_static(b"said"), signature };
    let extensions = [Some(extension), None, None];
    ExtendedCommit {
        height: Height(9),
        round: Round(2),
        block_id: block_id(1),
        signatures: sigs
            .into_iter()
            .zip(extensions)
            .map(|(sig, extension)| ExtendedCommitSig { sig, extension })
            .collect(),
    }
}

#[test]
fn commit_info_names_every_validator_in_order() {
    let validators = validators();
    let info = CommitInfo::of(&commit(&validators).commit(), &validators);
    assert_eq!(info.round, Round(2));
    let flags: Vec<VoteFlag> = info.votes.iter().map(|it| it.flag).collect();
    assert_eq!(flags, [VoteFlag::Commit, VoteFlag::Nil, VoteFlag::Absent]);
    let powers: Vec<u64> = info.votes.iter().map(|it| it.power.0).collect();
    assert_eq!(powers, [30, 20, 10]);
    let members: Vec<Address> = validators.validators().iter().map(|it| it.address).collect();
    assert_eq!(info.votes.iter().map(|it| it.address).collect::<Vec<_>>(), members);
}

#[test]
fn extensions_are_left_out_unless_enabled() {
    let validators = validators();
    let commit = commit(&validators);
    let on = ExtendedCommitInfo::of(&commit, &validators, true);
    assert_eq!(on.votes[0].extension, "said");
    assert_eq!(on.votes[0].extension_signature, Some(Signature([7; 64])));
    assert_eq!(on.votes[1].extension_signature, None);
    let off = ExtendedCommitInfo::of(&commit, &validators, false);
    assert_eq!(off.votes[0].extension, "");
    assert_eq!(off.votes[0].extension_signature, None);
    assert_eq!(off.votes[0].vote, on.votes[0].vote);
}

#[test]
fn misbehavior_is_of_the_height_where_it_happened() {
    let validators = validators();
    let (index, culprit) = validators.find(&PublicKey([2; 32]).address()).unwrap();
    let vote = |byte| Vote {
        kind: VoteKind::Prevote,
        height: Height(4),
        round: Round(0),
        block_id: Some(block_id(byte)),
        timestamp: Time::EPOCH,
        validator_address: culprit.address,
        validator_index: index,
        signature: Signature([0; 64]),
        extension: None,
    };
    let time = Time::from_unix(5, 0).unwrap();
    let evidence = DuplicateVoteEvidence::new(vote(1), vote(2), &validators, time).unwrap();
    let accused = Misbehavior::of(&[Evidence::DuplicateVote(Box::new(evidence))]);
    assert_eq!(accused.len(), 1);
    assert_eq!(accused[0].address, culprit.address);
    assert_eq!(accused[0].power, VotingPower(20));
    assert_eq!(accused[0].total_power, VotingPower(60));
    assert_eq!((accused[0].height, accused[0].time), (Height(4), time));
}

fn prepare(txs_bytes_max: u64, txs: &[Tx]) -> PrepareProposalRequest {
    PrepareProposalRequest {
        txs_bytes_max,
        txs: txs.to_vec(),
        local_last_commit: ExtendedCommitInfo::default(),
        misbehavior: Vec::new(),
        height: Height(1),
        time: Time::EPOCH,
        next_validators_hash: Hash([0; 32]),
        proposer_address: Address([0; 20]),
    }
}

#[test]
fn transactions_are_prepared_in_order_while_they_fit() {
    let txs: Vec<Tx> = [10, 200, 5].map(|bytes| Tx::from(vec![b'x'; bytes])).to_vec();
    let count = |bytes| Bare.prepare_proposal(&prepare(bytes, &txs)).unwrap().len();
    assert_eq!(count(11), 0);
    assert_eq!(count(12), 1);
    // 200 bytes take a length of two bytes. The third is not drawn past the second.
    assert_eq!(count(12 + 202), 1);
    assert_eq!(count(12 + 203), 2);
    assert_eq!(count(12 + 203 + 7), 3);
}

#[test]
fn a_transaction_takes_its_tag_and_length_too() {
    let sizes = [(0, 2), (1, 3), (127, 129), (128, 131), (16_383, 16_386), (16_384, 16_388)];
    for (bytes, size) in sizes {
        assert_eq!(tx_bytes_in_block(&vec![0; bytes]), size, "{bytes} bytes");
    }
}

#[test]
fn only_silence_is_accepted_where_no_extensions_are_known() {
    let request = |extension: &'static str| VerifyVoteExtensionRequest {
        hash: Hash([0; 32]),
        validator_address: Address([0; 20]),
        height: Height(1),
        extension: Bytes::from_static(extension.as_bytes()),
    };
    assert_eq!(Bare.verify_vote_extension(&request("")), Ok(Verdict::Accept));
    assert_eq!(Bare.verify_vote_extension(&request("x")), Ok(Verdict::Reject));
}

#[test]
fn calls_through_a_client_reach_the_application_and_are_timed() {
    let timings = Arc::new(Timings::default());
    let connections = Connections::local(Arc::new(Bare), Arc::clone(&timings));
    let failed = connections.query.info(&InfoRequest::default()).unwrap_err();
    assert_eq!(failed.to_string(), "application failed in info: nothing here");
    assert_eq!(connections.snapshot.list_snapshots(), Ok(Vec::new()));
    assert_eq!(connections.consensus.prepare_proposal(&prepare(9, &[])), Ok(Vec::new()));
    for call in Call::ALL {
        let made = [Call::Info, Call::ListSnapshots, Call::PrepareProposal].contains(&call);
        assert_eq!(timings.of(call).count, u64::from(made), "{call}");
    }
}
