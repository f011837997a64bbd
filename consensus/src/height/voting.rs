//! Our own votes: from a rule's wish to a signed, durable and counted vote.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use types::{BlockId, Round, Time, UnsignedVote, Vote, VoteKind};

use super::{Deliberation, Phase, Turn, Verdict, Wanted};
use crate::output::{Output, Question, SignRequest};
use crate::replay::Record;

impl Deliberation {
    /// Asks for the votes that the rules want: a signature, or first an extension. Votes of
    /// earlier rounds are no longer worth one.
    pub(super) fn ask_votes(&mut self, turn: &mut Turn<'_>) {
        if self.phase == Phase::Replay {
            return;
        }
        for wanted in std::mem::take(&mut self.wanted) {
            if wanted.round < self.rounds.round() || self.voted(wanted.round, wanted.kind) {
                continue;
            }
            let extended = wanted.kind == VoteKind::Precommit && self.extensions_enabled();
            match wanted.block_id.filter(|_| extended) {
                Some(id) => self.ask_extension(turn, wanted.round, id),
                None => self.sign_vote(turn, wanted, None),
            }
        }
    }

    /// The application's data for our precommit.
    pub fn extended(&mut self, turn: &mut Turn<'_>, round: Round, extension: Bytes) {
        let Some((asked, id)) = self.extending.filter(|(asked, _)| *asked == round) else { return };
        self.extending = None;
        let (kind, block_id) = (VoteKind::Precommit, Some(id));
        self.sign_vote(turn, Wanted { round: asked, kind, block_id }, Some(extension));
    }

    /// Our signed vote: durable before we count it, and before anybody sees it. It may be another
    /// than we asked for, if the signer had signed one there before a crash took our memory of it:
    /// then we stand where that one puts us. To say nothing would be safe, too, but the others may
    /// need our vote to get to the next round.
    pub fn signed_vote(&mut self, turn: &mut Turn<'_>, vote: Arc<Vote>) {
        let mine = self.me.is_some_and(|(_, address)| address == vote.validator_address);
        if !mine || vote.height != self.height {
            return;
        }
        let for_block = vote.kind == VoteKind::Precommit && vote.block_id.is_some();
        if for_block && vote.extension.is_none() && self.extensions_enabled() {
            // The extension was lost in the crash, and nobody takes such a vote without one.
            return;
        }
        self.recall_vote(turn, &vote);
        turn.outputs.push(Output::Record(Record::Vote(Arc::clone(&vote))));
        turn.outputs.push(Output::Persist);
        self.count(turn, vote);
    }

    /// Our key has signed in this round already, which a crash has made us forget. No vote of ours
    /// can be had in any round before, so we go on from there. docs/decisions/0007
    pub fn signed_in(&mut self, turn: &mut Turn<'_>, round: Round) {
        if self.is_voting() && self.rounds.round() < round {
            let acts = self.rounds.start(round);
            self.carry_out(turn, acts);
        }
    }

    /// Takes up a vote that we made before a crash: we stand where it put us, and the block it is
    /// for was acceptable.
    pub(super) fn recall_vote(&mut self, turn: &mut Turn<'_>, vote: &Vote) {
        if let Some(id) = vote.block_id {
            self.verdicts.insert(id, Verdict::Accept);
        }
        let acts = self.rounds.recall(vote.round, vote.kind, vote.block_id);
        self.carry_out(turn, acts);
        self.wanted.retain(|it| (it.round, it.kind) != (vote.round, vote.kind));
    }

    /// Whether this vote is one of ours.
    pub(super) fn is_mine(&self, vote: &Vote) -> bool {
        self.me.is_some_and(|(index, _)| index == vote.validator_index)
    }

    /// Whether our vote of this kind in this round is here.
    fn voted(&self, round: Round, kind: VoteKind) -> bool {
        let tally = self.votes.tally(round, kind);
        self.me.is_some_and(|(index, _)| tally.is_some_and(|it| it.vote(index).is_some()))
    }

    fn ask_extension(&mut self, turn: &mut Turn<'_>, round: Round, id: BlockId) {
        let Some(block) = self.block(&id).filter(|_| self.me.is_some()).cloned() else { return };
        self.extending = Some((round, id));
        let state = Arc::clone(&self.state);
        turn.outputs.push(Output::Ask(Question::Extend { round, state, block }));
    }

    fn sign_vote(&self, turn: &mut Turn<'_>, wanted: Wanted, extension: Option<Bytes>) {
        let Some((validator_index, validator_address)) = self.me else { return };
        if wanted.kind == VoteKind::Precommit && wanted.block_id.is_some() {
            // The signer never forgets what we lock on; neither may we forget why. A lock whose
            // polka is lost can be shown to nobody and is never left. docs/decisions/0007
            turn.outputs.push(Output::Persist);
        }
        turn.outputs.push(Output::Sign(SignRequest::Vote(UnsignedVote {
            kind: wanted.kind,
            height: self.height,
            round: wanted.round,
            block_id: wanted.block_id,
            timestamp: self.vote_time(turn.now, wanted.block_id.as_ref()),
            validator_address,
            validator_index,
            extension,
        })));
    }

    /// Now, but later than the block's own time, so that the next block can be later still even
    /// if our clock is behind. spec: BFT time, `voteTime`.
    fn vote_time(&self, now: Time, id: Option<&BlockId>) -> Time {
        let block = id.and_then(|id| self.block(id));
        block.map_or(now, |block| now.max(block.header.time.after(Duration::from_millis(1))))
    }
}
