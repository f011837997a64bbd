//! `lockstep gen-validator` and `lockstep gen-node-key`: new keys.

use serde_json::json;

use super::init::make_node_key;
use crate::cli::Surroundings;
use crate::config::Config;
use crate::home::ValidatorKey;
use crate::home::key_files::random_key;

/// Prints a new validator key with the state of a key that never signed, as the reference does.
///
/// # Errors
/// If the system has no random numbers.
pub fn validator() -> anyhow::Result<()> {
    let key = ValidatorKey { key: random_key()? };
    let state = json!({ "height": "0", "round": 0, "step": 0 });
    println!("{:#}", json!({ "Key": key.to_file(), "LastSignState": state }));
    Ok(())
}

/// Makes a node key if there is none, and prints its id.
///
/// # Errors
/// If the file is wrong, or cannot be written.
pub fn node_key(around: &Surroundings) -> anyhow::Result<()> {
    let path = around.home.node_key_file(&configured(around)?);
    let key = make_node_key(&path, &mut Vec::new())?;
    super::show::print_node_id(around, &key, false);
    Ok(())
}

/// The home's config, or the default where there is none yet.
fn configured(around: &Surroundings) -> anyhow::Result<Config> {
    if !around.home.config_file().exists() {
        return Ok(Config::default());
    }
    Ok(around.home.load_config()?.config)
}
