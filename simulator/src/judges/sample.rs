//! A chain to try judges on: four validators, blocks as the product makes them, and whatever a test
//! does to them.

use std::sync::Arc;
use std::time::Duration;

use consensus::Decided;
use types::{
    Block, BlockId, BlockOutcome, ChainState, Commit, CommitSig, ExtendedCommit, ExtendedCommitSig,
    Genesis, Height, Round, Time, Tx, TxResult, UnsignedVote, Vote, VoteKind,
};

use super::chain::Chain;
use super::standing::Standing;
use crate::curves::Curves;
use crate::plan::{Plan, Vice};
use crate::world::World;

/// A chain that grows.
pub struct Sample {
    pub plan: Plan,
    pub genesis: Genesis,
    pub curves: Curves,
    pub chain: Chain,
    pub standing: Standing,
    state: ChainState,
    last_commit: Option<Commit>,
}

impl Sample {
    /// Before the first block. The validator with number 3 is Byzantine.
    pub fn new(real: bool) -> Self {
        let mut plan = Plan::fair(1, &[10, 11, 12, 13], 10);
        plan.members[3].vices = vec![Vice::Silent];
        plan.real_signatures = real;
        let genesis = World::new(plan.clone()).outside.genesis;
        Self {
            curves: Curves::new(4, real),
            chain: Chain::new(&genesis),
            standing: Standing::new(&plan),
            state: ChainState::genesis(&genesis).unwrap(),
            last_commit: None,
            genesis,
            plan,
        }
    }

    /// The next block, of round 0, decided by all.
    pub fn block(&self) -> Decided {
        let proposer = self.state.validators.proposer().address;
        let tx = Tx::from(format!("key={}", self.state.next_height()).into_bytes());
        let block = self.state.make_block(vec![tx], self.last_commit.clone(), vec![], proposer);
        self.decide(block, Round::FIRST)
    }

    /// A block as it is stored, with a commit of all validators.
    pub fn decide(&self, block: Block, round: Round) -> Decided {
        let parts = block.part_set();
        let id = block.id(&parts);
        let height = block.header.height;
        let entry = |vote: Vote| vote.extended_commit_sig(&id);
        let votes = (0..4).map(|key| self.vote(key, (height, round), Some(id)));
        let signatures: Vec<ExtendedCommitSig> = self.in_order(votes.collect(), entry);
        let commit = ExtendedCommit { height, round, block_id: id, signatures };
        Decided { block: Arc::new(block), id, parts: Arc::new(parts), commit }
    }

    fn in_order<T>(&self, mut votes: Vec<Vote>, entry: impl Fn(Vote) -> T) -> Vec<T> {
        votes.sort_by_key(|vote| vote.validator_index);
        votes.into_iter().map(entry).collect()
    }

    /// A precommit with the key of this number, ten seconds after those of the last block.
    pub fn vote(&self, key: usize, at: (Height, Round), block_id: Option<BlockId>) -> Vote {
        let vote = self.unsigned(key, at, block_id);
        let signature = self.curves.sign(key, || vote.sign_bytes(&self.genesis.chain_id));
        let timestamp = vote.timestamp;
        vote.signed(timestamp, signature, None)
    }

    /// The same before it is signed.
    pub fn unsigned(
        &self,
        key: usize,
        (height, round): (Height, Round),
        block_id: Option<BlockId>,
    ) -> UnsignedVote {
        let validator_address = self.curves.public(key).address();
        let (validator_index, _) = self.state.validators.find(&validator_address).unwrap();
        let seconds = Duration::from_secs(10 * height.0 + u64::try_from(key).unwrap());
        UnsignedVote {
            kind: VoteKind::Precommit,
            height,
            round,
            block_id,
            timestamp: self.genesis.genesis_time.after(seconds),
            validator_address,
            validator_index,
            extension: None,
        }
    }

    /// What the application makes of a block.
    pub fn outcome(decided: &Decided) -> Arc<BlockOutcome> {
        Arc::new(BlockOutcome {
            tx_results: vec![TxResult::default(); decided.block.txs.len()],
            ..BlockOutcome::default()
        })
    }

    /// The chain goes on after a block.
    pub fn follow(&mut self, decided: &Decided) {
        let outcome = Self::outcome(decided);
        let (header, txs) = (&decided.block.header, decided.block.txs.len());
        self.state = self.state.advance(decided.id, header, txs, &outcome).unwrap();
        self.last_commit = Some(decided.commit.commit());
        self.chain.decided(decided.id, header.time);
        self.chain.executed(header.height, &outcome).unwrap();
    }

    /// Puts an entry into a commit.
    pub fn replace(decided: &mut Decided, index: usize, sig: CommitSig) {
        decided.commit.signatures[index] = ExtendedCommitSig { sig, extension: None };
    }

    /// The last block's time.
    pub fn last_time(&self) -> Time {
        self.state.last_block_time
    }
}
