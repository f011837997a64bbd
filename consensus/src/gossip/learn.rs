//! What a peer's messages say of the peer.

use std::ops::Deref;

use types::message::WireStep;
use types::part_set::PARTS_MAX;
use types::{BitArray, BlockId, Height, Message, Offence, PeerId, Round, VoteKind};

use super::peer::{Ballot, Peer, Place};
use super::{Gossip, View, penalise, send};
use crate::output::{Output, Recipients};
use crate::snapshot::PeerSnapshot;
use crate::tally::Tally;

/// Most messages from one peer in a slow tick, apart from what many validators give cause for.
const MESSAGES_MAX: u32 = 20_000;
/// More of them for each validator.
const MESSAGES_PER_VALIDATOR: u32 = 32;

impl Gossip {
    /// Learns from a message what its sender has, and answers what gossip itself can answer. To be
    /// called before the message is applied. A claim of two thirds ([`Message::VoteSetMaj23`])
    /// must have been told to [`crate::Votes::claim`] before. The view is made if it is needed.
    pub fn received<'a>(
        &mut self,
        id: PeerId,
        message: &Message,
        view: &impl Deref<Target = View<'a>>,
        outputs: &mut Vec<Output>,
    ) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        peer.messages = peer.messages.saturating_add(1);
        if MESSAGES_MAX < peer.messages && peer.messages == messages_max(view) {
            penalise(outputs, id, Offence::Flood, "too many messages");
        }
        if let Message::VoteSetMaj23 { height, round, kind, block_id } = message {
            answer_maj23(id, (*height, *round, *kind), block_id.as_ref(), view, outputs);
        }
        if let Err(reason) = peer.learn(message, self.initial_height, self.ticks, view) {
            penalise(outputs, id, Offence::Lie, reason);
        }
        self.learn_of_commit(id, message);
    }
}

/// Messages from one peer in a slow tick beyond which it floods.
fn messages_max(view: &View<'_>) -> u32 {
    let validators = u32::try_from(view.votes.validators().count()).unwrap_or(u32::MAX);
    MESSAGES_MAX.saturating_add(MESSAGES_PER_VALIDATOR.saturating_mul(validators))
}

/// Tells a peer which votes we have of those that it knows to be a quorum.
fn answer_maj23(
    id: PeerId,
    (height, round, kind): Ballot,
    block_id: Option<&BlockId>,
    view: &View<'_>,
    outputs: &mut Vec<Output>,
) {
    let Some(tally) = view.tally((height, round, kind)) else { return };
    let have = tally.have_for(block_id);
    let block_id = block_id.copied();
    send(
        outputs,
        Recipients::One(id),
        Message::VoteSetBits { height, round, kind, block_id, have },
    );
}

impl Peer {
    /// Takes its word, or says why it cannot be true.
    fn learn<'a>(
        &mut self,
        message: &Message,
        initial_height: Height,
        tick: u64,
        view: &impl Deref<Target = View<'a>>,
    ) -> Result<(), &'static str> {
        match message {
            Message::NewRoundStep { height, round, step, last_commit_round, .. } => {
                let first = *height == initial_height;
                if *height < initial_height || last_commit_round.is_none() != first {
                    return Err("a height or last commit that cannot be");
                }
                let place = Place { height: *height, round: *round, step: *step };
                self.moved_to(place, *last_commit_round, tick);
            }
            Message::NewValidBlock { height, round, parts, have, is_commit } => {
                if have.count() != parts.total as usize || PARTS_MAX < have.count() {
                    return Err("parts of a block that do not fit its count");
                }
                if self.is_at(*height, *round) || *is_commit && self.height() == Some(*height) {
                    self.wants_parts(*parts, have, *is_commit);
                }
            }
            Message::HasVote { height, round, kind, index } => {
                self.has_vote((*height, *round, *kind), index.0 as usize, view)?;
            }
            Message::VoteSetBits { height, round, kind, block_id, have } => {
                self.has_bits((*height, *round, *kind), block_id.as_ref(), have, view)?;
            }
            Message::ProposalPol { height, pol_round, have } => {
                self.has_pol(*height, *pol_round, have, view)?;
            }
            Message::Vote(vote) => {
                let ballot = (vote.height, vote.round, vote.kind);
                self.has_vote(ballot, vote.validator_index.0 as usize, view)?;
            }
            Message::Proposal(proposal) => self.learn_proposal(proposal, true),
            Message::BlockPart { height, part, .. } => self.has_part(*height, part.index, view),
            Message::BlockRequest(height) => {
                let before = self.fetches.map_or(*height, |(before, _)| before.max(*height));
                self.fetches = Some((before, tick));
            }
            Message::VoteSetMaj23 { .. }
            | Message::Txs(_)
            | Message::Evidence(_)
            | Message::NoBlock(_)
            | Message::BlockResponse { .. }
            | Message::StatusRequest
            | Message::StatusResponse { .. } => {}
        }
        Ok(())
    }

    fn has_vote(
        &mut self,
        ballot: Ballot,
        index: usize,
        view: &View<'_>,
    ) -> Result<(), &'static str> {
        let Some(count) = view.count_at(ballot.0) else { return Ok(()) };
        if count <= index {
            return Err("a vote of nobody");
        }
        if let Some(offered) = self.ballot(ballot, view.round, count) {
            offered.has.set(index);
        }
        Ok(())
    }

    /// Its word on which votes for a block it has: of those that we have too, it has no others.
    fn has_bits(
        &mut self,
        ballot: Ballot,
        block_id: Option<&BlockId>,
        have: &BitArray,
        view: &View<'_>,
    ) -> Result<(), &'static str> {
        let ours = view.tally(ballot).map(|tally: &Tally| tally.have_for(block_id));
        let count = view.count_at(ballot.0);
        if let Some(count) = count {
            let _ = self.ballot(ballot, view.round, count);
        }
        let asked = 1 < self.stalled;
        let known = self.known_ballot(ballot).map(|offered| offered.has.count());
        let Some(count) = count.or(known) else { return Ok(()) };
        // The reference says that it has none of them without any bits.
        let none = BitArray::new(count);
        let have = if have.count() == 0 { &none } else { have };
        if have.count() != count {
            return Err("bits of votes that are not of this validator set");
        }
        let Some(offered) = self.known_ballot(ballot) else { return Ok(()) };
        if offered.has.count() != count {
            return Err("bits of votes that are not of this validator set");
        }
        offered.has.add(have);
        if asked {
            let lost = ours.unwrap_or_else(|| offered.sent.clone());
            for index in lost.minus(have).collect::<Vec<_>>() {
                offered.has.clear(index);
                offered.sent.clear(index);
            }
            self.dirty = true;
        }
        Ok(())
    }

    fn has_pol(
        &mut self,
        height: Height,
        pol_round: Round,
        have: &BitArray,
        view: &View<'_>,
    ) -> Result<(), &'static str> {
        if self.height() != Some(height) || self.pol_round != Some(pol_round) {
            return Ok(());
        }
        let Some(count) = view.count_at(height) else { return Ok(()) };
        if have.count() != count {
            return Err("bits of votes that are not of this validator set");
        }
        if let Some(offered) =
            self.ballot((height, pol_round, VoteKind::Prevote), view.round, count)
        {
            offered.has.add(have);
        }
        Ok(())
    }

    fn has_part(&mut self, height: Height, index: u32, view: &View<'_>) {
        if self.height() != Some(height) || height != view.height {
            return;
        }
        if let Some(parts) = &mut self.parts {
            parts.offered.has.set(index as usize);
        }
    }

    pub(super) fn snapshot(
        &self,
        peer: PeerId,
        stored: Option<(Height, Height)>,
    ) -> Option<PeerSnapshot> {
        let Place { height, round, step } = self.place?;
        Some(PeerSnapshot {
            peer,
            height,
            round,
            step,
            proposal_parts: self.parts.as_ref().map(|parts| parts.offered.has.clone()),
            prevotes: self.ballot_bits((height, round, VoteKind::Prevote)),
            precommits: self.ballot_bits((height, round, VoteKind::Precommit)),
            stored,
        })
    }

    /// Whether it still waits for a proposal.
    pub(super) fn awaits_proposal(&self) -> bool {
        self.place.is_some_and(|place| place.step <= WireStep::Propose)
    }
}
