//! A replica to which peers say anything that the decoder lets through, in any order, while alarms
//! ring, answers come late or not at all, and the clock jumps. It never panics, whatever it sends
//! and records can be written and read again, and it never signs two things in one place.
//!
//! The votes of others are taken as signed, so the peers together hold every key but ours.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use consensus::{
    Config, Input, Judgement, Output, Question, Record, Replica, SignRequest, Start, StoredBlock,
    Timeout, Wait,
};
use proptest::collection::vec;
use proptest::prelude::*;
use types::message::WireStep;
use types::vote::Extension;
use types::{
    BitArray, Block, BlockId, BlockOutcome, ChainState, ConsensusParams, DuplicateVoteEvidence,
    Evidence, ExtendedCommit, Hash, Height, Message, Part, PartSet, PartSetHeader, PeerId,
    Proposal, Round, Time, ValidatorIndex, Verified, Vote, VoteKind,
};

use crate::world::{SIGNATURE, genesis_state};

/// Which replica of the four is ours.
const ME: usize = 3;

/// One thing that happens. Numbers pick from small lists, so that they meet.
#[derive(Clone, Debug)]
enum Move {
    Say { peer: u64, what: u8, at: (u8, u8), index: u8, letter: u8, count: u8 },
    Ring { wait: u8, at: (u8, u8) },
    Up(u64),
    Down(u64),
    Answer { which: u8, how: u8 },
    Odd { what: u8, at: (u8, u8), letter: u8 },
    Clock { seconds: i64 },
}

fn moves() -> impl Strategy<Value = Move> {
    let at = || (0_u8..8, 0_u8..8);
    let say = (0_u64..4, 0_u8..16, at(), any::<u8>(), 0_u8..8, any::<u8>()).prop_map(
        |(peer, what, at, index, letter, count)| Move::Say { peer, what, at, index, letter, count },
    );
    prop_oneof![
        20 => say,
        4 => (0_u8..7, at()).prop_map(|(wait, at)| Move::Ring { wait, at }),
        1 => (0_u64..4).prop_map(Move::Up),
        1 => (0_u64..4).prop_map(Move::Down),
        10 => (any::<u8>(), 0_u8..8).prop_map(|(which, how)| Move::Answer { which, how }),
        2 => (0_u8..12, at(), 0_u8..8)
            .prop_map(|(what, at, letter)| Move::Odd { what, at, letter }),
        1 => (-100_000_i64..100_000).prop_map(|seconds| Move::Clock { seconds }),
    ]
}

/// A replica and what stands around it.
struct Target {
    replica: Replica,
    state: Arc<ChainState>,
    last_commit: Option<ExtendedCommit>,
    blocks: Vec<(BlockId, Arc<Block>, PartSet)>,
    now: Time,
    asked: VecDeque<Question>,
    requests: VecDeque<SignRequest>,
    loads: VecDeque<Height>,
    /// What it signed where: a second thing is a crime.
    signed: BTreeMap<(Height, Round, u8), Option<BlockId>>,
    halted: bool,
}

impl Target {
    fn new(extensions: bool) -> Self {
        let mut params = ConsensusParams::default();
        params.abci.extensions_from = extensions.then_some(Height(1));
        let state = Arc::new(genesis_state(&[10; 4], params));
        let start = Start {
            state: Arc::clone(&state),
            last_commit: None,
            last_header: None,
            stored: None,
            evidence: vec![],
        };
        let config = Config { commit: Duration::ZERO, ..Config::default() };
        let me = state.validators.validators()[ME].public_key;
        let mut target = Self {
            replica: Replica::new(config, Some(me), start, vec![]),
            state,
            last_commit: None,
            blocks: vec![],
            now: Time::from_unix(1_000, 0).expect("within the calendar"),
            asked: VecDeque::new(),
            requests: VecDeque::new(),
            loads: VecDeque::new(),
            signed: BTreeMap::new(),
            halted: false,
        };
        target.make_blocks();
        let mut outputs = Vec::new();
        target.replica.begin(target.now, &mut outputs);
        target.carry_out(outputs);
        (0..3).for_each(|peer| target.tell(Input::PeerUp(PeerId(peer))));
        target
    }

    /// Three blocks that may come next, the last with another proposer's lie about time.
    fn make_blocks(&mut self) {
        self.blocks.clear();
        for number in 0..3_usize {
            let commit = self.last_commit.as_ref().map(ExtendedCommit::commit);
            let tx = types::Tx::from(vec![number as u8; 1 + number * 70_000]);
            let proposer = self.state.validators.validators()[number].address;
            let mut block = self.state.make_block(vec![tx], commit, vec![], proposer);
            if number == 2 {
                block.header.time = Time::MAX;
            }
            let parts = block.part_set();
            self.blocks.push((block.id(&parts), Arc::new(block), parts));
        }
    }

    fn height(&self, pick: u8) -> Height {
        let next = self.state.next_height().0;
        let heights = [
            next,
            next,
            next,
            next + 1,
            next.saturating_sub(1).max(1),
            next + 2,
            next + 40,
            i64::MAX as u64,
        ];
        Height(heights[usize::from(pick) % heights.len()])
    }

    fn round(pick: u8) -> Round {
        let rounds = [0, 0, 0, 1, 1, 2, 7, i32::MAX as u32];
        Round(rounds[usize::from(pick) % rounds.len()])
    }

    /// Nil, one of the blocks, or an id that nothing has.
    fn block_id(&self, letter: u8) -> Option<BlockId> {
        let known = |number: usize| self.blocks[number].0;
        let foreign = |total| {
            let hash = Hash([letter; 32]);
            BlockId { hash, parts: PartSetHeader { total, hash } }
        };
        match letter % 8 {
            0 | 1 => Some(known(0)),
            2 => Some(known(1)),
            3 => Some(known(2)),
            4 | 5 => None,
            6 => Some(foreign(1)),
            _ => Some(foreign(u32::MAX)),
        }
    }

    fn bits(count: u8, filled: u8) -> BitArray {
        let counts = [4, 4, 4, 0, 1, 3, 5, 64, 65, 1_601, 10_000];
        let count = counts[usize::from(count) % counts.len()];
        BitArray::from_words(count, &[u64::from(filled).wrapping_mul(0x0101_0101_0101_0101); 3])
    }

    fn vote(&self, kind: VoteKind, at: (u8, u8), index: u8, letter: u8) -> Vote {
        let indices = [0, 1, 2, 3, 4, 9_999];
        // One alone votes in the last of all rounds: if more than a third did, all would go there.
        let far = Self::round(at.1) == Round(i32::MAX as u32);
        let index = if far { 0 } else { indices[usize::from(index) % indices.len()] };
        let block_id = self.block_id(letter);
        let may_extend = kind == VoteKind::Precommit && block_id.is_some();
        let extension = (may_extend && letter.is_multiple_of(2))
            .then(|| Extension { bytes: vec![letter].into(), signature: SIGNATURE });
        let validator = self.state.validators.get(ValidatorIndex(index));
        Vote {
            kind,
            height: self.height(at.0),
            round: Self::round(at.1),
            block_id,
            timestamp: self.now,
            validator_address: validator.map_or(types::Address([0; 20]), |it| it.address),
            validator_index: ValidatorIndex(index),
            signature: SIGNATURE,
            extension,
        }
    }

    fn part(&self, index: u8, letter: u8) -> Part {
        let (_, _, parts) = &self.blocks[usize::from(letter) % 3];
        let other = &self.blocks[usize::from(index) % 3].2;
        let total = parts.header().total;
        let right = parts.get(u32::from(index) % total).expect("the set is whole").clone();
        match index % 4 {
            0 | 1 => right,
            2 => Part { index: u32::from(index), ..right },
            _ => Part { proof: other.get(0).expect("the set is whole").proof.clone(), ..right },
        }
    }

    fn message(&self, what: u8, at: (u8, u8), index: u8, letter: u8, count: u8) -> Message {
        let (height, round) = (self.height(at.0), Self::round(at.1));
        let kind = if count.is_multiple_of(2) { VoteKind::Prevote } else { VoteKind::Precommit };
        let block_id = self.block_id(letter);
        let parts = block_id.map_or(self.blocks[0].0.parts, |id| id.parts);
        match what {
            0 => Message::NewRoundStep {
                height,
                round,
                step: [WireStep::NewHeight, WireStep::Propose, WireStep::Prevote, WireStep::Commit]
                    [usize::from(index) % 4],
                seconds_since_start: i64::from(count) - 9,
                last_commit_round: (1 < height.0).then_some(Self::round(count)),
            },
            1 => {
                let have = Self::bits(count, index);
                Message::NewValidBlock { height, round, parts, have, is_commit: letter > 3 }
            }
            2 => Message::HasVote { height, round, kind, index: ValidatorIndex(index.into()) },
            3 => Message::VoteSetMaj23 { height, round, kind, block_id },
            4 | 5 => Message::Proposal(Arc::new(Proposal {
                height,
                round,
                pol_round: (index.is_multiple_of(3)).then(|| Self::round(index)),
                block_id: block_id.unwrap_or(self.blocks[0].0),
                timestamp: self.now,
                signature: SIGNATURE,
            })),
            6 => {
                let have = Self::bits(count, index);
                Message::ProposalPol { height, pol_round: round, have }
            }
            7 | 8 => Message::BlockPart { height, round, part: self.part(index, letter) },
            9..=12 => Message::Vote(self.vote(kind, at, index, letter).into()),
            13 => {
                let have = Self::bits(count, index);
                Message::VoteSetBits { height, round, kind, block_id, have }
            }
            14 => self.about_blocks(height, index, letter),
            _ => self.evidence(at, index, letter),
        }
    }

    fn about_blocks(&self, height: Height, index: u8, letter: u8) -> Message {
        match index % 5 {
            0 => Message::BlockRequest(height),
            1 => Message::NoBlock(height),
            2 => Message::StatusRequest,
            3 => {
                let first = Height(u64::from(index / 5) % height.0 + 1);
                let range = (letter > 0).then_some((first.min(height), height));
                Message::StatusResponse { range }
            }
            _ => {
                let block = Arc::clone(&self.blocks[usize::from(letter) % 3].1);
                let extended_commit = (letter > 4).then(|| self.commit(self.blocks[0].0));
                Message::BlockResponse { block, extended_commit }
            }
        }
    }

    /// A commit of all four for a block of the next height.
    fn commit(&self, block_id: BlockId) -> ExtendedCommit {
        let height = self.state.next_height();
        let extended = self.state.params.extensions_enabled(height);
        let vote = |index: u8| Vote {
            round: Round::FIRST,
            height,
            block_id: Some(block_id),
            extension: extended.then(|| Extension { bytes: vec![].into(), signature: SIGNATURE }),
            ..self.vote(VoteKind::Precommit, (0, 0), index, 0)
        };
        ExtendedCommit {
            height,
            round: Round::FIRST,
            block_id,
            signatures: (0..4).map(|index| vote(index).extended_commit_sig(&block_id)).collect(),
        }
    }

    fn evidence(&self, at: (u8, u8), index: u8, letter: u8) -> Message {
        let one = self.vote(VoteKind::Prevote, at, index % 4, 0);
        let other = Vote { block_id: self.block_id(letter | 6), ..one.clone() };
        let made = DuplicateVoteEvidence::new(one, other, &self.state.validators, self.now);
        Message::Evidence(made.into_iter().map(Box::new).map(Evidence::DuplicateVote).collect())
    }

    fn tell(&mut self, input: Input) {
        if self.halted {
            return;
        }
        let mut outputs = Vec::new();
        self.replica.handle(self.now, input, &mut outputs);
        self.carry_out(outputs);
        let _ = self.replica.snapshot();
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Record(record) => {
                    let read = Record::decode(&record.encode());
                    assert_eq!(read, Ok(record), "what is recorded is read back");
                }
                Output::Send { message, .. } => {
                    let read = Message::decode(message.channel(), message.encode());
                    assert!(read.is_ok(), "it says what nobody reads: {message:?}");
                }
                Output::Sign(request) => self.requests.push_back(request),
                Output::Ask(question) => self.asked.push_back(question),
                Output::Load { height } => self.loads.push_back(height),
                Output::KeepState(state) => {
                    self.state = state;
                    self.make_blocks();
                }
                Output::Decide(decided) => self.last_commit = Some(decided.commit),
                Output::Halt { .. } => self.halted = true,
                _ => {}
            }
        }
    }

    fn answer(&mut self, which: u8, how: u8) {
        if let Some(height) = self.loads.pop_front() {
            let whole = &self.blocks[0];
            let stored = (how > 3).then(|| StoredBlock {
                parts: Arc::new(whole.2.clone()),
                commit: self.commit(whole.0),
            });
            self.tell(Input::Loaded { height, stored });
        }
        if let Some(request) = self.requests.pop_front() {
            let answer = self.sign(request, how);
            self.tell(answer);
        }
        if self.asked.is_empty() {
            return;
        }
        let place = usize::from(which) % self.asked.len();
        let question = self.asked.remove(place).expect("within the list");
        let answer = self.reply(question, how);
        self.tell(answer);
    }

    fn sign(&mut self, request: SignRequest, how: u8) -> Input {
        let (height, round, step, id) = match &request {
            SignRequest::Proposal(it) => (it.height, it.round, 0, Some(it.block_id)),
            SignRequest::Vote(it) => (it.height, it.round, 1 + it.kind as u8, it.block_id),
        };
        let before = self.signed.get(&(height, round, step));
        if how == 0 || before.is_some_and(|before| *before != id) {
            return Input::SignRefused {
                height,
                round,
                reason: "a test says so".to_owned(),
                reached: None,
            };
        }
        self.signed.insert((height, round, step), id);
        match request {
            SignRequest::Proposal(it) => {
                Input::SignedProposal(it.signed(self.now, SIGNATURE).into())
            }
            SignRequest::Vote(it) => {
                let extension = it.extension.is_some().then_some(SIGNATURE);
                Input::SignedVote(it.signed(self.now, SIGNATURE, extension).into())
            }
        }
    }

    fn reply(&self, question: Question, how: u8) -> Input {
        match question {
            Question::Build { height, round, state, last_commit, evidence } => {
                let commit = last_commit.map(|commit| commit.commit());
                let proposer = state.validators.validators()[ME].address;
                let block = state.make_block(vec![], commit, evidence, proposer);
                let parts = Arc::new(block.part_set());
                let built = (how > 0).then_some((Arc::new(block), parts));
                Input::Built { height, round, built }
            }
            Question::Judge { block, .. } => {
                let judgements = [Judgement::Reject, Judgement::Invalid, Judgement::Accept];
                let judgement = judgements[usize::from(how).min(2)];
                let (height, block) = (block.header.height, block.hash());
                Input::Judged { height, block, judgement }
            }
            Question::Extend { round, block, .. } => {
                let (height, extension) = (block.header.height, vec![how].into());
                Input::Extended { height, round, extension }
            }
            Question::VerifyExtension { vote, .. } => {
                Input::ExtensionVerified { vote, accept: how > 0 }
            }
            Question::VerifyCommit { height, block_id, .. } => {
                let right = self.blocks[0].0 == block_id;
                Input::CommitVerified { height, block: block_id.hash, valid: right && how > 1 }
            }
            Question::Execute { block, .. } => {
                let outcome = BlockOutcome {
                    tx_results: vec![types::TxResult::default(); block.txs.len()],
                    app_hash: types::AppHash(vec![how].into()),
                    ..BlockOutcome::default()
                };
                let height = block.header.height;
                Input::Executed { height, outcome: Arc::new(outcome) }
            }
        }
    }

    /// Answers to questions that nobody asked, or that were answered already.
    fn odd(&mut self, what: u8, at: (u8, u8), letter: u8) {
        let (height, round) = (self.height(at.0), Self::round(at.1));
        let (id, block, parts) = self.blocks[usize::from(letter) % 3].clone();
        let input = match what {
            0 => Input::TxsAvailable { height },
            1 => Input::Built { height, round, built: Some((block, Arc::new(parts))) },
            2 => Input::Judged { height, block: id.hash, judgement: Judgement::Accept },
            3 => Input::Extended { height, round, extension: vec![1].into() },
            4 => {
                let vote = self.vote(VoteKind::Precommit, at, letter, 0).into();
                Input::ExtensionVerified { vote, accept: true }
            }
            5 => Input::SignRefused { height, round, reason: String::new(), reached: None },
            6 => Input::CommitVerified { height, block: id.hash, valid: letter > 3 },
            7 => Input::Executed { height, outcome: Arc::new(BlockOutcome::default()) },
            8 => Input::Loaded { height, stored: None },
            9 => Input::PeerDown(PeerId(999)),
            10 => Input::PeerUp(PeerId(u64::from(letter) + 10)),
            _ => match self.evidence(at, letter, letter) {
                Message::Evidence(mut list) if !list.is_empty() => {
                    Input::Evidence(Verified::assume(list.remove(0)))
                }
                _ => return,
            },
        };
        self.tell(input);
    }

    fn make(&mut self, a_move: Move) {
        match a_move {
            Move::Say { peer, what, at, index, letter, count } => {
                let message = self.message(what, at, index, letter, count);
                // As the network brings it: what the decoder refuses never gets here.
                let read = Message::decode(message.channel(), message.encode());
                let Ok(message) = read.map(Verified::assume) else { return };
                self.tell(Input::Received { peer: PeerId(peer), message });
            }
            Move::Ring { wait, at } => {
                let waits = [
                    Wait::Commit,
                    Wait::EmptyBlock,
                    Wait::Propose,
                    Wait::Prevote,
                    Wait::Precommit,
                    Wait::Gossip,
                    Wait::CatchUp,
                ];
                let (height, round) = (self.height(at.0), Self::round(at.1));
                self.tell(Input::Timeout(Timeout {
                    height,
                    round,
                    wait: waits[usize::from(wait)],
                }));
            }
            Move::Up(peer) => self.tell(Input::PeerUp(PeerId(peer))),
            Move::Down(peer) => self.tell(Input::PeerDown(PeerId(peer))),
            Move::Answer { which, how } => self.answer(which, how),
            Move::Odd { what, at, letter } => self.odd(what, at, letter),
            Move::Clock { seconds } => {
                let nanos = self.now.unix_nanos() + i128::from(seconds) * 1_000_000_000;
                self.now = Time::from_unix_nanos(nanos).unwrap_or(Time::MAX);
            }
        }
        self.now = self.now.after(Duration::from_millis(1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// A malformed part stopped consensus; so did messages about places that do not exist. See the
    /// head of this file.
    #[test]
    fn advisory_08_nothing_that_peers_can_say_makes_a_replica_panic(
        moves in vec(moves(), 1..200), extensions in any::<bool>(),
    ) {
        let mut target = Target::new(extensions);
        for a_move in moves {
            target.make(a_move);
        }
        let height = target.replica.snapshot().height;
        prop_assert!(target.halted || target.state.next_height() == height);
    }
}

/// ASA-2025-003: two arrays of bits of different lengths met.
#[test]
fn advisory_24_bits_of_other_lengths_than_ours_are_blamed_or_ignored() {
    for count in 0..11 {
        for (what, letter) in [(1, 0), (1, 4), (6, 0), (13, 0), (13, 4)] {
            let mut target = Target::new(false);
            let step = target.message(0, (0, 0), 1, 0, 9);
            for message in [step, target.message(what, (0, 0), 255, letter, count)] {
                let message = Verified::assume(message);
                target.tell(Input::Received { peer: PeerId(1), message });
            }
            target.tell(Input::Timeout(Timeout {
                height: Height::FIRST,
                round: Round::FIRST,
                wait: Wait::Gossip,
            }));
        }
    }
}

/// Vote extensions of one voter must not flood the application: what waits for its word is bounded,
/// however many different precommits a voter signs.
#[test]
fn advisory_43_one_voter_keeps_few_questions_waiting() {
    let mut target = Target::new(true);
    for number in 0..5_000_u32 {
        let extension =
            Extension { bytes: number.to_be_bytes().to_vec().into(), signature: SIGNATURE };
        let vote =
            Vote { extension: Some(extension), ..target.vote(VoteKind::Precommit, (0, 0), 1, 0) };
        let message = Verified::assume(Message::Vote(vote.into()));
        target.tell(Input::Received { peer: PeerId(1), message });
    }
    assert!(target.asked.len() <= 8, "{} questions wait", target.asked.len());
    // Once the application has answered, the voter is heard again.
    (0..8).for_each(|_| target.answer(0, 0));
    let before = target.asked.len();
    let vote = target.vote(VoteKind::Precommit, (0, 3), 1, 0);
    target.tell(Input::Received {
        peer: PeerId(1),
        message: Verified::assume(Message::Vote(vote.into())),
    });
    assert_eq!(target.asked.len(), before + 1);
}

/// Nothing of a peer stays behind when it goes, however often it comes back.
#[test]
fn advisory_10_peers_that_come_and_go_leave_nothing_behind() {
    let mut target = Target::new(false);
    (0..3).for_each(|peer| target.tell(Input::PeerDown(PeerId(peer))));
    for peer in 10..5_000 {
        target.tell(Input::PeerUp(PeerId(peer)));
        let all: Vec<Message> = (0..16).map(|it| target.message(it, (0, 0), 0, 0, 9)).collect();
        if peer % 50 == 0 {
            for message in all {
                let message = Verified::assume(message);
                target.tell(Input::Received { peer: PeerId(peer), message });
            }
        }
        assert_eq!(target.replica.snapshot().peers.len(), usize::from(peer % 50 == 0));
        target.tell(Input::PeerDown(PeerId(peer)));
    }
    assert!(target.replica.snapshot().peers.is_empty());
}
