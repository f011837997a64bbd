//! The loop of a node's replica thread, as `node/src/driver.rs` has it: inputs in, outputs out, in
//! the same order, with the same barriers. Here waiting is a number that grows.

use std::collections::VecDeque;
use std::time::Duration;

use consensus::{Announcement, Decided, Input, Output, Question, Recipients, SignRequest, Timeout};
use types::{Height, Message, PeerId};

use super::Member;
use super::trouble::{Ending, Stop};
use crate::moment::Moment;
use crate::network::Network;
use crate::outside::{Happening, Inside, Outside};

/// Most inputs taken together before their outputs are carried out.
const INPUTS_AT_ONCE_MAX: usize = 256;

/// What is under way between two waits of the loop.
struct Turn {
    /// The world's time, as the turn waits for disk and signer.
    at: Moment,
    answered: VecDeque<Input>,
}

/// Most messages that wait for the replica's thread; more are dropped.
const INPUTS_MAX: usize = 8192;

impl Member {
    /// Something happens to it. It is taken in at once, or when the thread is free.
    pub fn hear(&mut self, outside: &mut Outside, input: Input) {
        let Some(running) = &mut self.running else { return };
        if INPUTS_MAX <= running.inbox.len() && matches!(input, Input::Received { .. }) {
            outside.counts.dropped += 1;
            return;
        }
        running.inbox.push_back(input);
        self.work(outside);
    }

    /// An alarm rings, unless another has taken its place.
    pub fn ring(&mut self, outside: &mut Outside, timeout: Timeout) {
        let Some(running) = &mut self.running else { return };
        if running.alarms.get(&timeout) == Some(&outside.now) {
            running.alarms.remove(&timeout);
            self.hear(outside, Input::Timeout(timeout));
        }
    }

    /// The thread has waited long enough.
    pub fn wake(&mut self, outside: &mut Outside) {
        if let Some(running) = &mut self.running {
            running.waking = false;
            self.work(outside);
        }
    }

    /// Takes in what has come, if the thread is free.
    pub(super) fn work(&mut self, outside: &mut Outside) {
        let (number, life) = (self.number, self.life);
        let Some(running) = &mut self.running else { return };
        if running.inbox.is_empty() || running.waking || running.paused {
            return;
        }
        if outside.now < running.busy_until {
            running.waking = true;
            let event = Inside::Wake;
            let wake = Happening::Inside { member: number, life, event };
            outside.queue.push(running.busy_until, wake);
            return;
        }
        let time = self.clock.read(outside.now);
        let mut outputs = Vec::new();
        let count = running.inbox.len().min(INPUTS_AT_ONCE_MAX);
        for input in running.inbox.drain(..count) {
            running.replica.handle(time, input, &mut outputs);
        }
        self.go_on(outside, outputs);
        self.work(outside);
    }

    /// Carries out all outputs, and what follows from answers that come at once.
    pub(super) fn go_on(&mut self, outside: &mut Outside, outputs: Vec<Output>) {
        let mut turn = Turn { at: outside.now, answered: VecDeque::new() };
        if let Err(stop) = self.carry_out_all(outside, &mut turn, outputs) {
            return self.stop(outside, stop);
        }
        if let Some(running) = &mut self.running {
            running.busy_until = turn.at;
        }
    }

    fn carry_out_all(
        &mut self,
        outside: &mut Outside,
        turn: &mut Turn,
        outputs: Vec<Output>,
    ) -> Result<(), Stop> {
        self.carry_out(outside, turn, outputs)?;
        let mut outputs = Vec::new();
        while let Some(input) = turn.answered.pop_front() {
            let time = self.clock.read(turn.at);
            let Some(running) = &mut self.running else { return Ok(()) };
            running.replica.handle(time, input, &mut outputs);
            if turn.answered.is_empty() {
                self.carry_out(outside, turn, std::mem::take(&mut outputs))?;
            }
        }
        Ok(())
    }

    /// Carries out outputs in order. Everything that is to be kept is joined into the first
    /// barrier's write.
    fn carry_out(
        &mut self,
        outside: &mut Outside,
        turn: &mut Turn,
        outputs: Vec<Output>,
    ) -> Result<(), Stop> {
        let mut acts = Vec::with_capacity(outputs.len());
        let mut executed = false;
        let Some(running) = &mut self.running else { return Ok(()) };
        for output in outputs {
            match output {
                Output::Record(_)
                | Output::KeepEvidence(_)
                | Output::DropEvidence(_)
                | Output::Decide(_) => running.keeping.push(output),
                Output::KeepState(state) => {
                    running.height = state.last_height();
                    executed = true;
                    self.restrained.release(self.number, &state, &mut outside.notes);
                    running.keeping.push(Output::KeepState(state));
                }
                other => acts.push(other),
            }
        }
        for output in acts {
            self.live_on()?;
            self.act(outside, turn, output)?;
        }
        if executed {
            self.write(outside, false)?;
        }
        Ok(())
    }

    fn act(&mut self, outside: &mut Outside, turn: &mut Turn, output: Output) -> Result<(), Stop> {
        let Some(running) = &mut self.running else { return Ok(()) };
        match output {
            Output::Persist => {
                if !running.keeping.is_empty() {
                    self.live_on()?;
                    self.write(outside, true)?;
                    let sync_micros = outside.plan.machine.sync_micros;
                    turn.at = turn.at.after(micros(sync_micros + self.trouble.sync_micros));
                    self.live_on()?;
                }
            }
            Output::Send { to, message } => self.send(outside, turn.at, to, &message),
            Output::Serve { peer, height } => self.serve(outside, turn.at, peer, height),
            Output::Load { height } => {
                let stored = self.disk.stored(height);
                self.later(
                    outside,
                    turn.at,
                    Inside::Answer(Box::new(Input::Loaded { height, stored })),
                );
            }
            Output::Schedule(alarm) => {
                let at = turn.at.after(self.clock.wait(alarm.after));
                running.alarms.insert(alarm.timeout, at);
                self.later(outside, at, Inside::Ring(alarm.timeout));
            }
            Output::Sign(request) => {
                turn.at = turn.at.after(micros(outside.plan.machine.sign_micros));
                let answer = self.sign(outside, request);
                turn.answered.push_back(answer);
                self.live_on()?;
            }
            Output::AwaitTxs { height } => {
                self.later(
                    outside,
                    turn.at,
                    Inside::Answer(Box::new(Input::TxsAvailable { height })),
                );
            }
            Output::Ask(question) => self.ask(outside, turn.at, question),
            Output::Rekey(keyring) => running.keyring = *keyring,
            Output::Penalise { peer, offence, reason } => {
                outside.judges.blamed(self.number, Network::member_of(peer), offence, reason);
            }
            Output::Announce(announcement) => self.announced(outside, &announcement),
            Output::Halt { reason } => outside.judges.halted(self.number, &reason),
            Output::Record(_)
            | Output::KeepEvidence(_)
            | Output::DropEvidence(_)
            | Output::Decide(_)
            | Output::KeepState(_) => unreachable!("kept apart by carry_out"),
        }
        Ok(())
    }

    /// Writes what is to be kept; with `durable`, and all that was written before, for good.
    fn write(&mut self, outside: &mut Outside, durable: bool) -> Result<(), Stop> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let write = std::mem::take(&mut running.keeping);
        if let Some(fault) = self.trouble.full {
            return Err(Stop { ending: Ending::Killed, fault });
        }
        if let (true, Some(fault)) = (durable, self.trouble.sync_fails) {
            self.disk.write(write, false);
            return Err(Stop { ending: Ending::PowerCut, fault });
        }
        for decided in self.disk.write(write, durable) {
            self.judge_decided(outside, &decided);
        }
        Ok(())
    }

    pub(super) fn judge_decided(&self, outside: &mut Outside, decided: &Decided) {
        if outside.judges.decided(self.number, decided) {
            outside.counts.heights += 1;
            outside.counts.rounds += u64::from(decided.commit.round.0) + 1;
        }
    }

    fn send(&mut self, outside: &mut Outside, at: Moment, to: Recipients, message: &Message) {
        match to {
            Recipients::One(peer) => {
                let to = Network::member_of(peer);
                if outside.network.peer_id(self.number, to) == Some(peer) {
                    outside.send(at, self.number, to, message);
                }
            }
            Recipients::All => {
                for place in 0..outside.network.peers(self.number).len() {
                    let to = outside.network.peers(self.number)[place];
                    outside.send(at, self.number, to, message);
                }
            }
        }
    }

    fn serve(&mut self, outside: &mut Outside, at: Moment, peer: PeerId, height: Height) {
        let message = match self.disk.stored(height) {
            Some(stored) => {
                let extended = stored.commit.signatures.iter().any(|it| it.extension.is_some());
                let extended_commit = extended.then(|| stored.commit.clone());
                let block = std::sync::Arc::new(super::light::whole(&stored));
                Message::BlockResponse { block, extended_commit }
            }
            None => Message::NoBlock(height),
        };
        self.send(outside, at, Recipients::One(peer), &message);
    }

    fn sign(&mut self, outside: &mut Outside, request: SignRequest) -> Input {
        let (height, round) = match &request {
            SignRequest::Vote(vote) => (vote.height, vote.round),
            SignRequest::Proposal(proposal) => (proposal.height, proposal.round),
        };
        let (Some(signer), Some(key)) = (&mut self.signer, &self.key) else {
            let reason = "this node has no validator key".to_owned();
            return Input::SignRefused { height, round, reason };
        };
        let signed = signer.sign(&outside.curves, &outside.genesis.chain_id, request.clone());
        if !matches!(signed, Input::SignRefused { .. }) {
            outside.judges.signed(self.number, key, &request);
        }
        signed
    }

    /// The application's thread takes one question after the other.
    fn ask(&mut self, outside: &mut Outside, at: Moment, question: Question) {
        let longest = outside.plan.machine.answer_micros * 1000;
        let takes = if 0 < longest { self.chance.below(longest) } else { 0 };
        let answer = outside.word.answer(question, self.key);
        let Some(running) = &mut self.running else { return };
        let done = running.executing_until.max(at).after_nanos(takes);
        running.executing_until = done;
        self.later(outside, done, Inside::Answer(Box::new(answer)));
    }

    fn announced(&mut self, _outside: &mut Outside, _announcement: &Announcement) {}

    fn later(&self, outside: &mut Outside, at: Moment, event: Inside) {
        let (member, life) = (self.number, self.life);
        outside.queue.push(at, Happening::Inside { member, life, event });
    }
}

fn micros(count: u64) -> Duration {
    Duration::from_micros(count)
}
