//! What one peer is known to have, from what it said, sent and was sent. spec: `PeerState`.

use std::collections::BTreeMap;

use types::message::WireStep;
use types::{BitArray, Height, PartSetHeader, Proposal, Round, VoteKind};

/// Where a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub height: Height,
    pub round: Round,
    pub step: WireStep,
}

/// Which votes: of one kind, in one round of one height.
pub(super) type Ballot = (Height, Round, VoteKind);

/// Which of some things a peer has by its own word, and which it was sent but may have dropped.
#[derive(Clone, Debug)]
pub(super) struct Offered {
    pub has: BitArray,
    pub sent: BitArray,
    /// Some were sent before the peer came to the place where they are of use.
    pub early: bool,
}

/// What a peer has of a block.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    pub header: PartSetHeader,
    pub offered: Offered,
    /// The peer itself said that it wants the rest.
    pub wanted: bool,
}

/// A proposal that was sent to a peer before the peer came to its round.
#[derive(Clone, Copy, Debug)]
pub(super) struct EarlyProposal {
    pub height: Height,
    pub round: Round,
    pub pol_round: Option<Round>,
    pub parts: PartSetHeader,
}

/// One peer.
#[derive(Clone, Debug, Default)]
pub(super) struct Peer {
    /// Where it is; none until it says.
    pub place: Option<Place>,
    /// Round of the commit of the height before its own.
    pub last_commit_round: Option<Round>,
    /// The tick at which it came to its height and round.
    pub since: u64,
    /// Slow ticks since it last moved, or said something new of the block that it collects.
    pub stalled: u32,
    /// Something is known of it that was not looked at yet.
    pub dirty: bool,
    /// It has the proposal of its round.
    pub has_proposal: bool,
    /// It was sent the proposal of its round.
    pub sent_proposal: bool,
    pub early_proposal: Option<EarlyProposal>,
    /// The proof-of-lock round of the proposal of its round.
    pub pol_round: Option<Round>,
    /// What it has of the block that it is collecting.
    pub parts: Option<Parts>,
    /// The round of the commit that it is fed.
    pub commit_round: Option<Round>,
    /// The last height at which it was fed.
    pub fed: Option<Height>,
    /// The greatest decided block that it asked for, and at which tick.
    pub fetches: Option<(Height, u64)>,
    /// Messages since the last slow tick.
    pub messages: u32,
    /// Which votes it has. Bounded by `tracks`.
    ballots: BTreeMap<Ballot, Offered>,
}

impl Offered {
    pub fn new(count: usize) -> Self {
        Self { has: BitArray::new(count), sent: BitArray::new(count), early: false }
    }

    /// What of `have` the peer neither has nor was sent.
    pub fn lacks(&self, have: &BitArray) -> BitArray {
        let mut lacks = have.clone();
        lacks.remove(&self.has);
        lacks.remove(&self.sent);
        lacks
    }

    /// What was sent and not confirmed may be lost.
    pub fn doubt(&mut self) {
        self.sent = BitArray::new(self.sent.count());
        self.early = false;
    }
}

impl Peer {
    /// Whether it is at this height and round.
    pub fn is_at(&self, height: Height, round: Round) -> bool {
        self.place.is_some_and(|place| (place.height, place.round) == (height, round))
    }

    /// Its height, if it said so.
    pub fn height(&self) -> Option<Height> {
        self.place.map(|place| place.height)
    }

    /// Takes its word about where it is; anything but progress is ignored, as messages overtake
    /// each other.
    pub fn moved_to(&mut self, place: Place, last_commit_round: Option<Round>, tick: u64) {
        if self.place.is_some_and(|old| place <= old) {
            return;
        }
        self.stalled = 0;
        let same = self.is_at(place.height, place.round);
        let same_height = self.height() == Some(place.height);
        self.place = Some(place);
        if same {
            return;
        }
        self.last_commit_round = last_commit_round;
        self.since = tick;
        self.dirty = true;
        (self.has_proposal, self.sent_proposal) = (false, false);
        (self.pol_round, self.parts) = (None, None);
        if !same_height {
            self.commit_round = None;
        }
        self.arrive_at_early_proposal();
        self.prune();
    }

    /// What was sent ahead counts as sent, with doubt, when the peer comes to it.
    fn arrive_at_early_proposal(&mut self) {
        let Some(early) = self.early_proposal else { return };
        if !self.is_at(early.height, early.round) {
            return;
        }
        self.early_proposal = None;
        self.sent_proposal = true;
        self.pol_round = early.pol_round;
        let mut offered = Offered::new(early.parts.total as usize);
        offered.early = true;
        for index in 0..early.parts.total as usize {
            offered.sent.set(index);
        }
        self.parts = Some(Parts { header: early.parts, offered, wanted: false });
    }

    /// Notes that it knows (by its word) or was sent a proposal.
    pub fn learn_proposal(&mut self, proposal: &Proposal, by_its_word: bool) {
        if !self.is_at(proposal.height, proposal.round) {
            return;
        }
        self.has_proposal |= by_its_word;
        self.sent_proposal = true;
        if self.parts.is_none() {
            let header = proposal.block_id.parts;
            let offered = Offered::new(header.total as usize);
            self.parts = Some(Parts { header, offered, wanted: false });
            self.pol_round = proposal.pol_round;
        }
    }

    /// Takes its word about the block that it is collecting.
    pub fn wants_parts(&mut self, header: PartSetHeader, have: &BitArray, is_commit: bool) {
        let parts = self.parts.take().filter(|parts| parts.header == header);
        let first_asked = parts.as_ref().is_none_or(|parts| !parts.wanted);
        let mut offered =
            parts.map_or_else(|| Offered::new(header.total as usize), |parts| parts.offered);
        let has_more = have.minus(&offered.has).next().is_some();
        // Its word counts more than what we took from the parts that it sent, as those may have
        // been of another block of an equivocator.
        offered.has = have.clone();
        if is_commit && first_asked {
            // What came before it knew of the decision was dropped.
            offered.doubt();
        }
        let wanted = !have.is_full();
        self.parts = Some(Parts { header, offered, wanted });
        if has_more || wanted && first_asked {
            // Who only says the same again does not get on.
            self.stalled = 0;
        }
        self.dirty = true;
    }

    /// Whether it said that it wants parts.
    pub fn wants_more_parts(&self) -> bool {
        self.parts.as_ref().is_some_and(|parts| parts.wanted)
    }

    /// What is known of its votes in a ballot; none if it has no use for them now. Votes of the
    /// height after its own are of use soon.
    pub fn ballot(&mut self, ballot: Ballot, ours: Round, count: usize) -> Option<&mut Offered> {
        if !self.tracks(ballot, ours) {
            return None;
        }
        let offered = self.ballots.entry(ballot).or_insert_with(|| Offered::new(count));
        (offered.has.count() == count).then_some(offered)
    }

    /// As [`Peer::ballot`], for what is known already.
    pub fn known_ballot(&mut self, ballot: Ballot) -> Option<&mut Offered> {
        self.ballots.get_mut(&ballot)
    }

    /// Which votes it has of a ballot, by its word or because they were sent.
    pub fn ballot_bits(&self, ballot: Ballot) -> Option<BitArray> {
        let offered = self.ballots.get(&ballot)?;
        let mut bits = offered.has.clone();
        bits.add(&offered.sent);
        Some(bits)
    }

    /// Whether votes of a ballot are of use to it now or soon.
    fn tracks(&self, (height, round, kind): Ballot, ours: Round) -> bool {
        let Some(place) = self.place else { return false };
        if height == place.height {
            let near = round == place.round || place.round.next() == round;
            let named = Some(round) == self.pol_round || Some(round) == self.commit_round;
            return near || named || round == ours;
        }
        if height == place.height.next() {
            return round <= Round::FIRST.next();
        }
        height.next() == place.height
            && kind == VoteKind::Precommit
            && Some(round) == self.last_commit_round
    }

    /// Forgets ballots that are of no use to it any more.
    fn prune(&mut self) {
        let Some(place) = self.place else { return };
        let mut ballots = std::mem::take(&mut self.ballots);
        ballots.retain(|&ballot, _| self.tracks(ballot, place.round));
        self.ballots = ballots;
    }

    /// It has been here long enough to have got what was sent ahead: what it did not confirm may
    /// have been dropped.
    pub fn doubt_early(&mut self) {
        self.ballots.values_mut().filter(|offered| offered.early).for_each(Offered::doubt);
        if let Some(parts) = self.parts.as_mut().filter(|parts| parts.offered.early) {
            parts.offered.doubt();
            self.sent_proposal = false;
        }
    }

    /// It does not get on: whatever it did not confirm may be lost.
    pub fn doubt_all(&mut self) {
        self.ballots.values_mut().for_each(Offered::doubt);
        if let Some(parts) = &mut self.parts {
            parts.offered.doubt();
        }
        self.sent_proposal = false;
        self.prune();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Hash;

    /// An equivocator's other block came first, and its parts were relayed to us. By them we took
    /// the peer to have the same parts of the decided block, and never sent any.
    #[test]
    fn what_a_peer_says_it_lacks_it_lacks() {
        let (height, round) = (Height(1), Round::FIRST);
        let header = PartSetHeader { total: 1, hash: Hash::of(b"decided") };
        let mut offered = Offered::new(1);
        offered.has.set(0);
        let mut peer = Peer {
            place: Some(Place { height, round, step: WireStep::Commit }),
            parts: Some(Parts { header, offered, wanted: false }),
            ..Peer::default()
        };
        peer.wants_parts(header, &BitArray::new(1), true);
        let mut whole = BitArray::new(1);
        whole.set(0);
        let known = peer.parts.expect("it said what it collects");
        assert_eq!(known.offered.lacks(&whole), whole);
    }
}
