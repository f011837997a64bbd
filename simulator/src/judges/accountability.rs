//! Where a third or more of the power is Byzantine the chain may fork. Then the records of all
//! honest members are put together, and whoever broke the rules is named: at least a third of the
//! power, and never an honest validator. spec: `spec/light-client/accountability`.
//!
//! Two votes in one round convict by themselves. Amnesia (a vote against one's own lock) does not:
//! the vote does not say which polka it rests on. But an honest voter has that polka in its
//! records, so a vote whose polka is in nobody's convicts, once all honest members show theirs.

use std::collections::{BTreeMap, BTreeSet};

use types::{Address, BlockId, ExtendedCommit, Height, Proposal, Round, ValidatorIndex, VoteKind};

use super::committee::{Committee, Seat};

/// What somebody is convicted of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Charge {
    /// Two votes of one kind in one round. Proven by the votes.
    TwoVotes,
    /// Two proposals in one round. Proven by the proposals.
    TwoProposals,
    /// A proposal that names a polka that nobody saw. Proven by all records.
    FalsePolka,
    /// A precommit for a block without a polka. Proven by all records.
    PrecommitAlone,
    /// A prevote against the own lock, and no polka that allowed it. Proven by all records.
    Amnesia,
}

/// Everything that honest members were told, signed, and have on their disks.
#[derive(Debug, Default)]
pub struct Records {
    heights: BTreeMap<Height, Record>,
}

/// What was said at one height.
#[derive(Debug, Default)]
struct Record {
    votes: BTreeMap<(Address, VoteKind), BTreeMap<Round, Choices>>,
    proposals: BTreeMap<Round, BTreeSet<(BlockId, Option<Round>)>>,
}

/// What somebody voted for in one round: more than one thing is equivocation.
type Choices = BTreeSet<Option<BlockId>>;

/// Who broke the rules, and how.
pub type Culprits = BTreeMap<Address, BTreeSet<Charge>>;

impl Records {
    /// A vote with a right signature.
    pub fn vote(
        &mut self,
        height: Height,
        round: Round,
        (voter, kind): (Address, VoteKind),
        block_id: Option<BlockId>,
    ) {
        let record = self.heights.entry(height).or_default();
        let rounds = record.votes.entry((voter, kind)).or_default();
        rounds.entry(round).or_default().insert(block_id);
    }

    /// A proposal with a right signature.
    pub fn proposal(&mut self, proposal: &Proposal) {
        let record = self.heights.entry(proposal.height).or_default();
        let said = (proposal.block_id, proposal.pol_round);
        record.proposals.entry(proposal.round).or_default().insert(said);
    }

    /// A commit that is on a disk.
    pub fn commit(&mut self, commit: &ExtendedCommit) {
        let plain = commit.commit();
        for index in 0..u32::try_from(plain.signatures.len()).expect("few validators") {
            if let Some(vote) = plain.vote(ValidatorIndex(index)) {
                let voter = (vote.validator_address, vote.kind);
                self.vote(vote.height, vote.round, voter, vote.block_id);
            }
        }
    }

    /// Who broke the rules at a height at which `committee` voted, and `proposers` had their turns.
    pub fn cross_examine(
        &self,
        height: Height,
        committee: &Committee,
        proposers: &[Seat],
    ) -> Culprits {
        let mut culprits = Culprits::new();
        let Some(record) = self.heights.get(&height) else { return culprits };
        let mut convict = |whose: &Address, charge: Charge| {
            culprits.entry(*whose).or_default().insert(charge);
        };
        for ((voter, kind), rounds) in &record.votes {
            if rounds.values().any(|said| 1 < said.len()) {
                convict(voter, Charge::TwoVotes);
            }
            if *kind == VoteKind::Prevote {
                continue;
            }
            for (&round, block_id) in blocks(rounds) {
                if !record.is_polka(committee, round, block_id) {
                    convict(voter, Charge::PrecommitAlone);
                }
            }
        }
        for seat in &committee.seats {
            if record.forgot_lock(committee, &seat.address) {
                convict(&seat.address, Charge::Amnesia);
            }
        }
        for (round, said) in &record.proposals {
            let turn = usize::try_from(round.0).ok().and_then(|round| proposers.get(round));
            let Some(seat) = turn else { continue };
            if 1 < said.len() {
                convict(&seat.address, Charge::TwoProposals);
            }
            let lies = |&(block_id, polka): &(BlockId, Option<Round>)| {
                polka.is_some_and(|polka| !record.is_polka(committee, polka, block_id))
            };
            if said.iter().any(lies) {
                convict(&seat.address, Charge::FalsePolka);
            }
        }
        culprits
    }
}

impl Record {
    /// Whether a quorum prevoted a block in a round, as far as all records show.
    fn is_polka(&self, committee: &Committee, round: Round, block_id: BlockId) -> bool {
        let prevoted = |seat: &&Seat| {
            let rounds = self.votes.get(&(seat.address, VoteKind::Prevote));
            let said = rounds.and_then(|rounds| rounds.get(&round));
            said.is_some_and(|said| said.contains(&Some(block_id)))
        };
        committee.is_quorum(committee.seats.iter().filter(prevoted).map(|it| it.power).sum())
    }

    /// Whether a validator prevoted another block than the one it had precommitted last, though no
    /// polka for the other block, of the lock's round or later, allowed it.
    fn forgot_lock(&self, committee: &Committee, voter: &Address) -> bool {
        let (Some(prevotes), Some(precommits)) = (
            self.votes.get(&(*voter, VoteKind::Prevote)),
            self.votes.get(&(*voter, VoteKind::Precommit)),
        ) else {
            return false;
        };
        blocks(prevotes).any(|(&round, block_id)| {
            let locks = blocks(precommits).filter(|&(&locked, _)| locked < round);
            let Some((&locked, lock)) = locks.last() else { return false };
            let mut between = (locked.0..round.0).map(Round);
            lock != block_id && !between.any(|it| self.is_polka(committee, it, block_id))
        })
    }
}

/// The votes for blocks, by round.
fn blocks(
    rounds: &BTreeMap<Round, BTreeSet<Option<BlockId>>>,
) -> impl Iterator<Item = (&Round, BlockId)> {
    rounds.iter().flat_map(|(round, said)| said.iter().flatten().map(move |id| (round, *id)))
}

/// Whether those who were named are as many as must be, and all guilty.
///
/// # Errors
/// If not.
pub fn judge(
    culprits: &Culprits,
    committee: &Committee,
    is_honest: impl Fn(&Address) -> bool,
) -> Result<(), String> {
    if let Some((framed, charges)) = culprits.iter().find(|(whose, _)| is_honest(whose)) {
        return Err(format!("honest {framed} is convicted of {charges:?}"));
    }
    let seats = committee.seats.iter().filter(|seat| culprits.contains_key(&seat.address));
    let power: u64 = seats.map(|seat| seat.power).sum();
    if u128::from(committee.total) <= u128::from(power) * 3 {
        return Ok(());
    }
    let total = committee.total;
    Err(format!("the fork's culprits have {power} of {total} power, less than a third"))
}

#[cfg(test)]
mod tests {
    use types::{Hash, PartSetHeader, PublicKey};

    use super::super::committee::Rotation;
    use super::*;

    const A: u8 = 1;
    const B: u8 = 2;

    fn id(number: u8) -> Option<BlockId> {
        let hash = Hash([number; 32]);
        Some(BlockId { hash, parts: PartSetHeader { total: 1, hash } })
    }

    /// Four validators of equal weight, by number.
    struct Court {
        rotation: Rotation,
        records: Records,
    }

    impl Court {
        fn new() -> Self {
            let members: Vec<(PublicKey, u64)> =
                (1..=4).map(|number| (PublicKey([number; 32]), 10)).collect();
            Self { rotation: Rotation::first(&members), records: Records::default() }
        }

        fn address(&self, number: u8) -> Address {
            PublicKey([number; 32]).address()
        }

        fn say(&mut self, round: u32, kind: VoteKind, block: u8, voters: &[u8]) {
            for &number in voters {
                let voter = (self.address(number), kind);
                self.records.vote(Height(1), Round(round), voter, id(block));
            }
        }

        fn culprits(&self) -> Vec<(u8, Vec<Charge>)> {
            let proposers = self.rotation.proposers(8);
            let committee = self.rotation.committee();
            let culprits = self.records.cross_examine(Height(1), committee, &proposers);
            let charges = |number: u8| culprits.get(&self.address(number)).cloned();
            let all = (1..=4).filter_map(|number| Some((number, charges(number)?)));
            all.map(|(number, charges)| (number, charges.into_iter().collect())).collect()
        }

        fn judge(&self, honest: &[u8]) -> Result<(), String> {
            let proposers = self.rotation.proposers(8);
            let committee = self.rotation.committee();
            let culprits = self.records.cross_examine(Height(1), committee, &proposers);
            let honest: Vec<Address> = honest.iter().map(|&it| self.address(it)).collect();
            judge(&culprits, committee, |address| honest.contains(address))
        }
    }

    #[test]
    fn two_votes_in_one_round_convict_the_fork_in_one_round() {
        let mut court = Court::new();
        for kind in [VoteKind::Prevote, VoteKind::Precommit] {
            court.say(0, kind, A, &[1, 3, 4]);
            court.say(0, kind, B, &[2, 3, 4]);
        }
        let charges = vec![Charge::TwoVotes];
        assert_eq!(court.culprits(), [(3, charges.clone()), (4, charges)]);
        assert_eq!(court.judge(&[1, 2]), Ok(()));
    }

    #[test]
    fn amnesia_is_convicted_by_the_polka_that_nobody_saw() {
        let mut court = Court::new();
        court.say(0, VoteKind::Prevote, A, &[1, 3, 4]);
        court.say(0, VoteKind::Precommit, A, &[1, 3, 4]);
        // 1 has decided A. The others decide B a round later; 2 was never locked.
        court.say(1, VoteKind::Prevote, B, &[2, 3, 4]);
        court.say(1, VoteKind::Precommit, B, &[2, 3, 4]);
        let charges = vec![Charge::Amnesia];
        assert_eq!(court.culprits(), [(3, charges.clone()), (4, charges)]);
        assert_eq!(court.judge(&[1, 2]), Ok(()));
    }

    #[test]
    fn who_unlocks_by_a_later_polka_is_not_framed() {
        let mut court = Court::new();
        court.say(0, VoteKind::Prevote, A, &[1, 3, 4]);
        court.say(0, VoteKind::Precommit, A, &[1]);
        court.say(1, VoteKind::Prevote, B, &[2, 3, 4]);
        court.say(2, VoteKind::Prevote, B, &[1, 2, 3, 4]);
        assert_eq!(court.culprits(), []);
    }

    #[test]
    fn a_precommit_without_polka_and_a_proposal_with_a_false_one_are_convicted() {
        let mut court = Court::new();
        court.say(0, VoteKind::Prevote, A, &[1, 2]);
        court.say(0, VoteKind::Precommit, A, &[4]);
        assert_eq!(court.culprits(), [(4, vec![Charge::PrecommitAlone])]);

        let mut court = Court::new();
        let proposal = Proposal {
            height: Height(1),
            round: Round(2),
            pol_round: Some(Round(1)),
            block_id: id(A).unwrap(),
            timestamp: types::Time::EPOCH,
            signature: types::Signature([0; 64]),
        };
        court.records.proposal(&proposal);
        assert_eq!(court.culprits().len(), 1);
        assert_eq!(court.culprits()[0].1, [Charge::FalsePolka]);
        court.records.proposal(&Proposal { pol_round: None, ..proposal });
        assert_eq!(court.culprits()[0].1, [Charge::TwoProposals, Charge::FalsePolka]);
    }

    #[test]
    fn a_verdict_over_too_few_or_over_the_honest_is_refused() {
        let mut court = Court::new();
        court.say(0, VoteKind::Prevote, A, &[4]);
        court.say(0, VoteKind::Prevote, B, &[4]);
        assert!(court.judge(&[1, 2, 3]).unwrap_err().contains("less than a third"));
        assert!(court.judge(&[4]).unwrap_err().contains("honest"));
    }
}
