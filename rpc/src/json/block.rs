//! Blocks, headers, commits and evidence as JSON.

use serde_json::{Value, json};
use types::{
    Block, BlockId, Commit, CommitSig, Evidence, Header, LightBlock, PartSetHeader, Time,
    Validator, ValidatorSet, Vote,
};

use super::{app_hash, base64, hash, number, public_key, time};

/// A block.
pub fn block(block: &Block) -> Value {
    json!({
        "header": header(&block.header),
        "data": {"txs": block.txs.iter().map(|tx| tx_base64(tx)).collect::<Vec<_>>()},
        "evidence": {"evidence": block.evidence.iter().map(evidence).collect::<Vec<_>>()},
        "last_commit": block.last_commit.as_ref().map_or_else(no_commit, commit),
    })
}

/// A transaction's bytes; unlike other bytes never null.
pub fn tx_base64(tx: &[u8]) -> Value {
    use base64::Engine;
    Value::String(base64::engine::general_purpose::STANDARD.encode(tx))
}

/// A header.
pub fn header(header: &Header) -> Value {
    json!({
        "version": {
            "block": number(header.version.block),
            "app": number(header.version.app),
        },
        "chain_id": header.chain_id.as_str(),
        "height": number(header.height),
        "time": time(header.time),
        "last_block_id": block_id(header.last_block_id.as_ref()),
        "last_commit_hash": hash(header.last_commit_hash.as_ref()),
        "data_hash": hash(header.data_hash.as_ref()),
        "validators_hash": hash(Some(&header.validators_hash)),
        "next_validators_hash": hash(Some(&header.next_validators_hash)),
        "consensus_hash": hash(Some(&header.consensus_hash)),
        "app_hash": app_hash(&header.app_hash),
        "last_results_hash": hash(header.last_results_hash.as_ref()),
        "evidence_hash": hash(header.evidence_hash.as_ref()),
        "proposer_address": header.proposer_address.to_string(),
    })
}

/// A block id; empty hashes if there is none.
pub fn block_id(id: Option<&BlockId>) -> Value {
    json!({
        "hash": hash(id.map(|id| &id.hash)),
        "parts": part_set_header(id.map(|id| &id.parts)),
    })
}

/// Root and count of parts.
pub fn part_set_header(header: Option<&PartSetHeader>) -> Value {
    json!({
        "total": header.map_or(0, |it| it.total),
        "hash": hash(header.map(|it| &it.hash)),
    })
}

/// A commit.
pub fn commit(commit: &Commit) -> Value {
    json!({
        "height": number(commit.height),
        "round": commit.round.0,
        "block_id": block_id(Some(&commit.block_id)),
        "signatures": commit.signatures.iter().map(commit_sig).collect::<Vec<_>>(),
    })
}

/// What the first block carries instead of a commit.
fn no_commit() -> Value {
    json!({"height": "0", "round": 0, "block_id": block_id(None), "signatures": []})
}

fn commit_sig(sig: &CommitSig) -> Value {
    let (flag, signed) = match sig {
        CommitSig::Absent => (1, None),
        CommitSig::Commit { validator_address, timestamp, signature } => {
            (2, Some((validator_address, *timestamp, signature)))
        }
        CommitSig::Nil { validator_address, timestamp, signature } => {
            (3, Some((validator_address, *timestamp, signature)))
        }
    };
    json!({
        "block_id_flag": flag,
        "validator_address": signed.map_or_else(String::new, |(address, ..)| address.to_string()),
        "timestamp": time(signed.map_or(Time::ZERO, |(_, timestamp, _)| timestamp)),
        "signature": signed.map_or(Value::Null, |(.., signature)| base64(&signature.0)),
    })
}

/// A vote.
pub fn vote(vote: &Vote) -> Value {
    let kind = match vote.kind {
        types::VoteKind::Prevote => 1,
        types::VoteKind::Precommit => 2,
    };
    json!({
        "type": kind,
        "height": number(vote.height),
        "round": vote.round.0,
        "block_id": block_id(vote.block_id.as_ref()),
        "timestamp": time(vote.timestamp),
        "validator_address": vote.validator_address.to_string(),
        "validator_index": vote.validator_index.0,
        "signature": base64(&vote.signature.0),
        "extension": vote.extension.as_ref().map_or(Value::Null, |it| base64(&it.bytes)),
        "extension_signature":
            vote.extension.as_ref().map_or(Value::Null, |it| base64(&it.signature.0)),
    })
}

/// A validator with its place in the rotation.
pub fn validator(validator: &Validator) -> Value {
    json!({
        "address": validator.address.to_string(),
        "pub_key": public_key(&validator.public_key),
        "voting_power": number(validator.power),
        "proposer_priority": number(validator.proposer_priority),
    })
}

/// A validator set with its proposer.
pub fn validator_set(set: &ValidatorSet) -> Value {
    json!({
        "validators": set.validators().iter().map(validator).collect::<Vec<_>>(),
        "proposer": validator(set.proposer()),
    })
}

/// Evidence with its type.
pub fn evidence(evidence: &Evidence) -> Value {
    match evidence {
        Evidence::DuplicateVote(it) => json!({
            "type": "tendermint/DuplicateVoteEvidence",
            "value": {
                "vote_a": vote(&it.vote_a),
                "vote_b": vote(&it.vote_b),
                "TotalVotingPower": number(it.total_power),
                "ValidatorPower": number(it.validator_power),
                "Timestamp": time(it.timestamp),
            },
        }),
        Evidence::LightClientAttack(it) => json!({
            "type": "tendermint/LightClientAttackEvidence",
            "value": {
                "ConflictingBlock": light_block(&it.conflicting_block),
                "CommonHeight": number(it.common_height),
                "ByzantineValidators":
                    it.byzantine_validators.iter().map(validator).collect::<Vec<_>>(),
                "TotalVotingPower": number(it.total_power),
                "Timestamp": time(it.timestamp),
            },
        }),
    }
}

fn light_block(block: &LightBlock) -> Value {
    json!({
        "signed_header": {
            "header": header(&block.signed_header.header),
            "commit": commit(&block.signed_header.commit),
        },
        "validator_set": validator_set(&block.validators),
    })
}
