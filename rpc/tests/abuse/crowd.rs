//! All kinds of hostile clients at once, and an honest one among them.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rpc::Config;

use crate::MEMORY;
use crate::served::{Mood, Served};
use crate::wire::{connect, get, post};

/// Of each kind.
const CLIENTS: usize = 40;
/// What they may cost together.
const BYTES_MAX: usize = 200 * 1024 * 1024;
/// What an honest client may have to wait, on a machine with other things to do.
const WAIT_MAX: Duration = Duration::from_secs(15);
const ROUNDS: usize = 30;

/// What a hostile client says again and again on one connection, without reading.
const SAID: [&[u8]; 6] = [
    b"",
    b"GET /dump_consensus_state HTTP/1.1\r\nhost: t\r\n\r\n",
    b"GET /block?height=3 HTTP/1.1\r\nhost: t\r\nx: ",
    b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 999999\r\n\r\n[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"GET /tx_search?query=%22tx.height%3E0%22 HTTP/1.1\r\nhost: t\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 no TLS here \r\n\r\n",
];

/// Comes back whenever it is cut, until the end.
fn torment(server: SocketAddr, said: &[u8], ended: &AtomicBool, cut: &AtomicUsize) {
    while !ended.load(Ordering::Relaxed) {
        let Ok(mut stream) = TcpStream::connect(server) else { continue };
        stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        if said.is_empty() {
            // Idle before the first byte: waits to be hung up on.
            std::io::Read::read(&mut stream, &mut [0]).ok();
        }
        for _ in 0..1_000 {
            if said.is_empty() || stream.write_all(said).is_err() {
                break;
            }
            if ended.load(Ordering::Relaxed) {
                return;
            }
        }
        cut.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_crowd_of_them_costs_little_and_others_are_answered() {
    let config = Config {
        read_timeout: Duration::from_millis(300),
        write_timeout: Duration::from_millis(300),
        connections_max: 2 * CLIENTS * SAID.len(),
        ..Config::default()
    };
    let served = Served::start(Mood::Decides, config);
    let server = served.address;
    assert_eq!(get(server, "/health").status, 200);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let (ended, cut) = (AtomicBool::new(false), AtomicUsize::new(0));
    let worst = std::thread::scope(|scope| {
        let (ended, cut) = (&ended, &cut);
        for said in SAID {
            for _ in 0..CLIENTS {
                scope.spawn(move || torment(server, said, ended, cut));
            }
        }
        let mut worst = Duration::ZERO;
        for round in 0..ROUNDS {
            let since = Instant::now();
            let answer = match round % 2 {
                0 => get(server, "/status"),
                _ => post(server, r#"{"id":1,"method":"block","params":{"height":"3"}}"#),
            };
            assert_eq!(answer.status, 200);
            worst = worst.max(since.elapsed());
        }
        ended.store(true, Ordering::Relaxed);
        worst
    });
    let peak = MEMORY.peak_usage().saturating_sub(before);
    println!("worst wait {worst:?}, {} MB, {cut:?} cut", peak / 1_000_000);
    assert!(worst < WAIT_MAX, "an honest client waited {worst:?}");
    assert!(peak < BYTES_MAX, "it cost {peak} bytes");
    assert!(0 < cut.load(Ordering::Relaxed), "somebody was cut");
    // And all is back to normal.
    drop(connect(server));
    assert_eq!(get(server, "/health").status, 200);
}
