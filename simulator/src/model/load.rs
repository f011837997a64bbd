//! Clients of a modelled network: they send transactions at a steady rate, each to some node.

use types::{Block, Tx};

use crate::chance::Chance;
use crate::moment::Moment;
use crate::plan::Plan;
use crate::plan::model::ModelPlan;

/// Which stream of chance clients draw from.
const STREAM: u64 = 21;
/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// All clients.
#[derive(Debug)]
pub struct Load {
    rate: u64,
    tx_bytes: usize,
    members: usize,
    chance: Chance,
    /// When each transaction was sent, by its number, and to whom.
    sent: Vec<(Moment, u32)>,
}

impl Load {
    /// Nothing was sent.
    pub fn new(plan: &Plan, model: &ModelPlan) -> Self {
        Self {
            rate: model.rate,
            tx_bytes: usize::try_from(model.tx_bytes).expect("a block fits the machine"),
            members: plan.members.len(),
            chance: Chance::of(plan.seed, STREAM),
            sent: vec![],
        }
    }

    /// When the next transaction is sent, if any is: somewhere in its share of the second.
    pub fn next_at(&mut self) -> Option<Moment> {
        if self.rate == 0 {
            return None;
        }
        let number = u128::from(self.number());
        let begins = number * u128::from(SECOND) / u128::from(self.rate);
        let begins = u64::try_from(begins).unwrap_or(u64::MAX);
        Some(Moment(begins).after_nanos(self.chance.below(SECOND / self.rate)))
    }

    /// Sends the next transaction now. Gives its number, its bytes, and the node that gets it.
    pub fn send(&mut self, now: Moment) -> (u64, Tx, usize) {
        let (number, member) = (self.number(), self.chance.index(self.members));
        self.sent.push((now, u32::try_from(member).expect("few members")));
        let mut bytes = vec![0; self.tx_bytes];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        (number, Tx::from(bytes), member)
    }

    /// When a transaction was sent, and to whom.
    pub fn sent(&self, number: u64) -> Option<(Moment, usize)> {
        let (at, member) = *self.sent.get(usize::try_from(number).ok()?)?;
        Some((at, usize::try_from(member).ok()?))
    }

    /// How many were sent.
    pub fn number(&self) -> u64 {
        u64::try_from(self.sent.len()).expect("counts fit 64 bits")
    }
}

/// Which transaction this is.
pub fn number_of(tx: &Tx) -> u64 {
    let number = tx.first_chunk().expect("a transaction begins with its number");
    u64::from_be_bytes(*number)
}

/// Which transactions are in a block.
pub fn numbers_of(block: &Block) -> impl Iterator<Item = u64> {
    block.txs.iter().map(number_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelShape;

    #[test]
    fn transactions_come_at_their_rate_and_are_told_apart() {
        let plan = ModelShape { rate: 100, tx_bytes: 8, ..ModelShape::default() }.plan().unwrap();
        let mut load = Load::new(&plan, plan.model().unwrap());
        let mut members = vec![0; 4];
        for number in 0..1000 {
            let at = load.next_at().unwrap();
            let slot = Moment(number * 10_000_000);
            assert!(slot <= at && at < slot.after_nanos(10_000_000), "{number}: {at}");
            let (own, tx, member) = load.send(at);
            assert_eq!((own, number_of(&tx), load.sent(own)), (number, number, Some((at, member))));
            members[member] += 1;
        }
        assert!(members.iter().all(|&it| 200 < it), "{members:?}");
        assert_eq!(load.sent(1000), None);
    }

    #[test]
    fn nothing_comes_at_no_rate() {
        let plan = ModelShape::default().plan().unwrap();
        assert_eq!(Load::new(&plan, plan.model().unwrap()).next_at(), None);
    }
}
