//! An own model of validator sets and of their rotation, written from the specification and not
//! from `types`, so that a mistake there does not hide itself. Only results are compared.
//! spec: `spec/consensus/proposer-selection.md`.

use std::sync::Arc;

use types::{Address, Hash, PublicKey, ValidatorUpdate};

use super::merkle;

/// No height of the simulator takes more rounds.
const ROUNDS_MAX: u32 = 10_000;

/// One validator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Whose.
    pub address: Address,
    /// What it signs with.
    pub key: PublicKey,
    /// Its weight.
    pub power: u64,
}

/// Who votes at a height, in order: power descending, then address ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committee {
    /// All validators.
    pub seats: Vec<Seat>,
    /// The weight of all.
    pub total: u64,
    /// What headers say of it.
    pub hash: Hash,
}

/// A committee and whose turn it is: at a height, one step for each round.
#[derive(Clone, Debug)]
pub struct Rotation {
    committee: Arc<Committee>,
    /// How long each seat has waited for its turn, weighted.
    merits: Vec<i128>,
    /// Whose turn it is in round 0.
    first: usize,
}

impl Committee {
    fn new(mut seats: Vec<Seat>) -> Self {
        seats.sort_by(|a, b| b.power.cmp(&a.power).then_with(|| a.address.cmp(&b.address)));
        let total = seats.iter().map(|seat| seat.power).sum();
        let leaves: Vec<Vec<u8>> = seats.iter().map(leaf).collect();
        Self { hash: merkle::root(&leaves), seats, total }
    }

    /// Whether so much is more than two thirds.
    pub fn is_quorum(&self, power: u64) -> bool {
        u128::from(self.total) * 2 < u128::from(power) * 3
    }

    /// The seat of an address.
    pub fn find(&self, address: &Address) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.address == *address)
    }
}

impl Rotation {
    /// The first of a chain: all begin as equals, and one step has been taken.
    pub fn first(members: &[(PublicKey, u64)]) -> Self {
        let seat = |&(key, power): &(PublicKey, u64)| Seat { address: key.address(), key, power };
        let committee = Arc::new(Committee::new(members.iter().map(seat).collect()));
        let merits = vec![0; committee.seats.len()];
        Self { committee, merits, first: 0 }.advanced(1)
    }

    /// Who votes.
    pub fn committee(&self) -> &Arc<Committee> {
        &self.committee
    }

    /// Whose turn it is in each round up to this one.
    pub fn proposers(&self, round: u32) -> Vec<Seat> {
        let mut turn = self.clone();
        let mut turns = vec![self.committee.seats[self.first]];
        if 0 < round {
            turn.settle();
        }
        for _ in 0..round.min(ROUNDS_MAX) {
            turn.step();
            turns.push(self.committee.seats[turn.first]);
        }
        turns
    }

    /// After so many steps. At least one.
    pub fn advanced(&self, steps: u32) -> Self {
        let mut after = self.clone();
        after.settle();
        for _ in 0..steps {
            after.step();
        }
        after
    }

    /// At the height after this one, if the application wanted this meanwhile.
    pub fn updated(&self, updates: &[ValidatorUpdate]) -> Self {
        if updates.is_empty() {
            return self.advanced(1);
        }
        let waited = self.committee.seats.iter().copied().zip(self.merits.iter().copied());
        let mut waited: Vec<(Seat, i128)> = waited.collect();
        let place = |waited: &[(Seat, i128)], key: PublicKey| {
            waited.iter().position(|(seat, _)| seat.key == key)
        };
        // New ones wait longest: their debt counts everybody who is not yet removed.
        let stays = |update: &&ValidatorUpdate| 0 < update.power.0;
        let mut joining = Vec::new();
        for update in updates.iter().filter(stays) {
            let power = update.power.0;
            match place(&waited, update.public_key) {
                Some(index) => waited[index].0.power = power,
                None => joining.push(Seat {
                    address: update.public_key.address(),
                    key: update.public_key,
                    power,
                }),
            }
        }
        let all = waited.iter().map(|(seat, _)| seat).chain(&joining);
        let all: i128 = all.map(|seat| i128::from(seat.power)).sum();
        waited.extend(joining.into_iter().map(|seat| (seat, -(all + all / 8))));
        for update in updates.iter().filter(|it| !stays(it)) {
            waited.retain(|(seat, _)| seat.key != update.public_key);
        }
        let committee = Committee::new(waited.iter().map(|&(seat, _)| seat).collect());
        let merit = |seat: &Seat| waited.iter().find(|(it, _)| it == seat).map(|&(_, it)| it);
        let merits = committee.seats.iter().map(|it| merit(it).expect("the same seats"));
        let merits = merits.collect();
        let mut after = Self { committee: Arc::new(committee), merits, first: 0 };
        after.settle();
        after.advanced(1)
    }

    /// Draws merits together if they are further apart than two totals, and centres them.
    fn settle(&mut self) {
        let (Some(&most), Some(&least)) = (self.merits.iter().max(), self.merits.iter().min())
        else {
            return;
        };
        let window = 2 * i128::from(self.committee.total);
        let ratio = (most - least + window - 1) / window;
        if 1 < ratio {
            self.merits.iter_mut().for_each(|merit| *merit /= ratio);
        }
        let count = i128::try_from(self.merits.len()).expect("few seats");
        let mean = self.merits.iter().sum::<i128>().div_euclid(count);
        self.merits.iter_mut().for_each(|merit| *merit -= mean);
    }

    /// Everybody earns its power; who has most takes the turn and pays the total.
    fn step(&mut self) {
        let seats = &self.committee.seats;
        for (merit, seat) in self.merits.iter_mut().zip(seats) {
            *merit += i128::from(seat.power);
        }
        let turn = (0..seats.len()).max_by(|&a, &b| {
            let by_address = || seats[b].address.cmp(&seats[a].address);
            self.merits[a].cmp(&self.merits[b]).then_with(by_address)
        });
        self.first = turn.expect("a committee has seats");
        self.merits[self.first] -= i128::from(self.committee.total);
    }
}

/// A seat as the header's hash has it: `SimpleValidator { pub_key: { ed25519 }, voting_power }`.
fn leaf(seat: &Seat) -> Vec<u8> {
    let mut bytes = vec![0x0A, 34, 0x0A, 32];
    bytes.extend_from_slice(&seat.key.0);
    bytes.push(0x10);
    let mut rest = seat.power;
    while 0x7F < rest {
        bytes.push(u8::try_from(rest & 0x7F).expect("seven bits") | 0x80);
        rest >>= 7;
    }
    bytes.push(u8::try_from(rest).expect("seven bits"));
    bytes
}

#[cfg(test)]
mod tests {
    use types::{ValidatorIndex, ValidatorSet, VotingPower};

    use super::*;
    use crate::chance::Chance;

    fn key(number: u64) -> PublicKey {
        let mut bytes = [7; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        PublicKey(bytes)
    }

    /// The product's set and ours have the same members, hash and proposers.
    fn same(set: &ValidatorSet, rotation: &Rotation) {
        assert_eq!(set.hash(), rotation.committee().hash);
        for (round, seat) in (0..).zip(rotation.proposers(5)) {
            let theirs = set.proposer_in(types::Round(round));
            let theirs = set.get(theirs).expect("a member").address;
            assert_eq!(theirs, seat.address, "round {round}");
        }
        for (index, seat) in (0..).zip(&rotation.committee().seats) {
            let theirs = set.get(ValidatorIndex(index)).expect("as many");
            assert_eq!((theirs.address, theirs.power.0), (seat.address, seat.power));
        }
    }

    #[test]
    fn two_rotations_written_apart_agree_through_many_updates() {
        for seed in 0..20 {
            let mut chance = Chance::of(seed, 0);
            let members: Vec<(PublicKey, u64)> =
                (0..4).map(|number| (key(number), chance.log_between(1, 1 << 40))).collect();
            let theirs: Vec<(PublicKey, VotingPower)> =
                members.iter().map(|&(key, power)| (key, VotingPower(power))).collect();
            let mut set = ValidatorSet::new(&theirs).unwrap();
            let mut rotation = Rotation::first(&members);
            for _ in 0..60 {
                same(&set, &rotation);
                let mut updates = Vec::new();
                if chance.coin() {
                    let public_key = key(chance.below(7));
                    let is_member = rotation.committee().find(&public_key.address()).is_some();
                    let leaves = is_member && chance.permille(300) && 2 < set.count();
                    let power = if leaves { 0 } else { chance.log_between(1, 1 << 40) };
                    updates.push(ValidatorUpdate { public_key, power: VotingPower(power) });
                }
                set = set.updated(&updates).unwrap().advanced(1);
                rotation = rotation.updated(&updates);
            }
        }
    }
}
