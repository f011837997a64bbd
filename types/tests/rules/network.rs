//! A network of validators whose keys we hold, and the chain that it decides: what the other files
//! take their votes, commits and blocks from.

use std::collections::BTreeMap;

use types::genesis::GenesisValidator;
use types::outcome::ValidatorUpdate;
use types::params::ConsensusParams;
use types::{
    Address, AppHash, Block, BlockId, BlockOutcome, ChainId, ChainState, Commit, Genesis, Hash,
    Height, LightBlock, PartSetHeader, PrivateKey, PublicKey, Round, SignedHeader, Time, TxResult,
    UnsignedVote, ValidatorIndex, ValidatorSet, Vote, VoteKind, VotingPower,
};
use zeroize::Zeroizing;

/// When the first block is made; later ones follow a second apart.
pub const GENESIS_SECONDS: i64 = 1_700_000_000;

pub struct Network {
    keys: BTreeMap<Address, PrivateKey>,
    pub state: ChainState,
    /// What decided the last block.
    pub last_commit: Option<Commit>,
    /// What a light client may ask for: all blocks so far, from height 1.
    pub light_blocks: Vec<LightBlock>,
}

/// The key of the validator with a number.
pub fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&Zeroizing::new([number; 32]))
}

pub fn public_key(number: u8) -> PublicKey {
    key(number).public_key()
}

pub fn chain_id() -> ChainId {
    ChainId::new("rules").unwrap()
}

/// An id that no block of the chain has.
pub fn other_id(number: u8) -> BlockId {
    let parts = PartSetHeader { total: 1, hash: Hash([number; 32]) };
    BlockId { hash: Hash([number; 32]), parts }
}

pub fn seconds(after_genesis: i64) -> Time {
    Time::from_unix(GENESIS_SECONDS + after_genesis, 0).unwrap()
}

pub fn update(number: u8, power: u64) -> ValidatorUpdate {
    ValidatorUpdate { public_key: public_key(number), power: VotingPower(power) }
}

/// A genesis whose validators 1, 2, … have these powers.
pub fn genesis(powers: &[u64]) -> Genesis {
    let validators = (1..)
        .zip(powers)
        .map(|(number, &power)| GenesisValidator {
            public_key: public_key(number),
            power: VotingPower(power),
            name: String::new(),
        })
        .collect();
    Genesis {
        genesis_time: seconds(0),
        chain_id: chain_id(),
        initial_height: Height::FIRST,
        params: ConsensusParams::default(),
        validators,
        app_hash: AppHash::default(),
        app_state: "{}".to_owned(),
    }
}

/// An outcome without changes for a block of `txs_count` transactions.
pub fn outcome(txs_count: usize) -> BlockOutcome {
    BlockOutcome {
        tx_results: vec![TxResult::default(); txs_count],
        app_hash: AppHash(vec![7; 8].into()),
        ..BlockOutcome::default()
    }
}

impl Network {
    /// The network of [`genesis`], before its first block.
    pub fn new(powers: &[u64]) -> Self {
        let state = ChainState::genesis(&genesis(powers)).unwrap();
        let keys = (1..=20).map(|number| (public_key(number).address(), key(number))).collect();
        Self { keys, state, last_commit: None, light_blocks: vec![] }
    }

    /// A vote of the member at an index, signed.
    pub fn vote(
        &self,
        set: &ValidatorSet,
        index: u32,
        kind: VoteKind,
        at: (Height, Round),
        block_id: Option<BlockId>,
    ) -> Vote {
        let validator_index = ValidatorIndex(index);
        let validator_address = set.get(validator_index).unwrap().address;
        let (height, round) = at;
        // Each voter's clock differs a little.
        let after = i64::try_from(height.0).unwrap();
        let time = seconds(after).unix_nanos() + i128::from(index);
        let vote = UnsignedVote {
            kind,
            height,
            round,
            block_id,
            timestamp: Time::from_unix_nanos(time).unwrap(),
            validator_address,
            validator_index,
            extension: None,
        };
        let signature = self.keys[&validator_address].sign(&vote.sign_bytes(&chain_id()));
        let timestamp = vote.timestamp;
        vote.signed(timestamp, signature, None)
    }

    /// A commit by all members of a set.
    pub fn commit(&self, set: &ValidatorSet, at: (Height, Round), id: BlockId) -> Commit {
        let votes = (0..u32::try_from(set.count()).unwrap())
            .map(|index| self.vote(set, index, VoteKind::Precommit, at, Some(id)));
        let signatures = votes.map(|vote| vote.commit_sig(&id)).collect();
        Commit { height: at.0, round: at.1, block_id: id, signatures }
    }

    /// Makes the next block of these transactions.
    pub fn propose(&self, txs: &[&'static str]) -> Block {
        let txs = txs.iter().map(|tx| bytes(tx)).collect();
        let proposer = self.state.validators.proposer().address;
        self.state.make_block(txs, self.last_commit.clone(), vec![], proposer)
    }

    /// Decides and executes a block.
    pub fn decide(&mut self, block: &Block, outcome: &BlockOutcome) -> BlockId {
        self.state.check_block(block).unwrap();
        let id = block.id(&block.part_set());
        let at = (block.header.height, Round::FIRST);
        let validators = (*self.state.validators).clone();
        let commit = self.commit(&validators, at, id);
        let signed_header = SignedHeader { header: block.header.clone(), commit: commit.clone() };
        self.light_blocks.push(LightBlock { signed_header, validators });
        self.last_commit = Some(commit);
        self.state = self.state.advance(id, &block.header, block.txs.len(), outcome).unwrap();
        id
    }

    /// Makes, decides and executes the next block.
    pub fn grow(&mut self, txs: &[&'static str], changes: &[ValidatorUpdate]) -> Block {
        let block = self.propose(txs);
        let outcome = BlockOutcome { validator_updates: changes.to_vec(), ..outcome(txs.len()) };
        self.decide(&block, &outcome);
        block
    }
}

fn bytes(text: &'static str) -> types::Tx {
    types::Tx::from_static(text.as_bytes())
}
