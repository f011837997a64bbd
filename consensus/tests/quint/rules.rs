//! The rules alone: each input of the specification's state machine is a fact for the real
//! [`Rounds`], whose place, locks and acts must be the specification's after it.

use consensus::Wait;
use consensus::round::{Act, Fact, Lock, Rounds, Step};
use types::{BlockId, Round, VoteKind};

use crate::deviations::{Counts, Deviation};
use crate::names::{bare_choice, bare_id, kind, round, some_round};
use crate::trace::{
    Ballot, Choice, ConsensusState, Offer, RuleInput, RuleOutput, RuleState, Stage, Timer,
};

/// A [`Rounds`] beside a state machine of the specification.
pub struct Follower {
    rounds: Rounds,
    begun: bool,
    /// Into which round the last step ended the one before, if it did.
    ahead: Option<Round>,
}

/// Follows a whole trace of the rules; returns how many steps it had.
pub fn replay(states: &[RuleState], counts: &mut Counts) -> usize {
    let mut follower = Follower::new();
    follower.compare(&states[0].state);
    let mut steps = 0;
    for pair in states.windows(2) {
        // Each step is followed by one that only looks.
        if pair[0] == pair[1] {
            continue;
        }
        let acts = follower.apply(&pair[1].input, counts);
        follower.compare_acts(&pair[1].input, &acts, &pair[1].output);
        follower.compare(&pair[1].state);
        steps += 1;
    }
    steps
}

impl Follower {
    /// Before round 0.
    pub fn new() -> Self {
        Self { rounds: Rounds::new(), begun: false, ahead: None }
    }

    /// Tells our rules what the specification's were told.
    pub fn apply(&mut self, input: &RuleInput, counts: &mut Counts) -> Vec<Act> {
        let proposal =
            |block_id, acceptable, pol_round| Fact::Proposal { block_id, acceptable, pol_round };
        let fact = match input {
            RuleInput::NoConsensusInput => panic!("no input of the rules"),
            RuleInput::NewRoundCInput(to) | RuleInput::NewRoundProposerCInput(to) => {
                return self.begin(some_round(*to), counts);
            }
            RuleInput::ProposeValueCInput(_) => {
                counts.apply(Deviation::BuildingOutsideRules);
                return vec![];
            }
            RuleInput::ProposalAndCommitAndValidCInput(_) => {
                counts.apply(Deviation::DecisionOutsideRules);
                return vec![];
            }
            RuleInput::ProposalCInput((_, choice)) => proposal(some_id(choice), true, None),
            RuleInput::ProposalAndPolkaPreviousAndValidCInput((choice, polka)) => {
                proposal(some_id(choice), true, round(*polka))
            }
            RuleInput::ProposalInvalidCInput => proposal(bare_id("invalid"), false, None),
            RuleInput::ProposalAndPolkaAndInvalidCInput(choice) => {
                proposal(some_id(choice), false, self.rounds.round().previous())
            }
            RuleInput::PolkaNilCInput => Fact::Polka(None),
            RuleInput::PolkaAnyCInput => Fact::PrevotesOfAny,
            RuleInput::ProposalAndPolkaAndValidCInput(choice) => Fact::Polka(bare_choice(choice)),
            RuleInput::PrecommitAnyCInput => Fact::PrecommitsOfAny,
            RuleInput::RoundSkipCInput(to) => Fact::Others(some_round(*to)),
            RuleInput::TimeoutProposeCInput((_, of)) => Fact::TimeoutPropose(some_round(*of)),
            RuleInput::TimeoutPrevoteCInput((_, of)) => Fact::TimeoutPrevote(some_round(*of)),
            RuleInput::TimeoutPrecommitCInput((_, of)) => Fact::TimeoutPrecommit(some_round(*of)),
        };
        let before = self.rounds.round();
        let acts = self.rounds.apply(fact);
        self.ahead = Some(self.rounds.round()).filter(|&now| before < now);
        acts
    }

    fn begin(&mut self, to: Round, counts: &mut Counts) -> Vec<Act> {
        if let Some(ahead) = self.ahead.take() {
            assert_eq!(ahead, to, "the round after the one that ended");
            counts.apply(Deviation::OneStepToNextRound);
            return vec![Act::Begin(to, self.rounds.valid())];
        }
        assert!(!self.begun, "only the first round begins without another's end");
        self.begun = true;
        self.rounds.start(to)
    }

    /// What we did is what the specification did.
    pub fn compare_acts(&self, input: &RuleInput, acts: &[Act], output: &RuleOutput) {
        let said: Vec<&Act> =
            acts.iter().filter(|act| !matches!(act, Act::Locked(_) | Act::Valid(_))).collect();
        let what = format!("{input:?} gives {output:?}, ours {acts:?}");
        match (output, &said[..]) {
            (RuleOutput::NoConsensusOutput | RuleOutput::ErrorOutput(_), []) => {}
            (RuleOutput::VoteOutput(ballot), [Act::Vote(round, of, block_id)]) => {
                assert_eq!(voted(ballot), (*round, *of, *block_id), "{what}");
            }
            (RuleOutput::TimeoutOutput((of, timer)), [Act::Wait(wait, round)]) => {
                assert_eq!((some_round(*of), *timer), (*round, timer_of(*wait)), "{what}");
            }
            (RuleOutput::TimeoutOutput((of, Timer::ProposeTimeout)), [Act::Begin(round, _)]) => {
                assert_eq!(some_round(*of), *round, "{what}");
            }
            (
                RuleOutput::GetValueAndScheduleTimeoutOutput((_, of, Timer::ProposeTimeout)),
                [Act::Begin(round, None)],
            ) => assert_eq!(some_round(*of), *round, "{what}"),
            (RuleOutput::ProposalOutput(offer), [Act::Begin(round, Some(valid))]) => {
                assert_eq!(offered(offer), (*round, *valid), "{what}");
            }
            (RuleOutput::SkipRoundOutput(to), [Act::Begin(round, _)]) => {
                assert_eq!(some_round(*to), *round, "{what}");
            }
            // Not the rules' for us; `apply` has counted them.
            (RuleOutput::DecidedOutput(_), [])
                if matches!(input, RuleInput::ProposalAndCommitAndValidCInput(_)) => {}
            (RuleOutput::ProposalOutput(_), [])
                if matches!(input, RuleInput::ProposeValueCInput(_)) => {}
            _ => panic!("{what}"),
        }
    }

    /// We are where the specification is.
    pub fn compare(&self, theirs: &ConsensusState) {
        let locked = self.rounds.locked();
        assert_eq!(lock(theirs.locked_round, &theirs.locked_value), locked, "locked: {theirs:?}");
        let valid = self.rounds.valid();
        assert_eq!(lock(theirs.valid_round, &theirs.valid_value), valid, "valid: {theirs:?}");
        let (ours, begun) = ((self.rounds.round(), self.rounds.step()), self.begun);
        let there = |step| (begun, ours) == (true, (some_round(theirs.round), step));
        let same = match theirs.step {
            Stage::NoStep => !begun && round(theirs.round).is_none(),
            Stage::UnstartedStep => self.ahead == Some(ours.0) && some_round(theirs.round) < ours.0,
            Stage::ProposeStep => there(Step::Propose),
            Stage::PrevoteStep => there(Step::Prevote),
            Stage::PrecommitStep => there(Step::Precommit),
            Stage::CommitStep => round(theirs.round).is_none_or(|round| round == ours.0),
        };
        assert!(same, "they are at {theirs:?}, we at {ours:?}");
    }
}

fn some_id(choice: &Choice) -> BlockId {
    bare_choice(choice).expect("nil is never proposed")
}

fn lock(of: i64, choice: &Choice) -> Option<Lock> {
    let (round, block_id) = (round(of), bare_choice(choice));
    assert_eq!(round.is_some(), block_id.is_some(), "a lock has a round and a block, or neither");
    Some(Lock { round: round?, block_id: block_id? })
}

fn voted(ballot: &Ballot) -> (Round, VoteKind, Option<BlockId>) {
    (some_round(ballot.round), kind(ballot.vote_type), bare_choice(&ballot.value_id))
}

fn offered(offer: &Offer) -> (Round, Lock) {
    let valid = Lock { round: some_round(offer.valid_round), block_id: bare_id(&offer.proposal) };
    (some_round(offer.round), valid)
}

fn timer_of(wait: Wait) -> Timer {
    match wait {
        Wait::Propose => Timer::ProposeTimeout,
        Wait::Prevote => Timer::PrevoteTimeout,
        Wait::Precommit => Timer::PrecommitTimeout,
        Wait::Commit | Wait::EmptyBlock | Wait::Gossip | Wait::CatchUp => {
            panic!("the rules set no such alarm")
        }
    }
}
