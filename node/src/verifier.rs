//! What peers send becomes verified inputs: bytes are decoded, signatures checked in batches, and
//! each message goes to the room that it concerns.

use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use consensus::Input;
use execution::{SharedMemory, sift_evidence};
use storage::Store;
use types::verified::Verdict;
use types::{ChainId, Channel, Keyring, Message, Offence, PeerId};

use crate::admission::Admission;
use crate::driver::Event;
use crate::strangers::{Heard, Strangers};

/// Most network events taken together, so that their signatures share one batch.
const EVENTS_AT_ONCE_MAX: usize = 512;

/// The keys of the current heights: written by the replica's thread, read here.
#[derive(Clone)]
pub struct SharedKeyring {
    keyring: Arc<RwLock<Arc<Keyring>>>,
}

impl SharedKeyring {
    /// Begins with these keys.
    pub fn new(keyring: Keyring) -> Self {
        Self { keyring: Arc::new(RwLock::new(Arc::new(keyring))) }
    }

    /// From now on these.
    pub fn replace(&self, keyring: Keyring) {
        *self.keyring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keyring);
    }

    /// The keys of this moment.
    pub fn now(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The chain, which never changes.
    pub fn chain_id(&self) -> ChainId {
        self.now().chain_id.clone()
    }
}

/// Turns network events into inputs.
pub struct Verifier {
    /// The peers' events.
    pub network: tokio::sync::mpsc::Receiver<p2p::Event>,
    /// To blame peers.
    pub peers: p2p::Handle,
    /// What to check with.
    pub keyring: SharedKeyring,
    /// What was checked already.
    pub memory: SharedMemory,
    /// What evidence is checked against.
    pub store: Store,
    /// Who has not shown yet which chain it is of.
    pub strangers: Strangers,
    /// Where transactions go.
    pub admission: Arc<Admission>,
    /// Where everything else goes.
    pub replica: SyncSender<Event>,
}

impl Verifier {
    /// Works until the network or the replica is gone.
    pub fn run(mut self) {
        while let Some(first) = self.network.blocking_recv() {
            let mut senders = vec![];
            let mut messages = vec![];
            let mut next = Some(first);
            let mut taken = 0;
            while let Some(event) = next {
                if !self.sort(event, &mut senders, &mut messages) {
                    return;
                }
                taken += 1;
                let more = taken < EVENTS_AT_ONCE_MAX;
                next = if more { self.network.try_recv().ok() } else { None };
            }
            if !self.pass_on(&mut senders, &mut messages) {
                return;
            }
        }
    }

    /// Routes one event. Returns false when the replica is gone.
    fn sort(
        &mut self,
        event: p2p::Event,
        senders: &mut Vec<PeerId>,
        messages: &mut Vec<Message>,
    ) -> bool {
        match event {
            p2p::Event::Up { peer, facts } => {
                if facts.hello.is_none() {
                    self.strangers.arrived(peer);
                }
                self.admission.peer_up(peer);
                self.replica.send(Event::Input(Input::PeerUp(peer))).is_ok()
            }
            p2p::Event::Down { peer, .. } => {
                self.strangers.left(peer);
                self.admission.peer_down(peer);
                // What it said before it left comes first.
                self.pass_on(senders, messages)
                    && self.replica.send(Event::Input(Input::PeerDown(peer))).is_ok()
            }
            p2p::Event::Messages { peer, messages: said } => {
                for (channel, bytes) in said {
                    if let Some(message) = self.read(peer, channel, bytes) {
                        senders.push(peer);
                        messages.push(message);
                    }
                }
                true
            }
        }
    }

    /// Decodes a message; transactions and bad evidence end here.
    fn read(&mut self, peer: PeerId, channel: Channel, bytes: Bytes) -> Option<Message> {
        let message = match Message::decode(channel, bytes) {
            Ok(message) => message,
            Err(error) => {
                tracing::debug!(%peer, ?channel, %error, "a peer sent what is no message");
                self.peers.penalise(peer, Offence::Malformed, "a message that cannot be read");
                return None;
            }
        };
        if self.strangers.has(peer) && !self.is_for_others(peer, &message) {
            return None;
        }
        match message {
            Message::Txs(txs) => {
                self.admission.received(peer, txs);
                None
            }
            Message::Evidence(evidence) => {
                let chain_id = &self.keyring.now().chain_id;
                match sift_evidence(&self.store, chain_id, evidence, &self.memory) {
                    Ok(standing) if standing.is_empty() => None,
                    Ok(standing) => Some(Message::Evidence(standing)),
                    Err(error) => {
                        tracing::debug!(%peer, %error, "a peer sent evidence that proves nothing");
                        self.peers.penalise(peer, Offence::BadBlock, "false evidence");
                        None
                    }
                }
            }
            other => Some(other),
        }
    }

    /// Looks at what a peer without a hello says of its chain, and whether it goes on from here.
    fn is_for_others(&mut self, peer: PeerId, message: &Message) -> bool {
        match self.strangers.hear(peer, message) {
            Heard::Nothing => true,
            Heard::Has(height) => {
                let request = Message::BlockRequest(height);
                let sent = self.peers.send(peer, request.channel(), request.encode());
                tracing::debug!(%peer, %height, sent, "asked which chain it is of");
                true
            }
            Heard::Answer => false,
            Heard::Foreign { theirs } => {
                let ours = self.keyring.chain_id();
                self.peers.disconnect(peer, format!("its chain is `{theirs}`, ours is `{ours}`"));
                false
            }
        }
    }

    /// Checks the signatures of what was gathered, and hands it to the replica in order.
    fn pass_on(&self, senders: &mut Vec<PeerId>, messages: &mut Vec<Message>) -> bool {
        if messages.is_empty() {
            return true;
        }
        let keyring = self.keyring.now();
        let verdicts = keyring.verify(std::mem::take(messages), &mut self.memory.lock());
        for (peer, verdict) in std::mem::take(senders).into_iter().zip(verdicts) {
            match verdict {
                Verdict::Verified(message) => {
                    let input = Input::Received { peer, message };
                    if self.replica.send(Event::Input(input)).is_err() {
                        return false;
                    }
                }
                Verdict::Unknown => {}
                Verdict::Refused(offence) => {
                    let reason = match self.strangers.has(peer) {
                        true => "a wrong signature; its chain is perhaps another",
                        false => "a message with a wrong signature",
                    };
                    self.peers.penalise(peer, offence, reason);
                }
            }
        }
        true
    }
}
