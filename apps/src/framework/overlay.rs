//! What is written over a state without touching it: layers that nest, so that what fails can be
//! dropped whole, its events with it.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use types::Event;

/// Keys and what becomes of them: a new value, or none if they are removed.
pub type Writes = BTreeMap<Vec<u8>, Option<Bytes>>;

/// Layers of writes and events; the last one is written to.
#[derive(Debug)]
pub struct Overlay {
    bottom: Layer,
    /// Above it, the innermost last.
    nested: Vec<Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    writes: Writes,
    events: Vec<Event>,
}

impl Overlay {
    /// Nothing written yet.
    pub fn new() -> Self {
        Self { bottom: Layer::default(), nested: Vec::new() }
    }

    /// Opens a layer inside the last one.
    pub fn open(&mut self) {
        self.nested.push(Layer::default());
    }

    /// Closes the innermost layer and keeps what it holds.
    pub fn keep(&mut self) {
        let closed = self.nested.pop().expect("every layer that is closed was opened");
        let below = self.top();
        below.writes.extend(closed.writes);
        below.events.extend(closed.events);
    }

    /// Closes the innermost layer and forgets what it holds.
    pub fn forget(&mut self) {
        self.nested.pop().expect("every layer that is closed was opened");
    }

    /// How many layers are open inside the first.
    pub fn depth(&self) -> usize {
        self.nested.len()
    }

    /// Gives a key a value, or removes it.
    pub fn write(&mut self, key: Vec<u8>, value: Option<Bytes>) {
        self.top().writes.insert(key, value);
    }

    /// Says that something happened.
    pub fn emit(&mut self, event: Event) {
        self.top().events.push(event);
    }

    /// What became of a key, if it was written at all.
    pub fn find(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        self.downwards().find_map(|layer| layer.writes.get(key))
    }

    /// The first written key at or after `from`, and what became of it.
    pub fn first_from(&self, from: &[u8]) -> Option<(&[u8], &Option<Bytes>)> {
        let bounds = (Bound::Included(from), Bound::Unbounded);
        let mut first: Option<(&[u8], &Option<Bytes>)> = None;
        for layer in self.downwards() {
            let Some((key, value)) = layer.writes.range::<[u8], _>(bounds).next() else { continue };
            // Of the same key in two layers, the upper one counts, which came first.
            if first.is_none_or(|(known, _)| key.as_slice() < known) {
                first = Some((key, value));
            }
        }
        first
    }

    /// The events of the first layer, which are then no longer in it.
    ///
    /// # Panics
    /// If a layer is open: its events may yet be dropped.
    pub fn take_events(&mut self) -> Vec<Event> {
        assert!(self.nested.is_empty(), "no layer is open");
        std::mem::take(&mut self.bottom.events)
    }

    /// All writes.
    ///
    /// # Panics
    /// If a layer is open: its writes may yet be dropped.
    pub fn into_writes(self) -> Writes {
        assert!(self.nested.is_empty(), "no layer is open");
        self.bottom.writes
    }

    fn top(&mut self) -> &mut Layer {
        self.nested.last_mut().unwrap_or(&mut self.bottom)
    }

    fn downwards(&self) -> impl Iterator<Item = &Layer> {
        self.nested.iter().rev().chain(std::iter::once(&self.bottom))
    }
}

impl Default for Overlay {
    fn default() -> Self {
        Self::new()
    }
}
