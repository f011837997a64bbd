//! Whether what clients saw can be explained by one order of all that they did, in which everything
//! takes effect between its beginning and its end: linearizability, one register for each key.
//!
//! No value is written twice to a key, so that a read names its write, and the question has a short
//! answer (Gibbons & Korach, Testing Shared Memories, 1997, section 4): a write and the reads of it
//! stand together in any order, and one such life of a value is before another if anything in it
//! ended before anything in the other began. There is an order unless two lives are each before the
//! other. (Longer circles hold a circle of two: of the life whose first end is the earliest, and
//! the one before it.) No maintained crate takes writes that were never answered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

use crate::moment::Moment;

/// Something that a client did to a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    key: Bytes,
    action: Action,
    begun: Moment,
    /// None as long as it was not answered: it may take effect at any later time, or never.
    ended: Option<Moment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    Write(Bytes),
    Read(Option<Bytes>),
}

/// All that clients did.
#[derive(Debug, Default)]
pub struct History {
    keys: BTreeMap<Bytes, Vec<Operation>>,
    /// Keys of which nothing is asked.
    forgotten: BTreeSet<Bytes>,
    count: usize,
}

impl Operation {
    /// A write that was sent.
    pub fn write(key: Bytes, value: Bytes, begun: Moment) -> Self {
        Self { key, action: Action::Write(value), begun, ended: None }
    }

    /// A read that was answered.
    pub fn read(key: Bytes, value: Option<Bytes>, begun: Moment, ended: Moment) -> Self {
        Self { key, action: Action::Read(value), begun, ended: Some(ended) }
    }

    /// It was answered.
    #[must_use]
    pub fn done(self, ended: Moment) -> Self {
        Self { ended: Some(ended), ..self }
    }
}

impl History {
    /// Somebody did this.
    pub fn add(&mut self, operation: Operation) {
        self.count += 1;
        self.keys.entry(operation.key.clone()).or_default().push(operation);
    }

    /// A value was written to a key twice, and rightly so: what is read of the key names no one
    /// write, and nothing is asked of it any more.
    pub fn forget(&mut self, key: &Bytes) {
        self.forgotten.insert(key.clone());
    }

    /// How many operations there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there is an order, for each key.
    ///
    /// # Errors
    /// The first key that has none, and what stands against one.
    pub fn check(&self) -> Result<(), String> {
        let keys = self.keys.iter().filter(|(key, _)| !self.forgotten.contains(*key));
        for (key, operations) in keys {
            let lives = lives(operations).map_err(|why| format!("{key:?}: {why}"))?;
            for (index, one) in lives.iter().enumerate() {
                if let Some(other) = lives[..index].iter().find(|it| one.excludes(it)) {
                    return Err(format!(
                        "no order explains what was seen of {key:?}: {one} {other}"
                    ));
                }
            }
        }
        Ok(())
    }
}

/// A value of a register, from its write to the last read of it.
#[derive(Debug)]
struct Life<'a> {
    /// None is what a register holds before all writes.
    value: Option<&'a Bytes>,
    /// When the write began.
    written: Moment,
    /// The end of what ended first, if anything has; a register is made before all else.
    first_end: Option<Moment>,
    /// The beginning of what began last.
    last_begin: Moment,
}

impl Life<'_> {
    fn is_before(&self, other: &Self) -> bool {
        self.value.is_none() || self.first_end.is_some_and(|end| end < other.last_begin)
    }

    /// Whether each would have to be before the other.
    fn excludes(&self, other: &Self) -> bool {
        self.is_before(other) && other.is_before(self)
    }
}

impl fmt::Display for Life<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { value, written, first_end, last_begin } = self;
        write!(f, "[{value:?} written at {written}, first end {first_end:?}, ")?;
        write!(f, "last begin {last_begin}]")
    }
}

/// The life of each value of one register. A write that was not answered and that nobody has read
/// may be taken not to have happened.
fn lives(operations: &[Operation]) -> Result<Vec<Life<'_>>, String> {
    let before_all = Moment::default();
    let born =
        |value, begun, ended| Life { value, written: begun, first_end: ended, last_begin: begun };
    let mut lives = BTreeMap::from([(None, born(None, before_all, Some(before_all)))]);
    for Operation { action, begun, ended, .. } in operations {
        if let Action::Write(value) = action
            && lives.insert(Some(value), born(Some(value), *begun, *ended)).is_some()
        {
            return Err(format!("{value:?} is written twice, a mistake of the workload"));
        }
    }
    for Operation { action, begun, ended, .. } in operations {
        let Action::Read(value) = action else { continue };
        let life = lives
            .get_mut(&value.as_ref())
            .filter(|life| ended.is_none_or(|end| life.written <= end))
            .ok_or_else(|| format!("{value:?} is read at {begun}, and not yet written"))?;
        life.first_end = life.first_end.into_iter().chain(*ended).min();
        life.last_begin = life.last_begin.max(*begun);
    }
    // Neither answered nor read.
    lives.retain(|_, life| life.first_end.is_some());
    Ok(lives.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    const KEY: Bytes = Bytes::from_static(b"key");

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    /// A history in words: `w a 1-3` writes a from 1 to 3, `r - 2-4` reads nothing, `w b 5-`
    /// is never answered.
    fn verdict(script: &str) -> bool {
        let mut history = History::default();
        for line in script.split(',') {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [action, value, times] = words[..] else { panic!("{line} is no operation") };
            let (begun, ended) = times.split_once('-').unwrap();
            let begun = Moment(begun.parse().unwrap());
            let ended = ended.parse().ok().map(Moment);
            history.add(match (action, ended) {
                ("w", None) => Operation::write(KEY, bytes(value), begun),
                ("w", Some(ended)) => Operation::write(KEY, bytes(value), begun).done(ended),
                (_, ended) => {
                    let value = (value != "-").then(|| bytes(value));
                    Operation::read(KEY, value, begun, ended.unwrap())
                }
            });
        }
        history.check().is_ok()
    }

    #[test]
    fn good_histories_have_an_order() {
        for script in [
            "r - 0-1, w a 2-3, r a 4-5",
            "w a 0-9, r - 1-2, r a 3-4",
            "w a 0-9, w b 0-9, r b 1-2, r a 3-4",
            "w a 0-1, w b 2-, r a 3-4, r b 5-6",
            "w a 0-1, w b 2-, r a 3-4",
            "w a 0-9, w b 1-2, r b 3-4, r a 5-6",
            "w a 0-, r a 9-10",
        ] {
            assert!(verdict(script), "{script}");
        }
    }

    #[test]
    fn bad_histories_have_none() {
        for script in [
            // Lost: written, answered, and not there.
            "w a 0-1, r - 2-3",
            // Stale: overwritten before.
            "w a 0-1, w b 2-3, r a 4-5",
            // Back in time: the new value was seen, then the old.
            "w a 0-1, w b 2-9, r b 3-4, r a 5-6",
            // From nowhere.
            "r a 0-1",
            // From the future.
            "r a 0-1, w a 2-3",
            // Two readers disagree on the order of two writes.
            "w a 0-9, w b 0-9, r b 1-2, r a 3-4, r b 5-6",
            // An unanswered write cannot take effect before it was sent.
            "w a 0-1, r b 2-3, w b 4-",
            // Nor twice.
            "w a 0-1, w b 2-, r b 3-4, w c 5-6, r b 7-8",
        ] {
            assert!(!verdict(script), "{script}");
        }
    }

    /// A register that takes effect at a random moment of each operation, and one that sometimes
    /// answers with the value before.
    #[test]
    fn histories_of_a_register_have_an_order_and_those_of_a_stale_one_do_not() {
        let mut caught = 0;
        for seed in 0..100 {
            let mut chance = Chance::of(seed, 0);
            let mut moments: Vec<(u64, u64, u64)> = (0..200)
                .map(|number| {
                    let begun = number * 10 + chance.below(40);
                    let effect = begun + chance.below(40);
                    (effect, begun, effect + chance.below(40))
                })
                .collect();
            moments.sort_unstable();
            let (mut good, mut bad) = (History::default(), History::default());
            let (mut now, mut before) = (None, None);
            for (number, (_, begun, ended)) in moments.into_iter().enumerate() {
                let (begun, ended) = (Moment(begun), Moment(ended));
                if chance.coin() {
                    (before, now) = (now, Some(bytes(&number.to_string())));
                    let write = Operation::write(KEY, now.clone().unwrap(), begun);
                    let write = if chance.permille(900) { write.done(ended) } else { write };
                    good.add(write.clone());
                    bad.add(write);
                } else {
                    good.add(Operation::read(KEY, now.clone(), begun, ended));
                    let stale = if chance.permille(200) { &before } else { &now };
                    bad.add(Operation::read(KEY, stale.clone(), begun, ended));
                }
            }
            assert_eq!(good.check(), Ok(()));
            caught += usize::from(bad.check().is_err());
        }
        assert!(90 < caught, "{caught} of 100 stale registers were caught");
    }

    /// Whether any order explains all operations, by trying each: what is left, by its number, and
    /// what the register holds.
    fn has_order(operations: &[Operation], left: &mut Vec<usize>, held: Option<&Bytes>) -> bool {
        if left.iter().all(|&number| operations[number].ended.is_none()) {
            return true;
        }
        for place in 0..left.len() {
            let number = left[place];
            let it = &operations[number];
            let is_next =
                left.iter().all(|&other| operations[other].ended.is_none_or(|end| it.begun <= end));
            let then = match &it.action {
                Action::Write(value) => Some(value),
                Action::Read(value) if value.as_ref() == held => held,
                Action::Read(_) => continue,
            };
            if is_next {
                left.remove(place);
                let found = has_order(operations, left, then);
                left.insert(place, number);
                if found {
                    return true;
                }
            }
        }
        false
    }

    #[test]
    fn small_histories_get_the_verdict_of_trying_every_order() {
        let mut verdicts = [0, 0];
        for seed in 0..20_000 {
            let mut chance = Chance::of(seed, 1);
            let mut history = History::default();
            let writes = 1 + chance.below(3);
            for number in 0..writes + 1 + chance.below(4) {
                let begun = Moment(chance.below(12));
                let ended = begun.after_nanos(chance.below(6));
                history.add(if number < writes {
                    let write = Operation::write(KEY, bytes(&number.to_string()), begun);
                    if chance.permille(800) { write.done(ended) } else { write }
                } else {
                    let value = chance.below(writes + 1).checked_sub(1);
                    let value = value.map(|value| bytes(&value.to_string()));
                    Operation::read(KEY, value, begun, ended)
                });
            }
            let operations = &history.keys[&KEY];
            let mut all = (0..operations.len()).collect();
            let expected = has_order(operations, &mut all, None);
            assert_eq!(history.check().is_ok(), expected, "seed {seed}: {operations:?}");
            verdicts[usize::from(expected)] += 1;
        }
        assert!(verdicts.iter().all(|&count| 2_000 < count), "{verdicts:?}");
    }

    /// Once a search over states, which met 2^60 of them here.
    #[test]
    fn many_writes_that_stay_open_are_no_trouble() {
        let mut history = History::default();
        for number in 0..60 {
            let value = bytes(&number.to_string());
            let seen = Moment(100 + 10 * number);
            history.add(Operation::write(KEY, value.clone(), Moment(number)).done(Moment(9_000)));
            history.add(Operation::read(KEY, Some(value), seen, seen.after_nanos(5)));
        }
        assert_eq!(history.check(), Ok(()));
        history.add(Operation::read(KEY, Some(bytes("30")), Moment(800), Moment(801)));
        assert!(history.check().is_err());
    }

    #[test]
    fn a_value_that_is_written_twice_is_refused() {
        assert!(!verdict("w a 0-1, w b 2-3, w a 4-5"));
    }
}
