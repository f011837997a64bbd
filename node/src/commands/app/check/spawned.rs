//! Instances of an application that are processes of ours, started by a command.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use abci::check::{Instance, InstanceError, Instances, Link};
use anyhow::{Context, Result};
use tokio::runtime::Handle;

use super::connect;
use crate::commands::app::Place;

/// Between two attempts to reach an instance that starts.
const ATTEMPTS_EVERY: Duration = Duration::from_millis(20);
/// What a shell says of who was interrupted.
const INTERRUPTED: i32 = 130;
/// Bytes of an instance's last output that are shown if it ends.
const LAST_WORDS_BYTES: usize = 300;

/// Over what an instance is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Over {
    /// A Unix socket.
    Unix,
    /// TCP, on loopback.
    Tcp,
    /// gRPC, on loopback.
    Grpc,
}

/// Starts instances in a temporary folder, which goes when this does.
pub struct Spawned {
    command: String,
    over: Over,
    limit: Duration,
    runtime: Handle,
    living: Arc<Living>,
    started: u32,
}

/// The processes that run, and the folder that they run in.
#[derive(Debug)]
pub struct Living {
    root: PathBuf,
    children: Mutex<BTreeMap<u32, Child>>,
}

impl Living {
    fn children(&self) -> MutexGuard<'_, BTreeMap<u32, Child>> {
        self.children.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, command: &mut Command) -> io::Result<u32> {
        // Held until it is noted, so that no end comes between.
        let mut children = self.children();
        let child = command.spawn()?;
        let number = child.id();
        children.insert(number, child);
        Ok(number)
    }

    /// How a process has ended, if it has.
    fn ended(&self, number: u32) -> io::Result<Option<ExitStatus>> {
        self.children().get_mut(&number).map_or(Ok(None), Child::try_wait)
    }

    fn kill(&self, number: u32) {
        if let Some(mut child) = self.children().remove(&number) {
            end(&mut child);
        }
    }

    /// Ends all processes, and this one with them.
    pub fn end(&self) -> ! {
        let mut children = self.children();
        children.values_mut().for_each(end);
        drop(fs::remove_dir_all(&self.root));
        std::process::exit(INTERRUPTED)
    }
}

fn end(child: &mut Child) {
    // It may have ended by itself.
    drop(child.kill());
    drop(child.wait());
}

impl Spawned {
    /// Instances by this command.
    ///
    /// # Errors
    /// If there can be no temporary folder.
    pub fn new(command: &str, over: Over, limit: Duration, runtime: &Handle) -> Result<Self> {
        let number = getrandom::u64().context("the system has no randomness")?;
        let root = std::env::temp_dir().join(format!("lockstep-check-{number:016x}"));
        // Nobody else is to connect to what is started.
        let made = fs::DirBuilder::new().mode(0o700).create(&root);
        made.with_context(|| root.display().to_string())?;
        let (command, runtime) = (command.to_owned(), runtime.clone());
        let living = Arc::new(Living { root, children: Mutex::default() });
        Ok(Self { command, over, limit, runtime, living, started: 0 })
    }

    /// Whom a signal has to end.
    pub fn living(&self) -> Arc<Living> {
        Arc::clone(&self.living)
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        // What cannot be removed does no harm where it is.
        drop(fs::remove_dir_all(&self.living.root));
    }
}

impl Instances for Spawned {
    fn fresh(&mut self) -> Result<Option<Box<dyn Instance>>, InstanceError> {
        self.started += 1;
        let root = &self.living.root;
        let folder = root.join(self.started.to_string());
        let told = |error: io::Error| InstanceError::new(error.to_string());
        fs::create_dir_all(&folder).map_err(told)?;
        let socket = root.join(format!("{}.sock", self.started));
        let (place, port) = match self.over {
            Over::Unix => (Place::Socket(abci::Endpoint::Unix(socket)), String::new()),
            Over::Tcp | Over::Grpc => {
                let free = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr());
                let address = free.map_err(told)?;
                let place = match self.over {
                    Over::Grpc => Place::Grpc(address.to_string()),
                    Over::Unix | Over::Tcp => {
                        Place::Socket(abci::Endpoint::Tcp(address.to_string()))
                    }
                };
                (place, address.port().to_string())
            }
        };
        let address = match &place {
            Place::Socket(endpoint) => endpoint.to_string(),
            Place::Grpc(address) => format!("grpc://{address}"),
        };
        let command = self.command.replace("{address}", &address).replace("{port}", &port);
        let command = command.replace("{dir}", &folder.display().to_string());
        let log = root.join(format!("{}.log", self.started));
        let (limit, runtime, living) = (self.limit, self.runtime.clone(), self.living());
        let mut process = Process { command, place, log, limit, runtime, living, child: None };
        process.start()?;
        Ok(Some(Box::new(process)))
    }

    fn remedy(&self) -> &str {
        "the command must start it anew each time, over {dir}"
    }
}

/// One instance.
struct Process {
    command: String,
    place: Place,
    log: PathBuf,
    limit: Duration,
    runtime: Handle,
    living: Arc<Living>,
    child: Option<u32>,
}

impl Process {
    /// Starts it, and waits until it can be reached.
    fn start(&mut self) -> Result<(), InstanceError> {
        let told = |error: io::Error| InstanceError::new(error.to_string());
        if let Place::Socket(abci::Endpoint::Unix(path)) = &self.place {
            // Many servers do not take over the socket of one that was killed.
            drop(fs::remove_file(path));
        }
        let output = File::options().create(true).append(true).open(&self.log).map_err(told)?;
        let errors = output.try_clone().map_err(told)?;
        let mut command = Command::new("sh");
        // In place of the shell, so that whom we kill is the application; by way of env, which
        // takes variables before the program.
        command.arg("-c").arg(format!("exec env {}", self.command));
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let child = *self.child.insert(self.living.start(&mut command).map_err(told)?);
        let begun = Instant::now();
        loop {
            let refusal = match connect(&self.place, self.limit, &self.runtime) {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            if let Some(status) = self.living.ended(child).map_err(told)? {
                let words = last_words(&self.log);
                let reason = format!("`{}` ended with {status}: {words}", self.command);
                return Err(InstanceError::new(reason));
            }
            if self.limit < begun.elapsed() {
                let reason = format!("`{}` cannot be reached: {refusal}", self.command);
                return Err(InstanceError::new(reason));
            }
            thread::sleep(ATTEMPTS_EVERY);
        }
    }

    fn kill(&mut self) {
        if let Some(child) = self.child.take() {
            self.living.kill(child);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Instance for Process {
    fn connect(&self) -> Result<Link, InstanceError> {
        connect(&self.place, self.limit, &self.runtime)
            .map_err(|error| InstanceError::new(error.to_string()))
    }

    fn crash(&mut self) -> Result<bool, InstanceError> {
        self.kill();
        self.start()?;
        Ok(true)
    }
}

/// The end of what an instance has written, on one line.
fn last_words(log: &Path) -> String {
    let text = fs::read(log).unwrap_or_default();
    let end = text.get(text.len().saturating_sub(LAST_WORDS_BYTES)..).unwrap_or_default();
    let end = String::from_utf8_lossy(end);
    end.split_whitespace().collect::<Vec<_>>().join(" ")
}
