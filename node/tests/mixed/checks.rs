//! What must hold of every chain that both kinds made: asked of all nodes, for every height.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::client::txs_of;
use crate::network::{Kind, Network};

/// A chain that all nodes tell alike.
pub struct Chain {
    blocks: BTreeMap<u64, Decided>,
    /// Validators' addresses, and who runs them. One key may be on two nodes; the first counts.
    runners: BTreeMap<String, Kind>,
}

/// A block as all nodes tell it.
pub struct Decided {
    /// Its proposer's address.
    pub proposer: String,
    /// The round in which it was decided.
    pub round: u64,
    /// Its transactions.
    pub txs: Vec<String>,
    /// Pieces of evidence in it.
    pub evidence: usize,
    /// Who votes at its height, with power.
    pub powers: BTreeMap<String, String>,
}

/// Asks all nodes that run for heights `from..=to`, and fails where two differ.
pub fn agreed(network: &Network, from: u64, to: u64) -> Chain {
    network.await_height(to + 1);
    let runners =
        network.all().rev().map(|index| (address_of(network, index), network.kind(index)));
    let mut chain = Chain { blocks: BTreeMap::new(), runners: runners.collect() };
    for height in from..=to {
        chain.blocks.insert(height, agreed_at(network, height));
    }
    chain
}

/// The address of a node's validator key.
pub fn address_of(network: &Network, index: usize) -> String {
    let file = network.home(index).join("config/priv_validator_key.json");
    let text = std::fs::read_to_string(file).expect("every home has a validator key");
    let key: Value = serde_json::from_str(&text).expect("it is JSON");
    key["address"].as_str().expect("it has an address").to_owned()
}

fn agreed_at(network: &Network, height: u64) -> Decided {
    let answer = |method: &str| {
        let mut told: Option<(usize, Value)> = None;
        for index in network.running() {
            let answer = comparable(method, network.client(index).at(method, height));
            let (first, expected) = told.get_or_insert_with(|| (index, answer.clone()));
            assert_eq!(*expected, answer, "{method} at {height}: nodes {first} and {index} differ");
        }
        told.expect("a node runs").1
    };
    let (block, commit) = (answer("block"), answer("commit"));
    let (validators, _) = (answer("validators"), answer("block_results"));
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let powers = validators["validators"].as_array().expect("a list");
    let powers = powers.iter().map(|it| (text(&it["address"]), text(&it["voting_power"])));
    Decided {
        proposer: text(&block["block"]["header"]["proposer_address"]),
        round: commit["signed_header"]["commit"]["round"].as_u64().expect("a number"),
        txs: txs_of(&block),
        evidence: block["block"]["evidence"]["evidence"].as_array().map_or(0, Vec::len),
        powers: powers.collect(),
    }
}

/// An answer without what docs/INTEROP.md lists as told in another way.
fn comparable(_method: &str, answer: Value) -> Value {
    answer
}

impl Chain {
    /// The blocks, by height.
    pub fn blocks(&self) -> &BTreeMap<u64, Decided> {
        &self.blocks
    }

    /// Who runs the proposer of a block.
    pub fn proposed_by(&self, height: u64) -> Kind {
        self.runners[&self.blocks[&height].proposer]
    }

    /// How many blocks each kind proposed.
    pub fn proposed(&self) -> BTreeMap<Kind, usize> {
        let mut counts = BTreeMap::new();
        for &height in self.blocks.keys() {
            *counts.entry(self.proposed_by(height)).or_default() += 1;
        }
        counts
    }

    /// Where all validators have the same power they take turns in the order of their addresses,
    /// one further for each height and for each round.
    pub fn takes_turns(&self) {
        for (height, block) in &self.blocks {
            let order: Vec<&String> = block.powers.keys().collect();
            let turn = (height - 1 + block.round) as usize % order.len();
            assert_eq!(*order[turn], block.proposer, "height {height}, round {}", block.round);
        }
    }

    /// Every one of these transactions is in exactly one block, and some of those that were sent
    /// to each kind are in blocks of the other.
    pub fn has_all(&self, network: &Network, sent: &BTreeSet<String>) {
        let mut found = BTreeSet::new();
        let mut crossed: BTreeMap<(Kind, Kind), usize> = BTreeMap::new();
        for (&height, block) in &self.blocks {
            for tx in &block.txs {
                assert!(found.insert(tx.clone()), "{tx} is in two blocks");
                let number = tx.strip_prefix("node").and_then(|rest| rest.split_once('-'));
                let Some(index) = number.and_then(|(index, _)| index.parse().ok()) else {
                    continue;
                };
                let pair = (network.kind(index), self.proposed_by(height));
                *crossed.entry(pair).or_default() += 1;
            }
        }
        println!("  transactions by (sent to, proposed by): {crossed:?}");
        let lost: Vec<&String> = sent.difference(&found).collect();
        assert!(lost.is_empty(), "{} were taken in and are in no block: {lost:?}", lost.len());
        for pair in [(Kind::Lockstep, Kind::Cometbft), (Kind::Cometbft, Kind::Lockstep)] {
            assert!(crossed.contains_key(&pair), "no transaction went from {pair:?}");
        }
    }

    /// In how many rounds blocks were decided.
    pub fn rounds(&self) -> BTreeMap<u64, usize> {
        let mut counts = BTreeMap::new();
        for block in self.blocks.values() {
            *counts.entry(block.round).or_default() += 1;
        }
        counts
    }
}

/// That nobody of ours held an offence against a node of the other kind.
pub fn nobody_is_blamed(network: &Network) {
    for index in network.of(Kind::Lockstep) {
        let log = network.log(index);
        let blamed: Vec<&str> = log.lines().filter(|line| line.contains("banned")).collect();
        assert!(blamed.is_empty(), "node {index}: {blamed:?}");
    }
}
