//! What an author writes: a slice of an application.
//!
//! Everything in a module is deterministic: it sees the state, the block and its own configuration,
//! which is the same on every node. It must not look at a clock, a random source, a file, or the
//! order of a hash map.

use std::any::Any;

use abci::InitChainRequest;
use borsh::BorshDeserialize;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;
use types::params::ParamsUpdate;
use types::{Event, EventAttribute, ValidatorUpdate};

use super::account::Account;
use super::description::Description;
use super::frame::Frame;
use super::refusal::{FrameworkError, Refusal};
use super::state::State;
use super::transaction::Body;

/// A slice of an application: what it keeps, what it can be told and asked.
pub trait Module: Send + Sync + 'static {
    /// What it says of itself.
    const DESCRIPTION: Description;
    /// What it can be told.
    type Message: BorshDeserialize + Send + Sync + 'static;
    /// Its section in genesis; the default if there is none.
    type Genesis: DeserializeOwned + Default;

    /// Writes the state before the first block. Modules begin in their order in the router.
    ///
    /// # Errors
    /// What is wrong with the section; fatal.
    fn genesis(
        &self,
        state: &mut State,
        start: &InitChainRequest,
        section: Self::Genesis,
    ) -> Result<(), Refusal>;

    /// Whether a message makes sense at all, whatever the state: asked once for each transaction.
    ///
    /// # Errors
    /// Why not.
    fn check(&self, message: &Self::Message) -> Result<(), Refusal> {
        let _ = message;
        Ok(())
    }

    /// Whether a transaction may run, before its messages do; what this writes stays even if they
    /// fail. A transaction that is not admitted leaves no trace. Also asked for the mempool.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self, state: &mut State, body: &Body) -> Result<(), Refusal> {
        let _ = (state, body);
        Ok(())
    }

    /// Does what a message says.
    ///
    /// # Errors
    /// Why it cannot be done; nothing of the transaction's messages remains then.
    fn handle(
        &self,
        state: &mut State,
        frame: &Frame,
        signer: Account,
        message: &Self::Message,
    ) -> Result<(), Refusal>;

    /// What happens before the transactions of a block.
    ///
    /// # Errors
    /// Why the block cannot be executed: it is rejected, and fatal once it is decided.
    fn begin_block(&self, state: &mut State, frame: &Frame) -> Result<(), Refusal> {
        let _ = (state, frame);
        Ok(())
    }

    /// What happens after the transactions of a block.
    ///
    /// # Errors
    /// Why the block cannot be executed: it is rejected, and fatal once it is decided.
    fn end_block(
        &self,
        state: &mut State,
        frame: &Frame,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let _ = (state, frame, effects);
        Ok(())
    }

    /// Answers a question about a committed state.
    ///
    /// # Errors
    /// Why there is no answer.
    fn query(&self, state: &State, question: &Question<'_>) -> Result<Answer, Refusal>;

    /// What must hold after every block if the module makes no mistake. For tests: it may look at
    /// everything.
    ///
    /// # Errors
    /// What does not hold.
    fn invariants(&self, state: &State) -> Result<(), String> {
        let _ = state;
        Ok(())
    }
}

/// The messages of a module that cannot be told anything.
pub enum Nothing {}

impl BorshDeserialize for Nothing {
    fn deserialize_reader<R: std::io::Read>(_reader: &mut R) -> std::io::Result<Self> {
        Err(std::io::Error::other("this module takes no messages"))
    }
}

/// What the modules want of the chain at the end of a block.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Effects {
    /// Changes of the validators, each named once.
    pub validator_updates: Vec<ValidatorUpdate>,
    /// A change of the parameters.
    pub params_update: Option<ParamsUpdate>,
}

/// A question to a module.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// As it came: `/module/name`.
    pub path: &'a str,
    /// Without the module.
    pub name: &'a str,
    /// As the description says.
    pub parameters: &'a [u8],
}

impl Question<'_> {
    /// The parameters, one after the other.
    ///
    /// # Errors
    /// If they are something else.
    pub fn read<T: BorshDeserialize>(&self) -> Result<T, Refusal> {
        let path = || self.path.to_owned();
        borsh::from_slice(self.parameters)
            .map_err(|error| FrameworkError::Parameters { path: path(), reason: error.to_string() })
            .map_err(Refusal::from)
    }

    /// That there is no such question.
    pub fn unknown(&self) -> Refusal {
        FrameworkError::NoQuery { path: self.path.to_owned() }.into()
    }
}

/// An answer: a place in the state, so that it can be proven, and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The key in the state.
    pub key: Vec<u8>,
    /// Its value; none if it has none.
    pub value: Option<Bytes>,
}

impl Answer {
    /// What is at a place of the state.
    pub fn at(state: &State, key: Vec<u8>) -> Self {
        let value = state.get(&key);
        Self { key, value }
    }
}

/// An event of which every fact can be searched for.
pub fn event(kind: &str, facts: &[(&str, &dyn std::fmt::Display)]) -> Event {
    let attribute = |(key, value): &(&str, &dyn std::fmt::Display)| EventAttribute {
        key: (*key).to_owned(),
        value: value.to_string(),
        index: true,
    };
    Event { kind: kind.to_owned(), attributes: facts.iter().map(attribute).collect() }
}

/// A message that its module has read.
pub type AnyMessage = Box<dyn Any + Send + Sync>;

/// A module whose types are forgotten, as the router keeps it.
pub trait AnyModule: Send + Sync + 'static {
    /// [`Module::DESCRIPTION`].
    fn description(&self) -> Description;
    /// [`Module::genesis`], with the section as it stands in the file.
    fn genesis(
        &self,
        state: &mut State,
        start: &InitChainRequest,
        section: Option<Value>,
    ) -> Result<(), String>;
    /// Reads and checks a message.
    fn read(&self, content: &[u8]) -> Result<AnyMessage, Refusal>;
    /// [`Module::admit`].
    fn admit(&self, state: &mut State, body: &Body) -> Result<(), Refusal>;
    /// [`Module::handle`].
    fn handle(
        &self,
        state: &mut State,
        frame: &Frame,
        signer: Account,
        message: &AnyMessage,
    ) -> Result<(), Refusal>;
    /// [`Module::begin_block`].
    fn begin_block(&self, state: &mut State, frame: &Frame) -> Result<(), Refusal>;
    /// [`Module::end_block`].
    fn end_block(
        &self,
        state: &mut State,
        frame: &Frame,
        effects: &mut Effects,
    ) -> Result<(), Refusal>;
    /// [`Module::query`].
    fn query(&self, state: &State, question: &Question<'_>) -> Result<Answer, Refusal>;
    /// [`Module::invariants`].
    fn invariants(&self, state: &State) -> Result<(), String>;
}

impl<M: Module> AnyModule for M {
    fn description(&self) -> Description {
        M::DESCRIPTION
    }

    fn genesis(
        &self,
        state: &mut State,
        start: &InitChainRequest,
        section: Option<Value>,
    ) -> Result<(), String> {
        let name = M::DESCRIPTION.name;
        let section = match section {
            Some(section) => serde_json::from_value(section)
                .map_err(|error| format!("app_state.{name}: {error}"))?,
            None => M::Genesis::default(),
        };
        Module::genesis(self, state, start, section)
            .map_err(|refusal| format!("app_state.{name}: {}", refusal.log))
    }

    fn read(&self, content: &[u8]) -> Result<AnyMessage, Refusal> {
        let message: M::Message = borsh::from_slice(content).map_err(|error| {
            FrameworkError::Message { module: M::DESCRIPTION.name, reason: error.to_string() }
        })?;
        self.check(&message)?;
        Ok(Box::new(message))
    }

    fn admit(&self, state: &mut State, body: &Body) -> Result<(), Refusal> {
        Module::admit(self, state, body)
    }

    fn handle(
        &self,
        state: &mut State,
        frame: &Frame,
        signer: Account,
        message: &AnyMessage,
    ) -> Result<(), Refusal> {
        let message = message.downcast_ref().expect("this module has read the message");
        Module::handle(self, state, frame, signer, message)
    }

    fn begin_block(&self, state: &mut State, frame: &Frame) -> Result<(), Refusal> {
        Module::begin_block(self, state, frame)
    }

    fn end_block(
        &self,
        state: &mut State,
        frame: &Frame,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        Module::end_block(self, state, frame, effects)
    }

    fn query(&self, state: &State, question: &Question<'_>) -> Result<Answer, Refusal> {
        Module::query(self, state, question)
    }

    fn invariants(&self, state: &State) -> Result<(), String> {
        Module::invariants(self, state)
    }
}
