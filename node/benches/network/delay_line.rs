//! A line between nodes on which everything takes a while, in both directions.
//!
//! What arrives is stamped by a task for each socket and queued for one thread. The delay is the
//! same for all, so the queue is in order of departure, and the thread need only sleep until the
//! first is due: more exactly than timers of the runtime, which round up to milliseconds.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant};

use anyhow::Context;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Bytes taken from a socket at once; no datagram is larger.
const TAKE_BYTES: usize = 64 * 1024;
/// A port that the system chooses.
const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Listens at a port for each ordered pair of nodes, until it is dropped.
pub struct DelayLine {
    delay: Duration,
    queue: Sender<Parcel>,
    sockets: JoinSet<anyhow::Result<()>>,
}

/// Bytes on their way.
struct Parcel {
    due: Instant,
    bytes: Bytes,
    outlet: Outlet,
}

/// Where bytes leave the line.
#[derive(Clone)]
enum Outlet {
    Datagram(Arc<UdpSocket>, SocketAddr),
    Stream(UnboundedSender<Bytes>),
}

impl DelayLine {
    /// A line of this delay in each direction.
    pub fn new(delay: Duration) -> Self {
        let (queue, parcels) = mpsc::channel();
        // Ends when the last sender is gone.
        std::thread::spawn(move || deliver(&parcels));
        Self { delay, queue, sockets: JoinSet::new() }
    }

    fn entrance(&self) -> Entrance {
        Entrance { delay: self.delay, queue: self.queue.clone() }
    }

    /// Listens for UDP that is meant for `target`, and says where.
    pub async fn udp(&mut self, target: SocketAddr) -> anyhow::Result<SocketAddr> {
        let socket = Arc::new(UdpSocket::bind(ANY_PORT).await.context("a port for the line")?);
        let address = socket.local_addr()?;
        self.sockets.spawn(carry_datagrams(socket, target, self.entrance()));
        Ok(address)
    }

    /// Listens for TCP that is meant for `target`, and says where.
    pub async fn tcp(&mut self, target: SocketAddr) -> anyhow::Result<SocketAddr> {
        let listener = TcpListener::bind(ANY_PORT).await.context("a port for the line")?;
        let address = listener.local_addr()?;
        self.sockets.spawn(carry_streams(listener, target, self.entrance()));
        Ok(address)
    }
}

/// Where bytes come onto the line.
#[derive(Clone)]
struct Entrance {
    delay: Duration,
    queue: Sender<Parcel>,
}

impl Entrance {
    /// Puts bytes on their way. If the line is gone, so are they.
    fn put(&self, bytes: &[u8], outlet: Outlet) {
        let due = Instant::now() + self.delay;
        drop(self.queue.send(Parcel { due, bytes: Bytes::copy_from_slice(bytes), outlet }));
    }
}

/// Lets parcels go when they are due.
fn deliver(parcels: &Receiver<Parcel>) {
    while let Ok(parcel) = parcels.recv() {
        std::thread::sleep(parcel.due.saturating_duration_since(Instant::now()));
        match parcel.outlet {
            // A full socket loses a datagram, as networks do.
            Outlet::Datagram(socket, to) => drop(socket.try_send_to(&parcel.bytes, to)),
            // A stream that was closed meanwhile needs nothing more.
            Outlet::Stream(writer) => drop(writer.send(parcel.bytes)),
        }
    }
}

/// Carries datagrams of each sender through a socket of its own, so that answers find back.
async fn carry_datagrams(
    socket: Arc<UdpSocket>,
    target: SocketAddr,
    entrance: Entrance,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; TAKE_BYTES];
    let mut onward: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut backward = JoinSet::new();
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await?;
        let outer = match onward.get(&from) {
            Some(outer) => Arc::clone(outer),
            None => {
                let outer = Arc::new(UdpSocket::bind(ANY_PORT).await?);
                onward.insert(from, Arc::clone(&outer));
                let inner = Outlet::Datagram(Arc::clone(&socket), from);
                backward.spawn(carry_answers(Arc::clone(&outer), inner, entrance.clone()));
                outer
            }
        };
        entrance.put(&buffer[..length], Outlet::Datagram(outer, target));
    }
}

async fn carry_answers(
    outer: Arc<UdpSocket>,
    inner: Outlet,
    entrance: Entrance,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; TAKE_BYTES];
    loop {
        let (length, _) = outer.recv_from(&mut buffer).await?;
        entrance.put(&buffer[..length], inner.clone());
    }
}

/// Carries each connection over one of its own.
async fn carry_streams(
    listener: TcpListener,
    target: SocketAddr,
    entrance: Entrance,
) -> anyhow::Result<()> {
    let mut directions = JoinSet::new();
    loop {
        let (inner, _) = listener.accept().await?;
        let Ok(outer) = TcpStream::connect(target).await else { continue };
        inner.set_nodelay(true)?;
        outer.set_nodelay(true)?;
        let (inner_reader, inner_writer) = inner.into_split();
        let (outer_reader, outer_writer) = outer.into_split();
        directions.spawn(carry_bytes(inner_reader, outer_writer, entrance.clone()));
        directions.spawn(carry_bytes(outer_reader, inner_writer, entrance.clone()));
    }
}

/// Carries one direction of a connection until either end closes it.
async fn carry_bytes(mut reader: OwnedReadHalf, mut writer: OwnedWriteHalf, entrance: Entrance) {
    let (outlet, mut arrived) = unbounded_channel::<Bytes>();
    let read = async {
        let mut buffer = vec![0; TAKE_BYTES];
        while let Ok(length @ 1..) = reader.read(&mut buffer).await {
            entrance.put(&buffer[..length], Outlet::Stream(outlet.clone()));
        }
        drop(outlet);
    };
    let write = async {
        while let Some(bytes) = arrived.recv().await {
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(read, write);
}
