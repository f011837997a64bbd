//! The loop of the replica thread: inputs in, outputs out, in order.
//!
//! Many queued inputs are taken together; the records that they give rise to are joined into one
//! synced write, and only then is anything said that depends on them (group commit).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use consensus::snapshot::Snapshot;
use consensus::{Input, Output, Question, Recipients, Replica, SignRequest};
use execution::{Keeping, Point, Watch, served};
use storage::Store;
use types::Message;

use crate::admission::Admission;
use crate::alarms::Alarms;
use crate::clock::now;
use crate::crash;
use crate::events::Events;
use crate::signer::{SignError, Signer};
use crate::verifier::SharedKeyring;

/// Most inputs taken together before their outputs are carried out.
const INPUTS_AT_ONCE_MAX: usize = 256;

/// What the replica thread is told.
pub enum Event {
    /// Something happened to the replica.
    Input(Input),
    /// The RPC wants a picture of it.
    Snapshot(SyncSender<Snapshot>),
    /// The node stops.
    Stop,
}

/// Everything that the replica's outputs need.
pub struct Driver {
    /// The value that decides.
    pub replica: Replica,
    /// Who signs, if this node has a key.
    pub signer: Option<Signer>,
    /// Where decided blocks and records go.
    pub store: Store,
    /// The peers.
    pub network: p2p::Handle,
    /// The application's thread.
    pub executor: SyncSender<Question>,
    /// Pending transactions.
    pub admission: Arc<Admission>,
    /// What the verifier checks with.
    pub keyring: SharedKeyring,
    /// Who wants to know.
    pub events: Arc<Events>,
    /// Who looks on while things are kept.
    pub watch: Arc<dyn Watch>,
    /// Where answers come in.
    pub queue: Receiver<Event>,
    /// Where those who work for us put answers.
    pub answers: SyncSender<Event>,
    /// Where reads for peers are done.
    pub runtime: tokio::runtime::Handle,
}

/// Whether the loop goes on.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Stop,
}

impl Driver {
    /// Drives the replica until it is told to stop.
    ///
    /// # Errors
    /// If the store fails (never retried), or the application broke the protocol.
    pub fn run(mut self) -> Result<()> {
        let mut turn = Turn::default();
        self.replica.begin(now(), &mut turn.outputs);
        loop {
            self.carry_out(&mut turn)?;
            while let Some(input) = turn.answered.pop_front() {
                self.replica.handle(now(), input, &mut turn.outputs);
                if turn.answered.is_empty() {
                    self.carry_out(&mut turn)?;
                }
            }
            if self.take_inputs(&mut turn)? == Next::Stop {
                return self.persist(&mut turn.keeping);
            }
            self.ask(&mut turn)?;
        }
    }

    /// Waits for an input or an alarm, and takes what else is queued.
    fn take_inputs(&mut self, turn: &mut Turn) -> Result<Next> {
        let first = match turn.alarms.next() {
            Some(deadline) => {
                match self.queue.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                    Ok(event) => Some(event),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => bail!("the inputs' queue is closed"),
                }
            }
            None => Some(self.queue.recv().context("the inputs' queue is closed")?),
        };
        let time = now();
        let mut queued = first;
        let mut taken = 0;
        while let Some(event) = queued {
            match event {
                Event::Input(input) => self.replica.handle(time, input, &mut turn.outputs),
                // A reader that went away is no concern of ours.
                Event::Snapshot(reader) => drop(reader.try_send(self.replica.snapshot())),
                Event::Stop => return Ok(Next::Stop),
            }
            taken += 1;
            queued = if taken < INPUTS_AT_ONCE_MAX { self.queue.try_recv().ok() } else { None };
        }
        for timeout in turn.alarms.due(Instant::now()) {
            self.replica.handle(time, Input::Timeout(timeout), &mut turn.outputs);
        }
        Ok(Next::GoOn)
    }

    /// Carries out all outputs in order, those that are to be kept with the next barrier.
    fn carry_out(&mut self, turn: &mut Turn) -> Result<()> {
        if turn.outputs.is_empty() {
            return Ok(());
        }
        let acts = turn.keeping.take(std::mem::take(&mut turn.outputs));
        if let Some(state) = turn.keeping.state() {
            self.events.executed(state);
        }
        for output in acts {
            self.act(output, turn)?;
        }
        Ok(turn.keeping.settle(&self.store, &*self.watch)?)
    }

    /// Writes what is to be kept, and returns when it is durable.
    fn persist(&self, keeping: &mut Keeping) -> Result<()> {
        Ok(keeping.barrier(&self.store, &*self.watch)?)
    }

    fn act(&mut self, output: Output, turn: &mut Turn) -> Result<()> {
        match output {
            Output::Persist => self.persist(&mut turn.keeping)?,
            Output::Send { to, message } => self.send(to, &message),
            Output::Serve { peer, height } => self.serve(peer, height),
            Output::Load { height } => self.load(height),
            Output::Schedule(alarm) => turn.alarms.set(alarm, Instant::now()),
            Output::Sign(request) => turn.answered.push_back(self.sign(request)),
            Output::AwaitTxs { height } => {
                let available = self.admission.await_txs(height);
                turn.answered.extend(available.map(|height| Input::TxsAvailable { height }));
            }
            Output::Ask(question) => {
                turn.unasked.push_back(question);
                self.ask(turn)?;
            }
            Output::Rekey(keyring) => self.keyring.replace(*keyring),
            Output::Penalise { peer, offence, reason } => {
                self.network.penalise(peer, offence, reason);
            }
            Output::Announce(announcement) => self.events.announce(announcement),
            Output::Halt { reason } => bail!("{reason}"),
            Output::Record(_)
            | Output::KeepEvidence(_)
            | Output::DropEvidence(_)
            | Output::Decide(_)
            | Output::KeepState(_) => unreachable!("held back by Keeping"),
        }
        Ok(())
    }

    /// Hands the application's thread what it has room for. This thread must never wait for it: its
    /// answers come through our own queue. Each answer is an input, after which the rest is tried.
    /// The replica bounds how many questions it keeps waiting.
    fn ask(&self, turn: &mut Turn) -> Result<()> {
        while let Some(question) = turn.unasked.pop_front() {
            match self.executor.try_send(question) {
                Ok(()) => {}
                Err(TrySendError::Full(question)) => {
                    turn.unasked.push_front(question);
                    break;
                }
                Err(TrySendError::Disconnected(_)) => bail!("the application's thread has stopped"),
            }
        }
        Ok(())
    }

    fn send(&self, to: Recipients, message: &Message) {
        let (channel, bytes) = (message.channel(), message.encode());
        match to {
            // A dropped message is offered again by gossip.
            Recipients::One(peer) => drop(self.network.send(peer, channel, bytes)),
            Recipients::All => self.network.broadcast(channel, &bytes),
        }
    }

    /// Signs on this thread: nothing else may happen before our own vote is out.
    fn sign(&mut self, request: SignRequest) -> Input {
        let (height, round) = match &request {
            SignRequest::Vote(vote) => (vote.height, vote.round),
            SignRequest::Proposal(proposal) => (proposal.height, proposal.round),
        };
        let refused = |reason, reached| Input::SignRefused { height, round, reason, reached };
        let Some(signer) = &mut self.signer else {
            return refused("this node has no validator key".to_owned(), None);
        };
        crash::point(Point::BeforeSign);
        let signed = match request {
            SignRequest::Vote(vote) => {
                let signed = signer.sign_vote(&self.keyring.chain_id(), vote);
                signed.map(|vote| Input::SignedVote(vote.into()))
            }
            SignRequest::Proposal(proposal) => {
                let signed = signer.sign_proposal(&self.keyring.chain_id(), proposal);
                signed.map(|proposal| Input::SignedProposal(proposal.into()))
            }
        };
        crash::point(Point::AfterSign);
        signed.unwrap_or_else(|error| {
            tracing::error!(%height, %round, %error, "the signer refused");
            let reached = match &error {
                SignError::Refused(refusal) => refusal.reached(height),
                SignError::Disk { .. } => None,
            };
            refused(error.to_string(), reached)
        })
    }

    /// Answers a peer's request for a block on another thread: peers must not slow us down.
    fn serve(&self, peer: types::PeerId, height: types::Height) {
        let (store, network) = (self.store.clone(), self.network.clone());
        self.runtime.spawn_blocking(move || {
            let message = served::block(&store, height);
            network.send(peer, message.channel(), message.encode());
        });
    }

    fn load(&self, height: types::Height) {
        let (store, answers) = (self.store.clone(), self.answers.clone());
        self.runtime.spawn_blocking(move || {
            let stored = served::stored(&store, height);
            // If the replica has stopped, nobody waits for the answer.
            drop(answers.send(Event::Input(Input::Loaded { height, stored })));
        });
    }
}

/// What is under way between two waits of the loop.
#[derive(Default)]
struct Turn {
    outputs: Vec<Output>,
    keeping: Keeping,
    answered: VecDeque<Input>,
    /// Questions for which the application's thread has no room yet.
    unasked: VecDeque<Question>,
    alarms: Alarms,
}
