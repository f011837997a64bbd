//! Who looks on. A judge sees what crosses the wire, what is signed and what disks hold, and never
//! asks a replica for its opinion. The first failure ends the run.

mod agreement;
mod signatures;

use consensus::{Decided, SignRequest};
use types::{Message, Offence, PublicKey};

use crate::moment::Moment;
use crate::plan::Plan;
use crate::report::Failure;

use agreement::Agreement;
use signatures::Signatures;

/// All judges.
#[derive(Debug)]
pub struct Judges {
    failure: Option<Failure>,
    /// When what is judged happens.
    pub now: Moment,
    honest: Vec<bool>,
    agreement: Agreement,
    signatures: Signatures,
}

impl Judges {
    /// Judges of a run.
    pub fn new(plan: &Plan) -> Self {
        Self {
            failure: None,
            now: Moment::START,
            honest: (0..plan.members.len()).map(|it| plan.is_honest(it)).collect(),
            agreement: Agreement::default(),
            signatures: Signatures::default(),
        }
    }

    /// What went wrong, if anything did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// A judge has found something.
    pub fn fail(&mut self, judge: &'static str, what: String) {
        let at = self.now;
        self.failure.get_or_insert(Failure { judge, at, what });
    }

    /// Whether a member follows the protocol.
    pub fn is_honest(&self, member: usize) -> bool {
        self.honest[member]
    }

    /// A member's signer has signed this with this key; whether or not it will ever be sent.
    pub fn signed(&mut self, member: usize, key: &PublicKey, signed: &SignRequest) {
        if self.honest[member]
            && let Err(what) = self.signatures.signed(member, key, signed)
        {
            self.fail("double sign", what);
        }
    }

    /// A decided block is on a member's disk for good. Returns whether it is the first of its
    /// height anywhere.
    pub fn decided(&mut self, member: usize, decided: &Decided) -> bool {
        if !self.honest[member] {
            return false;
        }
        match self.agreement.decided(member, decided) {
            Ok(first) => first,
            Err(what) => {
                self.fail("agreement", what);
                false
            }
        }
    }

    /// A member's data folder was wiped: it decides all heights again.
    pub fn wiped(&mut self, member: usize) {
        self.agreement.wiped(member);
    }

    /// A member sends a message.
    pub fn sent(&mut self, _from: usize, _message: &Message) {}

    /// A member holds something against a peer.
    pub fn blamed(&mut self, member: usize, peer: usize, offence: Offence, reason: &str) {
        let excused = matches!(offence, Offence::Silent | Offence::Flood);
        if self.honest[member] && self.honest[peer] && !excused {
            self.fail("blame", format!("{member} blames honest {peer}: {offence}, {reason}"));
        }
    }

    /// A member stops because nothing can be done any more.
    pub fn halted(&mut self, member: usize, reason: &str) {
        if self.honest[member] {
            self.fail("halt", format!("{member} halts: {reason}"));
        }
    }
}
