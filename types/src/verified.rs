//! Messages whose signatures have been checked. Only this module can make them, so the replica
//! cannot be handed a forged vote by mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::height::{ChainId, Height, Round};
use crate::keys::{Claim, PublicKey, Signature, verify_batch};
use crate::message::Message;
use crate::offence::Offence;
use crate::proposal::Proposal;
use crate::sign_bytes;
use crate::validator::{ValidatorIndex, ValidatorSet};
use crate::vote::{Extension, Vote, VoteKind};

/// How many rounds behind the current one a proposal may be.
pub const ROUNDS_BACK_MAX: u32 = 64;
/// Most signatures remembered in each of two generations.
pub const REMEMBERED_MAX: usize = 65_536;

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
    /// Who judges instead of the curve.
    mock: Option<MockJudge>,
}

/// Whether a signature is a key's, in a simulation whose signatures are not real.
pub type MockJudge = fn(&PublicKey, &Signature) -> bool;

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

/// What a look at a message found, which is left where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As [`Verdict::Verified`].
    Right,
    /// As [`Verdict::Unknown`].
    Unknown,
    /// As [`Verdict::Refused`].
    Refused(Offence),
}

impl From<&Verdict> for Look {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Verified(_) => Look::Right,
            Verdict::Unknown => Look::Unknown,
            Verdict::Refused(offence) => Look::Refused(*offence),
        }
    }
}

/// Why a message is not believed whatever its signatures are.
#[derive(Clone, Copy)]
enum Doubt {
    Unknown,
    Refused(Offence),
}

impl From<Doubt> for Verdict {
    fn from(doubt: Doubt) -> Self {
        match doubt {
            Doubt::Unknown => Verdict::Unknown,
            Doubt::Refused(offence) => Verdict::Refused(offence),
        }
    }
}

/// What a signature on a message is over.
enum Signed<'a> {
    Vote(&'a Vote),
    Extension(&'a Vote, &'a Extension),
    Proposal(&'a Proposal),
}

impl Signed<'_> {
    fn signature(&self) -> Signature {
        match self {
            Signed::Vote(vote) => vote.signature,
            Signed::Extension(_, extension) => extension.signature,
            Signed::Proposal(proposal) => proposal.signature,
        }
    }

    fn bytes(&self, chain_id: &ChainId) -> Vec<u8> {
        match self {
            Signed::Vote(vote) => vote.sign_bytes(chain_id),
            Signed::Extension(vote, extension) => {
                sign_bytes::extension(chain_id, vote.height, vote.round, &extension.bytes)
            }
            Signed::Proposal(proposal) => proposal.sign_bytes(chain_id),
        }
    }
}

/// The signatures on a message, all of one signer.
fn signed(message: &Message) -> impl Iterator<Item = Signed<'_>> {
    let signed = match message {
        Message::Vote(vote) => {
            let extension = vote.extension.as_ref().map(|it| Signed::Extension(vote, it));
            [Some(Signed::Vote(vote)), extension]
        }
        Message::Proposal(proposal) => [Some(Signed::Proposal(proposal)), None],
        Message::NewRoundStep { .. }
        | Message::NewValidBlock { .. }
        | Message::HasVote { .. }
        | Message::VoteSetMaj23 { .. }
        | Message::ProposalPol { .. }
        | Message::BlockPart { .. }
        | Message::VoteSetBits { .. }
        | Message::Txs(_)
        | Message::Evidence(_)
        | Message::BlockRequest(_)
        | Message::NoBlock(_)
        | Message::BlockResponse { .. }
        | Message::StatusRequest
        | Message::StatusResponse { .. } => [None, None],
    };
    signed.into_iter().flatten()
}

impl Keyring {
    /// Checks messages together. One verdict for each, in order. Votes are matched by index and
    /// address and checked in one batch; proposals against the proposer of their round (up to one
    /// round ahead, [`ROUNDS_BACK_MAX`] behind, and the first two of the next height); everything
    /// unsigned passes. Evidence and decided blocks pass too: they are checked where their context
    /// is known.
    pub fn verify(&self, messages: Vec<Message>, remembered: &mut Remembered) -> Vec<Verdict> {
        let mut proposers = BTreeMap::new();
        let mut pending = Vec::with_capacity(messages.len());
        let mut fresh = BTreeMap::new();
        for message in messages {
            let claims = self.claims(&message, &mut proposers);
            let keys = claims.map(|claims| {
                let mut keys = Vec::with_capacity(claims.len());
                for claim in claims {
                    let key = Remembered::key(&claim);
                    keys.push(key);
                    // Several peers send the same vote: it is checked once.
                    if !remembered.has(&key) {
                        fresh.insert(key, claim);
                    }
                }
                keys
            });
            pending.push((message, keys));
        }
        let (keys, claims): (Vec<_>, Vec<_>) = fresh.into_iter().unzip();
        let mut wrong = BTreeSet::new();
        for (key, right) in keys.into_iter().zip(remembered.judge(&claims)) {
            if right {
                remembered.insert(key);
            } else {
                wrong.insert(key);
            }
        }
        let judge = |(message, keys)| match keys {
            Err(doubt) => Verdict::from(doubt),
            Ok(keys) => {
                let keys: Vec<[u8; 32]> = keys;
                if keys.iter().any(|key| wrong.contains(key)) {
                    Verdict::Refused(Offence::BadSignature)
                } else {
                    Verdict::Verified(Verified(message))
                }
            }
        };
        pending.into_iter().map(judge).collect()
    }

    /// Checks one message in everything but its signatures: those are for `right` to judge, by
    /// whose they must be and what they are. For the simulator with signatures switched off; the
    /// node's network path never calls this.
    pub fn screen(
        &self,
        message: &Message,
        mut right: impl FnMut(&PublicKey, &Signature) -> bool,
    ) -> Look {
        match self.signer(message, &mut BTreeMap::new()) {
            Err(Doubt::Unknown) => Look::Unknown,
            Err(Doubt::Refused(offence)) => Look::Refused(offence),
            Ok(Some(key)) if !signed(message).all(|it| right(&key, &it.signature())) => {
                Look::Refused(Offence::BadSignature)
            }
            Ok(_) => Look::Right,
        }
    }

    /// Who proposes in `round` of the current height, if it is near enough to be asked.
    pub fn proposer(&self, round: Round) -> Option<ValidatorIndex> {
        let near = round.0 <= self.round.0.saturating_add(1)
            && self.round.0 <= round.0.saturating_add(ROUNDS_BACK_MAX);
        near.then(|| self.current.proposer_in(round))
    }

    /// What must have been signed, and by whom, for a message to be believed.
    fn claims(
        &self,
        message: &Message,
        proposers: &mut BTreeMap<(Height, Round), Option<PublicKey>>,
    ) -> Result<Vec<Claim>, Doubt> {
        let Some(public_key) = self.signer(message, proposers)? else { return Ok(vec![]) };
        let claim = |it: Signed<'_>| {
            let (bytes, signature) = (it.bytes(&self.chain_id), it.signature());
            Claim { public_key, bytes, signature }
        };
        Ok(signed(message).map(claim).collect())
    }

    /// Who must have signed a message, if it is one that is signed, for it to be believed.
    fn signer(
        &self,
        message: &Message,
        proposers: &mut BTreeMap<(Height, Round), Option<PublicKey>>,
    ) -> Result<Option<PublicKey>, Doubt> {
        match message {
            Message::Vote(vote) => self.voter(vote).map(Some),
            Message::Proposal(proposal) => {
                let (height, round) = (proposal.height, proposal.round);
                let proposer = proposers.entry((height, round));
                let proposer = proposer.or_insert_with(|| self.proposer_key(height, round));
                proposer.map(Some).ok_or(Doubt::Unknown)
            }
            Message::NewRoundStep { .. }
            | Message::NewValidBlock { .. }
            | Message::HasVote { .. }
            | Message::VoteSetMaj23 { .. }
            | Message::ProposalPol { .. }
            | Message::BlockPart { .. }
            | Message::VoteSetBits { .. }
            | Message::Txs(_)
            | Message::Evidence(_)
            | Message::BlockRequest(_)
            | Message::NoBlock(_)
            | Message::BlockResponse { .. }
            | Message::StatusRequest
            | Message::StatusResponse { .. } => Ok(None),
        }
    }

    /// The key of a vote's signer, if the vote can be one of this chain's now.
    fn voter(&self, vote: &Vote) -> Result<PublicKey, Doubt> {
        let set = self.validators_of(vote.height).ok_or(Doubt::Unknown)?;
        let validator = set
            .get(vote.validator_index)
            .filter(|it| it.address == vote.validator_address)
            .ok_or(Doubt::Refused(Offence::Lie))?;
        let may_extend = vote.kind == VoteKind::Precommit && vote.block_id.is_some();
        if vote.extension.is_some() && !may_extend {
            return Err(Doubt::Refused(Offence::Malformed));
        }
        // Whether the neighbouring heights have extensions is not known here; the tally knows.
        let required = self.extensions_enabled && may_extend;
        if vote.height == self.height && vote.extension.is_some() != required {
            return Err(Doubt::Refused(Offence::BadSignature));
        }
        Ok(validator.public_key)
    }

    /// The key of whoever proposes in a round near the current one, or in the first rounds of the
    /// next height: the fastest are there before us, and send a proposal but once.
    fn proposer_key(&self, height: Height, round: Round) -> Option<PublicKey> {
        let ahead = height == self.height.next() && round <= Round::FIRST.next();
        let (set, index) = if height == self.height {
            (&self.current, self.proposer(round)?)
        } else if ahead {
            (&self.next, self.next.proposer_in(round))
        } else {
            return None;
        };
        set.get(index).map(|validator| validator.public_key)
    }

    fn validators_of(&self, height: Height) -> Option<&ValidatorSet> {
        if height == self.height {
            Some(&self.current)
        } else if height == self.height.next() {
            Some(&self.next)
        } else if Some(height) == self.height.previous() {
            self.last.as_deref()
        } else {
            None
        }
    }
}

impl Remembered {
    /// Has `judge` say whose a signature is, whatever it is over: for the simulator with signatures
    /// switched off. The node never calls this.
    pub fn mocked(judge: MockJudge) -> Self {
        Self { mock: Some(judge), ..Self::default() }
    }

    /// Whether it is all the same what is signed.
    pub(crate) fn is_mocked(&self) -> bool {
        self.mock.is_some()
    }

    /// Checks claims in one batch, those that were found right before excepted. One verdict each.
    pub fn check(&mut self, claims: &[Claim]) -> Vec<bool> {
        if self.is_mocked() {
            // What costs nothing to find out need not be remembered.
            return self.judge(claims);
        }
        let keys: Vec<[u8; 32]> = claims.iter().map(Self::key).collect();
        let fresh: Vec<usize> = (0..claims.len()).filter(|&it| !self.has(&keys[it])).collect();
        let asked: Vec<Claim> = fresh.iter().map(|&it| claims[it].clone()).collect();
        let mut verdicts = vec![true; claims.len()];
        for (place, right) in fresh.into_iter().zip(self.judge(&asked)) {
            verdicts[place] = right;
            if right {
                self.insert(keys[place]);
            }
        }
        verdicts
    }

    fn judge(&self, claims: &[Claim]) -> Vec<bool> {
        match self.mock {
            Some(judge) => claims.iter().map(|it| judge(&it.public_key, &it.signature)).collect(),
            None => verify_batch(claims),
        }
    }

    /// Names a claim: BLAKE3 of the key, the signature and what is signed.
    fn key(claim: &Claim) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&claim.public_key.0).update(&claim.signature.0).update(&claim.bytes);
        hasher.finalize().into()
    }

    fn has(&self, key: &[u8; 32]) -> bool {
        self.current.contains(key) || self.previous.contains(key)
    }

    fn insert(&mut self, key: [u8; 32]) {
        if REMEMBERED_MAX <= self.current.len() {
            self.previous = std::mem::take(&mut self.current);
        }
        self.current.insert(key);
    }
}
