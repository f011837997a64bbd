//! Vices of a voter.

use types::{BlockId, Message, Vote, VoteKind};

use super::{Adversary, Place, Said, Scene, forge};
use crate::plan::Vice;

/// Vices that take hold of a whole round's votes.
pub const VICES: [Vice; 6] = [
    Vice::DoubleVote,
    Vice::DoubleVoteOpenly,
    Vice::Echo,
    Vice::Amnesia,
    Vice::WithholdVotes,
    Vice::ForceNil,
];

impl Adversary {
    /// Its replica would send a vote to a peer: its own, or one that it hands on.
    pub fn vote(&mut self, scene: &Scene<'_>, to: usize, vote: &Vote, said: &mut Said) {
        let place = (vote.height, vote.round);
        let mood = self.mood(place);
        if Some(vote.validator_address) != self.addresses[self.member] {
            if mood.votes == Some(Vice::WithholdVotes) {
                return said.acts.push(Vice::WithholdVotes);
            }
            return said.say(to, Message::Vote(vote.clone().into()));
        }
        if let (VoteKind::Precommit, Some(id)) = (vote.kind, vote.block_id)
            && self.memory.locked.is_none_or(|(at, _)| at <= place)
        {
            self.memory.locked = Some((place, id));
        }
        let scheme = self.schemes.get(&place).and_then(Option::as_ref);
        if let Some(block_id) = scheme.and_then(|scheme| scheme.vote_for(to)) {
            return self.vote_for(scene, to, vote, block_id, said);
        }
        let Some(vice) = mood.votes else {
            return said.say(to, Message::Vote(vote.clone().into()));
        };
        match vice {
            Vice::DoubleVote => {
                let choices = self.choices(vote);
                let choice = choices[(to + mood.salt) % choices.len()];
                said.acts.push(vice);
                self.vote_for(scene, to, vote, choice, said);
            }
            Vice::DoubleVoteOpenly => {
                let choices = self.choices(vote);
                said.acts.push(vice);
                said.say(to, Message::Vote(vote.clone().into()));
                self.vote_for(scene, to, vote, choices[1], said);
            }
            // The peer's own vote calls for it, when it comes.
            Vice::Echo => {
                if let Some(theirs) = self.vote_of(to, place, vote.kind) {
                    self.echo(scene, to, &theirs, said);
                }
            }
            Vice::Amnesia => {
                let proposed = self.memory.proposals.get(&place).map(|it| it.block_id);
                let against = self.memory.locked.is_some_and(|((_, round), id)| {
                    round < vote.round && Some(id) != proposed && proposed.is_some()
                });
                if against && vote.block_id != proposed {
                    said.acts.push(vice);
                    return self.vote_for(scene, to, vote, proposed, said);
                }
                said.say(to, Message::Vote(vote.clone().into()));
            }
            Vice::WithholdVotes => {
                said.acts.push(vice);
                let from_all = mood.salt.is_multiple_of(2);
                if !from_all && (to + mood.salt / 2).is_multiple_of(2) {
                    said.say(to, Message::Vote(vote.clone().into()));
                }
            }
            Vice::ForceNil => {
                if vote.block_id.is_some() {
                    said.acts.push(vice);
                }
                self.vote_for(scene, to, vote, None, said);
            }
            other => unreachable!("no vice of a voter: {other:?}"),
        }
    }

    /// Answers a peer's vote with its like.
    pub fn echo(&mut self, scene: &Scene<'_>, to: usize, theirs: &Vote, said: &mut Said) {
        let place = (theirs.height, theirs.round);
        let Some((height, _)) = self.memory.place() else { return };
        if height != theirs.height || !self.vices.contains(&Vice::Echo) {
            return;
        }
        let echoes = self.mood(place).votes == Some(Vice::Echo);
        if !echoes || !self.echoed.insert((to, place, theirs.kind)) {
            return;
        }
        said.acts.push(Vice::Echo);
        if let Some(vote) = self.own_vote(scene, place, theirs.kind, theirs.block_id) {
            said.say(to, Message::Vote(vote.into()));
        }
    }

    fn vote_for(
        &self,
        scene: &Scene<'_>,
        to: usize,
        vote: &Vote,
        block_id: Option<BlockId>,
        said: &mut Said,
    ) {
        let vote = if vote.block_id == block_id {
            Some(vote.clone())
        } else {
            self.own_vote(scene, (vote.height, vote.round), vote.kind, block_id)
        };
        if let Some(vote) = vote {
            said.say(to, Message::Vote(vote.into()));
        }
    }

    /// What could be voted for: first what its replica wants, then at least one other thing.
    fn choices(&mut self, vote: &Vote) -> Vec<Option<BlockId>> {
        let mut choices = vec![vote.block_id];
        let known = self.memory.ids(vote.height).into_iter().map(Some).chain([None]);
        choices.extend(known.filter(|it| *it != vote.block_id));
        if choices.len() == 1 || self.chance.permille(100) {
            choices.push(Some(forge::some_id(&mut self.chance)));
        }
        choices
    }

    /// What a peer itself has voted.
    fn vote_of(&self, peer: usize, place: Place, kind: VoteKind) -> Option<Vote> {
        let address = self.addresses[peer]?;
        let (index, _) = self.memory.validators(place.0)?.find(&address)?;
        self.memory.votes.get(&(place, kind, index)).cloned()
    }
}
