//! `lockstep init`: the files of a new node, and of a chain with this node as its one validator.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use types::genesis::GenesisValidator;
use types::{AppHash, ChainId, ConsensusParams, Genesis, Height, PublicKey, VotingPower};

use crate::cli::Surroundings;
use crate::clock::now;
use crate::complaint::Complaint;
use crate::config::Config;
use crate::home::key_files::random_key;
use crate::home::{Home, NodeKey, ValidatorKey, durable, make_folder};
use crate::signer::state_file;

/// Voting power of each validator of a new chain. spec: the reference's `init` and `testnet`.
pub const POWER: VotingPower = VotingPower(10);

/// Arguments of `lockstep init`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The node's name, for people [default: the name of this machine].
    #[arg(long)]
    moniker: Option<String>,
    /// The chain's name, if a genesis file is made [default: test-chain- and six letters].
    #[arg(long, alias = "chain_id")]
    chain_id: Option<String>,
}

/// Makes what is missing of a home.
///
/// # Errors
/// If a file that is there is wrong, or one cannot be written.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    let home = &around.home;
    let config = match home.config_file().exists() {
        true => home.load_config()?.config,
        false => {
            let moniker = args.moniker.clone().unwrap_or_else(machine_name);
            Config { moniker, ..Config::default() }
        }
    };
    let chain_id = match &args.chain_id {
        Some(name) => ChainId::new(name).map_err(|error| {
            Complaint::new("--chain-id", "", error.to_string(), "choose another name")
        })?,
        None => random_chain_id()?,
    };
    let mut made = Vec::new();
    let keys = make_keys(home, &config, &mut made)?;
    if !home.config_file().exists() {
        write_new(&home.config_file(), &config.to_toml(), &mut made)?;
    }
    let genesis_file = home.genesis_file(&config);
    if !genesis_file.exists() {
        let validators = vec![(keys.validator, config.moniker.clone())];
        write_new(&genesis_file, &genesis(chain_id, validators).to_json(), &mut made)?;
    }
    report(around, &made);
    Ok(())
}

/// The public keys of a home.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The node's name in the network (`12D3Koo…`).
    pub network_id: String,
    /// The validator's key.
    pub validator: PublicKey,
}

/// Makes what is missing of a home's keys and sign state. What is made is added to `made`.
///
/// # Errors
/// If a file that is there is wrong, or one cannot be written.
pub fn make_keys(home: &Home, config: &Config, made: &mut Vec<PathBuf>) -> Result<Keys, Complaint> {
    let node_key = make_node_key(&home.node_key_file(config), made)?;
    let (key_file, state_file) =
        (home.validator_key_file(config), home.validator_state_file(config));
    let validator_key = match (key_file.exists(), state_file.exists()) {
        (true, true) => ValidatorKey::load(&key_file)?,
        (true, false) => return Err(crate::signer::state_is_missing(&key_file, &state_file)),
        (false, true) => {
            let remedy = "restore the key file; or remove the state file to begin with a new key";
            let problem = format!("belongs to a key, but {} is missing", key_file.display());
            return Err(Complaint::new(state_file.display(), "", problem, remedy));
        }
        (false, false) => {
            let key = ValidatorKey { key: random_key()? };
            // The state first: a key without one would not start.
            make_folder_of(&state_file)?;
            state_file::create(&state_file)?;
            made.push(state_file);
            make_folder_of(&key_file)?;
            key.save(&key_file)?;
            made.push(key_file);
            key
        }
    };
    Ok(Keys {
        network_id: p2p::network_id(&node_key.key),
        validator: validator_key.key.public_key(),
    })
}

/// Reads the node key, or makes one if there is none.
///
/// # Errors
/// If the file is wrong, or cannot be written.
pub fn make_node_key(path: &Path, made: &mut Vec<PathBuf>) -> Result<NodeKey, Complaint> {
    if path.exists() {
        return NodeKey::load(path);
    }
    let key = NodeKey { key: random_key()? };
    make_folder_of(path)?;
    key.save(path)?;
    made.push(path.to_owned());
    Ok(key)
}

/// A chain that begins now with these validators, all of the same power.
pub fn genesis(chain_id: ChainId, validators: Vec<(PublicKey, String)>) -> Genesis {
    let validators = validators
        .into_iter()
        .map(|(public_key, name)| GenesisValidator { public_key, power: POWER, name })
        .collect();
    Genesis {
        genesis_time: now(),
        chain_id,
        initial_height: Height::FIRST,
        params: ConsensusParams::default(),
        validators,
        app_hash: AppHash::default(),
        app_state: "{}".into(),
    }
}

/// A name that no other test chain has.
///
/// # Errors
/// If the system has no random numbers.
pub fn random_chain_id() -> Result<ChainId, Complaint> {
    let random = random_key()?.public_key().0;
    let name = format!("test-chain-{}", hex::encode(&random[..3]));
    Ok(ChainId::new(name).expect("17 letters are a chain id"))
}

/// Writes a file that is not there yet, with the folders above it.
///
/// # Errors
/// If it cannot be written.
pub fn write_new(path: &Path, text: &str, made: &mut Vec<PathBuf>) -> Result<(), Complaint> {
    make_folder_of(path)?;
    durable::replace(path, text.as_bytes(), 0o644).map_err(|error| {
        let remedy = "choose a folder that this user may write";
        Complaint::new(path.display(), "", format!("cannot be written: {error}"), remedy)
    })?;
    made.push(path.to_owned());
    Ok(())
}

fn make_folder_of(path: &Path) -> Result<(), Complaint> {
    make_folder(path.parent().unwrap_or(Path::new(".")))
}

fn machine_name() -> String {
    let name = fs::read_to_string("/etc/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { Config::default().moniker } else { name.to_string() }
}

fn report(around: &Surroundings, made: &[PathBuf]) {
    let root = around.home.root().display();
    if around.json {
        let made: Vec<_> = made.iter().map(|path| path.display().to_string()).collect();
        println!("{:#}", json!({ "home": root.to_string(), "made": made }));
    } else if made.is_empty() {
        println!("nothing to do: {root} is complete");
    } else {
        for path in made {
            println!("made {}", path.display());
        }
        println!("start the node with: lockstep start --home {root}");
    }
}
