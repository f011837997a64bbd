//! The command line: what there is, and how it ends. Success is exit code 0; a fault that the
//! operator can mend is one line and exit code 1; wrong usage is 2; a broken assertion is 134.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::{BoolValueParser, TypedValueParser};
use clap::{ArgAction, Parser, Subcommand};

use crate::commands::{
    app, completions, dev, generate, init, load, localnet, query, reset, show, simulate, start,
    status, testnet, tx, version,
};
use crate::home::Home;

/// A node that agrees with others on one order of transactions, by the CometBFT protocol.
#[derive(Debug, Parser)]
#[command(name = "lockstep", version, propagate_version = false, max_term_width = 100)]
pub struct Cli {
    /// Folder with this node's keys, config and data [default: $LOCKSTEP_HOME, or ~/.lockstep].
    #[arg(long, global = true, value_name = "DIR")]
    pub home: Option<PathBuf>,
    /// Print JSON instead of text, for machines.
    #[arg(
        long,
        global = true,
        action = ArgAction::SetTrue,
        value_parser = BoolValueParser::new().map(Json::of_flag)
    )]
    pub json: Json,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where JSON goes. `--json` is a flag of every command but `load`, which names a file with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// Nobody wants any.
    #[default]
    Nowhere,
    /// To the standard output, instead of text.
    Stdout,
    /// To a file, beside text.
    File(PathBuf),
}

impl Json {
    /// What the flag means.
    fn of_flag(given: bool) -> Self {
        if given { Json::Stdout } else { Json::Nowhere }
    }

    /// What the name of a file means.
    ///
    /// # Errors
    /// If it is empty.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "" => Err("give a file, or - for the standard output".to_owned()),
            "-" => Ok(Json::Stdout),
            name => Ok(Json::File(name.into())),
        }
    }
}

/// What `lockstep` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make the files of a new node; those that are there stay as they are.
    Init(init::Args),
    /// Run the node in this home until it is told to stop (SIGINT or SIGTERM).
    #[command(visible_aliases = ["node", "run"])]
    Start(Box<start::Args>),
    /// Make the homes of a new network, each to be run with `lockstep start --home DIR/nodeI`.
    Testnet(testnet::Args),
    /// Run a whole network on this machine, each validator a process of its own.
    Localnet(localnet::Args),
    /// Run whole networks in virtual time, from seeds, with every fault and liar that we can name.
    Simulate(Box<simulate::Args>),
    /// Run one validator on a ready-made chain, for development. Its key is public: insecure.
    Dev(Box<dev::Args>),
    /// Serve, write and check applications.
    App(app::Args),
    /// Ask a running node how it is.
    Status(status::Args),
    /// Make and send transactions.
    Tx(tx::Args),
    /// Put a load on a network, and measure throughput and latency. Any node with CometBFT's RPC.
    Load(Box<load::Args>),
    /// Ask the application for what it holds under a key.
    Query(query::Args),
    /// Print the id by which other nodes know this one.
    #[command(alias = "show_node_id")]
    ShowNodeId(show::NodeIdArgs),
    /// Print this validator's public key.
    #[command(alias = "show_validator")]
    ShowValidator,
    /// Print a new validator key. Nothing is written.
    #[command(alias = "gen_validator")]
    GenValidator,
    /// Make a node key, if there is none, and print its id.
    #[command(alias = "gen_node_key")]
    GenNodeKey,
    /// Delete the chain from this home and forget what was signed. Keys and config stay.
    #[command(alias = "unsafe_reset_all")]
    UnsafeResetAll(reset::Args),
    /// Print what this is a version of.
    Version(version::Args),
    /// Print a script that completes commands in a shell.
    #[command(alias = "completion")]
    Completions(completions::Args),
}

/// What every command is told.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The home that `--home` or the environment names.
    pub home: Home,
    /// Whether `--home` was given.
    pub home_is_named: bool,
    /// Whether a machine reads what we print.
    pub json: bool,
}

/// Carries out the command line of this process.
pub fn run() -> ExitCode {
    abort_on_panic();
    let cli = Cli::parse();
    match carry_out(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(cli: Cli) -> anyhow::Result<()> {
    let home_is_named = cli.home.is_some();
    let home = cli.home.map_or_else(Home::from_environment, Home::new);
    let around = Surroundings { home, home_is_named, json: cli.json != Json::Nowhere };
    match cli.command {
        Command::Init(args) => init::run(&around, &args),
        Command::Start(args) => start::run(&around, &args),
        Command::Testnet(args) => testnet::run(&around, &args),
        Command::Localnet(args) => localnet::run(&around, &args),
        Command::Simulate(args) => simulate::run(&around, &args),
        Command::Dev(args) => dev::run(&around, &args),
        Command::App(args) => app::run(&around, &args),
        Command::Status(args) => status::run(&around, &args),
        Command::Tx(args) => tx::run(&around, &args),
        Command::Load(args) => load::run(&around, &args),
        Command::Query(args) => query::run(&around, &args),
        Command::ShowNodeId(args) => show::node_id(&around, &args),
        Command::ShowValidator => show::validator(&around),
        Command::GenValidator => generate::validator(),
        Command::GenNodeKey => generate::node_key(&around),
        Command::UnsafeResetAll(args) => reset::run(&around, &args),
        Command::Version(args) => version::run(&around, &args),
        Command::Completions(args) => completions::run(&args),
    }
}

/// A broken assertion means that we made a mistake: a replica that goes on could do harm, so the
/// whole process dies, whichever thread it was.
fn abort_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let reason = panic.payload_as_str().unwrap_or("no reason given");
        // Whoever reads our output has had enough, as `head` does: nobody's mistake.
        if reason.starts_with("failed printing to stdout") {
            std::process::exit(0);
        }
        let backtrace = std::backtrace::Backtrace::capture();
        let hint = match backtrace.status() {
            std::backtrace::BacktraceStatus::Captured => format!("\n{backtrace}"),
            _ => "; for a backtrace set RUST_BACKTRACE=1".to_string(),
        };
        eprintln!("panic: thread {name} at {place}: {reason}; the node stops here{hint}");
        std::process::abort();
    }));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_of_the_reference_are_taken_in_both_spellings() {
        for line in [
            "lockstep start --proxy_app kvstore --p2p.persistent_peers a@b:1",
            "lockstep start --proxy-app kvstore --p2p.persistent-peers a@b:1",
            "lockstep node --consensus.create_empty_blocks=false --rpc.laddr tcp://0.0.0.0:1",
            "lockstep start --p2p.pex --log_level consensus:debug,*:info --genesis_hash ab",
            "lockstep testnet --v 4 --n 1 --o net --base-port 30000",
            "lockstep localnet -n 4 --dir d --base-port 26656 --fresh",
            "lockstep show-node-id --libp2p --home /nowhere --json",
            "lockstep version -v",
            "lockstep app serve kvstore --abci unix:///tmp/app.sock --dir d",
            "lockstep simulate --seed 7 --heights 9 --validators 4 --byzantine 1 --faults crash",
            "lockstep simulate --seeds 0..9 --jobs 2 --network wan --within 60 --json",
            "lockstep load --endpoints ws://a:1/websocket,http://b:2 --connections 9 --rate 0",
            "lockstep load --endpoints a:1 --size 99 --time 9 --method commit --json - --plot x",
            "lockstep simulate --replay seed-7.trace --trace again.trace",
        ] {
            Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
        assert!(Cli::try_parse_from(["lockstep", "start", "--rpc.ladr", "x"]).is_err());
    }
}
