//! `lockstep tx`: transactions.

mod module;

use std::fmt::Display;

use anyhow::bail;
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::ValueEnum;
use serde_json::{Value, json};
use types::TxHash;

use crate::cli::Surroundings;
use crate::client::{Client, NodeArg, refusal_of, wait_for};
use crate::complaint::Complaint;

/// What errors say if nobody knows what became of a transaction: the node's, and our client's.
const LATE: [&str; 2] = ["timed out waiting for tx", "no answer within"];
/// The event of every transaction, which tells nothing about this one.
const FEE_EVENT: &str = "auth.fee";

/// Arguments of `lockstep tx`.
#[derive(Debug, clap::Args)]
#[command(after_help = super::modules::messages_help())]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Send a transaction to a node.
    Send(SendArgs),
    /// Send a message to a module of the ledger: `lockstep tx bank send bob coin 5 --from alice`.
    #[command(external_subcommand)]
    Module(Vec<String>),
}

/// Arguments of `lockstep tx send`.
#[derive(Debug, clap::Args)]
struct SendArgs {
    /// The transaction; for the built-in application `key=value`.
    tx: String,
    /// How the transaction is written.
    #[arg(long, value_enum, default_value_t = Encoding::Plain)]
    encoding: Encoding,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    node: NodeArg,
}

/// How long to wait.
#[derive(Debug, clap::Args)]
struct Waiting {
    /// Wait until it is in a block (the default).
    #[arg(long, group = "wait")]
    commit: bool,
    /// Wait until the node has checked it.
    #[arg(long, group = "wait")]
    sync: bool,
    /// Do not wait.
    #[arg(long = "async", group = "wait")]
    without_waiting: bool,
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Encoding {
    /// As they are.
    Plain,
    /// Two digits a byte.
    Hex,
    /// Four letters for three bytes.
    Base64,
}

/// Carries out `lockstep tx`.
///
/// # Errors
/// If the transaction cannot be read, the node does not answer, or the application refuses it.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::Send(args) => send(around, args),
        Command::Module(words) => module::run(around, words),
    }
}

fn send(around: &Surroundings, args: &SendArgs) -> anyhow::Result<()> {
    let tx = match args.encoding {
        Encoding::Plain => args.tx.clone().into_bytes(),
        Encoding::Hex => hex::decode(args.tx.trim_start_matches("0x")).map_err(misread)?,
        Encoding::Base64 => BASE64.decode(&args.tx).map_err(misread)?,
    };
    broadcast(around, &args.node.client(around)?, &tx, &args.waiting)
}

/// Sends a transaction, waits as long as was said, and says what came of it.
fn broadcast(
    around: &Surroundings,
    client: &Client,
    tx: &[u8],
    waiting: &Waiting,
) -> anyhow::Result<()> {
    let method = match (waiting.sync, waiting.without_waiting) {
        (true, _) => "broadcast_tx_sync",
        (_, true) => "broadcast_tx_async",
        (false, false) => "broadcast_tx_commit",
    };
    let answer = wait_for(client.call(method, json!({ "tx": BASE64.encode(tx) })));
    let answer = answer.map_err(|error| {
        let text = format!("{error:#}");
        if LATE.iter().any(|it| text.contains(it)) {
            let hash = TxHash::of(tx);
            return error.context(format!("transaction {hash} may still come into a block"));
        }
        error
    })?;
    if around.json {
        println!("{answer:#}");
    }
    // Only broadcast_tx_commit has results within its answer; the others are one themselves.
    for result in [&answer["check_tx"], &answer["tx_result"], &answer] {
        check_code(result)?;
    }
    if !around.json {
        let hash = answer["hash"].as_str().unwrap_or("?");
        match answer["height"].as_str() {
            Some(height) => println!("{hash} is in block {height}"),
            None => println!("{hash} was sent"),
        }
        for line in events_of(&answer["tx_result"]) {
            println!("  {line}");
        }
    }
    Ok(())
}

fn misread(error: impl Display) -> Complaint {
    Complaint::new("TX", "", error.to_string(), "write it as --encoding says")
}

fn check_code(result: &Value) -> anyhow::Result<()> {
    match refusal_of(result) {
        Some(refusal) => bail!("the application refused the transaction with {refusal}"),
        None => Ok(()),
    }
}

/// What happened, one line for each event: only there is the number of a proposal, or when stake
/// comes back.
fn events_of(result: &Value) -> Vec<String> {
    let list = |it: &Value| it.as_array().cloned().unwrap_or_default();
    let text = |it: &Value| it.as_str().unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    for event in list(&result["events"]) {
        let mut line = text(&event["type"]);
        if line == FEE_EVENT {
            continue;
        }
        for attribute in list(&event["attributes"]) {
            let (key, value) = (text(&attribute["key"]), text(&attribute["value"]));
            line += &format!(" {}={}", word(&key), word(&value));
        }
        lines.push(line);
    }
    lines
}

/// A text that can be told from what stands around it.
fn word(text: &str) -> String {
    let is_plain = |it: char| !it.is_whitespace() && !it.is_control() && !"\"=".contains(it);
    let plain = !text.is_empty() && text.chars().all(is_plain);
    if plain { text.to_owned() } else { format!("{text:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_lines_but_for_the_fee() {
        let attribute = |key: &str, value: &str| json!({ "key": key, "value": value });
        let event =
            |kind: &str, attributes: Value| json!({ "type": kind, "attributes": attributes });
        let result = json!({ "events": [
            event("auth.fee", json!([attribute("amount", "1")])),
            event("params.propose", json!([attribute("proposal", "1"), attribute("by", "AB")])),
            event("app", json!([attribute("creator", "Cosmoshi Netowoko"), attribute("key", "")])),
            event("bare", Value::Null),
        ] });
        let expected = [
            "params.propose proposal=1 by=AB",
            "app creator=\"Cosmoshi Netowoko\" key=\"\"",
            "bare",
        ];
        assert_eq!(events_of(&result), expected);
        assert_eq!(events_of(&Value::Null), Vec::<String>::new());
    }
}
