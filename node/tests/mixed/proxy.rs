//! A UDP proxy on loopback that loses datagrams, and sometimes all of them.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// How often threads look whether they are to end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How many of a thousand datagrams are lost, for all proxies that share it.
#[derive(Clone, Default)]
pub struct Weather {
    lost_in_thousand: Arc<AtomicU64>,
    seen: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
}

impl Weather {
    /// From now on so many of a thousand are lost; 1000 is all.
    pub fn lose(&self, in_thousand: u64) {
        self.lost_in_thousand.store(in_thousand, Ordering::Relaxed);
    }

    /// How many datagrams came, and how many of them were lost.
    pub fn counts(&self) -> (u64, u64) {
        (self.seen.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }

    /// Whether the next datagram is lost: by its number, scrambled, so that runs are alike.
    fn takes(&self) -> bool {
        let number = self.seen.fetch_add(1, Ordering::Relaxed);
        let scrambled = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
        let taken = scrambled % 1000 < self.lost_in_thousand.load(Ordering::Relaxed);
        self.lost.fetch_add(taken.into(), Ordering::Relaxed);
        taken
    }
}

/// Passes datagrams to one node, and its answers back.
pub struct Proxy {
    /// Where it listens.
    pub port: u16,
    weather: Weather,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy before the node at `target`.
    pub fn start(target: u16, weather: &Weather) -> Self {
        let socket = socket();
        let port = socket.local_addr().expect("it is bound").port();
        let target = SocketAddr::from(([127, 0, 0, 1], target));
        let inside = weather.clone();
        let thread = std::thread::spawn(move || pass_on(&socket, target, &inside));
        Self { port, weather: weather.clone(), thread: Some(thread) }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.weather.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().expect("it does not fail");
        }
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("the system has a port");
    socket.set_read_timeout(Some(LOOK_EVERY)).expect("an open socket");
    socket
}

/// Each client gets a socket of its own, so that the node can tell them apart.
fn pass_on(socket: &UdpSocket, target: SocketAddr, weather: &Weather) {
    let mut clients: BTreeMap<SocketAddr, Arc<UdpSocket>> = BTreeMap::new();
    let mut bytes = vec![0; DATAGRAM_BYTES_MAX];
    std::thread::scope(|scope| {
        while !weather.over.load(Ordering::Relaxed) {
            let Ok((length, from)) = socket.recv_from(&mut bytes) else { continue };
            let out = clients.entry(from).or_insert_with(|| {
                let out = Arc::new(self::socket());
                let answers = Arc::clone(&out);
                scope.spawn(move || answer(&answers, socket, from, weather));
                out
            });
            if !weather.takes() {
                // A datagram that cannot be sent is one more that is lost.
                drop(out.send_to(&bytes[..length], target));
            }
        }
    });
}

fn answer(from: &UdpSocket, through: &UdpSocket, to: SocketAddr, weather: &Weather) {
    let mut bytes = vec![0; DATAGRAM_BYTES_MAX];
    while !weather.over.load(Ordering::Relaxed) {
        let Ok((length, _)) = from.recv_from(&mut bytes) else { continue };
        if !weather.takes() {
            drop(through.send_to(&bytes[..length], to));
        }
    }
}
