//! The processes of a localnet: their logs in one, their heights, their end.

use std::fmt::Arguments;
use std::io::Write;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::application::LEDGER;
use crate::client::Client;
use crate::config::{Config, listen};
use crate::home::Home;

/// Colours of the nodes' names, as terminals number them.
const COLOURS: [u8; 6] = [36, 32, 33, 35, 34, 31];
/// How often heights are asked for until all advance.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// A node of the network.
struct Member {
    name: String,
    home: Home,
    url: String,
    process: Child,
    /// The height it first told.
    first_height: Option<u64>,
    advances: bool,
    runs_ledger: bool,
}

/// The nodes that run.
pub struct Members {
    members: Vec<Member>,
    /// Which have ended, each with its name.
    ended: Vec<String>,
    announced: bool,
}

/// Names the accounts that have funds, and what can be done with them.
fn say_accounts(url: &str) {
    use apps::ledger::development::{NAMES, account};
    say(format_args!("  accounts with funds, for development: everybody has their keys"));
    for name in NAMES {
        let account = account(name).map(|it| it.to_string()).unwrap_or_default();
        say(format_args!("    {name:6} {account}"));
    }
    say(format_args!("  try       lockstep tx bank send bob coin 5 --from alice --node {url}"));
    say(format_args!("            lockstep query bank balance bob coin --prove --node {url}"));
}

/// What woke us.
enum Wake {
    Stop,
    Ended(usize, ExitStatus),
    Tick,
}

impl Members {
    /// Starts a process for each home.
    ///
    /// # Errors
    /// If this program cannot be started.
    pub fn spawn(nodes: &[(Home, Config)], colour: bool) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("this program does not know its own file")?;
        let mut members = Vec::new();
        for (index, (home, config)) in nodes.iter().enumerate() {
            let mut process = Command::new(&program)
                .args(["start", "--home"])
                .arg(home.root())
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()
                .with_context(|| format!("{} cannot be started", program.display()))?;
            let name = config.moniker.clone();
            let prefix = prefix(&name, index, colour);
            if let Some(lines) = process.stdout.take() {
                tokio::spawn(print_lines(prefix.clone(), lines));
            }
            if let Some(lines) = process.stderr.take() {
                tokio::spawn(print_lines(prefix, lines));
            }
            let url = listen::parse(&config.rpc.laddr)
                .map_or_else(|| config.rpc.laddr.clone(), |socket| format!("http://{socket}"));
            let home = home.clone();
            let (first_height, advances) = (None, false);
            let runs_ledger = config.proxy_app == LEDGER;
            members.push(Member { name, home, url, process, first_height, advances, runs_ledger });
        }
        Ok(Self { members, ended: Vec::new(), announced: false })
    }

    /// Watches over the nodes until a signal comes or none is left, then stops them.
    ///
    /// # Errors
    /// If every node has died, or one had to be killed.
    pub async fn run(&mut self, stop_within: Duration) -> anyhow::Result<()> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let mut ticks = tokio::time::interval(ASK_EVERY);
        loop {
            let wake = tokio::select! {
                _ = interrupts.recv() => Wake::Stop,
                _ = terminations.recv() => Wake::Stop,
                (index, status) = next_end(&mut self.members) => Wake::Ended(index, status),
                _ = ticks.tick(), if !self.announced => Wake::Tick,
            };
            match wake {
                Wake::Stop => return self.stop(stop_within).await,
                Wake::Tick => self.ask_heights().await,
                Wake::Ended(index, status) => {
                    let member = self.members.remove(index);
                    report_end(&member, status);
                    self.ended.push(member.name);
                    if self.members.is_empty() {
                        bail!("every node has ended: {}; see the log above", self.ended.join(", "));
                    }
                }
            }
        }
    }

    /// Asks every node for its height, and says so once all have advanced.
    async fn ask_heights(&mut self) {
        let mut answers = JoinSet::new();
        for (index, member) in self.members.iter().enumerate() {
            let url = member.url.clone();
            answers.spawn(async move { (index, height(&url).await) });
        }
        while let Some(answer) = answers.join_next().await {
            let Ok((index, Ok(height))) = answer else { continue };
            let Some(member) = self.members.get_mut(index) else { continue };
            let first = *member.first_height.get_or_insert(height);
            member.advances = first < height;
        }
        if self.members.iter().all(|member| member.advances) {
            self.announced = true;
            self.announce();
        }
    }

    fn announce(&self) {
        say(format_args!(
            "\nThe network runs: heights advance on all {} nodes.",
            self.members.len()
        ));
        for member in &self.members {
            let pid = member.process.id().map(|pid| pid.to_string()).unwrap_or_default();
            say(format_args!("  {}  {}  process {pid}", member.name, member.url));
        }
        if let Some(first) = self.members.first() {
            say(format_args!("  explorer  {}/explorer", first.url));
            match first.runs_ledger {
                true => say_accounts(&first.url),
                false => say(format_args!(
                    "  try       lockstep tx send hello=world --node {}",
                    first.url
                )),
            }
        }
        say(format_args!("Ctrl-C stops it; the next start continues the chain.\n"));
    }

    /// Asks all nodes to stop, and kills those that do not.
    async fn stop(&mut self, within: Duration) -> anyhow::Result<()> {
        let begun = Instant::now();
        for member in &self.members {
            let pid = member.process.id().and_then(|pid| i32::try_from(pid).ok());
            if let Some(pid) = pid.and_then(Pid::from_raw) {
                // It may have ended by itself since.
                kill_process(pid, Signal::TERM).ok();
            }
        }
        let mut killed = Vec::new();
        for member in &mut self.members {
            let left = within.saturating_sub(begun.elapsed());
            if tokio::time::timeout(left, member.process.wait()).await.is_err() {
                killed.push(member.name.clone());
                member.process.kill().await?;
            }
        }
        if !killed.is_empty() {
            bail!("{} did not stop within {within:?} and had to be killed", killed.join(", "));
        }
        say(format_args!("stopped all nodes in {:.1} s", begun.elapsed().as_secs_f32()));
        Ok(())
    }
}

/// Waits until one of the processes ends. For ever, if there is none.
async fn next_end(members: &mut [Member]) -> (usize, ExitStatus) {
    let waits = members.iter_mut().enumerate().map(|(index, member)| {
        Box::pin(async move { (index, member.process.wait().await.unwrap_or_default()) })
    });
    let waits: Vec<_> = waits.collect();
    if waits.is_empty() {
        return std::future::pending().await;
    }
    futures::future::select_all(waits).await.0
}

fn report_end(member: &Member, status: ExitStatus) {
    let (name, home) = (&member.name, member.home.root().display());
    say(format_args!("\n{name} has ended ({status}); the others go on. To bring it back:"));
    say(format_args!("  lockstep start --home {home}\n"));
}

async fn height(url: &str) -> anyhow::Result<u64> {
    let status = Client::new(url)?.call("status", json!({})).await?;
    let height = status["sync_info"]["latest_block_height"].as_str().unwrap_or_default();
    Ok(height.parse()?)
}

fn prefix(name: &str, index: usize, colour: bool) -> String {
    match (colour, COLOURS.get(index % COLOURS.len())) {
        (true, Some(number)) => format!("\x1b[{number}m{name}\x1b[0m | "),
        (_, _) => format!("{name} | "),
    }
}

async fn print_lines(prefix: String, lines: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(lines).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        say(format_args!("{prefix}{line}"));
    }
}

/// Prints a line. If nobody reads any more, the nodes go on all the same.
fn say(line: Arguments<'_>) {
    writeln!(std::io::stdout(), "{line}").ok();
}
