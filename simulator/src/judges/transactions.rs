//! No transaction is lost once its sender was told that it is committed, none is on the chain twice
//! by an honest proposer's doing, and what is read of a height is what the chain says of it.
//!
//! A transaction `key=value` writes the value under the key, as the kvstore has it.

use std::collections::BTreeMap;

use bytes::Bytes;
use types::{Block, Height, Tx};

use super::history::{History, Operation};
use crate::moment::Moment;

/// Who sends and reads.
pub type Client = usize;

/// What clients have sent, and what became of it.
#[derive(Debug, Default)]
pub struct Transactions {
    /// Where each transaction is on the chain, first.
    places: BTreeMap<Tx, (Height, usize)>,
    /// What each key was set to, in the order of the chain.
    values: BTreeMap<Bytes, Vec<(Height, Bytes)>>,
    /// The last decided height.
    tip: Option<Height>,
    /// The highest that anybody was told of.
    known: Option<Height>,
    /// Writes that were sent and not answered.
    sent: BTreeMap<(Client, Tx), Operation>,
    /// Reads that were asked and not answered, and what was known when they were.
    asked: BTreeMap<(Client, Bytes), (Moment, Option<Height>)>,
    /// Of each client, the height of its last answer.
    sessions: BTreeMap<Client, Height>,
    history: History,
}

impl Transactions {
    /// A block was decided first; `by_honest` if only honest members had a turn to make it.
    /// `succeeded` says of an earlier place whether what stands there was executed with success:
    /// what was not may come again.
    ///
    /// # Errors
    /// If it repeats a transaction.
    pub fn decided(
        &mut self,
        block: &Block,
        by_honest: bool,
        succeeded: impl Fn(Height, usize) -> bool,
    ) -> Result<(), String> {
        let height = block.header.height;
        self.tip = Some(height);
        for (index, tx) in block.txs.iter().enumerate() {
            let repeated = self.places.contains_key(tx);
            match self.places.get(tx) {
                Some(&(first, at)) if succeeded(first, at) => {
                    if by_honest {
                        return Err(format!("{tx:?} is in block {first} and again in {height}"));
                    }
                }
                Some(_) | None => {
                    self.places.insert(tx.clone(), (height, index));
                }
            }
            if let Some((key, value)) = write_of(tx) {
                if repeated {
                    self.history.forget(&key);
                }
                self.values.entry(key).or_default().push((height, value));
            }
        }
        Ok(())
    }

    /// A client sends a transaction.
    pub fn submitted(&mut self, client: Client, tx: &Tx, now: Moment) {
        if let Some((key, value)) = write_of(tx) {
            let write = Operation::write(key, value, now);
            self.sent.insert((client, tx.clone()), write);
        }
    }

    /// A client is told that its transaction is refused, and will never be on the chain.
    pub fn refused(&mut self, client: Client, tx: &Tx) {
        self.sent.remove(&(client, tx.clone()));
    }

    /// A client is told that its transaction is committed.
    ///
    /// # Errors
    /// If it is not.
    pub fn acknowledged(
        &mut self,
        client: Client,
        tx: &Tx,
        height: Height,
        now: Moment,
    ) -> Result<(), String> {
        let place = self.places.get(tx).map(|&(place, _)| place);
        if place != Some(height) {
            return Err(format!("{client} is told that {tx:?} is in {height}; it is in {place:?}"));
        }
        self.known = self.known.max(Some(height));
        if let Some(write) = self.sent.remove(&(client, tx.clone())) {
            self.history.add(write.done(now));
        }
        Ok(())
    }

    /// A client asks what a key is set to.
    pub fn asks(&mut self, client: Client, key: &Bytes, now: Moment) {
        self.asked.insert((client, key.clone()), (now, self.known));
    }

    /// A client is told what a key was set to after a height.
    ///
    /// # Errors
    /// If the chain says something else, or the client has seen a later height before.
    pub fn read(
        &mut self,
        client: Client,
        key: &Bytes,
        value: Option<&Bytes>,
        (height, now): (Height, Moment),
    ) -> Result<(), String> {
        if self.tip < Some(height) {
            return Err(format!("{client} reads of height {height}, which nobody has decided"));
        }
        let set = self.values.get(key).into_iter().flatten();
        let right = set.take_while(|(at, _)| *at <= height).last().map(|(_, value)| value);
        if right != value {
            return Err(format!("{client} reads {key:?} at {height}: {value:?}, not {right:?}"));
        }
        let last = self.sessions.insert(client, height);
        if Some(height) < last {
            return Err(format!("{client} reads of height {height} after {last:?}"));
        }
        if let Some((since, known)) = self.asked.remove(&(client, key.clone()))
            && known <= Some(height)
        {
            // Older answers are right about their height, and no more was promised.
            self.history.add(Operation::read(key.clone(), value.cloned(), since, now));
            self.known = self.known.max(Some(height));
        }
        Ok(())
    }

    /// A client goes to another member, which may be behind.
    pub fn moved(&mut self, client: Client) {
        self.sessions.remove(&client);
    }

    /// The run is over: what was sent and never answered may have happened or not.
    ///
    /// # Errors
    /// If no order of all that clients did explains what they were told.
    pub fn finish(&mut self) -> Result<(), String> {
        for (_, write) in std::mem::take(&mut self.sent) {
            self.history.add(write);
        }
        self.history.check()
    }

    /// How much clients did.
    pub fn operations(&self) -> u64 {
        u64::try_from(self.history.count()).expect("fits 64 bits")
    }
}

/// The key and the value that a transaction writes, if it does.
fn write_of(tx: &Tx) -> Option<(Bytes, Bytes)> {
    let middle = tx.iter().position(|&byte| byte == b'=')?;
    Some((tx.slice(..middle), tx.slice(middle + 1..)))
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    const KEY: Bytes = Bytes::from_static(b"key");

    /// Two blocks, of `key=1` and `key=2`, which client 0 has sent.
    fn told() -> Transactions {
        let mut sample = Sample::new(false);
        let mut judge = Transactions::default();
        for number in 0..2 {
            let block = sample.block();
            judge.submitted(0, &block.block.txs[0], Moment(10 * number));
            judge.decided(&block.block, true, |_, _| true).unwrap();
            sample.follow(&block);
        }
        judge
    }

    fn tx(text: &'static str) -> Tx {
        Tx::from_static(text.as_bytes())
    }

    #[test]
    fn what_was_acknowledged_is_on_the_chain() {
        let mut judge = told();
        assert_eq!(judge.acknowledged(0, &tx("key=1"), Height(1), Moment(1)), Ok(()));
        assert!(judge.acknowledged(0, &tx("key=2"), Height(1), Moment(1)).is_err());
        assert!(judge.acknowledged(0, &tx("lost"), Height(2), Moment(1)).is_err());
    }

    #[test]
    fn a_transaction_is_on_the_chain_once_unless_a_byzantine_proposer_repeats_it() {
        let mut judge = told();
        let again = Sample::new(false).block();
        assert_eq!(judge.decided(&again.block, false, |_, _| true), Ok(()));
        assert!(judge.decided(&again.block, true, |_, _| true).unwrap_err().contains("again"));
    }

    #[test]
    fn reads_are_right_about_their_height_and_do_not_go_back() {
        let mut judge = told();
        let (one, two) = (tx("1"), tx("2"));
        let at = |height| (Height(height), Moment(9));
        assert_eq!(judge.read(1, &KEY, Some(&one), at(1)), Ok(()));
        assert_eq!(judge.read(1, &KEY, Some(&two), at(2)), Ok(()));
        assert!(judge.read(1, &KEY, Some(&one), at(1)).unwrap_err().contains("after"));
        judge.moved(1);
        assert_eq!(judge.read(1, &KEY, Some(&one), at(1)), Ok(()));
        assert!(judge.read(2, &KEY, Some(&two), at(1)).unwrap_err().contains("not"));
        assert!(judge.read(2, &KEY, None, at(2)).is_err());
        assert!(judge.read(2, &KEY, Some(&two), at(3)).unwrap_err().contains("nobody"));
    }

    #[test]
    fn nothing_is_asked_of_a_key_that_was_rightly_written_twice() {
        let mut judge = told();
        judge.acknowledged(0, &tx("key=1"), Height(1), Moment(1)).unwrap();
        judge.acknowledged(0, &tx("key=2"), Height(2), Moment(12)).unwrap();
        judge.decided(&Sample::new(false).block().block, false, |_, _| true).unwrap();
        judge.history.add(Operation::read(KEY, Some(tx("1")), Moment(15), Moment(16)));
        assert_eq!(judge.finish(), Ok(()));
    }

    #[test]
    fn answers_that_contradict_each_other_in_time_have_no_order() {
        let mut judge = told();
        judge.acknowledged(0, &tx("key=1"), Height(1), Moment(1)).unwrap();
        judge.acknowledged(0, &tx("key=2"), Height(2), Moment(12)).unwrap();
        judge.asks(1, &KEY, Moment(13));
        judge.read(1, &KEY, Some(&tx("1")), (Height(1), Moment(14))).unwrap();
        assert_eq!(judge.finish(), Ok(()), "an old height is known to be old");
        judge.history.add(Operation::read(KEY, Some(tx("1")), Moment(15), Moment(16)));
        assert!(judge.finish().unwrap_err().contains("no order"));
        assert_eq!(judge.operations(), 3);
    }
}
