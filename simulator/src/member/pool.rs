//! The admission thread of a whole machine, without a thread: the rules are the node's, and its
//! waits are events.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use abci::Application;
use consensus::Input;
use execution::admission::{GOSSIP_PAUSE, Herald, QUEUE_MAX, log_failure};
use types::{Height, Message, PeerId, Tx};

use super::Member;
use crate::moment::Moment;
use crate::network::Network;
use crate::outside::{Inside, Outside};

/// The node's rules, and who is told here.
pub type Rules = execution::Admission<Arc<dyn Application>, Bell>;

/// Notes what it is told, until somebody asks.
#[derive(Debug, Default)]
pub struct Bell {
    available: RefCell<Vec<Height>>,
    stirred: Cell<bool>,
}

impl Herald for Bell {
    fn available(&self, height: Height) {
        self.available.borrow_mut().push(height);
    }

    fn stirred(&self) {
        self.stirred.set(true);
    }
}

/// What the admission thread is told.
#[derive(Debug)]
enum Work {
    Received(PeerId, Vec<Tx>),
    Wake,
}

/// The admission thread's desk.
pub struct Desk {
    /// What is taken, and what is told.
    pub rules: Rc<Rules>,
    work: RefCell<VecDeque<Work>>,
    /// Whether it was woken since it last began to gossip.
    woken: bool,
    /// Whether it looks again after the pause, whatever comes.
    waiting: bool,
    gossiped: Moment,
    busy_until: Moment,
    /// When it looks next.
    next: Option<Moment>,
}

impl Desk {
    /// An empty desk.
    pub fn new(rules: Rc<Rules>, now: Moment) -> Self {
        Self {
            rules,
            work: RefCell::default(),
            woken: false,
            waiting: false,
            gossiped: now,
            busy_until: now,
            next: None,
        }
    }

    /// Transactions from a peer; dropped if too many wait already.
    pub fn received(&self, peer: PeerId, txs: Vec<Tx>) {
        self.put(Work::Received(peer, txs));
    }

    fn put(&self, work: Work) {
        let mut queue = self.work.borrow_mut();
        if queue.len() < QUEUE_MAX {
            queue.push_back(work);
        }
    }

    /// When it has something to do.
    fn due(&self, now: Moment) -> Option<Moment> {
        if !self.work.borrow().is_empty() {
            Some(self.busy_until.max(now))
        } else if self.waiting {
            Some(self.gossiped.after(GOSSIP_PAUSE).max(self.busy_until).max(now))
        } else {
            None
        }
    }

    /// It looks now, if it was to look at some time.
    pub fn resume(&mut self, now: Moment) -> bool {
        let waits = self.next.is_some();
        self.next = self.next.map(|_| now);
        waits
    }

    /// Does one piece of work, and gossips if it is time. Gives what is to be sent.
    fn look(&mut self, now: Moment) -> Vec<(PeerId, Vec<Tx>)> {
        let work = self.work.borrow_mut().pop_front();
        match work {
            Some(Work::Received(peer, txs)) => {
                log_failure(self.rules.receive(peer, &txs, || true));
            }
            Some(Work::Wake) | None => {}
        }
        self.waiting = true;
        let mut sent = Vec::new();
        if GOSSIP_PAUSE <= now.since(self.gossiped) {
            self.woken = false;
            self.rules.gossip(|peer, txs| sent.push((peer, txs)));
            self.waiting = self.rules.recheck();
            self.gossiped = now;
        }
        sent
    }
}

impl Member {
    /// The admission thread looks.
    pub fn admit(&mut self, outside: &mut Outside) {
        let (number, now) = (self.number, outside.now);
        if !self.is_awake() {
            return;
        }
        let Some(life) = self.machine.life_mut() else { return };
        if life.desk.next != Some(now) {
            return;
        }
        life.desk.next = None;
        let sent = life.desk.look(now);
        let done = now.after_nanos(life.application.take_worked());
        life.desk.busy_until = done;
        for (peer, txs) in sent {
            let to = Network::member_of(peer);
            if outside.network.peer_id(number, to) == Some(peer) {
                outside.send(done, number, to, &Message::Txs(txs));
            }
        }
        self.heed(outside, done);
    }

    /// Whatever the pool has told goes where it belongs.
    pub fn heed(&mut self, outside: &mut Outside, at: Moment) {
        let Some(life) = self.machine.life_mut() else { return };
        let desk = &mut life.desk;
        let bell = desk.rules.herald();
        let available = bell.available.take();
        if bell.stirred.take() && !std::mem::replace(&mut desk.woken, true) {
            desk.put(Work::Wake);
        }
        let due = desk.due(outside.now);
        let sooner = due.filter(|&due| desk.next.is_none_or(|next| due < next));
        if sooner.is_some() {
            desk.next = sooner;
        }
        for height in available {
            let input = Box::new(Input::TxsAvailable { height });
            self.later(outside, at, Inside::Answer(input));
        }
        if let Some(due) = sooner {
            self.later(outside, due, Inside::Admit);
        }
    }
}
