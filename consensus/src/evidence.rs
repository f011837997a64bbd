//! The pool of proven misbehaviour that no block carries yet, and who was told of it.
//!
//! Everything here was verified before it came. Two conflicting votes become evidence once the
//! block of their height is decided, since evidence names that block's time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use types::evidence::encoded_bytes;
use types::params::EvidenceParams;
use types::{
    ChainState, DuplicateVoteEvidence, Evidence, Hash, Height, Message, PeerId, Time, ValidatorSet,
    Vote,
};

use crate::output::{Announcement, Output, Recipients};

/// Most pieces of evidence that wait for a block. A validator that equivocates without end proves
/// nothing new.
const PENDING_MAX: usize = 1024;
/// Most pairs of conflicting votes of one height that wait for its decision.
const CONFLICTS_MAX: usize = 1024;
/// How many pieces that blocks carried are remembered, so that peers cannot bring them back.
const COMMITTED_MAX: usize = 4096;
/// Most bytes of evidence in one message.
const MESSAGE_BYTES_MAX: u64 = 512 * 1024;

/// Proven misbehaviour that no block carries yet.
#[derive(Debug)]
pub struct EvidencePool {
    params: EvidenceParams,
    /// The last block: evidence is old or young by its height and time.
    last_height: Option<Height>,
    last_time: Time,
    last_validators: Option<Arc<ValidatorSet>>,
    /// By height, then hash: the order in which blocks carry it.
    pending: BTreeMap<(Height, Hash), Evidence>,
    /// The place of each pending deed: it is punished once, however often it is reported.
    deeds: BTreeMap<Hash, (Height, Hash)>,
    /// Deeds that blocks carried.
    committed: BTreeSet<Hash>,
    committed_order: VecDeque<Hash>,
    conflicts: Vec<(Vote, Vote)>,
    /// What each peer was sent or sent itself.
    told: BTreeMap<PeerId, BTreeSet<Hash>>,
}

impl EvidencePool {
    /// The pool as it was stored, at the state after the last block.
    pub fn new(state: &ChainState, pending: Vec<Evidence>) -> Self {
        let keyed = pending.into_iter().take(PENDING_MAX).map(|it| ((it.height(), it.hash()), it));
        let pending: BTreeMap<(Height, Hash), Evidence> = keyed.collect();
        Self {
            deeds: pending.iter().map(|(&place, it)| (it.deed(), place)).collect(),
            params: state.params.evidence.clone(),
            last_height: state.last_height(),
            last_time: state.last_block_time,
            last_validators: state.last_block.as_ref().map(|last| Arc::clone(&last.validators)),
            pending,
            committed: BTreeSet::new(),
            committed_order: VecDeque::new(),
            conflicts: Vec::new(),
            told: BTreeMap::new(),
        }
    }

    /// Takes evidence that was verified. What is known, carried by a block, or too old is dropped.
    pub fn add(&mut self, evidence: Evidence, outputs: &mut Vec<Output>) {
        let evidence = evidence.without_extensions();
        let (key, deed) = ((evidence.height(), evidence.hash()), evidence.deed());
        let known = self.deeds.contains_key(&deed) || self.committed.contains(&deed);
        if known || self.is_expired(&evidence) || PENDING_MAX <= self.pending.len() {
            return;
        }
        self.deeds.insert(deed, key);
        outputs.push(Output::KeepEvidence(evidence.clone()));
        outputs.push(Output::Announce(Announcement::Equivocation(evidence.clone())));
        self.pending.insert(key, evidence);
    }

    /// Takes evidence that a peer sent and that was verified.
    pub fn received(&mut self, peer: PeerId, evidence: Evidence, outputs: &mut Vec<Output>) {
        let evidence = evidence.without_extensions();
        if let Some(told) = self.told.get_mut(&peer)
            && told.len() < PENDING_MAX
        {
            told.insert(evidence.hash());
        }
        self.add(evidence, outputs);
    }

    /// Takes two conflicting votes of one validator, whose signatures were checked. They become
    /// evidence when the block of their height is decided.
    pub fn equivocation(&mut self, first: Vote, second: Vote, outputs: &mut Vec<Output>) {
        if Some(first.height) == self.last_height {
            self.accuse(first, second, outputs);
        } else if self.conflicts.len() < CONFLICTS_MAX {
            self.conflicts.push((first, second));
        }
    }

    /// What the next block may carry, oldest first, within so many bytes. What is too large is
    /// passed over, so that it keeps nothing else from being punished.
    pub fn pending(&self, bytes_max: u64) -> Vec<Evidence> {
        let mut left = bytes_max;
        let fits = |evidence: &&Evidence| {
            let bytes = encoded_bytes(std::slice::from_ref(*evidence));
            left.checked_sub(bytes).map(|rest| left = rest).is_some()
        };
        self.pending.values().filter(fits).cloned().collect()
    }

    /// A block was executed: `state` follows it. What it carries or what has expired waits no
    /// longer, and conflicting votes of its height become evidence.
    pub fn advance(&mut self, state: &ChainState, carried: &[Evidence], outputs: &mut Vec<Output>) {
        self.params = state.params.evidence.clone();
        self.last_height = state.last_height();
        self.last_time = state.last_block_time;
        self.last_validators = state.last_block.as_ref().map(|last| Arc::clone(&last.validators));
        for evidence in carried {
            self.carry(evidence, outputs);
        }
        for (first, second) in std::mem::take(&mut self.conflicts) {
            self.accuse(first, second, outputs);
        }
        let expired = self.pending.iter().filter(|(_, evidence)| self.is_expired(evidence));
        let expired: Vec<(Height, Hash)> = expired.map(|(&key, _)| key).collect();
        for key in expired {
            self.forget(key, outputs);
        }
        let pending: BTreeSet<Hash> = self.pending.keys().map(|&(_, hash)| hash).collect();
        for told in self.told.values_mut() {
            told.retain(|hash| pending.contains(hash));
        }
    }

    /// A peer has connected.
    pub fn peer_up(&mut self, peer: PeerId) {
        self.told.insert(peer, BTreeSet::new());
    }

    /// A peer is gone.
    pub fn peer_down(&mut self, peer: PeerId) {
        self.told.remove(&peer);
    }

    /// Sends a peer at `height` the evidence that it was not told of and that it can check: it
    /// must know the block of the evidence's height, and not hold the evidence for too old.
    pub fn tell(&mut self, peer: PeerId, height: Height, outputs: &mut Vec<Output>) {
        if self.pending.is_empty() {
            return;
        }
        let Some(told) = self.told.get_mut(&peer) else { return };
        let mut left = MESSAGE_BYTES_MAX;
        let mut list = Vec::new();
        for (&(at, hash), evidence) in self.pending.range(..(height, Hash([0; 32]))) {
            let blocks = height.0.saturating_sub(at.0);
            if self.params.age_blocks_max < blocks || told.contains(&hash) {
                continue;
            }
            let bytes = encoded_bytes(std::slice::from_ref(evidence));
            let Some(rest) = left.checked_sub(bytes) else { continue };
            left = rest;
            told.insert(hash);
            list.push(evidence.clone());
        }
        if !list.is_empty() {
            let message = Message::Evidence(list);
            outputs.push(Output::Send { to: Recipients::One(peer), message });
        }
    }

    /// Makes evidence of two votes of the last block's height.
    fn accuse(&mut self, first: Vote, second: Vote, outputs: &mut Vec<Output>) {
        let Some(validators) = &self.last_validators else { return };
        if Some(first.height) != self.last_height {
            return;
        }
        let evidence = DuplicateVoteEvidence::new(first, second, validators, self.last_time);
        if let Ok(evidence) = evidence {
            self.add(Evidence::DuplicateVote(Box::new(evidence)), outputs);
        }
    }

    fn carry(&mut self, evidence: &Evidence, outputs: &mut Vec<Output>) {
        let deed = evidence.deed();
        if let Some(&key) = self.deeds.get(&deed) {
            self.forget(key, outputs);
        }
        if self.committed.insert(deed) {
            self.committed_order.push_back(deed);
        }
        if COMMITTED_MAX < self.committed_order.len() {
            let oldest = self.committed_order.pop_front().expect("it is over its limit");
            self.committed.remove(&oldest);
        }
    }

    fn forget(&mut self, key: (Height, Hash), outputs: &mut Vec<Output>) {
        if let Some(evidence) = self.pending.remove(&key) {
            self.deeds.remove(&evidence.deed());
            outputs.push(Output::DropEvidence(key.1));
        }
    }

    fn is_expired(&self, evidence: &Evidence) -> bool {
        let (height, time) = (evidence.height(), evidence.time());
        let now = self.last_height.unwrap_or(height);
        self.params.expired(height, time, now, self.last_time)
    }
}
