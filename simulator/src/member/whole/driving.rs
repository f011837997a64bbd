//! What a member's driver does on a whole machine: beginning, barriers, the executor's thread, the
//! verifier, and the ways to end.

use std::sync::Arc;

use abci::QueryRequest;
use bytes::Bytes;
use consensus::{Input, Question, Record, Start};
use types::{Height, Message, PeerId, Tx, TxHash};

use super::life::Sorted;
use super::lookout::Executed;
use super::{End, Whole};
use crate::chance::Chance;
use crate::member::driver::judge_decided;
use crate::member::trouble::{Ending, Stop, Trouble};
use crate::member::{Machine, Member};
use crate::moment::Moment;
use crate::network::Network;
use crate::outside::{Happening, Inside, Note, Outside};
use crate::workload::{Errand, Ticket};

/// Streams of chance from here on belong to applications, one for each life of a member.
const STREAMS: u64 = 1 << 32;

impl Member {
    fn whole(&mut self) -> Option<&mut Whole> {
        match &mut self.machine {
            Machine::Light(_) => None,
            Machine::Whole(whole) => Some(whole),
        }
    }

    /// Begins from what the disk holds; none if the node cannot.
    pub(in crate::member) fn begin_whole(
        &mut self,
        outside: &mut Outside,
    ) -> Option<(Start, Vec<Record>)> {
        let stream = u64::try_from(self.number).expect("few members") << 16;
        let chance = Chance::of(outside.plan.seed, STREAMS + stream + u64::from(self.life));
        let begun = self.whole()?.begin(outside, chance);
        self.judge_disk(outside);
        match begun {
            Ok((start, records)) => {
                for (height, outcome) in self.whole()?.unjudged_outcomes() {
                    outside.judges.executed(self.number, height, &Arc::new(outcome));
                }
                Some((start, records))
            }
            Err(end) => {
                self.end_beginning(outside, end);
                None
            }
        }
    }

    /// What is new on the disk is shown to the judges.
    fn judge_disk(&mut self, outside: &mut Outside) {
        let Some(whole) = self.whole() else { return };
        for decided in whole.unjudged() {
            judge_decided(self.number, outside, &decided);
        }
    }

    /// The node ends in the midst of what it does.
    pub(in crate::member) fn end(&mut self, outside: &mut Outside, end: End) {
        match self.excused(end) {
            End::Fault(stop) => self.stop(outside, stop),
            End::Failed(reason) => {
                outside.tell(|| format!("n{} halts: {reason}", self.number));
                outside.counts.client("nodes that halted");
                outside.judges.halted(self.number, &reason);
                self.leave(outside);
                outside.notes.push(Note::Stopped { member: self.number, fault: None });
            }
        }
    }

    /// The node ends before it has begun.
    fn end_beginning(&mut self, outside: &mut Outside, end: End) {
        let (ending, fault) = match self.excused(end) {
            End::Fault(stop) => (stop.ending, Some(stop.fault)),
            End::Failed(reason) => {
                outside.judges.halted(self.number, &reason);
                (Ending::Killed, None)
            }
        };
        self.end_whole(outside, ending);
        outside.notes.push(Note::Stopped { member: self.number, fault });
    }

    /// A whole machine's node may fail if its disk does.
    fn excused(&self, end: End) -> End {
        let Trouble { full, sync_fails, .. } = self.trouble;
        let killed = full.map(|fault| Stop { ending: Ending::Killed, fault });
        let failed = sync_fails.map(|fault| Stop { ending: Ending::PowerCut, fault });
        match (end, &self.machine, killed.or(failed)) {
            (End::Failed(_), Machine::Whole(_), Some(stop)) => End::Fault(stop),
            (end, Machine::Light(_) | Machine::Whole(_), _) => end,
        }
    }

    /// The process of a whole machine is gone, perhaps with the power.
    pub(in crate::member) fn end_whole(&mut self, outside: &mut Outside, ending: Ending) {
        let renamed = self.chance.coin();
        let Machine::Whole(whole) = &mut self.machine else { return };
        let power = ending == Ending::PowerCut;
        let taken = power.then(|| self.chance.between(0, whole.disk.unsynced()));
        outside.tell(|| format!("n{} ends: {ending:?}, {taken:?} writes taken", self.number));
        whole.end(taken, renamed);
    }

    /// How long a synced write takes.
    fn sync_nanos(&self, outside: &Outside) -> u64 {
        (outside.plan.machine.sync_micros + self.trouble.sync_micros).saturating_mul(1000)
    }

    /// A barrier of the replica. Returns when it is over.
    pub(in crate::member) fn barrier_whole(
        &mut self,
        outside: &mut Outside,
        at: Moment,
    ) -> Result<Moment, End> {
        let Some(running) = &mut self.running else { return Ok(at) };
        let Machine::Whole(whole) = &mut self.machine else { return Ok(at) };
        let Some(life) = &whole.life else { return Ok(at) };
        let decides = running.keeping.has_decision();
        outside.judges.wrote(self.number, running.keeping.held(), false);
        let kept = running.keeping.barrier(&life.store, &*whole.lookout);
        let synced = whole.disk.take_synced_writes();
        if 0 < synced {
            outside.judges.wrote(self.number, &[], true);
        }
        kept.map_err(|error| whole.end_of(&error))?;
        if decides {
            self.judge_disk(outside);
        }
        let nanos = self.sync_nanos(outside).saturating_mul(synced);
        Ok(at.after_nanos(nanos))
    }

    /// The end of a turn of the replica.
    pub(in crate::member) fn settle_whole(&mut self, outside: &mut Outside) -> Result<(), End> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let Machine::Whole(whole) = &mut self.machine else { return Ok(()) };
        let Some(life) = &whole.life else { return Ok(()) };
        if running.keeping.has_execution() {
            outside.judges.wrote(self.number, running.keeping.held(), false);
        }
        let settled = running.keeping.settle(&life.store, &*whole.lookout);
        settled.map_err(|error| whole.end_of(&error))
    }

    /// The replica asks something of the executor's thread.
    pub(in crate::member) fn ask_whole(
        &mut self,
        outside: &mut Outside,
        at: Moment,
        question: Question,
    ) {
        let longest = outside.plan.machine.answer_micros * 1000;
        let takes = if 0 < longest { self.chance.below(longest) } else { 0 };
        let Some(life) = self.machine.life_mut() else { return };
        let begins = at.after_nanos(takes);
        if let Some(begins) = life.ask(question, begins) {
            self.later(outside, begins, Inside::Execute);
        }
    }

    /// The executor's thread answers the next question.
    pub fn execute(&mut self, outside: &mut Outside) {
        if !self.is_awake() {
            return;
        }
        let sync_nanos = self.sync_nanos(outside);
        let Machine::Whole(whole) = &mut self.machine else { return };
        let Some(life) = &mut whole.life else { return };
        if life.answers_at != Some(outside.now) {
            return;
        }
        let Some(question) = life.questions.pop_front() else { return };
        let answer = life.executor.answer(question);
        let synced = whole.disk.take_synced_writes();
        let nanos = sync_nanos.saturating_mul(synced);
        let done = outside.now.after_nanos(nanos.saturating_add(life.application.take_worked()));
        let more = !life.questions.is_empty();
        life.answers_at = more.then_some(done);
        life.busy_until = done;
        self.tell_executed(outside);
        match answer {
            Ok(input) => {
                self.later(outside, done, Inside::Answer(Box::new(input)));
                if more {
                    self.later(outside, done, Inside::Execute);
                }
                self.heed(outside, done);
            }
            Err(error) => {
                let Machine::Whole(whole) = &self.machine else { return };
                let end = whole.end_of(&error);
                self.end(outside, end);
            }
        }
    }

    /// Those who wait for transactions are told what was executed.
    fn tell_executed(&mut self, outside: &mut Outside) {
        let Machine::Whole(whole) = &mut self.machine else { return };
        let Some(life) = &mut whole.life else { return };
        for Executed { height, txs, outcome } in whole.lookout.take_executed() {
            outside.judges.executed(self.number, height, &outcome);
            whole.executed = Some(height);
            for (tx, result) in txs.iter().zip(&outcome.tx_results) {
                for ticket in life.waiting.remove(&TxHash::of(tx)).unwrap_or_default() {
                    let errand = Errand::Told { height, code: result.code };
                    outside.queue.push(outside.now, Happening::Errand { ticket, errand });
                }
            }
        }
    }

    /// A client submits a transaction, and wants to be told when it is executed. Returns the
    /// application's word; none if the transaction is not even put to it.
    pub fn submit(&mut self, outside: &mut Outside, tx: Tx, ticket: Ticket) -> Option<u32> {
        let life = self.machine.life_mut()?;
        // As the RPC does: whoever asks first misses nothing.
        let hash = TxHash::of(&tx);
        life.waiting.entry(hash).or_default().push(ticket);
        let taken = life.desk.rules.submit(tx);
        let code = taken.ok().map(|result| result.code);
        if code != Some(0) {
            life.waiting.remove(&hash);
        }
        life.application.take_worked();
        self.heed(outside, outside.now);
        code
    }

    /// A client reads a key: the value, if there is one, and of which height that is true.
    pub fn query(&self, key: &Bytes) -> Option<(Option<Bytes>, Height)> {
        let Machine::Whole(whole) = &self.machine else { return None };
        let request = QueryRequest { data: key.clone(), ..QueryRequest::default() };
        let answer = whole.life.as_ref()?.recorded.query(&request).ok()?;
        let value = (!answer.value.is_empty()).then_some(answer.value);
        answer.height.map(|height| (value, height))
    }

    /// The process goes on after a pause, with all its threads.
    pub(in crate::member) fn resume_whole(&mut self, outside: &mut Outside) {
        let Some(life) = self.machine.life_mut() else { return };
        let admits = life.desk.resume(outside.now);
        let answers = life.answers_at.is_some();
        life.answers_at = life.answers_at.map(|_| outside.now);
        if answers {
            self.later(outside, outside.now, Inside::Execute);
        }
        if admits {
            self.later(outside, outside.now, Inside::Admit);
        }
    }

    /// What the verifier makes of a message.
    pub(in crate::member) fn receive_whole(
        &mut self,
        outside: &mut Outside,
        peer: PeerId,
        message: Message,
    ) {
        let Some(running) = &self.running else { return };
        let Some(life) = self.machine.life_mut() else { return };
        match life.sort(&running.keyring, peer, message) {
            Sorted::Verified(message) => self.hear(outside, Input::Received { peer, message }),
            Sorted::Taken => self.heed(outside, outside.now),
            Sorted::Refused(offence) => {
                let reason = "the verifier refuses what it says";
                outside.penalise(self.number, Network::member_of(peer), offence, reason);
            }
        }
    }

    /// A peer comes or goes: the pool hears of it before the replica does.
    pub(in crate::member) fn meet(&mut self, outside: &mut Outside, input: &Input) {
        let Some(life) = self.machine.life_mut() else { return };
        match input {
            Input::PeerUp(peer) => life.desk.rules.peer_up(*peer),
            Input::PeerDown(peer) => life.desk.rules.peer_down(*peer),
            _ => return,
        }
        self.heed(outside, outside.now);
    }
}
