//! What the RPC asks of the running node beyond the store and the application: a picture of it, and
//! a way in for transactions. The node implements it; tests have a small one of their own.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use storage::Store;
use tokio::sync::oneshot;
use types::message::WireStep;
use types::{
    Address, BitArray, BlockId, Evidence, Genesis, Height, Proposal, PublicKey, Round, Time, Tx,
    TxHash, TxResult, ValidatorSet, Vote,
};

use crate::bus::Bus;
use crate::json::chain;

/// Everything that the routes read from and write to.
#[derive(Clone)]
pub struct Backend {
    /// Decided blocks, states and outcomes.
    pub store: Store,
    /// The application's query and mempool connections.
    pub application: abci::Connections,
    /// How the chain began.
    pub genesis: Arc<Genesis>,
    /// The same as a file, once somebody has asked for it: [`Backend::genesis_text`].
    pub genesis_file: Arc<OnceLock<String>>,
    /// The rest of the node.
    pub node: Arc<dyn Node>,
    /// Most rows of the index that one search may read.
    pub search_rows_max: usize,
    /// Most bytes of an answer that is a list, or of all answers to a batch.
    pub answer_bytes_max: usize,
    /// Where the node tells what happens.
    pub bus: Bus,
}

impl Backend {
    /// How the chain began, as a file: written once, for it may be large.
    pub fn genesis_text(&self) -> &str {
        self.genesis_file.get_or_init(|| chain::genesis(&self.genesis).to_string())
    }
}

/// The running node, as the RPC sees it. Nothing here may take longer than a few milliseconds,
/// save what says so.
pub trait Node: Send + Sync + 'static {
    /// Who this node is. Never changes while it runs.
    fn identity(&self) -> &Identity;

    /// Whether blocks are being fetched from peers who are ahead.
    fn catching_up(&self) -> bool;

    /// Who is connected.
    fn peers(&self) -> Vec<Peer>;

    /// Where consensus stands; none if the replica does not answer in time. Waits up to a second.
    fn consensus(&self) -> Option<RoundState>;

    /// CheckTx, and a place in the mempool if its code is 0. Waits for the application.
    ///
    /// # Errors
    /// If the mempool or the application cannot take it.
    fn submit(&self, tx: Tx) -> Result<TxResult, SubmitError>;

    /// As [`Node::submit`], later and without an answer.
    ///
    /// # Errors
    /// If the queue is full.
    fn submit_later(&self, tx: Tx) -> Result<(), SubmitError>;

    /// Checks evidence of misbehaviour, and has it put into a block. Reads the store, and checks
    /// signatures: of an attack on light clients a whole commit of them.
    ///
    /// # Errors
    /// If it proves nothing, is on the chain already, or consensus is too busy for it.
    fn submit_evidence(&self, evidence: Evidence) -> Result<(), SubmitError>;

    /// Tells when a transaction has been executed. Ask before submitting it.
    fn wait_for(&self, tx: TxHash) -> oneshot::Receiver<DecidedTx>;

    /// Forgets waiting receivers of this transaction that are gone.
    fn give_up(&self, tx: TxHash);

    /// Dials peers, written as in the configuration.
    ///
    /// # Errors
    /// If one of them cannot be dialed; then none is.
    fn dial(&self, peers: &[String], terms: DialTerms) -> Result<(), DialError>;

    /// Drops all pending transactions.
    fn flush(&self);

    /// Up to `limit` pending transactions in order, and how many there are in all.
    fn pending(&self, limit: usize) -> Pending;
}

/// Why a transaction, or evidence, was not taken. The text is the reference's.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{reason}")]
pub struct SubmitError {
    /// In words.
    pub reason: String,
}

/// What peers that an operator names are to be besides dialed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DialTerms {
    /// Dialed again whenever they are gone.
    pub persistent: bool,
    /// Let in past all limits.
    pub unconditional: bool,
    /// Not told to other peers.
    pub private: bool,
}

/// Why nobody is dialed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{reason}")]
pub struct DialError {
    /// In words.
    pub reason: String,
}

/// Where a transaction went.
#[derive(Clone, Debug)]
pub struct DecidedTx {
    /// The block's height.
    pub height: Height,
    /// Its place in the block.
    pub index: u32,
    /// What came of it.
    pub result: TxResult,
}

/// Pending transactions.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    /// The first of them, in order of arrival.
    pub txs: Vec<Tx>,
    /// How many there are.
    pub total: usize,
    /// Their bytes together.
    pub total_bytes: u64,
}

/// Who a node is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// First 20 bytes of the SHA-256 of the node's key, lower-case hex.
    pub node_id: String,
    /// The libp2p name, `12D3Koo…`.
    pub peer_id: String,
    /// Where peers reach it.
    pub listen_address: String,
    /// Where clients reach it.
    pub rpc_address: String,
    /// For people.
    pub moniker: String,
    /// The dialect, `0.38.x`, by which clients choose their decoders.
    pub version: String,
    /// Our own version.
    pub lockstep_version: String,
    /// Channels, as upper-case hex.
    pub channels: String,
    /// Version of the peer protocol.
    pub p2p_version: u64,
    /// The validator key, if it has one.
    pub validator_key: Option<PublicKey>,
    /// Where transactions and blocks are found by their events.
    pub index: Index,
}

/// Where transactions and blocks are found by their events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    /// Nowhere.
    Off,
    /// In the store.
    Here,
    /// In a database that has searches of its own.
    Elsewhere,
}

/// A connected peer.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Lower-case hex, as [`Identity::node_id`].
    pub node_id: String,
    /// The libp2p name.
    pub peer_id: String,
    /// Where it listens, as it says.
    pub listen_address: String,
    /// For people; empty if it did not say.
    pub moniker: String,
    /// Its version; empty if it did not say.
    pub version: String,
    /// The chain it said hello for.
    pub network: String,
    /// Its IP address.
    pub remote_ip: String,
    /// Whether we dialed it.
    pub is_outbound: bool,
    /// Since when.
    pub connected_at: SystemTime,
    /// Bytes to it so far.
    pub sent_bytes: u64,
    /// Bytes from it so far.
    pub received_bytes: u64,
}

/// Where consensus stands.
#[derive(Clone, Debug)]
pub struct RoundState {
    /// Where.
    pub height: Height,
    /// Where.
    pub round: Round,
    /// Where.
    pub step: WireStep,
    /// When this height began here.
    pub start_time: Time,
    /// When the last height was decided here.
    pub commit_time: Option<Time>,
    /// Who votes.
    pub validators: Arc<ValidatorSet>,
    /// Who voted on the last block; none before the first.
    pub last_validators: Option<Arc<ValidatorSet>>,
    /// Whose turn it is.
    pub proposer: Address,
    /// The current proposal.
    pub proposal: Option<Proposal>,
    /// The current proposal's block, if complete.
    pub proposal_block: Option<BlockId>,
    /// Which parts of it are here.
    pub proposal_parts: Option<BitArray>,
    /// What we are locked on.
    pub locked: Option<(Round, BlockId)>,
    /// The latest block with a polka.
    pub valid: Option<(Round, BlockId)>,
    /// Votes by round.
    pub votes: Vec<RoundVotes>,
    /// Precommits for the last block, as far as seen, by the index among those who voted on it.
    pub last_commit: Vec<Option<Arc<Vote>>>,
    /// What is known of each peer.
    pub peers: Vec<PeerRoundState>,
}

/// The votes of one round, by validator index.
#[derive(Clone, Debug)]
pub struct RoundVotes {
    /// Which round.
    pub round: Round,
    /// First votes.
    pub prevotes: Vec<Option<Arc<Vote>>>,
    /// Second votes.
    pub precommits: Vec<Option<Arc<Vote>>>,
}

/// What is known of a peer's place in consensus.
#[derive(Clone, Debug)]
pub struct PeerRoundState {
    /// Lower-case hex, as [`Identity::node_id`]; with its address as the reference writes it.
    pub node_address: String,
    /// Where it is.
    pub height: Height,
    /// Where it is.
    pub round: Round,
    /// Where it is.
    pub step: WireStep,
    /// Which parts of the proposal it has.
    pub proposal_parts: Option<BitArray>,
    /// Which prevotes of its round it has.
    pub prevotes: Option<BitArray>,
    /// Which precommits of its round it has.
    pub precommits: Option<BitArray>,
}
