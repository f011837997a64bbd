//! Votes of one kind in one round, summed: who voted, for what, and whether that is a quorum.
//!
//! The first vote of each validator counts. A second, conflicting one is evidence; it counts too
//! only where it could complete a quorum that others claim to have seen: a peer's claim of two
//! thirds opens one more slot, for the claimed block. So what is kept is bounded by validators
//! times claims, and no flood of conflicting votes can hide a quorum. spec: `VoteSet`.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{
    BitArray, BlockId, CommitSig, ExtendedCommit, ExtendedCommitSig, Height, Offence, PeerId,
    Round, ValidatorIndex, ValidatorSet, Vote, VoteKind, VotingPower,
};

/// What became of a vote that was offered for counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It counts.
    New,
    /// It was here already.
    Known,
    /// Its voter has voted for something else before: equivocation.
    Conflict {
        /// The vote that was here first.
        first: Arc<Vote>,
        /// Whether the new vote counts nevertheless, because its block is claimed.
        counted: bool,
    },
    /// It is of a round too far ahead to be counted; remembered as a sign that others are there.
    Ahead,
    /// Nobody has this index in the validator set, or it is a vote of another place.
    Foreign,
}

impl Added {
    /// Whether the tallies are different now.
    pub fn counted(&self) -> bool {
        match self {
            Added::New | Added::Conflict { counted: true, .. } => true,
            Added::Known | Added::Conflict { counted: false, .. } => false,
            Added::Ahead | Added::Foreign => false,
        }
    }
}

/// Votes of one kind in one round.
#[derive(Clone, Debug)]
pub struct Tally {
    height: Height,
    round: Round,
    kind: VoteKind,
    validators: Arc<ValidatorSet>,
    /// The vote of each validator: its first, or the one for the block that has the quorum.
    votes: Vec<Option<Arc<Vote>>>,
    have: BitArray,
    power: VotingPower,
    slots: BTreeMap<Option<BlockId>, Slot>,
    claims: BTreeMap<PeerId, Option<BlockId>>,
    polka: Option<Option<BlockId>>,
}

/// Votes for one thing.
#[derive(Clone, Debug)]
struct Slot {
    have: BitArray,
    power: VotingPower,
    /// Votes whose voters stand in `Tally::votes` with something else.
    extra: BTreeMap<ValidatorIndex, Arc<Vote>>,
}

impl Tally {
    /// No votes yet.
    pub fn new(
        height: Height,
        round: Round,
        kind: VoteKind,
        validators: Arc<ValidatorSet>,
    ) -> Self {
        let count = validators.count();
        Self {
            height,
            round,
            kind,
            validators,
            votes: vec![None; count],
            have: BitArray::new(count),
            power: VotingPower::ZERO,
            slots: BTreeMap::new(),
            claims: BTreeMap::new(),
            polka: None,
        }
    }

    /// The height of the votes.
    pub fn height(&self) -> Height {
        self.height
    }

    /// The round of the votes.
    pub fn round(&self) -> Round {
        self.round
    }

    /// First or second votes.
    pub fn kind(&self) -> VoteKind {
        self.kind
    }

    /// Who votes.
    pub fn validators(&self) -> &Arc<ValidatorSet> {
        &self.validators
    }

    /// Counts a vote whose signature was checked.
    pub fn add(&mut self, vote: impl Into<Arc<Vote>>) -> Added {
        let vote = vote.into();
        let here = (vote.height, vote.round, vote.kind) == (self.height, self.round, self.kind);
        let index = vote.validator_index;
        let (true, Some(validator)) = (here, self.validators.get(index)) else {
            return Added::Foreign;
        };
        let power = validator.power;
        let Some(first) = &self.votes[position(index)] else {
            self.have.set(position(index));
            self.power = self.power.plus(power);
            self.count_in(vote.block_id, index, power);
            self.votes[position(index)] = Some(vote);
            self.settle();
            return Added::New;
        };
        let slot = self.slots.get(&vote.block_id);
        if slot.is_some_and(|slot| slot.have.has(position(index))) {
            return Added::Known;
        }
        let first = Arc::clone(first);
        let counted = self.is_open(vote.block_id.as_ref());
        if counted {
            self.count_in(vote.block_id, index, power);
            let slot = self.slots.get_mut(&vote.block_id).expect("the vote was just counted in");
            slot.extra.insert(index, vote);
            self.settle();
        }
        Added::Conflict { first, counted }
    }

    /// Whose votes are here.
    pub fn have(&self) -> &BitArray {
        &self.have
    }

    /// Whose votes for one thing are here.
    pub fn have_for(&self, block_id: Option<&BlockId>) -> BitArray {
        let slot = self.slots.get(&block_id.copied());
        slot.map_or_else(|| BitArray::new(self.validators.count()), |slot| slot.have.clone())
    }

    /// A validator's vote: its first, or the one for the block that has the quorum.
    pub fn vote(&self, index: ValidatorIndex) -> Option<&Arc<Vote>> {
        self.votes.get(position(index))?.as_ref()
    }

    /// All votes by validator index, for pictures of the state.
    pub fn votes(&self) -> &[Option<Arc<Vote>>] {
        &self.votes
    }

    /// A validator's vote for one thing.
    pub fn vote_for(
        &self,
        index: ValidatorIndex,
        block_id: Option<&BlockId>,
    ) -> Option<&Arc<Vote>> {
        let extra = self.slots.get(&block_id.copied()).and_then(|slot| slot.extra.get(&index));
        let first = || self.vote(index).filter(|vote| vote.block_id.as_ref() == block_id);
        extra.or_else(first)
    }

    /// What was voted for.
    pub fn voted(&self) -> impl Iterator<Item = Option<BlockId>> + '_ {
        self.slots.keys().copied()
    }

    /// What a quorum voted for, if there is one; `Some(None)` is nil. L28, L36, L44, L49.
    pub fn polka(&self) -> Option<Option<BlockId>> {
        self.polka
    }

    /// Whether a quorum voted for one thing or another. L34, L47.
    pub fn any_quorum(&self) -> bool {
        self.validators.quorum().reached_by(self.power)
    }

    /// Weight of all who voted.
    pub fn power(&self) -> VotingPower {
        self.power
    }

    /// Whether every validator's vote is here.
    pub fn is_full(&self) -> bool {
        self.have.is_full()
    }

    /// Weight of the votes for one thing.
    pub fn power_for(&self, block_id: Option<&BlockId>) -> VotingPower {
        self.slots.get(&block_id.copied()).map_or(VotingPower::ZERO, |slot| slot.power)
    }

    /// Takes a peer's word that a quorum voted for this: conflicting votes for it count from now.
    ///
    /// # Errors
    /// If the peer has claimed something else before: both cannot be.
    pub fn claim(&mut self, peer: PeerId, block_id: Option<BlockId>) -> Result<(), Offence> {
        match self.claims.get(&peer) {
            Some(claimed) if *claimed == block_id => Ok(()),
            Some(_) => Err(Offence::Lie),
            None => {
                self.claims.insert(peer, block_id);
                Ok(())
            }
        }
    }

    /// Forgets a peer that is gone, and the votes that counted by its claim alone.
    pub fn forget(&mut self, peer: PeerId) {
        let Some(block_id) = self.claims.remove(&peer) else { return };
        if self.is_open(block_id.as_ref()) {
            return;
        }
        let Some(slot) = self.slots.get_mut(&block_id) else { return };
        for index in std::mem::take(&mut slot.extra).into_keys() {
            slot.have.clear(position(index));
            let validator = self.validators.get(index).expect("only members are counted");
            slot.power = VotingPower(slot.power.0 - validator.power.0);
        }
        if slot.power == VotingPower::ZERO {
            self.slots.remove(&block_id);
        }
    }

    /// What decides the block that a quorum precommitted; none for prevotes, for nil, and without
    /// a quorum. Entries of votes for another block are absent.
    pub fn extended_commit(&self) -> Option<ExtendedCommit> {
        let (VoteKind::Precommit, Some(Some(block_id))) = (self.kind, self.polka) else {
            return None;
        };
        let entry = |vote: &Option<Arc<Vote>>| match vote {
            Some(vote) => vote.extended_commit_sig(&block_id),
            None => ExtendedCommitSig { sig: CommitSig::Absent, extension: None },
        };
        let signatures = self.votes.iter().map(entry).collect();
        Some(ExtendedCommit { height: self.height, round: self.round, block_id, signatures })
    }

    /// Whether a conflicting vote for this may count: it is claimed, or has the quorum already.
    fn is_open(&self, block_id: Option<&BlockId>) -> bool {
        let is_it = |it: &Option<BlockId>| it.as_ref() == block_id;
        self.polka.as_ref().is_some_and(is_it) || self.claims.values().any(is_it)
    }

    fn count_in(&mut self, block_id: Option<BlockId>, index: ValidatorIndex, power: VotingPower) {
        let slot = self.slots.entry(block_id).or_insert_with(|| Slot {
            have: BitArray::new(self.validators.count()),
            power: VotingPower::ZERO,
            extra: BTreeMap::new(),
        });
        if slot.have.set(position(index)) {
            slot.power = slot.power.plus(power);
        }
        if self.polka.is_none() && self.validators.quorum().reached_by(slot.power) {
            self.polka = Some(block_id);
        }
    }

    /// Lets the votes for the block that has the quorum stand for their voters; the votes that
    /// stood there stay in the slots of what they are for.
    fn settle(&mut self) {
        let Some(slot) = self.polka.and_then(|polka| self.slots.get_mut(&polka)) else { return };
        for (index, vote) in std::mem::take(&mut slot.extra) {
            let Some(displaced) = self.votes[position(index)].replace(vote) else { continue };
            let slot = self.slots.get_mut(&displaced.block_id).expect("what counts has a slot");
            slot.extra.insert(index, displaced);
        }
    }
}

/// An index as a place in a list. Sets have at most 10,000 members.
fn position(index: ValidatorIndex) -> usize {
    index.0 as usize
}
