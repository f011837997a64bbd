//! Messages whose signatures have been checked. Only this module can make them, so the replica
//! cannot be handed a forged vote by mistake.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::height::{ChainId, Height, Round};
use crate::message::Message;
use crate::offence::Offence;
use crate::validator::{ValidatorIndex, ValidatorSet};

/// Something whose signatures are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Takes it on trust: for the simulator with signatures switched off, for replay of what was
    /// verified before, and for tests. The node's network path never calls this.
    pub fn assume(value: T) -> Self {
        Self(value)
    }

    /// What was checked.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What was checked.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// What is needed to check signatures around one height: the validator sets of the last, the
/// current and the next height, and who proposes in the rounds near the current one.
#[derive(Clone, Debug)]
pub struct Keyring {
    /// The chain.
    pub chain_id: ChainId,
    /// The current height.
    pub height: Height,
    /// The current round.
    pub round: Round,
    /// Validators of the last height, if there is one.
    pub last: Option<Arc<ValidatorSet>>,
    /// Validators of the current height.
    pub current: Arc<ValidatorSet>,
    /// Validators of the next height.
    pub next: Arc<ValidatorSet>,
    /// Whether precommits of the current height must carry extensions.
    pub extensions_enabled: bool,
}

/// Signatures that were found right already, so that a vote, then the same vote inside a commit,
/// costs one check. Bounded; the oldest are forgotten first.
#[derive(Debug, Default)]
pub struct Remembered {
    current: BTreeSet<[u8; 32]>,
    previous: BTreeSet<[u8; 32]>,
}

/// What checking a message found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Its signatures are right (or it carries none).
    Verified(Verified<Message>),
    /// It is about a height or round whose keys are not known here and now; dropped without blame.
    Unknown,
    /// A signature, index or address is wrong.
    Refused(Offence),
}

impl Keyring {
    /// Checks messages together. One verdict for each, in order. Votes are matched by index and
    /// address and checked in one batch; proposals against the proposer of their round (up to one
    /// round ahead, and [`ROUNDS_BACK_MAX`] behind); everything unsigned passes. Evidence and
    /// decided blocks pass too: they are checked where their context is known.
    pub fn verify(&self, messages: Vec<Message>, remembered: &mut Remembered) -> Vec<Verdict> {
        let _ = (messages, remembered);
        unimplemented!()
    }

    /// Who proposes in `round` of the current height, if it is near enough to be asked.
    pub fn proposer(&self, round: Round) -> Option<ValidatorIndex> {
        let _ = round;
        unimplemented!()
    }
}

/// How many rounds behind the current one a proposal may be.
pub const ROUNDS_BACK_MAX: u32 = 64;
/// Most signatures remembered in each of two generations.
pub const REMEMBERED_MAX: usize = 65_536;
