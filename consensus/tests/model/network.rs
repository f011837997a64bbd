//! The network as a model of stateright: what may be said next, by whom, after a history of what
//! was said. Everything that was said can reach anybody at any time, or never.

#![expect(clippy::disallowed_types, reason = "stateright shares a model between threads")]

use std::collections::BTreeMap;
use std::sync::Mutex;

use consensus::round::Step;
use stateright::{Model, Property};

use crate::letters::{Fault, Letter, Letters, NAMES, Name};
use crate::machine::{Machine, States};
use crate::recovery;
use crate::world::World;

/// Where the three honest validators may be.
pub type Standing = [States; 3];

/// A validator says something, or is known to have decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saying {
    /// Its place among the honest.
    honest: usize,
    said: Letters,
    to: States,
}

/// What is known of all machines together.
struct Known {
    machines: Vec<Machine>,
    /// Whether everybody decides once messages arrive, by where everybody is and what it defends.
    recovers: BTreeMap<Vec<Place>, bool>,
}

/// What a check took.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// States of single validators.
    pub validator_states: usize,
    /// How often the real code was run to find them.
    pub runs: usize,
    /// Situations from which recovery was tried.
    pub recoveries: usize,
}

type Lock = Option<(u32, Name)>;
type Place = (u32, Step, Lock, Lock);

/// Three honest validators, and one that is not.
pub struct Network {
    world: World,
    known: Mutex<Known>,
}

/// Names of the properties.
pub const AGREEMENT: &str = "nobody decides another block than anybody else";
pub const VALIDITY: &str = "what is decided was proposed and is acceptable";
pub const NO_DOUBLE_VOTE: &str = "nobody signs two votes of one kind in one round";
pub const LOCK_HOLDS: &str = "a precommit binds until a later polka for another block";
pub const LOCK_IS_FOUNDED: &str = "a lock had a polka, and is valid or older than what is";
pub const RECOVERY: &str = "once messages arrive in time, everybody decides";
pub const DECIDES_A: &str = "A can be decided";
pub const DECIDES_B: &str = "B can be decided";

impl Network {
    /// At the beginning of round 0.
    pub fn new(world: World) -> Self {
        let machines = world.honest().into_iter().map(|me| Machine::new(me, &world)).collect();
        let known = Known { machines, recovers: BTreeMap::new() };
        Self { world, known: Mutex::new(known) }
    }

    /// What each has said.
    pub fn said(&self, standing: &Standing) -> [Letters; 3] {
        let known = self.known.lock().expect("no panic before");
        [0, 1, 2].map(|honest: usize| known.machines[honest].said(standing[honest]))
    }

    /// What the check took.
    pub fn effort(&self) -> Effort {
        let known = self.known.lock().expect("no panic before");
        Effort {
            validator_states: known.machines.iter().map(Machine::states).sum(),
            runs: known.machines.iter().map(|machine| machine.runs).sum(),
            recoveries: known.recovers.len(),
        }
    }

    fn has_no(&self, standing: &Standing, fault: Fault) -> bool {
        !self.said(standing).iter().any(|said| said.has(Letter::Broken(fault)))
    }

    fn decided(&self, standing: &Standing, name: Name) -> bool {
        self.said(standing).iter().any(|said| said.has(Letter::Decided(name)))
    }

    fn is_valid(&self, standing: &Standing) -> bool {
        let said = self.said(standing).into_iter().fold(self.world.given(), Letters::union);
        let proposed = |name| {
            said.iter().any(|it| matches!(it, Letter::Proposal { block, .. } if block == name))
        };
        let accepted = |name| self.world.accepts(self.world.block(name).0.hash);
        NAMES
            .iter()
            .all(|name| !self.decided(standing, *name) || (proposed(*name) && accepted(*name)))
    }

    /// Tried once for all standings in which everybody is at the same place with the same locks.
    fn recovers(&self, standing: &Standing) -> bool {
        let mut known = self.known.lock().expect("no panic before");
        let Known { machines, recovers } = &mut *known;
        let places = machines.iter().zip(standing).map(|(machine, set)| {
            let sight = machine.sight(*set);
            (sight.round, sight.step, sight.locked, sight.valid)
        });
        *recovers.entry(places.collect()).or_insert_with(|| {
            let examples = machines.iter().zip(standing).map(|(it, set)| it.example(*set));
            recovery::succeeds(&examples.collect::<Vec<_>>(), &self.world)
        })
    }
}

impl Model for Network {
    type State = Standing;
    type Action = Saying;

    fn init_states(&self) -> Vec<Standing> {
        vec![[0; 3]]
    }

    fn actions(&self, standing: &Standing, actions: &mut Vec<Saying>) {
        let on_their_way = self.said(standing).into_iter().fold(self.world.given(), Letters::union);
        let mut known = self.known.lock().expect("no panic before");
        for (honest, machine) in known.machines.iter_mut().enumerate() {
            let next = machine.next(standing[honest], on_their_way, &self.world);
            actions.extend(next.into_iter().map(|(said, to)| Saying { honest, said, to }));
        }
    }

    fn next_state(&self, standing: &Standing, saying: Saying) -> Option<Standing> {
        let mut next = *standing;
        next[saying.honest] = saying.to;
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(AGREEMENT, |it, standing| {
                !NAMES.iter().all(|name| it.decided(standing, *name))
            }),
            Property::always(VALIDITY, |it, standing| it.is_valid(standing)),
            Property::always(NO_DOUBLE_VOTE, |it, at| it.has_no(at, Fault::DoubleVote)),
            Property::always(LOCK_HOLDS, |it, at| it.has_no(at, Fault::LockForgotten)),
            Property::always(LOCK_IS_FOUNDED, |it, at| it.has_no(at, Fault::LockUnfounded)),
            Property::always(RECOVERY, |it, standing| it.recovers(standing)),
            Property::sometimes(DECIDES_A, |it, standing| it.decided(standing, Name::A)),
            Property::sometimes(DECIDES_B, |it, standing| it.decided(standing, Name::B)),
        ]
    }
}
