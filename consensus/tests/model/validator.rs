//! One honest validator of the model: the real [`Deliberation`] in a world that answers it at once.
//! It says what it signs; where that arrives, also with itself, is the network's matter.

use std::sync::Arc;

use consensus::height::{Deliberation, Turn};
use consensus::round::{Lock, Step};
use consensus::{Judgement, Output, Question, SignRequest, Timeout, Wait};
use types::{BlockId, PeerId, Round, Time, UnsignedVote, ValidatorIndex, VoteKind};

use crate::letters::{CHOICES, KINDS, Letter, Letters, Name, ROUNDS, VALIDATORS};
use crate::world::{Plant, SIGNATURE, World};

/// The peer that brings everything.
const PEER: PeerId = PeerId(0);

/// One honest validator.
#[derive(Clone)]
pub struct Validator {
    /// The real thing.
    pub real: Deliberation,
    /// What it signed and decided.
    pub said: Letters,
    /// For which round it waits for a block of its own.
    pub asked: Option<Round>,
    /// What it asks beyond the last round of the model, where nobody answers.
    pub unanswered: Vec<Output>,
    me: u32,
}

/// All of a validator that can be seen, and that matters to what it does: what changes only if a
/// rule of Algorithm 1 applies, what a quorum voted for, and the proposal that it waits to judge.
/// Alarms are not part of it: here they may ring whether they were set or not.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sight {
    pub round: u32,
    pub step: Step,
    pub locked: Option<(u32, Name)>,
    pub valid: Option<(u32, Name)>,
    target: Option<Name>,
    said: Letters,
    asked: Option<Round>,
    polkas: Vec<Option<Option<Name>>>,
    proposal: Letters,
}

impl Validator {
    /// At the beginning of round 0. Peers claim a quorum for everything everywhere, so that votes
    /// of who equivocates count for all that they are for: the worst that peers can do to a tally.
    pub fn new(me: u32, world: &World) -> Self {
        let (state, key) = (Arc::clone(&world.state), world.key(me));
        let mut real = Deliberation::new(state, Some(key), None, false, Time::EPOCH);
        assert_eq!(real.me(), Some(ValidatorIndex(me)));
        for round in 0..ROUNDS {
            for kind in KINDS {
                for (peer, choice) in (1..).map(PeerId).zip(CHOICES) {
                    let id = choice.map(|name| world.block(name).0);
                    assert_eq!(real.receive_claim(peer, Round(round), kind, id), Ok(()));
                }
            }
        }
        let (said, unanswered) = (Letters::default(), Vec::new());
        let mut validator = Self { real, said, asked: None, unanswered, me };
        validator.turn(world, Deliberation::begin);
        assert!(!validator.real.is_pausing());
        validator
    }

    /// Something arrives; our own votes come back from the signer.
    pub fn deliver(&mut self, letter: Letter, world: &World) {
        match letter {
            Letter::Vote { by, .. } if by == self.me => {
                self.turn(world, |it, turn| it.signed_vote(turn, world.vote(letter).into()));
            }
            Letter::Vote { .. } => {
                self.turn(world, |it, turn| it.receive_vote(turn, world.vote(letter).into()));
            }
            Letter::Proposal { round, block, .. } => {
                self.turn(world, |it, turn| {
                    assert_eq!(it.receive_proposal(turn, world.proposal(letter).into()), Ok(()));
                });
                self.parts(Round(round), block, world);
            }
            Letter::Block(name) => self.parts(self.real.rounds().round(), name, world),
            Letter::Decided(_) | Letter::Broken(_) => panic!("nobody is told of {letter:?}"),
        }
    }

    /// The application has built the block that was asked for.
    pub fn build(&mut self, world: &World) {
        let round = self.asked.take().expect("a block was asked for");
        let (_, block, parts) = world.block(world.built(round));
        self.turn(world, |it, turn| it.built(turn, round, Arc::clone(block), parts));
    }

    /// An alarm rings.
    pub fn ring(&mut self, wait: Wait, world: &World) {
        let (height, round) = (self.real.height(), self.real.rounds().round());
        self.turn(world, |it, turn| it.ring(turn, Timeout { height, round, wait }));
    }

    /// The alarm that can have an effect, set or not. Whoever leaves a round by alarms has voted in
    /// it: a vote that was not said is as good as one for nil that reaches nobody.
    pub fn alarm(&self) -> Option<Wait> {
        let rounds = self.real.rounds();
        if self.real.target().is_some() || ROUNDS <= rounds.round().0 {
            return None;
        }
        Some(match rounds.step() {
            Step::Propose => Wait::Propose,
            Step::Prevote => Wait::Prevote,
            Step::Precommit => Wait::Precommit,
        })
    }

    /// What a quorum of this kind voted for in a round, as far as it knows.
    pub fn polka(&self, round: u32, kind: VoteKind, world: &World) -> Option<Option<Name>> {
        let tally = self.real.votes().tally(Round(round), kind)?;
        Some(tally.polka()?.map(|id| world.name(&id)))
    }

    /// What can be seen of it.
    pub fn sight(&self, world: &World) -> Sight {
        let rounds = self.real.rounds();
        let lock = |lock: Option<Lock>| lock.map(|it| (it.round.0, world.name(&it.block_id)));
        let places = (0..ROUNDS).flat_map(|round| KINDS.map(|kind| (round, kind)));
        let proposal = self.real.proposals().of(rounds.round());
        let proposal = proposal.filter(|_| rounds.step() == Step::Propose);
        Sight {
            round: rounds.round().0,
            step: rounds.step(),
            locked: lock(rounds.locked()),
            valid: lock(rounds.valid()),
            target: self.real.target().map(|id| world.name(id)),
            said: self.said,
            asked: self.asked,
            polkas: places.map(|(round, kind)| self.polka(round, kind, world)).collect(),
            proposal: proposal.map(|it| world.proposed(it)).into_iter().collect(),
        }
    }

    /// Votes that its tallies count.
    pub fn counted(&self, world: &World) -> Letters {
        let votes = (0..VALIDATORS).flat_map(|by| (0..ROUNDS).map(move |round| (by, round)));
        let votes = votes.flat_map(|(by, round)| KINDS.map(|kind| (by, round, kind)));
        let votes = votes.flat_map(|(by, round, kind)| {
            let tally = self.real.votes().tally(Round(round), kind);
            let counted = move |choice: &Option<Name>| {
                let id = choice.map(|name| world.block(name).0);
                tally.is_some_and(|it| it.vote_for(ValidatorIndex(by), id.as_ref()).is_some())
            };
            let choices = CHOICES.into_iter().filter(counted);
            choices.map(move |choice| Letter::Vote { by, round, kind, choice })
        });
        votes.collect()
    }

    /// Lets the height act, asks its rules again, and answers what can be answered at once.
    fn turn(&mut self, world: &World, act: impl FnOnce(&mut Deliberation, &mut Turn<'_>)) {
        let mut outputs = Vec::new();
        let mut turn = Turn {
            now: Time::EPOCH,
            config: &world.config,
            evidence: &world.evidence,
            hold: false,
            outputs: &mut outputs,
        };
        act(&mut self.real, &mut turn);
        let decided = self.real.settle(&mut turn).expect("no broken block has a quorum");
        if let Some(decided) = decided {
            self.said = self.said.with(Letter::Decided(world.name(&decided.id)));
        }
        for output in outputs {
            self.carry_out(output, world);
        }
    }

    fn carry_out(&mut self, output: Output, world: &World) {
        match output {
            Output::Sign(SignRequest::Vote(it)) if it.round.0 < ROUNDS => self.sign(&it, world),
            Output::Sign(SignRequest::Proposal(it)) if it.round.0 < ROUNDS => {
                let proposal = it.signed(Time::EPOCH, SIGNATURE);
                self.said = self.said.with(world.proposed(&proposal));
                self.turn(world, |it, turn| it.signed_proposal(turn, proposal.into()));
            }
            Output::Ask(Question::Build { round, .. }) if round.0 < ROUNDS => {
                self.asked = Some(round);
            }
            Output::Sign(_) | Output::Ask(Question::Build { .. }) => self.unanswered.push(output),
            Output::Ask(Question::Judge { block, .. }) => {
                let hash = block.hash();
                let accept = world.accepts(hash);
                let judgement = if accept { Judgement::Accept } else { Judgement::Reject };
                self.turn(world, |it, _| it.judged(hash, judgement));
            }
            Output::Record(_) | Output::Persist | Output::Rekey(_) | Output::Announce(_) => {}
            Output::Schedule(_) => {}
            other => panic!("nobody here can carry out {other:?}"),
        }
    }

    /// Signs a vote, and breaks a rule in doing so if that is planted.
    fn sign(&mut self, vote: &UnsignedVote, world: &World) {
        let proposals = self.real.proposals();
        let whole = |id: &BlockId| proposals.block(id).is_some();
        let proposed = proposals.of(vote.round).map(|it| it.block_id).filter(whole);
        let breaks = match (world.plant, vote.kind) {
            (Plant::LockIgnored, VoteKind::Prevote) => self.real.rounds().locked().is_some(),
            (Plant::PolkaIgnored, VoteKind::Precommit) => true,
            (Plant::LockIgnored, VoteKind::Precommit) => false,
            (Plant::PolkaIgnored, VoteKind::Prevote) => false,
            (Plant::Nothing | Plant::VotesForged, _) => false,
        };
        let choice = vote.block_id.or(proposed.filter(|_| breaks));
        let choice = choice.map(|id| world.name(&id));
        let (by, round, kind) = (self.me, vote.round.0, vote.kind);
        self.said = self.said.with(Letter::Vote { by, round, kind, choice });
    }

    fn parts(&mut self, round: Round, block: Name, world: &World) {
        let (id, _, parts) = world.block(block);
        for index in 0..id.parts.total {
            let part = parts.get(index).expect("the set is whole").clone();
            self.turn(world, |it, turn| {
                assert_eq!(it.receive_part(turn, PEER, round, part), Ok(()));
            });
        }
    }
}
