//! What will happen: one heap ordered by time, then by the order in which things were planned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::moment::Moment;

/// Things to come, in order.
#[derive(Debug)]
pub struct Queue<T> {
    heap: BinaryHeap<Reverse<(Moment, u64, usize)>>,
    /// The things themselves, so that ordering the heap moves little.
    slots: Vec<Option<T>>,
    free: Vec<usize>,
    sequence: u64,
}

impl<T> Queue<T> {
    /// Nothing will happen.
    pub fn new() -> Self {
        Self { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), sequence: 0 }
    }

    /// This will happen then, after all that was planned for the same moment before.
    pub fn push(&mut self, at: Moment, thing: T) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot] = Some(thing);
                slot
            }
            None => {
                self.slots.push(Some(thing));
                self.slots.len() - 1
            }
        };
        self.sequence += 1;
        self.heap.push(Reverse((at, self.sequence, slot)));
    }

    /// What happens next.
    pub fn pop(&mut self) -> Option<(Moment, T)> {
        let Reverse((at, _, slot)) = self.heap.pop()?;
        self.free.push(slot);
        let thing = self.slots[slot].take().expect("a slot is filled while its key is in the heap");
        Some((at, thing))
    }

    /// How many things are planned.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_happen_in_order_of_time_then_of_planning() {
        let mut queue = Queue::new();
        for (at, name) in [(5, "d"), (1, "a"), (3, "b"), (3, "c"), (9, "e")] {
            queue.push(Moment(at), name);
        }
        let order: Vec<&str> = std::iter::from_fn(|| queue.pop()).map(|(_, thing)| thing).collect();
        assert_eq!(order, ["a", "b", "c", "d", "e"]);
        assert!(queue.is_empty());
    }
}
