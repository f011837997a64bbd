//! What must hold for any bytes that a client sends. Run by libFuzzer (`rpc/fuzz`) and by tests.

use rpc::Query;
use rpc::dispatch::requests_in;
use rpc::params::Arguments;
use rpc::routes::{Offer, Route};
use serde_json::json;

/// A body of JSON-RPC: it is refused with a reason, or its ids can be sent back, and its arguments
/// are understood or refused with a code of the reference.
pub fn requests(bytes: &[u8]) {
    let requests = match requests_in(bytes) {
        Ok(requests) => requests,
        Err(reason) => {
            assert!(!reason.is_empty());
            return;
        }
    };
    for request in requests.into_iter().flatten() {
        assert!(request.id.is_string() || request.id.is_i64(), "{:?}", request.id);
        // What we understood is understood the same when it is written anew.
        let again = json!({"id": request.id, "method": request.method, "params": request.params});
        let read = requests_in(again.to_string().as_bytes()).expect("we wrote it");
        let [Some(read)] = &read[..] else { panic!("one request, and no notification") };
        assert_eq!((&read.id, &read.method), (&request.id, &request.method));
        let Some(route) = Offer::All.find(&request.method) else { continue };
        match Arguments::from_json(route.params, request.params.as_ref()) {
            Ok(arguments) => look_at(route, &arguments),
            Err(error) => assert_eq!(error.code, -32602),
        }
    }
}

/// The query of a URI, read for every method.
pub fn uris(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(pairs) = serde_urlencoded::from_str::<Vec<(String, String)>>(text) else { return };
    for route in Offer::All.routes() {
        match Arguments::from_query(route.params, &pairs) {
            Ok(arguments) => look_at(route, &arguments),
            Err(error) => {
                assert_eq!(error.code, -32602);
                let beginning = "error converting http params to arguments: ";
                assert!(error.data.starts_with(beginning), "{}", error.data);
            }
        }
    }
}

/// A query of a subscription or search: it is refused at a place within it, or means the same
/// however it is written.
pub fn queries(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Query::parse(text) {
        Ok(query) => {
            assert_eq!(query.text(), text);
            let written = query.to_string();
            // A space after a key of such a name, which is written here, makes it begin a literal.
            let reads_back =
                query.conditions().iter().all(|it| !["DATE", "TIME"].contains(&&*it.key));
            if reads_back && written.len() <= rpc::search::QUERY_BYTES_MAX {
                let again = Query::parse(&written);
                assert_eq!(again.as_ref(), Ok(&query), "{text:?} became {written:?}");
            }
            query.matches(&tags());
        }
        Err(rpc::QueryError::TooLong) => assert!(rpc::search::QUERY_BYTES_MAX < text.len()),
        Err(rpc::QueryError::Syntax { offset, column, .. }) => {
            assert!(offset <= text.len() && text.is_char_boundary(offset), "{offset}: {text:?}");
            assert_eq!(column, text[..offset].chars().count() + 1, "{text:?}");
        }
    }
}

/// Reads all that a method could.
fn look_at(route: &Route, arguments: &Arguments) {
    for param in route.params {
        let name = param.name;
        let is_something = arguments.int(name).is_some()
            || arguments.bool(name)
            || !arguments.text(name).is_empty()
            || !arguments.bytes(name).is_empty()
            || !arguments.texts(name).is_empty()
            || arguments.json(name).is_some();
        assert!(arguments.has(name) || !is_something, "{name}");
        arguments.hash(name);
    }
    if let Ok(Some(height)) = arguments.height() {
        assert!(0 < height.0);
    }
}

/// What an event might carry.
fn tags() -> rpc::Tags {
    let values = |values: [&str; 3]| values.map(str::to_owned).to_vec();
    [
        ("tm.event".to_owned(), values(["Tx", "NewBlock", ""])),
        ("tx.height".to_owned(), values(["7", "-1", "99999999999999999999999"])),
        ("a.b".to_owned(), values(["8atom", "1.0", "2026-01-31T12:00:00Z"])),
    ]
    .into()
}
