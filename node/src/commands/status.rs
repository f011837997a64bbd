//! `lockstep status`: how a running node is.

use serde_json::{Value, json};

use crate::cli::Surroundings;
use crate::client::{NodeArg, wait_for};

/// Arguments of `lockstep status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    node: NodeArg,
}

/// Prints how the node is.
///
/// # Errors
/// If it does not answer.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    let client = args.node.client(around)?;
    let status = wait_for(client.call("status", json!({})))?;
    if around.json {
        println!("{status:#}");
        return Ok(());
    }
    let text = |value: &Value| value.as_str().unwrap_or("?").to_string();
    let (node, sync) = (&status["node_info"], &status["sync_info"]);
    let validator = &status["validator_info"];
    for (name, value) in [
        ("chain", text(&node["network"])),
        ("moniker", text(&node["moniker"])),
        ("node id", text(&node["id"])),
        ("height", text(&sync["latest_block_height"])),
        ("block time", text(&sync["latest_block_time"])),
        ("block hash", text(&sync["latest_block_hash"])),
        ("app hash", text(&sync["latest_app_hash"])),
        ("catching up", sync["catching_up"].to_string()),
        ("validator", text(&validator["address"])),
        ("voting power", text(&validator["voting_power"])),
    ] {
        println!("{name:<13} {value}");
    }
    Ok(())
}
