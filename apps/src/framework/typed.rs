//! Typed places in the state: one value, or a map of values by key. A module declares its own as
//! constants, so that a reader sees on one screen what it keeps.

use std::marker::PhantomData;

use borsh::{BorshDeserialize, BorshSerialize};

use super::account::Account;
use super::state::State;

/// One value.
pub struct Item<T> {
    key: &'static str,
    of: PhantomData<fn() -> T>,
}

impl<T: BorshSerialize + BorshDeserialize> Item<T> {
    /// A value under this key, which begins with the module's name and a `/`.
    pub const fn new(key: &'static str) -> Self {
        Self { key, of: PhantomData }
    }

    /// The key in the state.
    pub fn key(&self) -> Vec<u8> {
        self.key.as_bytes().to_vec()
    }

    /// What is there.
    pub fn get(&self, state: &State) -> Option<T> {
        state.get(self.key.as_bytes()).map(|bytes| decode(&bytes))
    }

    /// Puts something there.
    pub fn set(&self, state: &mut State, value: &T) {
        state.put(self.key(), encode(value));
    }
}

/// Values by key.
pub struct Map<K, T> {
    prefix: &'static str,
    of: PhantomData<fn() -> (K, T)>,
}

impl<K: Key, T: BorshSerialize + BorshDeserialize> Map<K, T> {
    /// Values under this prefix, which begins with the module's name and ends with a `/`.
    pub const fn new(prefix: &'static str) -> Self {
        Self { prefix, of: PhantomData }
    }

    /// The key in the state.
    pub fn key(&self, key: &K) -> Vec<u8> {
        let mut bytes = self.prefix.as_bytes().to_vec();
        key.append_to(&mut bytes);
        bytes
    }

    /// What is there.
    pub fn get(&self, state: &State, key: &K) -> Option<T> {
        state.get(&self.key(key)).map(|bytes| decode(&bytes))
    }

    /// Puts something there.
    pub fn set(&self, state: &mut State, key: &K, value: &T) {
        state.put(self.key(key), encode(value));
    }

    /// Leaves nothing there.
    pub fn remove(&self, state: &mut State, key: &K) {
        state.remove(self.key(key));
    }

    /// All of them, in order of the keys' bytes.
    pub fn all<'a>(&self, state: &'a State) -> impl Iterator<Item = (K, T)> + use<'a, K, T> {
        self.under(state, &[])
    }

    /// All whose key begins with these bytes, in order of the keys' bytes.
    pub fn under<'a>(
        &self,
        state: &'a State,
        beginning: &[u8],
    ) -> impl Iterator<Item = (K, T)> + use<'a, K, T> {
        let skipped = self.prefix.len();
        let prefix = [self.prefix.as_bytes(), beginning].concat();
        let mut from = Some(prefix.clone());
        std::iter::from_fn(move || {
            let (key, value) = state.first_from(&from.take()?, &prefix)?;
            let read = K::read(&key[skipped..]).expect("only this map writes under its prefix");
            from = Some([&key[..], &[0]].concat());
            Some((read, decode(&value)))
        })
    }
}

/// What can be the key in a map: its bytes are in the order of its values.
pub trait Key: Sized {
    /// Writes it.
    fn append_to(&self, bytes: &mut Vec<u8>);
    /// Reads it; none if the bytes are not one.
    fn read(bytes: &[u8]) -> Option<Self>;
}

impl Key for Account {
    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.0);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Account)
    }
}

impl Key for u64 {
    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_be_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(u64::from_be_bytes)
    }
}

impl Key for String {
    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.as_bytes());
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        String::from_utf8(bytes.to_vec()).ok()
    }
}

impl Key for Vec<u8> {
    fn append_to(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        Some(bytes.to_vec())
    }
}

/// A key of two parts, the first of which has a length of its own.
impl<A: FixedKey, B: Key> Key for (A, B) {
    fn append_to(&self, bytes: &mut Vec<u8>) {
        self.0.append_to(bytes);
        self.1.append_to(bytes);
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (first, second) = bytes.split_at_checked(A::BYTES)?;
        Some((A::read(first)?, B::read(second)?))
    }
}

/// A key that always has the same length.
pub trait FixedKey: Key {
    /// How many bytes.
    const BYTES: usize;
}

impl FixedKey for Account {
    const BYTES: usize = types::hash::ADDRESS_BYTES;
}

impl FixedKey for u64 {
    const BYTES: usize = 8;
}

fn encode<T: BorshSerialize>(value: &T) -> Vec<u8> {
    borsh::to_vec(value).expect("memory takes every value")
}

/// # Panics
/// If the record is not what this place holds: the state is not of this software.
fn decode<T: BorshDeserialize>(bytes: &[u8]) -> T {
    borsh::from_slice(bytes).expect("a place in the state holds what was put there")
}
