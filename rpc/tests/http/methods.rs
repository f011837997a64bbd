//! Every method over every way to call, and the table of them in docs/RPC.md, which this test
//! writes (`UPDATE_DOCS=1`) or else holds to what it saw.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rpc::params::Kind;
use rpc::routes::{PAGES, ROUTES, Route};
use rpc::{Config, Offer};
use serde_json::{Map, Value, json};

use crate::served::{BLOCKS, Mood, Served};
use crate::websocket::Client;
use crate::wire::{call, get, send};

const DOCS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/RPC.md");
const BEGIN: &str = "<!-- The table is written by rpc/tests/http/methods.rs. -->\n";
const END: &str = "<!-- End of the table. -->\n";
const TICK: &str = "✓";

/// Arguments with which a method has something to say.
fn arguments(served: &Served, route: &Route) -> Map<String, Value> {
    let block = || call(served.address, "block", json!({"height": "3"}))["result"].clone();
    let hash = || {
        let block = block();
        hex::decode(block["block_id"]["hash"].as_str().unwrap()).unwrap()
    };
    let tx_hash = || {
        let tx = STANDARD.decode(block()["block"]["data"]["txs"][0].as_str().unwrap()).unwrap();
        hex::decode(types::TxHash::of(&types::Tx::from(tx)).to_string()).unwrap()
    };
    let given = match route.name {
        "subscribe" | "unsubscribe" => json!({"query": "tm.event='NewBlock'"}),
        "blockchain" => json!({"minHeight": "2", "maxHeight": BLOCKS.to_string()}),
        "block" | "block_results" | "commit" | "header" | "consensus_params" => {
            json!({"height": "3"})
        }
        "validators" => json!({"height": "3", "page": "1", "per_page": "2"}),
        "genesis_chunked" => json!({"chunk": "0"}),
        "block_by_hash" => json!({"hash": STANDARD.encode(hash())}),
        "header_by_hash" => json!({"hash": hex::encode(hash())}),
        "tx" => json!({"hash": STANDARD.encode(tx_hash()), "prove": true}),
        "tx_search" => json!({"query": "tx.height=3", "prove": false, "order_by": "asc"}),
        "block_search" => json!({"query": "block.height=3", "per_page": "2"}),
        "unconfirmed_txs" => json!({"limit": "3"}),
        "check_tx" | "broadcast_tx_commit" | "broadcast_tx_sync" | "broadcast_tx_async" => {
            json!({"tx": STANDARD.encode("method=called")})
        }
        "abci_query" => json!({"path": "", "data": hex::encode("tx0"), "prove": false}),
        "broadcast_evidence" => {
            json!({"evidence": rpc::json::block::evidence(&served.node.equivocation())})
        }
        "dial_seeds" => json!({"seeds": ["a@b:1"]}),
        "dial_peers" => json!({"peers": ["a@b:1"], "persistent": true, "private": false}),
        _ => json!({}),
    };
    let Value::Object(given) = given else { panic!("arguments have names") };
    given
}

/// Arguments as the query of a URI.
fn in_uri(route: &Route, given: &Map<String, Value>) -> String {
    let pairs = route.params.iter().filter_map(|param| {
        let value = given.get(param.name)?;
        let text = value.as_str().unwrap_or_default();
        let written = match param.kind {
            Kind::Int => text.to_owned(),
            Kind::Bool | Kind::Texts | Kind::Json | Kind::Text => value.to_string(),
            Kind::Hex => format!("0x{text}"),
            Kind::Bytes => format!("0x{}", hex::encode(STANDARD.decode(text).unwrap())),
        };
        Some((param.name, written))
    });
    serde_urlencoded::to_string(pairs.collect::<Vec<_>>()).unwrap()
}

/// Whether a method answers, over each way; it may be that there is none of this name, and else
/// it has to answer with a result.
fn seen(served: &Served, route: &Route) -> [bool; 3] {
    let given = arguments(served, route);
    let answers = |answer: &Value, way: &str| {
        let is_missing = answer["error"]["code"] == -32601;
        assert!(is_missing || answer.get("result").is_some(), "{way} {}: {answer}", route.name);
        !is_missing
    };
    let by_get = get(served.address, &format!("/{}?{}", route.name, in_uri(route, &given)));
    let by_get = answers(&by_get.json(), "GET");
    let by_post = answers(&call(served.address, route.name, json!(given)), "POST");
    let by_websocket = served.block_on(async {
        let mut client = Client::connect(served.address).await;
        if route.name.starts_with("unsubscribe") {
            client.subscribe("first", "tm.event='NewBlock'").await;
        }
        client.call(json!(1), route.name, json!(given)).await
    });
    [by_get, by_post, answers(&by_websocket, "websocket")]
}

fn row(cells: [&str; 6]) -> String {
    format!("| {} |\n", cells.join(" | "))
}

/// The table, from what the server does.
fn table() -> String {
    let config = Config { offer: Offer::All, ..Config::default() };
    let served = Served::start(Mood::Decides, config);
    let mut table = row(["method", "parameters", "GET", "POST", "websocket", "what for"]);
    table.push_str("|---|---|---|---|---|---|\n");
    for route in ROUTES {
        let ticks = seen(&served, route).map(|is_seen| if is_seen { TICK } else { "" });
        let names: Vec<String> = route
            .params
            .iter()
            .map(|it| if it.required { it.name.to_owned() } else { format!("{}?", it.name) })
            .collect();
        let star = if route.offer == Offer::All { " *" } else { "" };
        let name = format!("`{}`{star}", route.name);
        let [by_get, by_post, by_websocket] = ticks;
        let names = names.join(", ");
        table.push_str(&row([&name, &names, by_get, by_post, by_websocket, route.summary]));
    }
    for page in PAGES {
        let head = format!("HEAD {} HTTP/1.1", page.path);
        let [by_get, by_post] =
            [&head, &format!("POST {} HTTP/1.1\r\ncontent-length: 0", page.path)].map(|head| {
                let status = send(served.address, head, b"").status;
                assert!([200, 405].contains(&status), "{head}: {status}");
                if status == 200 { TICK } else { "" }
            });
        let name = format!("`{}`", page.path);
        table.push_str(&row([&name, "", by_get, by_post, "", page.summary]));
    }
    table
}

#[test]
fn the_documents_table_is_what_every_way_to_call_gives() {
    let seen = table();
    let text = std::fs::read_to_string(DOCS).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("docs/RPC.md has the table");
    let (written, after) = rest.split_once(END).expect("the table has an end");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(DOCS, format!("{before}{BEGIN}{seen}{END}{after}")).unwrap();
        return;
    }
    assert!(written == seen, "docs/RPC.md is behind; UPDATE_DOCS=1 writes what follows:\n{seen}");
}
