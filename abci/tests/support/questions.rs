//! Every call with something in every field, put to an application here and to its stub alike.

use abci::{
    Application, ApplySnapshotChunkRequest, BlockRequest, CheckTxKind, CheckTxRequest, CommitInfo,
    ExtendedCommitInfo, ExtendedVoteSummary, InfoRequest, InitChainRequest,
    LoadSnapshotChunkRequest, Misbehavior, MisbehaviorKind, OfferSnapshotRequest,
    PrepareProposalRequest, QueryRequest, VerifyVoteExtensionRequest, VoteFlag, VoteSummary,
};
use bytes::Bytes;
use types::{
    Address, AppHash, ChainId, ConsensusParams, Hash, Height, PublicKey, Round, Signature, Time,
    ValidatorUpdate, VotingPower,
};

use crate::echoing::{Echoing, snapshot};

fn time() -> Time {
    Time::from_unix(1_700_000_000, 123_456_789).unwrap()
}

fn votes() -> Vec<VoteSummary> {
    let flags = [VoteFlag::Absent, VoteFlag::Commit, VoteFlag::Nil];
    let vote = |(byte, flag)| VoteSummary {
        address: Address([byte; 20]),
        power: VotingPower(u64::from(byte) * 10),
        flag,
    };
    (1..).zip(flags).map(vote).collect()
}

fn misbehavior() -> Vec<Misbehavior> {
    let kinds = [MisbehaviorKind::DuplicateVote, MisbehaviorKind::LightClientAttack];
    let one = |kind| Misbehavior {
        kind,
        address: Address([9; 20]),
        power: VotingPower(10),
        height: Height(3),
        time: time(),
        total_power: VotingPower(60),
    };
    kinds.map(one).to_vec()
}

fn txs() -> Vec<Bytes> {
    vec![Bytes::from_static(b"a=1"), Bytes::new(), Bytes::from(vec![7; 100_000])]
}

/// A block with something in every field.
pub fn block() -> BlockRequest {
    BlockRequest {
        hash: Hash([1; 32]),
        height: Height(7),
        time: time(),
        txs: txs(),
        last_commit: CommitInfo { round: Round(2), votes: votes() },
        misbehavior: misbehavior(),
        next_validators_hash: Hash([2; 32]),
        proposer_address: Address([3; 20]),
    }
}

fn init_chain() -> InitChainRequest {
    let update = ValidatorUpdate { public_key: PublicKey([4; 32]), power: VotingPower(10) };
    InitChainRequest {
        time: time(),
        chain_id: ChainId::new("chain").unwrap(),
        params: ConsensusParams { authority: "them".to_owned(), ..ConsensusParams::default() },
        validators: vec![update],
        app_state: Bytes::from_static(b"{}"),
        initial_height: Height(5),
    }
}

fn prepare() -> PrepareProposalRequest {
    let signatures = [None, Some(Signature([6; 64])), None];
    let vote = |(vote, extension_signature)| ExtendedVoteSummary {
        vote,
        extension: Bytes::from_static(b"more"),
        extension_signature,
    };
    let votes = votes().into_iter().zip(signatures).map(vote).collect();
    PrepareProposalRequest {
        txs_bytes_max: 1_000_000,
        txs: txs(),
        local_last_commit: ExtendedCommitInfo { round: Round(2), votes },
        misbehavior: misbehavior(),
        height: Height(7),
        time: time(),
        next_validators_hash: Hash([2; 32]),
        proposer_address: Address([3; 20]),
    }
}

/// Puts every call to both, and holds what each was asked and answered against the other.
pub fn put_all(remote: &dyn Application, here: &Echoing) {
    let both = |put: &dyn Fn(&dyn Application) -> String| {
        let (answered, asked) = (put(remote), here.asked());
        assert_eq!(answered, put(here));
        assert_eq!(asked, here.asked());
    };
    let info = InfoRequest {
        version: "0.38".to_owned(),
        block_version: 11,
        p2p_version: 8,
        abci_version: "2.0.0".to_owned(),
    };
    both(&|it| format!("{:?}", it.info(&info)));
    both(&|it| format!("{:?}", it.info(&InfoRequest::default())));
    both(&|it| format!("{:?}", it.init_chain(&init_chain())));
    for kind in [CheckTxKind::New, CheckTxKind::Recheck] {
        let request = CheckTxRequest { tx: Bytes::from_static(b"tx"), kind };
        both(&|it| format!("{:?}", it.check_tx(&request)));
    }
    for height in [None, Some(Height(4))] {
        let (data, path) = (Bytes::from_static(b"key"), "/store".to_owned());
        let request = QueryRequest { data, path, height, prove: height.is_some() };
        both(&|it| format!("{:?}", it.query(&request)));
    }
    both(&|it| format!("{:?}", it.prepare_proposal(&prepare())));
    both(&|it| format!("{:?}", it.process_proposal(&block())));
    both(&|it| format!("{:?}", it.extend_vote(&block())));
    let extension = VerifyVoteExtensionRequest {
        hash: Hash([1; 32]),
        validator_address: Address([3; 20]),
        height: Height(7),
        extension: Bytes::from_static(b"more"),
    };
    both(&|it| format!("{:?}", it.verify_vote_extension(&extension)));
    both(&|it| format!("{:?}", it.finalize_block(&block())));
    both(&|it| format!("{:?}", it.commit()));
    both(&|it| format!("{:?}", it.list_snapshots()));
    let offer = OfferSnapshotRequest {
        snapshot: snapshot(),
        app_hash: AppHash(Bytes::from_static(b"any length")),
    };
    both(&|it| format!("{:?}", it.offer_snapshot(&offer)));
    for chunk in [0, 1] {
        let request = LoadSnapshotChunkRequest { height: Height(9), format: 1, chunk };
        both(&|it| format!("{:?}", it.load_snapshot_chunk(&request)));
    }
    let piece = ApplySnapshotChunkRequest {
        index: 1,
        chunk: Bytes::from_static(b"chunk"),
        sender: "peer".to_owned(),
    };
    both(&|it| format!("{:?}", it.apply_snapshot_chunk(&piece)));
}
