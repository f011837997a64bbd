//! Twins: two members with one key, each of them following the protocol, as a Byzantine validator
//! that equivocates, votes twice and forgets (arXiv:2004.10617). In each of the first slots the
//! members are split in another way, the twins always apart; then all hear all, and everybody must
//! decide.
//!
//! A slot is a place in the rotation of proposers: height 1 in round 0 is slot 0, and each round
//! and each height further is one slot more. With equal powers the proposer of a slot is the same
//! whatever was decided before, so a schedule of proposers is a place of the twins in the rotation.
//! It cannot be chosen beyond that: who proposes follows from powers alone, and no validator
//! proposes twice within as many slots as there are validators.

use types::{Round, ValidatorSet, VotingPower};

use crate::chance::Chance;
use crate::curves::Curves;
use crate::plan::{Fault, FaultKind, MemberPlan, Plan, WaitsPlan};

/// Slots in which the members are split.
pub const SLOTS: usize = 3;
/// Validators of the exhaustive scenarios.
const VALIDATORS: usize = 4;
/// How long the scenario lasts, in milliseconds: three rounds that end in timeouts.
const LASTS_MS: u64 = 1200;
/// The stream of chance that samples are drawn from.
const STREAM: u64 = 3000;

/// A way to split members: the group of each.
type Split = Vec<u8>;

/// All scenarios of four validators, one of them twins, and three slots.
///
/// Five members can be split in 52 ways; in 37 of them the twins (here the last two) are apart. So
/// there are 37³ = 50,653 sequences of three. The twins are alike, and changing their places makes
/// another description of the same scenario; 5³ = 125 sequences stay the same by that (both twins
/// alone in each slot, the other three in any of 5 ways), so (50,653 + 125) / 2 = 25,389 are left.
/// The honest validators are told apart by when they propose, which is why no other symmetry is
/// left. The twins are first, second, third or last in the rotation: 101,556 scenarios.
pub fn scenarios() -> impl Iterator<Item = Plan> {
    let splits = splits(VALIDATORS + 1);
    let count = splits.len();
    (0..VALIDATORS).flat_map(move |place| {
        let splits = splits.clone();
        let sequences = (0..count.pow(SLOTS as u32)).filter_map(move |number| {
            let pick = |slot: usize| &splits[number / count.pow(slot as u32) % count];
            let sequence: Vec<Split> = (0..SLOTS).map(|slot| pick(slot).clone()).collect();
            is_canonical(&sequence).then_some((number, sequence))
        });
        sequences.map(move |(number, sequence)| plan(number, VALIDATORS, &[place], sequence))
    })
}

/// One of the scenarios of more validators, with as many pairs of twins as may be Byzantine.
pub fn sample(seed: u64, validators: usize) -> Plan {
    let mut chance = Chance::of(seed, STREAM);
    let pairs = (validators - 1) / 3;
    let mut places: Vec<usize> = (0..validators).collect();
    chance.shuffle(&mut places);
    places.truncate(pairs);
    let members = validators + pairs;
    let groups = chance.between(2, 3);
    let split = |chance: &mut Chance| loop {
        let group = |_| u8::try_from(chance.below(groups)).expect("few groups");
        let split: Split = (0..members).map(group).collect();
        let apart = |pair| split[validators - pairs + pair] != split[validators + pair];
        if (0..pairs).all(apart) {
            return split;
        }
    };
    let sequence = (0..SLOTS + 1).map(|_| split(&mut chance)).collect();
    let number = usize::try_from(chance.below(1 << 32)).expect("fits");
    plan(number, validators, &places, sequence)
}

/// The plan of a scenario. Members are the honest validators, then one of each pair of twins, then
/// the others, in the order of the splits.
fn plan(number: usize, validators: usize, places: &[usize], splits: Vec<Split>) -> Plan {
    let seed = u64::try_from(number).expect("fits 64 bits");
    let mut plan = Plan::fair(seed, &vec![1; validators], 1);
    let rotation = rotation(validators);
    let twins: Vec<usize> = places.iter().map(|&place| rotation[place]).collect();
    let honest = rotation.iter().copied().filter(|key| !twins.contains(key));
    let keys = honest.chain(twins.iter().copied()).chain(twins.iter().copied());
    let member = |key| MemberPlan { key: Some(key), skew_micros: 0, drift_ppm: 0, vices: vec![] };
    plan.members = keys.map(member).collect();
    plan.network.delay_micros = 5000;
    plan.waits = WaitsPlan {
        propose: 60,
        prevote: 30,
        precommit: 30,
        delta: 20,
        commit: 400,
        skip_commit: false,
        gossip: 100,
        relay: 20,
        catch_up: 1000,
    };
    let kind = FaultKind::ByRound { first: 1, groups: splits };
    plan.faults = vec![Fault { at_ms: 0, lasts_ms: LASTS_MS, kind }];
    plan
}

/// The keys in the order in which they propose.
pub fn rotation(validators: usize) -> Vec<usize> {
    let curves = Curves::new(validators, false);
    let keys: Vec<_> = (0..validators).map(|key| curves.public(key)).collect();
    let members: Vec<_> = keys.iter().map(|&key| (key, VotingPower(1))).collect();
    let set = ValidatorSet::new(&members).expect("a few validators of equal power");
    let proposer = |round| {
        let round = Round(u32::try_from(round).expect("few rounds"));
        let key = set.get(set.proposer_in(round)).expect("the proposer is a member").public_key;
        keys.iter().position(|it| *it == key).expect("one of the keys")
    };
    (0..validators).map(proposer).collect()
}

/// All ways to split members so that the last two are apart, each named once: a group has the
/// number of groups that begin before it.
fn splits(members: usize) -> Vec<Split> {
    let mut splits = vec![vec![]];
    for _ in 0..members {
        let longer = |split: &Split| {
            let next = split.iter().max().map_or(0, |most| most + 1);
            let split = split.clone();
            (0..=next).map(move |group| [&split[..], &[group]].concat()).collect::<Vec<_>>()
        };
        splits = splits.iter().flat_map(longer).collect();
    }
    splits.retain(|split| split[members - 2] != split[members - 1]);
    splits
}

/// Whether a sequence is not the greater of the two that differ in the twins' places only.
fn is_canonical(sequence: &[Split]) -> bool {
    let swapped: Vec<Split> = sequence.iter().map(swapped).collect();
    sequence <= &swapped[..]
}

/// The split with the twins' places changed, under its one name.
fn swapped(split: &Split) -> Split {
    let mut other = split.clone();
    other.swap(split.len() - 2, split.len() - 1);
    let mut names: Vec<u8> = vec![];
    let name = |group: &u8| {
        let known = names.iter().position(|it| it == group).unwrap_or_else(|| {
            names.push(*group);
            names.len() - 1
        });
        u8::try_from(known).expect("few groups")
    };
    other.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_are_as_many_as_the_count_says() {
        assert_eq!(splits(5).len(), 37);
        assert_eq!(scenarios().count(), 4 * (37 * 37 * 37 + 5 * 5 * 5) / 2);
    }

    #[test]
    fn twins_take_their_place_in_the_rotation() {
        let rotation = rotation(4);
        let mut sorted = rotation.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2, 3]);
        let first = scenarios().next().expect("there are scenarios");
        assert_eq!(first.members[3].key, Some(rotation[0]));
        assert_eq!(first.members[4].key, Some(rotation[0]));
    }

    #[test]
    fn samples_keep_every_pair_apart() {
        let plan = sample(1, 7);
        assert_eq!(plan.members.len(), 9);
        let FaultKind::ByRound { groups, .. } = &plan.faults[0].kind else { panic!("by round") };
        assert!(groups.iter().all(|split| split[5] != split[7] && split[6] != split[8]));
    }
}
