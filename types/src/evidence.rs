//! Proof of misbehaviour that anybody can check.

use crate::block::{BlockId, Header};
use crate::commit::{CommitSig, Demand, TrustLevel};
use crate::hash::{Address, HASH_BYTES, Hash};
use crate::height::{ChainId, Height};
use crate::keys::Claim;
use crate::light_block::{LightBlock, SignedHeader};
use crate::power::VotingPower;
use crate::time::Time;
use crate::validator::{Validator, ValidatorSet};
use crate::verified::Remembered;
use crate::vote::{Vote, VoteKind};

/// Two votes of one validator, of one kind, in one round, for different blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateVoteEvidence {
    /// The one with the smaller block id key.
    pub vote_a: Vote,
    /// The other.
    pub vote_b: Vote,
    /// Of the set at that height.
    pub total_power: VotingPower,
    /// Of the culprit.
    pub validator_power: VotingPower,
    /// Time of the block at that height.
    pub timestamp: Time,
}

/// A second, conflicting light block, signed by enough validators to fool a light client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LightClientAttackEvidence {
    /// The lie.
    pub conflicting_block: LightBlock,
    /// Last height at which the lie and the chain agree.
    pub common_height: Height,
    /// Who signed the lie.
    pub byzantine_validators: Vec<Validator>,
    /// Of the set at the common height.
    pub total_power: VotingPower,
    /// Time of the block at the common height.
    pub timestamp: Time,
}

/// Proof of misbehaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// Equivocation.
    DuplicateVote(Box<DuplicateVoteEvidence>),
    /// An attack on light clients.
    LightClientAttack(Box<LightClientAttackEvidence>),
}

/// Why evidence proves nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EvidenceError {
    /// What does not hold.
    #[error("evidence is invalid: {reason}")]
    Invalid {
        /// In words.
        reason: &'static str,
    },
    /// The culprit was no validator at that height.
    #[error("validator {address} was not in the set at height {height}")]
    UnknownValidator {
        /// Whose.
        address: Address,
        /// Where.
        height: Height,
    },
    /// It is older than the parameters allow, by blocks and by time.
    #[error("evidence of height {height} has expired")]
    Expired {
        /// Where.
        height: Height,
    },
    /// Its claimed power or time is not the chain's.
    #[error("evidence claims a wrong {field}")]
    Mismatch {
        /// Which claim.
        field: &'static str,
    },
}

/// What the chain knows about the height that evidence speaks of.
pub struct EvidenceContext<'a> {
    /// The chain.
    pub chain_id: &'a ChainId,
    /// The validators at the evidence's height (the common height of an attack).
    pub validators: &'a ValidatorSet,
    /// The time of the block at that height.
    pub block_time: Time,
    /// For an attack: our own signed header at the conflicting block's height (or our latest, if
    /// the lie is about the future).
    pub trusted: Option<&'a SignedHeader>,
}

/// Bytes of evidence as a block holds it, which the parameters limit.
/// spec: `EvidenceData.ByteSize`.
pub fn encoded_bytes(evidence: &[Evidence]) -> u64 {
    let sizes = evidence.iter().map(|it| {
        let bytes = crate::codec::encode_evidence(it).len();
        bytes + prost::length_delimiter_len(bytes) + 1
    });
    u64::try_from(sizes.sum::<usize>()).expect("what is in memory has a size of 64 bits")
}

impl DuplicateVoteEvidence {
    /// Orders two conflicting votes and adds what the chain knows. Extensions are left out: they
    /// are not what the votes conflict in, nobody checks them here, and they may be of any size.
    ///
    /// # Errors
    /// If the votes do not conflict or the voter is not in the set.
    pub fn new(
        first: Vote,
        second: Vote,
        validators: &ValidatorSet,
        block_time: Time,
    ) -> Result<Self, EvidenceError> {
        let [first, second] = [first, second].map(|vote| Vote { extension: None, ..vote });
        let (vote_a, vote_b) = if id_key(&first.block_id) < id_key(&second.block_id) {
            (first, second)
        } else {
            (second, first)
        };
        let (address, height) = (vote_a.validator_address, vote_a.height);
        let (_, validator) =
            validators.find(&address).ok_or(EvidenceError::UnknownValidator { address, height })?;
        let evidence = Self {
            vote_a,
            vote_b,
            total_power: validators.total_power(),
            validator_power: validator.power,
            timestamp: block_time,
        };
        evidence.check_conflict()?;
        Ok(evidence)
    }

    /// The votes are of one validator, of one kind, in one round, for different blocks, in order.
    fn check_conflict(&self) -> Result<(), EvidenceError> {
        let (a, b) = (&self.vote_a, &self.vote_b);
        let reason = if (a.height, a.round, a.kind) != (b.height, b.round, b.kind) {
            "the votes are of different heights, rounds or kinds"
        } else if a.validator_address != b.validator_address {
            "the votes are of different validators"
        } else if a.block_id == b.block_id {
            "the votes are for the same block"
        } else if id_key(&b.block_id) < id_key(&a.block_id) {
            "the votes are not in order"
        } else {
            return Ok(());
        };
        Err(EvidenceError::Invalid { reason })
    }

    fn verify(
        &self,
        context: &EvidenceContext<'_>,
        remembered: &mut Remembered,
    ) -> Result<(), EvidenceError> {
        self.check_conflict()?;
        let (address, height) = (self.vote_a.validator_address, self.vote_a.height);
        let (_, validator) = context
            .validators
            .find(&address)
            .ok_or(EvidenceError::UnknownValidator { address, height })?;
        if validator.power != self.validator_power {
            return Err(EvidenceError::Mismatch { field: "validator_power" });
        }
        let claims = [&self.vote_a, &self.vote_b].map(|vote| Claim {
            public_key: validator.public_key,
            bytes: vote.sign_bytes(context.chain_id),
            signature: vote.signature,
        });
        if remembered.check(&claims).contains(&false) {
            return Err(EvidenceError::Invalid { reason: "a vote's signature is wrong" });
        }
        Ok(())
    }
}

/// What orders two votes in evidence: the bytes of the block id, nil first. The number of parts
/// counts by its varint's bytes, not by its size. spec: `BlockID.Key`.
fn id_key(id: &Option<BlockId>) -> Vec<u8> {
    let Some(id) = id else { return vec![] };
    let mut key = id.hash.0.to_vec();
    if id.parts.total != 0 {
        prost::encoding::uint32::encode(1, &id.parts.total, &mut key);
    }
    prost::encoding::bytes::encode(2, &id.parts.hash.0.to_vec(), &mut key);
    key
}

impl LightClientAttackEvidence {
    fn verify(
        &self,
        context: &EvidenceContext<'_>,
        remembered: &mut Remembered,
    ) -> Result<(), EvidenceError> {
        let trusted = context.trusted.ok_or(EvidenceError::Invalid {
            reason: "there is no header to compare the conflicting one with",
        })?;
        self.check_form()?;
        self.check_conflict(&trusted.header)?;
        self.check_commit(context, &trusted.header, remembered)?;
        let culprits = self.culprits(context.validators, trusted);
        if culprits.len() != self.byzantine_validators.len() {
            return Err(EvidenceError::Mismatch { field: "byzantine_validators" });
        }
        for (named, found) in self.byzantine_validators.iter().zip(culprits) {
            // The application is told the key's address, so the key must be the culprit's own.
            let named_address = named.public_key.address();
            if named.address != found.address
                || named_address != found.address
                || named.power != found.power
            {
                return Err(EvidenceError::Mismatch { field: "byzantine_validators" });
            }
        }
        Ok(())
    }

    /// The conflicting light block is one: its parts belong together. spec: `ValidateBasic`.
    fn check_form(&self) -> Result<(), EvidenceError> {
        let SignedHeader { header, commit } = &self.conflicting_block.signed_header;
        let reason = if header.height < self.common_height || self.common_height.0 == 0 {
            "the common height is not below the conflicting one"
        } else if commit.height != header.height {
            "the conflicting commit is of another height"
        } else if commit.block_id.hash != header.hash() {
            "the conflicting commit is for another header"
        } else if self.conflicting_block.validators.hash() != header.validators_hash {
            "the conflicting validators are not the header's"
        } else {
            return Ok(());
        };
        Err(EvidenceError::Invalid { reason })
    }

    /// The conflicting header contradicts ours.
    fn check_conflict(&self, trusted: &Header) -> Result<(), EvidenceError> {
        let conflicting = &self.conflicting_block.signed_header.header;
        let reason = if conflicting.height < trusted.height {
            "our header is of a later height than the conflicting one"
        } else if trusted.height < conflicting.height && trusted.time < conflicting.time {
            "the conflicting header is later than all we know, and may yet come true"
        } else if conflicting.hash() == trusted.hash() {
            "the conflicting header is our own"
        } else if self.common_height == conflicting.height && self.is_lunatic(trusted) {
            "a header that no state leads to needs an earlier common height"
        } else {
            return Ok(());
        };
        Err(EvidenceError::Invalid { reason })
    }

    /// Enough of the validators signed the conflicting header to fool a light client.
    fn check_commit(
        &self,
        context: &EvidenceContext<'_>,
        trusted: &Header,
        remembered: &mut Remembered,
    ) -> Result<(), EvidenceError> {
        let LightBlock { signed_header, validators } = &self.conflicting_block;
        let commit = &signed_header.commit;
        let mut verify = |set: &ValidatorSet, demand| {
            let at = (commit.height, &commit.block_id, demand);
            commit.verify_remembering(&trusted.chain_id, set, at, remembered)
        };
        if self.common_height != signed_header.header.height {
            let demand = Demand::TrustingEvery(TrustLevel::ONE_THIRD);
            verify(context.validators, demand).map_err(|_| EvidenceError::Invalid {
                reason: "too few validators of the common height signed the conflicting header",
            })?;
        }
        verify(validators, Demand::LightEvery).map_err(|_| EvidenceError::Invalid {
            reason: "the conflicting header's own validators did not sign it",
        })
    }

    /// Whether no state leads to the conflicting header, so that its signers lied about the state
    /// itself. spec: `ConflictingHeaderIsInvalid`.
    fn is_lunatic(&self, trusted: &Header) -> bool {
        let conflicting = &self.conflicting_block.signed_header.header;
        trusted.validators_hash != conflicting.validators_hash
            || trusted.next_validators_hash != conflicting.next_validators_hash
            || trusted.consensus_hash != conflicting.consensus_hash
            || trusted.app_hash != conflicting.app_hash
            || trusted.last_results_hash != conflicting.last_results_hash
    }

    /// Who is to blame, by power and then address. Lunatic: members of the set before the lie who
    /// signed it. Equivocation: who signed both headers in one round. Amnesia (different rounds):
    /// nobody, since it cannot be told who broke the locking rules.
    fn culprits<'a>(
        &'a self,
        before: &'a ValidatorSet,
        trusted: &SignedHeader,
    ) -> Vec<&'a Validator> {
        let LightBlock { signed_header, validators } = &self.conflicting_block;
        let commit = &signed_header.commit;
        let signed = |entry: &CommitSig| matches!(entry, CommitSig::Commit { .. });
        let mut culprits: Vec<&Validator> = if self.is_lunatic(&trusted.header) {
            let entries = commit.signatures.iter().filter(|entry| signed(entry));
            let addresses = entries.filter_map(CommitSig::validator_address);
            addresses.filter_map(|it| before.find(it)).map(|(_, it)| it).collect()
        } else if trusted.commit.round == commit.round {
            let members = validators.validators().iter();
            let entries = commit.signatures.iter().zip(&trusted.commit.signatures);
            let both = members.zip(entries).filter(|(_, (lie, own))| signed(lie) && signed(own));
            both.map(|(validator, _)| validator).collect()
        } else {
            vec![]
        };
        culprits.sort_by(|a, b| b.power.cmp(&a.power).then_with(|| a.address.cmp(&b.address)));
        culprits
    }
}

impl LightClientAttackEvidence {
    /// Over the lie's hash without its last byte (a zero stands there) and the common height as a
    /// signed varint: so one attack has one name, whoever reports which signers.
    fn hash(&self) -> Hash {
        let lie = self.conflicting_block.signed_header.header.hash();
        let mut bytes = lie.0.to_vec();
        bytes[HASH_BYTES - 1] = 0;
        let zigzag = self.common_height.0 << 1;
        prost::encoding::encode_varint(zigzag, &mut bytes);
        Hash::of(&bytes)
    }
}

impl Evidence {
    /// The height it speaks of: of the votes, or the common height.
    pub fn height(&self) -> Height {
        match self {
            Evidence::DuplicateVote(it) => it.vote_a.height,
            Evidence::LightClientAttack(it) => it.common_height,
        }
    }

    /// The time it claims.
    pub fn time(&self) -> Time {
        match self {
            Evidence::DuplicateVote(it) => it.timestamp,
            Evidence::LightClientAttack(it) => it.timestamp,
        }
    }

    /// What names it. spec: `Evidence.Hash`, with its quirk for attacks.
    pub fn hash(&self) -> Hash {
        match self {
            Evidence::DuplicateVote(_) => Hash::of(&crate::codec::evidence_leaf(self)),
            Evidence::LightClientAttack(it) => it.hash(),
        }
    }

    /// Names what was done rather than its report. The bytes of one equivocation can be varied by
    /// anybody (index and extension are not signed), and each is another [`Evidence::hash`].
    pub fn deed(&self) -> Hash {
        match self {
            Evidence::DuplicateVote(it) => {
                let Vote { kind, height, round, validator_address, .. } = &it.vote_a;
                let mut bytes = validator_address.0.to_vec();
                bytes.extend(height.0.to_be_bytes());
                bytes.extend(round.0.to_be_bytes());
                bytes.push(match kind {
                    VoteKind::Prevote => 1,
                    VoteKind::Precommit => 2,
                });
                Hash::of(&bytes)
            }
            Evidence::LightClientAttack(it) => it.hash(),
        }
    }

    /// The same without what is neither signed nor checked.
    #[must_use]
    pub fn without_extensions(mut self) -> Self {
        if let Evidence::DuplicateVote(it) = &mut self {
            (it.vote_a.extension, it.vote_b.extension) = (None, None);
        }
        self
    }

    /// Whether the evidence proves what it claims, signatures included; those that were found right
    /// before, most likely as votes, are not checked again. Age is checked apart
    /// ([`crate::params::EvidenceParams::expired`]).
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(
        &self,
        context: &EvidenceContext<'_>,
        remembered: &mut Remembered,
    ) -> Result<(), EvidenceError> {
        if self.time() != context.block_time {
            return Err(EvidenceError::Mismatch { field: "timestamp" });
        }
        let total_power = match self {
            Evidence::DuplicateVote(it) => it.total_power,
            Evidence::LightClientAttack(it) => it.total_power,
        };
        if total_power != context.validators.total_power() {
            return Err(EvidenceError::Mismatch { field: "total_voting_power" });
        }
        match self {
            Evidence::DuplicateVote(it) => it.verify(context, remembered),
            Evidence::LightClientAttack(it) => it.verify(context, remembered),
        }
    }
}
