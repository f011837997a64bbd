//! Our own client of the RPC, and answers that mean harm.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use node::client::{Client, wait_for};
use serde_json::Value;

/// Largest answer that the client takes, and what the system's buffers hold besides.
const TAKEN_MAX: usize = 80 * 1024 * 1024;

/// A server that answers one request with this head, and then the same bytes again and again, until
/// nobody reads any more. Where it is, and how many bytes it got rid of.
fn serve(head: &'static str, piece: Vec<u8>, pieces: usize) -> (String, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        let _ = stream.read(&mut [0; 4096]).expect("the client asks");
        stream.write_all(head.as_bytes()).expect("the client reads the head");
        let mut sent = 0;
        for _ in 0..pieces {
            if stream.write_all(&piece).is_err() {
                break;
            }
            sent += piece.len();
        }
        sent
    });
    (address, serving)
}

fn ask(address: &str) -> anyhow::Result<Value> {
    let client = Client::new(address)?;
    wait_for(client.call("status", Value::Null))
}

/// A client unpacked whatever it was sent, and a small answer filled the memory. This one unpacks
/// nothing, and stops reading at its limit.
#[test]
fn advisory_50_an_answer_is_neither_unpacked_nor_read_without_end() {
    let packed = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 20\r\n\r\n";
    let (address, serving) = serve(head, packed.to_vec(), 1);
    let error = ask(&address).expect_err("it is no JSON");
    assert!(format!("{error:#}").contains("no JSON"), "{error:#}");
    assert_eq!(serving.join().expect("the server ends"), packed.len());

    let chunk = [b"100000\r\n".to_vec(), vec![b' '; 0x10_0000], b"\r\n".to_vec()].concat();
    let endless = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let large = "HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n";
    for head in [endless, large] {
        let (address, serving) = serve(head, chunk.clone(), 400);
        assert!(ask(&address).is_err());
        let taken = serving.join().expect("the server ends");
        assert!(taken < TAKEN_MAX, "{taken} bytes were taken");
    }
}
