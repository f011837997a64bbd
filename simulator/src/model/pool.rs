//! The pending transactions of a modelled node, by number rather than by hash: order of arrival,
//! who sent what, and who was served how far, as the mempool has it.
//!
//! Numbers are given in the order in which clients send, so that what is known of each stands in
//! one short row.

use std::collections::VecDeque;

use types::Tx;

/// Most bytes of transactions in one message to a peer, as the node has it.
const BATCH_BYTES_MAX: u64 = 512 * 1024;
/// Most transactions in one message to a peer, as the node has it.
const BATCH_COUNT_MAX: usize = 2048;
/// Peers in a word of senders.
const WORD: usize = 64;

/// What is known of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// Nothing.
    Never,
    /// It waits at this place.
    Waits(u64),
    /// It is in a block.
    Gone,
}

/// The pool of one node.
#[derive(Debug)]
pub struct Pool {
    txs_max: usize,
    /// Number of the first transaction of which something is known one by one; all before are gone.
    first: u64,
    known: VecDeque<Known>,
    /// Place of the first in `line`.
    first_place: u64,
    /// In the order of arrival; none is in a block already.
    line: VecDeque<Option<(u64, Tx)>>,
    waiting: usize,
    /// Words of senders for each place of the line.
    words: usize,
    senders: VecDeque<u64>,
    /// Up to which place each peer was served.
    served: Vec<u64>,
}

impl Pool {
    /// An empty pool of a node with so many peers.
    pub fn new(txs_max: usize, peers: usize) -> Self {
        Self {
            txs_max,
            first: 0,
            known: VecDeque::new(),
            first_place: 0,
            line: VecDeque::new(),
            waiting: 0,
            words: peers.div_ceil(WORD),
            senders: VecDeque::new(),
            served: vec![0; peers],
        }
    }

    /// How many transactions wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether a transaction is here or was here. Whoever sent it need not be told of it.
    pub fn knows(&mut self, number: u64, from: Option<usize>) -> bool {
        match self.known(number) {
            Known::Never => false,
            Known::Gone => true,
            Known::Waits(place) => {
                self.note_sender(place, from);
                true
            }
        }
    }

    /// Whether there is no room.
    pub fn is_full(&self) -> bool {
        self.txs_max <= self.waiting
    }

    /// A transaction that was not here before waits from now on.
    pub fn add(&mut self, number: u64, tx: Tx, from: Option<usize>) {
        let place = self.first_place + length(self.line.len());
        self.line.push_back(Some((number, tx)));
        self.senders.extend(std::iter::repeat_n(0, self.words));
        self.waiting += 1;
        self.learn(number, Known::Waits(place));
        self.note_sender(place, from);
    }

    /// Transactions for a block, the earliest first, as long as they fit; `cost` is what one takes
    /// of the bytes.
    pub fn reap(&self, bytes_max: u64, cost: impl Fn(&Tx) -> u64) -> Vec<Tx> {
        let mut bytes = 0_u64;
        let fits = |(_, tx): &&(u64, Tx)| {
            bytes = bytes.saturating_add(cost(tx));
            bytes <= bytes_max
        };
        self.line.iter().flatten().take_while(fits).map(|(_, tx)| tx.clone()).collect()
    }

    /// What is in a block waits no more.
    pub fn decided(&mut self, numbers: impl Iterator<Item = u64>) {
        for number in numbers {
            if let Known::Waits(place) = self.known(number) {
                self.line[index(place - self.first_place)] = None;
                self.waiting -= 1;
            }
            self.learn(number, Known::Gone);
        }
        while let Some(None) = self.line.front() {
            self.line.pop_front();
            self.senders.drain(..self.words);
            self.first_place += 1;
        }
        while let Some(Known::Gone) = self.known.front() {
            self.known.pop_front();
            self.first += 1;
        }
    }

    /// From which place on a peer lacks everything, if it has sent nothing of that itself: many
    /// lack the same, and need not be counted one by one.
    pub fn lacks_all_from(&self, peer: usize) -> Option<u64> {
        let from = self.served[peer].max(self.first_place);
        let (word, bit) = (peer / WORD, 1 << (peer % WORD));
        let words = self.senders.iter().skip(index(from - self.first_place) * self.words + word);
        words.step_by(self.words.max(1)).all(|word| word & bit == 0).then_some(from)
    }

    /// A peer counts as served with all that is here.
    pub fn serve(&mut self, peer: usize) {
        self.served[peer] = self.first_place + length(self.line.len());
    }

    /// What a peer lacks, in messages; it counts as served.
    pub fn batches_for(&mut self, peer: usize) -> Vec<Vec<Tx>> {
        let from = self.served[peer].max(self.first_place);
        let end = self.first_place + length(self.line.len());
        self.served[peer] = end;
        let (mut batches, mut batch, mut bytes) = (vec![], vec![], 0);
        for place in from..end {
            let at = index(place - self.first_place);
            let Some((_, tx)) = &self.line[at] else { continue };
            let word = self.senders[at * self.words + peer / WORD];
            if word >> (peer % WORD) & 1 == 1 {
                continue;
            }
            let added = length(tx.len());
            if BATCH_COUNT_MAX <= batch.len() || (BATCH_BYTES_MAX < bytes + added && 0 < bytes) {
                batches.push(std::mem::take(&mut batch));
                bytes = 0;
            }
            batch.push(tx.clone());
            bytes += added;
        }
        if !batch.is_empty() {
            batches.push(batch);
        }
        batches
    }

    fn known(&self, number: u64) -> Known {
        let Some(place) = number.checked_sub(self.first) else { return Known::Gone };
        self.known.get(index(place)).copied().unwrap_or(Known::Never)
    }

    fn learn(&mut self, number: u64, known: Known) {
        let Some(place) = number.checked_sub(self.first) else { return };
        let place = index(place);
        if self.known.len() <= place {
            self.known.resize(place + 1, Known::Never);
        }
        self.known[place] = known;
    }

    fn note_sender(&mut self, place: u64, from: Option<usize>) {
        if let Some(peer) = from {
            let at = index(place - self.first_place) * self.words + peer / WORD;
            self.senders[at] |= 1 << (peer % WORD);
        }
    }
}

fn index(place: u64) -> usize {
    usize::try_from(place).expect("places of a pool fit the machine")
}

fn length(count: usize) -> u64 {
    u64::try_from(count).expect("counts fit 64 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tx(number: u64) -> Tx {
        Tx::from(number.to_be_bytes().to_vec())
    }

    #[test]
    fn peers_are_served_once_and_not_what_they_sent() {
        let mut pool = Pool::new(10, 70);
        pool.add(0, tx(0), None);
        pool.add(1, tx(1), Some(69));
        assert!(pool.knows(0, Some(3)) && !pool.knows(2, None));
        let shared: Vec<usize> = (0..70).filter(|&it| pool.lacks_all_from(it) == Some(0)).collect();
        assert_eq!(shared, (0..69).filter(|&it| it != 3).collect::<Vec<_>>());
        assert_eq!(pool.batches_for(3), [vec![tx(1)]]);
        assert_eq!(pool.batches_for(69), [vec![tx(0)]]);
        pool.serve(1);
        assert!(pool.batches_for(1).is_empty());
        assert_eq!(pool.batches_for(0), [vec![tx(0), tx(1)]]);
        assert!(pool.batches_for(0).is_empty());
        pool.add(2, tx(2), None);
        assert_eq!(pool.batches_for(0), [vec![tx(2)]]);
    }

    #[test]
    fn what_is_decided_is_known_and_waits_no_more() {
        let mut pool = Pool::new(3, 1);
        for number in [4, 1, 0] {
            pool.add(number, tx(number), None);
        }
        assert!(pool.is_full());
        assert_eq!(pool.reap(16, |_| 8), [tx(4), tx(1)]);
        pool.decided([1, 7].into_iter());
        assert_eq!((pool.waiting(), pool.is_full()), (2, false));
        assert_eq!(pool.reap(100, |_| 8), [tx(4), tx(0)]);
        assert_eq!(pool.batches_for(0), [vec![tx(4), tx(0)]]);
        pool.decided([4, 0].into_iter());
        assert!(pool.reap(100, |_| 8).is_empty() && pool.line.is_empty());
        for number in [0, 1, 4, 7] {
            assert!(pool.knows(number, None), "{number}");
        }
        assert!(!pool.knows(2, None) && !pool.knows(9, None));
    }

    #[test]
    fn long_messages_are_cut() {
        let mut pool = Pool::new(5000, 1);
        for number in 0..3000 {
            pool.add(number, Tx::from(vec![0; 512]), None);
        }
        let lengths: Vec<usize> = pool.batches_for(0).iter().map(Vec::len).collect();
        assert_eq!(lengths, [1024, 1024, 952]);
    }
}
