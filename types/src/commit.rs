//! The quorum of precommits that decides a block, and the one function that checks it.

use std::collections::BTreeSet;

use crate::block::BlockId;
use crate::hash::{Address, Hash};
use crate::height::{ChainId, Height, Round};
use crate::keys::{Claim, Signature};
use crate::power::{Quorum, VotingPower};
use crate::time::Time;
use crate::validator::{Validator, ValidatorIndex, ValidatorSet};
use crate::verified::Remembered;
use crate::vote::{Extension, Vote, VoteKind};

/// What became of one validator's precommit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitSig {
    /// Not seen, or for another block. Wire flag 1.
    Absent,
    /// For the decided block. Wire flag 2.
    Commit {
        /// Whose; not covered by the signature, so always compared with the set's.
        validator_address: Address,
        /// When.
        timestamp: Time,
        /// Over the vote's sign bytes.
        signature: Signature,
    },
    /// For nil. Wire flag 3.
    Nil {
        /// Whose.
        validator_address: Address,
        /// When.
        timestamp: Time,
        /// Over the vote's sign bytes.
        signature: Signature,
    },
}

/// Why a block is decided: precommits of one round, one entry for each validator in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Of the decided block.
    pub height: Height,
    /// In which it was decided.
    pub round: Round,
    /// What was decided.
    pub block_id: BlockId,
    /// One for each validator of the height, in the set's order.
    pub signatures: Vec<CommitSig>,
}

/// An entry of an [`ExtendedCommit`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedCommitSig {
    /// The entry without the extension.
    pub sig: CommitSig,
    /// Only on votes for the block, where extensions are enabled.
    pub extension: Option<Extension>,
}

/// A commit together with the vote extensions, which the next proposer needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedCommit {
    /// Of the decided block.
    pub height: Height,
    /// In which it was decided.
    pub round: Round,
    /// What was decided.
    pub block_id: BlockId,
    /// One for each validator of the height, in the set's order.
    pub signatures: Vec<ExtendedCommitSig>,
}

/// Why a commit does not prove what it claims. A peer's fault: score the peer, never panic.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommitError {
    /// Of another height.
    #[error("commit is for height {actual}, expected {expected}")]
    Height {
        /// Which was asked for.
        expected: Height,
        /// Which it is for.
        actual: Height,
    },
    /// Of another block.
    #[error("commit is for another block")]
    Block,
    /// Not one entry for each validator.
    #[error("commit has {actual} signatures for {expected} validators")]
    Count {
        /// Validators in the set.
        expected: usize,
        /// Entries in the commit.
        actual: usize,
    },
    /// An entry names another validator than the set has at its index.
    #[error("entry {index} names {actual}, the validator there is {expected}")]
    Address {
        /// Which entry.
        index: usize,
        /// In the set.
        expected: Address,
        /// In the entry.
        actual: Address,
    },
    /// A validator is counted twice (trusting verification looks up by address).
    #[error("validator {address} signed twice")]
    Duplicate {
        /// Whose.
        address: Address,
    },
    /// A signature is not the validator's.
    #[error("signature {index} is not of validator {address}")]
    Signature {
        /// Which entry.
        index: usize,
        /// Whose it should be.
        address: Address,
    },
    /// Vote extensions are missing where they are required, or there where they are not.
    #[error("entry {index} has a missing or an unexpected vote extension")]
    Extension {
        /// Which entry.
        index: usize,
    },
    /// Not enough weight.
    #[error("commit carries {signed} of {total} power, which is not enough")]
    NotEnough {
        /// For the block.
        signed: VotingPower,
        /// Of the set.
        total: VotingPower,
    },
}

/// A fraction of a set's power, such as the light client's one third.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustLevel {
    /// Above the line.
    pub numerator: u64,
    /// Below the line, above zero.
    pub denominator: u64,
}

impl TrustLevel {
    /// Such a group has an honest validator in it, if the set can be trusted at all.
    pub const ONE_THIRD: TrustLevel = TrustLevel { numerator: 1, denominator: 3 };

    /// Whether `power` is more than this share of `total`. Never, if the denominator is zero.
    pub fn exceeded_by(self, power: VotingPower, total: VotingPower) -> bool {
        let needed = u128::from(total.0) * u128::from(self.numerator);
        needed < u128::from(power.0) * u128::from(self.denominator)
    }
}

/// How much a commit must prove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// More than two thirds of this very set, and every signature in it right (also nil votes):
    /// what consensus and catch-up ask. spec: `VerifyCommit`.
    Full,
    /// More than two thirds of this very set; only signatures for the block are looked at, until
    /// they suffice. spec: `VerifyCommitLight`.
    Light,
    /// As `Light`, but every signature for the block is looked at: what evidence rests on.
    /// spec: `VerifyCommitLightAllSignatures`.
    LightEvery,
    /// More than a share of a set that may be another height's, looked up by address.
    /// spec: `VerifyCommitLightTrusting`.
    Trusting(TrustLevel),
    /// As `Trusting`, but every signature of a member for the block is looked at.
    /// spec: `VerifyCommitLightTrustingAllSignatures`.
    TrustingEvery(TrustLevel),
}

impl Demand {
    /// Whether it is enough that `signed` of a set's `total` voted for the block.
    fn met_by(self, signed: VotingPower, total: VotingPower) -> bool {
        match self {
            Demand::Full | Demand::Light | Demand::LightEvery => {
                Quorum::of(total).reached_by(signed)
            }
            Demand::Trusting(level) | Demand::TrustingEvery(level) => {
                level.exceeded_by(signed, total)
            }
        }
    }

    /// Whether the entries must be the set's own, one for each member in order.
    fn by_index(self) -> bool {
        match self {
            Demand::Full | Demand::Light | Demand::LightEvery => true,
            Demand::Trusting(_) | Demand::TrustingEvery(_) => false,
        }
    }

    /// Whether entries are looked at after there are enough.
    fn every(self) -> bool {
        match self {
            Demand::Full | Demand::LightEvery | Demand::TrustingEvery(_) => true,
            Demand::Light | Demand::Trusting(_) => false,
        }
    }
}

/// A vote of a commit that is to be checked, and whose it is.
struct Signer<'a> {
    index: usize,
    validator: &'a Validator,
    /// None is nil.
    block_id: Option<&'a BlockId>,
    timestamp: Time,
    signature: Signature,
}

/// A signature that is to be checked, and the entry it stands in.
struct Entry {
    index: usize,
    address: Address,
    claim: Claim,
}

impl CommitSig {
    /// Whose entry it is, if anybody's.
    pub fn validator_address(&self) -> Option<&Address> {
        match self {
            CommitSig::Absent => None,
            CommitSig::Commit { validator_address, .. }
            | CommitSig::Nil { validator_address, .. } => Some(validator_address),
        }
    }

    /// When it was signed, if it was.
    pub fn timestamp(&self) -> Option<Time> {
        match self {
            CommitSig::Absent => None,
            CommitSig::Commit { timestamp, .. } | CommitSig::Nil { timestamp, .. } => {
                Some(*timestamp)
            }
        }
    }
}

impl Commit {
    /// Root over the entries. spec: `Commit.Hash`.
    pub fn hash(&self) -> Hash {
        let mut leaf = Vec::new();
        let hash = |sig| {
            leaf.clear();
            crate::codec::commit_sig_leaf(sig, &mut leaf);
            crate::merkle::leaf_hash(&leaf)
        };
        let leaves: Vec<Hash> = self.signatures.iter().map(hash).collect();
        crate::merkle::subtree_root(&leaves)
    }

    /// Whether `validators` decided `block_id` at `height` by this commit, as far as `demand` asks.
    /// The one function for consensus, catch-up, light client and evidence.
    ///
    /// # Errors
    /// What is wrong with the commit.
    pub fn verify(
        &self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
        height: Height,
        block_id: &BlockId,
        demand: Demand,
    ) -> Result<(), CommitError> {
        let at = (height, block_id, demand);
        self.verify_remembering(chain_id, validators, at, &mut Remembered::default())
    }

    /// As [`Commit::verify`]; signatures that were found right before, most likely as votes, are
    /// not checked again.
    ///
    /// # Errors
    /// What is wrong with the commit.
    pub fn verify_remembering(
        &self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
        (height, block_id, demand): (Height, &BlockId, Demand),
        remembered: &mut Remembered,
    ) -> Result<(), CommitError> {
        let signers = self.signers(validators, height, block_id, demand)?;
        check_signatures(self.entries(chain_id, signers, remembered), remembered)
    }

    /// As [`Commit::verify`] with [`Demand::Full`] in everything but the signatures.
    ///
    /// # Errors
    /// What is wrong with the commit.
    pub(crate) fn check_form(
        &self,
        validators: &ValidatorSet,
        height: Height,
        block_id: &BlockId,
    ) -> Result<(), CommitError> {
        self.signers(validators, height, block_id, Demand::Full).map(drop)
    }

    /// Whose signatures prove what is demanded, if they are right.
    fn signers<'a>(
        &'a self,
        validators: &'a ValidatorSet,
        height: Height,
        block_id: &BlockId,
        demand: Demand,
    ) -> Result<Vec<Signer<'a>>, CommitError> {
        if self.height != height {
            return Err(CommitError::Height { expected: height, actual: self.height });
        }
        if self.block_id != *block_id {
            return Err(CommitError::Block);
        }
        if demand.by_index() && self.signatures.len() != validators.count() {
            let (expected, actual) = (validators.count(), self.signatures.len());
            return Err(CommitError::Count { expected, actual });
        }
        let total = validators.total_power();
        let mut signed = VotingPower::ZERO;
        let mut signers = Vec::new();
        let mut seen = BTreeSet::new();
        for (index, entry) in self.signatures.iter().enumerate() {
            let (address, block_id, timestamp, signature) = match entry {
                CommitSig::Absent => continue,
                CommitSig::Nil { .. } if demand != Demand::Full => continue,
                CommitSig::Nil { validator_address, timestamp, signature } => {
                    (validator_address, None, *timestamp, *signature)
                }
                CommitSig::Commit { validator_address, timestamp, signature } => {
                    (validator_address, Some(&self.block_id), *timestamp, *signature)
                }
            };
            let validator = if demand.by_index() {
                member_at(validators, index, address)?
            } else {
                let Some((_, validator)) = validators.find(address) else { continue };
                if !seen.insert(*address) {
                    return Err(CommitError::Duplicate { address: *address });
                }
                validator
            };
            if block_id.is_some() {
                signed = signed.plus(validator.power);
            }
            signers.push(Signer { index, validator, block_id, timestamp, signature });
            if !demand.every() && demand.met_by(signed, total) {
                break;
            }
        }
        if !demand.met_by(signed, total) {
            return Err(CommitError::NotEnough { signed, total });
        }
        Ok(signers)
    }

    fn entries(
        &self,
        chain_id: &ChainId,
        signers: Vec<Signer<'_>>,
        remembered: &Remembered,
    ) -> Vec<Entry> {
        let entry = |signer: Signer<'_>| {
            let Signer { index, validator, block_id, timestamp, signature } = signer;
            let (kind, public_key) = (VoteKind::Precommit, validator.public_key);
            let (height, round) = (self.height, self.round);
            let vote =
                || crate::sign_bytes::vote(chain_id, kind, height, round, block_id, timestamp);
            let bytes = if remembered.is_mocked() { Vec::new() } else { vote() };
            let claim = Claim { public_key, bytes, signature };
            Entry { index, address: validator.address, claim }
        };
        signers.into_iter().map(entry).collect()
    }

    /// The precommit that entry `index` stands for; none if it is absent.
    pub fn vote(&self, index: ValidatorIndex) -> Option<Vote> {
        let (address, block_id, timestamp, signature) =
            match self.signatures.get(usize::try_from(index.0).ok()?)? {
                CommitSig::Absent => return None,
                CommitSig::Commit { validator_address, timestamp, signature } => {
                    (validator_address, Some(self.block_id), timestamp, signature)
                }
                CommitSig::Nil { validator_address, timestamp, signature } => {
                    (validator_address, None, timestamp, signature)
                }
            };
        Some(Vote {
            kind: VoteKind::Precommit,
            height: self.height,
            round: self.round,
            block_id,
            timestamp: *timestamp,
            validator_address: *address,
            validator_index: index,
            signature: *signature,
            extension: None,
        })
    }

    /// Weighted median of the times of the votes for the block. spec: `MedianTime`, v0.40's rule:
    /// only votes that justify the block have a say in its successor's time. None if nobody voted
    /// for the block, or an entry is not of the validator at its index.
    pub fn median_time(&self, validators: &ValidatorSet) -> Option<Time> {
        let mut times = Vec::with_capacity(self.signatures.len());
        let mut total = VotingPower::ZERO;
        for (index, entry) in self.signatures.iter().enumerate() {
            if let CommitSig::Commit { validator_address, timestamp, .. } = entry {
                let validator = member_at(validators, index, validator_address).ok()?;
                times.push((*timestamp, validator.power));
                total = total.plus(validator.power);
            }
        }
        times.sort_unstable();
        let mut below = total.0 / 2;
        for (time, power) in times {
            if below <= power.0 {
                return Some(time);
            }
            below -= power.0;
        }
        None
    }
}

/// The validator at an index, if the entry there names it: the address is not signed, so an entry
/// that names another could move time or blame.
fn member_at<'a>(
    validators: &'a ValidatorSet,
    index: usize,
    actual: &Address,
) -> Result<&'a Validator, CommitError> {
    let validator = validators.validators().get(index).ok_or(CommitError::Count {
        expected: validators.count(),
        actual: index.saturating_add(1),
    })?;
    if validator.address != *actual {
        return Err(CommitError::Address { index, expected: validator.address, actual: *actual });
    }
    Ok(validator)
}

/// Checks signatures in one batch, and names the first that is wrong.
fn check_signatures(entries: Vec<Entry>, remembered: &mut Remembered) -> Result<(), CommitError> {
    let (places, claims): (Vec<_>, Vec<_>) =
        entries.into_iter().map(|it| ((it.index, it.address), it.claim)).unzip();
    for ((index, address), right) in places.into_iter().zip(remembered.check(&claims)) {
        if !right {
            return Err(CommitError::Signature { index, address });
        }
    }
    Ok(())
}

impl ExtendedCommit {
    /// A commit of a height at which extensions are not enabled.
    pub fn plain(commit: Commit) -> Self {
        let entry = |sig| ExtendedCommitSig { sig, extension: None };
        Self {
            height: commit.height,
            round: commit.round,
            block_id: commit.block_id,
            signatures: commit.signatures.into_iter().map(entry).collect(),
        }
    }

    /// The precommits that the entries stand for, with their extensions.
    pub fn votes(&self) -> impl Iterator<Item = Vote> + '_ {
        let commit = self.commit();
        self.signatures.iter().zip(0..).filter_map(move |(entry, index)| {
            let vote = commit.vote(ValidatorIndex(index))?;
            Some(Vote { extension: entry.extension.clone(), ..vote })
        })
    }

    /// The same without extensions.
    pub fn commit(&self) -> Commit {
        Commit {
            height: self.height,
            round: self.round,
            block_id: self.block_id,
            signatures: self.signatures.iter().map(|entry| entry.sig.clone()).collect(),
        }
    }

    /// As [`Commit::verify_remembering`] with [`Demand::Full`], and the extensions' presence and
    /// signatures.
    ///
    /// # Errors
    /// What is wrong with the commit.
    pub fn verify(
        &self,
        chain_id: &ChainId,
        validators: &ValidatorSet,
        (height, block_id): (Height, &BlockId),
        extensions_enabled: bool,
        remembered: &mut Remembered,
    ) -> Result<(), CommitError> {
        let commit = self.commit();
        let signers = commit.signers(validators, height, block_id, Demand::Full)?;
        let mut entries = commit.entries(chain_id, signers, remembered);
        for (index, entry) in self.signatures.iter().enumerate() {
            let for_block = matches!(entry.sig, CommitSig::Commit { .. });
            if entry.extension.is_some() != (extensions_enabled && for_block) {
                return Err(CommitError::Extension { index });
            }
            if let (Some(Extension { bytes, signature }), Some(address)) =
                (&entry.extension, entry.sig.validator_address())
            {
                let Validator { address, public_key, .. } = *member_at(validators, index, address)?;
                let bytes = crate::sign_bytes::extension(chain_id, height, self.round, bytes);
                let claim = Claim { public_key, bytes, signature: *signature };
                entries.push(Entry { index, address, claim });
            }
        }
        check_signatures(entries, remembered)
    }
}
