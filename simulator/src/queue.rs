//! What will happen: ordered by time, then by the order in which things were planned.
//!
//! A heap, which is quickest while little is planned. Alarms that ring long after all messages of
//! now have come, most of them for nothing, wait in a second one. Where very much is planned, most
//! of it waits in a wheel of short spans of time and comes to the heap a span at a time, so that
//! the heap stays small.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::moment::Moment;

/// Things to come, in order.
#[derive(Debug)]
pub struct Queue<T> {
    heap: BinaryHeap<Reverse<Key>>,
    /// What was planned long before its time.
    far: BinaryHeap<Reverse<Key>>,
    /// When what happened last did.
    now: Moment,
    /// The things themselves, so that ordering the heap moves little.
    slots: Vec<Option<T>>,
    free: Vec<usize>,
    sequence: u64,
    wheel: Option<Wheel<T>>,
}

/// When, as which in the sequence of planning, and in which slot: one number, as little as the heap
/// can move and compare.
type Key = u128;

/// Bits of a key for the slot.
const SLOT_BITS: u32 = 24;
/// And for the sequence.
const SEQUENCE_BITS: u32 = 40;

/// How long before its time is long, in nanoseconds: longer than most messages take.
const FAR_NANOS: u64 = 250_000_000;

/// A span of the wheel has so many bits of nanoseconds: 65 microseconds.
const SPAN_BITS: u32 = 16;
/// Spans of the wheel: half a second.
const SPANS: u64 = 1 << 13;

/// What happens later than in the span of time that the heap has.
#[derive(Debug)]
struct Wheel<T> {
    /// The span that the heap has.
    span: u64,
    /// By the remainder of their spans.
    spans: Vec<Vec<(Moment, u64, T)>>,
    /// How many things these have.
    count: usize,
    /// Beyond them.
    beyond: BinaryHeap<Reverse<Far<T>>>,
}

/// Something far away.
#[derive(Debug)]
struct Far<T>(Moment, u64, T);

impl<T> Queue<T> {
    /// Nothing will happen.
    pub fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            far: BinaryHeap::new(),
            now: Moment::START,
            slots: vec![],
            free: vec![],
            sequence: 0,
            wheel: None,
        }
    }

    /// Nothing will happen yet, and then very much.
    pub fn wide() -> Self {
        let spans = (0..SPANS).map(|_| vec![]).collect();
        let wheel = Wheel { span: 0, spans, count: 0, beyond: BinaryHeap::new() };
        Self { wheel: Some(wheel), ..Self::new() }
    }

    /// This will happen then, after all that was planned for the same moment before.
    pub fn push(&mut self, at: Moment, thing: T) {
        self.sequence += 1;
        let sequence = self.sequence;
        match &mut self.wheel {
            Some(wheel) if wheel.span < span_of(at) => wheel.put(at, sequence, thing),
            Some(_) | None => self.put(at, sequence, thing),
        }
    }

    /// What happens next.
    pub fn pop(&mut self) -> Option<(Moment, T)> {
        if self.heap.is_empty() && self.far.is_empty() {
            let next = self.wheel.as_mut().map(Wheel::turn).unwrap_or_default();
            for (at, sequence, thing) in next {
                self.put(at, sequence, thing);
            }
        }
        // In reverse the earlier one is the greater.
        let is_far = self.heap.peek() < self.far.peek();
        let Reverse(key) = if is_far { self.far.pop() } else { self.heap.pop() }?;
        let at = u64::try_from(key >> (SLOT_BITS + SEQUENCE_BITS)).expect("64 bits are left");
        let slot = usize::try_from(key & ((1 << SLOT_BITS) - 1)).expect("a slot's bits");
        self.free.push(slot);
        let thing = self.slots[slot].take().expect("a slot is filled while its key is in the heap");
        self.now = Moment(at);
        Some((self.now, thing))
    }

    fn put(&mut self, at: Moment, sequence: u64, thing: T) {
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
        assert!(slot >> SLOT_BITS == 0 && sequence >> SEQUENCE_BITS == 0, "a world has its limits");
        let place = u128::from(sequence) << SLOT_BITS | u128::try_from(slot).expect("few slots");
        let key = Reverse(u128::from(at.0) << (SLOT_BITS + SEQUENCE_BITS) | place);
        let is_far = self.now.after_nanos(FAR_NANOS) < at;
        if is_far { self.far.push(key) } else { self.heap.push(key) }
    }

    /// How many things are planned.
    pub fn len(&self) -> usize {
        let wheel = self.wheel.as_ref().map_or(0, |wheel| wheel.count + wheel.beyond.len());
        self.heap.len() + self.far.len() + wheel
    }

    /// Whether nothing is planned.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Wheel<T> {
    fn put(&mut self, at: Moment, sequence: u64, thing: T) {
        if self.span + SPANS <= span_of(at) {
            self.beyond.push(Reverse(Far(at, sequence, thing)));
        } else {
            self.spans[place_of(span_of(at))].push((at, sequence, thing));
            self.count += 1;
        }
    }

    /// Goes on to the next span in which something happens, and gives that.
    fn turn(&mut self) -> Vec<(Moment, u64, T)> {
        if self.count == 0 {
            let Some(Reverse(far)) = self.beyond.peek() else { return vec![] };
            self.span = span_of(far.0);
        } else {
            self.span += 1;
            while self.spans[place_of(self.span)].is_empty() {
                self.span += 1;
            }
        }
        while self.beyond.peek().is_some_and(|Reverse(far)| span_of(far.0) < self.span + SPANS) {
            let Reverse(Far(at, sequence, thing)) = self.beyond.pop().expect("it was just there");
            self.spans[place_of(span_of(at))].push((at, sequence, thing));
            self.count += 1;
        }
        let next = std::mem::take(&mut self.spans[place_of(self.span)]);
        self.count -= next.len();
        next
    }
}

fn span_of(at: Moment) -> u64 {
    at.0 >> SPAN_BITS
}

fn place_of(span: u64) -> usize {
    usize::try_from(span % SPANS).expect("below the number of spans")
}

impl<T> PartialEq for Far<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Far<T> {}

impl<T> PartialOrd for Far<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Far<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
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
    use crate::chance::Chance;

    #[test]
    fn things_happen_in_order_of_time_then_of_planning() {
        for mut queue in [Queue::new(), Queue::wide()] {
            for (at, name) in [(5, "d"), (1, "a"), (3, "b"), (3, "c"), (9, "e")] {
                queue.push(Moment(at), name);
            }
            let order: Vec<&str> =
                std::iter::from_fn(|| queue.pop()).map(|(_, thing)| thing).collect();
            assert_eq!(order, ["a", "b", "c", "d", "e"]);
            assert!(queue.is_empty());
        }
    }

    #[test]
    fn a_wide_queue_has_the_order_of_a_narrow_one() {
        let mut chance = Chance::of(1, 1);
        let (mut narrow, mut wide) = (Queue::new(), Queue::wide());
        let mut now = 0;
        for number in 0..50_000_u64 {
            let later = chance.log_between(1, 5_000_000_000) - 1;
            for queue in [&mut narrow, &mut wide] {
                queue.push(Moment(now + later), number);
            }
            if chance.permille(480) {
                let next = narrow.pop();
                assert_eq!(wide.pop(), next);
                now = next.expect("one was just pushed").0.0;
            }
            assert_eq!(narrow.len(), wide.len());
        }
        while let Some(next) = narrow.pop() {
            assert_eq!(wide.pop(), Some(next));
        }
        assert_eq!(wide.pop(), None);
    }
}
