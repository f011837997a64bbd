//! Who looks on. A judge sees what crosses the wire, what is signed, what applications answer and
//! what disks hold, and takes no replica's word for anything. The first failure ends the run.
//!
//! `standing.rs` says who can be held to the protocol, `chain.rs` and `committee.rs` what the next
//! block must say; each further module is a judge. docs/RELIABILITY.md says what each would have
//! caught.

mod chain;
mod committee;
mod merkle;
mod standing;

mod accountability;
mod agreement;
mod blame;
mod commits;
mod durability;
mod evidence;
mod history;
mod liveness;
mod picture;
mod signatures;
mod transactions;
mod validity;

#[cfg(test)]
mod sample;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use consensus::snapshot::Snapshot;
use consensus::{Decided, Input, Output, SignRequest};
use types::{
    BlockOutcome, Evidence, Genesis, Height, Message, Offence, PublicKey, Tx, Vote, VoteKind,
};

use crate::curves::Curves;
use crate::moment::Moment;
use crate::plan::Plan;
use crate::report::Failure;

use accountability::{Charge, Records};
use agreement::{Agreement, Decision};
use blame::Blame;
use chain::Chain;
use commits::Commits;
use durability::Durability;
use evidence::Accusations;
use liveness::{Liveness, Progress};
pub use picture::Known;
use picture::Pictures;
use signatures::Signatures;
use standing::Standing;
use transactions::{Client, Transactions};
use validity::Validity;

/// What was found out about runs, by name: nothing that is wrong.
pub type Findings = BTreeMap<&'static str, u64>;

/// All judges.
#[derive(Debug)]
pub struct Judges {
    failure: Option<Failure>,
    /// A judge whose word does not count, to see whether the others hear what it hears.
    deaf: Option<String>,
    /// When what is judged happens.
    pub now: Moment,
    /// The chain has forked, as it may with so many Byzantine: nothing more can be judged.
    forked: bool,
    standing: Standing,
    chain: Chain,
    agreement: Agreement,
    validity: Validity,
    commits: Commits,
    signatures: Signatures,
    pictures: Pictures,
    durability: Durability,
    records: Records,
    accusations: Accusations,
    liveness: Liveness,
    blame: Blame,
    transactions: Transactions,
    findings: Findings,
    /// Blocks that nodes keep at least; 0 is all.
    retains: u64,
}

impl Judges {
    /// Judges of a run.
    pub fn new(plan: &Plan, genesis: &Genesis) -> Self {
        let standing = Standing::new(plan);
        let liveness = Liveness::new(plan, genesis, &standing);
        let curves = Curves::new(plan.keys_count(), plan.real_signatures);
        let addresses = (0..standing.count()).map(|member| standing.address(member));
        Self {
            failure: None,
            deaf: None,
            now: Moment::START,
            forked: false,
            chain: Chain::new(genesis),
            agreement: Agreement::new(standing.count()),
            validity: Validity::default(),
            commits: Commits::new(plan.real_signatures),
            signatures: Signatures::default(),
            pictures: Pictures::new((0..plan.keys_count()).map(|key| curves.public(key))),
            durability: Durability::new(addresses),
            records: Records::default(),
            accusations: Accusations::new(plan, liveness.travels()),
            transactions: Transactions::default(),
            findings: Findings::new(),
            blame: Blame::default(),
            retains: plan.whole_plan().map_or(0, |whole| whole.application.retain_blocks),
            liveness,
            standing,
        }
    }

    /// What went wrong, if anything did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// This judge's word does not count in this run. A judge is worth having if there is a bug that
    /// nobody finds without it.
    pub fn deafen(&mut self, judge: &str) {
        self.deaf = Some(judge.to_owned());
    }

    /// A judge has found something.
    pub fn fail(&mut self, judge: &'static str, what: String) {
        if self.deaf.as_deref() == Some(judge) {
            return;
        }
        let at = self.now;
        self.failure.get_or_insert(Failure { judge, at, what });
    }

    fn hold(&mut self, judge: &'static str, verdict: Result<(), String>) {
        if let Err(what) = verdict {
            self.fail(judge, what);
        }
    }

    /// Whether a member follows the protocol.
    pub fn is_honest(&self, member: usize) -> bool {
        self.standing.is_honest(member)
    }

    /// Whether the run is over: somebody has objected, or there is nothing left to see.
    pub fn is_over(&mut self) -> bool {
        if self.failure.is_some() || self.forked {
            return true;
        }
        let wanted = self.accusations.is_waiting(self.liveness.goal());
        match self.liveness.progress(self.now, wanted) {
            Progress::Open => false,
            Progress::Reached => true,
            Progress::Excused => self.excuse(),
            Progress::Stuck(what) => {
                self.fail("liveness", what);
                true
            }
        }
    }

    /// What the run goes on for, if it is not that somebody has to get on.
    pub fn awaited(&self) -> String {
        self.accusations
            .awaited(self.liveness.goal())
            .map_or_else(String::new, |it| format!(", waiting for {it}"))
    }

    /// Whether nobody need get on, so that the run may end where it is.
    pub fn excuse(&mut self) -> bool {
        let excused = !self.liveness.is_demanded();
        if excused {
            self.note("standstills that a third or more Byzantine excuse", 1);
        }
        excused
    }

    /// The run is over: the last verdicts, and what was found out.
    pub fn finish(&mut self) -> Findings {
        let verdict = self.transactions.finish();
        self.hold("linearizability", verdict);
        let (slowest, bound) = self.liveness.slowest();
        let millis = |it: std::time::Duration| u64::try_from(it.as_millis()).unwrap_or(u64::MAX);
        self.note("slowest block of each healed world, milliseconds added up", millis(slowest));
        self.note("bounds for it, milliseconds added up", millis(bound));
        self.note("operations of clients", self.transactions.operations());
        std::mem::take(&mut self.findings)
    }

    fn note(&mut self, what: &'static str, count: u64) {
        *self.findings.entry(what).or_default() += count;
    }

    /// All faults are over.
    pub fn healed(&mut self) {
        self.liveness.healed(self.now);
        self.accusations.healed(self.now);
    }

    /// The power of a member is cut; what was not synced may be lost.
    pub fn crashed(&mut self, member: usize) {
        self.durability.stopped(member);
        self.accusations.crashed(member, self.agreement.tip(member));
    }

    /// The data folder of a member is empty again.
    pub fn wiped(&mut self, member: usize) {
        self.agreement.wiped(member);
        self.durability.stopped(member);
        self.accusations.wiped(member);
        self.liveness.wiped(member);
    }

    /// A member's signer has signed this with this key; whether or not it will ever be sent.
    pub fn signed(&mut self, member: usize, key: &PublicKey, signed: &SignRequest) {
        if !self.is_honest(member) {
            return;
        }
        if let Err(what) = self.signatures.signed(member, key, signed) {
            self.fail("double sign", what);
        }
        let SignRequest::Vote(vote) = signed else { return };
        self.durability.signed(member, vote);
        if !self.standing.is_safe() {
            let voter = (vote.validator_address, vote.kind);
            self.records.vote(vote.height, vote.round, voter, vote.block_id);
        }
    }

    /// A member writes, and syncs if `synced`.
    pub fn wrote(&mut self, member: usize, write: &[Output], synced: bool) {
        if self.is_honest(member) {
            self.durability.wrote(member, write, synced);
        }
    }

    /// A decided block is on a member's disk for good. Returns whether it is the first of its
    /// height anywhere.
    pub fn decided(&mut self, member: usize, decided: &Decided) -> bool {
        if !self.is_honest(member) || self.forked || self.failure.is_some() {
            return false;
        }
        let height = decided.block.header.height;
        self.liveness.decided(member, height, self.now);
        if !self.standing.is_safe() {
            self.records.commit(&decided.commit);
        }
        match self.agreement.decided(&self.chain, member, decided) {
            Ok(Decision::First) => {
                if !self.liveness.is_healed() {
                    self.note("heights decided while faults lasted", 1);
                }
                self.judge_block(decided);
                true
            }
            Ok(Decision::Known) => false,
            Ok(Decision::Fork(what)) => {
                self.judge_fork(height, what);
                false
            }
            Err(what) => {
                self.fail("agreement", what);
                false
            }
        }
    }

    fn judge_block(&mut self, decided: &Decided) {
        let (block, now) = (&decided.block, self.now);
        let verdict = self.validity.decided(&self.chain, &self.standing, decided);
        self.hold("validity", verdict);
        let verdict = self.commits.decided(&self.chain, decided);
        self.hold("commits", verdict);
        let turns = self.chain.rotation.proposers(decided.commit.round.0);
        let by_honest = turns.iter().all(|seat| self.standing.is_honest_key(&seat.address));
        let chain = &self.chain;
        let retains = self.retains;
        let succeeded = |height: Height, index: usize| {
            // What was forgotten with its block may come again.
            if 0 < retains && height.0 + retains <= block.header.height.0 {
                return false;
            }
            let outcome = chain.at(height).and_then(|past| past.outcome.as_ref());
            outcome.is_none_or(|it| it.tx_results.get(index).is_none_or(|it| it.code == 0))
        };
        let verdict = self.transactions.decided(block, by_honest, succeeded);
        self.hold("transactions", verdict);
        let verdict = self.accusations.decided(&self.standing, block, now);
        self.hold("evidence", verdict);
        self.chain.decided(decided.id, block.header.time);
    }

    /// Two honest members have decided differently.
    fn judge_fork(&mut self, height: Height, what: String) {
        // Whatever comes of it, the others judge one chain only.
        self.forked = true;
        if self.standing.is_safe() {
            return self.fail("agreement", what);
        }
        let past = self.chain.at(height).expect("somebody has decided it");
        let committee = Arc::clone(&past.committee);
        let is_last = height.next() == self.chain.next_height();
        let turns = if is_last { self.chain.last_proposers(64) } else { Vec::new() };
        let culprits = self.records.cross_examine(height, &committee, &turns);
        let is_honest = |address: &_| self.standing.is_honest_key(address);
        let verdict = accountability::judge(&culprits, &committee, is_honest);
        self.note("forks", 1);
        for charges in culprits.values() {
            let by_itself = charges.contains(&Charge::TwoVotes);
            self.note("culprits of forks", 1);
            self.note("culprits proven by two votes", u64::from(by_itself));
            self.note("culprits proven by all records only", u64::from(!by_itself));
        }
        self.hold("accountability", verdict.map_err(|it| format!("{what}: {it}")));
    }

    /// A member's application has executed a block.
    pub fn executed(&mut self, member: usize, height: Height, outcome: &Arc<BlockOutcome>) {
        if !self.is_honest(member) || self.forked || self.failure.is_some() {
            return;
        }
        if self.agreement.tip(member) < Some(height) {
            return self
                .fail("durability", format!("{member} executes {height} before it is kept"));
        }
        let verdict = self.chain.executed(height, outcome);
        self.hold("application", verdict);
    }

    /// A member sends a message.
    pub fn sent(&mut self, from: usize, message: &Message) {
        if !self.is_honest(from) {
            return;
        }
        match message {
            Message::Vote(_) => {
                let verdict = self.durability.sent(from, message);
                self.hold("durability", verdict);
            }
            Message::NewRoundStep { height, round, .. } => {
                self.liveness.announced(from, *height, *round);
                self.accusations.announced(from, *height, *round);
            }
            Message::Evidence(list) => list.iter().for_each(|it| self.judge_evidence(it)),
            _ => {}
        }
    }

    fn judge_evidence(&mut self, evidence: &Evidence) {
        let verdict = evidence::framed(&self.standing, evidence);
        self.hold("evidence", verdict);
    }

    /// A member takes in what has come while it is at height `here`.
    pub fn taken(&mut self, member: usize, here: Height, input: &Input) {
        let Input::Received { message, .. } = input else { return };
        if !self.is_honest(member) {
            return;
        }
        match message.get() {
            Message::Vote(vote) => self.vote_taken(member, here, vote),
            Message::Proposal(proposal) if !self.standing.is_safe() => {
                self.records.proposal(proposal);
            }
            _ => {}
        }
    }

    fn vote_taken(&mut self, member: usize, here: Height, vote: &Vote) {
        let voter = vote.validator_address;
        if !self.standing.is_safe() {
            let kind: VoteKind = vote.kind;
            self.records.vote(vote.height, vote.round, (voter, kind), vote.block_id);
        }
        if !self.standing.is_honest_key(&voter) {
            self.accusations.heard(member, here, vote);
        }
    }

    /// A member's replica shows this of itself.
    pub fn pictured(&mut self, member: usize, known: Known<'_>, shown: &Snapshot) {
        if !self.is_honest(member) || self.forked {
            return;
        }
        let who = (&self.standing, &self.signatures);
        let verdict = self.pictures.taken(known, &self.chain, who, shown);
        self.hold("picture", verdict.map_err(|what| format!("{member} {what}")));
    }

    /// A member holds something against a peer.
    pub fn blamed(&mut self, member: usize, peer: usize, offence: Offence, reason: &str) {
        if self.is_honest(member) && self.is_honest(peer) {
            let verdict = self.blame.blamed((member, peer), offence, reason);
            self.hold("blame", verdict);
        }
    }

    /// A member will not hear a peer for a while.
    pub fn banned(&mut self, member: usize, peer: usize) {
        if self.is_honest(member) && self.is_honest(peer) {
            let verdict = self.blame.banned((member, peer));
            self.hold("blame", verdict);
        }
    }

    /// A member stops because nothing can be done any more.
    pub fn halted(&mut self, member: usize, reason: &str) {
        if self.is_honest(member) && self.standing.is_safe() {
            self.fail("halt", format!("{member} halts: {reason}"));
        }
    }

    /// A client sends a transaction.
    pub fn submitted(&mut self, client: Client, tx: &Tx) {
        self.transactions.submitted(client, tx, self.now);
    }

    /// A client is told that its transaction is refused for good.
    pub fn refused(&mut self, client: Client, tx: &Tx) {
        self.transactions.refused(client, tx);
    }

    /// A client is told by an honest member that its transaction is committed at a height.
    pub fn acknowledged(&mut self, client: Client, tx: &Tx, height: Height) {
        let verdict = self.transactions.acknowledged(client, tx, height, self.now);
        self.hold("transactions", verdict);
    }

    /// A client asks what a key is set to.
    pub fn asks(&mut self, client: Client, key: &Bytes) {
        self.transactions.asks(client, key, self.now);
    }

    /// A client is told by an honest member what a key was set to after a height.
    pub fn read(&mut self, client: Client, key: &Bytes, value: Option<&Bytes>, height: Height) {
        let verdict = self.transactions.read(client, key, value, (height, self.now));
        self.hold("transactions", verdict);
    }

    /// A client goes to another member.
    pub fn moved(&mut self, client: Client) {
        self.transactions.moved(client);
    }
}
