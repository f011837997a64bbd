//! `lockstep tx MODULE MESSAGE`: signs a message to a module of the ledger, and sends it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use apps::framework::{Account, Body};
use apps::ledger::development;
use clap::Parser;
use serde_json::json;
use types::{ChainId, PrivateKey};

use super::{Waiting, broadcast};
use crate::cli::Surroundings;
use crate::client::{Client, NodeArg, wait_for};
use crate::commands::modules::{Response, ask, messages_of, module_of, texts_of};
use crate::home::{Home, ValidatorKey};

/// What follows `lockstep tx`.
#[derive(Debug, Parser)]
#[command(name = "lockstep tx", max_term_width = 100)]
struct Args {
    /// Which module.
    module: String,
    /// Which message; without one, all are named.
    message: Option<String>,
    /// Its fields in order, or as `name=text`.
    fields: Vec<String>,
    /// Who signs and pays: a development account by its name, or a key file such as
    /// priv_validator_key.json.
    #[arg(long, default_value = "alice", value_name = "NAME|FILE")]
    from: String,
    /// What is paid for it [default: the least that is taken].
    #[arg(long)]
    fee: Option<u64>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Folder of the node that is asked [default: $LOCKSTEP_HOME, or ~/.lockstep].
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
    #[command(flatten)]
    waiting: Waiting,
    #[command(flatten)]
    node: NodeArg,
}

/// Carries out `lockstep tx MODULE`.
///
/// # Errors
/// If the message cannot be read, the node does not answer, or the application refuses it.
pub fn run(around: &Surroundings, words: &[String]) -> anyhow::Result<()> {
    let args = Args::parse_from([&["lockstep tx".to_owned()][..], words].concat());
    let mut around = Surroundings { json: around.json || args.json, ..around.clone() };
    if let Some(home) = &args.home {
        around = Surroundings { home: Home::new(home), home_is_named: true, ..around };
    }
    let module = module_of(&args.module)?;
    let Some(name) = &args.message else {
        if around.json {
            println!("{:#}", json!(module));
        } else {
            println!("{}", messages_of(&module));
        }
        return Ok(());
    };
    let message = module.messages.iter().find(|it| it.name == *name);
    let message = message.with_context(|| {
        let names: Vec<&str> = module.messages.iter().map(|it| it.name).collect();
        format!("{} has no message {name:?}; it has {}", module.name, names.join(", "))
    })?;
    let texts = texts_of(message.fields, &args.fields)?;
    let text_of = |name: &str| texts.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
    let message = message.message(module.name, text_of).map_err(anyhow::Error::msg)?;
    let key = key_of(&args.from)?;
    let client = args.node.client(&around)?;
    let (chain_id, nonce, fee) = wait_for(facts(&client, Account::of(&key.public_key())))?;
    let fee = args.fee.unwrap_or(fee);
    let body = Body { signer: key.public_key().0, nonce, fee, messages: vec![message] };
    broadcast(&around, &client, &body.signed(&chain_id, &key), &args.waiting)
}

fn key_of(from: &str) -> anyhow::Result<PrivateKey> {
    if let Some(key) = development::key(from) {
        return Ok(key);
    }
    let path = Path::new(from);
    if !path.exists() {
        let names = development::NAMES.join(", ");
        bail!(
            "--from {from:?}: neither one of {names}, nor a file that is there; name an account, \
             or a file like priv_validator_key.json"
        );
    }
    Ok(ValidatorKey::load(path)?.key)
}

/// The chain, the signer's next nonce, and the least fee.
async fn facts(client: &Client, account: Account) -> anyhow::Result<(ChainId, u64, u64)> {
    let status = client.call("status", json!({})).await?;
    let chain_id = status["node_info"]["network"].as_str().unwrap_or_default();
    let chain_id = ChainId::new(chain_id).context("the node does not say its chain")?;
    let nonce = ask(client, ("/auth/nonce", &account.0), (0, false)).await?;
    let fee = ask(client, ("/auth/fee", &[]), (0, false)).await?;
    ensure!(
        !fee.value.is_empty(),
        "this node's application is not the ledger: it answers nothing to auth/fee; see its \
         proxy_app"
    );
    // The name of the coins stands before the number.
    Ok((chain_id, last_number(&nonce), last_number(&fee)))
}

fn last_number(response: &Response) -> u64 {
    response.value.last_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
