//! What is put to the application: the blocks, what each is for, and the transactions in them.

use std::time::Duration;

use bytes::Bytes;
use types::genesis::GenesisValidator;
use types::params::AbciParams;
use types::{
    AppHash, ChainId, ConsensusParams, Genesis, Hash, Height, PrivateKey, PublicKey, Time, Tx,
    VotingPower,
};

use crate::request::QueryRequest;

/// Fewest blocks in which every claim can be seen.
pub const HEIGHTS_MIN: u64 = 15;
/// Blocks unless told otherwise.
pub const HEIGHTS: u64 = 21;
/// Most blocks.
pub const HEIGHTS_MAX: u64 = 10_000;
const _: () = assert!(HEIGHTS_MIN <= HEIGHTS && HEIGHTS <= HEIGHTS_MAX);

/// Transactions in a block, if we make them up.
const TXS_IN_BLOCK: u64 = 4;
/// Empty blocks at the end.
const SETTLING: u64 = 3;
/// How the blocks that are not [`Purpose::Same`] are shared out, in order.
const SHARES: [(Purpose, u64); 5] = [
    (Purpose::Rounds, 3),
    (Purpose::Extensions, 3),
    (Purpose::Reads, 2),
    (Purpose::Parallel, 2),
    (Purpose::Settle, SETTLING),
];
/// 2023-11-14, so that a report can be made again.
const GENESIS_SECONDS: i64 = 1_700_000_000;
/// Validators of a chain of our own.
const VALIDATORS: u8 = 4;

/// How an application is checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// How the chain begins.
    pub genesis: Genesis,
    /// How many blocks there are.
    pub heights: u64,
    /// What blocks are made of; if empty, texts of the form `key=value`.
    pub txs: Vec<Tx>,
    /// What is asked to see whether state has changed, beside the keys of `key=value`.
    pub queries: Vec<QueryRequest>,
    /// What chance is drawn from.
    pub seed: u64,
    /// How long an answer may take.
    pub limit: Duration,
    /// How long PrepareProposal may take.
    pub prepare_limit: Duration,
    /// How long to wait before the blocks are executed a second time, so that clocks have moved.
    pub clock_gap: Duration,
}

impl Config {
    /// A chain of our own, with vote extensions or without.
    pub fn new(seed: u64, extensions: bool) -> Self {
        Self {
            genesis: genesis(seed, extensions),
            heights: HEIGHTS,
            txs: Vec::new(),
            queries: Vec::new(),
            seed,
            limit: Duration::from_secs(10),
            prepare_limit: Duration::from_secs(3),
            clock_gap: Duration::from_millis(1100),
        }
    }

    /// What the block of each height is for.
    pub(super) fn purpose(&self, index: u64) -> Purpose {
        let shared: u64 = SHARES.iter().map(|(_, count)| count).sum();
        let Some(mut past) = index.checked_sub(self.heights.saturating_sub(shared)) else {
            return Purpose::Same;
        };
        for (purpose, count) in SHARES {
            match past.checked_sub(count) {
                Some(rest) => past = rest,
                None => return purpose,
            }
        }
        Purpose::Settle
    }

    /// What the mempool has for the block with this index.
    pub(super) fn offered(&self, index: u64) -> Vec<Tx> {
        if self.purpose(index) == Purpose::Settle {
            return Vec::new();
        }
        if self.txs.is_empty() {
            let numbers = index * TXS_IN_BLOCK..(index + 1) * TXS_IN_BLOCK;
            return numbers.map(|number| made_up(self.seed, number)).collect();
        }
        let blocks = self.heights.saturating_sub(SETTLING).max(1);
        let share = |index: u64| {
            let count = u128::from(self.txs.len() as u64) * u128::from(index) / u128::from(blocks);
            usize::try_from(count).unwrap_or(self.txs.len()).min(self.txs.len())
        };
        self.txs[share(index)..share(index + 1)].to_vec()
    }

    /// What is asked to see whether these transactions have taken effect.
    pub(super) fn questions(&self, txs: &[Tx]) -> Vec<QueryRequest> {
        let keyed = |tx: &Tx| {
            let end = tx.iter().position(|&byte| byte == b'=')?;
            Some(QueryRequest { data: tx.slice(..end), ..QueryRequest::default() })
        };
        self.queries.iter().cloned().chain(txs.iter().filter_map(keyed)).collect()
    }

    /// Bytes that mean nothing.
    pub(super) fn noise(&self, number: u64) -> Bytes {
        let mut bytes = vec![0xff];
        for lane in 0..3 {
            bytes.extend(mixed(self.seed ^ mixed(number * 3 + lane)).to_be_bytes());
        }
        bytes.into()
    }
}

/// What a block is for: in what the calls around it differ between two instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// In nothing.
    Same,
    /// Only the first sees proposals.
    Rounds,
    /// Only the first sees vote extensions.
    Extensions,
    /// Only the first is asked CheckTx, Info and Query.
    Reads,
    /// Only the first is asked on all connections at once.
    Parallel,
    /// In nothing; it is empty, and earlier transactions are checked again after it.
    Settle,
}

fn made_up(seed: u64, number: u64) -> Tx {
    let value = mixed(seed ^ mixed(number));
    Tx::from(format!("check-{seed}-{number}={value:016x}"))
}

fn genesis(seed: u64, extensions: bool) -> Genesis {
    let validator = |number: u8| GenesisValidator {
        public_key: key(seed, number),
        power: VotingPower(10),
        name: format!("validator-{number}"),
    };
    let extensions_from = extensions.then_some(Height::FIRST);
    Genesis {
        genesis_time: Time::from_unix(GENESIS_SECONDS, 0).expect("it is within the calendar"),
        chain_id: ChainId::new("app-check").expect("it is short"),
        initial_height: Height::FIRST,
        params: ConsensusParams {
            abci: AbciParams { extensions_from },
            ..ConsensusParams::default()
        },
        validators: (0..VALIDATORS).map(validator).collect(),
        app_hash: AppHash::default(),
        app_state: "{}".to_owned(),
    }
}

fn key(seed: u64, number: u8) -> PublicKey {
    let bytes = Hash::of(&[&seed.to_be_bytes()[..], &[number]].concat()).0;
    PrivateKey::from_seed(&bytes.into()).public_key()
}

/// A step of SplitMix64.
pub(super) fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_purpose_has_blocks_and_settling_comes_last() {
        for heights in [HEIGHTS_MIN, HEIGHTS, 100] {
            let config = Config { heights, ..Config::new(1, true) };
            let purposes: Vec<Purpose> = (0..heights).map(|it| config.purpose(it)).collect();
            for (purpose, count) in SHARES {
                let found = purposes.iter().filter(|it| **it == purpose).count();
                assert_eq!(found as u64, count, "{purpose:?}");
            }
            assert_eq!(purposes[..2], [Purpose::Same, Purpose::Same]);
            assert_eq!(purposes.last(), Some(&Purpose::Settle));
        }
    }

    #[test]
    fn given_transactions_are_shared_out_in_order_and_all_used() {
        for count in [0_u8, 1, 17, 18, 19, 200] {
            let txs: Vec<Tx> = (0..count).map(|it| Tx::from(vec![it])).collect();
            let config = Config { txs: txs.clone(), ..Config::new(1, true) };
            let offered: Vec<Tx> = (0..config.heights).flat_map(|it| config.offered(it)).collect();
            if count == 0 {
                assert_eq!(offered.len() as u64, (config.heights - 3) * TXS_IN_BLOCK);
            } else {
                assert_eq!(offered, txs);
            }
        }
    }
}
