//! The threads of a running node: one for each row of the task table, and no others.
//!
//! | thread | owns |
//! |---|---|
//! | replica | the replica, its records, the signer, writes to the store |
//! | executor | the consensus connection to the application |
//! | verifier | what peers said and nobody has checked yet |
//! | admission | gossip and rechecks of pending transactions |
//! | indexer | writes to the index |
//! | application | nothing; waits for the end of an application outside |
//!
//! The network and the RPC have runtimes of their own.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context, Result};
use consensus::Question;
use execution::admission::QUEUE_MAX;
use tokio::sync::mpsc::{Sender, WeakSender};

use crate::admission::{Admission, Work};
use crate::application::Lifeline;
use crate::driver::{Driver, Event};
use crate::executor::Executor;
use crate::indexer::Indexer;
use crate::verifier::Verifier;

/// How many threads there are.
pub const COUNT: usize = 6;
/// Most inputs waiting for the replica. Whoever brings more waits.
const INPUTS_MAX: usize = 8192;
/// Most questions waiting for the application.
const QUESTIONS_MAX: usize = 1024;

/// The bounded queues between the threads: where one puts things in, and takes them out.
pub struct Queues {
    /// For the replica.
    pub inputs: (SyncSender<Event>, Receiver<Event>),
    /// For the executor.
    pub questions: (SyncSender<Question>, Receiver<Question>),
    /// For admission.
    pub work: (SyncSender<Work>, Receiver<Work>),
}

impl Queues {
    /// Empty queues.
    pub fn new() -> Self {
        Self {
            inputs: sync_channel(INPUTS_MAX),
            questions: sync_channel(QUESTIONS_MAX),
            work: sync_channel(QUEUE_MAX),
        }
    }
}

impl Default for Queues {
    fn default() -> Self {
        Self::new()
    }
}

/// What runs.
pub struct Table {
    /// Drives the replica.
    pub driver: Driver,
    /// Drives the application.
    pub executor: Executor,
    /// Checks what peers say.
    pub verifier: Verifier,
    /// Tells peers of transactions.
    pub admission: Arc<Admission>,
    /// What admission is to do.
    pub work: Receiver<Work>,
    /// Follows the executed blocks; none if nothing is indexed.
    pub indexer: Option<Indexer>,
    /// Tells when an application outside is gone.
    pub lifeline: Option<Lifeline>,
}

impl Table {
    /// Starts all threads. Each reports how it ended.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(self, ended: &Sender<Result<()>>) -> Result<()> {
        let Table { driver, executor, verifier, admission, work, indexer, lifeline } = self;
        if let Some(lifeline) = lifeline {
            watch(lifeline, ended.downgrade())?;
        }
        if let Some(indexer) = indexer {
            spawn("indexer", ended, move || indexer.run())?;
        }
        spawn("executor", ended, move || executor.run())?;
        spawn("admission", ended, move || {
            admission.run(&work);
            Ok(())
        })?;
        spawn("replica", ended, move || driver.run())?;
        spawn("verifier", ended, move || {
            verifier.run();
            Ok(())
        })
    }
}

/// Whoever stops the node does not wait for this thread: it waits for the application.
fn watch(lifeline: Lifeline, ended: WeakSender<Result<()>>) -> Result<()> {
    let body = move || {
        let lost = lifeline();
        if let Some(ended) = ended.upgrade() {
            drop(ended.blocking_send(Err(lost.into())));
        }
    };
    let thread = std::thread::Builder::new().name("application".to_owned());
    thread.spawn(body).map(drop).context("the application thread could not be started")
}

fn spawn(
    name: &'static str,
    ended: &Sender<Result<()>>,
    work: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<()> {
    let ended = ended.clone();
    let body = move || {
        let outcome = work();
        // Nobody listens once the process ends.
        drop(ended.blocking_send(outcome));
    };
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map(drop)
        .with_context(|| format!("the {name} thread could not be started"))
}
