//! The loop of a node's replica thread, as `node/src/driver.rs` has it: inputs in, outputs out, in
//! the same order, with the same barriers. Here waiting is a number that grows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use consensus::{
    Announcement, Decided, Input, Judgement, Output, Question, Recipients, SignRequest,
    StoredBlock, Timeout,
};
use execution::served;
use types::message::WireStep;
use types::{Block, ChainId, Evidence, Height, Message, PeerId, UnsignedVote};

use super::trouble::{Ending, Stop};
use super::verifier::Past;
use super::whole::End;
use super::{Machine, Member, Running};
use crate::judges::Known;
use crate::moment::Moment;
use crate::network::Network;
use crate::outside::{Happening, Inside, Outside};
use crate::trace::words;

/// Most inputs taken together before their outputs are carried out.
const INPUTS_AT_ONCE_MAX: usize = 256;

/// What is under way between two waits of the loop.
struct Turn {
    /// The world's time, as the turn waits for disk and signer.
    at: Moment,
    answered: VecDeque<Input>,
}

/// One of so many things that happen is somebody's looking at the replica that they happen to.
const PICTURED_EVERY: u64 = 256;

/// Most messages that wait for the replica's thread; more are dropped.
const INPUTS_MAX: usize = 8192;

impl Member {
    /// Something happens to it. It is taken in at once, or when the thread is free.
    pub fn hear(&mut self, outside: &mut Outside, input: Input) {
        if self.running.is_none() {
            return;
        }
        if matches!(self.machine, Machine::Whole(_)) {
            self.meet(outside, &input);
        }
        if matches!(input, Input::Executed { .. }) {
            self.executed_modelled(outside);
        }
        if self.is_free(outside.now) {
            return self.take_in_one(outside, input);
        }
        self.queue(outside, input);
        self.work(outside);
    }

    /// Whether its thread waits for something to happen, and what happens is taken in at no cost.
    fn is_free(&self, now: Moment) -> bool {
        let Some(running) = &self.running else { return false };
        let waits = running.inbox.is_empty() && !running.waking && !running.paused;
        waits && running.busy_until <= now && self.workshop.is_none()
    }

    /// Takes in the one thing that happens, which need not wait.
    fn take_in_one(&mut self, outside: &mut Outside, input: Input) {
        let time = self.clock.read(outside.now);
        let mut outputs = std::mem::take(&mut self.outputs);
        let Some(running) = &mut self.running else { return };
        let here = running.height.map_or(outside.genesis.initial_height, Height::next);
        outside.judges.taken(self.number, here, &input);
        running.replica.handle(time, input, &mut outputs);
        self.go_on(outside, outside.now, outputs);
        self.work(outside);
    }

    /// Something waits for the replica's thread.
    pub(super) fn queue(&mut self, outside: &mut Outside, input: Input) {
        let Some(running) = &mut self.running else { return };
        if INPUTS_MAX <= running.inbox.len() && matches!(input, Input::Received { .. }) {
            outside.counts.dropped += 1;
            return;
        }
        running.inbox.push_back(input);
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
        let count = running.inbox.len().min(INPUTS_AT_ONCE_MAX);
        let at = self.think(outside.now, count);
        let mut outputs = std::mem::take(&mut self.outputs);
        let Some(running) = &mut self.running else { return };
        let mut here = running.height.map_or(outside.genesis.initial_height, Height::next);
        for input in running.inbox.drain(..count) {
            outside.judges.taken(number, here, &input);
            if let Input::Executed { height, .. } = &input {
                here = here.max(height.next());
            }
            running.replica.handle(time, input, &mut outputs);
        }
        self.go_on(outside, at, outputs);
        self.be_pictured(outside);
        self.work(outside);
    }

    /// Now and then somebody asks by RPC how the replica is.
    fn be_pictured(&self, outside: &mut Outside) {
        let Some(running) = self.running.as_ref().filter(|it| it.inbox.is_empty()) else { return };
        if !outside.counts.events.is_multiple_of(PICTURED_EVERY) || self.is_modelled() {
            return;
        }
        let height = running.height.map_or(outside.genesis.initial_height, Height::next);
        let peers = outside.network.peers(self.number).iter();
        let peers: Vec<PeerId> =
            peers.filter_map(|&it| outside.network.peer_id(self.number, it)).collect();
        let known = Known { height, peers: &peers };
        outside.judges.pictured(self.number, known, &running.replica.snapshot());
    }

    /// Carries out all outputs, and what follows from answers that come at once. What room they
    /// took is kept for the next.
    pub(super) fn go_on(&mut self, outside: &mut Outside, at: Moment, outputs: Vec<Output>) {
        let mut turn = Turn { at, answered: VecDeque::new() };
        match self.carry_out_all(outside, &mut turn, outputs) {
            Ok(room) => self.outputs = room,
            Err(end) => return self.end(outside, end),
        }
        self.say(outside, turn.at);
        if let Some(running) = &mut self.running {
            running.busy_until = turn.at;
        }
    }

    fn carry_out_all(
        &mut self,
        outside: &mut Outside,
        turn: &mut Turn,
        outputs: Vec<Output>,
    ) -> Result<Vec<Output>, End> {
        let mut outputs = self.carry_out(outside, turn, outputs)?;
        while let Some(input) = turn.answered.pop_front() {
            let time = self.clock.read(turn.at);
            let Some(running) = &mut self.running else { return Ok(Vec::new()) };
            running.replica.handle(time, input, &mut outputs);
            if turn.answered.is_empty() {
                outputs = self.carry_out(outside, turn, outputs)?;
            }
        }
        Ok(outputs)
    }

    /// Carries out outputs in order, and leaves room for others. Everything that is to be kept is
    /// joined into the first barrier's write.
    fn carry_out(
        &mut self,
        outside: &mut Outside,
        turn: &mut Turn,
        outputs: Vec<Output>,
    ) -> Result<Vec<Output>, End> {
        let Some(running) = &mut self.running else { return Ok(Vec::new()) };
        if outputs.is_empty() && matches!(self.machine, Machine::Light(_)) {
            return Ok(outputs);
        }
        let mut acts = running.keeping.take(outputs);
        if let Some(state) = running.keeping.state() {
            running.height = state.last_height();
            self.restrained.release(self.number, state, &mut outside.notes);
        }
        for output in &mut acts {
            self.live_on()?;
            self.act(outside, turn, output)?;
        }
        acts.clear();
        self.settle(outside)?;
        Ok(acts)
    }

    /// Does one thing. Most are large and only looked at, so that none is moved without need.
    fn act(
        &mut self,
        outside: &mut Outside,
        turn: &mut Turn,
        output: &mut Output,
    ) -> Result<(), End> {
        let Some(running) = &mut self.running else { return Ok(()) };
        match output {
            Output::Ask(_) => {
                if let Output::Ask(question) = std::mem::replace(output, Output::Persist) {
                    self.ask(outside, turn.at, question);
                }
            }
            Output::Persist => {
                if !running.keeping.is_empty() {
                    self.live_on()?;
                    self.barrier(outside, turn)?;
                    self.live_on()?;
                }
            }
            Output::Send { to, message } => self.send(outside, turn, *to, message),
            Output::Serve { peer, height } => self.serve(outside, turn, *peer, *height),
            Output::Load { height } => {
                let height = *height;
                let stored = self.stored(height);
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
                turn.at = self.signing(outside, turn.at);
                let answer = self.sign(outside, request)?;
                turn.answered.push_back(answer);
                self.live_on()?;
            }
            Output::AwaitTxs { height } => self.await_txs(outside, turn.at, *height),
            Output::Rekey(keyring) => {
                if let Some(adversary) = outside.adversary(self.number) {
                    adversary.rekey(keyring);
                }
                std::mem::swap(&mut running.keyring, keyring);
            }
            Output::Penalise { peer, offence, reason } => {
                outside.penalise(self.number, Network::member_of(*peer), *offence, reason);
            }
            Output::Announce(announcement) => self.announced(outside, announcement),
            Output::Halt { reason } => return Err(End::Failed(std::mem::take(reason))),
            Output::Record(_)
            | Output::KeepEvidence(_)
            | Output::DropEvidence(_)
            | Output::Decide(_)
            | Output::KeepState(_) => unreachable!("kept apart by carry_out"),
        }
        Ok(())
    }

    /// Writes what is to be kept, and waits until it is durable.
    fn barrier(&mut self, outside: &mut Outside, turn: &mut Turn) -> Result<(), End> {
        if matches!(self.machine, Machine::Whole(_)) {
            turn.at = self.barrier_whole(outside, turn.at)?;
            return Ok(());
        }
        // What was said before does not wait for it.
        self.say(outside, turn.at);
        turn.at = match (&mut self.workshop, &self.running) {
            (Some(shop), Some(running)) => shop.keep(turn.at, running.keeping.held()),
            _ => {
                let micros = outside.plan.machine.sync_micros + self.trouble.sync_micros;
                turn.at.after(Duration::from_micros(micros))
            }
        };
        if let Some(modelling) = &mut outside.modelling {
            modelling.durable_at = turn.at;
        }
        self.write(outside, true)
    }

    /// After the last output: a new state is written without a sync.
    fn settle(&mut self, outside: &mut Outside) -> Result<(), End> {
        if matches!(self.machine, Machine::Whole(_)) {
            return self.settle_whole(outside);
        }
        let Some(running) = &self.running else { return Ok(()) };
        if running.keeping.has_execution() { self.write(outside, false) } else { Ok(()) }
    }

    /// Writes what is to be kept; with `durable`, and all that was written before, for good.
    fn write(&mut self, outside: &mut Outside, durable: bool) -> Result<(), End> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let Machine::Light(light) = &mut self.machine else { return Ok(()) };
        let write = running.keeping.release();
        if let Some(fault) = self.trouble.full {
            return Err(End::Fault(Stop { ending: Ending::Killed, fault }));
        }
        if let (true, Some(fault)) = (durable, self.trouble.sync_fails) {
            outside.judges.wrote(self.number, &write, false);
            light.write(write, false, |_| {});
            return Err(End::Fault(Stop { ending: Ending::PowerCut, fault }));
        }
        outside.judges.wrote(self.number, &write, durable);
        light.write(write, durable, |decided| judge_decided(self.number, outside, decided));
        Ok(())
    }

    /// A decided block, for peers.
    fn stored(&self, height: Height) -> Option<StoredBlock> {
        match &self.machine {
            Machine::Light(light) => light.stored(height),
            Machine::Whole(whole) => {
                whole.life.as_ref().and_then(|life| served::stored(&life.store, height))
            }
        }
    }

    fn await_txs(&mut self, outside: &mut Outside, at: Moment, height: Height) {
        match &self.machine {
            Machine::Light(_) => {
                let input = Box::new(Input::TxsAvailable { height });
                self.later(outside, at, Inside::Answer(input));
            }
            Machine::Whole(whole) => {
                let rules = whole.life.as_ref().map(|life| &life.desk.rules);
                if let Some(height) = rules.and_then(|rules| rules.await_txs(height)) {
                    let input = Box::new(Input::TxsAvailable { height });
                    self.later(outside, at, Inside::Answer(input));
                }
            }
        }
    }

    fn send(&mut self, outside: &mut Outside, turn: &mut Turn, to: Recipients, message: &Message) {
        if self.is_modelled() {
            turn.at = self.put(turn.at, to, message.clone());
            return;
        }
        let at = turn.at;
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

    fn serve(&mut self, outside: &mut Outside, turn: &mut Turn, peer: PeerId, height: Height) {
        let message = match &self.machine {
            Machine::Light(light) => light.served(height),
            Machine::Whole(whole) => match &whole.life {
                Some(life) => served::block(&life.store, height),
                None => return,
            },
        };
        self.send(outside, turn, Recipients::One(peer), &message);
    }

    /// When a signature is made.
    fn signing(&mut self, outside: &mut Outside, at: Moment) -> Moment {
        self.say(outside, at);
        match &mut self.workshop {
            Some(shop) => shop.sign(at),
            None => at.after(Duration::from_micros(outside.plan.machine.sign_micros)),
        }
    }

    fn sign(&mut self, outside: &mut Outside, request: &SignRequest) -> Result<Input, End> {
        let (height, round) = match request {
            SignRequest::Vote(vote) => (vote.height, vote.round),
            SignRequest::Proposal(proposal) => (proposal.height, proposal.round),
        };
        let (Some(signer), Some(key)) = (&mut self.signer, &self.key) else {
            let reason = "this node has no validator key".to_owned();
            return Ok(Input::SignRefused { height, round, reason, reached: None });
        };
        let (curves, chain_id) = (&outside.curves, &outside.genesis.chain_id);
        let signed = match &mut self.machine {
            Machine::Light(_) => signer.sign(curves, chain_id, request.clone()),
            Machine::Whole(whole) => whole.sign(curves, chain_id, request.clone())?,
        };
        if matches!(signed, Input::SignRefused { .. }) {
            outside.tell(|| format!("n{} may not sign {}", self.number, words::request(request)));
        } else {
            let said = said(&signed, request.clone());
            outside.tell(|| format!("n{} signs {}", self.number, words::request(&said)));
            outside.judges.signed(self.number, key, &said);
        }
        Ok(signed)
    }

    /// The application's thread takes one question after the other.
    fn ask(&mut self, outside: &mut Outside, at: Moment, question: Question) {
        if matches!(self.machine, Machine::Whole(_)) {
            return self.ask_whole(outside, at, question);
        }
        if self.is_modelled() {
            return self.ask_modelled(outside, at, question);
        }
        let longest = outside.plan.machine.answer_micros * 1000;
        let takes = if 0 < longest { self.chance.below(longest) } else { 0 };
        let answer = self.answer(outside, question);
        let Some(running) = &mut self.running else { return };
        let done = running.executing_until.max(at).after_nanos(takes);
        running.executing_until = done;
        self.later(outside, done, Inside::Answer(Box::new(answer)));
    }

    /// The light application's answer.
    pub(super) fn answer(&mut self, outside: &mut Outside, question: Question) -> Input {
        let judged = judged(&question);
        let answer = self.checked(&outside.genesis.chain_id, &question);
        let answer = answer.unwrap_or_else(|| outside.answer(question, self.key));
        if let Input::Executed { height, outcome } = &answer {
            outside.judges.executed(self.number, *height, outcome);
        }
        if let Some(adversary) = outside.adversary(self.number)
            && let Some(block) = judged.as_ref().or(built(&answer))
        {
            adversary.learn(block);
        }
        answer
    }

    /// What follows from the signatures in question alone: those of the last commit and of the
    /// evidence in a proposed block, and those of a served block's commit.
    fn checked(&mut self, chain_id: &ChainId, question: &Question) -> Option<Input> {
        let Self { running: Some(Running { verifier, .. }), machine, .. } = self else {
            return None;
        };
        let Machine::Light(light) = machine else { return None };
        match question {
            Question::Judge { state, block, id, .. } => {
                let last = block.last_commit.as_ref().zip(state.last_block.as_ref());
                let proven = last.is_none_or(|(commit, last)| {
                    verifier.commit(chain_id, &last.validators, last.height, commit)
                });
                let stands = |piece: &Evidence| {
                    let Some((validators, time)) = light.past(piece.height()) else { return false };
                    if light.is_committed(piece) {
                        return false;
                    }
                    verifier.evidence(&Past { chain_id, validators: &validators, time }, piece)
                };
                if proven && block.evidence.iter().all(stands) {
                    return None;
                }
                let (height, block) = (block.header.height, id.hash);
                Some(Input::Judged { height, block, judgement: Judgement::Invalid })
            }
            Question::VerifyCommit { height, block_id, commit, validators, extensions_enabled } => {
                let valid = commit.block_id == *block_id
                    && commit.height == *height
                    && verifier.extended_commit(chain_id, validators, commit, *extensions_enabled);
                Some(Input::CommitVerified { height: *height, block: block_id.hash, valid })
            }
            Question::Build { .. }
            | Question::Extend { .. }
            | Question::VerifyExtension { .. }
            | Question::Execute { .. } => None,
        }
    }

    fn announced(&mut self, outside: &mut Outside, announcement: &Announcement) {
        if let Some(running) = &mut self.running {
            running.progress.learn(announcement);
        }
        if let Some(modelling) = &mut outside.modelling
            && let Announcement::Step { height, step: WireStep::Propose, .. } = announcement
        {
            modelling.meter.entered(self.number, height.0, outside.now);
        }
        outside.tell_some(|| {
            let text = words::announcement(announcement)?;
            Some(format!("n{} {text}", self.number))
        });
    }

    pub(super) fn later(&self, outside: &mut Outside, at: Moment, event: Inside) {
        let (member, life) = (self.number, self.life);
        outside.queue.push(at, Happening::Inside { member, life, event });
    }
}

/// A decided block is on a member's disk for good.
pub(super) fn judge_decided(member: usize, outside: &mut Outside, decided: &Decided) {
    if outside.judges.decided(member, decided) {
        outside.counts.decided(decided.commit.round);
    }
    if let Some(modelling) = &mut outside.modelling {
        let what = (&*decided.block, decided.commit.round.0);
        modelling.meter.decided(member, what, modelling.durable_at);
    }
    outside.tell(|| {
        let (height, round) = (decided.block.header.height, decided.commit.round);
        format!("n{} has {height}/{round} {} on disk", member, words::block(&decided.id))
    });
}

/// The block that a question is about, if it is to be judged.
fn judged(question: &Question) -> Option<Arc<Block>> {
    match question {
        Question::Judge { block, .. } => Some(Arc::clone(block)),
        _ => None,
    }
}

/// The block that was built.
fn built(answer: &Input) -> Option<&Arc<Block>> {
    match answer {
        Input::Built { built: Some((block, _)), .. } => Some(block),
        _ => None,
    }
}

/// What was signed: the guard may have said an earlier vote instead of the one asked for.
fn said(signed: &Input, asked: SignRequest) -> SignRequest {
    match (signed, asked) {
        (Input::SignedVote(vote), SignRequest::Vote(asked)) => {
            SignRequest::Vote(UnsignedVote { block_id: vote.block_id, ..asked })
        }
        (_, asked) => asked,
    }
}
