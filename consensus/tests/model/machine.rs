//! All that one honest validator can do, worked out by running it, once from each of its states.
//!
//! A letter that makes no rule apply changes nothing that can be seen. It may as well arrive later,
//! together with those that make one apply: so letters arrive in the smallest batches that make a
//! difference. And what others know of a validator is what it said: all states in which it may be
//! after the same history of letters are kept as one set.

use std::collections::{BTreeMap, BTreeSet};

use consensus::round::Step;
use types::VoteKind;

use crate::letters::{Letter, Letters, ROUNDS};
use crate::rules;
use crate::validator::{Sight, Validator};
use crate::world::{Plant, World};

/// A state of a validator, by number.
type State = usize;
/// A set of states in which it may be, by number.
pub type States = u32;

/// What a rule leads to: another state, and what is said on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Effect {
    to: State,
    said: Letters,
}

/// A state, and the letters that its rules may look at together, rule by rule.
struct Known {
    validator: Validator,
    sight: Sight,
    topics: Vec<Letters>,
}

/// One validator and all that is known of it.
pub struct Machine {
    known: Vec<Known>,
    numbers: BTreeMap<Sight, State>,
    /// Of a batch of letters; none if it makes no difference.
    tried: BTreeMap<(State, Letters), Option<Effect>>,
    /// Of letters on their way; of none, those of alarms and of the application.
    effects: BTreeMap<(State, Letters), Vec<Effect>>,
    sets: Vec<Vec<State>>,
    set_numbers: BTreeMap<Vec<State>, States>,
    steps: BTreeMap<(States, Letters), Vec<(Letters, States)>>,
    /// How often the real code was run from a state.
    pub runs: usize,
}

impl Machine {
    /// A validator at the beginning, which is set 0.
    pub fn new(me: u32, world: &World) -> Self {
        let mut machine = Self {
            known: Vec::new(),
            numbers: BTreeMap::new(),
            tried: BTreeMap::new(),
            effects: BTreeMap::new(),
            sets: Vec::new(),
            set_numbers: BTreeMap::new(),
            steps: BTreeMap::new(),
            runs: 0,
        };
        let first = machine.number(Validator::new(me, world), world);
        machine.number_set(vec![first]);
        machine
    }

    /// How many states were found.
    pub fn states(&self) -> usize {
        self.known.len()
    }

    /// One state of a set.
    pub fn example(&self, set: States) -> &Validator {
        &self.known[self.sets[set as usize][0]].validator
    }

    /// What can be seen of it.
    pub fn sight(&self, set: States) -> &Sight {
        &self.known[self.sets[set as usize][0]].sight
    }

    /// What the validator has said; the same in all states of a set.
    pub fn said(&self, set: States) -> Letters {
        self.example(set).said
    }

    /// All that a validator which may be in any state of a set can say next, if these letters are
    /// on their way, and the states in which it may be then.
    pub fn next(
        &mut self,
        set: States,
        on_their_way: Letters,
        world: &World,
    ) -> Vec<(Letters, States)> {
        if let Some(steps) = self.steps.get(&(set, on_their_way)) {
            return steps.clone();
        }
        let mut stack: Vec<State> = self.sets[set as usize].clone();
        let mut seen: BTreeSet<State> = stack.iter().copied().collect();
        let mut heard: BTreeMap<Letters, BTreeSet<State>> = BTreeMap::new();
        while let Some(state) = stack.pop() {
            for Effect { to, said } in self.effects(state, on_their_way, world) {
                if !said.is_empty() {
                    heard.entry(said).or_default().insert(to);
                } else if seen.insert(to) {
                    stack.push(to);
                }
            }
        }
        let mut steps = Vec::new();
        for (said, to) in heard {
            steps.push((said, self.number_set(to.into_iter().collect())));
        }
        self.steps.insert((set, on_their_way), steps.clone());
        steps
    }

    /// What can happen in a state, if these letters are on their way.
    fn effects(&mut self, state: State, on_their_way: Letters, world: &World) -> Vec<Effect> {
        let mut all = Vec::new();
        let topics = self.known[state].topics.clone();
        let topics = topics.into_iter().map(|topic| topic.overlap(on_their_way));
        let topics = topics.filter(|letters| !letters.is_empty());
        for letters in std::iter::once(Letters::default()).chain(topics) {
            if !self.effects.contains_key(&(state, letters)) {
                let effects = self.find_effects(state, letters, world);
                self.effects.insert((state, letters), effects);
            }
            all.extend_from_slice(&self.effects[&(state, letters)]);
        }
        all
    }

    /// Of letters, those of the smallest batches that make a difference; without any, those of
    /// alarms and of the application.
    fn find_effects(&mut self, state: State, letters: Letters, world: &World) -> Vec<Effect> {
        if !letters.is_empty() {
            return self.batches(state, letters, world);
        }
        let validator = &self.known[state].validator;
        let (alarm, asked) = (validator.alarm(), validator.asked);
        let rings = alarm.map(|wait| self.run(state, world, |it| it.ring(wait, world)));
        let builds = asked.map(|_| self.run(state, world, |it| it.build(world)));
        rings.into_iter().chain(builds).flatten().collect()
    }

    fn batches(&mut self, state: State, letters: Letters, world: &World) -> Vec<Effect> {
        let letters: Vec<Letter> = letters.iter().collect();
        let (mut effects, mut found) = (BTreeSet::new(), Vec::<Letters>::new());
        let mut level = vec![(Letters::default(), 0)];
        while !level.is_empty() {
            let mut next = Vec::new();
            for (batch, from) in level {
                for (index, letter) in letters.iter().enumerate().skip(from) {
                    let batch = batch.with(*letter);
                    if found.iter().any(|smaller| batch.has_all(*smaller)) {
                        continue;
                    }
                    match self.attempt(state, batch, world) {
                        None => next.push((batch, index + 1)),
                        Some(effect) => {
                            found.push(batch);
                            effects.insert(effect);
                        }
                    }
                }
            }
            level = next;
        }
        effects.into_iter().collect()
    }

    fn attempt(&mut self, state: State, batch: Letters, world: &World) -> Option<Effect> {
        if let Some(effect) = self.tried.get(&(state, batch)) {
            return *effect;
        }
        let effect = self.run(state, world, |validator| {
            batch.iter().for_each(|letter| validator.deliver(letter, world));
        });
        self.tried.insert((state, batch), effect);
        effect
    }

    /// Runs the real code from a state. Returns nothing if nothing can be seen of it.
    fn run(
        &mut self,
        state: State,
        world: &World,
        act: impl FnOnce(&mut Validator),
    ) -> Option<Effect> {
        self.runs += 1;
        let Known { validator: before, sight, .. } = &self.known[state];
        let mut after = before.clone();
        act(&mut after);
        if after.sight(world) == *sight {
            return None;
        }
        after.said = after.said.union(rules::broken(before, &after, world));
        let said = after.said.without(before.said);
        Some(Effect { to: self.number(after, world), said })
    }

    fn number(&mut self, validator: Validator, world: &World) -> State {
        let sight = validator.sight(world);
        if let Some(number) = self.numbers.get(&sight) {
            return *number;
        }
        // Votes are here only where they make a quorum, which is part of the sight; so there is
        // nothing else to tell states apart by.
        let counted = validator.counted(world);
        let topics = topics(&validator, world);
        // A planted bug may break that; then less is visited, and enough to find it.
        let apart = topics.iter().all(|topic| topic.overlap(counted).is_empty());
        assert!(apart || world.plant != Plant::Nothing, "{counted:?}");
        let number = self.known.len();
        self.known.push(Known { validator, sight: sight.clone(), topics });
        self.numbers.insert(sight, number);
        number
    }

    fn number_set(&mut self, set: Vec<State>) -> States {
        if let Some(number) = self.set_numbers.get(&set) {
            return *number;
        }
        let number = States::try_from(self.sets.len()).expect("few sets");
        self.sets.push(set.clone());
        self.set_numbers.insert(set, number);
        number
    }
}

/// The letters that a validator's rules may look at together, rule by rule.
fn topics(validator: &Validator, world: &World) -> Vec<Letters> {
    let sight = validator.sight(world);
    let blocks = Letters::of(|letter| matches!(letter, Letter::Block(_)));
    let is_open = |round, kind| validator.polka(round, kind, world).is_none();
    let mut topics = Vec::new();
    if validator.real.is_decided() {
        return topics;
    }
    // L49, once the block is here.
    if validator.real.target().is_some() {
        return vec![blocks];
    }
    // L49, and the end of a round by nil: precommits of this or an earlier round.
    for round in (0..=sight.round).filter(|round| *round < ROUNDS) {
        if is_open(round, VoteKind::Precommit) {
            topics.push(votes(round, VoteKind::Precommit));
        }
    }
    if ROUNDS <= sight.round {
        return topics;
    }
    match sight.step {
        Step::Propose => {
            // L22.
            topics.push(proposals(sight.round, false));
            // L28.
            topics.push(proposals(sight.round, true));
            if 0 < sight.round && is_open(0, VoteKind::Prevote) {
                topics.push(votes(0, VoteKind::Prevote));
            }
        }
        // L36, L42, L44.
        Step::Prevote | Step::Precommit if is_open(sight.round, VoteKind::Prevote) => {
            topics.push(votes(sight.round, VoteKind::Prevote));
        }
        // L36, once the block is here.
        Step::Prevote | Step::Precommit => topics.push(blocks),
    }
    topics
}

fn votes(of: u32, of_kind: VoteKind) -> Letters {
    Letters::of(|letter| match letter {
        Letter::Vote { round, kind, .. } => (*round, *kind) == (of, of_kind),
        _ => false,
    })
}

fn proposals(of: u32, with_polka: bool) -> Letters {
    Letters::of(|letter| {
        matches!(letter, Letter::Proposal { round, pol, .. }
            if (*round, *pol) == (of, with_polka))
    })
}
