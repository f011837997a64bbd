//! Server-sent events: from any height, without a gap, however often the client comes back.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};

use rpc::Config;
use serde_json::Value;
use types::Height;

use crate::served::{BLOCKS, Mood, Served};
use crate::wire::{connect, get};

/// A client that reads events.
struct Reader {
    lines: BufReader<TcpStream>,
}

impl Reader {
    fn open(server: SocketAddr, query: &str, header: &str) -> Self {
        let mut stream = connect(server);
        let head = format!("GET /v1/events?{query} HTTP/1.1\r\nhost: test\r\n{header}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        Self { lines }
    }

    /// The next event: its id and its content.
    fn next(&mut self) -> (String, Value) {
        let mut id = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.lines.read_line(&mut line).unwrap(), 0, "the stream goes on");
            if let Some(text) = line.strip_prefix("id: ") {
                id = text.trim_end().to_owned();
            }
            if let Some(text) = line.strip_prefix("data: ") {
                return (id, serde_json::from_str(text).unwrap_or(Value::from(text.trim_end())));
            }
        }
    }
}

#[test]
fn events_are_told_from_any_height_and_go_on_with_what_happens() {
    let served = Served::plain();
    let mut reader = Reader::open(served.address, "from=1&query=tm.event='NewBlock'", "");
    for height in 1..=BLOCKS {
        let (id, event) = reader.next();
        assert_eq!(id, format!("{height}.0"));
        let header = &event["data"]["value"]["block"]["header"];
        assert_eq!(header["height"], height.to_string().as_str());
        assert_eq!(event["query"], "tm.event='NewBlock'");
    }
    rpc::Node::submit_later(&*served.node, "later=1".into()).unwrap();
    assert_eq!(reader.next().0, format!("{}.0", BLOCKS + 1));
}

#[test]
fn who_comes_back_gets_the_event_after_the_last_it_had() {
    let served = Served::plain();
    let mut all = Reader::open(served.address, "from=3", "");
    let kinds: Vec<(String, Value)> = (0..5).map(|_| all.next()).collect();
    let kind = |index: usize| kinds[index].1["data"]["type"].as_str().unwrap();
    assert_eq!(kind(0), "tendermint/event/NewBlock");
    assert_eq!(kind(3), "tendermint/event/Tx");
    for (index, (id, event)) in kinds.iter().enumerate() {
        assert_eq!(*id, format!("3.{index}"));
        assert_eq!(*event, Reader::open(served.address, &format!("from={id}"), "").next().1);
        let header = format!("last-event-id: {id}\r\n");
        let (next, _) = Reader::open(served.address, "from=1", &header).next();
        let expected = if index < 4 { format!("3.{}", index + 1) } else { "4.0".to_owned() };
        assert_eq!(next, expected);
    }
}

#[test]
fn without_a_place_only_what_happens_from_now_on_is_told() {
    let served = Served::plain();
    let mut reader = Reader::open(served.address, "query=tm.event='Tx'", "");
    rpc::Node::submit_later(&*served.node, "now=1".into()).unwrap();
    assert_eq!(reader.next().0, format!("{}.3", BLOCKS + 1));
}

/// A query for what only happens in rounds is refused; what a block has must not be.
#[test]
fn every_kind_of_event_that_a_block_has_may_be_asked_for() {
    let served = Served::plain();
    let mut all = Reader::open(served.address, "from=1&query=tm.event+EXISTS", "");
    let mut kinds = std::collections::BTreeSet::new();
    while kinds.len() < 4 {
        let (_, event) = all.next();
        kinds.insert(event["events"]["tm.event"][0].as_str().unwrap().to_owned());
    }
    for kind in kinds.iter().map(String::as_str).chain(["NewEvidence", "ValidatorSetUpdates"]) {
        Reader::open(served.address, &format!("query=tm.event='{kind}'"), "");
    }
    Reader::open(served.address, "query=tm.event+CONTAINS+'Block'+AND+a.b=1", "");
}

#[test]
fn places_that_are_not_kept_and_words_that_make_no_sense_are_refused() {
    let served =
        Served::start(Mood::Decides, Config { subscription_clients_max: 1, ..Config::default() });
    served.node.prune(Height(5));
    for (query, status, reason) in [
        ("from=4", 410, "height 4 is not available, lowest height is 5"),
        ("from=14", 410, "must be less than or equal to"),
        ("from=x", 400, "from: expected HEIGHT or HEIGHT.INDEX"),
        ("query=tx", 400, "failed to parse query"),
        ("query=tm.event='NewRound'", 400, "no event of a block has tm.event = 'NewRound'"),
        ("query=tm.event='Tx'+AND+tm.event='NewBlock'", 400, "NewBlock, NewBlockHeader,"),
    ] {
        let answer = get(served.address, &format!("/v1/events?{query}"));
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
        let text = answer.json()["data"].as_str().unwrap().to_owned();
        assert!(text.contains(reason), "{query}: {text}");
    }
    let _taken = Reader::open(served.address, "from=5", "");
    let answer = get(served.address, "/v1/events?from=5");
    assert_eq!(answer.status, 503, "{}", answer.body);
}
