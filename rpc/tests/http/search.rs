//! `tx_search` and `block_search` over a chain whose transactions have the kvstore's events.

use rpc::search::QUERY_BYTES_MAX;
use serde_json::{Value, json};
use tendermint_rpc::client::CompatMode;
use tendermint_rpc::query::Query;
use tendermint_rpc::{Client, HttpClient, Order};
use types::{Height, Tx};

use crate::served::{BLOCKS, SEARCH_ROWS_MAX, Served};
use crate::wire::{call, get};

/// Four blocks more, each with three transactions, after those that a node begins with.
fn served() -> Served {
    let served = Served::plain();
    for height in 0..4 {
        let txs = (0..3).map(|index| Tx::from(format!("key{height}-{index}={index}")));
        served.node.decide(txs.collect());
    }
    served
}

fn heights(answer: &Value) -> Vec<String> {
    let txs = answer["result"]["txs"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let place = |tx: &Value| format!("{}.{}", tx["height"].as_str().unwrap(), tx["index"]);
    txs.iter().map(place).collect()
}

fn search(served: &Served, params: Value) -> Value {
    call(served.address, "tx_search", params)
}

#[test]
fn transactions_are_found_by_what_their_events_carry() {
    let served = served();
    for (query, places) in [
        ("app.key = 'key1-2'", "14.2"),
        ("app.key = 'key1-2' AND tx.height = 14", "14.2"),
        ("app.key = 'key1-2' AND tx.height < 14", ""),
        ("app.key CONTAINS '-1'", "13.1 14.1 15.1 16.1"),
        ("app.key CONTAINS '-1' AND tx.height > 13 AND tx.height <= 15", "14.1 15.1"),
        ("app.creator = 'Cosmoshi Netowoko' AND app.key = 'key3-0'", "16.0"),
        // The second event of each has the value, and not the key.
        ("app.creator = 'Cosmoshi' AND app.key = 'key3-0'", ""),
        ("app.creator = 'Cosmoshi' AND app.key = 2", "13.2 14.2 15.2 16.2"),
        ("app.key > 0 AND app.key <= 1", "13.1 14.1 15.1 16.1"),
        ("app.noindex_key EXISTS", ""),
        ("app.key EXISTS AND tx.height = 3", "3.0 3.1"),
        ("tx.height = 16", "16.0 16.1 16.2"),
        ("tx.height > 16", ""),
        ("nobody.knows EXISTS", ""),
    ] {
        let answer = search(&served, json!({ "query": query }));
        let expected: Vec<&str> = places.split_whitespace().collect();
        assert_eq!(heights(&answer), expected, "{query}");
        assert_eq!(answer["result"]["total_count"], expected.len().to_string(), "{query}");
    }
}

#[test]
fn pages_are_cut_from_either_end() {
    let served = served();
    let page = |page: u64, order: &str| {
        let query = "app.index_key = 'index is working'";
        let params = json!({"query": query, "page": page, "per_page": "5", "order_by": order});
        search(&served, params)
    };
    assert_eq!(heights(&page(1, "asc")), ["3.0", "3.1", "13.0", "13.1", "13.2"]);
    assert_eq!(heights(&page(3, "")), ["15.2", "16.0", "16.1", "16.2"]);
    assert_eq!(heights(&page(1, "desc")), ["16.2", "16.1", "16.0", "15.2", "15.1"]);
    assert_eq!(heights(&page(3, "desc")), ["13.1", "13.0", "3.1", "3.0"]);
    assert_eq!(page(2, "desc")["result"]["total_count"], "14");
    let error = page(4, "asc");
    assert_eq!(error["error"]["data"], "page should be within [1, 3] range, given 4");
    let by_uri = "/tx_search?query=%22tx.height=13%22&page=1&per_page=2&order_by=%22desc%22";
    assert_eq!(heights(&get(served.address, by_uri).json()), ["13.2", "13.1"]);
}

#[test]
fn what_is_found_has_the_shape_of_tx() {
    let served = served();
    let found = search(&served, json!({"query": "tx.height = 14", "prove": true}));
    for tx in found["result"]["txs"].as_array().unwrap() {
        let hash = tx["hash"].as_str().unwrap();
        let same = get(served.address, &format!("/tx?hash=0x{hash}&prove=true")).json();
        assert_eq!(tx, &same["result"]);
        let by_hash = search(&served, json!({"query": format!("tx.hash='{hash}'")}));
        assert_eq!(by_hash["result"]["total_count"], "1");
        assert_eq!(by_hash["result"]["txs"][0]["tx"], tx["tx"]);
        assert_eq!(by_hash["result"]["txs"][0].get("proof"), None);
    }
}

#[test]
fn blocks_are_found_from_the_latest_down() {
    let served = served();
    let found = |params: Value| {
        let answer = call(served.address, "block_search", params);
        let blocks = answer["result"]["blocks"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let height = |it: &Value| it["block"]["header"]["height"].as_str().unwrap().to_owned();
        (blocks.iter().map(height).collect::<Vec<_>>(), answer["result"]["total_count"].clone())
    };
    let some = json!({"query": "block.height > 3 AND block.height < 15", "per_page": 2});
    assert_eq!(found(some), (vec!["14".to_owned(), "13".to_owned()], json!("11")));
    let one = json!({"query": "block.height = 3", "order_by": "asc"});
    let (heights, _) = found(one.clone());
    assert_eq!(heights, ["3"]);
    let answer = call(served.address, "block_search", one);
    let block = call(served.address, "block", json!({"height": "3"}));
    assert_eq!(answer["result"]["blocks"][0], block["result"]);
    assert_eq!(found(json!({"query": "some.thing = 'x'"})), (vec![], json!("0")));
}

#[test]
fn faults_are_told_in_the_references_words() {
    let served = served();
    let long = format!("a.b='{}'", "x".repeat(QUERY_BYTES_MAX));
    let order = "expected order_by to be either `asc` or `desc` or empty";
    let wanted = "got tag, wanted <= operator";
    for (params, text) in [
        (json!({"query": "app.key NOT 'x'"}), format!("offset 8: {wanted}")),
        (json!({"query": ""}), "offset 0: EOF".to_owned()),
        (json!({ "query": long }), "maximum query length exceeded".to_owned()),
        (json!({"query": "app.key EXISTS", "order_by": "up"}), order.to_owned()),
        (json!({"query": "a.b = 1", "page": 0}), "page should be within [1, 1] range".to_owned()),
    ] {
        for method in ["tx_search", "block_search"] {
            let answer = call(served.address, method, params.clone());
            assert_eq!(answer["error"]["code"], -32603, "{answer}");
            let told = answer["error"]["data"].as_str().unwrap();
            assert!(told.starts_with(&text), "{method} {params}: {told}");
        }
    }
}

#[test]
fn a_search_that_would_read_too_much_says_how_to_ask() {
    let served = Served::plain();
    for block in 0..3 {
        let txs = (0..SEARCH_ROWS_MAX).map(|index| Tx::from(format!("k{block}-{index}=v")));
        served.node.decide(txs.collect());
    }
    let wide = search(&served, json!({"query": "app.key CONTAINS 'k1-7'"}));
    let told = wide["error"]["data"].as_str().unwrap();
    assert!(told.contains("more than 200 rows") && told.contains("range of heights"), "{told}");
    let narrow = search(&served, json!({"query": "app.key CONTAINS 'k1-7' AND tx.height = 3"}));
    assert_eq!(narrow["result"]["total_count"], "0");
    // However many there are: one run of rows knows its count.
    let hot = search(&served, json!({"query": "app.creator = 'Cosmoshi'", "page": 20}));
    assert_eq!(hot["result"]["total_count"], (3 * SEARCH_ROWS_MAX + 2).to_string());
    assert_eq!(hot["result"]["txs"].as_array().unwrap().len(), 30);
}

#[test]
fn what_is_pruned_is_not_found() {
    let served = served();
    served.node.prune(Height(14));
    let answer = search(&served, json!({"query": "app.creator EXISTS"}));
    assert_eq!(
        heights(&answer),
        ["14.0", "14.1", "14.2", "15.0", "15.1", "15.2", "16.0", "16.1", "16.2"]
    );
    let blocks = call(served.address, "block_search", json!({"query": "block.height > 0"}));
    assert_eq!(blocks["result"]["total_count"], "3");
}

#[test]
fn tendermint_rs_searches() {
    let served = served();
    let url = format!("http://{}", served.address).parse().unwrap();
    let client = HttpClient::builder(url).compat_mode(CompatMode::V0_38).build().unwrap();
    served.block_on(async {
        let query = Query::eq("app.key", "key0-1");
        let txs = client.tx_search(query, true, 1, 10, Order::Ascending).await.unwrap();
        assert_eq!((txs.total_count, txs.txs[0].height.value()), (1, BLOCKS + 1));
        assert!(txs.txs[0].proof.is_some());
        let query = Query::gt("block.height", BLOCKS);
        let blocks = client.block_search(query, 1, 3, Order::Descending).await.unwrap();
        assert_eq!((blocks.total_count, blocks.blocks.len()), (4, 3));
    });
}
