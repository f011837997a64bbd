//! `lockstep start`: runs the node in a home.

use std::io::IsTerminal;

use types::Hash;
use types::hash::HASH_BYTES;

use crate::cli::Surroundings;
use crate::complaint::Complaint;
use crate::config::overrides::Overrides;
use crate::config::{Config, Loaded};
use crate::home::Home;
use crate::logging::{self, Format, Levels};
use crate::node::{self, Options};
use crate::signer::MissingState;

/// Arguments of `lockstep start`.
#[derive(Debug, clap::Args)]
#[group(id = "start")]
pub struct Args {
    /// Start only if the genesis file has this SHA-256 (hex).
    #[arg(long = "genesis_hash", alias = "genesis-hash", value_name = "HASH")]
    genesis_hash: Option<String>,
    /// Start although what the key signed last is not known. Only if it signs nowhere else.
    #[arg(long)]
    i_know_the_state_file_is_gone: bool,
    #[command(flatten)]
    overrides: Overrides,
}

/// Runs the node until it is told to stop.
///
/// # Errors
/// If a file or flag is wrong, or the node cannot go on.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    let loaded = around.home.load_config()?;
    start(&around.home, loaded, args)
}

/// As [`run`], with a config that was read already.
///
/// # Errors
/// As [`run`].
pub fn start(home: &Home, loaded: Loaded, args: &Args) -> anyhow::Result<()> {
    let config = args.overrides.apply(&loaded.config)?;
    let genesis_hash = args.genesis_hash.as_deref().map(parse_hash).transpose()?;
    let missing_state = if args.i_know_the_state_file_is_gone {
        MissingState::BeginAnew
    } else {
        MissingState::Refuse
    };
    let logs = start_logging(&config)?;
    if !loaded.without_meaning.is_empty() {
        let keys = loaded.without_meaning.join(", ");
        tracing::warn!(keys, "keys of config.toml that have no meaning here");
    }
    reread_levels_on_hangup(home.clone(), logs)?;
    let home = home.clone();
    node::run(&Options { home, config, missing_state, genesis_hash })
}

fn parse_hash(text: &str) -> Result<Hash, Complaint> {
    let mut hash = [0; HASH_BYTES];
    hex::decode_to_slice(text, &mut hash).map_err(|error| {
        let remedy = "give the SHA-256 of the genesis file, 64 hex digits";
        Complaint::new("--genesis_hash", "", error.to_string(), remedy)
    })?;
    Ok(Hash(hash))
}

fn start_logging(config: &Config) -> anyhow::Result<logging::Handle> {
    let levels = Levels::parse(&config.log_level)?;
    let format = if config.log_format == "json" { Format::Json } else { Format::Plain };
    Ok(logging::start(&levels, format, std::io::stdout().is_terminal()))
}

/// From now on SIGHUP means: read `log_level` from config.toml again.
fn reread_levels_on_hangup(home: Home, logs: logging::Handle) -> anyhow::Result<()> {
    let wait = async move {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut hangups) = signal(SignalKind::hangup()) else { return };
        while hangups.recv().await.is_some() {
            match home.load_config().map(|loaded| loaded.config.log_level) {
                Ok(levels) => match logs.set_levels(&levels) {
                    Ok(()) => tracing::info!(levels, "log levels changed"),
                    Err(error) => tracing::error!(%error, "log levels stay as they were"),
                },
                Err(error) => tracing::error!(%error, "log levels stay as they were"),
            }
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let thread = std::thread::Builder::new().name("log-levels".into());
    thread.spawn(move || runtime.block_on(wait))?;
    Ok(())
}
