//! Whoever votes twice before an honest member's eyes is named in a block soon after the world is
//! healed; and no honest validator is ever named.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use types::{Address, Block, BlockId, Evidence, Height, Round, Vote, VoteKind};

use super::standing::Standing;
use crate::moment::Moment;
use crate::plan::Plan;

/// Blocks of honest proposers that may pass beyond one for each member.
const BLOCKS_MORE: u64 = 6;

/// Where somebody voted twice.
type Place = (Height, Address, Round, VoteKind);

/// What was seen, and what blocks have named.
#[derive(Debug)]
pub struct Accusations {
    /// How long evidence may travel.
    travels: Duration,
    /// How many blocks of honest proposers may pass.
    blocks: u64,
    /// Of each member: what it was told at its current height by validators who may be Byzantine.
    heard: Vec<Heard>,
    open: BTreeMap<Place, Open>,
    settled: BTreeSet<Place>,
    healed: Option<Moment>,
}

#[derive(Clone, Debug, Default)]
struct Heard {
    height: Option<Height>,
    round: Option<Round>,
    votes: BTreeMap<(Round, VoteKind, Address), Option<BlockId>>,
}

/// Somebody voted twice, and no block says so yet.
#[derive(Clone, Debug, Default)]
struct Open {
    witnesses: BTreeSet<usize>,
    /// Since when a witness can prove it in a healed world, and how many blocks of honest
    /// proposers were decided since.
    since: Option<Moment>,
    blocks: u64,
}

impl Accusations {
    /// By a plan: `travels` is how long a message and what it waits for may take in a healed world.
    pub fn new(plan: &Plan, travels: Duration) -> Self {
        let members = plan.members.len();
        let blocks = u64::try_from(members).expect("few members") + BLOCKS_MORE;
        let (open, settled) = (BTreeMap::new(), BTreeSet::new());
        let heard = vec![Heard::default(); members];
        Self { travels, blocks, heard, open, settled, healed: None }
    }

    /// A member says where it is.
    pub fn announced(&mut self, member: usize, height: Height, round: Round) {
        let heard = &mut self.heard[member];
        if heard.height < Some(height) {
            *heard = Heard { height: Some(height), ..Heard::default() };
        }
        if heard.height == Some(height) {
            heard.round = heard.round.max(Some(round));
        }
    }

    /// An honest member takes in a vote while it is at height `here`, of somebody who may be
    /// Byzantine. Votes beyond the next round it need not keep.
    pub fn heard(&mut self, member: usize, here: Height, vote: &Vote) {
        let heard = &mut self.heard[member];
        if heard.height != Some(here) {
            *heard = Heard { height: Some(here), ..Heard::default() };
        }
        let near = heard.round.map_or(Round::FIRST, Round::next);
        // Of extended votes the application is asked first, and the answer may come too late.
        if vote.height != here || near < vote.round || vote.extension.is_some() {
            return;
        }
        let place = (vote.round, vote.kind, vote.validator_address);
        let first = *heard.votes.entry(place).or_insert(vote.block_id);
        let place = (vote.height, vote.validator_address, vote.round, vote.kind);
        if first != vote.block_id && !self.settled.contains(&place) {
            self.open.entry(place).or_default().witnesses.insert(member);
        }
    }

    /// All faults are over.
    pub fn healed(&mut self, now: Moment) {
        self.healed = Some(now);
    }

    /// A member's power is cut when its last block has height `tip`: what it heard of later heights
    /// it need not know any more.
    pub fn crashed(&mut self, member: usize, tip: Option<Height>) {
        self.heard[member] = Heard::default();
        self.open.retain(|place, open| {
            let forgotten = tip.is_none_or(|tip| tip <= place.0);
            if forgotten {
                open.witnesses.remove(&member);
            }
            !open.witnesses.is_empty()
        });
    }

    /// A member has lost its disk.
    pub fn wiped(&mut self, member: usize) {
        self.crashed(member, None);
    }

    /// A block was decided first.
    ///
    /// # Errors
    /// If it names an honest validator, or does not name whom it should have long ago.
    pub fn decided(
        &mut self,
        standing: &Standing,
        block: &Block,
        now: Moment,
    ) -> Result<(), String> {
        for evidence in &block.evidence {
            framed(standing, evidence)?;
            if let Evidence::DuplicateVote(it) = evidence {
                let vote = &it.vote_a;
                let place = (vote.height, vote.validator_address, vote.round, vote.kind);
                self.open.remove(&place);
                self.settled.insert(place);
            }
        }
        if self.open.is_empty() || self.healed.is_none() {
            return Ok(());
        }
        let honest = standing.is_honest_key(&block.header.proposer_address);
        for (place, open) in &mut self.open {
            let (height, culprit, round, kind) = place;
            if block.header.height <= *height {
                continue;
            }
            let since = *open.since.get_or_insert(now);
            open.blocks += u64::from(honest);
            if self.blocks < open.blocks && self.travels < now.since(since) {
                let witnesses = &open.witnesses;
                return Err(format!(
                    "{culprit} gave two {kind:?}s at {height}/{round} before {witnesses:?}, and no \
                     block up to {} says so",
                    block.header.height
                ));
            }
        }
        Ok(())
    }

    /// Which evidence of what was done up to a height is waited for, first.
    pub fn awaited(&self, goal: Height) -> Option<String> {
        let first = self.open.first_key_value().filter(|((height, ..), _)| *height <= goal)?;
        let ((height, culprit, round, kind), open) = first;
        let (count, witnesses, blocks) = (self.open.len(), &open.witnesses, open.blocks);
        Some(format!(
            "{count} pieces of evidence, as that {culprit} gave two {kind:?}s at {height}/{round} \
             before {witnesses:?} ({blocks} blocks could have it)"
        ))
    }

    /// Whether a verdict is due on what was done up to a height. Who equivocates at every height
    /// would be waited for as long as anything is, which is a storm among many.
    pub fn is_waiting(&self, goal: Height) -> bool {
        self.open.first_key_value().is_some_and(|((height, ..), _)| *height <= goal)
    }
}

/// An honest validator is named.
///
/// # Errors
/// If one is.
pub fn framed(standing: &Standing, evidence: &Evidence) -> Result<(), String> {
    let named: Vec<Address> = match evidence {
        Evidence::DuplicateVote(it) => vec![it.vote_a.validator_address],
        Evidence::LightClientAttack(it) => {
            it.byzantine_validators.iter().map(|it| it.address).collect()
        }
    };
    match named.iter().find(|it| standing.is_honest_key(it)) {
        Some(framed) => Err(format!("evidence names honest {framed}: {evidence:?}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use types::{DuplicateVoteEvidence, ValidatorSet};

    use super::super::sample::Sample;
    use super::*;

    const AT: (Height, Round) = (Height(1), Round(0));

    fn set(sample: &Sample) -> ValidatorSet {
        let members = sample.genesis.validators.iter().map(|it| (it.public_key, it.power));
        ValidatorSet::new(&members.collect::<Vec<_>>()).unwrap()
    }

    fn evidence(sample: &Sample, key: usize) -> Evidence {
        let id = sample.chain.at(Height(1)).map(|it| it.id);
        let (one, other) = (sample.vote(key, AT, id), sample.vote(key, AT, None));
        let time = sample.last_time();
        let evidence = DuplicateVoteEvidence::new(one, other, &set(sample), time).unwrap();
        Evidence::DuplicateVote(Box::new(evidence))
    }

    /// Blocks go by after member 0 was told two votes of validator 3, in a healed world.
    fn blocks_go_by(before: impl Fn(&Sample, &mut Accusations)) -> Result<u64, String> {
        let mut sample = Sample::new(false);
        let mut judge = Accusations::new(&sample.plan, Duration::from_millis(50));
        let id = sample.block().id;
        judge.announced(0, Height(1), Round(0));
        judge.heard(0, Height(1), &sample.vote(3, AT, Some(id)));
        judge.heard(0, Height(1), &sample.vote(3, AT, None));
        judge.healed(Moment::START);
        let mut count = 0;
        for number in 0..40 {
            let block = sample.block();
            before(&sample, &mut judge);
            judge.decided(&sample.standing, &block.block, Moment::from_millis(10 * number))?;
            sample.follow(&block);
            count += 1;
        }
        Ok(count)
    }

    #[test]
    fn who_voted_twice_before_a_witness_must_be_named() {
        let verdict = blocks_go_by(|_, _| {});
        assert!(verdict.unwrap_err().contains("gave two Precommits at 1/0"));
    }

    #[test]
    fn a_block_that_names_the_culprit_settles_it() {
        let named = |sample: &Sample, judge: &mut Accusations| {
            if sample.chain.next_height() == Height(3) {
                let mut block = (*sample.block().block).clone();
                block.evidence = vec![evidence(sample, 3)];
                judge.decided(&sample.standing, &block, Moment::START).unwrap();
                assert!(!judge.is_waiting(Height(u64::MAX)));
            }
        };
        assert_eq!(blocks_go_by(named), Ok(40));
    }

    #[test]
    fn what_the_only_witness_forgot_is_not_demanded() {
        let crash = |sample: &Sample, judge: &mut Accusations| {
            if sample.chain.next_height() == Height(2) {
                judge.crashed(0, Some(Height(1)));
            }
        };
        assert_eq!(blocks_go_by(crash), Ok(40));
        let late = |sample: &Sample, judge: &mut Accusations| {
            if sample.chain.next_height() == Height(3) {
                judge.crashed(0, Some(Height(2)));
            }
        };
        assert!(blocks_go_by(late).is_err(), "by then it is on the disk");
    }

    #[test]
    fn an_honest_validator_is_never_named() {
        let mut sample = Sample::new(false);
        let block = sample.block();
        sample.follow(&block);
        assert_eq!(framed(&sample.standing, &evidence(&sample, 3)), Ok(()));
        assert!(framed(&sample.standing, &evidence(&sample, 2)).unwrap_err().contains("honest"));
    }

    #[test]
    fn votes_of_other_heights_and_far_rounds_are_not_demanded() {
        let sample = Sample::new(false);
        let id = Some(sample.block().id);
        let mut judge = Accusations::new(&sample.plan, Duration::ZERO);
        for at in [(Height(2), Round(0)), (Height(1), Round(2))] {
            judge.heard(0, Height(1), &sample.vote(3, at, id));
            judge.heard(0, Height(1), &sample.vote(3, at, None));
        }
        assert!(!judge.is_waiting(Height(u64::MAX)));
        judge.announced(0, Height(1), Round(1));
        judge.heard(0, Height(1), &sample.vote(3, (Height(1), Round(2)), id));
        judge.heard(0, Height(1), &sample.vote(3, (Height(1), Round(2)), None));
        assert!(judge.is_waiting(Height(1)) && !judge.is_waiting(Height(0)));
    }
}
