//! The nouns of the protocol and their rules: what a block, a vote, a validator set or a proof is,
//! how it is written as bytes, and when it is what it claims to be.
//!
//! Everything here is a value. Nothing here waits, reads a clock, draws a random number or opens a
//! file. Read the modules in the order below.

pub mod codec;
pub mod hash;
pub mod height;
pub mod keys;
pub mod merkle;
pub mod power;
pub mod time;

pub mod proposer;
pub mod validator;

pub mod bits;
pub mod block;
pub mod part_set;
pub mod tx;

pub mod commit;
pub mod evidence;
pub mod light_block;
pub mod proposal;
pub mod sign_bytes;
pub mod vote;

pub mod guard;

pub mod chain_state;
pub mod genesis;
pub mod outcome;
pub mod params;

pub mod message;
pub mod offence;
pub mod verified;

pub use bits::BitArray;
pub use block::{Block, BlockId, Header, PartSetHeader, Version};
pub use chain_state::ChainState;
pub use codec::DecodeError;
pub use commit::{Commit, CommitError, CommitSig, ExtendedCommit, ExtendedCommitSig};
pub use evidence::{DuplicateVoteEvidence, Evidence, EvidenceError, LightClientAttackEvidence};
pub use genesis::Genesis;
pub use hash::{Address, AppHash, Hash};
pub use height::{ChainId, Height, Round};
pub use keys::{PrivateKey, PublicKey, Signature};
pub use light_block::{LightBlock, SignedHeader};
pub use message::{Channel, Message};
pub use offence::{Offence, PeerId};
pub use outcome::{BlockOutcome, Event, EventAttribute, TxResult, ValidatorUpdate};
pub use params::ConsensusParams;
pub use part_set::{Part, PartSet};
pub use power::{Quorum, VotingPower};
pub use proposal::{Proposal, UnsignedProposal};
pub use time::Time;
pub use tx::{Tx, TxHash, TxKey};
pub use validator::{Validator, ValidatorIndex, ValidatorSet};
pub use verified::{Keyring, Verified};
pub use vote::{UnsignedVote, Vote, VoteKind};
