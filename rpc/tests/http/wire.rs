//! HTTP as bytes on a socket, so that nothing between a test and the server is polite for it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long a test waits for a server that should have answered.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer of the server.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The head, in lower case.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body as JSON; null if it is empty.
    pub fn json(&self) -> Value {
        if self.body.is_empty() { Value::Null } else { serde_json::from_str(&self.body).unwrap() }
    }

    /// The text of the error in the body.
    pub fn error_text(&self) -> String {
        self.json()["error"]["data"].as_str().unwrap_or_default().to_owned()
    }
}

/// A connection on which nothing was said.
pub fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends a request, and reads until the server ends the connection.
pub fn send(server: SocketAddr, head: &str, body: &[u8]) -> Answer {
    let mut stream = connect(server);
    let head = format!("{head}\r\nhost: test\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // A server that refuses a body need not read it to its end.
    let sent = stream.write_all(body);
    let mut bytes = Vec::new();
    match (stream.read_to_end(&mut bytes), sent) {
        (Ok(_), _) => {}
        (Err(error), _) if error.kind() == io::ErrorKind::ConnectionReset => {}
        (Err(error), _) => panic!("no answer: {error}"),
    }
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

/// `GET` of a path with its query.
pub fn get(server: SocketAddr, path: &str) -> Answer {
    send(server, &format!("GET {path} HTTP/1.1"), b"")
}

/// `POST /` with a body.
pub fn post(server: SocketAddr, body: &str) -> Answer {
    let head = format!("POST / HTTP/1.1\r\ncontent-length: {}", body.len());
    send(server, &head, body.as_bytes())
}

/// The answer to one JSON-RPC request.
pub fn call(server: SocketAddr, method: &str, params: Value) -> Value {
    let request =
        serde_json::json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    post(server, &request.to_string()).json()
}

/// Code and text of the error in an answer.
pub fn error_of(answer: &Value) -> (i64, &str) {
    let error = &answer["error"];
    (error["code"].as_i64().unwrap(), error["data"].as_str().unwrap_or_default())
}
