//! One connection's task: greets the peer, then moves frames between its streams and the queues.
//!
//! Everything of a connection runs in this one task, so that whatever wakes it is handled in one
//! turn. It tells the network's task what happened, and ends when told to.

use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use libp2p::{Multiaddr, Stream};
use tokio::sync::{mpsc, oneshot};
use types::{Offence, PeerId};

use crate::address::{NetworkId, node_id};
use crate::behaviour::{Link, OpenError};
use crate::channels::{CLASSES, Class, Purpose};
use crate::config::Config;
use crate::exchange;
use crate::framing::{FrameError, Framing};
use crate::handle::{Connected, Counters, Directory, Event};
use crate::hello::{self, Hello, HelloError, Local};
use crate::outbox::{Drain, Outbox};
use crate::rate::Bucket;
use crate::stream::CHUNK_BYTES;

mod pumps;

/// Most streams of one peer that are served at the same time; more wait, then are reset.
const STREAMS_MAX: usize = 256;
/// Bytes read at once from a stream that the reference's peers open for one message.
const CHANNEL_CHUNK_BYTES: usize = 16 * 1024;
/// How long to wait for the swarm's word on why a connection closed.
const CAUSE_TIME_MAX: Duration = Duration::from_secs(1);

/// What all sessions of a node share.
#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) config: Config,
    pub(crate) local: Local,
    pub(crate) directory: Arc<Directory>,
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) reports: mpsc::Sender<Report>,
}

/// What a session tells the network's task.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) peer: PeerId,
    pub(crate) news: News,
}

/// What happened in a session.
#[derive(Debug)]
pub(crate) enum News {
    /// The peer is up; without a hello if it speaks only the reference's protocols.
    Greeted { hello: Option<Hello> },
    /// The peer did wrong.
    Offended { offence: Offence, detail: String },
    /// The peer asks for addresses of others.
    Asked { answer: oneshot::Sender<Vec<String>> },
    /// The peer told us addresses of others, as we had asked.
    Told { addresses: Vec<String> },
    /// The session is over; its connection is of no more use.
    Ended { reason: String },
}

/// What the network's task tells a session.
#[derive(Debug)]
pub(crate) enum Order {
    /// Ask the peer for addresses of others.
    Ask,
    /// End, for this reason.
    End(String),
}

/// A connection, and what is known of it before anything was said.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: PeerId,
    pub(crate) network_id: NetworkId,
    pub(crate) remote_address: Multiaddr,
    pub(crate) outbound: bool,
    pub(crate) listen_addresses: Vec<String>,
    pub(crate) link: Link,
    pub(crate) surroundings: Arc<Surroundings>,
}

/// What a peer turned out to be.
#[derive(Debug)]
enum Greeting {
    Lockstep(Hello),
    /// With the stream by which we noticed, if it was the peer that opened one.
    Reference(Option<(Purpose, Stream)>),
}

/// How a piece of a session's work ended.
#[derive(Debug)]
enum Outcome {
    /// A stream came to its end.
    Done,
    /// A stream that was for one or few messages cannot be read any further.
    Misread(FrameError),
    /// The peer told addresses.
    Told(Vec<String>),
    /// The session cannot go on; the offence that is to blame, if one is.
    End(String, Option<Offence>),
}

type Work = FuturesUnordered<BoxFuture<'static, Outcome>>;

impl Session {
    /// Lives until the connection closes, the peer fails us, or an order says so.
    pub(crate) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let time_max = self.surroundings.config.handshake_timeout();
        let greeting = tokio::select! {
            // Orders first: when we close a connection, the order says why, and its streams do not.
            biased;
            reason = told_to_end(&mut orders) => Err(reason),
            greeting = tokio::time::timeout(time_max, self.greet()) => greeting
                .unwrap_or_else(|_| Err(format!("did not say who it is within {time_max:?}"))),
        };
        match greeting {
            Ok(greeting) => self.live(greeting, orders).await,
            Err(reason) => self.report(News::Ended { reason }).await,
        }
    }

    /// Finds out what the peer is.
    async fn greet(&mut self) -> Result<Greeting, String> {
        let mut stream = if self.outbound {
            match self.link.opener.open(Purpose::Hello).await {
                Ok(stream) => stream,
                Err(OpenError::Unsupported(_)) => return self.greet_reference(None),
                Err(error) => return Err(format!("cannot say hello: {error}")),
            }
        } else {
            match self.link.inbound.recv().await {
                Some((Purpose::Hello, stream)) => stream,
                Some((Purpose::Channel(channel), stream)) => {
                    return self.greet_reference(Some((Purpose::Channel(channel), stream)));
                }
                Some((purpose, _)) => return Err(format!("opened {purpose:?} before hello")),
                None => return Err("closed before hello".to_owned()),
            }
        };
        let addresses = self.listen_addresses.clone();
        let said = hello::exchange(&mut stream, &self.surroundings.local, addresses).await;
        if let Err(HelloError::RefusedByUs(_) | HelloError::RefusedByPeer(_)) = &said {
            tracing::info!(peer = %self.network_id, address = %self.remote_address,
                reason = %said.as_ref().map_or_else(ToString::to_string, |_| String::new()),
                "peer is not of our chain");
        }
        said.map(Greeting::Lockstep).map_err(|error| error.to_string())
    }

    fn greet_reference(&self, first: Option<(Purpose, Stream)>) -> Result<Greeting, String> {
        if self.surroundings.config.require_hello {
            return Err("says no hello, which require_hello asks for".to_owned());
        }
        Ok(Greeting::Reference(first))
    }

    /// Tells the node that the peer is up, moves frames, and tells that it is down.
    async fn live(mut self, greeting: Greeting, mut orders: mpsc::Receiver<Order>) {
        let (hello, first) = match greeting {
            Greeting::Lockstep(hello) => (Some(hello), None),
            Greeting::Reference(first) => (None, first),
        };
        let (outbox, drains) = Outbox::new();
        let Some(connected) = self.connected(hello.clone(), outbox) else {
            return self.report(News::Ended { reason: "its key is not Ed25519".to_owned() }).await;
        };
        let directory = self.surroundings.directory.clone();
        directory.insert(connected.clone());
        self.report(News::Greeted { hello }).await;
        let facts = Box::new(connected.facts());
        self.tell(Event::Up { peer: self.peer, facts }).await;

        let reason = self.converse(&connected, drains, first, &mut orders).await;

        directory.remove(self.peer);
        self.report(News::Ended { reason: reason.clone() }).await;
        self.tell(Event::Down { peer: self.peer, reason }).await;
    }

    fn connected(&self, hello: Option<Hello>, outbox: Outbox) -> Option<Arc<Connected>> {
        Some(Arc::new(Connected {
            peer: self.peer,
            network_id: self.network_id.to_string(),
            node_id: node_id(&self.network_id)?,
            hello,
            remote_address: self.remote_address.to_string(),
            outbound: self.outbound,
            since: SystemTime::now(),
            outbox,
            score: AtomicU32::new(0),
            received: Counters::default(),
            sent: Counters::default(),
        }))
    }

    /// Serves streams until there is a reason to stop, and returns it.
    async fn converse(
        &mut self,
        connected: &Arc<Connected>,
        drains: [Drain; CLASSES],
        first: Option<(Purpose, Stream)>,
        orders: &mut mpsc::Receiver<Order>,
    ) -> String {
        let config = &self.surroundings.config;
        let now = Instant::now();
        let (send_rate, recv_rate) = (config.send_bytes_per_second, config.recv_bytes_per_second);
        let buckets = Class::ALL.map(|_| Arc::new(Mutex::new(Bucket::new(recv_rate, now))));
        let work = Work::new();
        for (class, drain) in Class::ALL.into_iter().zip(drains) {
            let bucket = Mutex::new(Bucket::new(send_rate, now));
            let opener = self.link.opener.clone();
            let writer =
                pumps::Writer { class, opener, drain, connected: connected.clone(), bucket };
            let long_lived = connected.hello.as_ref().is_some_and(|it| it.class_streams);
            work.push(if long_lived { writer.run().boxed() } else { writer.run_single().boxed() });
        }
        if let Some((purpose, stream)) = first {
            self.serve(purpose, stream, connected, &buckets, &work);
        }
        self.attend(connected, &buckets, work, orders).await
    }

    async fn attend(
        &mut self,
        connected: &Arc<Connected>,
        buckets: &[Arc<Mutex<Bucket>>; CLASSES],
        mut work: Work,
        orders: &mut mpsc::Receiver<Order>,
    ) -> String {
        loop {
            tokio::select! {
                // Orders first, as above. Streams last: they are bounded, and served by then.
                biased;
                order = orders.recv() => match order {
                    Some(Order::Ask) => {
                        let opener = self.link.opener.clone();
                        work.push(pumps::ask(opener).boxed());
                    }
                    Some(Order::End(reason)) => return reason,
                    None => return "the network has ended".to_owned(),
                },
                Some(outcome) = work.next() => {
                    if let Some(reason) = self.conclude(outcome).await {
                        return reason;
                    }
                }
                opened = self.link.inbound.recv(), if work.len() < STREAMS_MAX => match opened {
                    Some((purpose, stream)) => {
                        self.serve(purpose, stream, connected, buckets, &work);
                    }
                    None => return cause(orders).await,
                },
            }
        }
    }

    /// Begins to serve a stream that the peer opened.
    fn serve(
        &self,
        purpose: Purpose,
        stream: Stream,
        connected: &Arc<Connected>,
        buckets: &[Arc<Mutex<Bucket>>; CLASSES],
        work: &Work,
    ) {
        let (framing, class, chunk_bytes) = match purpose {
            Purpose::Class(class) => (Framing::Class(class), class, CHUNK_BYTES),
            Purpose::Channel(channel) => {
                (Framing::Channel(channel), Class::of(channel), CHANNEL_CHUNK_BYTES)
            }
            Purpose::Exchange => {
                let (answer, addresses) = oneshot::channel();
                let news = News::Asked { answer };
                // Without room for the question there is no answer, and the peer asks later.
                if self.surroundings.reports.try_send(Report { peer: self.peer, news }).is_ok() {
                    work.push(
                        async move {
                            exchange::answer(stream, addresses).await;
                            Outcome::Done
                        }
                        .boxed(),
                    );
                }
                return;
            }
            // Hello is said once.
            Purpose::Hello => return,
        };
        let reader = pumps::Reader {
            framing,
            stream,
            chunk_bytes,
            connected: connected.clone(),
            events: self.surroundings.events.clone(),
            bucket: buckets[class.index()].clone(),
        };
        work.push(reader.run().boxed());
    }

    /// Passes on what a piece of work led to. Returns the reason if the session must end.
    async fn conclude(&self, outcome: Outcome) -> Option<String> {
        match outcome {
            Outcome::Done => None,
            Outcome::Misread(error) => {
                let offence = error.offence();
                self.report(News::Offended { offence, detail: error.to_string() }).await;
                None
            }
            Outcome::Told(addresses) => {
                self.report(News::Told { addresses }).await;
                None
            }
            Outcome::End(reason, offence) => {
                if let Some(offence) = offence {
                    self.report(News::Offended { offence, detail: reason.clone() }).await;
                }
                Some(reason)
            }
        }
    }

    async fn report(&self, news: News) {
        let report = Report { peer: self.peer, news };
        if self.surroundings.reports.send(report).await.is_err() {
            tracing::trace!("a report comes after the network has ended");
        }
    }

    async fn tell(&self, event: Event) {
        if self.surroundings.events.send(event).await.is_err() {
            tracing::trace!("an event comes after the node stopped listening");
        }
    }
}

/// Waits for the order to end; there is nobody to ask yet.
async fn told_to_end(orders: &mut mpsc::Receiver<Order>) -> String {
    loop {
        match orders.recv().await {
            Some(Order::End(reason)) => return reason,
            Some(Order::Ask) => {}
            None => return "the network has ended".to_owned(),
        }
    }
}

/// Why the connection closed, which the network's task knows.
async fn cause(orders: &mut mpsc::Receiver<Order>) -> String {
    let told = tokio::time::timeout(CAUSE_TIME_MAX, told_to_end(orders)).await;
    told.unwrap_or_else(|_| "the connection closed".to_owned())
}
