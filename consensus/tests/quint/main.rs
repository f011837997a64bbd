//! Traces of the Quint specification of Tendermint consensus (Malachite's `specs/consensus/quint`),
//! step by step against our code. They lie beside the workspace and are skipped, aloud, where they
//! are not.
//!
//! Three shapes: the rules alone are replayed on `round::Rounds`, the vote keeper on `Votes`, and
//! whole networks on a `height::Deliberation` for each participant, and beneath it once more rule
//! by rule. Where we differ on purpose is in `deviations.rs`, and nowhere else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod deviations;
mod difference;
mod keeper;
mod names;
mod network;
mod participant;
mod read;
mod rules;
mod trace;

use std::panic::{AssertUnwindSafe, catch_unwind};

use deviations::Counts;
use network::Seen;
use read::Trace;
use trace::{Choice, KeeperOutput, NetworkState, RuleOutput};

#[test]
fn every_step_of_the_specification_is_ours_too() {
    let files = read::files();
    let mut counts = Counts::default();
    let (mut all, mut in_full) = (0, 0);
    for path in &files {
        let name = read::name(path);
        match read::trace(path) {
            Trace::Rules(states) => {
                println!("{name}: {} rules", rules::replay(&states, &mut counts));
            }
            Trace::Keeper(states) => println!("{name}: {} votes", keeper::replay(&states)),
            Trace::Network(states) => {
                let Seen { steps, settled, rules, deliveries, heights, decisions } =
                    network::replay(&states, &mut counts);
                (all, in_full) = (all + steps, in_full + settled);
                println!(
                    "{name}: {steps} steps ({settled} compared in full) with {rules} rules, \
                     {deliveries} deliveries, {heights} more heights, {decisions} decisions"
                );
            }
        }
    }
    if !files.is_empty() {
        println!("{all} steps of participants, {in_full} compared in full");
        counts.report();
    }
}

/// The comparison can fail: a trace that was tampered with is not ours.
#[test]
fn a_trace_with_one_wrong_word_is_refused() {
    for path in read::files() {
        let refused = match read::trace(&path) {
            Trace::Rules(mut states) => {
                let last = states.last_mut().unwrap();
                last.output = RuleOutput::SkipRoundOutput(7);
                fails(|| {
                    rules::replay(&states, &mut Counts::default());
                })
            }
            Trace::Keeper(mut states) => {
                states.last_mut().unwrap().last_emitted = KeeperOutput::SkipVKOutput(7);
                fails(|| {
                    keeper::replay(&states);
                })
            }
            Trace::Network(states) => refuses_wrong_locks(states),
        };
        assert!(refused, "{}", path.display());
    }
}

/// Puts a wrong valid round into the last step of a network.
fn refuses_wrong_locks(mut states: Vec<NetworkState>) -> bool {
    let stepped = |pair: &[NetworkState]| pair[0].history != pair[1].history;
    let last = states.windows(2).rposition(stepped).expect("a network steps") + 1;
    let name = states[last].history.validator.clone();
    let cs = &mut states[last].system.0.get_mut(&name).unwrap().es.cs;
    (cs.valid_round, cs.valid_value) = match cs.valid_value {
        Choice::Nil => (0, Choice::Block(names::INVALID.to_owned())),
        Choice::Block(_) => (-1, Choice::Nil),
    };
    fails(|| {
        network::replay(&states, &mut Counts::default());
    })
}

fn fails(replay: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(replay)).is_err()
}
