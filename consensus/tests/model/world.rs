//! What all validators of the model share: the chain, the two blocks, who is Byzantine, and which
//! rule is broken on purpose.

use std::sync::Arc;
use std::time::Duration;

use consensus::{Config, EvidencePool};
use types::genesis::GenesisValidator;
use types::{
    Address, Block, BlockId, ChainId, ChainState, ConsensusParams, Genesis, Hash, Height, PartSet,
    Proposal, PublicKey, Round, Signature, Time, Tx, ValidatorIndex, Vote, VotingPower,
};

use crate::letters::{Letter, Letters, NAMES, Name, ROUNDS, VALIDATORS};

/// The signature under everything: the replica never looks at one.
pub const SIGNATURE: Signature = Signature([7; 64]);

/// What is wrong in a world on purpose, to see that the check finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    Nothing,
    /// L23, L29: a lock keeps nobody from prevoting what is proposed.
    LockIgnored,
    /// L36: what is proposed is precommitted where nil should be.
    PolkaIgnored,
    /// Nobody looks at signatures: the Byzantine validator can vote for validator 2, too.
    VotesForged,
}

/// What all validators share.
pub struct World {
    pub state: Arc<ChainState>,
    pub config: Config,
    pub evidence: EvidencePool,
    pub byzantine: u32,
    pub plant: Plant,
    /// The application rejects this block.
    pub rejected: Option<Name>,
    blocks: [(BlockId, Arc<Block>, PartSet); 2],
}

impl World {
    /// Four validators, of whom one is Byzantine.
    pub fn new(byzantine: u32, plant: Plant) -> Self {
        let member = |number: u32| GenesisValidator {
            public_key: PublicKey([u8::try_from(number + 1).expect("four validators"); 32]),
            power: VotingPower(1),
            name: String::new(),
        };
        let genesis = Genesis {
            genesis_time: Time::EPOCH,
            chain_id: ChainId::new("model").expect("a short name"),
            initial_height: Height::FIRST,
            params: ConsensusParams::default(),
            validators: (0..VALIDATORS).map(member).collect(),
            app_hash: types::AppHash::default(),
            app_state: "{}".to_owned(),
        };
        let state = Arc::new(ChainState::genesis(&genesis).expect("four validators"));
        for round in 0..ROUNDS {
            assert_eq!(state.validators.proposer_in(Round(round)), ValidatorIndex(round));
        }
        let proposer = state.validators.proposer().address;
        let block = |name: Name| {
            let tx = Tx::from(format!("{name:?}").into_bytes());
            let block = state.make_block(vec![tx], None, Vec::new(), proposer);
            let parts = block.part_set();
            (block.id(&parts), Arc::new(block), parts)
        };
        Self {
            blocks: NAMES.map(block),
            config: Config { commit: Duration::ZERO, ..Config::default() },
            evidence: EvidencePool::new(&state, Vec::new()),
            byzantine,
            plant,
            rejected: None,
            state,
        }
    }

    /// The honest validators.
    pub fn honest(&self) -> Vec<u32> {
        (0..VALIDATORS).filter(|it| *it != self.byzantine).collect()
    }

    /// A validator's key.
    pub fn key(&self, validator: u32) -> PublicKey {
        self.state.validators.get(ValidatorIndex(validator)).expect("one of four").public_key
    }

    fn address(&self, validator: u32) -> Address {
        self.state.validators.get(ValidatorIndex(validator)).expect("one of four").address
    }

    /// A block's id, contents and parts.
    pub fn block(&self, name: Name) -> &(BlockId, Arc<Block>, PartSet) {
        &self.blocks[usize::from(name == Name::B)]
    }

    /// What a block is called.
    pub fn name(&self, id: &BlockId) -> Name {
        let name = if *id == self.blocks[0].0 { Name::A } else { Name::B };
        assert_eq!(self.block(name).0, *id);
        name
    }

    /// Whether the application accepts a block.
    pub fn accepts(&self, block: Hash) -> bool {
        self.rejected.is_none_or(|rejected| self.block(rejected).0.hash != block)
    }

    /// What an honest proposer builds: another block in each round, as after other transactions,
    /// but none that its application rejects.
    pub fn built(&self, round: Round) -> Name {
        let name = NAMES[usize::from(round.0 % 2 == 1)];
        let instead = NAMES.into_iter().find(|other| self.accepts(self.block(*other).0.hash));
        let accepted = self.accepts(self.block(name).0.hash);
        if accepted { name } else { instead.expect("one of the two is accepted") }
    }

    /// A vote, signed.
    pub fn vote(&self, letter: Letter) -> Vote {
        let Letter::Vote { by, round, kind, choice } = letter else { panic!("{letter:?}") };
        Vote {
            kind,
            height: Height::FIRST,
            round: Round(round),
            block_id: choice.map(|name| self.block(name).0),
            timestamp: Time::EPOCH,
            validator_address: self.address(by),
            validator_index: ValidatorIndex(by),
            signature: SIGNATURE,
            extension: None,
        }
    }

    /// A proposal, signed.
    pub fn proposal(&self, letter: Letter) -> Proposal {
        let Letter::Proposal { round, block, pol } = letter else { panic!("{letter:?}") };
        Proposal {
            height: Height::FIRST,
            round: Round(round),
            pol_round: pol.then_some(Round::FIRST),
            block_id: self.block(block).0,
            timestamp: Time::EPOCH,
            signature: SIGNATURE,
        }
    }

    /// A proposal as a letter.
    pub fn proposed(&self, proposal: &Proposal) -> Letter {
        Letter::Proposal {
            round: proposal.round.0,
            block: self.name(&proposal.block_id),
            pol: proposal.pol_round.is_some(),
        }
    }

    /// All that the Byzantine validator can say, and blocks, which it may have made.
    pub fn given(&self) -> Letters {
        Letters::of(|letter| match letter {
            Letter::Vote { by, .. } => {
                *by == self.byzantine || (self.plant == Plant::VotesForged && *by == 2)
            }
            Letter::Proposal { round, .. } => *round == self.byzantine,
            Letter::Block(_) => true,
            Letter::Decided(_) | Letter::Broken(_) => false,
        })
    }
}
