//! `lockstep show-node-id` and `lockstep show-validator`: who a home is.

use serde_json::json;

use crate::cli::Surroundings;
use crate::home::key_files::TaggedKey;
use crate::home::{NodeKey, ValidatorKey};

/// Arguments of `lockstep show-node-id`.
#[derive(Debug, clap::Args)]
pub struct NodeIdArgs {
    /// The libp2p peer id (12D3Koo...) instead, which addresses of peers are made with.
    #[arg(long)]
    libp2p: bool,
}

/// Prints the node's id.
///
/// # Errors
/// If the config or the key file is missing or wrong.
pub fn node_id(around: &Surroundings, args: &NodeIdArgs) -> anyhow::Result<()> {
    let config = around.home.load_config()?.config;
    let key = NodeKey::load(&around.home.node_key_file(&config))?;
    print_node_id(around, &key, args.libp2p);
    Ok(())
}

/// Prints the ids of a node key: both to machines, one to people.
pub fn print_node_id(around: &Surroundings, key: &NodeKey, libp2p: bool) {
    let network_id = p2p::network_id(&key.key);
    if around.json {
        println!("{:#}", json!({ "node_id": key.id(), "libp2p": network_id }));
    } else if libp2p {
        println!("{network_id}");
    } else {
        println!("{}", key.id());
    }
}

/// Prints the validator's public key, as genesis files have it.
///
/// # Errors
/// If the config or the key file is missing or wrong.
pub fn validator(around: &Surroundings) -> anyhow::Result<()> {
    let config = around.home.load_config()?.config;
    let key = ValidatorKey::load(&around.home.validator_key_file(&config))?;
    let public = serde_json::to_string(&TaggedKey::public(&key.key.public_key()));
    println!("{}", public.expect("a public key is JSON"));
    Ok(())
}
