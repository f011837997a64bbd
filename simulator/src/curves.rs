//! Signatures: real ones, or stand-ins that cost nothing. A stand-in names its key, so that a
//! forged one is found out all the same.
//!
//! Whether a real one is right follows from key, bytes and signature alone. So all members share
//! one memory of those that were found right, as the threads of one node do: the curve is asked
//! once about a vote in a run, and not by everybody who hears it. What is wrong is never
//! remembered, and judges have a memory of their own.

use execution::SharedMemory;
use types::verified::Remembered;
use types::{PrivateKey, PublicKey, Signature};

/// The keys of all validators, by number.
pub struct Curves {
    real: bool,
    keys: Vec<Key>,
    memory: SharedMemory,
}

struct Key {
    private: PrivateKey,
    public: PublicKey,
}

impl Curves {
    /// So many keys.
    pub fn new(count: usize, real: bool) -> Self {
        let key = |number: usize| {
            let mut seed = [0x5A; 32];
            let number = u64::try_from(number + 1).expect("few keys");
            seed[..8].copy_from_slice(&number.to_be_bytes());
            let private = PrivateKey::from_seed(&seed.into());
            let public = if real { private.public_key() } else { PublicKey(seed) };
            Key { private, public }
        };
        let memory = SharedMemory::new(Self::remembered(real));
        Self { real, keys: (0..count).map(key).collect(), memory }
    }

    /// Nothing is known yet of signatures that are real, or stand-ins.
    pub fn remembered(real: bool) -> Remembered {
        if real { Remembered::default() } else { Remembered::mocked(Self::is_stand_in) }
    }

    /// The signatures that members have found right: one memory, which they share.
    pub fn memory(&self) -> SharedMemory {
        self.memory.clone()
    }

    /// Whether signatures are real.
    pub fn are_real(&self) -> bool {
        self.real
    }

    /// The public key with this number.
    pub fn public(&self, number: usize) -> PublicKey {
        self.keys[number].public
    }

    /// Signs with the key of this number. The bytes are made only if somebody looks at them.
    pub fn sign(&self, number: usize, bytes: impl FnOnce() -> Vec<u8>) -> Signature {
        if self.real { self.keys[number].private.sign(&bytes()) } else { self.stand_in(number) }
    }

    /// Whether a stand-in is of this key.
    pub fn is_stand_in(public: &PublicKey, signature: &Signature) -> bool {
        signature.0[..32] == public.0 && signature.0[32..] == public.0
    }

    fn stand_in(&self, number: usize) -> Signature {
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&self.keys[number].public.0);
        signature[32..].copy_from_slice(&self.keys[number].public.0);
        Signature(signature)
    }
}
