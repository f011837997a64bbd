//! `lockstep query MODULE QUESTION`: asks a module of the ledger, and checks the proof.

use anyhow::{Context, bail, ensure};
use apps::framework::description::{parse_fields, show_fields};
use apps::framework::proof::proves;
use serde_json::json;
use types::AppHash;

use crate::cli::Surroundings;
use crate::client::{Client, wait_for};
use crate::commands::modules::{Response, ask, module_of, texts_of};

/// A question in words.
pub struct Asked<'a> {
    /// Which module.
    pub module: &'a str,
    /// Which question.
    pub question: &'a str,
    /// Its parameters in order, or as `name=text`.
    pub parameters: &'a [String],
}

/// Asks, and prints the answer. A proof is checked against the app hash in the header of the next
/// block, which the same node gives: whether the chain has that header is for a light client.
///
/// # Errors
/// If the question cannot be read, the node does not answer, or the proof is wrong.
pub fn run(
    around: &Surroundings,
    client: &Client,
    asked: &Asked<'_>,
    (height, prove): (u64, bool),
) -> anyhow::Result<()> {
    let module = module_of(asked.module)?;
    let query = module.queries.iter().find(|it| it.name == asked.question);
    let query = query.with_context(|| {
        let names: Vec<&str> = module.queries.iter().map(|it| it.name).collect();
        let (module, question) = (module.name, asked.question);
        format!("{module} has no question {question:?}; it has {}", names.join(", "))
    })?;
    let texts = texts_of(query.parameters, asked.parameters)?;
    let text_of = |name: &str| texts.iter().find(|it| it.0 == name).map(|it| it.1.as_str());
    let parameters = parse_fields(query.parameters, text_of).map_err(anyhow::Error::msg)?;
    let path = format!("/{}/{}", module.name, query.name);
    let (response, proven) = wait_for(async {
        let height = if prove && height == 0 { height_before_last(client).await? } else { height };
        let response = ask(client, (&path, &parameters), (height, prove)).await?;
        let proven = if prove { Some(check_proof(client, &response).await?) } else { None };
        Ok((response, proven))
    })?;
    if around.json {
        println!("{:#}", response.whole);
        return Ok(());
    }
    if response.value.is_empty() {
        println!("nothing is there");
    } else {
        let shown = show_fields(query.answer, &response.value);
        let shown = shown.context("the application answered with something else")?;
        println!("{shown:#}");
    }
    if let Some(app_hash) = proven {
        println!("proven at height {} under app hash {app_hash}", response.height);
    }
    Ok(())
}

/// The last height whose app hash a header has.
async fn height_before_last(client: &Client) -> anyhow::Result<u64> {
    let status = client.call("status", json!({})).await?;
    let last = status["sync_info"]["latest_block_height"].as_str();
    let last: u64 = last.and_then(|it| it.parse().ok()).unwrap_or(0);
    ensure!(2 <= last, "a proof needs two blocks; the chain has {last}");
    Ok(last - 1)
}

/// Checks a proof against the header of the next height. Returns the app hash.
async fn check_proof(client: &Client, response: &Response) -> anyhow::Result<String> {
    let next = response.height.saturating_add(1).to_string();
    let commit = client.call("commit", json!({ "height": next })).await?;
    let shown = commit["signed_header"]["header"]["app_hash"].as_str().unwrap_or_default();
    let app_hash = AppHash(hex::decode(shown).context("the header has no app hash")?.into());
    let proof = response.proof.as_ref().context("the application gave no proof")?;
    let value = (!response.value.is_empty()).then_some(&response.value[..]);
    if !proves(proof, &app_hash, &response.key, value) {
        bail!("the proof does not hold under the app hash {shown} of the header of height {next}");
    }
    Ok(shown.to_owned())
}
