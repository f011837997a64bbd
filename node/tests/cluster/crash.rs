//! A node is made to die at every place of the crash list, as a power cut would end it. It goes on
//! where it was: nothing acknowledged is lost, no block becomes another, nothing is signed twice.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;

use execution::Point;
use node::signer::state_file;
use rustix::process::Signal;
use types::guard::{LastSigned, Position, SignedBytes, Step};

use crate::checks::{Chain, end_and_check};
use crate::client::Committed;
use crate::network::Network;
use crate::patience::wait_for;

/// Every place at its first passing, which may be in the handshake after the crash before; then
/// every place some heights later.
fn places() -> Vec<String> {
    // A chain passes it once, when it begins.
    assert_eq!(Point::ALL[0], Point::AfterInitChain, "it must be tried first");
    let first = Point::ALL.iter().map(|point| format!("{point}:1"));
    let later = Point::ALL[1..].iter().map(|point| format!("{point}:5"));
    first.chain(later).collect()
}

/// What was known of a chain before a node died.
#[derive(Default)]
struct Memory {
    acknowledged: Vec<Committed>,
    /// Hashes of blocks that the RPC has shown.
    hashes: BTreeMap<u64, String>,
    /// What the signer had signed last at each crash.
    signed: Vec<LastSigned>,
}

impl Memory {
    /// Runs a node until it dies at a place; meanwhile sends it transactions and remembers what it
    /// says.
    fn run_to_crash(&mut self, network: &mut Network, index: usize, place: &str) {
        network.start_to_crash(index, Some(place));
        let client = network.client(index);
        let mut number = 0;
        let status = wait_for(&format!("{place} is passed"), || {
            number += 1;
            self.acknowledged.extend(client.commit(&format!("{place}-{number}={number}")));
            if let Some((height, hash)) = client.latest().filter(|(height, _)| 0 < *height) {
                let known = self.hashes.entry(height).or_insert_with(|| hash.clone());
                assert_eq!(*known, hash, "height {height}");
            }
            network.ended(index)
        });
        assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{place}: {status}");
        let file = network.home(index).join("data/priv_validator_state.json");
        let last = state_file::load(&file).expect("it is whole, whatever happened");
        self.signed.push(last.expect("it is there"));
    }

    /// Checks that the chain is what it was said to be, and its commits what was signed.
    fn agrees_with(&self, chain: &Chain) {
        chain.has_kept(&self.acknowledged);
        let ids = chain.ids();
        for (height, hash) in &self.hashes {
            assert_eq!(ids[*height as usize - 1].hash.to_string(), *hash, "height {height}");
        }
        let positions: Vec<_> = self.signed.iter().map(|last| last.position).collect();
        assert!(positions.is_sorted(), "the signer went back: {positions:?}");
        for last in &self.signed {
            let (Some(position), Some(signed)) = (last.position, &last.signed) else { continue };
            agrees_with_commit(chain, position, signed);
        }
    }
}

/// A precommit that was signed before a crash is the one in the commit, if it is of that round.
fn agrees_with_commit(chain: &Chain, position: Position, signed: &SignedBytes) {
    let Position { height, round, step } = position;
    let commit = chain.seen_commit(height.0);
    if step == Step::Precommit && round == commit.round {
        let found = commit.votes().any(|vote| vote.signature == signed.signature);
        assert!(found, "{position}: the commit has another signature");
    }
}

#[test]
fn a_lone_validator_goes_on_after_a_crash_at_every_place() {
    let mut network = Network::make(1, 0, &["consensus.timeout_commit=0s"]);
    let mut memory = Memory::default();
    for place in places() {
        memory.run_to_crash(&mut network, 0, &place);
    }
    network.start(0);
    let client = network.client(0);
    let committed = wait_for("the chain goes on", || client.commit("after=all").ok());
    memory.acknowledged.push(committed);
    let chain = end_and_check(network);
    memory.agrees_with(&chain);
    // Every later crash had several heights before it.
    assert!(5 * (Point::ALL.len() as u64 - 1) / 2 < chain.tip());
}

#[test]
fn a_validator_among_others_never_contradicts_itself_after_a_crash() {
    let mut network = Network::make(4, 0, &["consensus.timeout_commit=20ms"]);
    (0..3).for_each(|index| network.start(index));
    let mut memory = Memory::default();
    for place in places() {
        memory.run_to_crash(&mut network, 3, &place);
    }
    network.start(3);
    network.await_heights_more(3);
    let chain = end_and_check(network);
    chain.has_kept(&memory.acknowledged);
    let positions: Vec<_> = memory.signed.iter().map(|last| last.position).collect();
    assert!(positions.is_sorted(), "the signer went back: {positions:?}");
}
