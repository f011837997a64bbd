//! All tallies of a height, bounded: rounds up to the next one in full, and of rounds beyond only
//! each validator's newest, which is enough to see that others have moved on (L55).

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{
    BlockId, Height, Offence, PeerId, Round, ValidatorIndex, ValidatorSet, Vote, VoteKind,
    VotingPower,
};

use crate::tally::{Added, Tally};

/// All votes of one height.
#[derive(Clone, Debug)]
pub struct Votes {
    height: Height,
    validators: Arc<ValidatorSet>,
    /// Votes of rounds up to the one after this are counted.
    current: Round,
    rounds: BTreeMap<Round, RoundTallies>,
    /// Votes of rounds beyond: those of the newest round of each validator.
    ahead: BTreeMap<ValidatorIndex, Newest>,
    /// In which round each validator was last seen to vote, and the weight seen last in a round.
    seen: BTreeMap<ValidatorIndex, Round>,
    seen_power: BTreeMap<Round, VotingPower>,
    /// How many votes were counted, conflicting ones left out.
    counted: u64,
    /// What a quorum precommitted, and in which round.
    decided: Option<(Round, BlockId)>,
}

/// Both tallies of a round.
#[derive(Clone, Debug)]
struct RoundTallies {
    prevotes: Tally,
    precommits: Tally,
}

/// The votes of a validator in a round that is too far ahead to be counted.
#[derive(Clone, Debug)]
struct Newest {
    round: Round,
    prevote: Option<Arc<Vote>>,
    precommit: Option<Arc<Vote>>,
}

impl Votes {
    /// No votes yet, in round 0.
    pub fn new(height: Height, validators: Arc<ValidatorSet>) -> Self {
        Self {
            height,
            validators,
            current: Round::FIRST,
            rounds: BTreeMap::new(),
            ahead: BTreeMap::new(),
            seen: BTreeMap::new(),
            seen_power: BTreeMap::new(),
            counted: 0,
            decided: None,
        }
    }

    /// The height of the votes.
    pub fn height(&self) -> Height {
        self.height
    }

    /// Who votes.
    pub fn validators(&self) -> &Arc<ValidatorSet> {
        &self.validators
    }

    /// Counts votes up to the round after this from now on. Returns those that were remembered
    /// from afar and count now, so that they can be recorded.
    pub fn enter(&mut self, round: Round) -> Vec<Arc<Vote>> {
        self.current = self.current.max(round);
        let limit = self.current.next();
        let near: Vec<ValidatorIndex> = self
            .ahead
            .iter()
            .filter(|(_, newest)| newest.round <= limit)
            .map(|(&index, _)| index)
            .collect();
        let mut counted = Vec::new();
        for index in near {
            let newest = self.ahead.remove(&index).expect("it was just found");
            for vote in newest.prevote.into_iter().chain(newest.precommit) {
                if self.count(Arc::clone(&vote)).counted() {
                    counted.push(vote);
                }
            }
        }
        counted
    }

    /// Takes a vote whose signature was checked. A conflict carries the vote that came first.
    pub fn add(&mut self, vote: impl Into<Arc<Vote>>) -> Added {
        let vote = vote.into();
        let index = vote.validator_index;
        let Some(validator) = self.validators.get(index) else { return Added::Foreign };
        if vote.height != self.height {
            return Added::Foreign;
        }
        let power = validator.power;
        self.see(index, vote.round, power);
        if vote.round <= self.current.next() {
            return self.count(vote);
        }
        let newest = self.ahead.entry(index).or_insert_with(|| Newest::of(vote.round));
        if newest.round < vote.round {
            *newest = Newest::of(vote.round);
        }
        if newest.round == vote.round { newest.keep(vote) } else { Added::Known }
    }

    /// Counts a vote of a round that is near enough. There may be thousands of rounds, so what a
    /// vote changes is noted here, and nobody has to look for it.
    fn count(&mut self, vote: Arc<Vote>) -> Added {
        let (round, kind) = (vote.round, vote.kind);
        let tally = self.open(round, kind);
        let added = tally.add(vote);
        let polka = tally.polka().flatten().filter(|_| kind == VoteKind::Precommit);
        self.decided = self.decided.or(polka.map(|id| (round, id)));
        self.counted += u64::from(added == Added::New);
        added
    }

    /// How many votes were counted so far, conflicting ones left out: it grows with every vote.
    pub fn counted(&self) -> u64 {
        self.counted
    }

    /// What a quorum precommitted, and in which round. L49.
    pub fn decided(&self) -> Option<(Round, BlockId)> {
        self.decided
    }

    /// The votes of one kind in a round, if there are any.
    pub fn tally(&self, round: Round, kind: VoteKind) -> Option<&Tally> {
        let tallies = self.rounds.get(&round)?;
        Some(match kind {
            VoteKind::Prevote => &tallies.prevotes,
            VoteKind::Precommit => &tallies.precommits,
        })
    }

    /// The rounds that have votes, ascending.
    pub fn rounds(&self) -> impl DoubleEndedIterator<Item = Round> + '_ {
        self.rounds.keys().copied()
    }

    /// The latest round after `current` that validators of weight `f + 1` have reached or passed,
    /// so that an honest one is there. L55, reading "in that round" as "in that round or later".
    pub fn skip_round(&self, current: Round) -> Option<Round> {
        let mut power = VotingPower::ZERO;
        let later = self.seen_power.range(current.next()..).rev();
        for (&round, &seen) in later {
            power = power.plus(seen);
            if self.validators.quorum().honest_in(power) {
                return Some(round);
            }
        }
        None
    }

    /// Takes a peer's word that a quorum voted for this. Rounds too far ahead are not counted, so
    /// a claim about them changes nothing.
    ///
    /// # Errors
    /// If the peer has claimed something else before: both cannot be.
    pub fn claim(
        &mut self,
        peer: PeerId,
        round: Round,
        kind: VoteKind,
        block_id: Option<BlockId>,
    ) -> Result<(), Offence> {
        if self.current.next() < round {
            return Ok(());
        }
        self.open(round, kind).claim(peer, block_id)
    }

    /// Forgets the claims of a peer that is gone.
    pub fn forget(&mut self, peer: PeerId) {
        for tallies in self.rounds.values_mut() {
            tallies.prevotes.forget(peer);
            tallies.precommits.forget(peer);
        }
    }

    /// The tally of a round that is near enough to be counted.
    fn open(&mut self, round: Round, kind: VoteKind) -> &mut Tally {
        let (height, validators) = (self.height, &self.validators);
        let tally = |kind| Tally::new(height, round, kind, Arc::clone(validators));
        let tallies = self.rounds.entry(round).or_insert_with(|| RoundTallies {
            prevotes: tally(VoteKind::Prevote),
            precommits: tally(VoteKind::Precommit),
        });
        match kind {
            VoteKind::Prevote => &mut tallies.prevotes,
            VoteKind::Precommit => &mut tallies.precommits,
        }
    }

    /// Notes that a validator has reached a round.
    fn see(&mut self, index: ValidatorIndex, round: Round, power: VotingPower) {
        let before = self.seen.get(&index).copied();
        if before.is_some_and(|before| round <= before) {
            return;
        }
        if let Some(before) = before {
            let left = self.seen_power.get_mut(&before).expect("who was seen has been counted");
            left.0 -= power.0;
            if left.0 == 0 {
                self.seen_power.remove(&before);
            }
        }
        self.seen.insert(index, round);
        let reached = self.seen_power.entry(round).or_default();
        *reached = reached.plus(power);
    }
}

impl Newest {
    fn of(round: Round) -> Self {
        Self { round, prevote: None, precommit: None }
    }

    fn keep(&mut self, vote: Arc<Vote>) -> Added {
        let place = match vote.kind {
            VoteKind::Prevote => &mut self.prevote,
            VoteKind::Precommit => &mut self.precommit,
        };
        if place.is_some() {
            return Added::Known;
        }
        *place = Some(vote);
        Added::Ahead
    }
}
