//! The catch-up by itself: the test plays all peers and turns the clock.

// Every test file makes its own use of the desk.
#![allow(dead_code)]

use std::sync::Arc;
use std::time::Duration;

use consensus::{CatchUp, Config, Output, Recipients};
use types::{
    AppHash, Block, BlockId, ChainId, Commit, ExtendedCommit, Hash, Header, Height, Message,
    Offence, PartSetHeader, PeerId, Round, Time, Version,
};

/// The id of the true block of a height.
pub fn id(height: u64) -> BlockId {
    let hash = Hash::of(&height.to_be_bytes());
    BlockId { hash, parts: PartSetHeader { total: 1, hash } }
}

/// The true block of a height, as a peer serves it.
pub fn block(height: u64) -> Message {
    served(height, &[], Some(id(height - 1)), None)
}

/// A block with this application hash and a last commit for this id.
pub fn served(
    height: u64,
    app_hash: &'static [u8],
    last: Option<BlockId>,
    extended_commit: Option<ExtendedCommit>,
) -> Message {
    let last_commit = last.map(|block_id| Commit {
        height: Height(height - 1),
        round: Round::FIRST,
        block_id,
        signatures: vec![],
    });
    let header = Header {
        version: Version::default(),
        chain_id: ChainId::new("fetching").expect("a short name"),
        height: Height(height),
        time: Time::EPOCH,
        last_block_id: None,
        last_commit_hash: None,
        data_hash: None,
        validators_hash: Hash([0; 32]),
        next_validators_hash: Hash([0; 32]),
        consensus_hash: Hash([0; 32]),
        app_hash: AppHash(app_hash.into()),
        last_results_hash: None,
        evidence_hash: None,
        proposer_address: types::Address([0; 20]),
    };
    let block = Block { header, txs: vec![], evidence: vec![], last_commit };
    Message::BlockResponse { block: Arc::new(block), extended_commit }
}

/// A catch-up without a replica, and its clock.
pub struct Desk {
    /// What is tested.
    pub catch_up: CatchUp,
    /// What time it is.
    pub now: Time,
}

impl Desk {
    /// Knows no peers, and lacks all blocks.
    pub fn new() -> Self {
        Self { catch_up: CatchUp::new(&Config::default(), Height(1)), now: Time::EPOCH }
    }

    /// A peer connects and claims the blocks from 1 to `last`.
    pub fn connect(&mut self, peer: PeerId, last: u64) {
        self.catch_up.peer_up(peer, &mut Vec::new());
        let range = Some((Height(1), Height(last)));
        self.says(peer, Message::StatusResponse { range });
    }

    /// A peer says something.
    pub fn says(&mut self, peer: PeerId, message: Message) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.catch_up.received(self.now, peer, message, &mut outputs);
        outputs
    }

    /// Whom it asks for which blocks now.
    pub fn asks(&mut self) -> Vec<(PeerId, u64)> {
        let mut outputs = Vec::new();
        self.catch_up.ask(self.now, &mut outputs);
        requests(&outputs)
    }

    /// The alarm rings after some time.
    pub fn wait(&mut self, span: Duration) -> Vec<Output> {
        self.now = self.now.after(span);
        let mut outputs = Vec::new();
        self.catch_up.timeout(self.now, &mut outputs);
        outputs
    }
}

/// Whom these outputs ask for which blocks.
pub fn requests(outputs: &[Output]) -> Vec<(PeerId, u64)> {
    let request = |output: &Output| match output {
        Output::Send { to: Recipients::One(peer), message: Message::BlockRequest(height) } => {
            Some((*peer, height.0))
        }
        _ => None,
    };
    outputs.iter().filter_map(request).collect()
}

/// Whom these outputs blame.
pub fn blamed(outputs: &[Output]) -> Vec<(PeerId, Offence)> {
    let blame = |output: &Output| match output {
        Output::Penalise { peer, offence, .. } => Some((*peer, *offence)),
        _ => None,
    };
    outputs.iter().filter_map(blame).collect()
}
