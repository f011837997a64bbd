//! A chain of four validators with real signatures, run by the kvstore, in a store in memory.

use std::sync::Arc;
use std::time::Duration;

use abci::{Application, BlockRequest, InitChainRequest};
use apps::KvStore;
use storage::key_value::Durable;
use storage::{Memory, Store};
use types::genesis::GenesisValidator;
use types::keys::PrivateKey;
use types::vote::UnsignedVote;
use types::{
    AppHash, Block, BlockId, BlockOutcome, ChainId, ChainState, Commit, ConsensusParams, Evidence,
    ExtendedCommit, Genesis, Height, PublicKey, Round, Time, Tx, ValidatorIndex, Vote, VoteKind,
    VotingPower,
};
use zeroize::Zeroizing;

/// Everybody's keys, an application and what was decided so far.
pub struct Chain {
    /// How it began.
    pub genesis: Genesis,
    /// Where it is kept.
    pub store: Store,
    /// What runs it.
    pub application: Arc<KvStore>,
    /// Where it is.
    pub state: ChainState,
    keys: Vec<PrivateKey>,
    last_commit: Option<Commit>,
}

impl Chain {
    /// A chain without a block.
    pub fn new() -> Self {
        let keys: Vec<PrivateKey> =
            (1..=4).map(|seed| PrivateKey::from_seed(&Zeroizing::new([seed; 32]))).collect();
        let genesis = genesis(&keys);
        let application = Arc::new(KvStore::in_memory());
        let answer = application.init_chain(&InitChainRequest::of(&genesis)).unwrap();
        let params = answer.params.as_ref();
        let state =
            ChainState::after_init_chain(&genesis, &answer.validators, params, answer.app_hash, 1);
        let state = state.unwrap();
        let store = Store::in_memory(Arc::new(Memory::default())).unwrap();
        let mut step = store.step();
        step.state(&state).unwrap();
        step.write(Durable::Now).unwrap();
        Self { genesis, store, application, state, keys, last_commit: None }
    }

    /// The first validator's key.
    pub fn validator_key(&self) -> PublicKey {
        self.keys[0].public_key()
    }

    /// Decides and executes one more block.
    pub fn decide(&mut self, txs: Vec<Tx>) -> (Height, BlockOutcome) {
        self.decide_with(txs, vec![])
    }

    /// Decides and executes one more block that carries evidence.
    pub fn decide_with(&mut self, txs: Vec<Tx>, evidence: Vec<Evidence>) -> (Height, BlockOutcome) {
        let (block, id) = self.decide_only(txs, evidence);
        let last = self.state.last_block.as_ref().map(|it| it.validators.as_ref());
        let outcome = self.application.finalize_block(&BlockRequest::of(&block, last)).unwrap();
        self.application.commit().unwrap();
        self.state = self.state.advance(id, &block.header, block.txs.len(), &outcome).unwrap();
        let mut step = self.store.step();
        step.outcome(&block, &outcome).unwrap();
        step.state(&self.state).unwrap();
        step.write(Durable::Now).unwrap();
        (block.header.height, outcome)
    }

    /// Decides and keeps one more block, which is not executed.
    pub fn decide_only(&mut self, txs: Vec<Tx>, evidence: Vec<Evidence>) -> (Block, BlockId) {
        let proposer = self.state.validators.proposer().address;
        let block = self.state.make_block(txs, self.last_commit.take(), evidence, proposer);
        let parts = block.part_set();
        let id = block.id(&parts);
        let commit = self.commit(&block, id);
        let mut step = self.store.step();
        step.decide(&block, &id, &parts, &ExtendedCommit::plain(commit.clone()));
        step.write(Durable::Now).unwrap();
        self.last_commit = Some(commit);
        (block, id)
    }

    fn commit(&self, block: &Block, id: BlockId) -> Commit {
        let height = block.header.height;
        let cast_at = block.header.time.after(Duration::from_secs(1));
        let votes = (0..).take(self.state.validators.count()).map(|index| {
            self.vote(VoteKind::Precommit, height, Some(id), ValidatorIndex(index), cast_at)
        });
        Commit {
            height,
            round: Round::FIRST,
            block_id: id,
            signatures: votes.map(|vote| vote.commit_sig(&id)).collect(),
        }
    }

    /// A vote of the first round by the next height's validator with this index.
    pub fn vote(
        &self,
        kind: VoteKind,
        height: Height,
        block_id: Option<BlockId>,
        validator_index: ValidatorIndex,
        timestamp: Time,
    ) -> Vote {
        let validator_address = self.state.validators.get(validator_index).unwrap().address;
        let key = self.keys.iter().find(|it| it.public_key().address() == validator_address);
        let unsigned = UnsignedVote {
            kind,
            height,
            round: Round::FIRST,
            block_id,
            timestamp,
            validator_address,
            validator_index,
            extension: None,
        };
        let signature = key.unwrap().sign(&unsigned.sign_bytes(&self.genesis.chain_id));
        unsigned.signed(timestamp, signature, None)
    }
}

fn genesis(keys: &[PrivateKey]) -> Genesis {
    let validator = |key: &PrivateKey| GenesisValidator {
        public_key: key.public_key(),
        power: VotingPower(10),
        name: String::new(),
    };
    Genesis {
        genesis_time: Time::from_unix(1_700_000_000, 123_456_789).unwrap(),
        chain_id: ChainId::new("rpc-test").unwrap(),
        initial_height: Height::FIRST,
        params: ConsensusParams::default(),
        validators: keys.iter().map(validator).collect(),
        app_hash: AppHash::default(),
        app_state: String::new(),
    }
}
