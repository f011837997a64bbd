//! Transactions of modular applications: who signs, and the messages to modules.

use borsh::{BorshDeserialize, BorshSerialize};
use types::keys::{Claim, PUBLIC_KEY_BYTES, SIGNATURE_BYTES};
use types::{ChainId, PrivateKey, PublicKey, Signature, Tx};

use super::account::Account;
use super::refusal::FrameworkError;

/// Longest transaction in bytes.
pub const TX_BYTES_MAX: usize = 64 * 1024;
/// Most messages in a transaction.
pub const MESSAGES_MAX: usize = 16;
/// Before what is signed, so that it can be nothing else that a key might sign.
const SIGN_PREFIX: &[u8] = b"lockstep transaction 1\0";

/// A signed transaction. Its bytes are this in borsh, and nothing after it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transaction {
    /// What is signed.
    pub body: Body,
    /// The signer's, over [`Body::sign_bytes`].
    pub signature: [u8; SIGNATURE_BYTES],
}

/// What a transaction says.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Body {
    /// Public key of whoever acts and pays.
    pub signer: [u8; PUBLIC_KEY_BYTES],
    /// How many transactions of the signer came before.
    pub nonce: u64,
    /// What is paid for it, in the coin that fees are paid in.
    pub fee: u64,
    /// Handled one after the other, all or none.
    pub messages: Vec<Message>,
}

/// A message to a module.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Message {
    /// The module's name.
    pub module: String,
    /// As the module encodes it.
    pub content: Vec<u8>,
}

impl Message {
    /// A message in its module's encoding.
    pub fn new(module: &str, content: &impl BorshSerialize) -> Self {
        let content = borsh::to_vec(content).expect("memory takes every message");
        Self { module: module.to_owned(), content }
    }
}

impl Body {
    /// The account that acts and pays.
    pub fn account(&self) -> Account {
        Account::of(&PublicKey(self.signer))
    }

    /// What the signer signs: the chain, so that no other takes it, and the body.
    pub fn sign_bytes(&self, chain_id: &ChainId) -> Vec<u8> {
        let mut bytes = SIGN_PREFIX.to_vec();
        let signed = (chain_id.as_str(), self);
        signed.serialize(&mut bytes).expect("memory takes every body");
        bytes
    }

    /// The transaction that the owner of this key makes of it.
    pub fn signed(self, chain_id: &ChainId, key: &PrivateKey) -> Tx {
        let signature = key.sign(&self.sign_bytes(chain_id)).0;
        let transaction = Transaction { body: self, signature };
        borsh::to_vec(&transaction).expect("memory takes every transaction").into()
    }
}

impl Transaction {
    /// Reads a transaction, and what is to be checked about its signature.
    ///
    /// # Errors
    /// If the bytes are too many, or not one transaction with messages.
    pub fn read(tx: &[u8], chain_id: &ChainId) -> Result<(Self, Claim), FrameworkError> {
        if TX_BYTES_MAX < tx.len() {
            return Err(FrameworkError::TooLarge { actual: tx.len(), limit: TX_BYTES_MAX });
        }
        let transaction: Transaction = borsh::from_slice(tx)
            .map_err(|error| FrameworkError::Undecodable { reason: error.to_string() })?;
        let actual = transaction.body.messages.len();
        if actual == 0 || MESSAGES_MAX < actual {
            return Err(FrameworkError::Messages { actual, limit: MESSAGES_MAX });
        }
        let claim = Claim {
            public_key: PublicKey(transaction.body.signer),
            bytes: transaction.body.sign_bytes(chain_id),
            signature: Signature(transaction.signature),
        };
        Ok((transaction, claim))
    }
}
