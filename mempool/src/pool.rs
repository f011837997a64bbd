//! `Mempool`: admission, order, limits, what goes into a block, and what a decided block leaves.

use std::collections::BTreeMap;

use types::{Height, PeerId, Tx, TxKey};

use crate::config::Config;
use crate::gossip::Gossip;
use crate::refusal::Refusal;
use crate::seen::Seen;
use crate::waiting::{Entry, Place, Senders, Waiting};

/// Code of a transaction that the application accepts.
const CODE_OK: u32 = 0;

/// Who gave us a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A user, by RPC.
    Local,
    /// A peer, by gossip.
    Peer(PeerId),
}

/// The application's word on a transaction. spec: `ResponseCheckTx`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// 0 is yes.
    pub code: u32,
    /// What executing it may need; below zero is refused.
    pub gas_wanted: i64,
}

/// What fits into the next block: a transaction that alone does not is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockLimits {
    /// Bytes of transactions, each with its protobuf overhead.
    pub bytes_max: u64,
    /// Sum of gas wanted; none is no limit.
    pub gas_max: Option<u64>,
}

/// Transactions that wait for a block.
#[derive(Clone, Debug)]
pub struct Mempool {
    config: Config,
    limits: BlockLimits,
    waiting: Waiting,
    /// Admitted; the application's word is awaited.
    in_check: BTreeMap<TxKey, InCheck>,
    in_check_bytes: u64,
    seen: Seen,
    gossip: Gossip,
    recheck: Recheck,
    /// The last decided height that we were told of.
    height: Option<Height>,
    /// For which height somebody wants to know that transactions wait.
    awaited: Option<Height>,
}

#[derive(Clone, Debug)]
struct InCheck {
    tx: Tx,
    senders: Senders,
}

/// Those from `next` on and before `until` are to be checked again.
#[derive(Clone, Copy, Debug, Default)]
struct Recheck {
    next: Place,
    until: Place,
}

impl Mempool {
    /// An empty mempool. Until [`Mempool::limit`] is called, everything fits into a block.
    pub fn new(config: Config) -> Self {
        Self {
            limits: BlockLimits { bytes_max: u64::MAX, gas_max: None },
            waiting: Waiting::default(),
            in_check: BTreeMap::new(),
            in_check_bytes: 0,
            seen: Seen::new(config.seen_max),
            gossip: Gossip::default(),
            recheck: Recheck::default(),
            height: None,
            awaited: None,
            config,
        }
    }

    /// Begins to take in a transaction: the caller asks the application about it next, and tells
    /// the answer by [`Mempool::checked`], or [`Mempool::forget`] if there is none.
    ///
    /// # Errors
    /// If it is too large, known, or there is no room. A peer that sends what is known is noted,
    /// so that it is not sent the same.
    pub fn admit(&mut self, tx: Tx, source: Source) -> Result<TxKey, Refusal> {
        self.check_size(&tx)?;
        let key = TxKey::of(&tx);
        if self.seen.has(&key) || self.has(&key) {
            self.note_sender(&key, source);
            return Err(Refusal::Seen);
        }
        self.check_room(&tx)?;
        let mut senders = Senders::default();
        if let Source::Peer(peer) = source {
            senders.add(peer);
        }
        self.seen.add(key);
        self.in_check_bytes += tx.len() as u64;
        self.in_check.insert(key, InCheck { tx, senders });
        self.invariants();
        Ok(key)
    }

    /// Takes the application's word on an admitted transaction. Returns whether it waits from now
    /// on: not if its code is not 0, and not if it was decided or flushed meanwhile.
    ///
    /// # Errors
    /// If the application accepts it, but no block has the gas that it wants.
    pub fn checked(&mut self, key: &TxKey, checked: Checked) -> Result<bool, Refusal> {
        let Some(InCheck { tx, senders }) = self.end_check(key) else {
            return Ok(false);
        };
        let judged = self.judge(checked);
        if let Ok(Some(gas_wanted)) = judged {
            self.waiting.push(Entry { key: *key, tx, gas_wanted, senders });
        } else {
            self.reject(key);
        }
        self.invariants();
        judged.map(|gas_wanted| gas_wanted.is_some())
    }

    /// Gives up on an admitted transaction about which the application gave no answer. It may come
    /// again.
    pub fn forget(&mut self, key: &TxKey) {
        if self.end_check(key).is_some() {
            self.seen.remove(key);
        }
    }

    /// The transactions for a block, in order of arrival, up to the first that does not fit: sizes
    /// with their protobuf overhead within `bytes_max`, gas within `gas_max`.
    /// spec: `ReapMaxBytesMaxGas`.
    pub fn reap(&self, bytes_max: u64, gas_max: Option<u64>) -> Vec<Tx> {
        let (mut bytes, mut gas) = (0_u64, 0_u64);
        let fits = |entry: &&Entry| {
            bytes = bytes.saturating_add(bytes_in_block(&entry.tx));
            gas = gas.saturating_add(entry.gas_wanted);
            bytes <= bytes_max && gas_max.is_none_or(|gas_max| gas <= gas_max)
        };
        self.waiting.entries().take_while(fits).map(|entry| entry.tx.clone()).collect()
    }

    /// The first `count` transactions. spec: `ReapMaxTxs`.
    pub fn reap_count(&self, count: usize) -> Vec<Tx> {
        self.waiting.entries().take(count).map(|entry| entry.tx.clone()).collect()
    }

    /// A block was decided and executed: its transactions wait no more. `succeeded` tells by index
    /// which had code 0; those are remembered, so that they are not taken in again. The others may
    /// come again, unless invalid ones are to be remembered. Starts a recheck, if configured.
    pub fn update(&mut self, height: Height, txs: &[Tx], succeeded: impl Fn(usize) -> bool) {
        assert!(self.height.is_none_or(|last| last < height), "heights are told in order");
        self.height = Some(height);
        for (index, tx) in txs.iter().enumerate() {
            let key = TxKey::of(tx);
            self.waiting.remove(&key);
            self.end_check(&key);
            if succeeded(index) {
                self.seen.add(key);
            } else {
                self.reject(&key);
            }
        }
        if self.config.recheck {
            self.recheck = Recheck { next: 0, until: self.waiting.next_place() };
        }
        self.invariants();
    }

    /// Sets what fits into the next block, and drops the waiting transactions that alone do not.
    pub fn limit(&mut self, limits: BlockLimits) {
        self.limits = limits;
        let fits = |entry: &Entry| {
            bytes_in_block(&entry.tx) <= limits.bytes_max
                && limits.gas_max.is_none_or(|gas_max| entry.gas_wanted <= gas_max)
        };
        let misfits: Vec<TxKey> =
            self.waiting.entries().filter(|entry| !fits(entry)).map(|entry| entry.key).collect();
        for key in misfits {
            self.waiting.remove(&key);
            self.reject(&key);
        }
    }

    /// The next transactions about which the application is to be asked again, in order, at most
    /// `limit`; empty when the recheck is done. They wait meanwhile, and may go into a block: a
    /// recheck never holds up the next height. A later block starts it anew from the front, because
    /// an application may count on the order (such as by sequence numbers).
    pub fn next_recheck(&mut self, limit: usize) -> Vec<(TxKey, Tx)> {
        let Recheck { next, until } = self.recheck;
        let due = self.waiting.from(next).take_while(|(place, _)| *place < until).take(limit);
        let due: Vec<_> = due.map(|(place, entry)| (place, entry.key, entry.tx.clone())).collect();
        self.recheck.next = due.last().map_or(next, |(place, _, _)| place + 1);
        due.into_iter().map(|(_, key, tx)| (key, tx)).collect()
    }

    /// Takes the application's word on a transaction that was checked again. Returns whether it
    /// still waits.
    pub fn rechecked(&mut self, key: &TxKey, checked: Checked) -> bool {
        if let Ok(Some(gas_wanted)) = self.judge(checked) {
            let entry = self.waiting.find_mut(key);
            return entry.map(|entry| entry.gas_wanted = gas_wanted).is_some();
        }
        // Only if it was still here: if it was decided meanwhile, it is to be remembered.
        if self.waiting.remove(key).is_some() {
            self.reject(key);
        }
        false
    }

    /// Whether transactions are still to be checked again after the last block.
    pub fn rechecks_pending(&self) -> bool {
        let Recheck { next, until } = self.recheck;
        self.waiting.from(next).next().is_some_and(|(place, _)| place < until)
    }

    /// Somebody wants to know when transactions wait for a block of `height`.
    pub fn await_txs(&mut self, height: Height) {
        self.awaited = Some(height);
    }

    /// The height that was waited for, once, as soon as transactions wait for it. Those that may
    /// be in an earlier block, of which we were not told yet, do not count.
    pub fn take_available(&mut self) -> Option<Height> {
        let awaited = self.awaited?;
        let current = self.height.is_none_or(|last| awaited <= last.next());
        if !current || self.is_empty() {
            return None;
        }
        self.awaited.take()
    }

    /// A peer has connected.
    pub fn peer_up(&mut self, peer: PeerId) {
        self.gossip.peer_up(peer);
    }

    /// A peer is gone.
    pub fn peer_down(&mut self, peer: PeerId) {
        self.gossip.peer_down(peer);
    }

    /// Whether a connected peer lacks a transaction, as far as we know.
    pub fn has_gossip(&mut self, peer: PeerId) -> bool {
        self.config.broadcast && self.gossip.lacks_some(peer, &self.waiting)
    }

    /// The next transactions for a peer, in order: at most `count_max`, and at most `bytes_max`
    /// bytes unless one alone has more. None if it lacks none. They count as sent. All together
    /// are no larger than one may be: the reference takes no larger message.
    pub fn batch_for(&mut self, peer: PeerId, bytes_max: u64, count_max: usize) -> Option<Vec<Tx>> {
        if !self.config.broadcast {
            return None;
        }
        let bytes_max = bytes_max.min(self.config.tx_bytes_max as u64);
        let batch = self.gossip.batch(peer, &self.waiting, bytes_max, count_max);
        (!batch.is_empty()).then_some(batch)
    }

    /// Drops all transactions, waiting or in check, and what is remembered of past ones.
    pub fn flush(&mut self) {
        self.waiting.clear();
        self.in_check.clear();
        self.in_check_bytes = 0;
        self.seen.clear();
        self.invariants();
    }

    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.waiting.count()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.count() == 0
    }

    /// Bytes of all waiting transactions together.
    pub fn bytes(&self) -> u64 {
        self.waiting.bytes()
    }

    /// Whether a transaction waits or is in check.
    pub fn has(&self, key: &TxKey) -> bool {
        self.waiting.has(key) || self.in_check.contains_key(key)
    }

    fn check_size(&self, tx: &Tx) -> Result<(), Refusal> {
        if self.config.tx_bytes_max < tx.len() {
            return Err(Refusal::TooLarge { bytes_max: self.config.tx_bytes_max, bytes: tx.len() });
        }
        let (bytes, bytes_max) = (bytes_in_block(tx), self.limits.bytes_max);
        if bytes_max < bytes {
            return Err(Refusal::BeyondBlock { bytes_max, bytes });
        }
        Ok(())
    }

    /// Room is kept for those in check, too: no application is asked in vain.
    fn check_room(&self, tx: &Tx) -> Result<(), Refusal> {
        let txs = self.waiting.count() + self.in_check.len();
        let bytes = self.waiting.bytes() + self.in_check_bytes;
        let full = self.config.txs_max <= txs
            || self.config.txs_bytes_max < bytes.saturating_add(tx.len() as u64);
        if full {
            return Err(Refusal::Full {
                txs,
                txs_max: self.config.txs_max,
                bytes,
                bytes_max: self.config.txs_bytes_max,
            });
        }
        Ok(())
    }

    /// The gas that a transaction wants, if it may wait by the application's word.
    fn judge(&self, checked: Checked) -> Result<Option<u64>, Refusal> {
        let Checked { code, gas_wanted } = checked;
        if code != CODE_OK {
            return Ok(None);
        }
        let gas = u64::try_from(gas_wanted).map_err(|_| Refusal::NegativeGas { gas_wanted })?;
        match self.limits.gas_max {
            Some(gas_max) if gas_max < gas => Err(Refusal::TooMuchGas { gas_max, gas_wanted: gas }),
            Some(_) | None => Ok(Some(gas)),
        }
    }

    fn note_sender(&mut self, key: &TxKey, source: Source) {
        let Source::Peer(peer) = source else {
            return;
        };
        if let Some(entry) = self.waiting.find_mut(key) {
            entry.senders.add(peer);
        } else if let Some(in_check) = self.in_check.get_mut(key) {
            in_check.senders.add(peer);
        }
    }

    fn end_check(&mut self, key: &TxKey) -> Option<InCheck> {
        let in_check = self.in_check.remove(key)?;
        self.in_check_bytes -= in_check.tx.len() as u64;
        Some(in_check)
    }

    /// A transaction turned out to be invalid: it may come again, unless we are to remember it.
    fn reject(&mut self, key: &TxKey) {
        if !self.config.remember_invalid {
            self.seen.remove(key);
        }
    }

    fn invariants(&self) {
        assert!(self.waiting.count() + self.in_check.len() <= self.config.txs_max);
        assert!(self.waiting.bytes() + self.in_check_bytes <= self.config.txs_bytes_max);
    }
}

/// Bytes that a transaction takes in a block: itself, its length and a field number.
/// spec: `ComputeProtoSizeForTxs`.
fn bytes_in_block(tx: &Tx) -> u64 {
    let bytes = tx.len() as u64;
    let bits = u64::BITS - bytes.leading_zeros();
    1 + u64::from(bits.div_ceil(7).max(1)) + bytes
}
