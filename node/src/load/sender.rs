//! One connection that sends transactions, and is made again when it is lost.
//!
//! With a rate, turns come up at that rate and are taken by whichever connection is free, whether
//! or not earlier transactions were answered (an open loop). Without one, each connection sends
//! as soon as its last transaction was answered (a closed loop).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::json;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, Fault};
use super::endpoint::{Endpoint, Transport};
use super::news::News;
use super::payload::{Mint, Stamp, TRANSACTIONS_MAX};
use crate::clock;

mod http;
mod websocket;

/// How long a connection may take to be made.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// How long an answer may take; longer than `broadcast_tx_commit` waits for a block.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long a connection waits after one that was lost, at first and at most.
const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// How long a closed loop waits when it was refused; it would ask for nothing but refusals.
const REFUSED_PAUSE: Duration = Duration::from_millis(50);
/// Between two looks of who gives turns.
const TURNS_EVERY: Duration = Duration::from_millis(1);

/// Why a connection is no more.
enum Loss {
    /// Each transaction that was under way was answered with the fault.
    Told,
    /// There was none under way.
    Untold(Fault),
}

impl From<Fault> for Loss {
    fn from(fault: Fault) -> Self {
        Loss::Untold(fault)
    }
}

/// By which call transactions are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Method {
    /// Answered once the application has checked it.
    Sync,
    /// Answered at once.
    Async,
    /// Answered once it is in a block.
    Commit,
}

impl Method {
    /// The call's name.
    pub fn name(self) -> &'static str {
        match self {
            Method::Sync => "broadcast_tx_sync",
            Method::Async => "broadcast_tx_async",
            Method::Commit => "broadcast_tx_commit",
        }
    }
}

/// What all connections share.
pub struct Shared {
    /// Makes the transactions.
    pub mint: Arc<Mint>,
    /// By which call.
    pub method: Method,
    /// Turns that came up and were not taken; none in a closed loop.
    turns: Option<Semaphore>,
    next: AtomicU64,
    missed: AtomicU64,
    /// Says that no more is to be sent.
    pub stop: CancellationToken,
    /// Where everything is told.
    pub news: mpsc::Sender<News>,
}

impl Shared {
    /// For a run at so many transactions a second; 0 is a closed loop.
    pub fn new(mint: Arc<Mint>, method: Method, rate: u32, news: mpsc::Sender<News>) -> Self {
        let turns = (0 < rate).then(|| Semaphore::new(0));
        let (next, missed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { mint, method, turns, next, missed, stop: CancellationToken::new(), news }
    }

    /// Gives turns until the end. What nobody takes within a second is not made up for.
    pub async fn give_turns(&self, rate: u32) {
        let Some(turns) = &self.turns else { return };
        let begun = Instant::now();
        let mut ticks = tokio::time::interval(TURNS_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let backlog_max = usize::try_from(rate).expect("a rate fits");
        let mut given = 0;
        while !self.stop.is_cancelled() {
            ticks.tick().await;
            let due = begun.elapsed().as_micros() * u128::from(rate) / 1_000_000;
            let due = usize::try_from(due).expect("a run has an end");
            let new = (due - given).min(backlog_max.saturating_sub(turns.available_permits()));
            let missed = u64::try_from(due - given - new).expect("a count fits");
            self.missed.fetch_add(missed, Ordering::Relaxed);
            turns.add_permits(new);
            given = due;
        }
    }

    /// Turns that came up when no connection was free.
    pub fn turns_missed(&self) -> u64 {
        let left = self.turns.as_ref().map_or(0, Semaphore::available_permits);
        self.missed.load(Ordering::Relaxed) + u64::try_from(left).expect("a count fits")
    }

    fn is_closed_loop(&self) -> bool {
        self.turns.is_none()
    }

    /// Waits for a turn; false at the end.
    async fn turn(&self) -> bool {
        if self.stop.is_cancelled() {
            return false;
        }
        let Some(turns) = &self.turns else { return true };
        tokio::select! {
            // Whoever waited for a turn that came up at the end still takes it.
            biased;
            turn = turns.acquire() => {
                turn.expect("turns are never closed").forget();
                true
            }
            () = self.stop.cancelled() => false,
        }
    }

    /// Gives a turn back that could not be used.
    fn return_turn(&self) {
        if let Some(turns) = &self.turns {
            turns.add_permits(1);
        }
    }

    /// The next transaction as a request; none if there were too many.
    async fn next_request(&self) -> Option<(u64, String)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if TRANSACTIONS_MAX <= number {
            self.stop.cancel();
            return None;
        }
        let stamp = Stamp { number, sent_at: clock::now() };
        let tx = BASE64.encode(self.mint.transaction(stamp));
        let (method, params) = (self.method.name(), json!({ "tx": tx }));
        let request = json!({ "jsonrpc": "2.0", "id": number, "method": method, "params": params });
        // Told before it is sent, so that no block can be there first.
        self.tell(News::Sent(stamp)).await;
        Some((number, request.to_string()))
    }

    async fn tell(&self, news: News) {
        // Nobody listens any more once the run is over.
        let _ = self.news.send(news).await;
    }

    /// Tells an answer. In a closed loop a full pool gets some time.
    async fn tell_answer(&self, number: u64, answer: Answer, begun: Instant) {
        let is_refused = matches!(&answer, Answer::Rejected(_) | Answer::Failed(_));
        self.tell(News::Answered { number, answer, after: begun.elapsed() }).await;
        if is_refused && self.is_closed_loop() {
            self.pause(REFUSED_PAUSE).await;
        }
    }

    async fn pause(&self, span: Duration) {
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = tokio::time::sleep(span) => {}
        }
    }
}

/// Sends over one connection until the end, and makes it again whenever it is lost.
pub async fn run(endpoint: Endpoint, shared: Arc<Shared>) {
    let mut backoff = BACKOFF_MIN;
    while !shared.stop.is_cancelled() {
        let begun = Instant::now();
        let mut stood = false;
        let ended = match endpoint.transport {
            Transport::Http => http::run(&endpoint, &shared, &mut stood).await,
            Transport::Websocket => websocket::run(&endpoint, &shared, &mut stood).await,
        };
        let fault = match ended {
            Ok(()) => return,
            Err(Loss::Told) => None,
            Err(Loss::Untold(fault)) => Some(fault),
        };
        shared.tell(News::Disconnected { stood, fault }).await;
        // One that lasted is no sign of a node that cannot be reached.
        backoff = if BACKOFF_MAX < begun.elapsed() { BACKOFF_MIN } else { backoff };
        shared.pause(backoff).await;
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

/// Waits for something for so long.
async fn within<T>(
    span: Duration,
    what: &str,
    outcome: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let late = || Err(Fault::new("timeout", format!("no {what} within {span:?}")));
    tokio::time::timeout(span, outcome).await.unwrap_or_else(|_| late())
}
