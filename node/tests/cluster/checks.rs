//! What must be true of the chains on the nodes' disks, read from the stores of nodes that have
//! ended.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use node::home::{Home, load_genesis};
use storage::{ChainIdentity, Store};
use types::{Address, Block, BlockId, BlockOutcome, ExtendedCommit, Height, Round, TxHash, Vote};

use crate::client::Committed;
use crate::network::Network;

/// How a node says in its log that it caught a validator voting twice.
const EQUIVOCATION: &str = "voted twice in one round";

/// What one node has on its disk, from height 1.
pub struct Chain {
    decided: Vec<Decided>,
}

/// A block and all that a node has decided and found out by it.
struct Decided {
    id: BlockId,
    block: Block,
    seen_commit: ExtendedCommit,
    /// None for the last block, if the node ended before it was executed.
    outcome: Option<BlockOutcome>,
}

impl Chain {
    /// Reads the chain of a node that does not run.
    pub fn read(home: &Path) -> Self {
        let home = Home::new(home);
        let config = home.load_config().expect("the home was made by testnet").config;
        let genesis = load_genesis(&home.genesis_file(&config), None).expect("as above");
        let genesis_hash = genesis.hash();
        let identity = ChainIdentity { chain_id: genesis.chain_id, genesis_hash };
        let store = Store::open(&home.db_dir(&config).join("blocks"), &identity);
        let store = store.expect("the node has ended and left a store");
        let (base, tip) = store.range().expect("the store is whole").expect("there are blocks");
        assert_eq!(base, Height::FIRST, "nothing was pruned");
        assert!(store.pending_evidence().expect("the store is whole").is_empty());
        let decided = (base.0..=tip.0).map(|height| Decided::read(&store, Height(height)));
        Self { decided: decided.collect() }
    }

    /// The height of the last block.
    pub fn tip(&self) -> u64 {
        self.decided.len() as u64
    }

    /// The ids of all blocks.
    pub fn ids(&self) -> Vec<BlockId> {
        self.decided.iter().map(|it| it.id).collect()
    }

    /// How many transactions the block of a height has.
    pub fn txs_count(&self, height: u64) -> usize {
        self.decided[height as usize - 1].block.txs.len()
    }

    /// All transactions: the height and place of each, and its hash.
    pub fn tx_places(&self) -> impl Iterator<Item = (u64, u64, String)> + '_ {
        self.decided.iter().flat_map(|it| {
            let height = it.block.header.height.0;
            let hashes = it.block.txs.iter().map(|tx| TxHash::of(tx).to_string());
            (0..).zip(hashes).map(move |(index, hash)| (height, index, hash))
        })
    }

    /// By which commit the block of a height was decided.
    pub fn seen_commit(&self, height: u64) -> &ExtendedCommit {
        &self.decided[height as usize - 1].seen_commit
    }

    /// Checks that each of these is in exactly one block, once.
    pub fn has_each_once(&self, txs: &[String]) {
        let mut heights: BTreeMap<&[u8], Vec<u64>> = BTreeMap::new();
        for it in &self.decided {
            for tx in &it.block.txs {
                heights.entry(tx).or_default().push(it.block.header.height.0);
            }
        }
        let nowhere = Vec::new();
        for tx in txs {
            let found = heights.get(tx.as_bytes()).unwrap_or(&nowhere);
            assert_eq!(found.len(), 1, "{tx} is in the blocks {found:?}");
        }
    }

    /// Checks that each transaction is where a node has said that it is, and nowhere else.
    pub fn has_kept(&self, committed: &[Committed]) {
        let txs: Vec<String> = committed.iter().map(|it| it.tx.clone()).collect();
        self.has_each_once(&txs);
        for Committed { tx, height } in committed {
            let block = &self.decided[*height as usize - 1].block;
            assert!(block.txs.iter().any(|it| it == tx), "{tx} is not at height {height}");
        }
    }

    /// Checks that block, state and results follow from each other at every height.
    fn holds_together(&self) {
        for (last, next) in self.decided.iter().zip(&self.decided[1..]) {
            let (outcome, header) = (last.outcome.as_ref(), &next.block.header);
            let outcome = outcome.expect("only the last block may not have been executed");
            assert_eq!(header.last_block_id, Some(last.id), "height {}", header.height);
            assert_eq!(header.app_hash, outcome.app_hash, "height {}", header.height);
            assert_eq!(header.last_results_hash, Some(outcome.results_hash()));
        }
    }
}

impl Decided {
    fn read(store: &Store, height: Height) -> Self {
        let there = "a block has all its rows";
        let meta = store.block_meta(height).expect("the store is whole").expect(there);
        Self {
            id: meta.id,
            block: store.block(height).expect("the store is whole").expect(there),
            seen_commit: store.seen_commit(height).expect("the store is whole").expect(there),
            outcome: store.outcome(height).expect("the store is whole"),
        }
    }
}

/// Ends all nodes, then checks all that must hold on any network: the chains agree, and nobody
/// voted twice. Returns the longest chain.
pub fn end_and_check(mut network: Network) -> Chain {
    let mut chains = end_and_agree(&mut network);
    nobody_voted_twice(&chains);
    for index in 0..network.count() {
        for line in network.log(index).lines() {
            let bad = [EQUIVOCATION, "panicked"].iter().any(|it| line.contains(it));
            assert!(!bad, "node {index}: {line}");
        }
    }
    chains.sort_by_key(Chain::tip);
    chains.pop().expect("a network has nodes")
}

/// Ends all nodes, then checks that their chains are whole and agree, whoever voted twice.
pub fn end_and_agree(network: &mut Network) -> Vec<Chain> {
    network.stop_all();
    let chains: Vec<Chain> =
        (0..network.count()).map(|index| Chain::read(network.home(index))).collect();
    chains.iter().for_each(Chain::holds_together);
    agree(&chains);
    chains
}

/// Block, results and application state are the same at every height that two nodes have.
fn agree(chains: &[Chain]) {
    for (one, other) in chains.iter().zip(&chains[1..]) {
        for (one, other) in one.decided.iter().zip(&other.decided) {
            let height = one.block.header.height;
            assert_eq!(one.id, other.id, "height {height}");
            assert_eq!(one.block.header.app_hash, other.block.header.app_hash);
            if let (Some(one), Some(other)) = (&one.outcome, &other.outcome) {
                assert_eq!(one.app_hash, other.app_hash, "height {height}");
                assert_eq!(one.results_hash(), other.results_hash(), "height {height}");
            }
        }
    }
}

/// In all commits of all nodes there is one precommit of a validator in a round, byte for byte.
fn nobody_voted_twice(chains: &[Chain]) {
    let mut signed: BTreeMap<(Address, Height, Round), Vote> = BTreeMap::new();
    let mut heights = BTreeSet::new();
    for it in chains.iter().flat_map(|chain| &chain.decided) {
        assert!(it.block.evidence.is_empty(), "height {}", it.block.header.height);
        let last_commit = it.block.last_commit.clone().map(ExtendedCommit::plain);
        for vote in [Some(&it.seen_commit), last_commit.as_ref()].into_iter().flatten() {
            for vote in vote.votes() {
                heights.insert(vote.height);
                let key = (vote.validator_address, vote.height, vote.round);
                let known = signed.entry(key).or_insert_with(|| vote.clone());
                assert_eq!(*known, vote, "two precommits");
            }
        }
    }
    let tip = chains.iter().map(Chain::tip).max().unwrap_or_default();
    assert_eq!(heights.len() as u64, tip, "every height's votes were looked at");
}
