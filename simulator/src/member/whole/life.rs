//! One life of a whole machine's node: what is lost when it ends.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use abci::{Application, Grammar, Recorded};
use consensus::{Decided, Question};
use execution::{Executor, SharedMemory, Watch, sift_evidence};
use mempool::Mempool;
use storage::{StorageError, Store};
use types::verified::Verdict;
use types::{Height, Keyring, Message, Offence, PeerId, TxHash};

use super::Whole;
use crate::application::Simulated;
use crate::member::pool::{Bell, Desk, Rules};
use crate::moment::Moment;
use crate::outside::Outside;
use crate::workload::Ticket;

/// Most questions that wait for the application, as in the node.
const QUESTIONS_MAX: usize = 1024;

/// What runs on a machine.
pub struct Life {
    /// What is kept.
    pub store: Store,
    /// The application, to be asked how it is.
    pub application: Arc<Simulated>,
    /// The application behind the grammar.
    pub recorded: Arc<dyn Application>,
    /// Who answers the replica's questions.
    pub executor: Executor<Arc<dyn Application>, Rc<Rules>>,
    /// Signatures that were found right.
    memory: SharedMemory,
    /// What waits for the executor.
    pub questions: VecDeque<Question>,
    /// When the executor takes the next question.
    pub answers_at: Option<Moment>,
    /// It is at work until then.
    pub busy_until: Moment,
    /// The admission thread.
    pub desk: Desk,
    /// Clients who wait for transactions.
    pub waiting: BTreeMap<TxHash, Vec<Ticket>>,
}

/// What becomes of a peer's message.
pub enum Sorted {
    /// The replica hears it.
    Verified(types::Verified<Message>),
    /// It ends here.
    Taken,
    /// It is wrong.
    Refused(Offence),
}

impl Life {
    /// Over what is on the disk.
    pub fn new(
        whole: &Whole,
        outside: &Outside,
        store: Store,
        application: Simulated,
    ) -> Result<Self, StorageError> {
        let application = Arc::new(application);
        let grammar = if whole.has_begun() { Grammar::recovery() } else { Grammar::clean_start() };
        let recorded = Arc::clone(&application) as Arc<dyn Application>;
        let recorded: Arc<dyn Application> = Arc::new(Recorded::from_start(recorded, grammar));
        let memory = outside.curves.memory();
        let config = mempool::Config {
            txs_max: whole.plan.pool_txs_max,
            seen_max: whole.plan.pool_seen_max,
            ..mempool::Config::default()
        };
        let rules = Rc::new(Rules::new(
            Mempool::new(config),
            Arc::clone(&recorded),
            store.clone(),
            Bell::default(),
        )?);
        let own = &outside.plan.members[whole.number];
        let executor = Executor {
            application: Arc::clone(&recorded),
            chain_id: outside.genesis.chain_id.clone(),
            store: store.clone(),
            memory: memory.clone(),
            pool: Rc::clone(&rules),
            address: own.key.map(|key| outside.curves.public(key).address()),
            watch: Arc::clone(&whole.lookout) as Arc<dyn Watch>,
        };
        let desk = Desk::new(rules, outside.now);
        Ok(Self {
            store,
            application,
            recorded,
            executor,
            memory,
            questions: VecDeque::new(),
            answers_at: None,
            busy_until: outside.now,
            desk,
            waiting: BTreeMap::new(),
        })
    }

    /// The replica asks something, to be answered from `begins` on. Returns when the executor is to
    /// begin, if it has nothing to do yet.
    pub fn ask(&mut self, question: Question, begins: Moment) -> Option<Moment> {
        self.questions.push_back(question);
        assert!(self.questions.len() <= QUESTIONS_MAX, "a replica asks a few questions at a time");
        if self.answers_at.is_some() {
            return None;
        }
        self.answers_at = Some(begins.max(self.busy_until));
        self.answers_at
    }

    /// What the verifier does with a message of a peer.
    pub fn sort(&self, keyring: &Keyring, peer: PeerId, message: Message) -> Sorted {
        let message = match message {
            Message::Txs(txs) => {
                self.desk.received(peer, txs);
                return Sorted::Taken;
            }
            Message::Evidence(evidence) => {
                match sift_evidence(&self.store, &keyring.chain_id, evidence, &self.memory) {
                    Ok(standing) if standing.is_empty() => return Sorted::Taken,
                    Ok(standing) => Message::Evidence(standing),
                    Err(_) => return Sorted::Refused(Offence::BadBlock),
                }
            }
            other => other,
        };
        let verdicts = keyring.verify(vec![message], &mut self.memory.lock());
        match verdicts.into_iter().next().expect("one verdict for each message") {
            Verdict::Verified(message) => Sorted::Verified(message),
            Verdict::Unknown => Sorted::Taken,
            Verdict::Refused(offence) => Sorted::Refused(offence),
        }
    }

    /// A decided block as the disk has it.
    pub fn decided(&self, height: Height) -> Option<Decided> {
        let meta = self.store.block_meta(height).ok()??;
        let block = Arc::new(self.store.block(height).ok()??);
        let parts = Arc::new(self.store.part_set(height).ok()??);
        let commit = self.store.seen_commit(height).ok()??;
        Some(Decided { block, id: meta.id, parts, commit })
    }
}
