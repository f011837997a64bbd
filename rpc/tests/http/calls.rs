//! The rules of calls: URIs, bodies, batches, notifications, and the words of errors.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rpc::Config;
use serde_json::{Value, json};

use crate::served::{BLOCKS, Mood, Served};
use crate::wire::{call, connect, error_of, get, post, send};

#[test]
fn uris_carry_arguments_in_the_references_ways() {
    let served = Served::plain();
    for (path, value) in [
        ("/abci_query?data=0x747830", "dmFsdWU="),
        ("/abci_query?data=%22tx0%22", "dmFsdWU="),
        ("/abci_query?path=%22%22&data=%22tx0%22&prove=false", "dmFsdWU="),
    ] {
        let answer = get(served.address, path);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json()["id"], -1);
        assert_eq!(answer.json()["result"]["response"]["value"], value, "{path}");
    }
    for path in ["/block?height=3", "/block?height=%223%22", "/block?height=3&unknown=1"] {
        let block = get(served.address, path).json();
        assert_eq!(block["result"]["block"]["header"]["height"], "3", "{path}");
    }
    let posted = send(served.address, "POST /status HTTP/1.1\r\ncontent-length: 0", b"");
    assert_eq!(posted.status, 200);
}

/// As people type them at a shell. The reference's library takes them as they are.
#[test]
fn what_should_have_been_escaped_in_a_uri_is_taken_as_it_is() {
    let served = Served::plain();
    for (raw, escaped) in [
        ("tx_search?query=\"tx.height>11\"", "tx_search?query=%22tx.height%3E11%22"),
        ("tx_search?query=\"tx.height<2\"", "tx_search?query=%22tx.height%3C2%22"),
        ("abci_query?data=\"{`|^#é}\"", "abci_query?data=%22%7B%60%7C%5E%23%C3%A9%7D%22"),
    ] {
        for method in ["GET", "POST"] {
            let asked = |path| {
                let head = format!("{method} /{path} HTTP/1.1\r\ncontent-length: 0");
                send(served.address, &head, b"")
            };
            let answer = asked(raw);
            assert_eq!(answer.status, 200, "{method} {raw}: {}", answer.body);
            assert_eq!(answer.body, asked(escaped).body, "{method} {raw}");
        }
        let head = send(served.address, &format!("HEAD /{raw} HTTP/1.1"), b"");
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{raw}");
    }
}

/// A connection is kept, and what stood in a body says nothing of the next request's line.
#[test]
fn quotes_are_taken_behind_a_body_as_well() {
    use std::io::{Read, Write};

    let served = Served::plain();
    let body = r#"{"id":1,"method":"abci_query","params":{"data":"","path":"GET <\"> "}}"#;
    let post = format!("POST / HTTP/1.1\r\nhost: t\r\ncontent-length: {}\r\n\r\n", body.len());
    let get = "GET /block?height=\"3\" HTTP/1.1\r\nhost: t\r\n";
    let mut stream = connect(served.address);
    let requests = format!("{post}{body}{get}\r\n").repeat(2);
    stream.write_all(format!("{requests}{get}connection: close\r\n\r\n").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200").count(), 5, "{text}");
    assert_eq!(text.matches("\"height\":\"3\"").count(), 3, "{text}");
}

#[test]
fn a_form_carries_arguments_behind_those_of_the_uri() {
    let served = Served::plain();
    let form = "application/x-www-form-urlencoded";
    let posted = |path: &str, kind: &str, body: &str| {
        let length = body.len();
        let head =
            format!("POST {path} HTTP/1.1\r\ncontent-type: {kind}\r\ncontent-length: {length}");
        send(served.address, &head, body.as_bytes())
    };
    for (path, kind, body, height) in [
        ("/validators", form, "height=1", "1"),
        (
            "/validators?",
            "Application/X-WWW-Form-URLencoded; charset=utf-8",
            "a=b&height=%221%22",
            "1",
        ),
        ("/validators?height=2", form, "height=1", "2"),
        ("/validators?height=", form, "height=1", "1"),
        ("/validators?per_page=1", form, "height=1", "1"),
        ("/validators", "application/json", "height=1", "13"),
        ("/validators", form, "", "13"),
    ] {
        let answer = posted(path, kind, body);
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.body);
        assert_eq!(answer.json()["result"]["block_height"], height, "{path} {kind} {body}");
    }
    let answer = posted("/validators", form, "height=x");
    let beginning = "error converting http params to arguments: height: ";
    assert_eq!((answer.status, answer.error_text().starts_with(beginning)), (500, true));
    assert_eq!(posted("/validators", form, &"a=b&".repeat(300_000)).status, 413);
    // GET has no form, as in the reference.
    let head = format!("GET /validators HTTP/1.1\r\ncontent-type: {form}\r\ncontent-length: 8");
    let answer = send(served.address, &head, b"height=1");
    assert_eq!(answer.json()["result"]["block_height"], "13");
}

#[test]
fn a_path_with_detours_leads_to_the_clean_one() {
    let served = Served::plain();
    for (path, location) in [
        ("//status", "/status"),
        ("//block?height=\"3\"", "/block?height=\"3\""),
        ("/explorer/../status", "/status"),
        ("/..", "/"),
        ("//\\foe.example//x", "/%5cfoe.example/x"),
    ] {
        for method in ["GET", "POST"] {
            let answer = send(served.address, &format!("{method} {path} HTTP/1.1"), b"");
            assert_eq!(answer.status, 307, "{method} {path}");
            let location = location.replace('"', "%22");
            let expected = format!("\r\nlocation: {location}\r\n");
            assert!(answer.head.contains(&expected), "{method} {path}: {}", answer.head);
        }
    }
}

#[test]
fn errors_of_a_uri_are_failures_of_http() {
    let served = Served::plain();
    for (path, code, text) in [
        ("/block?height=x", -32602, "error converting http params to arguments: height: "),
        ("/broadcast_tx_sync", -32602, "error converting http params to arguments: tx: "),
        (
            "/broadcast_evidence?evidence=1",
            -32602,
            "error converting http params to arguments: evidence: ",
        ),
        ("/block?height=0", -32603, "height must be greater than 0, but got 0"),
        (
            "/block?height=99",
            -32603,
            "height 99 must be less than or equal to the current blockchain height 12",
        ),
        ("/tx?hash=0xABCD", -32603, "tx (ABCD) not found"),
        ("/tx", -32603, "transaction hash cannot be empty"),
        ("/blockchain?minHeight=-1", -32603, "heights must be non-negative"),
        (
            "/blockchain?minHeight=9&maxHeight=5",
            -32603,
            "min height 9 can't be greater than max height 5",
        ),
        ("/validators?page=2", -32603, "page should be within [1, 1] range, given 2"),
    ] {
        let answer = get(served.address, path);
        assert_eq!(answer.status, 500, "{path}");
        let answer = answer.json();
        assert_eq!(error_of(&answer).0, code, "{path}");
        assert!(error_of(&answer).1.starts_with(text), "{path}: {answer}");
        assert_eq!(answer["id"], -1);
    }
    for path in ["/nothing", "/block/1", "/v1/status"] {
        let answer = get(served.address, path);
        assert_eq!((answer.status, answer.body.as_str()), (404, "404 page not found\n"), "{path}");
    }
}

#[test]
fn errors_of_a_body_are_answers() {
    let served = Served::plain();
    for (body, code, id) in [
        (json!({"id": "a", "method": "nothing"}), -32601, json!("a")),
        (json!({"id": 2.0, "method": "nothing"}), -32601, json!(2)),
        (json!({"id": 3, "method": "block", "params": [1, 2]}), -32602, json!(3)),
        (json!({"id": 4, "method": "block", "params": {"height": "0"}}), -32603, json!(4)),
    ] {
        let answer = post(served.address, &body.to_string());
        assert_eq!(answer.status, 200, "{body}");
        assert_eq!(error_of(&answer.json()).0, code, "{body}");
        assert_eq!(answer.json()["id"], id);
    }
    let not_found = post(served.address, r#"{"id": 1, "method": "nothing"}"#);
    let text = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"Method not found"}}"#;
    assert_eq!(not_found.body, text);
    for body in ["{", "1", "\"x\"", "[1]", r#"{"id": 1.5, "method": "health"}"#, r#"{"id": []}"#] {
        let answer = post(served.address, body);
        assert_eq!(answer.status, 500, "{body}");
        assert_eq!(error_of(&answer.json()).0, -32700, "{body}");
        assert!(answer.error_text().starts_with("error unmarshaling request: "), "{body}");
        assert_eq!(answer.json().get("id"), None, "{body}");
    }
}

#[test]
fn batches_and_notifications_follow_the_reference() {
    let served = Served::plain();
    let health = |id: Value| json!({"jsonrpc": "2.0", "id": id, "method": "health"});
    for silent in [json!([]), json!(null), health(json!(null)), json!([health(json!(null))])] {
        let answer = post(served.address, &silent.to_string());
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{silent}");
    }
    let two = json!([health(json!(1)), health(json!(null)), health(json!("b"))]);
    let answer = post(served.address, &two.to_string()).json();
    let ids: Vec<&Value> = answer.as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, [&json!(1), &json!("b")]);
    let one = post(served.address, &json!([health(json!(1))]).to_string()).json();
    assert!(one.is_object(), "the reference sends a single response by itself");
    let many: Vec<Value> = (0..11).map(|id| health(json!(id))).collect();
    let answer = post(served.address, &json!(many).to_string());
    let expected = "batch request exceeds maximum (10) allowed number of requests";
    assert_eq!((answer.status, answer.error_text().as_str()), (200, expected));
}

#[test]
fn an_empty_body_and_the_root_list_the_methods() {
    let served = Served::plain();
    for answer in [get(served.address, "/"), post(served.address, "")] {
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains("<a href=\"//test/health\">"), "{}", answer.body);
        assert!(answer.body.contains("//test/validators?height=_&amp;page=_&amp;per_page=_"));
    }
    let hostile = "GET / HTTP/1.0\r\nx-host: 1\r\nhost: \"><script>";
    assert!(!send(served.address, hostile, b"").body.contains("<script"));
}

#[test]
fn only_lasting_answers_may_be_kept() {
    let served = Served::plain();
    for (path, kept) in [
        ("/block?height=3", true),
        ("/block", false),
        ("/validators?per_page=3", false),
        ("/validators?height=3", true),
        ("/block?height=99", false),
        ("/genesis", true),
        ("/status", false),
        ("/blockchain?minHeight=1&maxHeight=5", false),
    ] {
        let head = get(served.address, path).head;
        assert_eq!(head.contains("cache-control: public, max-age=86400"), kept, "{path}");
        assert!(head.contains("x-server-time: "), "{path}");
    }
}

#[test]
fn validators_and_params_are_known_one_height_ahead() {
    let served = Served::plain();
    for method in ["validators", "consensus_params"] {
        let latest = call(served.address, method, Value::Null);
        assert_eq!(latest["result"]["block_height"], (BLOCKS + 1).to_string());
        let beyond = call(served.address, method, json!({"height": (BLOCKS + 2).to_string()}));
        assert!(error_of(&beyond).1.ends_with("current blockchain height 13"));
    }
    let page = call(served.address, "validators", json!({"page": "2", "per_page": "3"}));
    assert_eq!((&page["result"]["count"], &page["result"]["total"]), (&json!("1"), &json!("4")));
}

/// Who names no height cannot know that the tip is decided and not yet executed.
#[test]
fn results_without_a_height_are_of_the_last_block_that_was_executed() {
    let served = Served::plain();
    let latest = || call(served.address, "block_results", Value::Null);
    assert_eq!(latest()["result"]["height"], BLOCKS.to_string());
    served.node.decide_only();
    assert_eq!(latest()["result"]["height"], BLOCKS.to_string());
    let tip = call(served.address, "block_results", json!({"height": (BLOCKS + 1).to_string()}));
    assert_eq!(error_of(&tip).1, "could not find results for height #13");
}

#[test]
fn the_state_of_consensus_is_told_in_the_references_words() {
    let served = Served::plain();
    let state = call(served.address, "consensus_state", Value::Null);
    let votes = &state["result"]["round_state"]["height_vote_set"][0];
    assert_eq!(votes["prevotes_bit_array"], "BA{4:_x__} 10/40 = 0.25");
    assert_eq!(votes["prevotes"][0], "nil-Vote");
    let vote = votes["prevotes"][1].as_str().unwrap();
    assert!(vote.starts_with("Vote{1:"), "{vote}");
    assert!(vote.contains(" 13/00/SIGNED_MSG_TYPE_PREVOTE(Prevote) 000000000000 "), "{vote}");
    let dump = call(served.address, "dump_consensus_state", Value::Null);
    let state = &dump["result"]["round_state"];
    assert_eq!(state["height"], "13");
    // By the powers of those who voted then, not of those who vote now.
    assert_eq!(state["last_commit"]["votes_bit_array"], "BA{2:x_} 30/40 = 0.75");
    let members = |set: &str| state[set]["validators"].as_array().unwrap().len();
    assert_eq!((members("last_validators"), members("validators")), (2, 4));
    assert_eq!(state["last_validators"]["proposer"]["voting_power"], "30");
    assert_eq!(dump["result"]["peers"][0]["peer_state"]["round_state"]["height"], "12");
}

#[test]
fn waiting_for_a_transaction_ends() {
    let config = Config { commit_timeout: Duration::from_millis(100), ..Config::default() };
    let served = Served::start(Mood::Waits, config);
    let answer = call(served.address, "broadcast_tx_commit", json!({"tx": "YT1i"}));
    assert_eq!(error_of(&answer), (-32603, "timed out waiting for tx to be included in a block"));
    assert_eq!(served.node.waiting_count(), 0);
    let pending = call(served.address, "unconfirmed_txs", Value::Null);
    let expected = json!({"n_txs": "1", "total": "1", "total_bytes": "3", "txs": ["YT1i"]});
    assert_eq!(pending["result"], expected);
    let count = call(served.address, "num_unconfirmed_txs", Value::Null);
    let expected = json!({"n_txs": "1", "total": "1", "total_bytes": "3", "txs": null});
    assert_eq!(count["result"], expected);
    let refused = call(served.address, "broadcast_tx_commit", json!({"tx": "YQ=="}));
    assert_eq!(refused["result"]["check_tx"]["code"], 2);
    assert_eq!(refused["result"]["height"], "0");
    assert_eq!(served.node.waiting_count(), 0);
}

#[test]
fn nobody_waits_for_the_transaction_of_a_client_who_left() {
    use std::io::Write;

    let served = Served::start(Mood::Waits, Config::default());
    let mut client = connect(served.address);
    let request = "GET /broadcast_tx_commit?tx=%22a=b%22 HTTP/1.1\r\nhost: test\r\n\r\n";
    client.write_all(request.as_bytes()).unwrap();
    let until = |count: usize| {
        let since = Instant::now();
        while served.node.waiting_count() != count {
            assert!(since.elapsed() < Duration::from_secs(5), "never {count} waiting");
            std::thread::yield_now();
        }
    };
    until(1);
    drop(client);
    until(0);
}

#[test]
fn a_full_mempool_is_told_in_the_references_words() {
    let served = Served::start(Mood::Full, Config::default());
    for (method, text) in [
        ("broadcast_tx_sync", "mempool is full"),
        ("broadcast_tx_async", "mempool is full"),
        ("broadcast_tx_commit", "error on broadcastTxCommit: mempool is full"),
    ] {
        let answer = call(served.address, method, json!({"tx": "YT1i"}));
        assert_eq!(error_of(&answer), (-32603, text));
    }
    assert_eq!(served.node.waiting_count(), 0);
}

#[test]
fn the_genesis_file_comes_in_pieces_too() {
    let served = Served::plain();
    let whole = call(served.address, "genesis", json!({}))["result"]["genesis"].clone();
    let piece = call(served.address, "genesis_chunked", json!({"chunk": "0"}))["result"].clone();
    assert_eq!((&piece["chunk"], &piece["total"]), (&json!("0"), &json!("1")));
    let text = STANDARD.decode(piece["data"].as_str().unwrap()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&text).unwrap(), whole);
    for (chunk, reason) in [("1", "there are 0 chunks, 1 is invalid"), ("-1", "-1 is invalid")] {
        let answer = call(served.address, "genesis_chunked", json!({ "chunk": chunk }));
        let (code, text) = error_of(&answer);
        assert_eq!(code, -32603);
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn evidence_that_is_brought_reaches_the_node_as_it_was() {
    let served = Served::plain();
    let evidence = served.node.equivocation();
    let answer = call(
        served.address,
        "broadcast_evidence",
        json!({"evidence": rpc::json::block::evidence(&evidence)}),
    );
    assert_eq!(answer["result"]["hash"], evidence.hash().to_string().as_str(), "{answer}");
    assert_eq!(served.node.evidence(), [evidence]);
    for (evidence, code, reason) in [
        (Value::Null, -32603, "no evidence was provided"),
        (json!({"type": "tendermint/None", "value": {}}), -32602, "evidence: unknown variant"),
        (json!("x"), -32602, "evidence: "),
    ] {
        let answer = call(served.address, "broadcast_evidence", json!({ "evidence": evidence }));
        let (found, text) = error_of(&answer);
        assert_eq!(found, code);
        assert!(text.contains(reason), "{text}");
    }
}
