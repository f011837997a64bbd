//! The kvstore against the reference's own expectations, on a chain with restarts and crashes, and
//! against a model.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod chain;
mod conformance;
mod model;
mod reference;

use abci::{Application, BlockRequest, CheckTxKind, CheckTxRequest, CommitInfo, QueryRequest};
use bytes::Bytes;
use types::genesis::GenesisValidator;
use types::{
    Address, AppHash, ChainId, ConsensusParams, Genesis, Hash, Height, PublicKey, Time, Tx,
    ValidatorUpdate, VotingPower,
};

/// A chain of so many validators with power 10 each.
fn genesis(validators: u8) -> Genesis {
    let validator = |number| GenesisValidator {
        public_key: key(number),
        power: VotingPower(10),
        name: String::new(),
    };
    Genesis {
        genesis_time: Time::from_unix(1_700_000_000, 0).unwrap(),
        chain_id: ChainId::new("kvstore-test").unwrap(),
        initial_height: Height::FIRST,
        params: ConsensusParams::default(),
        validators: (0..validators).map(validator).collect(),
        app_hash: AppHash::default(),
        app_state: "{}".to_owned(),
    }
}

fn key(number: u8) -> PublicKey {
    PublicKey([number; 32])
}

fn update(number: u8, power: u64) -> ValidatorUpdate {
    ValidatorUpdate { public_key: key(number), power: VotingPower(power) }
}

fn txs(texts: &[&str]) -> Vec<Tx> {
    texts.iter().map(|text| Tx::copy_from_slice(text.as_bytes())).collect()
}

/// A block of nothing but transactions.
fn block(height: u64, txs: Vec<Tx>) -> BlockRequest {
    BlockRequest {
        hash: Hash([0; 32]),
        height: Height(height),
        time: Time::EPOCH,
        txs,
        last_commit: CommitInfo::default(),
        misbehavior: Vec::new(),
        next_validators_hash: Hash([0; 32]),
        proposer_address: Address([0; 20]),
    }
}

fn check_code(application: &dyn Application, tx: &Tx) -> u32 {
    let request = CheckTxRequest { tx: tx.clone(), kind: CheckTxKind::New };
    application.check_tx(&request).unwrap().code
}

/// The value of a key; none if it has none.
fn value(application: &dyn Application, key: &[u8]) -> Option<Bytes> {
    let request = QueryRequest { data: Bytes::copy_from_slice(key), ..QueryRequest::default() };
    let answer = application.query(&request).unwrap();
    assert_eq!(answer.log == "exists", !answer.value.is_empty());
    (answer.log == "exists").then_some(answer.value)
}

/// The power of a validator, by `/val`; none if it is not in the set.
fn power(application: &dyn Application, number: u8) -> Option<u64> {
    let data = Bytes::copy_from_slice(&key(number).0);
    let request = QueryRequest { data, path: "/val".to_owned(), ..QueryRequest::default() };
    let record = application.query(&request).unwrap().value;
    let (prefix, varint) = record.split_at_checked(38)?;
    assert_eq!(prefix[1..6], [0x0a, 34, 0x0a, 32, number]);
    assert_eq!(varint[0], 0x80.min(varint[0]), "small powers only");
    Some(u64::from(varint[0]))
}
