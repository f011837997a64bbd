//! What the RPC sees of the running node.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use consensus::Input;
use execution::check_evidence;
use execution::handshake::{DIALECT_VERSION, P2P_VERSION};
use execution::memory::SharedMemory;
use rpc::backend::{
    DecidedTx, DialError, DialTerms, Identity, Index, Node, Peer, PeerRoundState, Pending,
    RoundState, RoundVotes, SubmitError,
};
use storage::Store;
use tokio::sync::oneshot;
use types::{ChainId, Channel, Evidence, PublicKey, Tx, TxHash, TxResult, Verified};

use crate::admission::Admission;
use crate::driver::Event;
use crate::events::Events;
use crate::home::NodeKey;
use crate::node::Options;

/// How long the replica may take to give a picture of itself.
const PICTURE_TIME_MAX: Duration = Duration::from_secs(1);

/// The node behind the RPC.
pub struct NodeBackend {
    /// Who it is.
    pub identity: Identity,
    /// What happens.
    pub events: Arc<Events>,
    /// Pending transactions.
    pub admission: Arc<Admission>,
    /// Its peers.
    pub network: p2p::Handle,
    /// Its replica.
    pub replica: SyncSender<Event>,
    /// What is known of the past, against which evidence is checked.
    pub store: Store,
    /// The chain that evidence must be of.
    pub chain_id: ChainId,
    /// Signatures that were checked already.
    pub memory: SharedMemory,
}

/// What a node says of itself.
pub fn identity(
    options: &Options,
    node_key: &NodeKey,
    validator_key: Option<PublicKey>,
) -> Identity {
    let config = &options.config;
    let numbers: String = Channel::ALL.iter().map(|it| format!("{:02X}", it.number())).collect();
    Identity {
        node_id: node_key.id(),
        peer_id: p2p::network_id(&node_key.key),
        listen_address: config.p2p.laddr.clone(),
        rpc_address: config.rpc.laddr.clone(),
        moniker: config.moniker.clone(),
        version: DIALECT_VERSION.to_owned(),
        lockstep_version: env!("CARGO_PKG_VERSION").to_owned(),
        channels: numbers,
        p2p_version: P2P_VERSION,
        validator_key,
        index: match config.tx_index.indexer.as_str() {
            "null" => Index::Off,
            "psql" => Index::Elsewhere,
            _ => Index::Here,
        },
    }
}

impl Node for NodeBackend {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn catching_up(&self) -> bool {
        self.events.catching_up()
    }

    fn peers(&self) -> Vec<Peer> {
        self.network.peers().into_iter().map(peer).collect()
    }

    fn consensus(&self) -> Option<RoundState> {
        let (answer, picture) = sync_channel(1);
        self.replica.try_send(Event::Snapshot(answer)).ok()?;
        let snapshot = picture.recv_timeout(PICTURE_TIME_MAX).ok()?;
        Some(round_state(snapshot, &self.network.peers()))
    }

    fn submit(&self, tx: Tx) -> Result<TxResult, SubmitError> {
        let taken = self.admission.submit(tx);
        taken.map_err(|error| SubmitError { reason: error.to_string() })
    }

    fn submit_later(&self, tx: Tx) -> Result<(), SubmitError> {
        let queued = self.admission.submit_later(tx);
        queued.map_err(|busy| SubmitError { reason: busy.to_string() })
    }

    fn submit_evidence(&self, evidence: Evidence) -> Result<(), SubmitError> {
        let refused = |reason: String| SubmitError { reason };
        check_evidence(&self.store, &self.chain_id, &evidence, &self.memory)
            .map_err(|error| refused(error.to_string()))?;
        // The line above is what makes it so.
        let verified = Verified::assume(evidence);
        let told = self.replica.try_send(Event::Input(Input::Evidence(verified)));
        told.map_err(|_| refused("consensus is too busy; try again".to_owned()))
    }

    fn wait_for(&self, tx: TxHash) -> oneshot::Receiver<DecidedTx> {
        self.events.wait_for(tx)
    }

    fn give_up(&self, tx: TxHash) {
        self.events.give_up(tx);
    }

    fn dial(&self, peers: &[String], terms: DialTerms) -> Result<(), DialError> {
        let DialTerms { persistent, unconditional, private } = terms;
        let dialed = self.network.dial(peers, p2p::Terms { persistent, unconditional, private });
        dialed.map_err(|error| DialError { reason: error.to_string() })
    }

    fn flush(&self) {
        self.admission.pool().flush();
    }

    fn pending(&self, limit: usize) -> Pending {
        let pool = self.admission.pool();
        Pending { txs: pool.reap_count(limit), total: pool.len(), total_bytes: pool.bytes() }
    }
}

fn peer(facts: p2p::PeerFacts) -> Peer {
    let hello = facts.hello;
    let text = |pick: fn(&p2p::Hello) -> &String| hello.as_ref().map(pick).cloned();
    Peer {
        node_id: hex::encode(facts.node_id.as_bytes()),
        peer_id: facts.network_id,
        listen_address: hello
            .as_ref()
            .and_then(|hello| hello.listen_addresses.first().cloned())
            .unwrap_or_default(),
        moniker: text(|hello| &hello.moniker).unwrap_or_default(),
        version: text(|hello| &hello.version).unwrap_or_default(),
        network: text(|hello| &hello.chain_id).unwrap_or_default(),
        remote_ip: ip_of(&facts.remote_address),
        is_outbound: facts.outbound,
        connected_at: facts.connected_since,
        sent_bytes: facts.traffic.iter().map(|it| it.bytes_out).sum(),
        received_bytes: facts.traffic.iter().map(|it| it.bytes_in).sum(),
    }
}

/// The address within a multiaddress such as `/ip4/10.0.0.7/udp/26656/quic-v1`.
fn ip_of(multiaddress: &str) -> String {
    multiaddress.split('/').nth(2).unwrap_or_default().to_owned()
}

fn round_state(snapshot: consensus::snapshot::Snapshot, peers: &[p2p::PeerFacts]) -> RoundState {
    let address_of = |id| {
        let facts = peers.iter().find(|facts| facts.peer == id);
        facts.map_or_else(String::new, |facts| {
            format!("{}@{}", hex::encode(facts.node_id.as_bytes()), ip_of(&facts.remote_address))
        })
    };
    let votes = snapshot.votes.into_iter().map(|votes| RoundVotes {
        round: votes.round,
        prevotes: votes.prevotes,
        precommits: votes.precommits,
    });
    let peers = snapshot.peers.into_iter().map(|peer| PeerRoundState {
        node_address: address_of(peer.peer),
        height: peer.height,
        round: peer.round,
        step: peer.step,
        proposal_parts: peer.proposal_parts,
        prevotes: peer.prevotes,
        precommits: peer.precommits,
    });
    RoundState {
        height: snapshot.height,
        round: snapshot.round,
        step: snapshot.step,
        start_time: snapshot.start_time,
        commit_time: snapshot.commit_time,
        validators: snapshot.validators,
        last_validators: snapshot.last_validators,
        proposer: snapshot.proposer,
        proposal: snapshot.proposal,
        proposal_block: snapshot.proposal_block,
        proposal_parts: snapshot.proposal_parts,
        locked: snapshot.locked,
        valid: snapshot.valid,
        votes: votes.collect(),
        last_commit: snapshot.last_commit,
        peers: peers.collect(),
    }
}
