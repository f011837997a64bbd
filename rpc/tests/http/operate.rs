//! Methods of operators, which exist only where the operator says so, and the probes.

use std::num::NonZeroU32;
use std::time::Duration;

use rpc::backend::DialTerms;
use rpc::{Config, Offer};
use serde_json::{Value, json};

use crate::served::{Mood, Served, Standing};
use crate::websocket::Client;
use crate::wire::{Answer, call, error_of, get, post};

const METHODS: [&str; 3] = ["dial_seeds", "dial_peers", "unsafe_flush_mempool"];

fn offering_all(mood: Mood) -> Served {
    Served::start(mood, Config { offer: Offer::All, ..Config::default() })
}

#[test]
fn methods_of_operators_do_not_exist_unless_they_are_wanted() {
    let served = Served::plain();
    for method in METHODS {
        let answer = call(served.address, method, json!({}));
        assert_eq!(answer["error"]["code"], -32601, "{method}");
        assert_eq!(get(served.address, &format!("/{method}")).status, 404, "{method}");
        assert!(!get(served.address, "/").body.contains(method), "{method}");
        assert!(!get(served.address, "/v1/openapi.json").body.contains(method), "{method}");
    }
    let served = offering_all(Mood::Decides);
    for method in METHODS {
        assert!(get(served.address, "/").body.contains(&format!("/{method}")), "{method}");
        assert!(get(served.address, "/v1/openapi.json").body.contains(method), "{method}");
    }
}

#[test]
fn peers_are_dialed_on_the_references_terms() {
    let served = offering_all(Mood::Decides);
    let answer = call(served.address, "dial_seeds", json!({"seeds": ["a@h:1", "b@h:2"]}));
    let log = "Dialing seeds in progress. See /net_info for details";
    assert_eq!(answer["result"], json!({"log": log}));
    let answer = call(served.address, "dial_peers", json!([["c@h:3"], true, false, true]));
    let log = "Dialing peers in progress. See /net_info for details";
    assert_eq!(answer["result"], json!({"log": log}));
    let path = "/dial_peers?peers=%5B%22d@h:4%22%5D&unconditional=true";
    assert_eq!(get(served.address, path).json()["result"], json!({"log": log}));
    let terms =
        |persistent, unconditional, private| DialTerms { persistent, unconditional, private };
    let expected = [
        ("a@h:1".to_owned(), terms(false, false, false)),
        ("b@h:2".to_owned(), terms(false, false, false)),
        ("c@h:3".to_owned(), terms(true, false, true)),
        ("d@h:4".to_owned(), terms(false, true, false)),
    ];
    assert_eq!(served.node.dialed(), expected);
    for (method, params, code, text) in [
        ("dial_seeds", json!({}), -32603, "no seeds provided"),
        ("dial_peers", json!({"peers": []}), -32603, "no peers provided"),
        ("dial_peers", json!({"peers": ["e@h:5", "x"]}), -32603, "`x` is no peer"),
    ] {
        let answer = call(served.address, method, params);
        assert_eq!(error_of(&answer), (code, text), "{method}");
    }
    let answer = call(served.address, "dial_peers", json!({"peers": "a@h:1"}));
    assert_eq!(error_of(&answer).0, -32602);
    assert_eq!(served.node.dialed(), expected, "one wrong address spoils its call");
}

#[test]
fn the_mempool_is_emptied() {
    let served = offering_all(Mood::Waits);
    call(served.address, "broadcast_tx_sync", json!({"tx": "YT1i"}));
    let pending = || call(served.address, "num_unconfirmed_txs", Value::Null)["result"].clone();
    assert_eq!(pending()["total"], "1");
    let answer = call(served.address, "unsafe_flush_mempool", Value::Null);
    assert_eq!(answer["result"], json!({}));
    assert_eq!(pending()["total"], "0");
}

#[test]
fn probes_say_whether_clients_should_come_and_why_not() {
    let config = Config { ready_timeout: Duration::from_secs(2), ..Config::default() };
    let served = Served::start(Mood::Decides, config);
    let asked = |path: &str| get(served.address, path);
    assert_eq!(asked("/livez").json(), json!({"live": true}));
    let ready = asked("/readyz");
    assert_eq!((ready.status, ready.json()), (200, json!({"ready": true, "reasons": []})));
    let unready = |expected: &[&str]| {
        let answer = asked("/readyz");
        assert_eq!(answer.status, 503);
        let body = answer.json();
        assert_eq!(body["ready"], false);
        let reasons = body["reasons"].as_array().unwrap();
        assert_eq!(reasons.len(), expected.len(), "{body}");
        for (reason, beginning) in reasons.iter().zip(expected) {
            assert!(reason.as_str().unwrap().starts_with(beginning), "{body}");
        }
    };
    served.node.stands(Standing { is_behind: true, is_alone: true });
    unready(&["not caught up", "no peers: of 4 validators"]);
    served.node.stands(Standing::default());
    served.node.execute_without_index(101);
    unready(&["the index is 101 blocks behind"]);
    {
        let _held = served.node.hold_application();
        unready(&["the application or the store does not answer within 2s"]);
    }
    served.node.index_all();
    assert_eq!(asked("/readyz").status, 200);
    served.node.break_application();
    unready(&["the application fails: "]);
    assert_eq!(asked("/livez").status, 200);
}

/// A server that lets an address ask three times a second.
fn limited() -> Served {
    let requests_per_second_max = NonZeroU32::new(3);
    Served::start(Mood::Decides, Config { requests_per_second_max, ..Config::default() })
}

fn is_refused(answer: &Answer) -> bool {
    if answer.status != 429 {
        return false;
    }
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    assert_eq!(answer.json()["error"]["code"], -32000);
    assert!(answer.error_text().starts_with("too many requests from this address"));
    true
}

#[test]
fn an_address_that_asks_too_much_is_told_when_to_come_back() {
    let served = limited();
    let answers: Vec<Answer> = (0..40).map(|_| get(served.address, "/health")).collect();
    let refused = answers.iter().filter(|it| is_refused(it)).count();
    assert!(!is_refused(&answers[0]) && 0 < refused, "{refused}");
    // Probes neither count nor are counted.
    let probes = || ["/livez", "/readyz"].map(|path| get(served.address, path).status);
    assert_eq!([(); 20].map(|()| probes()), [[200, 200]; 20]);
    // A batch costs what its requests would: it is let in when there is room for one, and delays
    // what follows.
    let health = r#"{"id":1,"method":"health"}"#;
    let batch = format!("[{}]", [health; 10].join(","));
    let passed = (0..10_000).map(|_| post(served.address, &batch)).find(|it| it.status == 200);
    assert_eq!(passed.expect("there is room now and then").json().as_array().unwrap().len(), 10);
    let next = get(served.address, "/health");
    assert!(is_refused(&next));
    assert!(["3", "4"].iter().any(|it| next.head.contains(&format!("retry-after: {it}"))));
}

#[test]
fn requests_by_websocket_count_as_well() {
    let served = limited();
    served.block_on(async {
        let mut client = Client::connect(served.address).await;
        let mut refused = Vec::new();
        for id in 0..20 {
            let answer = client.call(json!(id), "health", json!({})).await;
            if answer.get("error").is_some() {
                refused.push(answer);
            }
        }
        assert!(!refused.is_empty() && refused.len() < 20);
        for answer in refused {
            let (code, text) = error_of(&answer);
            assert_eq!(code, -32000);
            assert!(text.starts_with("too many requests from this address"), "{text}");
        }
    });
}
