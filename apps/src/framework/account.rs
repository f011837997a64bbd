//! Accounts: who owns something.

use std::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use types::hash::ADDRESS_BYTES;
use types::{Address, PublicKey};

/// An account: the address of a key, as validators have one, or of a module.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
pub struct Account(pub [u8; ADDRESS_BYTES]);

impl Account {
    /// The account of a key's holder.
    pub fn of(key: &PublicKey) -> Self {
        key.address().into()
    }

    /// The account of a module, which no key opens.
    pub fn of_module(name: &str) -> Self {
        let hash = types::Hash::of(&[b"module account/", name.as_bytes()].concat());
        let bytes = hash.0.first_chunk().expect("a hash is longer than an address");
        Self(*bytes)
    }

    /// Reads 40 hexadecimal digits, of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; ADDRESS_BYTES];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }
}

impl From<Address> for Account {
    fn from(address: Address) -> Self {
        Self(address.0)
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.0))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Account {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Account {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as Deserialize>::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom(format!("{text:?} is not 40 hexadecimal digits"));
        Account::parse(&text).ok_or_else(wrong)
    }
}
