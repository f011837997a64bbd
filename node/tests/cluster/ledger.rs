//! The ledger on a network of real processes: coins move and nothing of them is lost, a balance is
//! proven against the header, stake decides who votes, and who votes twice pays on every node.

use std::process::Command;
use std::time::Duration;

use apps::framework::proof::proves;
use apps::framework::{Account, Body, Message};
use apps::ledger::bank::BankMessage;
use apps::ledger::development::{NAMES, account, key};
use apps::ledger::staking::{Candidate, Staking, StakingMessage};
use apps::ledger::{auth::Auth, staking::Rules};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use borsh::BorshDeserialize;
use node::home::{ValidatorKey, load_genesis};
use rpc::json::block::evidence as shape;
use serde_json::{Value, json};
use types::{AppHash, ChainId, PrivateKey, PublicKey};

use crate::checks::{end_and_agree, end_and_check};
use crate::client::Client;
use crate::network::Network;
use crate::patience::wait_for;
use crate::{evidence, light};

/// How many transfers all accounts send together.
const TRANSFERS: u64 = 10_000;
/// What a new validator bonds: as much power as the genesis file's validators have.
const BONDED: u64 = 10_000_000;
/// What each transaction pays.
const FEE: u64 = 1;
/// What each development account has of the coins that pay nothing else.
const COINS: u64 = 1_000_000_000;
/// Before a node that is full is asked again.
const PAUSE: Duration = Duration::from_millis(10);

/// Somebody who signs transactions, and numbers them.
struct Signer {
    chain_id: ChainId,
    key: PrivateKey,
    nonce: u64,
}

impl Signer {
    fn new(network: &Network, name: &str) -> Self {
        let genesis = load_genesis(&network.home(0).join("config/genesis.json"), None);
        let chain_id = genesis.expect("testnet made it").chain_id;
        Self { chain_id, key: key(name).expect("one of ours"), nonce: 0 }
    }

    fn sign(&mut self, message: Message) -> String {
        let signer = self.key.public_key().0;
        let body = Body { signer, nonce: self.nonce, fee: FEE, messages: vec![message] };
        self.nonce += 1;
        BASE64.encode(body.signed(&self.chain_id, &self.key))
    }

    /// Sends a message and returns the height at which it was executed.
    fn commit(&mut self, client: &Client, message: Message) -> u64 {
        let answer = client.ask("broadcast_tx_commit", json!({ "tx": self.sign(message) }));
        assert_eq!(
            (&answer["check_tx"]["code"], &answer["tx_result"]["code"]),
            (&json!(0), &json!(0)),
            "{answer}"
        );
        answer["height"].as_str().and_then(|it| it.parse().ok()).expect("a height")
    }
}

/// What the application answers; none if nothing is there.
fn ask(client: &Client, path: &str, parameters: &[u8]) -> Option<Vec<u8>> {
    let answer = client.ask("abci_query", json!({"path": path, "data": hex::encode(parameters)}));
    let response = &answer["response"];
    assert_eq!(response["code"], 0, "{response}");
    let value = response["value"].as_str().map(|text| BASE64.decode(text).expect("base64"));
    value.filter(|value| !value.is_empty())
}

fn number(client: &Client, path: &str, parameters: &[u8]) -> u64 {
    let value = ask(client, path, parameters);
    value.map_or(0, |bytes| u64::try_from_slice(&bytes).expect("a number"))
}

fn balance_key(account: Account, denom: &str) -> Vec<u8> {
    borsh::to_vec(&(account.0, denom)).expect("memory takes it")
}

fn balance(client: &Client, account: Account, denom: &str) -> u64 {
    number(client, "/bank/balance", &balance_key(account, denom))
}

fn candidate(client: &Client, account: Account) -> Candidate {
    let value = ask(client, "/staking/validator", &account.0).expect("it is one");
    Candidate::try_from_slice(&value).expect("a validator")
}

fn validator_key(network: &Network, index: usize) -> PublicKey {
    let file = network.home(index).join("config/priv_validator_key.json");
    ValidatorKey::load(&file).expect("testnet made it").key.public_key()
}

/// Whether a validator is in the set of a height.
fn votes_at(client: &Client, key: PublicKey, height: u64) -> bool {
    let set = client.ask("validators", json!({ "height": height.to_string() }));
    let address = key.address().to_string();
    let list = set["validators"].as_array().expect("a list");
    list.iter().any(|it| it["address"] == address.as_str())
}

/// Everybody passes one coin on, again and again, each by a node of its own.
fn pass_coins_on(network: &Network) {
    std::thread::scope(|scope| {
        for (index, name) in NAMES.into_iter().enumerate() {
            let (mut signer, client) = (Signer::new(network, name), network.client(index));
            let to = account(NAMES[(index + 1) % NAMES.len()]).expect("one of ours");
            let message = BankMessage::Send { to, denom: "coin".to_owned(), amount: 1 };
            let message = Message::new("bank", &message);
            scope.spawn(move || {
                for _ in 0..TRANSFERS / NAMES.len() as u64 {
                    let tx = signer.sign(message.clone());
                    let answer = wait_for("room for a transaction", || {
                        match client.call("broadcast_tx_sync", json!({ "tx": tx })) {
                            Ok(answer) => Some(answer),
                            Err(error) if error.contains("mempool is full") => {
                                std::thread::sleep(PAUSE);
                                None
                            }
                            Err(error) => panic!("{name}: {error}"),
                        }
                    });
                    assert_eq!(answer["code"], 0, "{name}: {answer}");
                }
            });
        }
    });
}

#[test]
fn ten_thousand_transfers_lose_nothing_and_a_balance_is_proven_against_the_header() {
    let mut network = Network::make_for("ledger", (4, 0), &["consensus.timeout_commit=100ms"]);
    network.start_all();
    network.await_height(2);
    let stake = borsh::to_vec("stake").expect("memory takes it");
    let supply = number(&network.client(0), "/bank/supply", &stake);
    pass_coins_on(&network);
    let clients: Vec<Client> = (0..4).map(|index| network.client(index)).collect();
    let accounts = NAMES.map(|name| account(name).expect("one of ours"));
    for (index, client) in clients.iter().enumerate() {
        for account in accounts {
            wait_for(&format!("node {index} has executed all of {account}"), || {
                let executed = number(client, "/auth/nonce", &account.0);
                (executed == TRANSFERS / NAMES.len() as u64).then_some(())
            });
        }
        for account in accounts {
            assert_eq!(balance(client, account, "coin"), COINS, "as many came as went");
        }
    }
    // Whoever has stake: the accounts, the proposers with their fees, what is bonded or under way.
    let validators = (0..4).map(|index| Account::of(&validator_key(&network, index)));
    let holders = accounts.into_iter().chain(validators);
    let holders: Vec<Account> = holders.chain([Staking::pool(), Auth::collector()]).collect();
    let held: u64 = holders.iter().map(|it| balance(&clients[3], *it, "stake")).sum();
    assert_eq!(held, supply);
    assert_eq!(number(&clients[3], "/bank/supply", &stake), supply);

    prove_a_balance(&clients, accounts[0]);
    network.await_heights_more(2);
    end_and_check(network);
}

/// A light client that we did not write follows the headers of one node, and the proof that another
/// gives holds under the app hash in one of them.
fn prove_a_balance(clients: &[Client], account: Account) {
    let height = clients[1].height().expect("it runs");
    clients[1].await_height(height + 1);
    let asked = json!({
        "path": "/bank/balance",
        "data": hex::encode(balance_key(account, "coin")),
        "height": height.to_string(),
        "prove": true,
    });
    let response = clients[1].ask("abci_query", asked)["response"].clone();
    let bytes = |text: &Value| BASE64.decode(text.as_str().expect("base64")).expect("base64");
    let (key, value) = (bytes(&response["key"]), bytes(&response["value"]));
    let proof = bytes(&response["proofOps"]["ops"][0]["data"]);
    clients[2].await_height(height + 2);
    let chain = light::export(&clients[2], 1, height + 1);
    light::follows(&chain, 1);
    let commit = clients[2].ask("commit", json!({ "height": (height + 1).to_string() }));
    let app_hash = commit["signed_header"]["header"]["app_hash"].as_str().expect("a hash");
    let app_hash = AppHash(hex::decode(app_hash).expect("a hash").into());
    assert_eq!(u64::try_from_slice(&value).expect("a number"), COINS);
    assert!(proves(&proof, &app_hash, &key, Some(&value)));
    let more = borsh::to_vec(&(COINS + 1)).expect("a number");
    assert!(!proves(&proof, &app_hash, &key, Some(&more)));
}

#[test]
fn stake_decides_who_votes_and_who_votes_twice_pays_on_every_node() {
    let mut network = Network::make_for("ledger", (4, 1), &["consensus.timeout_commit=100ms"]);
    network.start_all();
    network.await_height(3);
    let client = network.client(1);
    let (mut alice, new) = (Signer::new(&network, "alice"), validator_key(&network, 4));
    let alice_account = account("alice").expect("one of ours");

    let bond = StakingMessage::Register { key: new.0, amount: BONDED };
    let bonded = alice.commit(&client, Message::new("staking", &bond));
    client.await_height(bonded + 4);
    assert!(!votes_at(&client, new, bonded + 1) && votes_at(&client, new, bonded + 2));

    // The first voted twice, long ago.
    let first = validator_key(&network, 0);
    let before = candidate(&client, Account::of(&first));
    assert!(!before.jailed && before.stake == BONDED);
    client
        .ask("broadcast_evidence", json!({ "evidence": shape(&evidence::of_the_first(&network)) }));
    let loss = BONDED * Rules::default().equivocation_loss / 10_000;
    for index in 0..5 {
        let punished = wait_for(&format!("node {index} punishes"), || {
            let punished = candidate(&network.client(index), Account::of(&first));
            punished.jailed.then_some(punished)
        });
        assert_eq!(punished.stake, BONDED - loss);
    }
    let punished = client.height().expect("it runs");
    client.await_height(punished + 3);
    assert!(!votes_at(&client, first, punished + 2) && votes_at(&client, new, punished + 2));

    let unbond = StakingMessage::Undelegate { validator: alice_account, amount: BONDED };
    let unbonded = alice.commit(&client, Message::new("staking", &unbond));
    client.await_height(unbonded + 3);
    assert!(votes_at(&client, new, unbonded + 1) && !votes_at(&client, new, unbonded + 2));
    end_and_agree(&mut network);
}

/// Runs `lockstep` against a node; returns what it printed.
fn lockstep(network: &Network, node: usize, words: &[&str]) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lockstep"));
    let url = format!("http://127.0.0.1:{}", network.rpc_port(node));
    let output = command.args(words).args(["--node", &url]).output().expect("it was built");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let printed = text(&output.stdout);
    if output.status.success() { Ok(printed) } else { Err(text(&output.stderr)) }
}

#[test]
fn the_command_line_sends_what_modules_take_and_checks_the_proofs_of_what_they_answer() {
    let mut network = Network::make_for("ledger", (1, 0), &["consensus.timeout_commit=50ms"]);
    network.start_all();
    network.await_height(2);
    let run = |words: &[&str]| lockstep(&network, 0, words);
    run(&["tx", "bank", "send", "bob", "coin", "5", "--from", "alice"]).expect("it is sent");
    run(&["tx", "bank", "send", "amount=2", "denom=coin", "to=bob"]).expect("it is sent");
    network.await_heights_more(2);
    let shown = run(&["query", "bank", "balance", "bob", "coin", "--prove"]).expect("it is there");
    assert!(shown.contains("\"1000000007\"") && shown.contains("proven at height"), "{shown}");
    let nobody = "00".repeat(20);
    let shown = run(&["query", "bank", "balance", &nobody, "coin", "--prove"]).expect("an answer");
    assert!(shown.contains("nothing is there") && shown.contains("proven at height"), "{shown}");
    let shown = run(&["query", "bank", "balance", "bob", "coin", "--prove", "--json"]);
    let shown: Value = serde_json::from_str(&shown.expect("it is there")).expect("it is JSON");
    assert_eq!(shown["answer"], json!({ "amount": "1000000007" }));
    assert_eq!(shown["proven_under"].as_str().map(str::len), Some(64), "{shown}");
    assert!(shown["response"]["proofOps"]["ops"][0]["data"].is_string(), "{shown}");
    let shown = run(&["query", "bank", "supply", "gold", "--json"]).expect("an answer");
    let shown: Value = serde_json::from_str(&shown).expect("it is JSON");
    assert_eq!((&shown["answer"], &shown["proven_under"]), (&Value::Null, &Value::Null));
    let said = run(&["query", "bank"]).expect("a list");
    assert!(said.contains("  balance: ") && said.contains("denom"), "{said}");
    let said = run(&["tx", "bank", "send", "bob", "coin", "1", "--home", "/nowhere"]);
    let said = said.expect("it is sent");
    let sent =
        said.lines().any(|it| it.starts_with("  bank.send from=") && it.ends_with(" amount=1"));
    assert!(sent && !said.contains("auth.fee"), "{said}");
    let said = run(&["tx", "bank"]).expect("a list");
    assert!(said.contains("send") && said.contains("denom"), "{said}");
    for (words, expected) in [
        (&["tx", "bank", "send", "bob", "coin", "1000000000000"][..], "less than 1000000000000"),
        (&["tx", "bank", "send", "bob", "gold", "1"], "with code 1 of bank: account "),
        (&["tx", "bank", "send", "bob", "coin", "1", "--fee", "9999999999999"], "the fee of 9999"),
        (&["query", "x", "--prove"], "with code "),
        (&["tx", "bank", "send", "bob", "coin"], "amount"),
        (&["tx", "bank", "send", "bob", "coin", "many"], "is not a number"),
        (&["tx", "bank", "give", "bob"], "it has send"),
        (&["tx", "banks", "send"], "the ledger has no module \"banks\""),
        (&["query", "bank", "wealth", "bob"], "has no question \"wealth\""),
    ] {
        let error = run(words).expect_err("it cannot be done");
        assert!(error.contains(expected), "{words:?}: {error}");
    }
    end_and_check(network);
}

#[test]
fn a_node_without_the_ledger_is_sent_no_messages_and_gives_no_proofs() {
    let mut network = Network::make_for("kvstore", (1, 0), &["consensus.timeout_commit=50ms"]);
    network.start_all();
    network.await_height(2);
    let run = |words: &[&str]| lockstep(&network, 0, words);
    let said = run(&["tx", "send", "bank=open"]).expect("it is sent");
    assert!(said.contains("\n  app ") && said.contains(" key=bank"), "{said}");
    // A key that is called as a module of the ledger is one all the same.
    assert_eq!(run(&["query", "bank"]).as_deref(), Ok("open\n"));
    for (words, expected) in [
        (&["tx", "bank", "send", "bob", "coin", "5"][..], "application is not the ledger"),
        (&["query", "bank", "balance", "bob", "coin"], "is its application the ledger?"),
        (&["query", "bank", "--prove"], "the application gave no proof"),
    ] {
        let error = run(words).expect_err("it cannot be done");
        assert!(error.contains(expected), "{words:?}: {error}");
    }
    end_and_check(network);
}
