//! A load on a network of any nodes that speak CometBFT's RPC: transactions are sent to some of
//! them, the chain is looked at, and what became of each is told.
//!
//! Each connection is a task ([`sender`]), the chain is followed by one more ([`watcher`]), and
//! all that they see goes through one bounded channel to the [`ledger`], which belongs to the loop
//! here.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use futures::future::try_join_all;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

pub mod endpoint;
pub mod payload;

pub mod answer;
pub mod news;
pub mod sender;
pub mod socket;
pub mod watcher;

pub mod ledger;
pub mod series;
pub mod spread;

pub mod plot;
pub mod report;

use crate::client::Client;
use crate::clock;
use crate::complaint::Complaint;
use endpoint::Endpoint;
use ledger::Ledger;
use news::News;
use payload::Mint;
use report::{Asked, Course, Report, Target};
use sender::{Method, Shared};
use watcher::{Watcher, height_of};

/// Most news that wait for the ledger.
const NEWS_MAX: usize = 65_536;
/// Most news that are taken before anything else is looked at.
const NEWS_AT_ONCE_MAX: usize = 4096;
/// Between two looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a node may take to say who it is.
const GREETING_WITHIN: Duration = Duration::from_secs(5);

/// A load, its values within the limits of the command line.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The nodes; connections go to one after the other.
    pub endpoints: Vec<Endpoint>,
    /// Connections in all.
    pub connections: usize,
    /// Transactions a second over all connections; 0: each as soon as the last was answered.
    pub rate: u32,
    /// Bytes of a transaction.
    pub size: usize,
    /// For how long transactions are sent.
    pub time: Duration,
    /// How long afterwards it is waited for what nodes took.
    pub grace: Duration,
    /// By which call.
    pub method: Method,
}

/// How far a load is.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// For how long transactions are being sent, or were.
    pub sending: Duration,
    /// Whether no more are sent.
    pub stopped: bool,
    /// Transactions sent so far.
    pub sent: u64,
    /// Of those in blocks so far.
    pub committed: u64,
    /// The latest height.
    pub height: u64,
    /// Errors so far.
    pub errors: u64,
}

/// What the first node's chain is, and who the nodes are.
struct Greeting {
    chain: String,
    targets: Vec<Target>,
    height: u64,
    block_bytes_max: Option<u64>,
}

/// Carries out a load, and is shown how far it is. An interrupt ends the sending, a second one the
/// waiting; there is a report all the same.
///
/// # Errors
/// If a node does not answer at the beginning, or they are of different chains.
pub async fn run(plan: &Plan, show: impl FnMut(Standing)) -> anyhow::Result<Report> {
    let greeting = greet(&plan.endpoints).await?;
    let mint = Arc::new(Mint::new(plan.size).context("the system has no randomness")?);
    let (news, inbox) = mpsc::channel(NEWS_MAX);
    let shared = Arc::new(Shared::new(Arc::clone(&mint), plan.method, plan.rate, news.clone()));
    let interrupts = signal(SignalKind::interrupt()).context("interrupts cannot be heard")?;
    let mut watchers = JoinSet::new();
    // The latest block is looked at too: the next one's interval begins there.
    let (endpoints, next) = (plan.endpoints.clone(), greeting.height.max(1));
    watchers.spawn(Watcher { endpoints, mint: Arc::clone(&mint), news, next }.run());
    let mut senders = JoinSet::new();
    for endpoint in plan.endpoints.iter().cycle().take(plan.connections) {
        senders.spawn(sender::run(endpoint.clone(), Arc::clone(&shared)));
    }
    let (pacer, rate) = (Arc::clone(&shared), plan.rate);
    senders.spawn(async move { pacer.give_turns(rate).await });
    let ledger = Ledger::new(clock::now());
    let (begun, stopped) = (Instant::now(), None);
    let mut load = Load { plan, shared, ledger, inbox, senders, interrupts, begun, stopped };
    let interrupted = load.watch(show).await;
    load.note_rest();
    let course = Course {
        run: mint.run(),
        chain: greeting.chain,
        targets: greeting.targets,
        asked: Asked {
            connections: plan.connections,
            rate: plan.rate,
            size: plan.size,
            seconds: plan.time.as_secs(),
            method: plan.method.name(),
        },
        block_bytes_max: greeting.block_bytes_max,
        sending_seconds: load.sending().as_secs_f64(),
        interrupted,
        turns_missed: load.shared.turns_missed(),
    };
    Ok(Report::new(load.ledger, course))
}

/// A load under way.
struct Load<'a> {
    plan: &'a Plan,
    shared: Arc<Shared>,
    ledger: Ledger,
    inbox: mpsc::Receiver<News>,
    senders: JoinSet<()>,
    interrupts: Signal,
    begun: Instant,
    /// When the sending ended.
    stopped: Option<Instant>,
}

impl Load<'_> {
    /// Takes note of all that happens until it is over; whether it was interrupted.
    async fn watch(&mut self, mut show: impl FnMut(Standing)) -> bool {
        let mut ticks = interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let end = self.begun + self.plan.time;
        let mut interrupted = false;
        let mut news = Vec::new();
        loop {
            tokio::select! {
                count = self.inbox.recv_many(&mut news, NEWS_AT_ONCE_MAX) => {
                    assert!(0 < count, "the channel is ours, too");
                    news.drain(..).for_each(|news| self.ledger.note(news));
                }
                _ = ticks.tick() => {
                    self.note_stop();
                    show(self.standing());
                    if self.is_over() {
                        return interrupted;
                    }
                }
                Some(_) = self.senders.join_next() => {}
                () = sleep_until(end), if !self.shared.stop.is_cancelled() => {
                    self.shared.stop.cancel();
                    self.note_stop();
                }
                Some(()) = self.interrupts.recv() => {
                    if self.shared.stop.is_cancelled() {
                        return true;
                    }
                    interrupted = true;
                    self.shared.stop.cancel();
                    self.note_stop();
                }
            }
        }
    }

    /// What was told until now counts.
    fn note_rest(&mut self) {
        for _ in 0..NEWS_MAX {
            let Ok(news) = self.inbox.try_recv() else { return };
            self.ledger.note(news);
        }
    }

    /// The sending may also have ended because there were too many.
    fn note_stop(&mut self) {
        if self.shared.stop.is_cancelled() && self.stopped.is_none() {
            self.stopped = Some(Instant::now());
        }
    }

    fn sending(&self) -> Duration {
        self.stopped.map_or_else(|| self.begun.elapsed(), |stopped| stopped - self.begun)
    }

    fn is_over(&self) -> bool {
        let Some(stopped) = self.stopped else { return false };
        let is_quiet = self.senders.is_empty() && self.inbox.is_empty();
        let is_settled = is_quiet && self.ledger.is_settled(clock::now());
        is_settled || self.plan.grace <= stopped.elapsed()
    }

    fn standing(&self) -> Standing {
        Standing {
            sending: self.sending(),
            stopped: self.stopped.is_some(),
            sent: self.ledger.sent(),
            committed: u64::try_from(self.ledger.commits.len()).expect("a count fits"),
            height: self.ledger.blocks.last().map_or(0, |block| block.height),
            errors: self.ledger.faults_count(),
        }
    }
}

/// Asks all nodes who they are: found out now rather than in the middle.
async fn greet(endpoints: &[Endpoint]) -> anyhow::Result<Greeting> {
    let greetings = try_join_all(endpoints.iter().map(greet_one)).await?;
    let (_, first) = greetings.first().context("a load has an endpoint")?;
    let (chain, height) = (first.chain.clone(), first.height);
    let mut targets = Vec::new();
    for (endpoint, it) in &greetings {
        if it.chain != chain {
            let problem =
                format!("{endpoint} is of chain {:?}, {} of {chain:?}", it.chain, endpoints[0]);
            let remedy = "give nodes of one chain";
            return Err(Complaint::new("--endpoints", "", problem, remedy).into());
        }
        targets.extend(it.targets.iter().cloned());
    }
    Ok(Greeting { chain, targets, height, block_bytes_max: first.block_bytes_max })
}

async fn greet_one(endpoint: &Endpoint) -> anyhow::Result<(&Endpoint, Greeting)> {
    let refuse = |problem: String| {
        let remedy = "give the RPC of a node that runs";
        Complaint::new("--endpoints", "", format!("{endpoint}: {problem}"), remedy)
    };
    let client = Client::new(&endpoint.http_url())?;
    let late = || refuse(format!("no answer within {GREETING_WITHIN:?}"));
    let asking = tokio::time::timeout(GREETING_WITHIN, client.call("status", json!({})));
    let status = asking.await.map_err(|_| late())?;
    let status = status.map_err(|error| refuse(error.root_cause().to_string()))?;
    let (node, sync) = (&status["node_info"], &status["sync_info"]);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or("?").to_owned();
    let Some(chain) = node["network"].as_str().map(str::to_owned) else {
        return Err(refuse("its status has no chain".to_owned()).into());
    };
    let asking = tokio::time::timeout(GREETING_WITHIN, client.call("consensus_params", json!({})));
    let params = asking.await.ok().and_then(Result::ok).unwrap_or_default();
    let bytes_max = params["consensus_params"]["block"]["max_bytes"].as_str();
    let targets = vec![Target {
        url: endpoint.to_string(),
        moniker: text(&node["moniker"]),
        version: text(&node["version"]),
    }];
    let height = height_of(&sync["latest_block_height"]);
    // -1 is as much as the protocol allows.
    let block_bytes_max = bytes_max.and_then(|text| text.parse().ok()).filter(|&max| 0 < max);
    Ok((endpoint, Greeting { chain, targets, height, block_bytes_max }))
}
