//! What arrives for one height: proposals, parts, votes and claims of peers, and what a crashed
//! run left behind.

use std::sync::Arc;

use types::{Offence, Part, PeerId, Proposal, Round, Vote, VoteKind};

use super::{AskedExtension, Deliberation, Phase, Turn};
use crate::output::{Announcement, Output, Question};
use crate::proposals::Taken;
use crate::replay::Record;
use crate::tally::Added;

/// Most votes of one validator whose extensions are being checked or were refused.
const ASKED_EXTENSIONS_MAX: usize = 4;

/// Why a peer is to blame.
pub type Blame = (Offence, &'static str);

impl Deliberation {
    /// A proposal with its signature checked.
    ///
    /// # Errors
    /// If it cannot be honest.
    pub fn receive_proposal(
        &mut self,
        turn: &mut Turn<'_>,
        proposal: Arc<Proposal>,
    ) -> Result<(), Blame> {
        match self.proposals.add(Arc::clone(&proposal)) {
            Taken::New => {
                let round = proposal.round;
                turn.outputs.push(Output::Record(Record::Proposal(proposal)));
                self.announce_complete(turn, round);
                Ok(())
            }
            Taken::Ignored => Ok(()),
            Taken::Refused(offence, reason) => Err((offence, reason)),
        }
    }

    /// A part of a block.
    ///
    /// # Errors
    /// If the peer has sent too many that are of no block here.
    pub fn receive_part(
        &mut self,
        turn: &mut Turn<'_>,
        peer: PeerId,
        round: Round,
        part: Part,
    ) -> Result<(), Blame> {
        match self.proposals.add_part(Some(peer), round, &part) {
            Taken::New => {
                let height = self.height;
                turn.outputs.push(Output::Record(Record::Part { height, round, part }));
                self.announce_complete(turn, round);
                Ok(())
            }
            Taken::Ignored => Ok(()),
            Taken::Refused(offence, reason) => Err((offence, reason)),
        }
    }

    /// A peer's vote with its signature checked. A precommit for a block is counted only after
    /// the application accepted its extension; once the block is decided it is not asked.
    pub fn receive_vote(&mut self, turn: &mut Turn<'_>, vote: Arc<Vote>) {
        let extended = vote.kind == VoteKind::Precommit && vote.block_id.is_some();
        if vote.extension.is_some() != (extended && self.extensions_enabled()) {
            return;
        }
        let (false, Some(id)) = (self.is_mine(&vote) || self.is_decided(), vote.block_id) else {
            return self.count(turn, vote);
        };
        if vote.extension.is_none() {
            return self.count(turn, vote);
        }
        let asked = self.extensions.entry(vote.validator_index).or_default();
        let here = self.votes.tally(vote.round, vote.kind);
        let known = here.and_then(|it| it.vote_for(vote.validator_index, Some(&id))).is_some();
        if known {
            return;
        }
        if let Some(before) = asked.iter().find(|it| it.vote == vote) {
            // A conflicting vote that did not count may count by now: its block has been claimed.
            if before.accepted == Some(true) {
                self.count(turn, vote);
            }
            return;
        }
        if asked.len() == ASKED_EXTENSIONS_MAX {
            // What waits for an answer keeps its place: one voter must not flood the application.
            let Some(oldest) = asked.iter().position(|it| it.accepted.is_some()) else { return };
            asked.remove(oldest);
        }
        asked.push_back(AskedExtension { vote: Arc::clone(&vote), accepted: None });
        turn.outputs.push(Output::Ask(Question::VerifyExtension { block: id.hash, vote }));
    }

    /// The application's word on a vote's extension. It stays on the list of those asked about, so
    /// that offering the vote again does not ask again.
    pub fn extension_verified(&mut self, turn: &mut Turn<'_>, vote: Arc<Vote>, accept: bool) {
        let asked = self.extensions.get_mut(&vote.validator_index);
        for it in asked.into_iter().flatten().filter(|it| it.vote == vote) {
            it.accepted = Some(accept);
        }
        if accept && vote.height == self.height {
            self.count(turn, vote);
        }
    }

    /// A peer says that it saw a quorum.
    ///
    /// # Errors
    /// If it said something else before.
    pub fn receive_claim(
        &mut self,
        peer: PeerId,
        round: Round,
        kind: VoteKind,
        block_id: Option<types::BlockId>,
    ) -> Result<(), Blame> {
        let reason = "a peer claims two quorums in one round";
        self.votes.claim(peer, round, kind, block_id).map_err(|offence| (offence, reason))
    }

    /// A late precommit for the last block, ours or a peer's. The application is not asked about
    /// its extension, which must be there all the same: the next proposer hands it on.
    pub fn receive_late(&mut self, turn: &mut Turn<'_>, vote: Arc<Vote>) {
        let extended = self.state.params.extensions_enabled(vote.height);
        let wrong = vote.extension.is_some() != (extended && vote.block_id.is_some());
        let Some(last) = self.last_commit.as_mut().filter(|_| !wrong) else { return };
        match last.add(Arc::clone(&vote)) {
            Added::New => turn.outputs.push(Output::Announce(Announcement::Vote(vote))),
            Added::Conflict { first, .. } => self.accuse(first, vote),
            Added::Known | Added::Ahead | Added::Foreign => {}
        }
    }

    /// A peer is gone.
    pub fn forget(&mut self, peer: PeerId) {
        self.votes.forget(peer);
        self.proposals.forget(peer);
    }

    /// Takes in the records of a crashed run without asking anything of the world.
    pub fn replay(&mut self, turn: &mut Turn<'_>, records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        self.phase = Phase::Replay;
        let acts = self.rounds.start(Round::FIRST);
        self.carry_out(turn, acts);
        for record in records {
            match record {
                Record::Proposal(proposal) => {
                    self.proposals.add(proposal);
                }
                Record::Part { round, part, .. } => {
                    self.proposals.add_part(None, round, &part);
                }
                Record::Vote(vote) => {
                    if self.is_mine(&vote) {
                        self.recall_vote(turn, &vote);
                    }
                    self.votes.add(vote);
                }
                Record::Timeout(timeout) => self.ring(turn, timeout),
            }
            while self.apply_next(turn) {}
        }
    }

    /// Begins, or goes on after replay: asks for all that the rules wait for. Before round 0
    /// there is a pause, in which peers say how far they are.
    pub fn begin(&mut self, turn: &mut Turn<'_>) {
        self.start_time = turn.now;
        if self.phase == Phase::Replay {
            self.phase = Phase::Voting;
            self.announce_step(turn);
            self.reopen_round(turn);
        } else {
            self.pause(turn, turn.now);
        }
    }

    /// Counts a vote. Conflicts are kept for the evidence pool.
    pub(super) fn count(&mut self, turn: &mut Turn<'_>, vote: Arc<Vote>) {
        let added = self.votes.add(Arc::clone(&vote));
        let counted = added.counted();
        if counted && !self.is_mine(&vote) && !self.is_decided() {
            turn.outputs.push(Output::Record(Record::Vote(Arc::clone(&vote))));
        }
        if let Added::Conflict { first, .. } = added {
            self.accuse(first, Arc::clone(&vote));
        }
        if counted {
            turn.outputs.push(Output::Announce(Announcement::Vote(vote)));
        }
    }

    /// Keeps two conflicting votes for the evidence pool: once for each voter, round and kind.
    fn accuse(&mut self, first: Arc<Vote>, second: Arc<Vote>) {
        let place = (first.height, first.round, first.kind, first.validator_index);
        if !self.is_mine(&first) && self.accused.insert(place) {
            self.equivocations.push((first, second));
        }
    }

    pub(super) fn announce_complete(&self, turn: &mut Turn<'_>, round: Round) {
        let Some(proposal) = self.proposals.of(round) else { return };
        let block_id = proposal.block_id;
        if self.block(&block_id).is_some() {
            let height = self.height;
            let it = Announcement::CompleteProposal { height, round, block_id };
            turn.outputs.push(Output::Announce(it));
        }
    }
}
