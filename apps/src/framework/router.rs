//! Modules, put together: each gets the messages, the questions and the genesis section of its
//! name.

use abci::InitChainRequest;
use serde_json::Value;
use types::keys::Claim;
use types::{ChainId, Tx};

use super::description::Description;
use super::frame::Frame;
use super::module::{Answer, AnyMessage, AnyModule, Effects, Module, Question};
use super::refusal::{FrameworkError, Refusal};
use super::state::State;
use super::transaction::{Body, Transaction};

/// The modules of an application, in the order in which they begin and end blocks.
pub struct Router {
    modules: Vec<Box<dyn AnyModule>>,
    version: u64,
}

/// A transaction that has been read, its signature checked.
pub struct Opened {
    /// Who acts, and what is paid.
    pub body: Body,
    messages: Vec<(usize, AnyMessage)>,
}

impl Router {
    /// No modules yet, and the version of the rules that they will make; it goes into headers.
    pub fn new(version: u64) -> Self {
        Self { modules: Vec::new(), version }
    }

    /// With one more module.
    ///
    /// # Panics
    /// If there is one of its name.
    #[must_use]
    pub fn with(mut self, module: impl Module) -> Self {
        let name = module.description().name;
        assert!(self.position(name).is_none(), "there are two modules {name}");
        self.modules.push(Box::new(module));
        self
    }

    /// Of the rules.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What the modules say of themselves.
    pub fn descriptions(&self) -> Vec<Description> {
        self.modules.iter().map(|it| it.description()).collect()
    }

    /// Writes the state before the first block.
    ///
    /// # Errors
    /// What is wrong with the genesis file's `app_state`.
    pub fn genesis(&self, state: &mut State, start: &InitChainRequest) -> Result<(), String> {
        let mut sections = match &start.app_state[..] {
            [] => serde_json::Map::new(),
            text => match serde_json::from_slice(text) {
                Ok(Value::Object(sections)) => sections,
                Ok(_) => return Err("app_state is not an object".to_owned()),
                Err(error) => return Err(format!("app_state: {error}")),
            },
        };
        for module in &self.modules {
            module.genesis(state, start, sections.remove(module.description().name))?;
        }
        match sections.keys().next() {
            Some(name) => Err(format!("app_state.{name}: there is no such module")),
            None => Ok(()),
        }
    }

    /// Reads a transaction and its messages. What comes back counts only if the claim holds.
    ///
    /// # Errors
    /// Why it is none.
    pub fn read(&self, tx: &Tx, chain_id: &ChainId) -> Result<(Opened, Claim), Refusal> {
        let (transaction, claim) = Transaction::read(tx, chain_id)?;
        let body = transaction.body;
        let mut messages = Vec::with_capacity(body.messages.len());
        for message in &body.messages {
            let Some(position) = self.position(&message.module) else {
                let module = message.module.chars().take(50).collect();
                return Err(FrameworkError::NoModule { module }.into());
            };
            messages.push((position, self.modules[position].read(&message.content)?));
        }
        Ok((Opened { body, messages }, claim))
    }

    /// Whether a transaction may run; what that costs is written.
    ///
    /// # Errors
    /// Why not; nothing is written then.
    pub fn admit(&self, state: &mut State, opened: &Opened) -> Result<(), Refusal> {
        state.attempt(|state| {
            self.modules.iter().try_for_each(|module| module.admit(state, &opened.body))
        })
    }

    /// Runs the messages of an admitted transaction, all or none.
    ///
    /// # Errors
    /// Why none.
    pub fn handle(&self, state: &mut State, frame: &Frame, opened: &Opened) -> Result<(), Refusal> {
        let signer = opened.body.account();
        state.attempt(|state| {
            opened.messages.iter().try_for_each(|(position, message)| {
                self.modules[*position].handle(state, frame, signer, message)
            })
        })
    }

    /// Begins a block.
    ///
    /// # Errors
    /// Why it cannot be executed.
    pub fn begin_block(&self, state: &mut State, frame: &Frame) -> Result<(), Refusal> {
        self.modules.iter().try_for_each(|module| module.begin_block(state, frame))
    }

    /// Ends a block.
    ///
    /// # Errors
    /// Why it cannot be executed.
    pub fn end_block(&self, state: &mut State, frame: &Frame) -> Result<Effects, Refusal> {
        let mut effects = Effects::default();
        for module in &self.modules {
            module.end_block(state, frame, &mut effects)?;
        }
        Ok(effects)
    }

    /// Answers the question `/module/name`.
    ///
    /// # Errors
    /// Why there is no answer.
    pub fn query(&self, state: &State, path: &str, parameters: &[u8]) -> Result<Answer, Refusal> {
        let unknown = || FrameworkError::NoQuery { path: path.chars().take(100).collect() };
        let parts = path.strip_prefix('/').and_then(|it| it.split_once('/'));
        let (module, name) = parts.ok_or_else(unknown)?;
        let position = self.position(module).ok_or_else(unknown)?;
        self.modules[position].query(state, &Question { path, name, parameters })
    }

    /// What must hold after every block.
    ///
    /// # Errors
    /// What does not hold.
    pub fn invariants(&self, state: &State) -> Result<(), String> {
        self.modules.iter().try_for_each(|module| {
            let name = module.description().name;
            module.invariants(state).map_err(|broken| format!("{name}: {broken}"))
        })
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.modules.iter().position(|it| it.description().name == name)
    }
}
