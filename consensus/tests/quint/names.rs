//! The specification's names in our types: `v2` is the validator of index 0, height 0 is height 1,
//! `Val("blue")` is a block with the transaction `blue`.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::genesis::GenesisValidator;
use types::{
    Address, Block, BlockId, ChainId, ChainState, ConsensusParams, Genesis, Hash, Height, PartSet,
    PartSetHeader, Proposal, PublicKey, Round, Signature, Time, Tx, ValidatorIndex, ValidatorSet,
    Vote, VoteKind, VotingPower,
};

use crate::trace::{Ballot, Choice, Kind, Offer, Weights};

/// The signature under everything: the replica never looks at one.
pub const SIGNATURE: Signature = Signature([7; 64]);
/// The block that the specification's application does not accept.
pub const INVALID: &str = "invalid";

/// A round; the specification says -1 for none.
pub fn round(number: i64) -> Option<Round> {
    u32::try_from(number).ok().map(Round)
}

/// A round that must be one.
pub fn some_round(number: i64) -> Round {
    round(number).expect("not before round 0")
}

/// A height. The specification's first is 0, ours is 1.
pub fn height(number: i64) -> Height {
    Height(u64::try_from(number + 1).expect("not before height 0"))
}

/// First or second vote.
pub fn kind(kind: Kind) -> VoteKind {
    match kind {
        Kind::Prevote => VoteKind::Prevote,
        Kind::Precommit => VoteKind::Precommit,
    }
}

/// An id for a block that nobody looks into.
pub fn bare_id(name: &str) -> BlockId {
    let mut bytes = [0; 32];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    let parts = PartSetHeader { total: 1, hash: Hash(bytes) };
    BlockId { hash: Hash(bytes), parts }
}

/// As [`bare_id`], where nil is possible.
pub fn bare_choice(choice: &Choice) -> Option<BlockId> {
    match choice {
        Choice::Nil => None,
        Choice::Block(name) => Some(bare_id(name)),
    }
}

/// Names of validators and blocks at one height of one network.
pub struct Names {
    /// The state that the height follows.
    pub state: Arc<ChainState>,
    /// In the order of our validator set.
    members: Vec<String>,
    blocks: BTreeMap<String, (BlockId, Arc<Block>, PartSet)>,
}

impl Names {
    /// The names at a height. Validators must weigh the same: then ours take turns as the
    /// specification's do, from `v2` on, at every height.
    pub fn new(weights: &Weights, at: i64) -> Self {
        let weights = &weights.0;
        assert!(weights.values().all(|weight| *weight == 1), "some weigh more than others");
        let mut members: Vec<String> = weights.keys().cloned().collect();
        members.rotate_left(1);
        let byte = |number: usize| u8::try_from(number + 1).expect("few validators");
        let member = |number| GenesisValidator {
            public_key: PublicKey([byte(number); 32]),
            power: VotingPower(1),
            name: String::new(),
        };
        let genesis = Genesis {
            genesis_time: Time::EPOCH,
            chain_id: ChainId::new("quint").expect("a short name"),
            initial_height: height(at),
            params: ConsensusParams::default(),
            validators: (0..members.len()).map(member).collect(),
            app_hash: types::AppHash::default(),
            app_state: "{}".to_owned(),
        };
        let state = Arc::new(ChainState::genesis(&genesis).expect("a few validators"));
        for (number, turn) in (0..members.len() * 2).zip((0..members.len()).cycle()) {
            let round = Round(u32::try_from(number).expect("few rounds"));
            let turn = ValidatorIndex(u32::try_from(turn).expect("few validators"));
            assert_eq!(state.validators.proposer_in(round), turn);
        }
        Self { state, members, blocks: BTreeMap::new() }
    }

    /// Who votes.
    pub fn validators(&self) -> &Arc<ValidatorSet> {
        &self.state.validators
    }

    /// A validator's place.
    pub fn index(&self, name: &str) -> ValidatorIndex {
        let place = self.members.iter().position(|member| member == name);
        ValidatorIndex(u32::try_from(place.expect("a member")).expect("few validators"))
    }

    /// A validator's key.
    pub fn key(&self, name: &str) -> PublicKey {
        self.validators().get(self.index(name)).expect("a member").public_key
    }

    fn address(&self, index: ValidatorIndex) -> Address {
        self.validators().get(index).expect("a member").address
    }

    /// The block of this name.
    pub fn block(&mut self, name: &str) -> &(BlockId, Arc<Block>, PartSet) {
        let proposer = self.address(ValidatorIndex(0));
        let state = &self.state;
        self.blocks.entry(name.to_owned()).or_insert_with(|| {
            let tx = Tx::from(name.as_bytes().to_vec());
            let block = state.make_block(vec![tx], None, Vec::new(), proposer);
            let parts = block.part_set();
            (block.id(&parts), Arc::new(block), parts)
        })
    }

    /// The parts of a block that was named.
    pub fn parts(&self, id: &BlockId) -> PartSet {
        let found = self.blocks.values().find(|(known, ..)| known == id);
        found.expect("a block that was named").2.clone()
    }

    /// A block's id; none is nil.
    pub fn choice(&mut self, choice: &Choice) -> Option<BlockId> {
        match choice {
            Choice::Nil => None,
            Choice::Block(name) => Some(self.block(name).0),
        }
    }

    /// The id of a block that was named before.
    pub fn known_choice(&self, choice: &Choice) -> Option<BlockId> {
        match choice {
            Choice::Nil => None,
            Choice::Block(name) => Some(self.blocks[name].0),
        }
    }

    /// A vote, signed.
    pub fn vote(&mut self, ballot: &Ballot) -> Vote {
        let validator_index = self.index(&ballot.src_address);
        Vote {
            kind: kind(ballot.vote_type),
            height: height(ballot.height),
            round: some_round(ballot.round),
            block_id: self.choice(&ballot.value_id),
            timestamp: Time::EPOCH,
            validator_address: self.address(validator_index),
            validator_index,
            signature: SIGNATURE,
            extension: None,
        }
    }

    /// A proposal, signed.
    pub fn proposal(&mut self, offer: &Offer) -> Proposal {
        Proposal {
            height: height(offer.height),
            round: some_round(offer.round),
            pol_round: round(offer.valid_round),
            block_id: self.block(&offer.proposal).0,
            timestamp: Time::EPOCH,
            signature: SIGNATURE,
        }
    }
}
