//! A real [`Deliberation`] that is told what a participant of the specification is told, when it
//! is told, and that answers what the world around it would.

use std::collections::BTreeSet;
use std::sync::Arc;

use consensus::height::{Deliberation, Turn};
use consensus::{
    Config, Decided, EvidencePool, Judgement, Output, Question, SignRequest, Timeout, Wait,
};
use types::{BlockId, Hash, Part, PeerId, Proposal, Round, Time, ValidatorIndex, Vote, VoteKind};

use crate::deviations::{Counts, Deviation};
use crate::names::{self, INVALID, Names, SIGNATURE, some_round};
use crate::trace::{Ballot, Offer, RuleOutput, Timer, Weights};

/// The peer that brings everything.
const PEER: PeerId = PeerId(1);

/// Something that a participant did, at one height.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    Wait(Round, Wait),
    Build(Round),
    Propose(Round, BlockId, Option<Round>),
    Vote(Round, VoteKind, Option<BlockId>),
    Decide(Round, BlockId),
}

/// One participant at one height.
pub struct Participant {
    /// The real thing.
    pub current: Deliberation,
    /// The names of its height.
    pub names: Names,
    /// All that it did.
    pub deeds: BTreeSet<Deed>,
    /// What it signed comes back when the specification's own message does.
    votes: Vec<Vote>,
    proposal: Option<Proposal>,
    /// Blocks that came with a proposal, in whatever round: peers have them.
    seen: BTreeSet<BlockId>,
    decided: Option<Box<Decided>>,
    rejected: Hash,
    config: Config,
    evidence: EvidencePool,
}

impl Participant {
    /// A participant that has not begun the height.
    pub fn new(name: &str, weights: &Weights, height: i64) -> Self {
        let mut names = Names::new(weights, height);
        let (state, key) = (Arc::clone(&names.state), names.key(name));
        Self {
            current: Deliberation::new(Arc::clone(&state), Some(key), None, false, Time::EPOCH),
            deeds: BTreeSet::new(),
            votes: Vec::new(),
            proposal: None,
            seen: BTreeSet::new(),
            decided: None,
            rejected: names.block(INVALID).0.hash,
            config: Config { commit: std::time::Duration::ZERO, ..Config::default() },
            evidence: EvidencePool::new(&state, Vec::new()),
            names,
        }
    }

    /// Begins round 0.
    pub fn begin(&mut self, counts: &mut Counts) {
        self.turn(counts, Deliberation::begin);
    }

    /// A vote arrives; our own comes back from the signer.
    pub fn vote(&mut self, ballot: &Ballot, counts: &mut Counts) {
        let vote = self.names.vote(ballot);
        if Some(vote.validator_index) != self.current.me() {
            return self.turn(counts, |it, turn| it.receive_vote(turn, vote.into()));
        }
        let place = self.votes.iter().position(|own| same(own, &vote));
        let own = self.votes.remove(place.expect("what comes back was signed"));
        self.turn(counts, |it, turn| it.signed_vote(turn, own.into()));
    }

    /// A certificate arrives: to us it is a peer's claim that a quorum voted, and the votes.
    pub fn certificate(&mut self, ballots: &BTreeSet<Ballot>, counts: &mut Counts) {
        counts.apply(Deviation::CertificateIsClaimAndVotes);
        let first = ballots.first().expect("a certificate has votes");
        let vote = self.names.vote(first);
        let claimed = self.current.receive_claim(PEER, vote.round, vote.kind, vote.block_id);
        assert_eq!(claimed, Ok(()));
        for ballot in ballots {
            let vote = self.names.vote(ballot);
            self.votes.retain(|own| !same(own, &vote));
            self.turn(counts, |it, turn| it.receive_vote(turn, vote.into()));
        }
    }

    /// A peer has a block that was proposed; it comes when it is wanted.
    pub fn know(&mut self, offer: &Offer) {
        let id = self.names.proposal(offer).block_id;
        self.seen.insert(id);
    }

    /// A proposal arrives with its block; our own comes back from the signer.
    pub fn proposal(&mut self, offer: &Offer, counts: &mut Counts) {
        let proposal = self.names.proposal(offer);
        self.seen.insert(proposal.block_id);
        let proposer = self.names.validators().proposer_in(proposal.round);
        // A proposal of anybody else would not get past the check of its signature.
        assert_eq!(self.names.index(&offer.src_address), proposer);
        if Some(proposer) == self.current.me() {
            let own = self.proposal.take().expect("what comes back was signed");
            assert_eq!(own, proposal);
            return self.turn(counts, |it, turn| it.signed_proposal(turn, own.into()));
        }
        let (round, id) = (proposal.round, proposal.block_id);
        self.turn(counts, |it, turn| {
            assert_eq!(it.receive_proposal(turn, proposal.into()), Ok(()));
        });
        self.parts(round, id, counts);
    }

    /// The block that we asked for.
    pub fn build(&mut self, block: &str, counts: &mut Counts) {
        let round = self.current.rounds().round();
        assert!(self.deeds.contains(&Deed::Build(round)), "a block was asked for");
        let (_, block, parts) = self.names.block(block).clone();
        self.turn(counts, |it, turn| it.built(turn, round, block, &parts));
    }

    /// An alarm rings. One that we have not set is one of those that `difference.rs` has excused.
    pub fn ring(&mut self, of: i64, wait: Wait, counts: &mut Counts) {
        let round = some_round(of);
        if !self.deeds.contains(&Deed::Wait(round, wait)) {
            return;
        }
        let timeout = Timeout { height: self.current.height(), round, wait };
        self.turn(counts, |it, turn| it.ring(turn, timeout));
    }

    /// Whose precommits decided, in order.
    pub fn deciders(&self) -> Vec<ValidatorIndex> {
        let decided = self.decided.as_ref().expect("decided");
        decided.commit.votes().map(|vote| vote.validator_index).collect()
    }

    /// Whether our tally shows a quorum for one thing, and for what.
    pub fn polka(&self, round: Round, kind: VoteKind) -> Option<Option<BlockId>> {
        self.current.votes().tally(round, kind)?.polka()
    }

    /// Lets the height act, asks its rules again, and answers what can be answered at once.
    fn turn(&mut self, counts: &mut Counts, act: impl FnOnce(&mut Deliberation, &mut Turn<'_>)) {
        let mut outputs = Vec::new();
        let mut turn = Turn {
            now: Time::EPOCH,
            config: &self.config,
            evidence: &self.evidence,
            hold: false,
            outputs: &mut outputs,
        };
        act(&mut self.current, &mut turn);
        let decided = self.current.settle(&mut turn).expect("no invalid block has a quorum");
        for output in outputs {
            self.carry_out(output, counts);
        }
        if let Some(decided) = decided {
            self.deeds.insert(Deed::Decide(decided.commit.round, decided.id));
            self.decided = Some(decided);
        }
        self.fetch(counts);
    }

    fn carry_out(&mut self, output: Output, counts: &mut Counts) {
        match output {
            Output::Schedule(alarm) => {
                self.deeds.insert(Deed::Wait(alarm.timeout.round, alarm.timeout.wait));
            }
            Output::Sign(SignRequest::Vote(it)) => {
                let vote = it.signed(Time::EPOCH, SIGNATURE, None);
                self.deeds.insert(Deed::Vote(vote.round, vote.kind, vote.block_id));
                self.votes.push(vote);
            }
            Output::Sign(SignRequest::Proposal(it)) => {
                let own = it.signed(Time::EPOCH, SIGNATURE);
                self.deeds.insert(Deed::Propose(own.round, own.block_id, own.pol_round));
                self.proposal = Some(own);
            }
            Output::Ask(Question::Build { round, .. }) => {
                self.deeds.insert(Deed::Build(round));
            }
            Output::Ask(Question::Judge { block, .. }) => {
                let hash = block.hash();
                let reject = hash == self.rejected;
                let judgement = if reject { Judgement::Reject } else { Judgement::Accept };
                self.turn(counts, |it, _| it.judged(hash, judgement));
            }
            Output::Record(_) | Output::Persist | Output::Rekey(_) | Output::Announce(_) => {}
            other => panic!("nobody here can carry out {other:?}"),
        }
    }

    /// A block that votes make us want, and that came once, comes again.
    fn fetch(&mut self, counts: &mut Counts) {
        let Some(id) = self.current.focus().filter(|id| self.seen.contains(id)) else { return };
        let awaited = self.current.proposals().parts(&id).is_some_and(|it| !it.is_complete());
        if awaited && self.current.proposals().of(self.current.rounds().round()).is_none() {
            counts.apply(Deviation::BlockComesAgain);
            self.parts(self.current.rounds().round(), id, counts);
        }
    }

    fn parts(&mut self, round: Round, id: BlockId, counts: &mut Counts) {
        let parts = self.names.parts(&id);
        let parts: Vec<Part> =
            (0..id.parts.total).map(|it| parts.get(it).expect("whole").clone()).collect();
        for part in parts {
            self.turn(counts, |it, turn| {
                assert_eq!(it.receive_part(turn, PEER, round, part), Ok(()));
            });
        }
    }
}

/// Whether two votes say the same, whatever their times.
fn same(one: &Vote, other: &Vote) -> bool {
    (one.round, one.kind, one.block_id) == (other.round, other.kind, other.block_id)
}

/// The alarm of a timer.
pub fn wait(timer: Timer) -> Wait {
    match timer {
        Timer::ProposeTimeout => Wait::Propose,
        Timer::PrevoteTimeout => Wait::Prevote,
        Timer::PrecommitTimeout => Wait::Precommit,
    }
}

impl Deed {
    /// In which round.
    pub fn round(&self) -> Round {
        match self {
            Deed::Wait(round, _) | Deed::Build(round) | Deed::Propose(round, ..) => *round,
            Deed::Vote(round, ..) | Deed::Decide(round, _) => *round,
        }
    }

    /// What the specification's participant did, in the same words.
    pub fn of(output: &RuleOutput, names: &mut Names) -> Vec<Deed> {
        match output {
            RuleOutput::NoConsensusOutput | RuleOutput::ErrorOutput(_) => vec![],
            RuleOutput::ProposalOutput(it) => {
                let it = names.proposal(it);
                vec![
                    Deed::Propose(it.round, it.block_id, it.pol_round),
                    Deed::Wait(it.round, Wait::Propose),
                ]
            }
            RuleOutput::GetValueAndScheduleTimeoutOutput((_, round, Timer::ProposeTimeout)) => {
                let round = some_round(*round);
                vec![Deed::Build(round), Deed::Wait(round, Wait::Propose)]
            }
            RuleOutput::VoteOutput(ballot) => {
                let block_id = names.choice(&ballot.value_id);
                vec![Deed::Vote(some_round(ballot.round), names::kind(ballot.vote_type), block_id)]
            }
            RuleOutput::TimeoutOutput((round, timer)) => {
                vec![Deed::Wait(some_round(*round), wait(*timer))]
            }
            RuleOutput::DecidedOutput((round, block)) => {
                vec![Deed::Decide(some_round(*round), names.block(block).0)]
            }
            RuleOutput::GetValueAndScheduleTimeoutOutput(_) | RuleOutput::SkipRoundOutput(_) => {
                panic!("{output:?} never leaves a participant")
            }
        }
    }
}
