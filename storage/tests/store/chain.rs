//! A chain to fill stores with: real blocks, states and validator sets; signatures of nobody.

use bytes::Bytes;
use storage::{Durable, Step, Store};
use types::genesis::GenesisValidator;
use types::{
    AppHash, Block, BlockId, BlockOutcome, ChainId, ChainState, Commit, CommitSig, ConsensusParams,
    DuplicateVoteEvidence, Evidence, ExtendedCommit, Genesis, Hash, Height, PartSet, PartSetHeader,
    PublicKey, Round, Signature, Time, Tx, TxResult, ValidatorIndex, ValidatorUpdate, Vote,
    VoteKind, VotingPower,
};

/// A chain that grows block by block.
pub struct Chain {
    /// After the last block.
    pub state: ChainState,
    last_commit: Option<Commit>,
}

/// A block with all that a store keeps of it.
pub struct Decided {
    pub block: Block,
    pub id: BlockId,
    pub parts: PartSet,
    pub commit: ExtendedCommit,
    pub outcome: BlockOutcome,
    /// After the block was executed.
    pub state: ChainState,
}

impl Decided {
    pub fn height(&self) -> Height {
        self.block.header.height
    }

    pub fn decide(&self, step: &mut Step) {
        step.decide(&self.block, &self.id, &self.parts, &self.commit);
    }

    /// Keeps all of it, as a node does: three writes, two of them synced.
    pub fn keep(&self, store: &Store) {
        let mut step = store.step();
        self.decide(&mut step);
        step.write(Durable::Now).unwrap();
        let mut step = store.step();
        step.outcome(&self.block, &self.outcome).unwrap();
        step.write(Durable::Now).unwrap();
        let mut step = store.step();
        step.state(&self.state).unwrap();
        step.write(Durable::Later).unwrap();
    }
}

impl Chain {
    /// Four validators, before the first block.
    pub fn new() -> Self {
        let validators = (1..=4).map(|number| GenesisValidator {
            public_key: PublicKey([number; 32]),
            power: VotingPower(10),
            name: String::new(),
        });
        let genesis = Genesis {
            genesis_time: Time::from_unix(1_700_000_000, 0).unwrap(),
            chain_id: ChainId::new("store-test").unwrap(),
            initial_height: Height::FIRST,
            params: ConsensusParams::default(),
            validators: validators.collect(),
            app_hash: AppHash::default(),
            app_state: String::new(),
        };
        Self { state: ChainState::genesis(&genesis).unwrap(), last_commit: None }
    }

    /// The next block, executed with success.
    pub fn grow(&mut self, txs: Vec<Tx>, evidence: Vec<Evidence>) -> Decided {
        let outcome =
            BlockOutcome { tx_results: vec![TxResult::default(); txs.len()], ..Default::default() };
        self.grow_to(txs, evidence, outcome)
    }

    /// The next block, with no transactions.
    pub fn grow_empty(&mut self) -> Decided {
        self.grow(vec![], vec![])
    }

    /// The next block, executed with an outcome of one's choice.
    pub fn grow_to(
        &mut self,
        txs: Vec<Tx>,
        evidence: Vec<Evidence>,
        outcome: BlockOutcome,
    ) -> Decided {
        let proposer = self.state.validators.proposer().address;
        let block = self.state.make_block(txs, self.last_commit.take(), evidence, proposer);
        let parts = block.part_set();
        let id = block.id(&parts);
        let commit = self.commit(&block, id);
        self.state = self.state.advance(id, &block.header, block.txs.len(), &outcome).unwrap();
        self.last_commit = Some(commit.clone());
        let (commit, state) = (ExtendedCommit::plain(commit), self.state.clone());
        Decided { block, id, parts, commit, outcome, state }
    }

    /// Two votes of the first validator for different blocks at a height.
    pub fn evidence(&self, height: Height) -> Evidence {
        let vote = |seed: u8| Vote {
            kind: VoteKind::Prevote,
            height,
            round: Round::FIRST,
            block_id: Some(BlockId {
                hash: Hash([seed; 32]),
                parts: PartSetHeader { total: 1, hash: Hash([seed; 32]) },
            }),
            timestamp: self.state.last_block_time,
            validator_address: self.state.validators.validators()[0].address,
            validator_index: ValidatorIndex(0),
            signature: Signature([seed; 64]),
            extension: None,
        };
        let time = self.state.last_block_time;
        let evidence =
            DuplicateVoteEvidence::new(vote(1), vote(2), &self.state.validators, time).unwrap();
        Evidence::DuplicateVote(Box::new(evidence))
    }

    fn commit(&self, block: &Block, block_id: BlockId) -> Commit {
        let timestamp = block.header.time.after(std::time::Duration::from_secs(1));
        let sig = |(index, validator): (u8, &types::Validator)| CommitSig::Commit {
            validator_address: validator.address,
            timestamp,
            signature: Signature([index; 64]),
        };
        let signatures = (1..).zip(self.state.validators.validators()).map(sig).collect();
        Commit { height: block.header.height, round: Round::FIRST, block_id, signatures }
    }
}

/// An outcome that gives a validator a power, from two heights later on.
pub fn repower(number: u8, power: u64) -> BlockOutcome {
    let update = ValidatorUpdate { public_key: PublicKey([number; 32]), power: VotingPower(power) };
    BlockOutcome { validator_updates: vec![update], ..Default::default() }
}

/// A transaction of some length.
pub fn tx(number: u8, bytes: usize) -> Tx {
    Bytes::from(vec![number; bytes])
}
