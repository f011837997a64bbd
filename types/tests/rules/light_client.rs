//! What we make, judged by a light client that we did not write: `tendermint-light-client-verifier`
//! accepts it as it is, and refuses it, as we do, when any field is changed.

use std::time::Duration;

use prost::Message as _;
use tendermint::block::signed_header::SignedHeader as OracleSignedHeader;
use tendermint::validator::Set as OracleSet;
use tendermint_light_client_verifier::options::Options;
use tendermint_light_client_verifier::types::{
    TrustThreshold, TrustedBlockState, UntrustedBlockState,
};
use tendermint_light_client_verifier::{ProdVerifier, Verdict, Verifier};
use tendermint_proto::v0_38::types as wire;
use types::commit::Demand;
use types::{
    Address, AppHash, BlockId, ChainId, CommitSig, Hash, LightBlock, PublicKey, SignedHeader,
    Validator, ValidatorSet, Version, VotingPower, codec,
};

use crate::network::{Network, chain_id, other_id, public_key, seconds, update};

/// A chain of twenty heights on which validators join, leave and change.
fn chain() -> Vec<LightBlock> {
    let mut network = Network::new(&[10, 20, 30, 40]);
    for height in 1..=20 {
        let changes = match height {
            3 => vec![update(5, 25)],
            8 => vec![update(1, 0), update(2, 50)],
            12 => vec![update(6, 1)],
            _ => vec![],
        };
        network.grow(&["a=1"], &changes);
    }
    network.light_blocks
}

/// The oracle's own types, through the bytes that we would send; an error if it cannot read them.
fn read(block: &LightBlock) -> Result<(OracleSignedHeader, OracleSet), String> {
    let LightBlock { signed_header, validators } = block;
    let fault = |error: &dyn std::fmt::Display| error.to_string();
    let header = codec::encode_header(&signed_header.header);
    let header = wire::Header::decode(header).map_err(|it| fault(&it))?;
    let commit = codec::encode_commit(&signed_header.commit);
    let commit = wire::Commit::decode(&commit[..]).map_err(|it| fault(&it))?;
    let set = codec::encode_validator_set(validators);
    let set = wire::ValidatorSet::decode(&set[..]).map_err(|it| fault(&it))?;
    let header = header.try_into().map_err(|it: tendermint::Error| fault(&it))?;
    let commit = commit.try_into().map_err(|it: tendermint::Error| fault(&it))?;
    let set = set.try_into().map_err(|it: tendermint::Error| fault(&it))?;
    let signed_header = OracleSignedHeader::new(header, commit).map_err(|it| fault(&it))?;
    Ok((signed_header, set))
}

/// The oracle's verdict on `block`, trusting `trusted` and the validators that come after it.
fn oracle_accepts(trusted: &LightBlock, next: &ValidatorSet, block: &LightBlock) -> bool {
    let (trusted, _) = read(trusted).expect("the oracle can read what we trust");
    let next = codec::encode_validator_set(next);
    let next: OracleSet = wire::ValidatorSet::decode(&next[..]).unwrap().try_into().unwrap();
    let Ok((signed_header, validators)) = read(block) else { return false };
    let untrusted = UntrustedBlockState {
        signed_header: &signed_header,
        validators: &validators,
        next_validators: None,
    };
    let trusted = TrustedBlockState {
        chain_id: &trusted.header.chain_id,
        header_time: trusted.header.time,
        height: trusted.header.height,
        next_validators: &next,
        next_validators_hash: trusted.header.next_validators_hash,
    };
    let options = Options {
        trust_threshold: TrustThreshold::ONE_THIRD,
        trusting_period: Duration::from_secs(3_600),
        clock_drift: Duration::from_secs(1),
    };
    let (now, _) = seconds(100).unix();
    let now = tendermint::Time::from_unix_timestamp(now, 0).unwrap();
    let verdict = ProdVerifier::default().verify_update_header(untrusted, trusted, &options, now);
    matches!(verdict, Verdict::Success)
}

/// Our own verdict: the parts belong together, and the header's validators signed it.
fn we_accept(block: &LightBlock) -> bool {
    let LightBlock { signed_header: SignedHeader { header, commit }, validators } = block;
    header.hash() == commit.block_id.hash
        && validators.hash() == header.validators_hash
        && commit
            .verify(&chain_id(), validators, header.height, &commit.block_id, Demand::Light)
            .is_ok()
}

#[test]
fn every_height_is_accepted_from_the_one_before_and_in_leaps() {
    let chain = chain();
    for (index, trusted) in chain.iter().enumerate() {
        for block in chain.iter().skip(index + 1).take(4) {
            let next = &chain[index + 1].validators;
            let height = block.signed_header.header.height;
            assert!(we_accept(block), "height {height}");
            assert!(oracle_accepts(trusted, next, block), "height {height} from {index}");
        }
    }
}

/// Changes a block in one way, and expects that nobody accepts it any more.
fn refused(name: &str, change: impl Fn(&mut LightBlock)) {
    let chain = chain();
    let (trusted, original) = (&chain[9], &chain[10]);
    assert!(oracle_accepts(trusted, &original.validators, original));
    let mut changed = original.clone();
    change(&mut changed);
    assert_ne!(changed, *original, "{name} was not changed");
    assert!(!we_accept(&changed), "we accept a changed {name}");
    assert!(
        !oracle_accepts(trusted, &original.validators, &changed),
        "the oracle accepts a changed {name}"
    );
}

#[test]
fn headers_changed_in_any_field_are_refused() {
    let header = |name: &str, change: fn(&mut types::Header)| {
        refused(name, |block| change(&mut block.signed_header.header));
    };
    header("version.block", |it| it.version = Version { block: 12, ..it.version });
    header("version.app", |it| it.version = Version { app: 1, ..it.version });
    header("chain_id", |it| it.chain_id = ChainId::new("other").unwrap());
    header("height", |it| it.height = it.height.next());
    header("time", |it| it.time = seconds(50));
    header("last_block_id", |it| it.last_block_id = Some(other_id(1)));
    header("last_commit_hash", |it| it.last_commit_hash = Some(Hash([1; 32])));
    header("data_hash", |it| it.data_hash = Some(Hash([1; 32])));
    header("validators_hash", |it| it.validators_hash = Hash([1; 32]));
    header("next_validators_hash", |it| it.next_validators_hash = Hash([1; 32]));
    header("consensus_hash", |it| it.consensus_hash = Hash([1; 32]));
    header("app_hash", |it| it.app_hash = AppHash((&b"other"[..]).into()));
    header("last_results_hash", |it| it.last_results_hash = Some(Hash([1; 32])));
    header("evidence_hash", |it| it.evidence_hash = Some(Hash([1; 32])));
    header("proposer_address", |it| it.proposer_address = Address([1; 20]));
}

#[test]
fn commits_changed_in_any_field_are_refused() {
    let commit = |name: &str, change: fn(&mut types::Commit)| {
        refused(name, |block| change(&mut block.signed_header.commit));
    };
    commit("height", |it| it.height = it.height.next());
    commit("round", |it| it.round = it.round.next());
    commit("block_id.hash", |it| it.block_id.hash = Hash([1; 32]));
    commit("block_id.parts.total", |it| it.block_id.parts.total += 1);
    commit("block_id.parts.hash", |it| it.block_id.parts.hash = Hash([1; 32]));
    commit("count of signatures", |it| it.signatures.truncate(3));
    commit("flags", |it| it.signatures[..2].fill(CommitSig::Absent));
    let entry = |name: &str, change: fn(&mut Address, &mut types::Time, &mut types::Signature)| {
        refused(name, |block| match &mut block.signed_header.commit.signatures[0] {
            CommitSig::Commit { validator_address, timestamp, signature } => {
                change(validator_address, timestamp, signature);
            }
            CommitSig::Absent | CommitSig::Nil { .. } => panic!("everybody voted"),
        });
    };
    entry("validator_address", |address, _, _| *address = public_key(9).address());
    entry("timestamp", |_, timestamp, _| *timestamp = seconds(50));
    entry("signature", |_, _, signature| signature.0[0] ^= 1);
}

#[test]
fn votes_for_nil_do_not_count_for_the_block() {
    refused("flags", |block| {
        for entry in &mut block.signed_header.commit.signatures[..3] {
            if let CommitSig::Commit { validator_address, timestamp, signature } = entry.clone() {
                *entry = CommitSig::Nil { validator_address, timestamp, signature };
            }
        }
    });
}

#[test]
fn validators_changed_in_any_hashed_field_are_refused() {
    let set = |name: &str, change: fn(&mut Vec<Validator>)| {
        refused(name, |block| {
            let mut validators = block.validators.validators().to_vec();
            change(&mut validators);
            block.validators = ValidatorSet::from_parts(validators, None).unwrap();
        });
    };
    set("power", |it| it[1].power = VotingPower(it[1].power.0 + 1));
    set("public_key", |it| {
        it[1].public_key = public_key(9);
        it[1].address = public_key(9).address();
    });
    set("count", |it| it.truncate(3));
    set("count", |it| {
        let stranger: PublicKey = public_key(9);
        it.push(Validator { address: stranger.address(), public_key: stranger, ..it[0].clone() });
    });
}

#[test]
fn priorities_are_not_covered_by_the_hash() {
    let chain = chain();
    let mut block = chain[10].clone();
    block.validators = block.validators.advanced(3);
    assert_ne!(block, chain[10]);
    assert!(we_accept(&block));
    assert!(oracle_accepts(&chain[9], &chain[10].validators, &block));
}

#[test]
fn header_of_another_block_is_refused() {
    let chain = chain();
    refused("header", |block| block.signed_header.header = chain[9].signed_header.header.clone());
    refused("block_id", |block| {
        let id: BlockId = chain[9].signed_header.commit.block_id;
        block.signed_header.commit.block_id = id;
    });
}
