//! Clients that take their time.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rpc::Config;
use serde_json::json;
use types::Tx;

use crate::served::{Mood, Served};
use crate::wire::connect;

/// How long the server is patient.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long a test is.
const SOON: Duration = Duration::from_secs(10);

fn impatient() -> Served {
    let config = Config {
        read_timeout: PATIENCE,
        write_timeout: PATIENCE,
        commit_timeout: PATIENCE,
        // Pings are not what cuts here.
        websocket_ping_period: SOON * 6,
        websocket_silence_max: SOON * 6,
        ..Config::default()
    };
    Served::start(Mood::Decides, config)
}

/// Opens a websocket.
fn websocket(served: &Served) -> TcpStream {
    let mut stream = connect(served.address);
    let head = "GET /websocket HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\n\
                upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    assert!(head.starts_with(b"HTTP/1.1 101"));
    stream
}

/// A text as a client's frame, masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap().to_be_bytes();
    [&[0x81, 0xfe, length[0], length[1], 0, 0, 0, 0], text.as_bytes()].concat()
}

/// Sends a byte of `bytes` every now and then, and returns what the server said before it hung up.
fn drip(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    let since = Instant::now();
    stream.set_read_timeout(Some(PATIENCE / 6)).unwrap();
    let mut said = Vec::new();
    let mut drops = bytes.iter().cycle();
    loop {
        assert!(since.elapsed() < SOON, "the server waits for ever");
        // Waiting for an answer is what paces the drops.
        let mut heard = [0; 1024];
        match stream.read(&mut heard) {
            Ok(0) => return said,
            Ok(count) => said.extend_from_slice(&heard[..count]),
            Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => {}
            Err(_) => return said,
        }
        if stream.write_all(&[*drops.next().unwrap()]).is_err() {
            return said;
        }
    }
}

#[test]
fn heads_and_bodies_that_come_drop_by_drop_are_cut() {
    let served = impatient();
    let head = drip(connect(served.address), b"GET /health HTTP/1.1\r\nx: aaaaaaaaaaaaaaaaaaaa");
    assert!(head.is_empty() || head.starts_with(b"HTTP/1.1 408"));
    let mut body = connect(served.address);
    body.write_all(b"POST / HTTP/1.1\r\nhost: t\r\ncontent-length: 900000\r\n\r\n").unwrap();
    let said = drip(body, b" ");
    assert!(said.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
    let mut chunks = connect(served.address);
    chunks.write_all(b"POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n").unwrap();
    let said = drip(chunks, b"1\r\n \r\n");
    assert!(said.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn a_websocket_that_does_not_read_is_cut() {
    let served = impatient();
    let mut deaf = websocket(&served);
    let query = json!({"query": "tm.event='Tx'"});
    let subscribe = json!({"id": 1, "method": "subscribe", "params": query}).to_string();
    deaf.write_all(&frame(&subscribe)).unwrap();
    let since = Instant::now();
    // Events fill the buffers of both sides; then the server waits for us, and gives up.
    for number in 0_u64.. {
        assert!(since.elapsed() < SOON * 2, "nobody cut the connection");
        let tx = Tx::from(format!("{number}={}", "x".repeat(300_000)));
        rpc::Node::submit_later(&*served.node, tx).unwrap();
        // Pings without end; the first write after a cut is answered by a reset.
        if deaf.write_all(&frame("{}")).is_err() {
            return;
        }
    }
}

#[test]
fn a_websocket_that_asks_and_does_not_read_is_cut() {
    let served = impatient();
    let mut deaf = websocket(&served);
    let request = json!({"id": 1, "method": "dump_consensus_state"}).to_string();
    let since = Instant::now();
    while deaf.write_all(&frame(&request)).is_ok() {
        assert!(since.elapsed() < SOON * 2, "nobody cut the connection");
    }
}

#[test]
fn frames_that_are_none_end_a_websocket() {
    let served = impatient();
    for bytes in [
        // Not masked; a reserved kind; a control frame in pieces; text that is no UTF-8.
        &[0x81, 0x01, b'x'][..],
        &[0x83, 0x80, 0, 0, 0, 0],
        &[0x09, 0x80, 0, 0, 0, 0],
        &[0x81, 0x82, 0, 0, 0, 0, 0xff, 0xfe],
        // Longer than a message may be.
        &[0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ] {
        let mut stream = websocket(&served);
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut said = Vec::new();
        let ended = stream.read_to_end(&mut said);
        let cut =
            ended.as_ref().map_or_else(|it| it.kind() == ErrorKind::ConnectionReset, |_| true);
        assert!(cut, "{bytes:?}: {ended:?}");
        if bytes[0] == 0x82 {
            // A frame that closes, and code 1009.
            let is_told = said.first() == Some(&0x88) && said[2..].starts_with(&[0x03, 0xf1]);
            assert!(is_told, "{said:?}");
        }
    }
    let mut stream = websocket(&served);
    let deep = format!(r#"{{"id":1,"method":"block","params":{}"#, "[".repeat(60_000));
    stream.write_all(&frame(&deep)).unwrap();
    stream.write_all(&frame(r#"{"id":2,"method":"health"}"#)).unwrap();
    let mut said = String::new();
    while !said.contains("\"id\":2") {
        let mut heard = [0; 1024];
        let count = stream.read(&mut heard).unwrap();
        assert_ne!(count, 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&heard[..count]));
    }
    assert!(said.contains("-32700"), "{said}");
}
