//! Requests that are too much, or wrong.

use std::io::{Read, Write};
use std::time::Duration;

use rpc::Config;
use serde_json::{Value, json};

use crate::served::{ANSWER_BYTES_MAX, Mood, Served};
use crate::wire::{call, connect, error_of, get, post, send};

#[test]
fn too_many_headers_are_refused() {
    let served = Served::plain();
    let head = |count: usize| {
        let more: String = (0..count).map(|it| format!("\r\nx-{it}: 1")).collect();
        send(served.address, &format!("GET /health HTTP/1.1{more}"), b"").status
    };
    assert_eq!(head(90), 200);
    assert_eq!(head(1_000), 431);
    assert_eq!(head(20_000), 431);
}

#[test]
fn a_list_that_would_be_too_large_is_refused_and_its_entries_are_not() {
    let served = Served::plain();
    for number in 0..12_u32 {
        let tx = format!("{number}={}", "x".repeat(ANSWER_BYTES_MAX / 8));
        served.node.decide(vec![tx.into()]);
    }
    let search = |per_page: u32| json!({"query": "tx.height>12", "per_page": per_page});
    let refused = |answer: &Value| {
        let (code, text) = error_of(answer);
        assert_eq!(code, -32603);
        let expected = "the answer would have more than 4000000 bytes; ask for less at a time";
        assert_eq!(text, expected);
    };
    refused(&call(served.address, "tx_search", search(12)));
    // Each is in its events once more.
    let some = call(served.address, "tx_search", search(2));
    assert_eq!(some["result"]["txs"].as_array().unwrap().len(), 2);
    let blocks = |per_page: u32| json!({"query": "block.height>12", "per_page": per_page});
    refused(&call(served.address, "block_search", blocks(12)));
    assert!(call(served.address, "block_search", blocks(4)).get("result").is_some());
    // A batch is a list, too: what still fits is answered.
    let block = |height: u32| {
        let params = json!({"height": height.to_string()});
        json!({"id": height, "method": "block", "params": params})
    };
    let mut batch: Vec<Value> = (13..22).map(block).collect();
    // It is waited for between them, and they are one list all the same.
    batch.insert(4, json!({"id": 1, "method": "broadcast_tx_commit", "params": {"tx": "YT1i"}}));
    let answers = post(served.address, &json!(batch).to_string()).json();
    let answers = answers.as_array().unwrap();
    assert!(answers[0].get("result").is_some() && answers[3].get("result").is_some());
    refused(&answers[9]);
}

#[test]
fn pending_transactions_are_a_list_as_well() {
    let served = Served::start(Mood::Waits, Config::default());
    for number in 0..12_u32 {
        let tx = format!("{number}={}", "x".repeat(ANSWER_BYTES_MAX / 8));
        rpc::Node::submit_later(&*served.node, tx.into()).unwrap();
    }
    let asked = |limit: u32| call(served.address, "unconfirmed_txs", json!({"limit": limit}));
    assert!(error_of(&asked(12)).1.starts_with("the answer would have more than"));
    assert_eq!(asked(3)["result"]["n_txs"], "3");
}

#[test]
fn what_is_no_utf8_is_no_request() {
    let served = Served::plain();
    let body = b"{\"id\":1,\"method\":\"hea\xff\xfelth\"}";
    let head = format!("POST / HTTP/1.1\r\ncontent-length: {}", body.len());
    let answer = send(served.address, &head, body);
    assert_eq!((answer.status, answer.json()["error"]["code"].as_i64()), (500, Some(-32700)));
    for path in ["/abci_query?data=%FF", "/tx?hash=%C3%28", "/block?height=%80"] {
        let answer = get(served.address, path);
        assert_eq!(answer.status, 500, "{path}");
        assert_eq!(answer.json()["error"]["code"], -32602, "{path}");
    }
    // Between quotes it is replaced, as the reference's reader of JSON does.
    assert_eq!(get(served.address, "/abci_query?path=\"%C3%28\"").status, 200);
    assert_eq!(get(served.address, "/%FF%FE").status, 400);
    // A path of raw bytes is no HTTP.
    let mut stream = connect(served.address);
    stream.write_all(b"GET /\xff\xfe HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn unknown_and_doubled_parameters_do_no_harm() {
    let served = Served::plain();
    let answer = call(served.address, "block", json!({"height": "3", "": 1, "x": {"y": []}}));
    assert_eq!(answer["result"]["block"]["header"]["height"], "3");
    let body = r#"{"id":1,"method":"health","method":"block","params":{"height":3},"z":[{}]}"#;
    assert!(post(served.address, body).json().get("result").is_some());
    let many: String = (0..5_000).map(|it| format!("&p{it}=1")).collect();
    let answer = get(served.address, &format!("/block?height=3&height=x{many}"));
    assert_eq!(answer.json()["result"]["block"]["header"]["height"], "3", "the first counts");
}

#[test]
fn huge_numbers_are_refused_wherever_they_stand() {
    let served = Served::plain();
    let digits = "9".repeat(100_000);
    for body in [
        format!(r#"{{"id":{digits},"method":"health"}}"#),
        format!(r#"{{"id":1,"method":"block","params":{{"height":{digits}}}}}"#),
        format!(r#"{{"id":1,"method":"block","params":{{"height":"{digits}"}}}}"#),
        format!(r#"{{"id":1,"method":"block","params":[{digits}e{digits}]}}"#),
        r#"{"id":1,"method":"block","params":{"height":1e400}}"#.to_owned(),
    ] {
        let answer = post(served.address, &body).json();
        let code = answer["error"]["code"].as_i64().unwrap();
        assert!([-32600, -32700, -32602].contains(&code), "{body:.80}: {answer}");
    }
    let path = format!("/block?height={}", "9".repeat(50_000));
    assert_eq!(get(served.address, &path).json()["error"]["code"], -32602);
}

#[test]
fn pipelined_requests_are_answered_one_by_one_in_order() {
    let served = Served::plain();
    let mut stream = connect(served.address);
    let mut requests = String::new();
    for height in 1..=12 {
        requests.push_str(&format!("GET /header?height={height} HTTP/1.1\r\nhost: t\r\n\r\n"));
    }
    requests.push_str("GET /health HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n");
    stream.write_all(requests.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let heights: Vec<&str> =
        text.match_indices("\"height\":\"").map(|(at, key)| &text[at + key.len()..]).collect();
    let heights: Vec<&str> = heights.iter().filter_map(|it| it.split('"').next()).collect();
    let expected: Vec<String> = (1..=12).map(|it: u32| it.to_string()).collect();
    assert_eq!(heights, expected);
    assert_eq!(text.matches("HTTP/1.1 200").count(), 13);
    // What follows a request that is no HTTP is not read as another.
    let mut stream = connect(served.address);
    stream.write_all(b"NONSENSE\r\n\r\nGET /health HTTP/1.1\r\nhost: t\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
}

/// A head with two lengths, or a length and chunks, is how requests are smuggled past proxies.
#[test]
fn bodies_of_two_lengths_are_refused() {
    let brief = Duration::from_millis(200);
    let config = Config { read_timeout: brief, commit_timeout: brief, ..Config::default() };
    let served = Served::start(Mood::Decides, config);
    for head in [
        "POST / HTTP/1.1\r\ncontent-length: 2\r\ncontent-length: 3",
        "POST / HTTP/1.1\r\ncontent-length: 2, 3",
        "POST / HTTP/1.1\r\ncontent-length: -1",
        "POST / HTTP/1.1\r\ncontent-length: 99999999999999999999999",
        "POST / HTTP/1.1\r\ntransfer-encoding: gzip",
    ] {
        let answer = send(served.address, head, b"{}");
        assert!([400, 413, 501].contains(&answer.status), "{head}: {}", answer.status);
    }
    // A length that is promised is neither believed nor waited for without end.
    let answer = send(served.address, "POST / HTTP/1.1\r\ncontent-length: 900000000", b"{}");
    assert_eq!(answer.status, 408);
}

/// Quotes in request lines are escaped on the way in, which makes them longer. In a body that would
/// make its end the beginning of another request.
#[test]
fn bodies_are_never_taken_for_request_lines() {
    let served = Served::plain();
    let smuggled = "GET /health?\"\"\"\"\" HTTP/1.1\r\nhost: t\r\n\r\n";
    let length = smuggled.len();
    let chunks = format!("{length:x}\r\n{smuggled}\r\n0\r\n\r\n");
    for (line, headers, body) in [
        ("GET /status", format!("content-length: {length}"), smuggled),
        ("POST /status", format!("content-length: {length}\r\ncontent-length: {length}"), smuggled),
        ("POST /", format!("content-length: {length}"), smuggled),
        ("POST /", "transfer-encoding: chunked".to_owned(), &chunks),
        ("GET /status", "transfer-encoding: chunked".to_owned(), &chunks),
    ] {
        let mut stream = connect(served.address);
        let first = format!("{line} HTTP/1.1\r\nhost: t\r\n{headers}\r\n\r\n{body}");
        let last = "GET /health HTTP/1.1\r\nhost: t\r\nconnection: close\r\n\r\n";
        stream.write_all(format!("{first}{last}").as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert_eq!(text.matches("HTTP/1.1 ").count(), 2, "{line} {headers}: {text}");
        assert!(text.ends_with(r#""result":{}}"#), "{line} {headers}: {text}");
    }
}
