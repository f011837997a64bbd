//! A client that speaks by websocket: requests, subscriptions, their limits and their end.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use rpc::Config;
use rpc::events::{RoundEvent, RoundNews};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream as Socket};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};
use types::message::WireStep;
use types::{Height, Round, Tx};

use crate::served::{BLOCKS, Mood, Served};
use crate::wire::{call, error_of, get, post};

/// How long a test waits for what should have come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A websocket to a server.
pub struct Client {
    stream: WebSocketStream<MaybeTlsStream<Socket>>,
    /// Events that came before an answer.
    early: VecDeque<Value>,
}

impl Client {
    /// Connects.
    pub async fn connect(server: SocketAddr) -> Self {
        let (stream, _) = connect_async(format!("ws://{server}/websocket")).await.unwrap();
        Self { stream, early: VecDeque::new() }
    }

    /// Connects, with little room for what it has not read yet.
    async fn connect_narrow(server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        let socket = MaybeTlsStream::Plain(socket.connect(server).await.unwrap());
        let (stream, _) = client_async(format!("ws://{server}/websocket"), socket).await.unwrap();
        Self { stream, early: VecDeque::new() }
    }

    async fn send(&mut self, text: impl Into<String>) {
        self.stream.send(Message::text(text.into())).await.unwrap();
    }

    /// The next text; none if the server ended the connection.
    pub async fn hear(&mut self) -> Option<Value> {
        match self.early.pop_front() {
            Some(early) => Some(early),
            None => self.read().await,
        }
    }

    async fn read(&mut self) -> Option<Value> {
        loop {
            let heard = tokio::time::timeout(PATIENCE, self.stream.next()).await;
            match heard.expect("the server says something in time") {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The answer to a request of this id.
    pub async fn call(&mut self, id: Value, method: &str, params: Value) -> Value {
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.send(request.to_string()).await;
        loop {
            let answer = self.read().await.expect("an answer");
            if answer["id"] == id {
                return answer;
            }
            self.early.push_back(answer);
        }
    }

    /// Subscribes, and reads that it was accepted.
    pub async fn subscribe(&mut self, id: &str, query: &str) {
        let answer = self.call(json!(id), "subscribe", json!({"query": query})).await;
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": id, "result": {}}));
    }
}

#[test]
fn methods_answer_as_they_do_over_http() {
    let served = Served::plain();
    served.block_on(async {
        let mut client = Client::connect(served.address).await;
        let calls = [
            ("status", json!({})),
            ("block", json!({"height": "3"})),
            ("block", json!([3])),
            ("tx", json!({"hash": "AAAA"})),
            ("commit", json!(null)),
            ("validators", json!({"per_page": "2"})),
            ("nothing", json!({})),
        ];
        for (method, params) in calls {
            let ours = client.call(json!(1), method, params.clone()).await;
            let server = served.address;
            let asked = (method.to_owned(), params);
            let theirs = move || call(server, &asked.0, asked.1.clone());
            let theirs = tokio::task::spawn_blocking(theirs).await.unwrap();
            assert_eq!(ours, theirs, "{method}");
        }
    });
}

#[test]
fn what_is_no_request_gets_the_references_error() {
    let served = Served::plain();
    served.block_on(async {
        let mut client = Client::connect(served.address).await;
        for text in ["{", "[]", "7", r#"{"id": true, "method": "health"}"#] {
            client.send(text).await;
            let answer = client.hear().await.unwrap();
            assert_eq!(answer["error"]["code"], -32700, "{text}");
            assert_eq!(answer.get("id"), None, "{text}");
        }
        // Over HTTP this has another code.
        let answer = client.call(json!(1), "block", json!({"height": "x"})).await;
        let (code, text) = error_of(&answer);
        assert_eq!(code, -32603);
        assert!(text.starts_with("error converting json params to arguments: height"), "{text}");
        // Notifications get no answer: the next one is for the request behind them.
        client.send(r#"{"method": "health"}"#).await;
        client.send("null").await;
        assert_eq!(client.call(json!("next"), "health", json!({})).await["result"], json!({}));
    });
}

#[test]
fn subscribers_hear_blocks_and_transactions_under_the_id_of_their_request() {
    let served = Served::plain();
    served.block_on(async {
        let mut client = Client::connect(served.address).await;
        client.subscribe("blocks", "tm.event = 'NewBlock'").await;
        client.subscribe("txs", "tm.event='Tx' AND tx.height>1").await;
        let sent = json!({"tx": "d3M9MQ=="});
        let request = json!({"id": 7, "method": "broadcast_tx_commit", "params": sent});
        client.send(request.to_string()).await;
        let mut heard = std::collections::BTreeMap::new();
        while heard.len() < 3 {
            let text = client.hear().await.unwrap();
            heard.insert(text["id"].to_string(), text["result"].clone());
        }
        let height = (BLOCKS + 1).to_string();
        assert_eq!(heard["7"]["height"], height.as_str());
        let block = &heard["\"blocks\""];
        assert_eq!(block["query"], "tm.event = 'NewBlock'");
        assert_eq!(block["data"]["type"], "tendermint/event/NewBlock");
        assert_eq!(block["data"]["value"]["block"]["header"]["height"], height.as_str());
        assert_eq!(block["events"]["tm.event"], json!(["NewBlock"]));
        let tx = &heard["\"txs\""];
        assert_eq!(tx["data"]["value"]["TxResult"]["tx"], "d3M9MQ==");
        assert_eq!(tx["data"]["value"]["TxResult"].get("index"), None, "the first has none");
        assert_eq!(tx["events"]["tx.hash"], json!([heard["7"]["hash"]]));
        assert_eq!(tx["events"]["tx.height"], json!([height]));
    });
}

#[test]
fn news_of_consensus_are_heard_by_whom_they_concern() {
    let served = Served::plain();
    served.block_on(async {
        let mut client = Client::connect(served.address).await;
        assert!(!served.node.bus.listened());
        client.subscribe("polka", "tm.event = 'Polka'").await;
        client.subscribe("round", "tm.event = 'NewRound'").await;
        assert!(served.node.bus.listened());
        let (height, round, step) = (Height(13), Round(2), WireStep::Prevote);
        let proposer = served.node.proposer();
        for what in [RoundEvent::Lock, RoundEvent::Polka, RoundEvent::NewRound(proposer)] {
            served.node.bus.announce(RoundNews { height, round, step, what });
        }
        let place = json!({"height": "13", "round": 2, "step": "RoundStepPrevote"});
        let polka = client.hear().await.unwrap();
        assert_eq!(polka["id"], "polka");
        let data = json!({"type": "tendermint/event/RoundState", "value": place});
        assert_eq!(polka["result"]["data"], data);
        assert_eq!(polka["result"]["events"], json!({"tm.event": ["Polka"]}));
        let round = client.hear().await.unwrap();
        assert_eq!(round["id"], "round");
        let expected = json!({"address": proposer.to_string(), "index": 0});
        assert_eq!(round["result"]["data"]["value"]["proposer"], expected);
    });
}

#[test]
fn who_unsubscribes_hears_no_more() {
    let served = Served::plain();
    served.block_on(async {
        let mut client = Client::connect(served.address).await;
        client.subscribe("a", "tm.event='NewBlock'").await;
        client.subscribe("b", "tm.event='NewBlockHeader'").await;
        // However it is written, it is the same query.
        let query = json!({"query": "tm.event  =  'NewBlock'"});
        let twice = client.call(json!(1), "subscribe", query.clone()).await;
        assert_eq!(error_of(&twice), (-32603, "already subscribed"));
        let ended = client.call(json!(2), "unsubscribe", query.clone()).await;
        assert_eq!(ended["result"], json!({}));
        let again = client.call(json!(3), "unsubscribe", query).await;
        assert_eq!(error_of(&again), (-32603, "subscription not found"));
        client.call(json!(4), "broadcast_tx_async", json!({"tx": "d3M9Mg=="})).await;
        assert_eq!(client.hear().await.unwrap()["id"], "b");
        let ended = client.call(json!(5), "unsubscribe_all", json!({})).await;
        assert_eq!(ended["result"], json!({}));
        let again = client.call(json!(6), "unsubscribe_all", json!({})).await;
        assert_eq!(error_of(&again), (-32603, "subscription not found"));
        client.call(json!(7), "broadcast_tx_async", json!({"tx": "d3M9Mw=="})).await;
        client.call(json!(8), "health", json!({})).await;
        assert_eq!(client.early, [Value::Null; 0]);
    });
}

#[test]
fn queries_that_make_no_sense_are_refused_with_the_place() {
    let served = Served::plain();
    served.block_on(async {
        let mut client = Client::connect(served.address).await;
        let malformed = json!({"query": "malformed query"});
        let answer = client.call(json!(1), "subscribe", malformed).await;
        let (code, text) = error_of(&answer);
        assert_eq!(code, -32603);
        assert!(text.starts_with("failed to parse query: offset 10: "), "{text}");
        let long = json!({"query": format!("a.b = '{}'", "x".repeat(512))});
        let answer = client.call(json!(2), "subscribe", long).await;
        assert_eq!(error_of(&answer), (-32603, "maximum query length exceeded"));
    });
}

#[test]
fn subscriptions_are_limited_for_one_client_and_for_all() {
    let config = Config {
        subscription_clients_max: 2,
        subscriptions_per_client_max: 1,
        ..Config::default()
    };
    let served = Served::start(Mood::Decides, config);
    let query = |number: u32| json!({"query": format!("a.b = '{number}'")});
    served.block_on(async {
        let mut first = Client::connect(served.address).await;
        first.subscribe("a", "tm.event='NewBlock'").await;
        let more = first.call(json!(1), "subscribe", query(1)).await;
        assert_eq!(error_of(&more), (-32603, "max_subscriptions_per_client 1 reached"));
        let mut second = Client::connect(served.address).await;
        second.subscribe("a", "tm.event='NewBlock'").await;
        let mut third = Client::connect(served.address).await;
        let full = third.call(json!(1), "subscribe", query(1)).await;
        assert_eq!(error_of(&full), (-32603, "max_subscription_clients 2 reached"));
        second.call(json!(2), "unsubscribe_all", json!({})).await;
        third.subscribe("b", "tm.event='NewBlock'").await;
    });
}

#[test]
fn who_does_not_read_misses_events_and_is_told_so_and_stops_nobody() {
    let config = Config { subscription_buffer: 3, ..Config::default() };
    let served = Served::start(Mood::Decides, config);
    served.block_on(async {
        let mut slow = Client::connect(served.address).await;
        slow.subscribe("slow", "tm.event='Tx'").await;
        // More than what the sockets between us hold.
        let node = served.node.clone();
        let decided = tokio::task::spawn_blocking(move || {
            for number in 0..100_u32 {
                let tx = format!("{number}={}", "x".repeat(300_000));
                rpc::Node::submit_later(&*node, tx.into()).unwrap();
            }
        });
        decided.await.unwrap();
        let mut heard = 0;
        let error = loop {
            let text = slow.hear().await.expect("the error comes before the end");
            assert_eq!(text["id"], "slow");
            if text.get("error").is_some() {
                break text;
            }
            heard += 1;
        };
        let reason =
            "subscription was canceled (reason: client is not pulling messages fast enough)";
        assert_eq!(error_of(&error), (-32000, reason));
        assert!(heard < 100, "something was missed");
        // And it may begin again.
        slow.subscribe("again", "tm.event='Tx'").await;
        slow.call(json!(1), "broadcast_tx_async", json!({"tx": "d3M9NA=="})).await;
        assert_eq!(slow.hear().await.unwrap()["id"], "again");
    });
}

/// A crowd on one node: whoever reads hears everything in order, whoever does not is told why, and
/// hung up on where the operator wants that.
#[test]
fn slow_ones_of_a_crowd_are_cut_with_the_reason_and_the_others_miss_nothing() {
    const TXS: usize = 100;
    let config = Config {
        subscription_buffer: 40,
        close_on_slow_client: true,
        // It is the buffer that runs out, not our patience.
        write_timeout: 6 * PATIENCE,
        ..Config::default()
    };
    let served = Served::start(Mood::Decides, config);
    served.block_on(async {
        let mut slow = Vec::new();
        let mut readers = tokio::task::JoinSet::new();
        let (heard, mut all_heard) = tokio::sync::watch::channel(Vec::<usize>::new());
        let heard = std::sync::Arc::new(heard);
        for number in 0..20 {
            let mut client = Client::connect(served.address).await;
            client.subscribe("txs", "tm.event='Tx'").await;
            if number % 10 == 0 {
                slow.push(client);
                continue;
            }
            let (heard, reader) = (heard.clone(), readers.len());
            heard.send_modify(|counts| counts.push(0));
            readers.spawn(async move {
                for index in 0..TXS {
                    let event = client.hear().await.expect("a reader is not cut");
                    let height = event["result"]["data"]["value"]["TxResult"]["height"].clone();
                    assert_eq!(height, (BLOCKS as usize + 1 + index).to_string());
                    heard.send_modify(|counts| counts[reader] += 1);
                }
            });
        }
        for index in 0..TXS {
            // No faster than each of the readers reads, who are not to be the slow ones.
            let least = index.saturating_sub(10);
            all_heard.wait_for(|counts| counts.iter().all(|it| least <= *it)).await.unwrap();
            let (node, tx) = (served.node.clone(), format!("{index}={}", "x".repeat(300_000)));
            let sent = move || rpc::Node::submit_later(&*node, tx.into());
            tokio::task::spawn_blocking(sent).await.unwrap().unwrap();
        }
        while let Some(read) = readers.join_next().await {
            read.unwrap();
        }
        for client in &mut slow {
            let error = loop {
                let text = client.hear().await.expect("the reason comes before the end");
                if text.get("error").is_some() {
                    break text;
                }
            };
            let reason =
                "subscription was canceled (reason: client is not pulling messages fast enough)";
            assert_eq!(error_of(&error), (-32000, reason));
            assert_eq!(client.hear().await, None, "and then it is hung up on");
        }
    });
}

#[test]
fn who_answers_no_ping_is_cut_and_who_does_stays() {
    let config = Config {
        websocket_ping_period: Duration::from_millis(100),
        websocket_silence_max: Duration::from_secs(2),
        ..Config::default()
    };
    let served = Served::start(Mood::Decides, config);
    served.block_on(async {
        let mut lively = Client::connect(served.address).await;
        let mut silent = TcpStream::connect(served.address).unwrap();
        let server = served.address;
        let cut = tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            silent.set_read_timeout(Some(PATIENCE)).unwrap();
            let head = format!(
                "GET /websocket HTTP/1.1\r\nhost: {server}\r\nconnection: upgrade\r\n\
                 upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                 sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            );
            silent.write_all(head.as_bytes()).unwrap();
            let mut heard = Vec::new();
            silent.read_to_end(&mut heard).unwrap();
            heard
        });
        // Reading is what answers pings.
        let stayed = tokio::select! {
            heard = cut => heard.unwrap(),
            text = lively.hear() => panic!("the lively one heard {text:?}"),
        };
        assert!(stayed.starts_with(b"HTTP/1.1 101"));
        assert!(stayed.windows(2).any(|frame| frame == [0x89, 0]), "it was pinged first");
        assert_eq!(lively.call(json!(1), "health", json!({})).await["result"], json!({}));
    });
}

/// While we write one large thing, we neither ping nor listen, and the client owes nothing.
#[test]
fn who_reads_slowly_and_steadily_is_not_silent() {
    const TXS: usize = 60;
    const SLOWLY: usize = 30;
    let silence_max = Duration::from_secs(2);
    let config = Config {
        websocket_ping_period: silence_max / 10,
        websocket_silence_max: silence_max,
        ..Config::default()
    };
    let served = Served::start(Mood::Decides, config);
    served.block_on(async {
        let mut slow = Client::connect_narrow(served.address).await;
        slow.subscribe("txs", "tm.event='Tx'").await;
        let large = |index| Tx::from(format!("{index}={}", "x".repeat(200_000)));
        served.node.decide((0..TXS).map(large).collect());
        served.node.bus.executed(Height(BLOCKS + 1));
        // So long that the client would be cut if that were silence.
        let mut pace = tokio::time::interval(silence_max * 2 / SLOWLY as u32);
        for index in 0..TXS {
            if index < SLOWLY {
                pace.tick().await;
            }
            let event = slow.hear().await.expect("it is not cut");
            let event = &event["result"]["data"]["value"]["TxResult"];
            assert_eq!(event["index"].as_u64().unwrap_or_default(), index as u64);
        }
        assert_eq!(slow.call(json!(1), "health", json!({})).await["result"], json!({}));
    });
}

#[test]
fn a_websocket_takes_a_connections_place_until_it_ends() {
    let served = Served::start(Mood::Decides, Config { connections_max: 1, ..Config::default() });
    served.block_on(async {
        let mut client = Client::connect(served.address).await;
        client.call(json!(1), "health", json!({})).await;
        let server = served.address;
        let waiting = tokio::task::spawn_blocking(move || get(server, "/health").status);
        client.call(json!(2), "health", json!({})).await;
        assert!(!waiting.is_finished(), "there is one place, and it is taken");
        drop(client);
        assert_eq!(waiting.await.unwrap(), 200);
    });
}

#[test]
fn subscribing_over_http_is_no_method() {
    let served = Served::plain();
    let answer = get(served.address, "/subscribe?query=\"tm.event='Tx'\"");
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error"]["code"], -32601);
    let answer = call(served.address, "subscribe", json!({"query": "tm.event='Tx'"}));
    assert_eq!(answer["error"]["code"], -32601);
    let plain = post(served.address, "{}");
    assert_eq!(plain.status, 200);
}
