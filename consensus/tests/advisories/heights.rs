//! Heights and rounds: what belongs to one does not survive into the next, alarms are values, and
//! one that is inconsistent in itself stops nobody else.

use std::collections::BTreeSet;
use std::time::Duration;

use consensus::{Config, Input, Output, Record, Replica, Start, Timeout, Wait};
use types::{
    BlockId, ConsensusParams, Height, Message, Part, PartSet, PeerId, Proposal, Round, Verified,
};

use crate::solo::Solo;
use crate::world::{SIGNATURE, Weather, World, brisk, genesis_state, key};

fn follower() -> Solo {
    let config = Config { commit: Duration::ZERO, ..Config::default() };
    Solo::new(3, config, ConsensusParams::default())
}

/// Obeys commands and returns all that the replica did.
fn play(solo: &mut Solo, commands: &[&str]) -> Vec<String> {
    let lines = commands.iter().map(|command| solo.obey(command));
    let lines: Vec<String> = lines.collect();
    lines.concat().lines().map(|line| line.trim().to_owned()).collect()
}

/// The Game of Stakes halted since "the wait for precommits was set already" outlived its height.
/// Here a height is a new value: what happened in the last leaves no trace in the next.
#[test]
fn advisory_03_a_new_height_begins_with_nothing_of_the_last() {
    let mut solo = follower();
    // Every flag of a height and round is raised: waits, locks, votes, later rounds.
    let first = play(
        &mut solo,
        &[
            "start",
            "propose 0 A",
            "prevote 0 A 0",
            "prevote 0 nil 1",
            "prevote 0 A 2",
            "precommit 0 nil 0",
            "precommit 0 A 1",
            "timeout precommit 0",
            "prevote 1 nil 0",
            "prevote 1 A 1",
            "timeout propose 1",
            "precommit 0 A 2",
        ],
    );
    for flag in ["wait precommit 0", "lock 0 A", "round 1", "decide 0 A"] {
        assert!(first.iter().any(|line| line == flag), "{flag}: {first:?}");
    }
    assert!(play(&mut solo, &["execute"]).contains(&"round 0".to_owned()));
    // The same height again, as the one before it was.
    let mut fresh = follower();
    fresh.obey("start");
    let script = [
        "timeout propose 0",
        "prevote 0 nil 0",
        "prevote 0 A 1",
        "timeout prevote 0",
        "precommit 0 nil 0",
        "precommit 0 A 1",
        "timeout precommit 0",
        "propose 1 B",
        "prevote 1 B 0 1",
        "precommit 1 B 0 1",
    ];
    assert_eq!(play(&mut solo, &script), play(&mut fresh, &script));
}

/// A block's hash covers its header only. A proposer that offered other contents, or other bytes,
/// under a header that was accepted before got them accepted as well, and whoever had seen the
/// first block then decided what nobody can execute.
#[test]
fn advisory_08_other_contents_under_an_accepted_header_are_not_voted_for() {
    for double in ["E", "F"] {
        let mut solo = follower();
        let first = play(&mut solo, &["start", "propose 0 A", "prevote 1 nil 0 1"]);
        assert!(first.contains(&"prevote 0 A".to_owned()), "{first:?}");
        let second = play(&mut solo, &[&format!("propose 1 {double}")]);
        assert!(second.contains(&"prevote 1 nil".to_owned()), "{double}: {second:?}");
        // In the other order the honest block is accepted all the same.
        let mut solo = follower();
        let first =
            play(&mut solo, &["start", &format!("propose 0 {double}"), "prevote 1 nil 0 1"]);
        assert!(first.contains(&"prevote 0 nil".to_owned()), "{first:?}");
        let second = play(&mut solo, &["propose 1 A"]);
        assert!(second.contains(&"prevote 1 A".to_owned()), "after {double}: {second:?}");
    }
}

/// Two timeouts that were scheduled at once raced with each other. Here an alarm is a value that
/// says what it is for, and one that no longer matters changes nothing, in whatever order they
/// ring and however often.
#[test]
fn advisory_58_alarms_of_the_past_and_of_the_future_change_nothing() {
    let waits = ["propose", "prevote", "precommit", "commit", "empty-block"];
    let stale = |solo: &mut Solo, but: &[(&str, u32)]| {
        for round in [0, 1, 2, 9] {
            for wait in waits {
                if !but.contains(&(wait, round)) {
                    let did = solo.obey(&format!("timeout {wait} {round}"));
                    assert_eq!(did, "", "timeout {wait} {round}");
                }
            }
        }
    };
    let mut solo = follower();
    solo.obey("start");
    stale(&mut solo, &[("propose", 0), ("precommit", 0)]);
    play(&mut solo, &["propose 0 A", "prevote 0 A 0"]);
    stale(&mut solo, &[("prevote", 0), ("precommit", 0)]);
    play(&mut solo, &["prevote 0 A 1", "precommit 0 nil 0", "precommit 0 A 1"]);
    stale(&mut solo, &[("precommit", 0)]);
    let both = play(&mut solo, &["timeout precommit 0", "timeout precommit 0"]);
    assert_eq!(both.iter().filter(|line| line.starts_with("round")).count(), 1, "{both:?}");
}

/// ASA-2025-002 and #5324: a set of parts that no block can have is not awaited, and a part that
/// belongs nowhere is neither kept nor passed on.
#[test]
fn advisory_25_a_proposal_of_more_parts_than_the_parameters_allow_is_blamed() {
    for (bytes_max, allowed) in [(65_536, 1), (65_537, 2), (22_020_096, 336)] {
        for total in [allowed, allowed + 1, 1_601, u32::MAX] {
            let mut params = ConsensusParams::default();
            params.block.bytes_max = Some(bytes_max);
            params.evidence.bytes_max = 0;
            let (mut replica, id, _) = replica(params);
            let mut proposal = proposal(id);
            proposal.block_id.parts.total = total;
            let outputs = receive(&mut replica, Message::Proposal(proposal.into()));
            let blamed = outputs.iter().any(|it| matches!(it, Output::Penalise { .. }));
            assert_eq!(blamed, allowed < total, "{total} parts of {bytes_max} bytes");
            let taken = outputs.iter().any(|it| matches!(it, Output::Record(Record::Proposal(_))));
            assert_eq!(taken, total <= allowed);
        }
    }
}

#[test]
fn advisory_23_a_part_that_fits_nowhere_is_not_kept_and_its_sender_loses_score() {
    let (mut replica, id, parts) = replica(ConsensusParams::default());
    let total = id.parts.total;
    assert!(2 < total);
    receive(&mut replica, Message::Proposal(proposal(id).into()));
    let height = Height::FIRST;
    let of = |index: u32| parts.get(index).expect("the set is whole").clone();
    let wrong = [
        Part { index: 1, ..of(0) },
        Part { index: 0, ..of(1) },
        Part { bytes: of(1).bytes, ..of(0) },
        Part { proof: of(1).proof, ..of(0) },
        Part { index: total, ..of(0) },
        Part { index: u32::MAX, ..of(0) },
    ];
    let mut blamed = false;
    for number in 0..2_000 {
        let part = wrong[number % wrong.len()].clone();
        let message = Message::BlockPart { height, round: Round::FIRST, part };
        for output in receive(&mut replica, message) {
            match output {
                Output::Record(_) => panic!("part {number} is kept"),
                Output::Send { message: Message::BlockPart { .. }, .. } => panic!("passed on"),
                Output::Penalise { .. } => blamed = true,
                _ => {}
            }
        }
    }
    assert!(blamed, "whoever goes on for ever is blamed");
    // The block is complete all the same once its own parts come.
    let mut complete = false;
    for index in 0..total {
        let message = Message::BlockPart { height, round: Round::FIRST, part: of(index) };
        let outputs = receive(&mut replica, message);
        complete |= outputs.iter().any(|it| matches!(it, Output::Ask(_)));
    }
    assert!(complete, "the proposed block is judged");
}

const PROPOSER: PeerId = PeerId(7);

/// A follower in round 0 of the first height, and a block for it.
fn replica(params: ConsensusParams) -> (Replica, BlockId, PartSet) {
    let state = std::sync::Arc::new(genesis_state(&[10; 4], params));
    let tx = types::Tx::from(vec![1; 200_000]);
    let block = state.make_block(vec![tx], None, vec![], state.validators.proposer().address);
    let start =
        Start { state, last_commit: None, last_header: None, stored: None, evidence: vec![] };
    let config = Config { commit: Duration::ZERO, ..Config::default() };
    let mut replica = Replica::new(config, Some(key(9)), start, vec![]);
    let mut outputs = Vec::new();
    let now = types::Time::from_unix(1_000, 0).expect("within the calendar");
    replica.begin(now, &mut outputs);
    replica.handle(now, Input::PeerUp(PROPOSER), &mut outputs);
    let pause = Timeout { height: Height::FIRST, round: Round::FIRST, wait: Wait::Commit };
    replica.handle(now, Input::Timeout(pause), &mut outputs);
    let parts = block.part_set();
    (replica, block.id(&parts), parts)
}

fn proposal(block_id: BlockId) -> Proposal {
    Proposal {
        height: Height::FIRST,
        round: Round::FIRST,
        pol_round: None,
        block_id,
        timestamp: types::Time::EPOCH,
        signature: SIGNATURE,
    }
}

fn receive(replica: &mut Replica, message: Message) -> Vec<Output> {
    let mut outputs = Vec::new();
    let now = types::Time::from_unix(1_001, 0).expect("within the calendar");
    let message = Verified::assume(message);
    replica.handle(now, Input::Received { peer: PROPOSER, message }, &mut outputs);
    outputs
}

/// An application whose words about vote extensions contradict each other stalled a whole network.
/// Here the one node whose application takes no extension decides what the others decide.
#[test]
fn advisory_31_an_application_that_refuses_all_extensions_stalls_nobody() {
    let mut params = ConsensusParams::default();
    params.abci.extensions_from = Some(Height(1));
    for seed in 1..=4 {
        let mut world = World::new(&[10; 4], brisk(), params.clone(), seed);
        world.weather = Weather { delay_ms_max: 20, ..Weather::default() };
        world.picky = BTreeSet::from([2]);
        world.run_to(6, 60_000);
        assert_eq!(world.decided.len(), world.decided.keys().count());
    }
}

/// A node that fetches blocks and votes with the same key could contradict itself after a crash on
/// the way. The world looks for two signatures at one place, and for two blocks at one height.
#[test]
fn advisory_33_crashes_while_catching_up_never_make_a_validator_contradict_itself() {
    for seed in 1..=25 {
        let params = ConsensusParams::default();
        let mut world = World::new(&[10; 4], brisk(), params, seed);
        world.weather = Weather { delay_ms_max: 10, ..Weather::default() };
        world.run_to(2, 40_000);
        world.crash(3);
        world.run_to(30, 80_000);
        for _ in 0..6 {
            world.start(3);
            let outputs = world.random(120);
            world.crash_after(3, outputs);
            for _ in 0..3_000 {
                if world.members[3].replica.is_none() {
                    break;
                }
                world.step();
            }
            if world.members[3].replica.is_some() {
                world.crash(3);
            }
        }
        world.doomed = None;
        world.start(3);
        let goal = (0..4).map(|it| world.height(it)).max().expect("four of them") + 3;
        world.run_to(goal, 120_000);
    }
}
