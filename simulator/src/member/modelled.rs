//! Where the threads of a modelled node work: what comes from peers waits for the network's, then
//! for the verifiers', then for the replica's; what the application is asked waits for its thread,
//! and transactions for admission.

use std::sync::Arc;
use std::time::Duration;

use consensus::{Input, Question, Recipients};
use execution::admission::GOSSIP_PAUSE;
use types::verified::Look;
use types::{Block, Message, PeerId, Tx, Verified};

use super::{Member, light};
use crate::model::Costs;
use crate::model::costs::of_bytes;
use crate::model::load::{number_of, numbers_of};
use crate::model::workshop::{Arrived, Parcel, Workshop};
use crate::moment::Moment;
use crate::network::Network;
use crate::outside::{Inside, Outside};

/// Most messages that a verifier takes together, as in the node.
const MESSAGES_AT_ONCE_MAX: usize = 512;
/// Transactions are dropped if admission is behind by more.
const ADMISSION_WAITS_MAX: Duration = Duration::from_secs(1);
/// What the store keeps of a transaction's result.
const RESULT_BYTES: u64 = 50;

impl Member {
    /// What it works with, if it is modelled.
    pub fn workshop(&self) -> Option<&Workshop> {
        self.workshop.as_deref()
    }

    /// What was measured so far does not count.
    pub fn forget_measured(&mut self) {
        if let Some(workshop) = &mut self.workshop {
            workshop.forget();
        }
    }

    /// Whether it is modelled.
    pub fn is_modelled(&self) -> bool {
        self.workshop.is_some()
    }

    /// A message is through the line: it goes through the transport, and waits to be checked.
    pub fn take_in(&mut self, outside: &mut Outside, at: Moment, peer: PeerId, message: Parcel) {
        let Some(shop) = &mut self.workshop else { return };
        shop.traffic.bytes_in += message.bytes;
        shop.traffic.messages_in += 1;
        let last = shop.arrived.back().map_or(Moment::START, |it| it.at);
        let at = shop.carry(at, message.bytes).max(last);
        let free = shop.verifiers.iter_mut().find(|it| it.free() <= at);
        let (Some(verifier), None) = (free, shop.looks_at) else {
            shop.arrived.push_back(Arrived { at, peer, message });
            return self.look_later(outside);
        };
        // Nobody has to look later: it is taken as soon as it is there.
        let (fresh, signatures) = shop.seen.check(&message.message);
        let Costs { signature, message: costs, .. } = &shop.costs;
        let nanos = signature.known * signatures + signature.of_batch(fresh);
        let done = verifier.work(at, nanos + costs.reads(message.bytes));
        self.later(outside, done, Inside::Checked(peer, message));
    }

    /// A verifier will look once it is free and something is there.
    fn look_later(&mut self, outside: &mut Outside) {
        let Some(shop) = &mut self.workshop else { return };
        let Some(first) = shop.arrived.front() else { return };
        let free = shop.verifiers.iter().map(|it| it.free()).min().unwrap_or(first.at);
        let at = first.at.max(free).max(outside.now);
        if shop.looks_at.is_none_or(|looks_at| at < looks_at) {
            shop.looks_at = Some(at);
            self.later(outside, at, Inside::Look);
        }
    }

    /// A verifier takes what is there.
    pub fn look(&mut self, outside: &mut Outside) {
        let now = outside.now;
        let Some(shop) = &mut self.workshop else { return };
        if shop.looks_at != Some(now) {
            return;
        }
        shop.looks_at = None;
        let (mut nanos, mut fresh, mut batch) = (0, 0, vec![]);
        while batch.len() < MESSAGES_AT_ONCE_MAX
            && let Some(arrived) = shop.arrived.pop_front_if(|it| it.at <= now)
        {
            let (unchecked, signatures) = shop.seen.check(&arrived.message.message);
            fresh += unchecked;
            nanos += shop.costs.signature.known * signatures;
            nanos += shop.costs.message.reads(arrived.message.bytes);
            batch.push((arrived.peer, arrived.message));
        }
        nanos += shop.costs.signature.of_batch(fresh);
        let verifier = shop.verifiers.iter_mut().min_by_key(|it| it.free());
        let done = verifier.expect("there is one at least").work(now, nanos);
        self.later(outside, done, Inside::AllChecked(batch));
        self.look_later(outside);
    }

    /// Messages are checked: they go where they belong.
    pub fn take_checked(
        &mut self,
        outside: &mut Outside,
        batch: impl IntoIterator<Item = (PeerId, Parcel)>,
    ) {
        for (peer, message) in batch {
            match &*message.message {
                Message::Txs(txs) => self.receive_txs(outside, peer, txs),
                _ => self.receive_checked(outside, peer, message.into_inner()),
            }
        }
        self.work(outside);
    }

    fn receive_checked(&mut self, outside: &mut Outside, peer: PeerId, message: Message) {
        let Some(running) = &mut self.running else { return };
        match running.verifier.message(&running.keyring, &message) {
            Look::Right => {
                let message = Verified::assume(message);
                self.queue(outside, Input::Received { peer, message });
            }
            Look::Unknown => {}
            Look::Refused(offence) => {
                let peer = Network::member_of(peer);
                let reason = "a message with a wrong signature";
                outside.penalise(self.number, peer, offence, reason);
            }
        }
    }

    fn receive_txs(&mut self, outside: &mut Outside, peer: PeerId, txs: &[Tx]) {
        let peers = outside.network.peers(self.number);
        let Ok(place) = peers.binary_search(&Network::member_of(peer)) else { return };
        let is_behind = self
            .workshop
            .as_ref()
            .is_some_and(|shop| ADMISSION_WAITS_MAX < shop.admission.free().since(outside.now));
        if is_behind {
            outside.counts.dropped += 1;
            return;
        }
        for tx in txs {
            self.admit_tx(outside, tx, Some(place));
        }
    }

    /// A client sends a transaction.
    pub fn submit_modelled(&mut self, outside: &mut Outside, tx: &Tx) {
        let Some(shop) = &mut self.workshop else { return };
        if ADMISSION_WAITS_MAX < shop.admission.free().since(outside.now) {
            refuse(outside);
            return;
        }
        self.admit_tx(outside, tx, None);
    }

    /// Admission hashes a transaction, looks it up, and asks the application about a new one.
    fn admit_tx(&mut self, outside: &mut Outside, tx: &Tx, from: Option<usize>) {
        let Some(shop) = &mut self.workshop else { return };
        let (costs, number) = (&shop.costs, number_of(tx));
        let look_up = costs.application.pool + of_bytes(costs.block.hash_byte_picos, length(tx));
        let is_known = shop.pool.knows(number, from);
        let is_full = shop.pool.is_full();
        let asks = if is_known || is_full { 0 } else { costs.application.check };
        shop.admission.work(outside.now, look_up + asks);
        if is_known {
            return;
        }
        if is_full {
            if from.is_none() {
                refuse(outside);
            }
            return;
        }
        shop.pool.add(number, tx.clone(), from);
        self.gossip_later(outside);
    }

    /// Peers are told of transactions after a pause, in which more may come.
    fn gossip_later(&mut self, outside: &mut Outside) {
        let Some(shop) = &mut self.workshop else { return };
        if std::mem::replace(&mut shop.gossips, true) {
            return;
        }
        let at = shop.gossiped.after(GOSSIP_PAUSE).max(shop.admission.free()).max(outside.now);
        self.later(outside, at, Inside::Gossip);
    }

    /// Tells peers of the transactions that they lack.
    pub fn gossip(&mut self, outside: &mut Outside) {
        let number = self.number;
        let Some(shop) = &mut self.workshop else { return };
        (shop.gossips, shop.gossiped) = (false, outside.now);
        let (mut said, mut at) = (vec![], outside.now);
        let mut shared: Option<(u64, Vec<Parcel>)> = None;
        for (place, &to) in outside.network.peers(number).iter().enumerate() {
            let Some(peer) = outside.network.peer_id(number, to) else { continue };
            let from = shop.pool.lacks_all_from(place);
            let known = shared.as_ref().filter(|(known, _)| Some(*known) == from);
            let messages = match known {
                Some((_, messages)) => {
                    shop.pool.serve(place);
                    messages.clone()
                }
                None => {
                    let batches = shop.pool.batches_for(place).into_iter().map(Message::Txs);
                    let messages: Vec<Parcel> = batches.map(Parcel::new).collect();
                    shared = from.map(|from| (from, messages.clone())).or(shared);
                    messages
                }
            };
            for message in messages {
                shop.traffic.txs_bytes_out += message.bytes;
                let nanos = shop.costs.message.writes(message.bytes);
                at = shop.admission.work(outside.now, nanos);
                said.push((Recipients::One(peer), message));
            }
        }
        if !said.is_empty() {
            self.later(outside, at, Inside::Speak(said));
        }
    }

    /// What the replica has said since the last time goes to the network now.
    pub(super) fn say(&mut self, outside: &mut Outside, at: Moment) {
        let Some(shop) = &mut self.workshop else { return };
        if !shop.outbox.is_empty() {
            let said = std::mem::take(&mut shop.outbox);
            self.later(outside, at, Inside::Speak(said));
        }
    }

    /// The replica says something, after it has encoded it. Returns when that is done.
    pub(super) fn put(&mut self, at: Moment, to: Recipients, message: Message) -> Moment {
        let Some(shop) = &mut self.workshop else { return at };
        let message = Parcel::new(message);
        let nanos = shop.costs.message.writes(message.bytes);
        shop.outbox.push((to, message));
        shop.think(at, nanos)
    }

    /// The network sends what it was given.
    pub fn speak(&mut self, outside: &mut Outside, said: Vec<(Recipients, Parcel)>) {
        for (to, message) in said {
            match to {
                Recipients::One(peer) => {
                    self.carry_to(outside, Network::member_of(peer), &message);
                }
                Recipients::All => {
                    for place in 0..outside.network.peers(self.number).len() {
                        let to = outside.network.peers(self.number)[place];
                        self.carry_to(outside, to, &message);
                    }
                }
            }
        }
    }

    fn carry_to(&mut self, outside: &mut Outside, to: usize, message: &Parcel) {
        let Some(shop) = &mut self.workshop else { return };
        shop.traffic.bytes_out += message.bytes;
        shop.traffic.messages_out += 1;
        let at = shop.carry(outside.now, message.bytes);
        outside.send_parcel(at, (self.number, to), message);
    }

    /// What the replica's code takes for the first inputs that wait. Returns when it is through.
    pub(super) fn think(&mut self, at: Moment, count: usize) -> Moment {
        let Self { running: Some(running), workshop: Some(shop), .. } = self else { return at };
        let validators = running.validators();
        let inputs = running.inbox.iter().take(count);
        let nanos = inputs.map(|input| shop.input_nanos(input, validators)).sum();
        shop.think(at, nanos)
    }

    /// The application's thread takes a question. Returns when it has the answer.
    pub(super) fn ask_modelled(&mut self, outside: &mut Outside, at: Moment, question: Question) {
        let Self { running: Some(running), workshop: Some(shop), .. } = self else { return };
        let validators = running.validators();
        let mut txs = vec![];
        let done = match &question {
            Question::Build { state, .. } => {
                let limit = state.txs_bytes_max(0);
                txs = shop.pool.reap(limit, |tx| abci::request::tx_bytes_in_block(tx));
                shop.build(at, &txs, validators)
            }
            Question::Judge { block, .. } => {
                let checked = block.last_commit.as_ref().map(|it| shop.seen.check_commit(it));
                let (fresh, all) = checked.unwrap_or((0, 0));
                let signature = &shop.costs.signature;
                let signatures = signature.known * all + signature.of_batch(fresh);
                shop.application.work(at, signatures + shop.costs.application.judge * count(block))
            }
            Question::Execute { block, .. } => {
                shop.seen.forget_before(block.header.height);
                shop.executing.push_back(Arc::clone(block));
                shop.execute(at, block)
            }
            Question::Extend { .. }
            | Question::VerifyExtension { .. }
            | Question::VerifyCommit { .. } => shop.application.work(at, 0),
        };
        let answer = match (&question, self.key) {
            (Question::Build { .. }, Some(key)) => light::build(question, key.address(), txs),
            _ => self.answer(outside, question),
        };
        self.later(outside, done, Inside::Answer(Box::new(answer)));
    }

    /// The application has executed a block: its transactions wait no more, clients are told, and
    /// the application is asked again about the rest.
    pub(super) fn executed_modelled(&mut self, outside: &mut Outside) {
        let (number, now) = (self.number, outside.now);
        let Some(shop) = &mut self.workshop else { return };
        let Some(block) = shop.executing.pop_front() else { return };
        shop.pool.decided(numbers_of(&block));
        let waiting = u64::try_from(shop.pool.waiting()).expect("counts fit 64 bits");
        shop.admission.work(now, shop.costs.application.check * waiting);
        let Some(modelling) = &mut outside.modelling else { return };
        for tx in numbers_of(&block) {
            if let Some((sent, _)) = modelling.load.sent(tx).filter(|it| it.1 == number) {
                modelling.meter.executed(sent, now);
            }
        }
    }
}

impl Workshop {
    /// PrepareProposal, and the block with its parts.
    fn build(&mut self, at: Moment, txs: &[Tx], validators: u64) -> Moment {
        let Costs { application, block, replica, .. } = &self.costs;
        let count = u64::try_from(txs.len()).expect("counts fit 64 bits");
        let nanos = application.prepare * count
            + of_bytes(block.make_byte_picos, txs.iter().map(length).sum())
            + replica.height_validator * validators;
        self.application.work(at, nanos)
    }

    /// FinalizeBlock, its outcome on the disk, then Commit, which the application syncs.
    fn execute(&mut self, at: Moment, block: &Block) -> Moment {
        let costs = &self.costs.application;
        let nanos = costs.execute * count(block) + costs.commit;
        let finalized = self.application.work(at, nanos);
        let outcome = self.costs.disk.writes(RESULT_BYTES * count(block));
        let kept = self.disk.work(finalized, outcome);
        let bytes = block.txs.iter().map(length).sum();
        let committed = self.disk.work(kept, self.costs.disk.writes(bytes));
        self.application.wait(committed);
        committed
    }
}

fn refuse(outside: &mut Outside) {
    if let Some(modelling) = &mut outside.modelling {
        modelling.meter.refused();
    }
}

fn count(block: &Block) -> u64 {
    u64::try_from(block.txs.len()).expect("counts fit 64 bits")
}

fn length(tx: &Tx) -> u64 {
    u64::try_from(tx.len()).expect("lengths fit 64 bits")
}
