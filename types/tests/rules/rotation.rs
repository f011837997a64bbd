//! The rotation of proposers: against a plain model, the reference's sequences, and its properties.

use types::outcome::ValidatorUpdate;
use types::{Address, PublicKey, Round, Validator, ValidatorSet, VotingPower};

/// A small generator of numbers, so that every run tests the same.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % limit
    }
}

/// A key that is no point; rotation never looks.
fn key(number: u64) -> PublicKey {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    PublicKey(bytes)
}

/// Keys in the order of their addresses.
fn keys_by_address(count: u64) -> Vec<PublicKey> {
    let mut keys: Vec<PublicKey> = (0..count).map(key).collect();
    keys.sort_by_key(PublicKey::address);
    keys
}

fn set(members: &[(PublicKey, u64)]) -> ValidatorSet {
    let members: Vec<_> = members.iter().map(|&(key, power)| (key, VotingPower(power))).collect();
    ValidatorSet::new(&members).unwrap()
}

/// The rotation as one would write it down from the specification, in numbers that cannot overflow.
struct Model {
    members: Vec<ModelMember>,
}

struct ModelMember {
    address: Address,
    power: i128,
    priority: i128,
}

impl Model {
    fn new(members: &[(PublicKey, u64)]) -> Self {
        let mut model = Self { members: vec![] };
        let changes: Vec<_> = members.iter().map(|&(key, power)| (key, power)).collect();
        model.update(&changes);
        model.run(1);
        model
    }

    fn total(&self) -> i128 {
        self.members.iter().map(|it| it.power).sum()
    }

    fn update(&mut self, changes: &[(PublicKey, u64)]) {
        let leaving: Vec<Address> =
            changes.iter().filter(|it| it.1 == 0).map(|it| it.0.address()).collect();
        for &(key, power) in changes.iter().filter(|it| it.1 != 0) {
            let address = key.address();
            match self.members.iter_mut().find(|it| it.address == address) {
                Some(member) => member.power = i128::from(power),
                None => self.members.push(ModelMember {
                    address,
                    power: i128::from(power),
                    priority: i128::MIN,
                }),
            }
        }
        let total = self.total();
        for member in self.members.iter_mut().filter(|it| it.priority == i128::MIN) {
            member.priority = -(total + total / 8);
        }
        self.members.retain(|it| !leaving.contains(&it.address));
        self.settle();
    }

    fn settle(&mut self) {
        let window = 2 * self.total();
        let most = self.members.iter().map(|it| it.priority).max().unwrap();
        let least = self.members.iter().map(|it| it.priority).min().unwrap();
        let mut ratio = 1;
        while most - least > window * ratio {
            ratio += 1;
        }
        for member in &mut self.members {
            let size = member.priority.abs() / ratio;
            member.priority = if member.priority < 0 { -size } else { size };
        }
        let count = i128::try_from(self.members.len()).unwrap();
        let sum: i128 = self.members.iter().map(|it| it.priority).sum();
        let mean = if sum < 0 { -((-sum + count - 1) / count) } else { sum / count };
        for member in &mut self.members {
            member.priority -= mean;
        }
    }

    fn run(&mut self, steps: u32) -> Address {
        self.settle();
        let total = self.total();
        let mut proposer = None;
        for _ in 0..steps {
            for member in &mut self.members {
                member.priority += member.power;
            }
            let most = self.members.iter().map(|it| it.priority).max().unwrap();
            let first = self.members.iter_mut().filter(|it| it.priority == most);
            let chosen = first.min_by_key(|it| it.address).unwrap();
            chosen.priority -= total;
            proposer = Some(chosen.address);
        }
        proposer.unwrap()
    }

    fn agrees_with(&self, set: &ValidatorSet) -> bool {
        self.members.len() == set.count()
            && self.members.iter().all(|member| {
                let (_, validator) = set.find(&member.address).unwrap();
                i128::from(validator.proposer_priority) == member.priority
            })
    }
}

#[test]
fn ten_thousand_steps_with_changing_sets_are_the_models() {
    let mut numbers = Numbers(1);
    let start: Vec<_> = (0..7).map(|number| (key(number), 1 + numbers.below(1_000))).collect();
    let (mut set, mut model) = (set(&start), Model::new(&start));
    for step in 0..10_000 {
        if step % 17 == 0 {
            let mut changes = vec![];
            for number in 0..12 {
                // Powers of very different sizes, so that priorities are rescaled too.
                let power = match numbers.below(6) {
                    0 if set.find(&key(number).address()).is_some() && 3 < set.count() => 0,
                    1 => 1 + numbers.below(10),
                    2 => 1 + numbers.below(1_000_000_000),
                    _ => continue,
                };
                changes.push((key(number), power));
                if power == 0 {
                    break;
                }
            }
            let updates: Vec<_> = changes
                .iter()
                .map(|&(public_key, power)| ValidatorUpdate {
                    public_key,
                    power: VotingPower(power),
                })
                .collect();
            set = set.updated(&updates).unwrap();
            if !changes.is_empty() {
                model.update(&changes);
            }
        }
        let times = u32::try_from(1 + numbers.below(3)).unwrap();
        set = set.advanced(times);
        let proposer = model.run(times);
        assert_eq!(set.proposer().address, proposer, "step {step}");
        assert!(model.agrees_with(&set), "step {step}");
    }
}

#[test]
fn large_powers_neither_overflow_nor_differ_from_the_model() {
    let limit = types::power::TOTAL_POWER_MAX;
    let members = [(key(1), limit - 2), (key(2), 1), (key(3), 1)];
    let (mut set, mut model) = (set(&members), Model::new(&members));
    for step in 0..1_000 {
        set = set.advanced(1);
        assert_eq!(set.proposer().address, model.run(1), "step {step}");
        assert!(model.agrees_with(&set), "step {step}");
    }
}

/// Who proposes in `steps` heights, by the index of the key.
fn sequence(keys: &[PublicKey], powers: &[u64], steps: usize) -> Vec<usize> {
    let members: Vec<_> = keys.iter().copied().zip(powers.iter().copied()).collect();
    let mut set = set(&members);
    let mut sequence = vec![];
    for _ in 0..steps {
        let proposer = set.proposer().public_key;
        sequence.push(keys.iter().position(|&key| key == proposer).unwrap());
        set = set.advanced(1);
    }
    sequence
}

/// spec: `TestProposerSelection1`.
#[test]
fn three_validators_take_turns_as_in_the_reference() {
    let expected = "foo baz foo bar foo foo baz foo bar foo foo baz foo foo bar foo baz foo foo \
        bar foo foo baz foo bar foo foo baz foo bar foo foo baz foo foo bar foo baz foo foo bar \
        foo baz foo foo bar foo baz foo foo bar foo baz foo foo foo baz bar foo foo foo baz \
        foo bar foo foo baz foo bar foo foo baz foo bar foo foo baz foo bar foo foo baz foo \
        foo bar foo baz foo foo bar foo baz foo foo bar foo baz foo foo";
    let expected: Vec<&str> = expected.split_whitespace().collect();
    let names = ["bar", "baz", "foo"];
    let actual = sequence(&keys_by_address(3), &[300, 330, 1_000], 99);
    let actual: Vec<&str> = actual.into_iter().map(|index| names[index]).collect();
    assert_eq!(actual, expected);
}

/// spec: `TestProposerSelection2`.
#[test]
fn equal_priorities_fall_to_the_lower_address() {
    let keys = keys_by_address(3);
    assert_eq!(sequence(&keys, &[100, 100, 100], 6), [0, 1, 2, 0, 1, 2]);
    // Not quite enough to propose twice in a row, and just enough.
    assert_eq!(sequence(&keys, &[100, 100, 400], 2), [2, 0]);
    assert_eq!(sequence(&keys, &[100, 100, 401], 3), [2, 2, 0]);
    let turns = sequence(&keys, &[4, 5, 3], 120);
    let count = |index| turns.iter().filter(|&&turn| turn == index).count();
    assert_eq!([count(0), count(1), count(2)], [40, 50, 30]);
}

/// spec: `TestAveragingInIncrementProposerPriorityWithVotingPower`.
#[test]
fn priorities_are_those_of_the_references_table() {
    let keys = keys_by_address(3);
    let validator = |index: usize, power| Validator {
        address: keys[index].address(),
        public_key: keys[index],
        power: VotingPower(power),
        proposer_priority: 0,
    };
    let members = vec![validator(0, 10), validator(1, 1), validator(2, 1)];
    let start = ValidatorSet::from_parts(members, None).unwrap();
    let expected = [
        ([-2, 1, 1], 0),
        ([-4, 2, 2], 0),
        ([-6, 3, 3], 0),
        ([-8, 4, 4], 0),
        ([2, -7, 5], 1),
        ([0, -6, 6], 0),
        ([-2, -5, 7], 0),
        ([-4, -4, 8], 0),
        ([6, -3, -3], 2),
        ([4, -2, -2], 0),
        ([2, -1, -1], 0),
    ];
    for (times, (priorities, proposer)) in (1..).zip(expected) {
        let set = start.advanced(times);
        let actual: Vec<i64> = set.validators().iter().map(|it| it.proposer_priority).collect();
        assert_eq!(actual, priorities, "after {times} steps");
        assert_eq!(set.proposer().public_key, keys[proposer], "after {times} steps");
    }
}

#[test]
fn turns_are_in_proportion_to_power_and_priorities_stay_centred() {
    let mut numbers = Numbers(2);
    for count in 1..=20_u64 {
        let members: Vec<_> =
            (0..count).map(|number| (key(number), 1 + numbers.below(5_000))).collect();
        let mut set = set(&members);
        let steps = 3_000_i128;
        let mut turns = vec![0_i128; set.count()];
        for _ in 0..steps {
            turns[usize::try_from(set.find(&set.proposer().address).unwrap().0.0).unwrap()] += 1;
            set = set.advanced(1);
            let sum: i128 =
                set.validators().iter().map(|it| i128::from(it.proposer_priority)).sum();
            assert!(0 <= sum && sum < i128::from(count), "the sum of priorities is {sum}");
        }
        let total = i128::from(set.total_power().0);
        for (validator, turns) in set.validators().iter().zip(turns) {
            let fair = steps * i128::from(validator.power.0);
            // Off by at most the window of priorities: two turns.
            assert!((turns * total - fair).abs() <= 2 * total, "{turns} turns of {fair}/{total}");
        }
    }
}

#[test]
fn late_joiner_waits_for_its_turn() {
    let keys = keys_by_address(5);
    let old: Vec<_> = keys[..4].iter().map(|&key| (key, 10)).collect();
    let joiner = ValidatorUpdate { public_key: keys[4], power: VotingPower(10) };
    let mut set = set(&old).advanced(7).updated(&[joiner]).unwrap();
    let mut waited = 0;
    while set.proposer().public_key != keys[4] {
        waited += 1;
        set = set.advanced(1);
    }
    // It begins 1.125 totals behind, and gains a fifth of a total in each step.
    assert!(5 <= waited, "proposed after {waited} steps");
}

#[test]
fn leaving_and_joining_again_does_not_bring_a_turn_forward() {
    let keys = keys_by_address(4);
    let members: Vec<_> = keys.iter().map(|&key| (key, 10)).collect();
    let set = set(&members);
    let proposer = set.proposer().public_key;
    let update = |power| ValidatorUpdate { public_key: proposer, power: VotingPower(power) };
    let again = set.updated(&[update(0)]).unwrap().updated(&[update(10)]).unwrap();
    let priority = |set: &ValidatorSet| set.find(&proposer.address()).unwrap().1.proposer_priority;
    assert!(priority(&again) <= priority(&set));
}

#[test]
fn later_rounds_go_on_where_the_round_before_stopped() {
    let members: Vec<_> = (0..5).map(|number| (key(number), 1 + number * 3)).collect();
    let set = set(&members);
    for round in 0..50 {
        let by_steps = set.advanced(round).proposer().address;
        let index = set.proposer_in(Round(round));
        assert_eq!(set.get(index).unwrap().address, by_steps, "round {round}");
    }
}
