//! A member's verifier: what peers say is checked as the node does it, before the replica hears it.

use types::commit::Demand;
use types::evidence::EvidenceContext;
use types::verified::{Look, Remembered};
use types::{
    ChainId, Commit, Evidence, ExtendedCommit, Height, Keyring, Message, Time, ValidatorSet,
};

use crate::curves::Curves;

/// Checks what peers say.
#[derive(Debug)]
pub struct Verifier {
    real: bool,
    remembered: Remembered,
}

/// What the chain knows of a height that evidence speaks of.
pub struct Past<'a> {
    /// The chain.
    pub chain_id: &'a ChainId,
    /// Who voted there.
    pub validators: &'a ValidatorSet,
    /// When its block was made.
    pub time: Time,
}

impl Verifier {
    /// Has checked nothing yet.
    pub fn new(curves: &Curves) -> Self {
        let real = curves.are_real();
        let mocked = || Remembered::mocked(Curves::is_stand_in);
        Self { real, remembered: if real { Remembered::default() } else { mocked() } }
    }

    /// Checks the signatures of a message, and to whom they belong.
    pub fn message(&mut self, keyring: &Keyring, message: &Message) -> Look {
        if !self.real {
            return keyring.screen(message, Curves::is_stand_in);
        }
        let verdicts = keyring.verify(vec![message.clone()], &mut self.remembered);
        verdicts.first().expect("one verdict for each message").into()
    }

    /// Whether evidence proves what it claims.
    pub fn evidence(&mut self, past: &Past<'_>, evidence: &Evidence) -> bool {
        let Past { chain_id, validators, time } = *past;
        let context = EvidenceContext { chain_id, validators, block_time: time, trusted: None };
        evidence.verify(&context, &mut self.remembered).is_ok()
    }

    /// Whether a commit proves that its block was decided by these validators.
    pub fn commit(
        &mut self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
        height: Height,
        commit: &Commit,
    ) -> bool {
        let at = (height, &commit.block_id, Demand::Full);
        commit.verify_remembering(chain_id, validators, at, &mut self.remembered).is_ok()
    }

    /// Whether a commit with its extensions does.
    pub fn extended_commit(
        &mut self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
        commit: &ExtendedCommit,
        extended: bool,
    ) -> bool {
        let at = (commit.height, &commit.block_id);
        commit.verify(chain_id, validators, at, extended, &mut self.remembered).is_ok()
    }
}
