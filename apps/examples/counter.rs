//! Serves the counter of docs/APPLICATIONS.md to a node: `counter tcp://127.0.0.1:26658 data`.

#[path = "../tests/framework/counter.rs"]
mod counter;

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use abci::{Endpoint, SocketServer};
use apps::framework::{DiskRecords, Host, Keeping, Router};
use apps::ledger::auth::Auth;

use crate::counter::Counter;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [address, folder] = &words[..] else {
        eprintln!("usage: counter ADDRESS FOLDER, such as: counter tcp://127.0.0.1:26658 data");
        return ExitCode::from(2);
    };
    match serve(address, Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until it is killed, or cannot go on. What was committed is in the folder.
fn serve(address: &str, folder: &Path) -> Result<(), Box<dyn Error>> {
    let endpoint: Endpoint = address.parse()?;
    let router = Router::new(1).with(Auth::free()).with(Counter);
    let records = Arc::new(DiskRecords::open(folder)?);
    let host = Host::open(router, records, Keeping::default())?;
    let server = SocketServer::start(&endpoint, Arc::new(host))?;
    println!("serving on {}", server.endpoint());
    server.wait()?;
    Ok(())
}
