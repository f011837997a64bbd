//! A picture of the replica for RPC.

use types::VoteKind;

use super::Replica;
use crate::snapshot::{RoundVotes, Snapshot};

impl Replica {
    /// What the RPC shows: a picture of rounds, votes, locks and peers, cheap enough to be taken
    /// at every request.
    pub fn snapshot(&self) -> Snapshot {
        let current = &self.current;
        let (rounds, proposals) = (current.rounds(), current.proposals());
        let proposal = proposals.of(rounds.round()).map(|it| (**it).clone());
        let focus = current.focus();
        let last = current.state().last_block.as_ref();
        let whole = focus.filter(|id| proposals.block(id).is_some());
        Snapshot {
            height: current.height(),
            round: rounds.round(),
            step: current.wire_step(),
            start_time: current.start_time(),
            commit_time: self.commit_time,
            validators: std::sync::Arc::clone(&current.state().validators),
            last_validators: last.map(|it| std::sync::Arc::clone(&it.validators)),
            proposer: current.proposer(),
            proposal,
            proposal_block: whole,
            proposal_parts: focus.and_then(|id| Some(proposals.parts(&id)?.have().clone())),
            locked: rounds.locked().map(|lock| (lock.round, lock.block_id)),
            valid: rounds.valid().map(|lock| (lock.round, lock.block_id)),
            votes: self.round_votes(),
            last_commit: current.last_commit().map_or(Vec::new(), |it| it.votes().to_vec()),
            catching_up: self.catch_up.is_active(),
            peers: self.gossip.snapshot(|peer| self.catch_up.range(peer)),
        }
    }

    fn round_votes(&self) -> Vec<RoundVotes> {
        let votes = self.current.votes();
        let count = votes.validators().count();
        let of = |round, kind| {
            let tally = votes.tally(round, kind);
            tally.map_or_else(|| vec![None; count], |it| it.votes().to_vec())
        };
        let picture = |round| RoundVotes {
            round,
            prevotes: of(round, VoteKind::Prevote),
            precommits: of(round, VoteKind::Precommit),
        };
        votes.rounds().map(picture).collect()
    }
}
