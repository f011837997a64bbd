//! `lockstep version`: what this is, and what it speaks.

use serde_json::json;
use types::block::BLOCK_VERSION;

use crate::cli::Surroundings;

/// The release of the reference whose dialect the RPC speaks.
pub const SPEAKS: &str = "0.38.23";
/// The version of the application interface.
pub const ABCI: &str = "2.0.0";
/// The version of the protocol between peers.
pub const P2P_PROTOCOL: u64 = 8;

/// Arguments of `lockstep version`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the versions of the protocols too.
    #[arg(short, long)]
    verbose: bool,
}

/// Prints the version.
///
/// # Errors
/// Never.
pub fn run(around: &Surroundings, args: &Args) -> anyhow::Result<()> {
    let own = env!("CARGO_PKG_VERSION");
    if around.json || args.verbose {
        let versions = json!({
            "lockstep": own,
            "cometbft": SPEAKS,
            "abci": ABCI,
            "block_protocol": BLOCK_VERSION,
            "p2p_protocol": P2P_PROTOCOL,
        });
        println!("{versions:#}");
    } else {
        println!("{own}");
    }
    Ok(())
}
