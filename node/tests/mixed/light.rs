//! `cometbft light` with a node of one kind as primary and a node of the other as witness.

use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::client::Client;
use crate::network::{Kind, Network, Shape};
use crate::patience::wait_for;
use crate::shapes::BRISK;

/// A light client, ended with the test.
struct Light(Child);

impl Drop for Light {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

pub fn with_a_lockstep_witness() {
    between(Kind::Cometbft, Kind::Lockstep);
}

pub fn with_a_lockstep_primary() {
    between(Kind::Lockstep, Kind::Cometbft);
}

fn between(primary: Kind, witness: Kind) {
    let network = Network::start(Shape::validators(2, 2), &BRISK);
    network.await_height(12);
    let tx = "light=client";
    wait_for("a transaction", || network.client(0).submit(tx).then_some(()));
    network.await_heights_more(3);
    verifies(&network, network.of(primary)[0], network.of(witness)[0]);
}

fn verifies(network: &Network, primary: usize, witness: usize) {
    let trusted = network.client(primary).at("commit", 2);
    let hash = trusted["signed_header"]["commit"]["block_id"]["hash"].as_str().expect("a hash");
    let port = network.port(0) + 2;
    let of = |index: usize| format!("http://127.0.0.1:{}", network.rpc_port(index));
    let mut command = Command::new("cometbft");
    command.args(["light", "mixed", "--primary", &of(primary), "--witnesses", &of(witness)]);
    command.args(["--height", "2", "--hash", hash, "--trusting-period", "1h"]);
    command.args(["--laddr", &format!("tcp://127.0.0.1:{port}")]);
    command.arg("--home-dir").arg(network.folder().join("light"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _light = Light(command.spawn().expect("it is on the PATH"));
    let client = Client::new(port);
    let tip = network.height() - 1;
    let commit = wait_for("the light client to verify the tip", || {
        client.call("commit", json!({ "height": tip.to_string() })).ok()
    });
    let actual = network.client(witness).at("commit", tip);
    assert_eq!(commit["signed_header"]["header"], actual["signed_header"]["header"]);
    let block = client.at("block", tip - 2);
    assert_eq!(block["block_id"], network.client(witness).at("block", tip - 2)["block_id"]);
    for method in ["validators", "header"] {
        let at = |client: &Client| client.at(method, tip - 2);
        assert_eq!(at(&client), at(&network.client(witness)), "{method}");
    }
    println!(
        "  from 2 to {tip}, with a {:?} as primary and a {:?} as witness",
        network.kind(primary),
        network.kind(witness)
    );
}
