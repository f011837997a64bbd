//! The light machine: a disk and an application that are plain values. It is what most seeds run
//! on, because it costs next to nothing; the whole machine has the real stores.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use consensus::{Decided, Input, Judgement, Output, Question, Record, Start, StoredBlock};
use types::{
    Address, AppHash, Block, BlockOutcome, ChainState, Evidence, Hash, Height, Message, PublicKey,
    Time, Tx, TxResult, ValidatorSet, ValidatorUpdate, VotingPower,
};

use crate::chance::Chance;
use crate::curves::Curves;
use crate::plan::{MachinePlan, Plan};

/// What a disk holds.
#[derive(Clone, Debug)]
struct Rows {
    records: Vec<Record>,
    /// With the times in their headers.
    blocks: BTreeMap<Height, (StoredBlock, Time)>,
    state: Arc<ChainState>,
    /// Who voted at each height that was executed.
    validators: BTreeMap<Height, Arc<ValidatorSet>>,
    evidence: BTreeMap<Hash, Evidence>,
    /// The deeds that blocks carry evidence of.
    committed: BTreeSet<Hash>,
}

/// One write: all of it is kept, or nothing.
type Write = Vec<Output>;

/// A disk and an application.
#[derive(Clone, Debug)]
pub struct Light {
    /// How many blocks it keeps.
    blocks_max: usize,
    rows: Rows,
    /// Written, but not synced: a loss of power takes them, from some point on.
    unsynced: Vec<Write>,
}

impl Light {
    /// Before the first block. It will keep so many.
    pub fn new(state: Arc<ChainState>, blocks_max: usize) -> Self {
        let rows = Rows {
            records: Vec::new(),
            blocks: BTreeMap::new(),
            state,
            validators: BTreeMap::new(),
            evidence: BTreeMap::new(),
            committed: BTreeSet::new(),
        };
        Self { blocks_max, rows, unsynced: Vec::new() }
    }

    /// Writes. Tells `kept` what was decided, once it is safe.
    pub fn write(&mut self, write: Write, durable: bool, kept: impl FnMut(&Decided)) {
        self.unsynced.push(write);
        if durable {
            self.lose_process(kept);
        }
    }

    /// How many writes a loss of power could take.
    pub fn unsynced(&self) -> u64 {
        u64::try_from(self.unsynced.len()).expect("few writes")
    }

    /// The power is cut, after the disk had taken so many of the unsynced writes by itself.
    /// Tells `kept` what was decided in them.
    pub fn lose_power(&mut self, taken: usize, mut kept: impl FnMut(&Decided)) {
        self.unsynced.truncate(taken);
        for write in self.unsynced.drain(..) {
            self.rows.apply(write, &mut kept);
        }
        self.rows.forget(self.blocks_max);
    }

    /// The process is killed: the operating system keeps all that was written.
    pub fn lose_process(&mut self, kept: impl FnMut(&Decided)) {
        self.lose_power(self.unsynced.len(), kept);
    }

    /// A decided block, for peers.
    pub fn stored(&self, height: Height) -> Option<StoredBlock> {
        self.rows.blocks.get(&height).map(|(stored, _)| stored.clone())
    }

    /// The answer to a peer's request for a block.
    pub fn served(&self, height: Height) -> Message {
        let Some(stored) = self.stored(height) else { return Message::NoBlock(height) };
        let extended = stored.commit.signatures.iter().any(|it| it.extension.is_some());
        let extended_commit = extended.then(|| stored.commit.clone());
        Message::BlockResponse { block: Arc::new(whole(&stored)), extended_commit }
    }

    /// Who voted at a height whose block is here, executed or not, and when that was made.
    pub fn past(&self, height: Height) -> Option<(Arc<ValidatorSet>, Time)> {
        let state = &self.rows.state;
        let next = (state.next_height() == height).then_some(&state.validators);
        let validators = self.rows.validators.get(&height).or(next)?;
        let (_, time) = self.rows.blocks.get(&height)?;
        Some((Arc::clone(validators), *time))
    }

    /// Whether a block carries a piece of evidence already.
    pub fn is_committed(&self, piece: &Evidence) -> bool {
        self.rows.committed.contains(&piece.deed())
    }

    /// The last block on the disk.
    pub fn tip(&self) -> Option<Height> {
        self.rows.blocks.keys().next_back().copied()
    }

    /// What a replica begins with: what the disk holds decided and the state does not know yet is
    /// executed first. Returns that, too.
    pub fn start(&mut self, word: &Word) -> (Start, Vec<Record>, Vec<(Height, BlockOutcome)>) {
        let mut executed = Vec::new();
        let rows = &mut self.rows;
        while let Some((stored, _)) = rows.blocks.get(&rows.state.next_height()) {
            let block = whole(stored);
            let id = stored.commit.block_id;
            let outcome = word.outcome(&block, &id.hash);
            let after = rows.state.advance(id, &block.header, block.txs.len(), &outcome);
            rows.take(Arc::new(after.expect("the same outcome was taken before")));
            executed.push((block.header.height, outcome));
        }
        let first = rows.blocks.keys().next().copied();
        let tip = rows.blocks.last_key_value().map(|(_, (stored, _))| stored);
        let last = rows.blocks.keys().next_back().copied();
        let start = Start {
            state: Arc::clone(&rows.state),
            last_commit: tip.map(|stored| stored.commit.clone()),
            last_header: tip.map(|stored| whole(stored).header),
            stored: first.zip(last),
            evidence: rows.evidence.values().cloned().collect(),
        };
        let height = rows.state.next_height();
        rows.records.retain(|record| record.height() == height);
        (start, rows.records.clone(), executed)
    }
}

impl Rows {
    /// Keeps only so many blocks.
    fn forget(&mut self, blocks_max: usize) {
        while blocks_max < self.blocks.len() {
            self.blocks.pop_first();
        }
        while blocks_max < self.validators.len() {
            self.validators.pop_first();
        }
    }

    fn take(&mut self, state: Arc<ChainState>) {
        if let Some(last) = &state.last_block {
            self.validators.insert(last.height, Arc::clone(&last.validators));
        }
        self.state = state;
    }

    fn apply(&mut self, write: Write, kept: &mut impl FnMut(&Decided)) {
        for output in write {
            match output {
                Output::Record(record) => self.records.push(record),
                Output::KeepEvidence(evidence) => {
                    self.evidence.insert(evidence.hash(), evidence);
                }
                Output::DropEvidence(hash) => {
                    self.evidence.remove(&hash);
                }
                Output::Decide(it) => {
                    kept(&it);
                    let Decided { block, parts, commit, .. } = *it;
                    for piece in &block.evidence {
                        self.evidence.remove(&piece.hash());
                        self.committed.insert(piece.deed());
                    }
                    let (height, time) = (block.header.height, block.header.time);
                    self.blocks.insert(height, (StoredBlock { parts, commit }, time));
                    self.records.retain(|record| height < record.height());
                }
                Output::KeepState(state) => self.take(state),
                other => unreachable!("not kept: {other:?}"),
            }
        }
    }
}

/// The block that its parts make.
pub fn whole(stored: &StoredBlock) -> Block {
    let bytes = stored.parts.assemble().expect("stored blocks are whole");
    types::codec::decode_block(bytes).expect("stored blocks are sound")
}

/// The answer to the question for a block: one with these transactions.
pub fn build(question: Question, proposer: Address, txs: Vec<Tx>) -> Input {
    let Question::Build { height, round, state, last_commit, evidence } = question else {
        unreachable!("only who is asked to build builds")
    };
    let commit = last_commit.map(|commit| commit.commit());
    let block = state.make_block(txs, commit, evidence, proposer);
    let parts = block.part_set();
    Input::Built { height, round, built: Some((Arc::new(block), Arc::new(parts))) }
}

/// What the light application says: the same of the same block at every member.
#[derive(Clone, Debug)]
pub struct Word {
    plan: MachinePlan,
    keys: Vec<PublicKey>,
    powers: Vec<u64>,
}

impl Word {
    /// The application of a run.
    pub fn new(plan: &Plan, curves: &Curves) -> Self {
        let keys = (0..plan.powers.len()).map(|number| curves.public(number)).collect();
        Self { plan: plan.machine.clone(), keys, powers: plan.powers.clone() }
    }

    /// Its answer to a question; signatures were checked before.
    pub fn answer(&self, question: Question, key: Option<PublicKey>) -> Input {
        match question {
            Question::Build { height, round, .. } => {
                let proposer = key.expect("only validators are asked to build").address();
                let tx = Tx::from(format!("{height}/{round}/{proposer}").into_bytes());
                build(question, proposer, vec![tx])
            }
            Question::Judge { block, id, .. } => {
                let (height, block) = (block.header.height, id.hash);
                Input::Judged { height, block, judgement: self.judgement(&block) }
            }
            Question::Extend { round, block, .. } => {
                let extension = Bytes::from_static(b"extension");
                Input::Extended { height: block.header.height, round, extension }
            }
            Question::VerifyExtension { vote, .. } => {
                Input::ExtensionVerified { vote, accept: true }
            }
            Question::VerifyCommit { height, block_id, .. } => {
                // Not the application's to say: the driver has checked it before.
                Input::CommitVerified { height, block: block_id.hash, valid: false }
            }
            Question::Execute { block, id, .. } => {
                let height = block.header.height;
                Input::Executed { height, outcome: Arc::new(self.outcome(&block, &id.hash)) }
            }
        }
    }

    fn judgement(&self, block: &Hash) -> Judgement {
        let [a, b, ..] = block.0;
        let draw = u64::from(u16::from_be_bytes([a, b])) % 1000;
        if draw < self.plan.rejects_permille { Judgement::Reject } else { Judgement::Accept }
    }

    /// What comes of a block: its hash is the application's state.
    pub fn outcome(&self, block: &Block, hash: &Hash) -> BlockOutcome {
        BlockOutcome {
            tx_results: vec![TxResult::default(); block.txs.len()],
            app_hash: AppHash(Bytes::copy_from_slice(hash.as_bytes())),
            validator_updates: self.updates(block.header.height).into_iter().collect(),
            ..BlockOutcome::default()
        }
    }

    /// Now and then a validator's power changes a little.
    fn updates(&self, height: Height) -> Option<ValidatorUpdate> {
        let every = self.plan.updates_every?;
        if !height.0.is_multiple_of(every) {
            return None;
        }
        let mut chance = Chance::of(height.0, 0);
        let number = chance.index(self.keys.len());
        let power = VotingPower(self.powers[number] + chance.below(2));
        Some(ValidatorUpdate { public_key: self.keys[number], power })
    }
}
