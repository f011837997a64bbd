//! What comes after the model's last round: the Byzantine validator falls silent, and everything
//! that was ever heard reaches everybody. Then everybody must decide.

use std::collections::BTreeSet;
use std::sync::Arc;

use consensus::height::{Deliberation, Turn};
use consensus::round::Step;
use consensus::{Judgement, Output, Question, SignRequest, Timeout, Wait};
use types::{PeerId, Proposal, Round, Time, Vote};

use crate::letters::{KINDS, Letter, Letters, ROUNDS};
use crate::validator::Validator;
use crate::world::{SIGNATURE, World};

/// In four rounds after the last one of the model, each validator proposes once.
const ROUNDS_MAX: u32 = 7;

/// What is said to everybody.
#[derive(Clone)]
enum Mail {
    Vote(Vote),
    Proposal(Proposal),
}

struct Member<'a> {
    real: Deliberation,
    world: &'a World,
    sent: Vec<Mail>,
}

/// Whether all three honest validators decide, and the same.
pub fn succeeds(validators: &[&Validator], world: &World) -> bool {
    let heard = validators
        .iter()
        .fold(Letters::default(), |all, it| all.union(it.said).union(byzantine_share(it, world)));
    let mut mail: Vec<Mail> = heard
        .iter()
        .filter_map(|letter| match letter {
            Letter::Vote { .. } => Some(Mail::Vote(world.vote(letter))),
            Letter::Proposal { .. } => Some(Mail::Proposal(world.proposal(letter))),
            Letter::Block(_) | Letter::Decided(_) | Letter::Broken(_) => None,
        })
        .collect();
    let mut members: Vec<Member<'_>> = validators
        .iter()
        .map(|it| Member { real: it.real.clone(), world, sent: Vec::new() })
        .collect();
    for (member, validator) in members.iter_mut().zip(validators) {
        let asked = validator.unanswered.clone();
        asked.into_iter().for_each(|output| member.carry_out(output));
        if let Some(round) = validator.asked {
            member.build(round);
        }
    }
    loop {
        mail.extend(members.iter_mut().flat_map(|it| std::mem::take(&mut it.sent)));
        for letter in std::mem::take(&mut mail) {
            members.iter_mut().for_each(|member| member.receive(&letter));
        }
        if members.iter().any(|member| !member.sent.is_empty()) {
            continue;
        }
        if members.iter().all(|member| member.real.is_decided()) {
            let decided: BTreeSet<_> = members.iter().map(|it| it.real.target().copied()).collect();
            return decided.len() == 1;
        }
        let rang: Vec<bool> = members.iter_mut().map(Member::ring).collect();
        if !rang.contains(&true) || members.iter().any(|it| ROUNDS_MAX < it.real.rounds().round().0)
        {
            return false;
        }
    }
}

/// The Byzantine validator's votes in the quorums that a validator has seen: peers pass them on.
fn byzantine_share(validator: &Validator, world: &World) -> Letters {
    let places = (0..ROUNDS).flat_map(|round| KINDS.map(|kind| (round, kind)));
    let share = places.filter_map(|(round, kind)| {
        let choice = validator.polka(round, kind, world)?;
        Some(Letter::Vote { by: world.byzantine, round, kind, choice })
    });
    share.collect()
}

impl Member<'_> {
    fn receive(&mut self, mail: &Mail) {
        match mail.clone() {
            Mail::Vote(vote) => {
                let mine = Some(vote.validator_index) == self.real.me();
                self.turn(|it, turn| match mine {
                    true => it.signed_vote(turn, vote.into()),
                    false => it.receive_vote(turn, vote.into()),
                });
            }
            Mail::Proposal(proposal) => {
                self.turn(|it, turn| {
                    assert_eq!(it.receive_proposal(turn, proposal.into()), Ok(()));
                });
            }
        }
        self.fetch();
    }

    /// Blocks that are wanted come from a peer.
    fn fetch(&mut self) {
        let round = self.real.rounds().round();
        let proposed = self.real.proposals().of(round).map(|proposal| proposal.block_id);
        for id in self.real.focus().into_iter().chain(proposed) {
            let (_, _, parts) = self.world.block(self.world.name(&id));
            let awaited = self.real.proposals().parts(&id).is_some_and(|it| !it.is_complete());
            for index in (0..id.parts.total).filter(|_| awaited) {
                let part = parts.get(index).expect("the set is whole").clone();
                self.turn(|it, turn| {
                    assert_eq!(it.receive_part(turn, PeerId(0), round, part), Ok(()));
                });
            }
        }
    }

    /// Lets all alarms ring that are set. Returns whether there are any.
    fn ring(&mut self) -> bool {
        let (height, rounds) = (self.real.height(), self.real.rounds());
        let (round, mut waits) = (rounds.round(), Vec::new());
        if self.real.target().is_some() {
            return false;
        }
        match rounds.step() {
            Step::Propose => waits.push(Wait::Propose),
            Step::Prevote if rounds.waits_prevotes() => waits.push(Wait::Prevote),
            Step::Precommit if rounds.waits_precommits() => waits.push(Wait::Precommit),
            Step::Prevote | Step::Precommit => {}
        }
        for wait in &waits {
            self.turn(|it, turn| it.ring(turn, Timeout { height, round, wait: *wait }));
        }
        !waits.is_empty()
    }

    fn build(&mut self, round: Round) {
        let (_, block, parts) = self.world.block(self.world.built(round));
        self.turn(|it, turn| it.built(turn, round, Arc::clone(block), parts));
    }

    fn turn(&mut self, act: impl FnOnce(&mut Deliberation, &mut Turn<'_>)) {
        let mut outputs = Vec::new();
        let mut turn = Turn {
            now: Time::EPOCH,
            config: &self.world.config,
            evidence: &self.world.evidence,
            hold: false,
            outputs: &mut outputs,
        };
        act(&mut self.real, &mut turn);
        self.real.settle(&mut turn).expect("no broken block has a quorum");
        outputs.into_iter().for_each(|output| self.carry_out(output));
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Sign(SignRequest::Vote(it)) => {
                self.sent.push(Mail::Vote(it.signed(Time::EPOCH, SIGNATURE, None)));
            }
            Output::Sign(SignRequest::Proposal(it)) => {
                let proposal = it.signed(Time::EPOCH, SIGNATURE);
                self.sent.push(Mail::Proposal(proposal.clone()));
                self.turn(|it, turn| it.signed_proposal(turn, proposal.into()));
            }
            Output::Ask(Question::Build { round, .. }) => self.build(round),
            Output::Ask(Question::Judge { block, .. }) => {
                let hash = block.hash();
                let accept = self.world.accepts(hash);
                let judgement = if accept { Judgement::Accept } else { Judgement::Reject };
                self.turn(|it, _| it.judged(hash, judgement));
            }
            Output::Record(_) | Output::Persist | Output::Rekey(_) | Output::Announce(_) => {}
            Output::Schedule(_) => {}
            other => panic!("nobody here can carry out {other:?}"),
        }
    }
}
