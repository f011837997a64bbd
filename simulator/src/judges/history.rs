//! Whether what clients saw can be explained by one order of all that they did, in which everything
//! takes effect between its beginning and its end: linearizability, one register for each key.
//!
//! After Wing & Gong, with what Lowe added: a state that was reached before is not entered again.
//! No maintained crate checks histories in which writes may never have been answered.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::moment::Moment;

/// Most states that are looked at for one key. More means that the workload is too concurrent to
/// be judged, which is a mistake of the workload.
const STATES_MAX: usize = 1_000_000;

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

    /// How many operations there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Whether there is an order, for each key.
    ///
    /// # Errors
    /// The first key that has none.
    pub fn check(&self) -> Result<(), String> {
        for (key, operations) in &self.keys {
            match is_linearizable(operations) {
                Some(true) => {}
                Some(false) => {
                    return Err(format!(
                        "no order explains what was seen of {key:?}: {operations:?}"
                    ));
                }
                None => return Err(format!("{key:?} has a history that is too concurrent")),
            }
        }
        Ok(())
    }
}

/// One operation on a register, with values as numbers; 0 is "not set".
#[derive(Clone, Copy, Debug)]
struct Step {
    begun: Moment,
    ended: Option<Moment>,
    writes: bool,
    value: usize,
}

/// Where a search stands: which steps are done, and what the register holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    /// All before this one are done.
    done_before: usize,
    /// And these.
    done: BTreeSet<usize>,
    value: usize,
}

/// Whether an order explains the operations on one key; none if that takes too long to find out.
fn is_linearizable(operations: &[Operation]) -> Option<bool> {
    let steps = steps(operations);
    let start = State { done_before: 0, done: BTreeSet::new(), value: 0 };
    let mut seen = BTreeSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(state) = open.pop() {
        if state.is_end(&steps) {
            return Some(true);
        }
        for next in state.successors(&steps) {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
        if STATES_MAX < seen.len() {
            return None;
        }
    }
    Some(false)
}

/// The steps in order of their beginnings, those that were not answered after all others: as long
/// as one of them is not done, a state would have to list all that was done since. Writes that were
/// not answered and that nobody has read may be taken not to have happened.
fn steps(operations: &[Operation]) -> Vec<Step> {
    let mut numbers = BTreeMap::new();
    let read: BTreeSet<&Bytes> = operations
        .iter()
        .filter_map(|it| match &it.action {
            Action::Read(value) => value.as_ref(),
            Action::Write(_) => None,
        })
        .collect();
    let mut steps = Vec::with_capacity(operations.len());
    for operation in operations {
        let (writes, value) = match &operation.action {
            Action::Write(value) if operation.ended.is_none() && !read.contains(value) => continue,
            Action::Write(value) => (true, Some(value)),
            Action::Read(value) => (false, value.as_ref()),
        };
        let next = numbers.len() + 1;
        let value = value.map_or(0, |value| *numbers.entry(value).or_insert(next));
        let Operation { begun, ended, .. } = *operation;
        steps.push(Step { begun, ended, writes, value });
    }
    steps.sort_by_key(|step| (step.ended.is_none(), step.begun));
    steps
}

impl State {
    /// What is not done yet.
    fn left(&self, steps: &[Step]) -> impl Iterator<Item = usize> + '_ {
        (self.done_before..steps.len()).filter(|index| !self.done.contains(index))
    }

    /// Whether all that was answered is done.
    fn is_end(&self, steps: &[Step]) -> bool {
        self.left(steps).all(|index| steps[index].ended.is_none())
    }

    /// What may take effect next: whatever began before everything that is left to do has ended.
    fn successors(&self, steps: &[Step]) -> Vec<State> {
        let mut first_end = None::<Moment>;
        let mut next = Vec::new();
        for index in self.left(steps) {
            let step = steps[index];
            if first_end.is_some_and(|end| end < step.begun) {
                continue;
            }
            if let Some(ended) = step.ended {
                first_end = Some(first_end.map_or(ended, |end| end.min(ended)));
            }
            if step.writes || step.value == self.value {
                next.push((index, step.value));
            }
        }
        // An operation found early may have begun after the end of one found later.
        next.retain(|&(index, _)| first_end.is_none_or(|end| steps[index].begun <= end));
        next.into_iter().map(|(index, value)| self.after(index, value)).collect()
    }

    fn after(&self, index: usize, value: usize) -> State {
        let mut state = self.clone();
        state.value = value;
        state.done.insert(index);
        while state.done.remove(&state.done_before) {
            state.done_before += 1;
        }
        state
    }
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
            "w a 0-1, w b 2-3, w a 4-5, r a 6-7",
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
            "w a 0-1, w b 2-, r b 3-4, w a 5-6, r b 7-8",
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
}
