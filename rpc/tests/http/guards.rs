//! Hostile, slow and silent clients, and what browsers may do.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rpc::Config;

use crate::served::{Mood, Served};
use crate::wire::{connect, get, post, send};

/// A server that soon loses its patience.
fn strict() -> Served {
    let config = Config {
        read_timeout: Duration::from_millis(200),
        write_timeout: Duration::from_millis(200),
        commit_timeout: Duration::from_millis(200),
        connections_max: 4,
        ..Config::default()
    };
    Served::start(Mood::Decides, config)
}

/// Reads until the server ends the connection, and says how long that took.
fn until_cut(mut stream: std::net::TcpStream) -> (Duration, Vec<u8>) {
    let since = Instant::now();
    let mut bytes = vec![];
    // A reset is an end, too; a timeout of the test is none, and long.
    drop(stream.read_to_end(&mut bytes));
    (since.elapsed(), bytes)
}

const SOON: Duration = Duration::from_secs(5);

#[test]
fn a_body_over_the_limit_is_refused() {
    let served = Served::plain();
    let body = " ".repeat(1_000_001);
    let answer = post(served.address, &body);
    assert_eq!(answer.status, 413);
    assert_eq!(answer.json()["error"]["code"], -32600);
    assert!(answer.error_text().starts_with("error reading request body: "));
    let endless = "POST / HTTP/1.1\r\ntransfer-encoding: chunked";
    let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
    assert_eq!(send(served.address, endless, chunk.as_bytes()).status, 413);
}

#[test]
fn advisory_37_deep_json_does_no_harm() {
    let served = Served::plain();
    for body in ["[".repeat(100_000), "{\"a\":".repeat(100_000), "[{\"id\":".repeat(50_000)] {
        let answer = post(served.address, &body);
        assert_eq!(answer.status, 500);
        assert_eq!(answer.json()["error"]["code"], -32700);
    }
    assert_eq!(get(served.address, "/health").status, 200);
}

#[test]
fn a_long_query_or_head_is_refused() {
    let served = Served::plain();
    let long = format!("/abci_query?data=%22{}%22", "a".repeat(2_000_000));
    let status = get(served.address, &long).status;
    assert!([414, 431].contains(&status), "{status}");
    let most = format!("/abci_query?data=%22{}%22", "a".repeat(60_000));
    assert_eq!(get(served.address, &most).status, 200);
    let head = format!("GET /health HTTP/1.1\r\nx: {}", "a".repeat(2_000_000));
    assert_eq!(send(served.address, &head, b"").status, 431);
}

#[test]
fn silent_and_slow_clients_are_cut() {
    let served = strict();
    let (silent, said) = until_cut(connect(served.address));
    assert!(silent < SOON && said.is_empty());
    for beginning in [
        &b"GET /hea"[..],
        b"GET /health HTTP/1.1\r\nhost: te",
        b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 100\r\n\r\n{",
    ] {
        let mut slow = connect(served.address);
        slow.write_all(beginning).unwrap();
        let (took, _) = until_cut(slow);
        assert!(took < SOON, "{:?}", String::from_utf8_lossy(beginning));
    }
}

#[test]
fn an_idle_connection_is_cut_after_its_answer() {
    let served = strict();
    let mut idle = connect(served.address);
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
    let (took, answer) = until_cut(idle);
    assert!(took < SOON);
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn a_client_who_does_not_read_is_cut() {
    let served = strict();
    let mut deaf = connect(served.address);
    let request = b"GET /dump_consensus_state HTTP/1.1\r\nhost: test\r\n\r\n";
    let since = Instant::now();
    // Answers fill the buffers of both sides; then the server waits for us, and gives up.
    while deaf.write_all(request).is_ok() {
        assert!(since.elapsed() < Duration::from_secs(15), "nobody cut the connection");
    }
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let config = Config { connections_max: 2, ..Config::default() };
    let served = Served::start(Mood::Decides, config);
    let held = [connect(served.address), connect(served.address)];
    let mut third = connect(served.address);
    third.write_all(b"GET /health HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    third.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(third.read(&mut [0; 1]).is_err(), "nobody should answer yet");
    drop(held);
    third.set_read_timeout(Some(SOON)).unwrap();
    let (_, answer) = until_cut(third);
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

#[test]
fn pages_of_other_origins_read_answers_only_if_allowed() {
    let allowed = ["http://friend.example", "https://*.friends.example"].map(str::to_owned);
    let config = Config { cors_origins: allowed.to_vec(), ..Config::default() };
    let served = Served::start(Mood::Decides, config);
    for (origin, may) in [
        ("http://friend.example", true),
        ("http://foe.example", false),
        ("https://a.friends.example", true),
        ("https://friends.example", false),
    ] {
        for line in ["HEAD /health", "GET /health", "OPTIONS /"] {
            let asked = "access-control-request-method: POST";
            let head = format!("{line} HTTP/1.1\r\norigin: {origin}\r\n{asked}");
            let answer = send(served.address, &head, b"");
            assert_eq!(answer.status, 200, "{line}");
            let line = format!("access-control-allow-origin: {origin}");
            assert_eq!(answer.head.contains(&line), may, "{head}: {}", answer.head);
        }
    }
    let head = send(served.address, "HEAD /health HTTP/1.1", b"");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
}

#[test]
fn the_explorer_needs_nothing_from_elsewhere() {
    let served = Served::plain();
    let page = get(served.address, "/explorer");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-security-policy: default-src 'none'; script-src 'self'"));
    for path in page.body.split('"').filter(|it| it.starts_with("/explorer/")) {
        assert_eq!(get(served.address, path).status, 200, "{path}");
    }
    for file in ["index.html", "app.js", "api.js", "style.css"] {
        let path = format!("{}/src/explorer/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(!text.contains("://"), "{file} names another place");
        assert!(!text.contains("innerHTML"), "{file} makes markup of text");
    }
}
