//! Catching up among peers who lie: about their height, by silence, slowness, wrong blocks and
//! forged commits. Whatever they do, one honest peer is enough, and no honest peer is punished.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use consensus::{Config, Output, Proof, Recipients};
use proptest::prelude::*;
use types::{ExtendedCommit, Height, Message, Offence, PeerId, Round, Time, message::WireStep};

use crate::desk::{Desk, blamed, block, id, requests, served};

/// How long an honest peer takes to answer.
const ROUND_TRIP: Duration = Duration::from_millis(50);
/// How many blocks are lacking.
const BLOCKS: u64 = 400;
/// The score at which the network cuts and bans a peer.
const SCORE_MAX: u32 = 100;

/// What a peer does when it is asked for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Serves the true block.
    Honest,
    /// Says nothing.
    Silent,
    /// Says that it has none, and claims again to have all.
    Refusing,
    /// Serves another block than was decided.
    Wrong,
    /// Serves the true block, with a forged commit of the one before.
    Forging,
    /// Serves a block that says nothing of the one before.
    Headless,
    /// Serves the block that was asked for last, and each just before our patience ends.
    Dripping,
    /// Serves what nobody asked for.
    Astray,
    /// Claims other heights all the time.
    Flapping,
}

const LIARS: [Manner; 8] = [
    Manner::Silent,
    Manner::Refusing,
    Manner::Wrong,
    Manner::Forging,
    Manner::Headless,
    Manner::Dripping,
    Manner::Astray,
    Manner::Flapping,
];

/// Everybody who is connected, and what is under way between us and them.
struct Race {
    desk: Desk,
    manners: BTreeMap<PeerId, Manner>,
    wires: BTreeMap<(Time, u64), (PeerId, Message)>,
    sent: u64,
    alarm: Option<Time>,
    height: u64,
    scores: BTreeMap<PeerId, u32>,
    banned: BTreeSet<PeerId>,
    /// What each dripping peer still owes.
    owed: BTreeMap<PeerId, Vec<u64>>,
}

impl Race {
    fn new(manners: &[Manner]) -> Self {
        let mut race = Self {
            desk: Desk::new(),
            manners: (1..).map(PeerId).zip(manners.iter().copied()).collect(),
            wires: BTreeMap::new(),
            sent: 0,
            alarm: None,
            height: 1,
            scores: BTreeMap::new(),
            banned: BTreeSet::new(),
            owed: BTreeMap::new(),
        };
        for peer in race.manners.clone().into_keys() {
            let mut outputs = Vec::new();
            race.desk.catch_up.peer_up(peer, &mut outputs);
            race.carry_out(outputs);
        }
        race
    }

    /// How long it takes to have all blocks.
    fn run(&mut self) -> Duration {
        let begun = self.desk.now;
        while self.height <= BLOCKS {
            let span = self.desk.now.since(begun);
            assert!(
                span < Duration::from_secs(600),
                "stuck at {} of {:?}",
                self.height,
                self.manners
            );
            self.step();
            self.apply_ready();
        }
        self.desk.now.since(begun)
    }

    /// The next thing that happens: a message arrives, or the alarm rings.
    fn step(&mut self) {
        let wire = self.wires.first_key_value().map(|(&(at, _), _)| at);
        let mut outputs = Vec::new();
        if let Some(at) = wire.filter(|&at| self.alarm.is_none_or(|alarm| at <= alarm)) {
            self.desk.now = at;
            let (_, (peer, message)) = self.wires.pop_first().expect("it was just seen");
            if self.banned.contains(&peer) {
                return;
            }
            self.desk.catch_up.received(at, peer, message, &mut outputs);
            self.desk.catch_up.ask(at, &mut outputs);
        } else {
            let at = self.alarm.take().expect("nothing ever happens again");
            self.desk.now = at;
            self.desk.catch_up.timeout(at, &mut outputs);
        }
        self.carry_out(outputs);
    }

    /// Proves and executes what is ready, as the replica does.
    fn apply_ready(&mut self) {
        loop {
            let mut outputs = Vec::new();
            let ready = self.desk.catch_up.next_ready(false, &mut outputs);
            if let Some((block, commit)) = &ready {
                let is_commit = commit.round == Round::FIRST && commit.block_id == id(self.height);
                let is_block = block.header.app_hash.0.is_empty();
                let proof = match (is_commit, is_block) {
                    (true, true) => Proof::Good,
                    (true, false) => Proof::OfAnother,
                    (false, _) => Proof::Forged,
                };
                self.desk.catch_up.verified(Height(self.height), proof, &mut outputs);
                if proof == Proof::Good {
                    self.height += 1;
                    self.desk.catch_up.advance(Height(self.height));
                }
            }
            self.desk.catch_up.ask(self.desk.now, &mut outputs);
            let goes_on = ready.is_some() || !blamed(&outputs).is_empty();
            self.carry_out(outputs);
            if !goes_on {
                return;
            }
        }
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Schedule(alarm) => self.alarm = Some(self.desk.now.after(alarm.after)),
                Output::Penalise { peer, offence, .. } => self.punish(peer, offence),
                Output::Send { to, message } => self.heard(to, &message),
                _ => {}
            }
        }
    }

    fn punish(&mut self, peer: PeerId, offence: Offence) {
        let score = self.scores.entry(peer).or_default();
        *score += offence.weight();
        if SCORE_MAX <= *score && self.banned.insert(peer) {
            let mut outputs = Vec::new();
            self.desk.catch_up.peer_down(self.desk.now, peer, &mut outputs);
            self.carry_out(outputs);
        }
    }

    fn heard(&mut self, to: Recipients, message: &Message) {
        for (peer, manner) in self.manners.clone() {
            if to != Recipients::All && to != Recipients::One(peer) {
                continue;
            }
            match message {
                Message::StatusRequest => self.claim(peer, manner),
                Message::BlockRequest(height) => self.asked(peer, manner, height.0),
                _ => {}
            }
        }
    }

    fn send(&mut self, peer: PeerId, after: Duration, message: Message) {
        self.sent += 1;
        self.wires.insert((self.desk.now.after(after), self.sent), (peer, message));
    }

    fn claim(&mut self, peer: PeerId, manner: Manner) {
        let mut say = |after: u64, first: u64, last: u64| {
            let range = Some((Height(first), Height(last)));
            self.send(peer, Duration::from_secs(after), Message::StatusResponse { range });
        };
        match manner {
            Manner::Honest => say(0, 1, BLOCKS + 1),
            Manner::Flapping => {
                let far = i64::MAX as u64;
                let ranges = [(1, far), (1, 1), (far, far), (5, 9), (1, BLOCKS + 1), (300, far)];
                for (after, (first, last)) in (0..).zip(ranges) {
                    say(after, first, last);
                }
                let height = Height(far);
                let last_commit_round = Some(Round::FIRST);
                let (round, step, seconds_since_start) = (Round(7), WireStep::Propose, -1);
                let place = Message::NewRoundStep {
                    height,
                    round,
                    step,
                    seconds_since_start,
                    last_commit_round,
                };
                self.send(peer, Duration::from_secs(1), place);
            }
            // Claims again and again, so that its silence may be forgotten.
            _ => (0..10).for_each(|after| say(after, 1, 1_000_000)),
        }
    }

    fn asked(&mut self, peer: PeerId, manner: Manner, height: u64) {
        let last = Some(id(height - 1));
        match manner {
            Manner::Honest => self.send(peer, ROUND_TRIP, block(height)),
            Manner::Silent | Manner::Flapping => {}
            Manner::Refusing => {
                self.send(peer, ROUND_TRIP, Message::NoBlock(Height(height)));
                self.claim(peer, manner);
            }
            Manner::Wrong => self.send(peer, ROUND_TRIP, served(height, b"lie", last, None)),
            Manner::Forging => {
                self.send(peer, ROUND_TRIP, served(height, b"", Some(id(height + 7)), None));
            }
            Manner::Headless => self.send(peer, ROUND_TRIP, served(height, b"", None, None)),
            Manner::Astray => self.send(peer, ROUND_TRIP, block(height + 20)),
            Manner::Dripping => {
                let owed = self.owed.entry(peer).or_default();
                owed.push(height);
                let after = Duration::from_millis(4_900) * u32::try_from(owed.len()).unwrap_or(1);
                let last = owed.pop().expect("it was just asked");
                self.owed.entry(peer).or_default().insert(0, last);
                self.send(peer, after, block(height));
            }
        }
    }
}

/// Time with nobody but an honest peer.
fn alone() -> Duration {
    Race::new(&[Manner::Honest]).run()
}

fn assert_fast(manners: &[Manner]) {
    let (took, alone) = (Race::new(manners).run(), alone());
    assert!(took <= alone * 3, "{took:?} instead of {alone:?} with {manners:?}");
}

/// ASA-2025-001: a peer that claimed a height and then a lower one stopped a node from ever
/// reaching the first.
#[test]
fn advisory_40_claims_that_change_never_stop_a_node() {
    for liars in [1, 3, 7] {
        let mut manners = vec![Manner::Flapping; liars];
        manners.insert(liars / 2, Manner::Honest);
        assert_fast(&manners);
    }
}

/// A base far above us inflated the height that a node waited for. Here nothing is waited for but
/// blocks, and one honest peer is enough among seven of any kind.
#[test]
fn advisory_41_one_honest_peer_among_seven_liars_is_enough() {
    for liar in LIARS {
        for place in [0, 7] {
            let mut manners = vec![liar; 7];
            manners.insert(place, Manner::Honest);
            assert_fast(&manners);
        }
    }
    for turn in 0..LIARS.len() {
        let mut manners: Vec<Manner> = LIARS.iter().copied().cycle().skip(turn).take(7).collect();
        manners.insert(turn % 8, Manner::Honest);
        assert_fast(&manners);
    }
}

/// Peers dripped fresh blocks, each in time, and so slowly that a node never came to an end.
#[test]
fn advisory_42_blocks_that_drip_do_not_slow_down_a_node_with_an_honest_peer() {
    for drips in [1, 4, 7] {
        let mut manners = vec![Manner::Dripping; drips];
        manners.push(Manner::Honest);
        assert_fast(&manners);
    }
}

#[test]
fn advisory_46_nobody_is_punished_for_another_or_for_being_late() {
    let mut manners = vec![Manner::Honest; 2];
    manners.extend(LIARS);
    let mut race = Race::new(&manners);
    race.run();
    for peer in [PeerId(1), PeerId(2)] {
        assert_eq!(race.scores.get(&peer), None, "{:?}", race.scores);
    }
}

/// An honest peer that does not answer for a while is held to have been silent once, not once for
/// each of its eight requests; and its late answers are taken.
#[test]
fn advisory_46_a_pause_of_a_peer_is_one_offence_and_its_late_blocks_are_welcome() {
    let (one, other) = (PeerId(1), PeerId(2));
    let mut desk = Desk::new();
    desk.connect(one, 40);
    desk.connect(other, 40);
    let asked = desk.asks();
    assert_eq!(asked.len(), 16);
    let outputs = desk.wait(Config::default().catch_up);
    assert_eq!(blamed(&outputs), [(one, Offence::Silent), (other, Offence::Silent)]);
    for (peer, height) in asked {
        assert_eq!(blamed(&desk.says(peer, block(height))), [], "{peer} {height}");
    }
    let ready = desk.catch_up.next_ready(false, &mut Vec::new());
    assert_eq!(ready.map(|(block, _)| block.header.height), Some(Height(1)));
}

/// A block may come twice, or when it is no longer needed: who was asked for it is not blamed.
#[test]
fn advisory_46_an_answer_that_is_no_longer_needed_is_no_offence() {
    let (one, other) = (PeerId(1), PeerId(2));
    let mut desk = Desk::new();
    desk.connect(one, 20);
    let asked = desk.asks();
    // Decided by votes meanwhile: all that was asked for lies behind.
    desk.catch_up.advance(Height(15));
    for (peer, height) in asked {
        assert_eq!(blamed(&desk.says(peer, block(height))), [], "{height}");
    }
    // The next block was taken from a slow peer and asked of another; then both serve it.
    let mut desk = Desk::new();
    desk.connect(one, 5);
    assert_eq!(desk.asks().len(), 5);
    desk.connect(other, 5);
    let moved = requests(&desk.wait(Duration::from_secs(1)));
    assert_eq!(moved[..2], [(other, 1), (other, 2)]);
    for peer in [other, one] {
        for height in [1, 2] {
            assert_eq!(blamed(&desk.says(peer, block(height))), [], "{peer} {height}");
        }
    }
}

/// ASA-2024-008: a block with or without an extended commit, where the other was expected, made
/// nodes panic. Here only whoever served the block is to blame, and the rest is kept.
#[test]
fn advisory_39_an_extended_commit_is_there_where_it_must_be() {
    let extended = |height: u64| ExtendedCommit {
        height: Height(height),
        round: Round::FIRST,
        block_id: id(height),
        signatures: vec![],
    };
    let (liar, honest) = (PeerId(1), PeerId(2));
    for (enabled, sent) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut desk = Desk::new();
        desk.connect(liar, 1);
        desk.connect(honest, 2);
        let second = Message::StatusResponse { range: Some((Height(2), Height(2))) };
        desk.says(honest, second);
        assert_eq!(desk.asks(), [(liar, 1), (honest, 2)]);
        let commit = sent.then(|| extended(1));
        desk.says(liar, served(1, b"", Some(id(0)), commit.clone()));
        desk.says(honest, served(2, b"", Some(id(1)), Some(extended(2))));
        let mut outputs = Vec::new();
        let ready = desk.catch_up.next_ready(enabled, &mut outputs);
        let guilty = enabled && !sent;
        let blame: &[_] = if guilty { &[(liar, Offence::BadBlock)] } else { &[] };
        assert_eq!(blamed(&outputs), blame, "{enabled} {sent}");
        assert_eq!(ready.is_none(), guilty, "{enabled} {sent}");
        if let Some((_, proof)) = ready {
            assert_eq!(
                commit.unwrap_or(ExtendedCommit { signatures: vec![], ..extended(1) }),
                proof
            );
        }
        if guilty {
            // The honest block is kept, and the missing one asked of somebody else.
            desk.connect(PeerId(3), 2);
            assert_eq!(desk.asks(), [(PeerId(3), 1)]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Any company of up to seven liars.
    #[test]
    fn advisory_41_any_company_of_liars_is_survived(
        liars in proptest::collection::vec(0_usize..LIARS.len(), 1..8), place in 0_usize..8,
    ) {
        let mut manners: Vec<Manner> = liars.iter().map(|&it| LIARS[it]).collect();
        manners.insert(place.min(manners.len()), Manner::Honest);
        let (took, alone) = (Race::new(&manners).run(), alone());
        prop_assert!(took <= alone * 3, "{took:?} instead of {alone:?} with {manners:?}");
    }
}
