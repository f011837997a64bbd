//! Whole networks: every step of the specification's participants is taken by a real
//! [`consensus::height::Deliberation`], and afterwards both have done the same and stand at the
//! same place, or a deviation of the table explains why not.

use std::collections::{BTreeMap, BTreeSet};

use types::Round;

use crate::deviations::{Counts, Deviation};
use crate::difference::Moment;
use crate::keeper;
use crate::names::round;
use crate::participant::{Deed, Participant, wait};
use crate::rules::Follower;
use crate::trace::{DriverInput, NetworkState, NodeState, RuleInput, RuleOutput, Stage};

/// What a network's trace consisted of.
#[derive(Debug, Default)]
pub struct Seen {
    /// Steps of participants, and how many of them left nothing pending.
    pub steps: usize,
    pub settled: usize,
    /// Rules that were executed in them.
    pub rules: usize,
    /// Messages put into a participant's buffers, and new heights.
    pub deliveries: usize,
    pub heights: usize,
    pub decisions: usize,
}

/// One participant, ours and theirs.
struct Pair {
    ours: Participant,
    /// What theirs has done at this height.
    deeds: BTreeSet<Deed>,
    rules: Follower,
    executed: usize,
    /// In which round theirs began.
    first: Option<Round>,
    /// Theirs has skipped from propose to propose and has not looked again.
    stale: bool,
    /// Differences that were explained, each counted once.
    explained: BTreeSet<String>,
}

/// What the specification says of one step.
struct Step<'a> {
    then: &'a NodeState,
    now: &'a NodeState,
    input: &'a DriverInput,
    output: &'a RuleOutput,
}

/// Follows a whole trace of a network.
pub fn replay(states: &[NetworkState], counts: &mut Counts) -> Seen {
    let mut seen = Seen::default();
    let nodes = &states[0].system.0;
    let mut pairs: BTreeMap<&String, Pair> =
        nodes.iter().map(|(name, node)| (name, Pair::new(name, node))).collect();
    for states in states.windows(2) {
        let (before, after) = (&states[0], &states[1]);
        let stepped = before.history != after.history;
        for (name, now) in &after.system.0 {
            let (then, pair) = (&before.system.0[name], pairs.get_mut(name).expect("a member"));
            if stepped && after.history.validator == *name {
                let (input, output) = (&after.history.input, &after.history.output);
                seen.steps += 1;
                pair.step(&Step { then, now, input, output }, counts, &mut seen);
            } else if then.es != now.es {
                // Nothing but a new height changes a participant without a step of its own.
                assert!(then.es.cs.height < now.es.cs.height && !now.es.started);
                *pair = Pair::new(name, now);
                seen.heights += 1;
            } else {
                seen.deliveries += usize::from(then != now);
            }
        }
    }
    seen
}

impl Pair {
    fn new(name: &str, node: &NodeState) -> Self {
        assert_eq!(node.es.cs.p, name);
        Self {
            ours: Participant::new(name, &node.es.valset, node.es.cs.height),
            deeds: BTreeSet::new(),
            rules: Follower::new(),
            executed: 0,
            first: None,
            stale: false,
            explained: BTreeSet::new(),
        }
    }

    fn step(&mut self, step: &Step<'_>, counts: &mut Counts, seen: &mut Seen) {
        seen.rules += self.follow_rules(step, counts);
        if step.then.es.started != step.now.es.started {
            self.begin(step, counts);
        }
        match step.input {
            // Nothing is told; what follows from earlier messages has followed.
            DriverInput::NoDInput | DriverInput::StartDInput => {}
            DriverInput::StepChangeDInput | DriverInput::PendingDInput(_) => {}
            DriverInput::ProposalDInput(offer) => self.ours.proposal(offer, counts),
            DriverInput::VoteDInput(ballot) => self.ours.vote(ballot, counts),
            DriverInput::CertificateDInput(ballots) => self.ours.certificate(ballots, counts),
            DriverInput::TimeoutDInput(timer) => {
                self.ours.ring(step.then.es.cs.round, wait(*timer), counts);
            }
            DriverInput::ProposeValueDInput(block) => self.ours.build(block, counts),
        }
        self.deeds.extend(Deed::of(step.output, &mut self.ours.names));
        self.look_back(step);
        self.compare(step, counts);
        seen.settled += usize::from(step.is_settled());
        if let RuleOutput::DecidedOutput(_) = step.output {
            self.compare_commit(step.now);
            seen.decisions += 1;
        }
    }

    /// The rules that the specification executed in this step, one by one.
    fn follow_rules(&mut self, step: &Step<'_>, counts: &mut Counts) -> usize {
        let inputs = &step.now.es.executed_inputs[self.executed..];
        self.executed = step.now.es.executed_inputs.len();
        for (number, (input, ..)) in inputs.iter().enumerate() {
            let acts = self.rules.apply(input, counts);
            let output = match inputs.get(number + 1) {
                None => step.output.clone(),
                Some((RuleInput::NewRoundCInput(to), ..))
                | Some((RuleInput::NewRoundProposerCInput(to), ..)) => {
                    RuleOutput::SkipRoundOutput(*to)
                }
                Some(next) => panic!("{input:?} does not lead to {next:?}"),
            };
            self.rules.compare_acts(input, &acts, &output);
        }
        if inputs.is_empty() {
            assert_eq!(*step.output, RuleOutput::NoConsensusOutput);
        }
        self.rules.compare(&step.now.es.cs);
        inputs.len()
    }

    /// A height begins: first with what came before it.
    fn begin(&mut self, step: &Step<'_>, counts: &mut Counts) {
        let height = step.now.es.cs.height;
        let (then, now) = (step.then, step.now);
        for ballot in then.incoming_votes.difference(&now.incoming_votes) {
            if ballot.height == height {
                counts.apply(Deviation::VotesBeforeTheHeight);
                self.ours.vote(ballot, counts);
            }
        }
        for ballots in then.incoming_certificates.difference(&now.incoming_certificates) {
            if ballots.first().is_some_and(|ballot| ballot.height == height) {
                self.ours.certificate(ballots, counts);
            }
        }
        for offer in now.incoming_proposals.iter().filter(|offer| offer.height == height) {
            self.ours.know(offer);
        }
        self.ours.begin(counts);
    }

    fn look_back(&mut self, step: &Step<'_>) {
        let (then, now) = (&step.then.es.cs, &step.now.es.cs);
        self.first = self.first.or(round(now.round));
        let proposes = then.step == Stage::ProposeStep && now.step == Stage::ProposeStep;
        self.stale = proposes && (self.stale || then.round < now.round);
    }

    /// Both have done the same and are at the same place, but for what the table explains.
    fn compare(&mut self, step: &Step<'_>, counts: &mut Counts) {
        let bookkeeper = &step.now.es.bk;
        let names = &mut self.ours.names;
        let votes = self.ours.current.votes();
        keeper::compare(votes, bookkeeper, |choice| names.choice(choice));
        let moment = Moment {
            theirs: &step.now.es,
            deeds: &self.deeds,
            ours: &self.ours,
            first: self.first,
            stale: self.stale,
            settled: step.is_settled(),
        };
        for difference in moment.differences() {
            let Some(deviation) = moment.explain(&difference) else {
                panic!("{difference:?} after {:?}: {:?}", step.input, step.now.es.cs);
            };
            if self.explained.insert(format!("{deviation:?} {difference:?}")) {
                counts.apply(deviation);
            }
        }
    }

    /// The same validators' precommits decide.
    fn compare_commit(&self, now: &NodeState) {
        let entry = now.es.chain.last().expect("a decision extends the chain");
        let mut theirs: Vec<_> =
            entry.commit.iter().map(|ballot| self.ours.names.index(&ballot.src_address)).collect();
        theirs.sort();
        assert_eq!(self.ours.deciders(), theirs);
    }
}

impl Step<'_> {
    /// Whether nothing is left that follows from what was told.
    fn is_settled(&self) -> bool {
        let (es, cs) = (&self.now.es, &self.now.es.cs);
        es.pending_inputs.is_empty()
            && es.pending_step_change == Stage::NoStep
            && !self.now.get_value_requests.contains(&(cs.height, cs.round))
    }
}
