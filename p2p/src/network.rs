//! The task that owns the swarm: who is connected, who is dialed, who is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use futures::StreamExt;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, Swarm};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use types::{Offence, PeerId, PrivateKey};

use crate::address::{NetworkId, PeerAddress};
use crate::behaviour::{Behaviour, BehaviourEvent, Established};
use crate::config::Config;
use crate::dial::Terms;
use crate::dialer::Dialer;
use crate::exchange::book::{self, Book};
use crate::exchange::{ASK_INTERVAL, ASKED_INTERVAL_MIN};
use crate::gate::{Gate, Limits};
use crate::handle::{Command, Directory, Event, Handle};
use crate::hello::{Hello, Local};
use crate::peers::{SCORE_MAX, Scores};
use crate::session::{News, Order, Report, Session, Surroundings};

mod begin;
mod plan;

pub use begin::StartError;
use plan::Plan;

/// Events that wait for the node. Readers stop when it is full, and hold their peers back.
const EVENTS_MAX: usize = 4096;
/// Reports of sessions that wait for the network's task.
const REPORTS_MAX: usize = 1024;
/// Commands of handles that wait; more are dropped.
const COMMANDS_MAX: usize = 1024;
/// Orders that wait for a session.
const ORDERS_MAX: usize = 8;
/// How often peers to dial are looked for.
const TICK: Duration = Duration::from_millis(500);
/// How often the address book is written, if it changed.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);
/// Two connections that began within this time of each other are two nodes that dialed each other
/// at once; later, the second one means that the peer has lost the first.
const SIMULTANEOUS_TIME_MAX: Duration = Duration::from_secs(3);
/// Most peers of the address book that are dialed in one tick.
const CANDIDATES_PER_TICK: usize = 2;
/// How often somebody who does not speak libp2p is named: the internet has many.
const STRANGER_INTERVAL: Duration = Duration::from_secs(10);
/// What libp2p says when the first bytes of a connection are of another protocol.
const NO_LIBP2P: [&str; 2] = ["invalid message", "(name) is invalid"];
/// How long connections may take to close at the end.
const GOODBYE_TIME_MAX: Duration = Duration::from_millis(500);

/// Starts the network on a runtime: listens, dials, and lives until [`Handle::shutdown`] or until
/// all handles are dropped. `key` is the node's; its peers know the node by it.
///
/// # Errors
/// If an address in the config is wrong, or cannot be listened at.
pub fn start(
    config: Config,
    key: &PrivateKey,
    local: Local,
    runtime: &tokio::runtime::Handle,
) -> Result<(Handle, mpsc::Receiver<Event>), StartError> {
    let _inside = runtime.enter();
    let keypair = begin::keypair(key);
    let own = keypair.public().to_peer_id();
    let plan = Plan::read(&config)?;
    let mut book = Book::new(own, plan.bootstrap);
    if let Some(path) = &config.address_book
        && let Err(error) = book.load(path)
    {
        tracing::warn!(path = %path.display(), %error, "the address book is begun anew");
    }
    let now = Instant::now();
    let limits = Limits {
        inbound: config.max_inbound_peers as usize,
        outbound: config.max_outbound_peers as usize,
    };
    let persistent: BTreeSet<NetworkId> = plan.persistent.iter().map(|it| it.id).collect();
    let unconditional: BTreeSet<NetworkId> = &plan.unconditional | &persistent;
    let gate = Gate::new(limits, plan.allowed, unconditional.clone());
    let mut swarm = begin::swarm(&keypair, &config, Behaviour::new(gate));
    begin::listen(&mut swarm, &plan.listen)?;

    let (events, receiver) = mpsc::channel(EVENTS_MAX);
    let (reporter, reports) = mpsc::channel(REPORTS_MAX);
    let (commander, commands) = mpsc::channel(COMMANDS_MAX);
    let directory = Arc::new(Directory::new(config.preferred_transport));
    let handle = Handle { directory: directory.clone(), commands: commander };
    let network = Network {
        own,
        swarm,
        sessions: BTreeMap::new(),
        tasks: JoinSet::new(),
        last_peer: 0,
        dialer: Dialer::new(own, plan.persistent, now),
        book,
        saved: now,
        scores: Scores::default(),
        unconditional,
        stranger: None,
        external: plan.external,
        surroundings: Arc::new(Surroundings {
            config,
            local,
            directory,
            events,
            reports: reporter,
        }),
    };
    runtime.spawn(network.run(reports, commands));
    Ok((handle, receiver))
}

/// All that the task owns.
struct Network {
    own: NetworkId,
    swarm: Swarm<Behaviour>,
    sessions: BTreeMap<PeerId, Live>,
    tasks: JoinSet<()>,
    /// The number of the newest connection.
    last_peer: u64,
    dialer: Dialer,
    book: Book,
    saved: Instant,
    scores: Scores,
    /// Peers that the operator wants connected: not banned, not counted.
    unconditional: BTreeSet<NetworkId>,
    /// When somebody who does not speak libp2p was last named.
    stranger: Option<Instant>,
    external: Vec<Multiaddr>,
    surroundings: Arc<Surroundings>,
}

/// A connection with a session.
#[derive(Debug)]
struct Live {
    connection: ConnectionId,
    network_id: NetworkId,
    remote_address: Multiaddr,
    outbound: bool,
    since: Instant,
    orders: mpsc::Sender<Order>,
    is_up: bool,
    /// Whether it speaks our own protocols.
    is_lockstep: bool,
    /// When we last asked it, and it last asked us, for addresses of others.
    asked: Option<Instant>,
    was_asked: Option<Instant>,
}

impl Network {
    async fn run(
        mut self,
        mut reports: mpsc::Receiver<Report>,
        mut commands: mpsc::Receiver<Command>,
    ) {
        tracing::info!(id = %self.own, "the network begins");
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some(report) = reports.recv() => self.on_report(report),
                command = commands.recv() => match command {
                    Some(Command::Penalise { peer, offence, reason }) => {
                        self.penalise(peer, offence, &reason);
                    }
                    Some(Command::Disconnect { peer, reason }) => self.end(peer, reason),
                    Some(Command::Dial { peers, terms }) => {
                        peers.into_iter().for_each(|peer| self.dial_named(peer, terms));
                    }
                    Some(Command::Shutdown) | None => break,
                },
                _ = tick.tick() => self.on_tick(Instant::now()),
                Some(_) = self.tasks.join_next() => {}
            }
        }
        self.say_goodbye().await;
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Streams(established)) => {
                self.welcome(established);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Ping(ping)) => {
                if let Err(libp2p::ping::Failure::Timeout) = ping.result {
                    self.swarm.close_connection(ping.connection);
                }
            }
            SwarmEvent::ConnectionClosed { connection_id, cause, .. } => {
                let reason = cause.map_or("the connection closed".to_owned(), |it| it.to_string());
                if let Some(peer) = self.peer_of(connection_id) {
                    self.order_end(peer, reason);
                }
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => {
                let error = in_full(&error);
                tracing::debug!(%peer, error, "dialing failed");
                self.tell_of_stranger(&peer, &error);
                self.on_failure(&peer);
            }
            SwarmEvent::IncomingConnectionError { send_back_addr, error, .. } => {
                let error = in_full(&error);
                tracing::debug!(address = %send_back_addr, error, "not let in");
                self.tell_of_stranger(&send_back_addr, &error);
            }
            SwarmEvent::NewListenAddr { .. } | SwarmEvent::ExpiredListenAddr { .. } => {
                let own = self.own;
                let listeners = self.swarm.listeners();
                let addresses = listeners.map(|it| format!("{it}/p2p/{own}")).collect();
                self.surroundings.directory.set_listen_addresses(addresses);
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                tracing::warn!(?addresses, ?reason, "no longer listening");
            }
            other => tracing::trace!(event = ?other, "swarm"),
        }
    }

    /// Says, now and then, that whoever is there speaks another protocol than libp2p.
    fn tell_of_stranger(&mut self, who: &dyn std::fmt::Display, error: &str) {
        let now = Instant::now();
        let rested = |at: Instant| STRANGER_INTERVAL <= now.saturating_duration_since(at);
        if NO_LIBP2P.iter().any(|part| error.contains(part)) && self.stranger.is_none_or(rested) {
            self.stranger = Some(now);
            tracing::warn!(%who, "refused: does not speak libp2p; a CometBFT node needs \
                `enabled = true` under [p2p.libp2p]");
        }
    }

    /// Gives a new connection its session, unless it duplicates one that we keep.
    fn welcome(&mut self, established: Established) {
        let Established { connection, network_id, remote_address, outbound, link } = established;
        let now = Instant::now();
        if let Some((&old, live)) =
            self.sessions.iter().find(|(_, live)| live.network_id == network_id)
        {
            if self.keeps(live, outbound, now) {
                tracing::debug!(peer = %network_id, "a second connection is closed");
                self.swarm.close_connection(connection);
                return;
            }
            self.end(old, "a newer connection replaces it".to_owned());
        }
        self.last_peer += 1;
        let peer = PeerId(self.last_peer);
        let (orders, ordered) = mpsc::channel(ORDERS_MAX);
        let live = Live {
            connection,
            network_id,
            remote_address: remote_address.clone(),
            outbound,
            since: now,
            orders,
            is_up: false,
            is_lockstep: false,
            asked: None,
            was_asked: None,
        };
        self.sessions.insert(peer, live);
        let session = Session {
            peer,
            network_id,
            remote_address,
            outbound,
            listen_addresses: self.told_addresses(),
            link,
            surroundings: self.surroundings.clone(),
        };
        self.tasks.spawn(session.run(ordered));
    }

    /// Whether the older of two connections with a peer is kept. Two nodes that dialed each other
    /// at once must choose alike: the one that was dialed from the smaller id stays.
    fn keeps(&self, old: &Live, new_is_outbound: bool, now: Instant) -> bool {
        let is_simultaneous = old.outbound != new_is_outbound
            && now.saturating_duration_since(old.since) < SIMULTANEOUS_TIME_MAX;
        let ours_stays = self.own < old.network_id;
        is_simultaneous && old.outbound == ours_stays
    }

    /// Where others reach us, as we tell them.
    fn told_addresses(&self) -> Vec<String> {
        let listeners = self.swarm.listeners();
        self.external.iter().chain(listeners).map(Multiaddr::to_string).collect()
    }

    fn on_report(&mut self, Report { peer, news }: Report) {
        match news {
            News::Greeted { hello } => self.on_greeted(peer, hello),
            News::Offended { offence, detail } => self.penalise(peer, offence, &detail),
            News::Asked { answer } => self.on_asked(peer, answer),
            News::Told { addresses } => self.on_told(peer, &addresses),
            News::Ended { reason } => self.on_ended(peer, &reason),
        }
    }

    fn on_greeted(&mut self, peer: PeerId, hello: Option<Hello>) {
        let Some(live) = self.sessions.get_mut(&peer) else { return };
        live.is_up = true;
        live.is_lockstep = hello.is_some();
        let moniker = hello.as_ref().map_or("", |it| it.moniker.as_str());
        tracing::info!(%peer, id = %live.network_id, address = %live.remote_address,
            outbound = live.outbound, moniker, "peer up");
        let told = hello.as_ref().map_or(&[][..], |it| it.listen_addresses.as_slice());
        self.book.meet(live.network_id, told, &live.remote_address);
        self.dialer.succeeded(&live.network_id);
        let score = self.scores.of(&live.network_id, Instant::now());
        self.show_score(peer, score);
    }

    fn on_ended(&mut self, peer: PeerId, reason: &str) {
        let Some(live) = self.sessions.remove(&peer) else { return };
        self.swarm.close_connection(live.connection);
        if live.is_up {
            tracing::info!(%peer, id = %live.network_id, reason, "peer down");
            self.dialer.lost(&live.network_id, Instant::now());
        } else {
            tracing::debug!(id = %live.network_id, reason, "a connection did not become a peer");
            self.on_failure(&live.network_id);
        }
    }

    fn on_failure(&mut self, network_id: &NetworkId) {
        let now = Instant::now();
        self.dialer.failed(network_id, now);
        self.book.failed(network_id, now);
    }

    fn on_asked(&mut self, peer: PeerId, answer: oneshot::Sender<Vec<String>>) {
        let now = Instant::now();
        let Some(live) = self.sessions.get_mut(&peer) else { return };
        let last = live.was_asked.replace(now);
        if last.is_some_and(|last| now.saturating_duration_since(last) < ASKED_INTERVAL_MIN) {
            self.penalise(peer, Offence::Flood, "asks for peers too often");
            return;
        }
        let is_open = self.surroundings.config.exchange;
        let told = if is_open {
            self.book.tell(&live.network_id, &live.remote_address)
        } else {
            Vec::new()
        };
        if answer.send(told).is_err() {
            tracing::trace!(%peer, "asked for peers and left");
        }
    }

    fn on_told(&mut self, peer: PeerId, addresses: &[String]) {
        let Some(live) = self.sessions.get(&peer) else { return };
        let source = live.remote_address.clone();
        let all_good = addresses.iter().all(|it| self.book.hear(it, &source));
        if !all_good {
            self.penalise(peer, Offence::Malformed, "tells addresses that are none");
        }
    }

    /// Adds an offence to a peer's score, and cuts and bans it when that is too much.
    fn penalise(&mut self, peer: PeerId, offence: Offence, reason: &str) {
        let now = Instant::now();
        let Some(live) = self.sessions.get(&peer) else { return };
        let network_id = live.network_id;
        let score = self.scores.add(network_id, offence, now);
        tracing::debug!(%peer, id = %network_id, %offence, score, reason, "offence");
        self.show_score(peer, score);
        if score < SCORE_MAX {
            return;
        }
        let cause = format!("too many offences, the last: {offence}: {reason}");
        if !self.unconditional.contains(&network_id) {
            let ban = self.surroundings.config.ban();
            tracing::info!(%peer, id = %network_id, ?ban, cause, "peer banned");
            self.swarm.behaviour_mut().gate.ban(network_id, now + ban);
            self.scores.forgive(&network_id);
        }
        self.end(peer, cause);
    }

    fn show_score(&self, peer: PeerId, score: u32) {
        if let Some(connected) = self.surroundings.directory.find(peer) {
            connected.score.store(score, Ordering::Relaxed);
        }
    }

    /// Ends a peer's session and connection.
    fn end(&mut self, peer: PeerId, reason: String) {
        if let Some(live) = self.sessions.get(&peer) {
            let connection = live.connection;
            self.order_end(peer, reason);
            self.swarm.close_connection(connection);
        }
    }

    fn order_end(&self, peer: PeerId, reason: String) {
        if let Some(live) = self.sessions.get(&peer)
            && live.orders.try_send(Order::End(reason)).is_err()
        {
            tracing::trace!(%peer, "its session has ended or is about to");
        }
    }

    fn peer_of(&self, connection: ConnectionId) -> Option<PeerId> {
        let mut sessions = self.sessions.iter();
        sessions.find(|(_, live)| live.connection == connection).map(|(&peer, _)| peer)
    }

    fn on_tick(&mut self, now: Instant) {
        let connected: BTreeSet<_> = self.sessions.values().map(|it| it.network_id).collect();
        let due = self.dialer.due(now, |id| !connected.contains(id));
        due.into_iter().for_each(|peer| self.dial(peer));
        self.dial_candidates(now, &connected);
        self.ask_for_peers(now);

        self.swarm.behaviour_mut().gate.forget_bans(now);
        self.scores.fade(now);
        self.refresh_scores(now);
        if SAVE_INTERVAL <= now.saturating_duration_since(self.saved) {
            self.saved = now;
            self.save_book();
        }
    }

    /// Dials peers of the address book while there is room for more.
    fn dial_candidates(&mut self, now: Instant, connected: &BTreeSet<NetworkId>) {
        let room = self.swarm.behaviour().gate.outbound_room();
        for _ in 0..room.min(CANDIDATES_PER_TICK) {
            let gate = &self.swarm.behaviour().gate;
            let is_wanted =
                |id: &NetworkId| !connected.contains(id) && gate.admits(id, now).is_ok();
            let Some(peer) = self.book.candidate(now, is_wanted) else { return };
            self.dial(peer);
        }
    }

    /// Dials a peer that the operator has named, unless it is connected or is ourselves.
    fn dial_named(&mut self, peer: PeerAddress, terms: Terms) {
        let id = peer.id;
        if id == self.own {
            return;
        }
        if terms.persistent || terms.unconditional {
            self.unconditional.insert(id);
            self.swarm.behaviour_mut().gate.exempt(id);
        }
        self.book.name(peer.clone(), terms.private);
        if terms.persistent {
            self.dialer.add(peer.clone(), Instant::now());
        }
        if !self.sessions.values().any(|live| live.network_id == id) {
            self.dial(peer);
        }
    }

    fn dial(&mut self, peer: PeerAddress) {
        tracing::debug!(peer = %peer.id, addresses = ?peer.addresses, "dialing");
        // Not from our listening port: two nodes that dial each other at once from and to the same
        // TCP ports would get one connection with two dialers.
        let options =
            DialOpts::peer_id(peer.id).addresses(peer.addresses).allocate_new_port().build();
        if let Err(error) = self.swarm.dial(options) {
            tracing::debug!(peer = %peer.id, %error, "not dialed");
        }
    }

    /// Asks a peer that was not asked lately, while there is room for those it may name.
    fn ask_for_peers(&mut self, now: Instant) {
        let has_room = 0 < self.swarm.behaviour().gate.outbound_room();
        if !self.surroundings.config.exchange || !has_room {
            return;
        }
        let is_due = |live: &&mut Live| {
            let rested = |at: Instant| ASK_INTERVAL <= now.saturating_duration_since(at);
            live.is_up && live.is_lockstep && live.asked.is_none_or(rested)
        };
        for live in self.sessions.values_mut().filter(is_due) {
            live.asked = Some(now);
            if live.orders.try_send(Order::Ask).is_err() {
                tracing::trace!(id = %live.network_id, "not asked for peers");
            }
        }
    }

    fn refresh_scores(&self, now: Instant) {
        for (&peer, live) in &self.sessions {
            self.show_score(peer, self.scores.of(&live.network_id, now));
        }
    }

    /// Writes the address book aside, if it changed.
    fn save_book(&mut self) {
        let Some(path) = self.surroundings.config.address_book.clone() else { return };
        let Some(text) = self.book.text_if_changed() else { return };
        self.tasks.spawn_blocking(move || {
            if let Err(error) = book::save(&path, &text) {
                tracing::warn!(path = %path.display(), %error, "the address book is not written");
            }
        });
    }

    /// Closes all connections, and lets the transports tell the peers.
    async fn say_goodbye(mut self) {
        tracing::info!("the network ends");
        self.save_book();
        let peers: Vec<_> = self.sessions.keys().copied().collect();
        for peer in peers {
            self.end(peer, "this node is stopping".to_owned());
        }
        let closing = async {
            while 0 < self.swarm.connected_peers().count() {
                self.swarm.next().await;
            }
            // Sessions tell the node that their peers are down, and the book is written.
            while self.tasks.join_next().await.is_some() {}
        };
        if tokio::time::timeout(GOODBYE_TIME_MAX, closing).await.is_err() {
            tracing::debug!("not all connections closed in time");
        }
    }
}

/// An error with all that caused it; libp2p's say little by themselves.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
