//! One node of two and two is killed, paused, or begins again with nothing: the chain goes on, and
//! the node catches up and votes again.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use crate::checks::{address_of, agreed, nobody_is_blamed};
use crate::network::{Kind, Network, Shape};
use crate::patience::wait_for;
use crate::shapes::BRISK;

/// How long a paused node is paused.
const PAUSE: Duration = Duration::from_secs(20);
/// Heights that the others decide meanwhile.
const MEANWHILE: u64 = 10;

pub fn killed_lockstep() {
    comes_back(Kind::Lockstep, kill_and_start);
}

pub fn killed_cometbft() {
    comes_back(Kind::Cometbft, kill_and_start);
}

pub fn paused_lockstep() {
    comes_back(Kind::Lockstep, pause);
}

pub fn paused_cometbft() {
    comes_back(Kind::Cometbft, pause);
}

pub fn emptied_lockstep() {
    comes_back(Kind::Lockstep, empty_lockstep);
}

pub fn emptied_cometbft() {
    comes_back(Kind::Cometbft, empty_cometbft);
}

/// One Lockstep validator begins again with nothing beside three of CometBFT's.
pub fn lockstep_from_cometbft_alone() {
    one_comes_back(Shape::validators(1, 3), Kind::Lockstep, empty_lockstep);
}

/// One CometBFT validator begins again with nothing beside three Lockstep ones.
pub fn cometbft_from_lockstep_alone() {
    one_comes_back(Shape::validators(3, 1), Kind::Cometbft, empty_cometbft);
}

fn comes_back(kind: Kind, harm: fn(&mut Network, usize)) {
    one_comes_back(Shape::validators(2, 2), kind, harm);
}

fn one_comes_back(shape: Shape, kind: Kind, harm: fn(&mut Network, usize)) {
    let mut network = Network::start(shape, &BRISK);
    network.await_height(5);
    let index = network.of(kind)[0];
    harm(&mut network, index);
    let back_at = network.height();
    network.await_height_of(index, back_at);
    votes_again(&network, index, back_at);
    network.await_heights_more(5);
    let chain = agreed(&network, 1, network.height() - 3);
    println!(
        "  back at {back_at}, agreed to {}, rounds {:?}",
        chain.blocks().len(),
        chain.rounds()
    );
    nobody_is_blamed(&network);
}

/// Waits until a block above `height` holds a node's precommit for it.
pub fn votes_again(network: &Network, index: usize, height: u64) {
    let address = address_of(network, index);
    let witness = network.running().into_iter().find(|&it| it != index).expect("others run");
    let client = network.client(witness);
    let mut next = height + 1;
    let found = wait_for("a vote of the node in a commit", || {
        let tip = client.height().filter(|&tip| next < tip)?;
        let signed = (next..tip).find(|&at| {
            let commit = client.at("commit", at);
            let signatures = commit["signed_header"]["commit"]["signatures"].as_array().cloned();
            let mut signatures = signatures.into_iter().flatten();
            signatures.any(|it| it["validator_address"] == *address && it["block_id_flag"] == 2)
        });
        next = tip;
        signed
    });
    println!("  node {index} votes again at {found}");
}

/// The others must go on without the node.
fn others_go_on(network: &Network, index: usize, more: u64) {
    let others: Vec<usize> = network.all().filter(|&it| it != index).collect();
    let now = network.height();
    for other in others {
        network.await_height_of(other, now + more);
    }
}

fn kill_and_start(network: &mut Network, index: usize) {
    network.kill(index);
    others_go_on(network, index, MEANWHILE);
    network.start_node(index);
}

fn pause(network: &mut Network, index: usize) {
    network.signal(index, Signal::STOP);
    std::thread::sleep(PAUSE);
    others_go_on(network, index, 1);
    network.signal(index, Signal::CONT);
}

/// A CometBFT node without its data, but with what its key signed.
fn empty_cometbft(network: &mut Network, index: usize) {
    network.kill(index);
    let data = network.home(index).join("data");
    let state = data.join("priv_validator_state.json");
    let signed = fs::read(&state).expect("the key has signed");
    fs::remove_dir_all(&data).expect("the home is writable");
    fs::create_dir(&data).expect("the home is writable");
    fs::write(&state, signed).expect("the home is writable");
    others_go_on(network, index, MEANWHILE);
    network.start_node(index);
}

/// A Lockstep validator that lost its blocks is refused, as it says itself: it follows without its
/// key until the chain is past what the key signed.
fn empty_lockstep(network: &mut Network, index: usize) {
    network.kill(index);
    let home = network.home(index).to_owned();
    let (key, state) = ("config/priv_validator_key.json", "data/priv_validator_state.json");
    let aside = network.folder().join("aside");
    fs::create_dir_all(&aside).expect("a temporary folder");
    fs::rename(home.join(key), aside.join("key")).expect("it is there");
    fs::rename(home.join(state), aside.join("state")).expect("it is there");
    fs::remove_dir_all(home.join("data")).expect("the home is writable");
    others_go_on(network, index, MEANWHILE);
    let past = network.height();
    network.start_node(index);
    network.await_height_of(index, past);
    network.kill(index);
    fs::rename(aside.join("key"), home.join(key)).expect("it is there");
    fs::rename(aside.join("state"), home.join(state)).expect("it is there");
    network.start_node(index);
}
