//! Validators come and go by transaction, and a node that joins late becomes one of them.

use apps::kvstore::update_tx;
use node::home::ValidatorKey;
use serde_json::json;
use types::{PublicKey, ValidatorUpdate, VotingPower};

use crate::checks::end_and_check;
use crate::client::Client;
use crate::light;
use crate::network::Network;
use crate::patience::wait_for;

/// Height at which the fifth node is started.
const JOINED_AT: u64 = 25;

/// The transaction that gives a validator this power.
pub fn power_tx(public_key: PublicKey, power: u64) -> String {
    let tx = update_tx(&ValidatorUpdate { public_key, power: VotingPower(power) });
    String::from_utf8(tx.to_vec()).expect("it is text")
}

fn key_of(network: &Network, index: usize) -> PublicKey {
    let file = network.home(index).join("config/priv_validator_key.json");
    ValidatorKey::load(&file).expect("testnet made it").key.public_key()
}

/// Waits until this validator's signature is in the commit of a height, or until it is in no entry.
fn await_signing(client: &Client, key: PublicKey, signs: bool) -> u64 {
    let address = key.address().to_string();
    wait_for(&format!("{address} signs: {signs}"), || {
        let answer = client.ask("commit", json!({}));
        let commit = &answer["signed_header"]["commit"];
        let entries = commit["signatures"].as_array()?;
        let signed = entries.iter().any(|it| it["validator_address"] == address.as_str());
        let height = commit["height"].as_str()?.parse().ok()?;
        (signed == signs).then_some(height)
    })
}

#[test]
fn a_late_node_catches_up_and_takes_the_place_of_a_validator() {
    let mut network = Network::make(4, 1, &["consensus.timeout_commit=20ms"]);
    (0..4).for_each(|index| network.start(index));
    let first = network.client(0);
    first.await_height(1);
    let mut committed = vec![];
    for number in 0..5 {
        let tx = format!("before={number}");
        committed.push(first.commit(&tx).expect("the network runs"));
    }
    first.await_height(JOINED_AT);

    network.start(4);
    let late = network.client(4);
    late.await_height(JOINED_AT);
    assert_eq!(late.value_of("before").as_deref(), Some("4"), "it has executed what it fetched");

    let (new, old) = (key_of(&network, 4), key_of(&network, 3));
    committed.push(first.commit(&power_tx(new, 10)).expect("the network runs"));
    await_signing(&first, new, true);
    committed.push(first.commit(&power_tx(old, 0)).expect("the network runs"));
    // What is sent to the one that leaves is gossiped all the same.
    committed.push(network.client(3).commit("after=all").expect("the network runs"));
    let left = committed.last().expect("one was just added").height + 2;
    late.await_height(left + 1);
    let validators = late.ask("validators", json!({ "height": left.to_string() }));
    let listed = validators["validators"].as_array().expect("a list");
    assert_eq!(listed.len(), 4);
    let power_of = |key: PublicKey| {
        let address = key.address().to_string();
        listed.iter().find(|it| it["address"] == address.as_str()).map(|it| &it["voting_power"])
    };
    assert_eq!(power_of(new), Some(&json!("10")));
    assert_eq!(power_of(old), None);

    light::follows(&light::export(&late, 1, left), 1);
    network.await_heights_more(3);
    end_and_check(network).has_kept(&committed);
}
