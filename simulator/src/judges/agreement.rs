//! No two honest members decide different blocks at one height; each decides all heights in order,
//! each block linked to the one before, and nothing twice.

use consensus::Decided;
use types::Height;

use super::chain::Chain;

/// How far the disks are.
#[derive(Debug, Default)]
pub struct Agreement {
    /// The last height on each member's disk.
    tips: Vec<Option<Height>>,
    /// Who was the first to decide, by height.
    deciders: Vec<usize>,
}

/// What a decision is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nobody has decided this height before.
    First,
    /// The same that others have decided.
    Known,
    /// Another than others have decided.
    Fork(String),
}

impl Agreement {
    /// So many members with empty disks.
    pub fn new(members: usize) -> Self {
        Self { tips: vec![None; members], deciders: Vec::new() }
    }

    /// The last height on a member's disk.
    pub fn tip(&self, member: usize) -> Option<Height> {
        self.tips[member]
    }

    /// A member has lost its data folder, and begins again.
    pub fn wiped(&mut self, member: usize) {
        self.tips[member] = None;
    }

    /// A decided block is on a disk for good.
    ///
    /// # Errors
    /// If the member's own blocks are not one chain.
    pub fn decided(
        &mut self,
        chain: &Chain,
        member: usize,
        decided: &Decided,
    ) -> Result<Decision, String> {
        let (height, id) = (decided.block.header.height, decided.id);
        let tip = self.tips[member].replace(height);
        if height != tip.map_or(chain.first, Height::next) {
            return Err(format!("{member} decides height {height} after {tip:?}"));
        }
        let before = height.previous().and_then(|it| chain.at(it)).map(|it| it.id);
        if decided.block.header.last_block_id != before {
            let last = decided.block.header.last_block_id;
            return Err(format!("{member}'s block {height} follows {last:?}, not {before:?}"));
        }
        let Some(agreed) = chain.at(height).map(|it| it.id) else {
            self.deciders.push(member);
            return Ok(Decision::First);
        };
        if agreed == id {
            return Ok(Decision::Known);
        }
        let index = usize::try_from(height.0 - chain.first.0).expect("it was just looked up");
        let first = self.deciders[index];
        let (one, other) = (agreed.hash, id.hash);
        let what = format!("at height {height} {first} decided {one}, {member} decided {other}");
        Ok(Decision::Fork(what))
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn members_decide_the_same_chain_in_order() {
        let mut sample = Sample::new(false);
        let mut judge = Agreement::new(2);
        for _ in 0..3 {
            let block = sample.block();
            assert_eq!(judge.decided(&sample.chain, 0, &block), Ok(Decision::First));
            sample.follow(&block);
            assert_eq!(judge.decided(&sample.chain, 1, &block), Ok(Decision::Known));
        }
    }

    #[test]
    fn another_block_at_one_height_is_a_fork() {
        let mut sample = Sample::new(false);
        let mut judge = Agreement::new(2);
        let block = sample.block();
        judge.decided(&sample.chain, 0, &block).unwrap();
        let mut other = (*block.block).clone();
        other.txs.clear();
        other.header.data_hash = None;
        let other = sample.decide(other, types::Round::FIRST);
        sample.follow(&block);
        let verdict = judge.decided(&sample.chain, 1, &other);
        assert!(matches!(verdict, Ok(Decision::Fork(_))), "{verdict:?}");
    }

    #[test]
    fn a_gap_a_repetition_and_a_broken_link_are_found_and_a_wiped_disk_is_excused() {
        let mut sample = Sample::new(false);
        let mut judge = Agreement::new(4);
        let first = sample.block();
        judge.decided(&sample.chain, 0, &first).unwrap();
        sample.follow(&first);
        let second = sample.block();
        assert!(judge.decided(&sample.chain, 1, &second).unwrap_err().contains("after None"));
        assert!(judge.decided(&sample.chain, 0, &first).unwrap_err().contains("decides height 1"));
        judge.decided(&sample.chain, 2, &first).unwrap();
        let mut unlinked = (*second.block).clone();
        unlinked.header.last_block_id = None;
        let unlinked = sample.decide(unlinked, types::Round::FIRST);
        let verdict = judge.decided(&sample.chain, 2, &unlinked);
        assert!(verdict.unwrap_err().contains("follows None"));
        judge.decided(&sample.chain, 3, &first).unwrap();
        judge.wiped(3);
        assert_eq!(judge.decided(&sample.chain, 3, &first), Ok(Decision::Known));
    }
}
