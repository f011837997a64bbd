//! No two honest members decide different blocks at one height, and each decides them in order.

use std::collections::BTreeMap;

use consensus::Decided;
use types::{Hash, Height};

/// What was decided, as the disks have it.
#[derive(Debug, Default)]
pub struct Agreement {
    /// At each height, by whoever was first.
    blocks: BTreeMap<Height, (usize, Hash)>,
    /// The last height on each member's disk.
    tips: BTreeMap<usize, Height>,
}

impl Agreement {
    /// A decided block is on a disk. Returns whether it is the first of its height.
    pub fn decided(&mut self, member: usize, decided: &Decided) -> Result<bool, String> {
        let (height, hash) = (decided.block.header.height, decided.id.hash);
        let tip = self.tips.insert(member, height);
        if tip.is_some_and(|tip| tip.next() != height) {
            let tip = tip.expect("it was just compared");
            return Err(format!("{member} decides height {height} after {tip}"));
        }
        let (first, agreed) = *self.blocks.entry(height).or_insert((member, hash));
        if agreed != hash {
            return Err(format!(
                "at height {height} {first} decided {agreed}, {member} decided {hash}"
            ));
        }
        Ok(first == member)
    }

    /// A member's disk is empty again.
    pub fn wiped(&mut self, member: usize) {
        self.tips.remove(&member);
    }
}
