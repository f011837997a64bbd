//! One replica among four validators of equal power. The test plays the other three, and reads
//! what the replica does as lines of text.
//!
//! Validators are named by their index, blocks by a capital letter, `nil` is no block; `O` is the
//! block that the replica makes when it is its turn. Validator `n` proposes in rounds `n`, `n + 4`
//! and so on (a fact of the set of equal powers, checked at the start).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consensus::{
    Announcement, Config, Input, Judgement, Output, Question, Record, Replica, SignRequest, Start,
    Timeout, Wait,
};
use types::message::WireStep;
use types::vote::Extension;
use types::{
    Address, Block, BlockId, BlockOutcome, ChainId, ChainState, ConsensusParams, ExtendedCommit,
    Genesis, Hash, Height, Message, PartSet, PeerId, Proposal, PublicKey, Round, Signature, Time,
    ValidatorIndex, Verified, Vote, VoteKind, VotingPower,
};

const SIGNATURE: Signature = Signature([7; 64]);

/// One replica, and all that the test knows of its world.
pub struct Solo {
    replica: Replica,
    config: Config,
    me: u32,
    key: PublicKey,
    state: Arc<ChainState>,
    last_commit: Option<ExtendedCommit>,
    last_header: Option<types::Header>,
    records: Vec<Record>,
    unsynced: Vec<Record>,
    signed: BTreeMap<(Height, Round, VoteKind), Vote>,
    blocks: BTreeMap<char, (BlockId, Arc<Block>, PartSet)>,
    /// Blocks that the application rejects, and those it has not judged yet.
    rejected: BTreeSet<Hash>,
    withheld: BTreeSet<Hash>,
    /// The signer does not sign, or what it signs is lost on its way.
    mute: bool,
    lossy: bool,
    /// Votes and proposals that were said since the last crash, to whomever.
    said: BTreeSet<String>,
    answers: Vec<Input>,
    decided: Option<Arc<Block>>,
    now: Time,
    trace: String,
}

impl Solo {
    /// The replica of validator `me`, at the first height, in round 0.
    pub fn new(me: u32, config: Config, params: ConsensusParams) -> Self {
        let keys: Vec<PublicKey> = (1..=4).map(|byte| PublicKey([byte; 32])).collect();
        let validator = |&public_key: &PublicKey| types::genesis::GenesisValidator {
            public_key,
            power: VotingPower(10),
            name: String::new(),
        };
        let genesis = Genesis {
            genesis_time: Time::EPOCH,
            chain_id: ChainId::new("solo").expect("a short name"),
            initial_height: Height::FIRST,
            params,
            validators: keys.iter().map(validator).collect(),
            app_hash: types::AppHash::default(),
            app_state: "{}".to_owned(),
        };
        let state = Arc::new(ChainState::genesis(&genesis).expect("four validators"));
        for round in 0..8 {
            assert_eq!(state.validators.proposer_in(Round(round)), ValidatorIndex(round % 4));
        }
        let key = state.validators.get(ValidatorIndex(me)).expect("one of four").public_key;
        let start = Start {
            state: Arc::clone(&state),
            last_commit: None,
            last_header: None,
            stored: None,
            evidence: Vec::new(),
        };
        let mut solo = Self {
            replica: Replica::new(config.clone(), Some(key), start, Vec::new()),
            config,
            me,
            key,
            state,
            last_commit: None,
            last_header: None,
            records: Vec::new(),
            unsynced: Vec::new(),
            signed: BTreeMap::new(),
            blocks: BTreeMap::new(),
            rejected: BTreeSet::new(),
            withheld: BTreeSet::new(),
            mute: false,
            lossy: false,
            said: BTreeSet::new(),
            answers: Vec::new(),
            decided: None,
            now: Time::from_unix(1_000, 0).expect("within the calendar"),
            trace: String::new(),
        };
        solo.make_blocks();
        solo.begin();
        solo
    }

    /// Obeys one line of a script, and returns what the replica did, a line each.
    pub fn obey(&mut self, command: &str) -> String {
        let words: Vec<&str> = command.split_whitespace().collect();
        match words[..] {
            // What happened since the replica began is in the trace already.
            ["start"] => {}
            ["propose", round, block] => self.propose(number(round), block, None),
            ["propose", round, block, "pol", polka] => {
                self.propose(number(round), block, Some(Round(number(polka))));
            }
            ["offer", round, block] => self.offer(number(round), block, None),
            ["parts", round, block] => self.parts(number(round), block),
            ["prevote", round, block, ref by @ ..] => {
                self.votes(VoteKind::Prevote, number(round), block, by);
            }
            ["precommit", round, block, ref by @ ..] => {
                self.votes(VoteKind::Precommit, number(round), block, by);
            }
            ["claim", kind, round, block, by] => self.claim(kind, number(round), block, by),
            ["timeout", wait, round] => self.timeout(wait, number(round)),
            ["reject", block] => {
                let hash = self.block(block).0.hash;
                self.rejected.insert(hash);
            }
            ["withhold", block] => {
                let hash = self.block(block).0.hash;
                self.withheld.insert(hash);
            }
            ["judge", block] => self.judge(block),
            ["txs"] => self.tell(Input::TxsAvailable { height: self.state.next_height() }),
            ["mute"] => self.mute = true,
            ["lose"] => self.lossy = true,
            ["execute"] => self.execute(),
            ["late", round, block, ref by @ ..] => self.late(number(round), block, by),
            ["crash"] => self.crash(),
            ["wipe"] => {
                self.records.clear();
                self.crash();
            }
            _ => panic!("the script says {command:?}, which means nothing"),
        }
        std::mem::take(&mut self.trace)
    }

    fn make_blocks(&mut self) {
        for letter in 'A'..='D' {
            let tx = types::Tx::from(format!("{letter}{}", self.state.next_height()).into_bytes());
            let proposer = self.state.validators.proposer().address;
            let commit = self.last_commit.as_ref().map(ExtendedCommit::commit);
            let block = self.state.make_block(vec![tx], commit, Vec::new(), proposer);
            self.name(letter, block);
        }
        self.make_doubles();
    }

    /// Blocks with the very header of A: `E` holds another transaction, and `F` the same in bytes
    /// that nobody would write so.
    fn make_doubles(&mut self) {
        let (id, block, _) = self.block("A").clone();
        let tx = types::Tx::from_static(b"not what the header says");
        let other = Block { txs: vec![tx], ..(*block).clone() };
        let parts = other.part_set();
        let other_id = BlockId { parts: parts.header(), ..id };
        self.blocks.insert('E', (other_id, Arc::new(other), parts));
        let unknown_field = [0xfa, 0x07, 0x00];
        let bytes = [&types::codec::encode_block(&block)[..], &unknown_field].concat();
        let parts = PartSet::cut(bytes.into());
        self.blocks.insert('F', (BlockId { parts: parts.header(), ..id }, block, parts));
    }

    fn name(&mut self, letter: char, block: Block) {
        let parts = block.part_set();
        self.blocks.insert(letter, (block.id(&parts), Arc::new(block), parts));
    }

    fn begin(&mut self) {
        let mut outputs = Vec::new();
        self.replica.begin(self.now, &mut outputs);
        self.carry_out(outputs);
        for peer in self.others() {
            self.tell(Input::PeerUp(PeerId(peer.into())));
        }
        self.others_arrive();
        let pause =
            Timeout { height: self.state.next_height(), round: Round(0), wait: Wait::Commit };
        self.tell(Input::Timeout(pause));
    }

    fn others(&self) -> Vec<u32> {
        (0..4).filter(|&peer| peer != self.me).collect()
    }

    /// The other validators say that they are at our height.
    fn others_arrive(&mut self) {
        for peer in self.others() {
            self.receive(
                peer,
                Message::NewRoundStep {
                    height: self.state.next_height(),
                    round: Round(0),
                    step: WireStep::NewHeight,
                    seconds_since_start: 0,
                    last_commit_round: self.last_commit.as_ref().map(|commit| commit.round),
                },
            );
        }
    }

    fn block(&self, name: &str) -> &(BlockId, Arc<Block>, PartSet) {
        let letter = name.chars().next().expect("a block has a name");
        self.blocks.get(&letter).expect("blocks are named A to F, and O once it is made")
    }

    fn block_id(&self, name: &str) -> Option<BlockId> {
        (name != "nil").then(|| self.block(name).0)
    }

    fn name_of(&self, id: Option<&BlockId>) -> String {
        let Some(id) = id else { return "nil".to_owned() };
        let found = self.blocks.iter().find(|(_, block)| block.0 == *id);
        found.map_or_else(|| "?".to_owned(), |(letter, _)| letter.to_string())
    }

    fn say(&mut self, line: &str) {
        writeln!(self.trace, "  {line}").expect("text has no limit");
    }

    fn receive(&mut self, from: u32, message: Message) {
        let (peer, message) = (PeerId(from.into()), Verified::assume(message));
        self.tell(Input::Received { peer, message });
    }

    fn propose(&mut self, round: u32, block: &str, pol_round: Option<Round>) {
        self.offer(round, block, pol_round);
        self.parts(round, block);
    }

    fn offer(&mut self, round: u32, block: &str, pol_round: Option<Round>) {
        let proposal = Proposal {
            height: self.state.next_height(),
            round: Round(round),
            pol_round,
            block_id: self.block(block).0,
            timestamp: self.now,
            signature: SIGNATURE,
        };
        self.receive(round % 4, Message::Proposal(proposal.into()));
    }

    fn parts(&mut self, round: u32, block: &str) {
        let (height, parts) = (self.state.next_height(), self.block(block).2.clone());
        for index in 0..parts.header().total {
            let part = parts.get(index).expect("the set is whole").clone();
            let message = Message::BlockPart { height, round: Round(round), part };
            self.receive((self.me + 1) % 4, message);
        }
    }

    fn vote(&self, height: Height, kind: VoteKind, round: u32, block: &str, by: u32) -> Vote {
        let index = ValidatorIndex(by);
        Vote {
            kind,
            height,
            round: Round(round),
            block_id: self.block_id(block),
            // A vote that is said again is the same vote.
            timestamp: Time::from_unix(2_000, 0).expect("within the calendar"),
            validator_address: self.address(index),
            validator_index: index,
            signature: SIGNATURE,
            extension: self.extends(kind, block).then(extension),
        }
    }

    /// Whether a vote carries an extension: precommits for a block do, where the chain asks for it.
    fn extends(&self, kind: VoteKind, block: &str) -> bool {
        let enabled = self.state.params.extensions_enabled(self.state.next_height());
        enabled && kind == VoteKind::Precommit && block != "nil"
    }

    fn address(&self, index: ValidatorIndex) -> Address {
        self.state.validators.get(index).expect("one of four").address
    }

    fn votes(&mut self, kind: VoteKind, round: u32, block: &str, by: &[&str]) {
        for by in by {
            let vote = self.vote(self.state.next_height(), kind, round, block, number(by));
            self.receive(number(by), Message::Vote(vote.into()));
        }
    }

    fn late(&mut self, round: u32, block: &str, by: &[&str]) {
        let height = self.state.last_height().expect("a height is decided");
        for by in by {
            let vote = self.vote(height, VoteKind::Precommit, round, block, number(by));
            self.receive(number(by), Message::Vote(vote.into()));
        }
        let seen = self.replica.snapshot().last_commit;
        let names = seen.iter().flatten().map(|vote| vote.validator_index.0.to_string());
        let names: Vec<String> = names.collect();
        self.say(&format!("last commit by {}", names.join(" ")));
    }

    fn claim(&mut self, kind: &str, round: u32, block: &str, by: &str) {
        let kind = match kind {
            "prevote" => VoteKind::Prevote,
            _ => VoteKind::Precommit,
        };
        let (height, round) = (self.state.next_height(), Round(round));
        let block_id = self.block_id(block);
        self.receive(number(by), Message::VoteSetMaj23 { height, round, kind, block_id });
    }

    fn timeout(&mut self, wait: &str, round: u32) {
        let wait = match wait {
            "propose" => Wait::Propose,
            "prevote" => Wait::Prevote,
            "precommit" => Wait::Precommit,
            "commit" => Wait::Commit,
            "empty-block" => Wait::EmptyBlock,
            other => panic!("there is no wait {other:?}"),
        };
        let height = self.state.next_height();
        self.tell(Input::Timeout(Timeout { height, round: Round(round), wait }));
    }

    fn judge(&mut self, name: &str) {
        let block = self.block(name).0.hash;
        self.withheld.remove(&block);
        let judgement = self.judgement(block);
        let height = self.state.next_height();
        self.tell(Input::Judged { height, block, judgement });
    }

    fn judgement(&self, block: Hash) -> Judgement {
        if self.rejected.contains(&block) { Judgement::Reject } else { Judgement::Accept }
    }

    fn execute(&mut self) {
        let Some(block) = self.decided.take() else { return self.say("nothing is decided") };
        let outcome = BlockOutcome {
            tx_results: vec![types::TxResult::default(); block.txs.len()],
            ..BlockOutcome::default()
        };
        self.last_header = Some(block.header.clone());
        self.said.clear();
        let (height, outcome) = (block.header.height, Arc::new(outcome));
        self.tell(Input::Executed { height, outcome });
        self.others_arrive();
    }

    fn crash(&mut self) {
        self.unsynced.clear();
        self.said.clear();
        self.answers.clear();
        (self.mute, self.lossy) = (false, false);
        let height = self.state.next_height();
        self.records.retain(|record| record.height() == height);
        let start = Start {
            state: Arc::clone(&self.state),
            last_commit: self.last_commit.clone(),
            last_header: self.last_header.clone(),
            stored: self.state.last_height().map(|height| (Height::FIRST, height)),
            evidence: Vec::new(),
        };
        let encoded: Vec<Vec<u8>> = self.records.iter().map(Record::encode).collect();
        let decoded = encoded.iter().map(|bytes| Record::decode(bytes).expect("our own record"));
        let records = decoded.collect();
        self.replica = Replica::new(self.config.clone(), Some(self.key), start, records);
        self.begin();
    }

    fn tell(&mut self, input: Input) {
        self.now = self.now.after(Duration::from_millis(1));
        let mut outputs = Vec::new();
        self.replica.handle(self.now, input, &mut outputs);
        self.carry_out(outputs);
        while !self.answers.is_empty() {
            let answer = self.answers.remove(0);
            let mut outputs = Vec::new();
            self.replica.handle(self.now, answer, &mut outputs);
            self.carry_out(outputs);
        }
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Record(record) => self.unsynced.push(record),
                Output::Persist => self.records.append(&mut self.unsynced),
                Output::Send { message, .. } => self.sent(message),
                Output::Schedule(alarm) => self.scheduled(alarm.timeout),
                Output::Sign(request) => self.sign(request),
                Output::AwaitTxs { .. } => self.say("await transactions"),
                Output::Ask(Question::Build { height, round, .. }) => {
                    self.say(&format!("build {round}"));
                    let (_, block, parts) = self.own_block();
                    let built = Some((block, Arc::new(parts)));
                    self.answers.push(Input::Built { height, round, built });
                }
                Output::Ask(Question::Judge { block, .. }) => {
                    let (height, block) = (block.header.height, block.hash());
                    if !self.withheld.contains(&block) {
                        let judgement = self.judgement(block);
                        self.answers.push(Input::Judged { height, block, judgement });
                    }
                }
                Output::Decide(decided) => {
                    let name = self.name_of(Some(&decided.id));
                    self.say(&format!("decide {} {name}", decided.commit.round));
                    self.last_commit = Some(decided.commit);
                    self.decided = Some(decided.block);
                }
                Output::KeepState(state) => {
                    self.state = state;
                    self.make_blocks();
                }
                Output::Penalise { peer, offence, .. } => {
                    self.say(&format!("blame {} for {offence}", peer.0));
                }
                Output::KeepEvidence(evidence) => self.accused(&evidence),
                Output::Announce(it) => self.announced(&it),
                Output::Halt { reason } => self.say(&format!("halt: {reason}")),
                Output::Ask(Question::Extend { round, block, .. }) => {
                    self.answers.push(Input::Extended {
                        height: block.header.height,
                        round,
                        extension: Bytes::new(),
                    });
                }
                Output::Ask(Question::VerifyExtension { vote, .. }) => {
                    self.say(&format!("ask about the extension of {}", vote.validator_index.0));
                    self.answers.push(Input::ExtensionVerified { vote, accept: true });
                }
                Output::Ask(Question::VerifyCommit { .. }) => panic!("no script asks for this"),
                Output::Serve { .. }
                | Output::Load { .. }
                | Output::Ask(Question::Execute { .. })
                | Output::Rekey(_)
                | Output::DropEvidence(_) => {}
            }
        }
    }

    /// The block that the replica proposes when it is its turn.
    fn own_block(&mut self) -> (BlockId, Arc<Block>, PartSet) {
        let tx = types::Tx::from(format!("O{}", self.state.next_height()).into_bytes());
        let commit = self.last_commit.as_ref().map(ExtendedCommit::commit);
        let block = self.state.make_block(vec![tx], commit, Vec::new(), self.key.address());
        self.name('O', block);
        self.block("O").clone()
    }

    /// Only our own votes and proposals, and wishes for blocks, are of interest. They must be
    /// durable by now.
    fn sent(&mut self, message: Message) {
        let line = match message {
            Message::Vote(vote) if vote.validator_index.0 == self.me => {
                let durable = vote.height < self.state.next_height();
                let record = Record::Vote(vote.clone());
                assert!(durable || self.records.contains(&record), "persist, then send");
                let name = self.name_of(vote.block_id.as_ref());
                let kind = match vote.kind {
                    VoteKind::Prevote => "prevote",
                    VoteKind::Precommit => "precommit",
                };
                format!("{kind} {} {name}", vote.round)
            }
            Message::Proposal(it) if it.round.0 % 4 == self.me => {
                let record = Record::Proposal(it.clone());
                assert!(self.records.contains(&record), "persist, then send");
                let name = self.name_of(Some(&it.block_id));
                let polka = it.pol_round.map_or(String::new(), |it| format!(" pol {it}"));
                format!("propose {} {name}{polka}", it.round)
            }
            Message::NewValidBlock { have, is_commit: true, .. } if !have.is_full() => {
                "ask for the decided block".to_owned()
            }
            _ => return,
        };
        if self.said.insert(line.clone()) {
            self.say(&line);
        }
    }

    fn scheduled(&mut self, timeout: Timeout) {
        let wait = match timeout.wait {
            Wait::Propose => "propose",
            Wait::Prevote => "prevote",
            Wait::Precommit => "precommit",
            Wait::Commit => "commit",
            Wait::EmptyBlock => "empty-block",
            Wait::Gossip | Wait::CatchUp => return,
        };
        self.say(&format!("wait {wait} {}", timeout.round));
    }

    fn sign(&mut self, request: SignRequest) {
        if self.mute {
            return;
        }
        match request {
            SignRequest::Proposal(it) => {
                let timestamp = it.timestamp;
                self.answers.push(Input::SignedProposal(it.signed(timestamp, SIGNATURE).into()));
            }
            SignRequest::Vote(it) => {
                let place = (it.height, it.round, it.kind);
                let locks = it.kind == VoteKind::Precommit && it.block_id.is_some();
                assert!(!locks || self.unsynced.is_empty(), "persist the polka, then sign");
                let last = self.signed.keys().next_back().copied();
                if let Some((height, round, _)) = last.filter(|&last| place < last) {
                    let reached = Some(round).filter(|_| height == place.0);
                    let (height, round, reason) = (place.0, place.1, "too late".to_owned());
                    self.say("the signer is further");
                    self.answers.push(Input::SignRefused { height, round, reason, reached });
                    return;
                }
                let timestamp = it.timestamp;
                let extension = it.extension.is_some().then_some(SIGNATURE);
                let vote = it.signed(timestamp, SIGNATURE, extension);
                let signed = self.signed.entry(place).or_insert_with(|| vote.clone()).clone();
                if signed.block_id != vote.block_id {
                    self.say("the signer has signed another");
                }
                if !self.lossy {
                    self.answers.push(Input::SignedVote(signed.into()));
                }
            }
        }
    }

    fn announced(&mut self, announcement: &Announcement) {
        match announcement {
            Announcement::Step { round, step: WireStep::Propose | WireStep::NewRound, .. } => {
                self.say(&format!("round {round}"));
            }
            Announcement::Lock { round, block_id, .. } => {
                let name = self.name_of(Some(block_id));
                self.say(&format!("lock {round} {name}"));
            }
            Announcement::ValidBlock { round, block_id, .. } => {
                let name = self.name_of(Some(block_id));
                self.say(&format!("valid {round} {name}"));
            }
            _ => {}
        }
    }

    fn accused(&mut self, evidence: &types::Evidence) {
        if let types::Evidence::DuplicateVote(it) = evidence {
            let names = [&it.vote_a, &it.vote_b].map(|vote| self.name_of(vote.block_id.as_ref()));
            let by = it.vote_a.validator_index.0;
            self.say(&format!("accuse {by} of {} and {}", names[0], names[1]));
        }
    }
}

/// What a vote carries for the application: nothing, signed.
fn extension() -> Extension {
    Extension { bytes: Bytes::new(), signature: SIGNATURE }
}

fn number(word: &str) -> u32 {
    word.parse().expect("a number")
}
