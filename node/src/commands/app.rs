//! `lockstep app`: applications of ours for nodes of any make, and a check of anybody's.

mod check;
mod new;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use abci::grpc::GrpcServer;
use abci::{Application, Endpoint, EndpointError, LocalClient, ServeError, SocketServer};
use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Surroundings;
use crate::crash;
use crate::logging::{self, Format, Levels};

/// Arguments of `lockstep app`.
#[derive(Debug, clap::Args)]
#[group(id = "app")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What can be done with applications.
#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Serve an application until it is told to stop (SIGINT or SIGTERM).
    Serve(ServeArgs),
    /// Write a small application crate in Rust, with a test of it.
    New(new::Args),
    /// Check from outside whether an application keeps to what ABCI 2.0 requires, in any language.
    Check(Box<check::Args>),
}

/// Arguments of `lockstep app serve`.
#[derive(Debug, clap::Args)]
#[group(id = "app-serve")]
struct ServeArgs {
    /// Which application.
    application: Name,
    /// Where to listen: tcp://HOST:PORT (port 0 is any free one), unix:///PATH or
    /// grpc://HOST:PORT. Whoever can connect there can change the application's state, so let
    /// nobody but the node.
    #[arg(long, value_name = "ADDRESS", default_value = "tcp://127.0.0.1:26658")]
    abci: Place,
    /// Folder of the application's state [default: data/kvstore in the home].
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The applications that are built in.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Name {
    /// Keys and values, as CometBFT's own.
    Kvstore,
}

/// Where an application listens, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Socket(Endpoint),
    /// `host:port`.
    Grpc(String),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("grpc://") {
            None => text.parse().map(Place::Socket).map_err(|error| match error {
                EndpointError::Kind { .. } => "it is no address of an application; \
                     write tcp://host:port, unix:///path or grpc://host:port"
                    .to_owned(),
                error => error.to_string(),
            }),
            Some(address) => match format!("tcp://{address}").parse::<Endpoint>() {
                Ok(_) => Ok(Place::Grpc(address.to_owned())),
                // The same rules, and the same complaints.
                Err(error) => Err(error.to_string().replace("tcp://", "grpc://")),
            },
        }
    }
}

/// What serves an application.
enum Server {
    Socket(SocketServer),
    Grpc(GrpcServer),
}

impl Server {
    fn start(place: &Place, application: Arc<dyn Application>) -> Result<Self, ServeError> {
        match place {
            Place::Socket(endpoint) => {
                SocketServer::start(endpoint, application).map(Server::Socket)
            }
            Place::Grpc(address) => GrpcServer::start(address, application).map(Server::Grpc),
        }
    }

    fn address(&self) -> String {
        match self {
            Server::Socket(server) => server.endpoint().to_string(),
            Server::Grpc(server) => server.endpoint().to_string().replacen("tcp", "grpc", 1),
        }
    }

    fn stopper(&self) -> Box<dyn Fn() + Send> {
        match self {
            Server::Socket(server) => Box::new(server.stopper()),
            Server::Grpc(server) => Box::new(server.stopper()),
        }
    }

    fn wait(&self) -> Result<(), ServeError> {
        match self {
            Server::Socket(server) => server.wait(),
            Server::Grpc(server) => server.wait(),
        }
    }
}

/// Carries out `lockstep app`.
///
/// # Errors
/// If the application cannot be served, cannot go on, or does not keep to what is required.
pub fn run(around: &Surroundings, args: &Args) -> Result<()> {
    match &args.command {
        Command::Serve(args) => serve(around, args),
        Command::New(args) => new::run(around, args),
        Command::Check(args) => check::run(around, args),
    }
}

fn serve(around: &Surroundings, args: &ServeArgs) -> Result<()> {
    let levels = Levels::parse("info").expect("a level is a filter");
    drop(logging::start(&levels, Format::Plain, std::io::stdout().is_terminal()));
    let Name::Kvstore = args.application;
    let folder = args.dir.clone().unwrap_or_else(|| around.home.root().join("data/kvstore"));
    let kvstore = Arc::new(apps::KvStore::open(&folder)?);
    let application = Arc::new(LocalClient::new(kvstore, Arc::new(crash::Calls)));
    // Before anybody can connect, so that no stop is missed.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let signals = runtime.block_on(async { stop_signals() })?;
    let server = Server::start(&args.abci, application)?;
    tracing::info!(address = server.address(), folder = %folder.display(), "serving kvstore");
    let stop = server.stopper();
    let wait = move || {
        runtime.block_on(stop_signal(signals));
        tracing::info!("stopping");
        stop();
    };
    let thread = std::thread::Builder::new().name("signals".into());
    thread.spawn(wait).context("the signals thread could not be started")?;
    server.wait()?;
    Ok(())
}

fn stop_signals() -> std::io::Result<[Signal; 2]> {
    Ok([signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?])
}

/// Completes when the operator wants an end.
async fn stop_signal([mut terminate, mut interrupt]: [Signal; 2]) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_of_three_kinds_and_complaints_name_them() {
        let place = |text: &str| text.parse::<Place>();
        assert_eq!(place("grpc://a:1"), Ok(Place::Grpc("a:1".to_owned())));
        assert_eq!(place("tcp://a:1"), Ok(Place::Socket(Endpoint::Tcp("a:1".to_owned()))));
        let refused = place("a:1").expect_err("it has no scheme");
        assert!(refused.contains("unix:///path or grpc://host:port"), "{refused}");
        let refused = place("grpc://a").expect_err("it has no port");
        assert_eq!(refused, "\"grpc://a\" lacks a port; write grpc://host:port");
    }
}
