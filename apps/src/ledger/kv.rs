//! A map from keys to values that everybody may write: the smallest module there is.

use abci::InitChainRequest;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Deserialize;

use crate::framework::{
    Account, Answer, Coded, Description, Field, Frame, Kind, Map, MessageDescription, Module,
    QueryDescription, Question, Refusal, State, event,
};

const VALUES: Map<Vec<u8>, Vec<u8>> = Map::new("kv/");
/// Longest key in bytes.
const KEY_BYTES_MAX: usize = 256;
/// Longest value in bytes.
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Keys and values.
#[derive(Clone, Copy, Debug)]
pub struct Kv;

/// What the map can be told.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum KvMessage {
    /// Gives a key a value.
    Set {
        /// Which.
        key: Vec<u8>,
        /// What.
        value: Vec<u8>,
    },
    /// Removes a key.
    Remove {
        /// Which.
        key: Vec<u8>,
    },
}

/// The section in genesis: keys and values.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct KvGenesis(pub std::collections::BTreeMap<String, String>);

/// Why nothing is written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// Not the length of a key.
    #[error("the key has {actual} bytes, must have 1 to {KEY_BYTES_MAX}")]
    Key {
        /// How many it has.
        actual: usize,
    },
    /// Too long.
    #[error("the value has {actual} bytes, the limit is {VALUE_BYTES_MAX}")]
    Value {
        /// How many it has.
        actual: usize,
    },
    /// There is nothing to remove.
    #[error("there is no such key")]
    Absent,
}

impl Coded for KvError {
    const CODESPACE: &'static str = "kv";

    fn code(&self) -> u32 {
        match self {
            KvError::Key { .. } => 1,
            KvError::Value { .. } => 2,
            KvError::Absent => 3,
        }
    }
}

const KEY: Field = Field { name: "key", kind: Kind::Bytes, summary: "Which key" };
const VALUE: Field = Field { name: "value", kind: Kind::Bytes, summary: "Its value" };

impl Module for Kv {
    const DESCRIPTION: Description = Description {
        name: "kv",
        summary: "A map that everybody may write",
        messages: &[
            MessageDescription {
                name: "set",
                tag: 0,
                summary: "Gives a key a value",
                fields: &[KEY, VALUE],
            },
            MessageDescription { name: "remove", tag: 1, summary: "Removes a key", fields: &[KEY] },
        ],
        queries: &[QueryDescription {
            name: "get",
            summary: "The value of a key",
            parameters: &[KEY],
            answer: &[VALUE],
        }],
        events: &["kv.set", "kv.remove"],
    };
    type Message = KvMessage;
    type Genesis = KvGenesis;

    fn genesis(
        &self,
        state: &mut State,
        _start: &InitChainRequest,
        section: KvGenesis,
    ) -> Result<(), Refusal> {
        for (key, value) in section.0 {
            let (key, value) = (key.into_bytes(), value.into_bytes());
            self.check(&KvMessage::Set { key: key.clone(), value: value.clone() })?;
            VALUES.set(state, &key, &value);
        }
        Ok(())
    }

    fn check(&self, message: &KvMessage) -> Result<(), Refusal> {
        let (KvMessage::Set { key, .. } | KvMessage::Remove { key }) = message;
        if key.is_empty() || KEY_BYTES_MAX < key.len() {
            return Err(KvError::Key { actual: key.len() }.into());
        }
        match message {
            KvMessage::Set { value, .. } if VALUE_BYTES_MAX < value.len() => {
                Err(KvError::Value { actual: value.len() }.into())
            }
            KvMessage::Set { .. } | KvMessage::Remove { .. } => Ok(()),
        }
    }

    fn handle(
        &self,
        state: &mut State,
        _frame: &Frame,
        signer: Account,
        message: &KvMessage,
    ) -> Result<(), Refusal> {
        let (kind, key) = match message {
            KvMessage::Set { key, value } => {
                VALUES.set(state, key, value);
                ("kv.set", key)
            }
            KvMessage::Remove { key } => {
                VALUES.get(state, key).ok_or(KvError::Absent)?;
                VALUES.remove(state, key);
                ("kv.remove", key)
            }
        };
        state.emit(event(kind, &[("key", &String::from_utf8_lossy(key)), ("by", &signer)]));
        Ok(())
    }

    fn query(&self, state: &State, question: &Question<'_>) -> Result<Answer, Refusal> {
        match question.name {
            "get" => Ok(Answer::at(state, VALUES.key(&question.read()?))),
            _ => Err(question.unknown()),
        }
    }
}
