//! What goes to all peers: where we are, what we made ourselves, and what has come here.

use std::sync::Arc;

use types::message::WireStep;
use types::{BitArray, Message, PartSet, PartSetHeader, Proposal, Time, ValidatorIndex, VoteKind};

use super::peer::{Ballot, EarlyProposal, Peer};
use super::{Aged, Gossip, RIPE_TICKS, View, send};
use crate::output::{Output, Recipients};
use crate::tally::Tally;

impl View<'_> {
    /// Where we are, as a message.
    pub(super) fn new_round_step(&self, now: Time) -> Message {
        let seconds = i64::try_from(now.since(self.start_time).as_secs());
        Message::NewRoundStep {
            height: self.height,
            round: self.round,
            step: self.step,
            seconds_since_start: seconds.unwrap_or(i64::MAX),
            last_commit_round: self.last_commit_round,
        }
    }

    /// What we have of a block that has a polka in this round or is decided, as a message.
    pub(super) fn new_valid_block(&self) -> Option<Message> {
        self.valid_parts().map(|parts| self.word_on(parts))
    }

    /// What we have of this round's block as long as we lack some of it and nothing says that it
    /// is valid, as a message: to a peer, as to the reference's, it does not matter why we want it.
    fn block_that_lacks(&self) -> Option<(PartSetHeader, Message)> {
        let here = |it: &&Arc<Proposal>| (it.height, it.round) == (self.height, self.round);
        let wanted = self.proposal.filter(here)?.block_id.parts;
        let parts = self.parts.filter(|it| it.header() == wanted && !it.is_complete())?;
        self.valid_parts().is_none().then(|| (wanted, self.word_on(parts)))
    }

    fn word_on(&self, parts: &PartSet) -> Message {
        Message::NewValidBlock {
            height: self.height,
            round: self.round,
            parts: parts.header(),
            have: parts.have().clone(),
            is_commit: self.decided.is_some(),
        }
    }

    fn valid_parts(&self) -> Option<&PartSet> {
        let polka = || self.votes.tally(self.round, VoteKind::Prevote)?.polka()?;
        let valid = self.decided.copied().or_else(polka)?;
        self.parts.filter(|parts| parts.header() == valid.parts)
    }
}

impl Gossip {
    pub(super) fn announce_place(&mut self, now: Time, view: &View<'_>, outputs: &mut Vec<Output>) {
        let place = view.place();
        if self.told_place == Some(place) {
            return;
        }
        if self.told_place.is_none_or(|told| told.height != place.height) {
            self.enter_height(view);
        }
        self.told_place = Some(place);
        self.idle = false;
        self.send_all(outputs, view.new_round_step(now));
    }

    fn enter_height(&mut self, view: &View<'_>) {
        self.votes.retain(|&ballot, _| view.tally(ballot).is_some());
        let behind = |it: &Peer| it.height().is_some_and(|height| height < view.height);
        let wanted = |height| self.peers.values().any(|it| behind(it) && it.height() == height);
        self.stored.retain(|&height, _| wanted(Some(height)));
        // Peers who arrived here first may lack what we now know.
        for peer in self.peers.values_mut() {
            peer.dirty = true;
        }
    }

    /// spec: NewValidBlock, sent once a polka or a decision tells us which block to collect, so
    /// that peers send what we lack and no more.
    pub(super) fn announce_block(&mut self, view: &View<'_>, outputs: &mut Vec<Output>) {
        self.say_what_came(view, outputs);
        let Some(parts) = view.valid_parts() else { return };
        let standing = (view.decided.is_some(), parts.is_complete());
        let told = (view.height, view.round, parts.header(), standing);
        let complete_and_known = parts.is_complete() && view.step == WireStep::Commit;
        if self.told_block == Some(told) || complete_and_known {
            return;
        }
        self.told_block = Some(told);
        if let Some(message) = view.new_valid_block() {
            self.send_all(outputs, message);
        }
    }

    /// Sends our own proposal with all its parts, once a round.
    pub(super) fn say_proposal(&mut self, view: &View<'_>, outputs: &mut Vec<Output>) {
        let (true, Some(proposal), Some(parts)) = (view.own_proposal, view.proposal, view.parts)
        else {
            return;
        };
        let here = (proposal.height, proposal.round);
        let ours = parts.is_complete() && parts.header() == proposal.block_id.parts;
        if !ours || self.said_proposal == Some(here) {
            return;
        }
        self.said_proposal = Some(here);
        let to = self.near(view);
        let mut say = |message: Message| {
            for &to in &to {
                send(outputs, to, message.clone());
            }
        };
        say(Message::Proposal(Arc::clone(proposal)));
        if let Some(message) = pol_message(view, proposal.pol_round) {
            say(message);
        }
        for index in 0..parts.header().total {
            let part = parts.get(index).expect("the set is complete").clone();
            say(Message::BlockPart { height: view.height, round: view.round, part });
        }
        let early = EarlyProposal {
            height: proposal.height,
            round: proposal.round,
            pol_round: proposal.pol_round,
            parts: parts.header(),
        };
        for peer in self.peers.values_mut() {
            if peer.is_at(proposal.height, proposal.round) {
                peer.learn_proposal(proposal, false);
                if let Some(known) = &mut peer.parts {
                    known.offered.sent.add(parts.have());
                }
            } else if peer.place.is_some_and(|place| place < view.place()) {
                peer.early_proposal = Some(early);
            }
        }
    }

    /// To whom bulk of this height goes: not to peers who cannot use it.
    fn near(&self, view: &View<'_>) -> Vec<Recipients> {
        let is_near = |peer: &Peer| match peer.height() {
            Some(height) => height == view.height || height.next() == view.height,
            None => false,
        };
        if self.peers.values().all(&is_near) {
            return vec![Recipients::All];
        }
        let near = self.peers.iter().filter(|(_, peer)| is_near(peer));
        near.map(|(&id, _)| Recipients::One(id)).collect()
    }

    /// Looks at votes that were not here before. Our own go to all peers at once. Returns whether
    /// there are others', to be relayed later.
    pub(super) fn see_votes(&mut self, view: &View<'_>, outputs: &mut Vec<Output>) -> bool {
        let last = view.last_commit.map(Tally::power);
        let seen = Some((view.height, view.votes.counted(), last));
        if std::mem::replace(&mut self.votes_seen, seen) == seen {
            return false;
        }
        let mut later = false;
        for ballot in ballots(view) {
            let Some(tally) = view.tally(ballot) else { continue };
            let count = tally.validators().count();
            let aged = self.votes.entry(ballot).or_insert_with(|| Aged::new(count));
            if aged.seen == *tally.have() {
                continue;
            }
            let me = view.me.filter(|_| ballot.0 == view.height).map(|index| index.0 as usize);
            let mine = me.filter(|&me| tally.have().has(me) && !aged.seen.has(me));
            later |= tally.have().minus(&aged.seen).any(|index| Some(index) != me);
            aged.seen = tally.have().clone();
            self.young.insert(ballot);
            if let Some(index) = mine {
                aged.announced.set(index);
                self.say_vote(ballot, index, tally, view, outputs);
            }
        }
        later && !self.peers.is_empty()
    }

    fn say_vote(
        &mut self,
        ballot: Ballot,
        index: usize,
        tally: &Tally,
        view: &View<'_>,
        outputs: &mut Vec<Output>,
    ) {
        let Some(vote) = vote_at(tally, index) else { return };
        self.send_all(outputs, Message::Vote(Arc::clone(vote)));
        let count = tally.validators().count();
        for peer in self.peers.values_mut() {
            let here = peer.height() == Some(ballot.0);
            if let Some(offered) = peer.ballot(ballot, view.round, count) {
                offered.sent.set(index);
                offered.early |= !here;
            }
        }
    }

    /// Says which votes have come since the last time: one message for each tally and block, so
    /// that peers do not relay them to us. spec: HasVote, and VoteSetBits for several at once.
    pub(super) fn announce_votes(&mut self, view: &View<'_>, outputs: &mut Vec<Output>) {
        let peers = !self.peers.is_empty();
        for &ballot in &self.young {
            let (Some(tally), Some(aged)) = (view.tally(ballot), self.votes.get_mut(&ballot))
            else {
                continue;
            };
            let new: Vec<usize> = tally.have().minus(&aged.announced).collect();
            aged.announced = tally.have().clone();
            if new.is_empty() || !peers || ballot.0 != view.height {
                continue;
            }
            if let [index] = new[..] {
                let (height, round, kind) = ballot;
                let index = ValidatorIndex(u32::try_from(index).unwrap_or(u32::MAX));
                let message = Message::HasVote { height, round, kind, index };
                send(outputs, Recipients::All, message);
            } else {
                say_bits(ballot, tally, outputs);
            }
        }
    }

    /// Says which parts of this round's block are here, as long as some are not: a peer whose queue
    /// to us holds less than a block would otherwise send its first parts again and again.
    pub(super) fn say_what_lacks(&mut self, view: &View<'_>, outputs: &mut Vec<Output>) {
        if let Some((header, message)) = view.block_that_lacks() {
            self.lacked = Some(header);
            self.send_all(outputs, message);
        }
    }

    /// Takes that back once nothing is missing, lest peers go on to send it.
    fn say_what_came(&mut self, view: &View<'_>, outputs: &mut Vec<Output>) {
        let Some(parts) = view.parts.filter(|it| it.is_complete()) else { return };
        let said = self.lacked.take_if(|it| *it == parts.header()).is_some();
        // Of a valid block more is said anyway.
        if said && view.valid_parts().is_none() {
            self.send_all(outputs, view.word_on(parts));
        }
    }

    /// Says again what may have been lost: where we are and what we have.
    pub(super) fn repeat(&mut self, now: Time, view: &View<'_>, outputs: &mut Vec<Output>) {
        if self.peers.is_empty() {
            return;
        }
        send(outputs, Recipients::All, view.new_round_step(now));
        if let Some(message) = view.new_valid_block() {
            send(outputs, Recipients::All, message);
        }
        for kind in [VoteKind::Prevote, VoteKind::Precommit] {
            if let Some(tally) = view.votes.tally(view.round, kind) {
                say_bits((view.height, view.round, kind), tally, outputs);
            }
        }
    }

    /// Ages votes and parts by a tick.
    pub(super) fn age(&mut self, view: &View<'_>) {
        self.young.retain(|ballot| {
            let (Some(tally), Some(aged)) = (view.tally(*ballot), self.votes.get_mut(ballot))
            else {
                return false;
            };
            aged.age(tally.have());
            aged.ripe != *tally.have()
        });
        if let (Some((header, aged)), Some(parts)) = (&mut self.parts, view.parts)
            && *header == parts.header()
        {
            aged.age(parts.have());
        }
    }

    /// Looks at parts and proposal that were not here before. Returns whether they are others',
    /// to be relayed later.
    pub(super) fn see_parts(&mut self, view: &View<'_>) -> bool {
        if let Some(proposal) = view.proposal {
            let here = (proposal.height, proposal.round);
            if self.proposal_since.is_none_or(|(height, round, _)| (height, round) != here) {
                self.proposal_since = Some((here.0, here.1, self.ticks));
            }
        }
        let Some(parts) = view.parts else { return false };
        if self.parts.as_ref().is_none_or(|(header, _)| *header != parts.header()) {
            self.parts = Some((parts.header(), Aged::new(parts.have().count())));
        }
        let Some((_, aged)) = &mut self.parts else { return false };
        if aged.seen == *parts.have() {
            return false;
        }
        aged.seen = parts.have().clone();
        !view.own_proposal && !self.peers.is_empty()
    }

    /// Whether the proposal of this round has been here long enough to be relayed.
    pub(super) fn proposal_is_ripe(&self) -> bool {
        self.proposal_since.is_some_and(|(_, _, since)| since + RIPE_TICKS <= self.ticks)
    }

    /// The votes that have been here long enough to be relayed.
    pub(super) fn ripe_votes(&self, ballot: Ballot) -> Option<&BitArray> {
        self.votes.get(&ballot).map(|aged| &aged.ripe)
    }

    /// The parts that have been here long enough to be relayed.
    pub(super) fn ripe_parts(&self, parts: &PartSet) -> Option<&BitArray> {
        let (header, aged) = self.parts.as_ref()?;
        (*header == parts.header()).then_some(&aged.ripe)
    }

    fn send_all(&self, outputs: &mut Vec<Output>, message: Message) {
        if !self.peers.is_empty() {
            send(outputs, Recipients::All, message);
        }
    }
}

/// Which of our prevotes for the proof-of-lock round are here, as a message. spec: ProposalPOL.
pub(super) fn pol_message(view: &View<'_>, pol: Option<types::Round>) -> Option<Message> {
    let pol_round = pol?;
    let tally = view.votes.tally(pol_round, VoteKind::Prevote)?;
    Some(Message::ProposalPol { height: view.height, pol_round, have: tally.have().clone() })
}

/// The vote at a bit of its tally.
pub(super) fn vote_at(tally: &Tally, index: usize) -> Option<&Arc<types::Vote>> {
    tally.votes().get(index)?.as_ref()
}

/// All tallies that we have: of this height, and the commit of the last.
fn ballots(view: &View<'_>) -> impl Iterator<Item = Ballot> {
    let last = view.last_commit.map(|it| (it.height(), it.round(), it.kind()));
    let both = [VoteKind::Prevote, VoteKind::Precommit];
    let here =
        view.votes.rounds().flat_map(move |round| both.map(|kind| (view.height, round, kind)));
    here.chain(last)
}

/// Says which votes of a tally are here, for each thing that was voted for.
fn say_bits((height, round, kind): Ballot, tally: &Tally, outputs: &mut Vec<Output>) {
    for block_id in tally.voted() {
        let have = tally.have_for(block_id.as_ref());
        let message = Message::VoteSetBits { height, round, kind, block_id, have };
        send(outputs, Recipients::All, message);
    }
}
