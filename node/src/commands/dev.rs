//! `lockstep dev`: one validator on a ready-made chain, so that an application can be tried at
//! once. Its key is in the source code: whoever has it can vote as this validator.

use types::Genesis;

use super::{init, reset, start};
use crate::cli::Surroundings;
use crate::complaint::Complaint;
use crate::config::Config;
use crate::home::{Home, ValidatorKey, load_genesis, make_folder};
use crate::signer::state_file;

/// The chain. A file at the root of the repository, for whoever wants to read it.
const GENESIS: &str = include_str!("../../../genesis.json");
/// The key of its one validator. Insecure: everybody knows it.
const VALIDATOR_KEY: &str = include_str!("dev/insecure_validator_key.json");
/// The home of the chain within the user's folder.
const DEFAULT_HOME: &str = ".lockstep-dev";

/// Arguments of `lockstep dev`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Forget the chain that is there and begin anew.
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    start: start::Args,
}

/// Makes the home if there is none, and runs its node.
///
/// # Errors
/// If the home is another chain's, or as `lockstep start`.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    let home = if around.home_is_named {
        around.home.clone()
    } else {
        Home::new(std::env::home_dir().unwrap_or_default().join(DEFAULT_HOME))
    };
    if !home.config_file().exists() {
        make(&home)?;
    }
    let loaded = home.load_config()?;
    check_chain(&home, &loaded.config)?;
    if args.fresh {
        reset::reset(&home, &loaded.config, reset::AddressBook::Forget)?;
    }
    eprintln!("warning: this validator's key is public; use this chain for nothing of value");
    start::start(&home, loaded, &args.start)
}

/// Makes a home that is not there yet.
fn make(home: &Home) -> Result<(), Complaint> {
    if home.root().exists() {
        let remedy = "choose a folder that does not exist yet";
        let problem = "exists, but is no home of a development chain";
        return Err(Complaint::new(home.root().display(), "", problem, remedy));
    }
    let config = Config { moniker: "dev".into(), ..Config::default() };
    let mut made = Vec::new();
    make_folder(&home.db_dir(&config))?;
    state_file::create(&home.validator_state_file(&config))?;
    init::write_new(&home.genesis_file(&config), GENESIS, &mut made)?;
    init::make_node_key(&home.node_key_file(&config), &mut made)?;
    let key = ValidatorKey::parse("the built-in key", VALIDATOR_KEY)?;
    key.save(&home.validator_key_file(&config))?;
    init::write_new(&home.config_file(), &config.to_toml(), &mut made)
}

/// Keeps `--fresh` and the public key away from homes of other chains.
fn check_chain(home: &Home, config: &Config) -> Result<(), Complaint> {
    let path = home.genesis_file(config);
    let genesis = load_genesis(&path, None)?;
    let ours = Genesis::parse(GENESIS).expect("the built-in genesis file is valid");
    if genesis.chain_id == ours.chain_id {
        return Ok(());
    }
    let problem = format!("the chain is {}, not {}", genesis.chain_id, ours.chain_id);
    let remedy = "use `lockstep start` for this home, or another --home";
    Err(Complaint::new(path.display(), "chain_id", problem, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_the_chains_one_validator() {
        let genesis = Genesis::parse(GENESIS).expect("the built-in genesis file is valid");
        let key = ValidatorKey::parse("test", VALIDATOR_KEY).expect("the built-in key is valid");
        let validators: Vec<_> = genesis.validators.iter().map(|it| it.public_key).collect();
        assert_eq!(validators, [key.key.public_key()]);
    }
}
