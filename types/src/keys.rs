//! Ed25519 keys, and the only functions in the project that check a signature.
//!
//! Verification is ZIP-215 (cofactored) for one signature and for batches alike, so that two
//! honest nodes never disagree about a vote. `ed25519-dalek` signs and is never asked to verify.

use std::fmt;

use zeroize::Zeroizing;

use crate::hash::{ADDRESS_BYTES, Address, Hash};

/// Bytes of an Ed25519 public key.
pub const PUBLIC_KEY_BYTES: usize = 32;
/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;

/// An Ed25519 public key, as its 32 bytes; whether they are a point shows when it verifies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; PUBLIC_KEY_BYTES]);

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signature(pub [u8; SIGNATURE_BYTES]);

impl PublicKey {
    /// The address of this key's holder.
    pub fn address(&self) -> Address {
        let hash = Hash::of(&self.0);
        let mut address = [0; ADDRESS_BYTES];
        address.copy_from_slice(&hash.0[..ADDRESS_BYTES]);
        Address(address)
    }

    /// Whether `signature` is this key's over `bytes`, by the rules of ZIP-215.
    pub fn verifies(&self, bytes: &[u8], signature: &Signature) -> bool {
        let Ok(key) = ed25519_zebra::VerificationKey::try_from(self.0) else {
            return false;
        };
        key.verify(&ed25519_zebra::Signature::from(signature.0), bytes).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.0))
    }
}

/// One signature to be checked: whose, over what, and what it is.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Who is said to have signed.
    pub public_key: PublicKey,
    /// What is said to have been signed.
    pub bytes: Vec<u8>,
    /// The signature.
    pub signature: Signature,
}

/// Checks claims together (about twice as fast as one by one). Returns one verdict for each, in
/// order; a batch that fails is checked one by one, so the verdicts never depend on the company.
pub fn verify_batch(claims: &[Claim]) -> Vec<bool> {
    if 1 < claims.len() && whole_batch_verifies(claims) {
        return vec![true; claims.len()];
    }
    claims.iter().map(|it| it.public_key.verifies(&it.bytes, &it.signature)).collect()
}

fn whole_batch_verifies(claims: &[Claim]) -> bool {
    let mut batch = ed25519_zebra::batch::Verifier::new();
    for claim in claims {
        let key = ed25519_zebra::VerificationKeyBytes::from(claim.public_key.0);
        let signature = ed25519_zebra::Signature::from(claim.signature.0);
        batch.queue((key, signature, claim.bytes.as_slice()));
    }
    batch.verify(Weights::of(claims)).is_ok()
}

/// The weights by which a batch's equations are added up, drawn from a hash of the whole batch.
///
/// A batch with a wrong signature passes only if its errors, weighted, cancel out. The weights are
/// 128 bits each and depend on every byte of every claim, so whoever forges must hash about 2^128
/// batches to find one that does: what a random source would give, but the same on every run.
struct Weights(blake3::OutputReader);

impl Weights {
    fn of(claims: &[Claim]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("lockstep 2026 signature batch weights");
        for claim in claims {
            hasher.update(&claim.public_key.0);
            hasher.update(&claim.signature.0);
            // Hashed on their own, so that no two batches share one input.
            hasher.update(blake3::hash(&claim.bytes).as_bytes());
        }
        Self(hasher.finalize_xof())
    }
}

impl rand_core::TryRng for Weights {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.fill(bytes);
        Ok(())
    }
}

impl rand_core::TryCryptoRng for Weights {}

/// An Ed25519 private key. Wiped from memory when dropped; has no text form but its file's.
pub struct PrivateKey {
    signing: ed25519_dalek::SigningKey,
}

impl PrivateKey {
    /// The key that a seed of 32 random bytes gives.
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Self {
        Self { signing: ed25519_dalek::SigningKey::from_bytes(seed) }
    }

    /// The seed, for the key file.
    pub fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.signing.to_bytes())
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey(self.signing.verifying_key().to_bytes())
    }

    /// Signs `bytes`.
    pub fn sign(&self, bytes: &[u8]) -> Signature {
        use ed25519_dalek::Signer;
        Signature(self.signing.sign(bytes).to_bytes())
    }
}
