//! `lockstep query`: what the application holds under a key.

mod module;

use anyhow::{bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;

use crate::cli::Surroundings;
use crate::client::{NodeArg, refusal_of, wait_for};
use crate::commands::modules::{module_of, questions_of};

/// Arguments of `lockstep query`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The key, as text; or a module of the ledger, a question and its parameters, such as
    /// `bank balance alice coin`.
    #[arg(required = true, value_name = "KEY|MODULE QUESTION [PARAMETER]...")]
    words: Vec<String>,
    /// The key is hex.
    #[arg(long)]
    hex: bool,
    /// What kind of question the application is asked.
    #[arg(long, default_value = "")]
    path: String,
    /// At which height; 0 is the latest.
    #[arg(long, default_value_t = 0)]
    height: u64,
    /// Ask for a proof too: checked for a module's question; printed with --json otherwise.
    #[arg(long)]
    prove: bool,
    #[command(flatten)]
    node: NodeArg,
}

/// Prints the value.
///
/// # Errors
/// If the node does not answer, or the application refuses the question.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    let client = args.node.client(around)?;
    let key = match &args.words[..] {
        [key] => key,
        [] => bail!("say which key, or which question of a module"),
        _ if args.hex || !args.path.is_empty() => {
            bail!("--hex and --path go with one key, and not with a module's question")
        }
        [module, question, parameters @ ..] => {
            let asked = module::Asked { module, question, parameters };
            return module::run(around, &client, &asked, (args.height, args.prove));
        }
    };
    let key = if args.hex { key.clone() } else { hex::encode(key) };
    let params = json!({
        "path": args.path,
        "data": key,
        "height": args.height.to_string(),
        "prove": args.prove,
    });
    let answer = wait_for(client.call("abci_query", params))?;
    let response = &answer["response"];
    let refusal = refusal_of(response);
    // Another application may have such a key, and answers; the ledger refuses the bare name.
    if refusal.is_some()
        && !args.hex
        && args.path.is_empty()
        && let Ok(module) = module_of(&args.words[0])
    {
        if around.json {
            println!("{:#}", json!(module));
        } else {
            println!("{}", questions_of(&module));
        }
        return Ok(());
    }
    let proven = response["proofOps"]["ops"].as_array().is_some_and(|ops| !ops.is_empty());
    if around.json {
        println!("{answer:#}");
    } else if let Some(refusal) = refusal {
        bail!("the application refused the query with {refusal}");
    }
    ensure!(proven || !args.prove, "the application gave no proof; ask without --prove");
    if around.json {
        return Ok(());
    }
    let log = response["log"].as_str().unwrap_or_default();
    match response["value"].as_str().map(|text| BASE64.decode(text)) {
        Some(Ok(value)) if !value.is_empty() => println!("{}", String::from_utf8_lossy(&value)),
        Some(_) | None => bail!("the application has no value for {:?} ({log})", args.words[0]),
    }
    Ok(())
}
