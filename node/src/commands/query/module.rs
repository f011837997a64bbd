//! `lockstep query MODULE QUESTION`: asks a module of the ledger, and checks the proof.

use std::time::{Duration, Instant};

use abci::{Application, QueryRequest};
use anyhow::{Context, bail, ensure};
use apps::framework::Host;
use apps::framework::description::{parse_fields, show_fields};
use apps::framework::proof::proves;
use bytes::Bytes;
use serde_json::{Value, json};
use types::AppHash;

use crate::cli::Surroundings;
use crate::client::{Client, wait_for};
use crate::commands::modules::{Response, ask, module_of, texts_of};

/// How long the block that proves the last one's state is waited for.
const NEXT_BLOCK_TIME_MAX: Duration = Duration::from_secs(10);
/// How often it is asked for.
const PAUSE: Duration = Duration::from_millis(100);

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
    let key = key_of(&path, &parameters)?;
    let (response, proven) = wait_for(async {
        let response = ask(client, (&path, &parameters), (height, prove)).await?;
        ensure!(
            response.key == key,
            "the node answered for another key than was asked for; is its application the ledger?"
        );
        let proven = if prove { Some(check_proof(client, &response).await?) } else { None };
        Ok((response, proven))
    })?;
    let shown = if response.value.is_empty() {
        None
    } else {
        let shown = show_fields(query.answer, &response.value);
        Some(shown.context("the application answered with something else")?)
    };
    if around.json {
        let Response { whole, .. } = response;
        println!("{:#}", json!({ "response": whole, "answer": shown, "proven_under": proven }));
        return Ok(());
    }
    match shown {
        Some(shown) => println!("{shown:#}"),
        None => println!("nothing is there"),
    }
    if let Some(app_hash) = proven {
        println!("proven at height {} under app hash {app_hash}", response.height);
    }
    Ok(())
}

/// The key that a question looks at: as a ledger without any state says.
fn key_of(path: &str, parameters: &[u8]) -> anyhow::Result<Vec<u8>> {
    let data = Bytes::copy_from_slice(parameters);
    let question = QueryRequest { path: path.to_owned(), data, ..QueryRequest::default() };
    let response = Host::in_memory(apps::ledger::router()).query(&question)?;
    ensure!(response.code == 0, "{path} cannot be asked: {}", response.log);
    Ok(response.key.to_vec())
}

/// The commit of a height, as soon as it is there.
async fn commit_at(client: &Client, height: u64) -> anyhow::Result<Value> {
    let begun = Instant::now();
    loop {
        match client.call("commit", json!({ "height": height.to_string() })).await {
            Ok(commit) => return Ok(commit),
            Err(error) if NEXT_BLOCK_TIME_MAX < begun.elapsed() => {
                let earlier = height.saturating_sub(2);
                return Err(error.context(format!(
                    "no block {height} came, whose header has the app hash; try --height {earlier}"
                )));
            }
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Checks a proof against the header of the next height. Returns the app hash.
async fn check_proof(client: &Client, response: &Response) -> anyhow::Result<String> {
    let next = response.height.saturating_add(1);
    let commit = commit_at(client, next).await?;
    let shown = commit["signed_header"]["header"]["app_hash"].as_str().unwrap_or_default();
    let app_hash = AppHash(hex::decode(shown).context("the header has no app hash")?.into());
    let proof = response.proof.as_ref();
    let proof = proof.context("the application gave no proof; ask without --prove")?;
    let value = (!response.value.is_empty()).then_some(&response.value[..]);
    if !proves(proof, &app_hash, &response.key, value) {
        bail!("the proof does not hold under the app hash {shown} of the header of height {next}");
    }
    Ok(shown.to_owned())
}
