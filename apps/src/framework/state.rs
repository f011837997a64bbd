//! The state as modules see it: what was committed, and what this block has written over it.

use std::cell::RefCell;

use bytes::Bytes;
use types::Event;

use super::overlay::{Overlay, Writes};
use super::store::{StoreError, View};

/// A fork of a committed state. What is written stays in it until the framework commits it.
pub struct State {
    base: View,
    overlay: Overlay,
    /// The first time that the store could not be read. Modules go on as if nothing was there; the
    /// framework asks before it believes anything.
    failure: RefCell<Option<StoreError>>,
}

impl State {
    /// A fork with nothing written.
    pub fn over(base: View) -> Self {
        Self { base, overlay: Overlay::new(), failure: RefCell::new(None) }
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<Bytes> {
        match self.overlay.find(key) {
            Some(written) => written.clone(),
            None => self.noted(self.base.find(key)),
        }
    }

    /// Gives a key a value.
    pub fn put(&mut self, key: Vec<u8>, value: impl Into<Bytes>) {
        self.overlay.write(key, Some(value.into()));
    }

    /// Removes a key.
    pub fn remove(&mut self, key: Vec<u8>) {
        self.overlay.write(key, None);
    }

    /// The first key at or after `from` that begins with `prefix`, and its value.
    pub fn first_from(&self, from: &[u8], prefix: &[u8]) -> Option<(Vec<u8>, Bytes)> {
        let mut from = from.max(prefix).to_vec();
        loop {
            let written = self.overlay.first_from(&from).filter(|it| it.0.starts_with(prefix));
            let committed = self.noted(self.base.first_from(&from, prefix));
            let (key, value) = match (written, committed) {
                (None, None) => return None,
                (None, Some(committed)) => return Some(committed),
                (Some((key, _)), Some(committed)) if committed.0.as_slice() < key => {
                    return Some(committed);
                }
                (Some(written), None | Some(_)) => written,
            };
            if let Some(value) = value {
                return Some((key.to_vec(), value.clone()));
            }
            from = successor(key);
        }
    }

    /// All keys that begin with `prefix`, and their values, in order of the keys.
    pub fn scan<'a>(&'a self, prefix: &'a [u8]) -> impl Iterator<Item = (Vec<u8>, Bytes)> + 'a {
        let mut from = prefix.to_vec();
        std::iter::from_fn(move || {
            let found = self.first_from(&from, prefix)?;
            from = successor(&found.0);
            Some(found)
        })
    }

    /// Says that something happened.
    pub fn emit(&mut self, event: Event) {
        self.overlay.emit(event);
    }

    /// Does something as a whole: if it fails, nothing of it remains, neither writes nor events.
    ///
    /// # Errors
    /// Those of `what`.
    pub fn attempt<T, E>(&mut self, what: impl FnOnce(&mut State) -> Result<T, E>) -> Result<T, E> {
        self.overlay.open();
        let result = what(self);
        match result {
            Ok(_) => self.overlay.keep(),
            Err(_) => self.overlay.forget(),
        }
        result
    }

    /// The events since they were last taken.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        self.overlay.take_events()
    }

    /// What was written, unless the store could not be read meanwhile.
    pub(super) fn into_writes(self) -> Result<Writes, StoreError> {
        self.checked()?;
        Ok(self.overlay.into_writes())
    }

    /// Whether everything that was read was true.
    pub(super) fn checked(&self) -> Result<(), StoreError> {
        self.failure.borrow_mut().take().map_or(Ok(()), Err)
    }

    fn noted<T>(&self, read: Result<Option<T>, StoreError>) -> Option<T> {
        read.unwrap_or_else(|error| {
            self.failure.borrow_mut().get_or_insert(error);
            None
        })
    }
}

/// The first key after this one.
fn successor(key: &[u8]) -> Vec<u8> {
    [key, &[0]].concat()
}
