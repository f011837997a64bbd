//! Published advisories and fixes of the protocol's other implementations, each as a test that it
//! would have failed. A test bears the number of its row in docs/RELIABILITY.md.

use std::io::{Read, Write};
use std::time::Duration;

use rpc::params::Kind;
use rpc::routes::{ROUTES, Route};
use rpc::{Config, Offer};
use serde_json::{Map, Value, json};
use types::Height;

use crate::served::{BLOCKS, Mood, Served};
use crate::wire::{call, connect, get, post, send};

/// Heights before, within, at the ends of and beyond the chain, and beyond all numbers.
const NUMBERS: [&str; 14] = [
    "-9223372036854775808",
    "-1",
    "0",
    "1",
    "4",
    "5",
    "6",
    "12",
    "13",
    "14",
    "15",
    "100000000",
    "9223372036854775807",
    "9223372036854775808",
];

/// What stands for a value of this kind, right and wrong.
fn given(kind: Kind) -> Vec<Value> {
    match kind {
        Kind::Int => {
            NUMBERS.iter().map(|number| json!(number)).chain([json!(3), json!(1.5)]).collect()
        }
        Kind::Bool => vec![json!(true), json!(false), json!("true"), json!(1)],
        Kind::Text => vec![json!(""), json!("/store"), json!("\u{0}\"<"), json!("a".repeat(5_000))],
        Kind::Texts => vec![json!([]), json!(["a@b:1"]), json!(["", "x"]), json!([1]), json!("x")],
        Kind::Json => vec![json!({}), json!({"type": "x"}), json!([]), json!("1"), json!(1)],
        Kind::Bytes | Kind::Hex => {
            let long = "00".repeat(10_000);
            let hash = "ab".repeat(32);
            [String::new(), "0x".into(), hash, "YT1i".into(), "a".into(), long, "?".into()]
                .map(Value::from)
                .to_vec()
        }
    }
}

/// Asks, and looks that there is an answer or an error, and no panic behind either.
fn asks(served: &Served, route: &Route, params: &Value) -> bool {
    let answer = call(served.address, route.name, params.clone());
    let (result, error) = (answer.get("result"), answer.get("error"));
    assert!(result.is_some() != error.is_some(), "{} {params}: {answer}", route.name);
    let text = error.map(ToString::to_string).unwrap_or_default();
    assert!(!text.contains("panic"), "{} {params}: {text}", route.name);
    result.is_some()
}

/// A block that was pruned, or not there yet, was a pointer to nothing. Every method is asked about
/// every end of every range, on a chain that was pruned.
#[test]
fn advisory_55_no_method_minds_a_height_that_is_not_there() {
    let config = Config {
        commit_timeout: Duration::from_millis(50),
        offer: Offer::All,
        ..Config::default()
    };
    let served = Served::start(Mood::Waits, config);
    served.node.prune(Height(5));
    for route in ROUTES {
        asks(&served, route, &Value::Null);
        for param in route.params {
            for value in given(param.kind) {
                asks(&served, route, &json!({ param.name: value }));
            }
        }
        // All parameters at once, each as wrong as it gets.
        for pick in 0..NUMBERS.len() {
            let all: Map<String, Value> = route
                .params
                .iter()
                .map(|param| {
                    let values = given(param.kind);
                    (param.name.to_owned(), values[pick % values.len()].clone())
                })
                .collect();
            asks(&served, route, &Value::Object(all));
        }
    }
    let named = |method: &str| ROUTES.iter().find(|it| it.name == method).unwrap();
    for method in ["block", "header", "commit", "block_results", "validators", "consensus_params"] {
        for (height, there) in [("4", false), ("5", true), ("12", true), ("15", false)] {
            let found = asks(&served, named(method), &json!({ "height": height }));
            assert_eq!(found, there, "{method} at {height}");
        }
        for height in NUMBERS {
            let answer = get(served.address, &format!("/{method}?height={height}"));
            assert!([200, 500].contains(&answer.status), "{method}?height={height}");
        }
    }
}

/// Ids were squeezed into a number, so that two calls had one id. An id comes back as it was sent,
/// or there is an error without one.
#[test]
fn advisory_52_an_id_comes_back_as_it_was_sent_or_not_at_all() {
    let served = Served::plain();
    let ids = [
        ("0", true),
        ("-1", true),
        ("1", true),
        ("9007199254740993", true),
        ("9223372036854775807", true),
        ("-9223372036854775808", true),
        ("\"\"", true),
        ("\"1\"", true),
        ("\"9223372036854775808\"", true),
        ("\"\\u0000\\\"\"", true),
        ("9223372036854775808", false),
        ("18446744073709551615", false),
        ("1e400", false),
        ("1e300", false),
        ("-1e300", false),
        ("1.5", false),
        ("NaN", false),
        ("Infinity", false),
        ("true", false),
        ("[]", false),
        ("[1]", false),
        ("{}", false),
        ("{\"a\":1}", false),
    ];
    for (id, fits) in ids {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"health"}}"#);
        let answer = post(served.address, &body).json();
        assert_eq!(answer.get("result").is_some(), fits, "{id}: {answer}");
        if fits {
            let sent: Value = serde_json::from_str(id).unwrap();
            assert_eq!(answer["id"], sent, "{id}");
        } else {
            let code = answer["error"]["code"].as_i64().unwrap();
            assert!([-32600, -32700].contains(&code), "{id}: {answer}");
            assert_eq!(answer.get("id"), None, "{id}");
        }
    }
    // No id at all, and null, ask for no answer.
    for body in [r#"{"method":"health"}"#, r#"{"id":null,"method":"health"}"#] {
        assert_eq!(post(served.address, body).body, "");
    }
    let batch = r#"[{"id":1,"method":"health"},{"id":"1","method":"health"}]"#;
    let answer = post(served.address, batch).json();
    assert_eq!((&answer[0]["id"], &answer[1]["id"]), (&json!(1), &json!("1")));
}

/// A batch could hold any number of calls. It is refused by its length, before any is begun.
#[test]
fn advisory_54_a_batch_bomb_is_one_error_and_carries_nothing_out() {
    let served = Served::start(Mood::Waits, Config::default());
    let heavy = json!({"id": 1, "method": "broadcast_tx_sync", "params": {"tx": "YT1i"}});
    let bombs = [
        format!("[{}{{}}]", "{},".repeat(100_000)),
        format!("[{}{heavy}]", format!("{heavy},").repeat(10_000)),
        format!("[{}null]", "null,".repeat(100_000)),
    ];
    for bomb in bombs {
        assert!(bomb.len() < 1_000_000);
        let answer = post(served.address, &bomb);
        assert_eq!(answer.json()["error"]["code"], -32600, "{}", answer.body);
    }
    let pending = call(served.address, "num_unconfirmed_txs", Value::Null);
    assert_eq!(pending["result"]["total"], "0", "nothing of a bomb is carried out");
}

#[test]
fn advisory_32_the_limits_of_batches_and_bodies_hold_at_their_numbers() {
    let config = Config { batch_max: 3, body_bytes_max: 500, ..Config::default() };
    let served = Served::start(Mood::Decides, config);
    for (count, fits) in [(1, true), (2, true), (3, true), (4, false)] {
        let calls: Vec<Value> =
            (0..count).map(|id| json!({"id": id, "method": "health"})).collect();
        let answer = post(served.address, &json!(calls).to_string()).json();
        assert_eq!(answer.get("error").is_none(), fits, "{count}: {answer}");
    }
    let question = r#"{"id":1,"method":"health"}"#;
    for (bytes, status) in [(499, 200), (500, 200), (501, 413)] {
        let body = format!("{question}{}", " ".repeat(bytes - question.len()));
        assert_eq!(post(served.address, &body).status, status, "{bytes}");
    }
    let total = BLOCKS + 1;
    for (page, fits) in [(0, false), (1, true), (2, true), (3, false)] {
        let params = json!({"height": total.to_string(), "page": page, "per_page": 2});
        let answer = call(served.address, "validators", params);
        assert_eq!(answer.get("result").is_some(), fits, "page {page}: {answer}");
    }
}

/// A gzip bomb was inflated. This server inflates nothing: what is packed is no JSON.
#[test]
fn advisory_50_packed_bodies_are_not_unpacked() {
    let served = Served::plain();
    // An empty gzip stream, and the beginning of one that would never end.
    let packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, gzip"] {
        let head = format!(
            "POST / HTTP/1.1\r\ncontent-encoding: {encoding}\r\ncontent-length: {}",
            packed.len()
        );
        let answer = send(served.address, &head, &packed);
        assert_eq!(answer.json()["error"]["code"], -32700, "{encoding}");
        let head = format!("GET /status HTTP/1.1\r\naccept-encoding: {encoding}");
        assert!(!send(served.address, &head, b"").head.contains("content-encoding"));
    }
}

/// The name of a host broke out of the page that lists the methods. Nothing that a client or a
/// chain says becomes markup.
#[test]
fn advisory_53_what_others_say_never_becomes_markup() {
    let served = Served::plain();
    let hostile = [
        "\"><script>alert(1)</script>",
        "x' onclick='alert(1)",
        "a&lt;b",
        "javascript:alert(1)//",
        "\"><img src=x onerror=alert(1)>",
        "%22%3E%3Cscript%3E",
        "a b",
        "[::1]\"onload=1",
    ];
    for host in hostile {
        // HTTP/1.0, which lets the host be anything.
        let mut stream = connect(served.address);
        let request = format!("GET / HTTP/1.0\r\nhost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        let body = page.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        for (place, _) in body.match_indices('<') {
            let tag = &body[place..];
            let known =
                ["<html>", "<body>", "<br>", "</br>", "<a href=\"/", "</a>", "</body>", "</html>"];
            assert!(known.iter().any(|it| tag.starts_with(it)), "{host}: {tag:.60}");
        }
        assert!(!body.contains("onclick=") && !body.contains("onload="), "{host}");
    }
    // A path, a query and a method that are not there are not repeated as markup either.
    for path in ["/<script>", "/status?<script>=1", "/block?height=%3Cscript%3E"] {
        let answer = get(served.address, path);
        let is_text = answer.head.contains("content-type: text/html");
        assert!(!is_text || !answer.body.contains("<script"), "{path}");
    }
    let page = get(served.address, "/explorer");
    let policy = page.head.lines().find(|it| it.starts_with("content-security-policy")).unwrap();
    for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    for file in ["index.html", "app.js", "api.js"] {
        let path = format!("{}/src/explorer/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "onclick=",
            "javascript:",
            "srcdoc",
        ] {
            assert!(!text.contains(way), "{file} uses {way}");
        }
    }
}
