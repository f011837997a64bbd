//! ABCI over real sockets: what a node asks arrives as it was asked, and what an application does
//! wrong ends the connection with a line that names it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "support/echoing.rs"]
mod echoing;
#[path = "support/questions.rs"]
mod questions;

use std::io::{BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use abci::frame::{read_frame, write_frame};
use abci::wire::{EXCEPTION, Kind, response};
use abci::{
    Application, ApplicationError, BlockRequest, Call, CheckTxKind, CheckTxRequest, CommitResponse,
    ConnectionLost, Endpoint, Fault, InfoRequest, InfoResponse, InitChainRequest,
    InitChainResponse, Lifeline, QueryRequest, QueryResponse, RemoteApplication, SocketConnection,
    SocketServer, Transport,
};
use bytes::Bytes;
use echoing::Echoing;
use types::{BlockOutcome, TxResult};

const PATIENCE: Duration = Duration::from_secs(20);

fn any_port() -> Endpoint {
    "tcp://127.0.0.1:0".parse().unwrap()
}

fn connect(endpoint: &Endpoint) -> Arc<SocketConnection> {
    Arc::new(SocketConnection::open("consensus", endpoint, Some(PATIENCE)).unwrap())
}

#[test]
fn every_call_arrives_as_it_was_put_over_both_kinds_of_sockets() {
    let folder = tempfile::tempdir().unwrap();
    let unix = Endpoint::Unix(folder.path().join("app.sock"));
    for endpoint in [any_port(), unix] {
        let application = Arc::new(Echoing::default());
        let server = SocketServer::start(&endpoint, Arc::clone(&application) as _).unwrap();
        let remote = RemoteApplication::new(connect(server.endpoint()));
        questions::put_all(&remote, &application);
    }
}

#[test]
fn the_socket_of_a_server_that_was_killed_is_taken_over_and_one_in_use_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists(), "as a killed server leaves it");
    let endpoint = Endpoint::Unix(path.clone());
    let server = SocketServer::start(&endpoint, Arc::new(Echoing::default())).unwrap();
    let refused = SocketServer::start(&endpoint, Arc::new(Echoing::default())).err().unwrap();
    assert!(refused.to_string().contains("app.sock"), "{refused}");
    drop(server);
    assert!(!path.exists(), "it is removed by who made it");
}

#[test]
fn a_file_that_is_no_socket_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("genesis.json");
    std::fs::write(&path, "precious").unwrap();
    let endpoint = Endpoint::Unix(path.clone());
    let refused = SocketServer::start(&endpoint, Arc::new(Echoing::default())).err().unwrap();
    assert!(refused.to_string().contains("genesis.json"), "{refused}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn many_threads_share_a_connection_and_each_gets_its_own_answers() {
    let server = SocketServer::start(&any_port(), Arc::new(Echoing::default())).unwrap();
    let remote = RemoteApplication::new(connect(server.endpoint()));
    questions::put_from_threads(&remote, 8, 500);
}

#[test]
fn a_client_that_writes_byte_by_byte_or_all_at_once_is_answered_in_order() {
    let server = SocketServer::start(&any_port(), Arc::new(Echoing::default())).unwrap();
    let Endpoint::Tcp(address) = server.endpoint() else { panic!("it is TCP") };
    let mut stream = TcpStream::connect(address).unwrap();
    let mut frames = vec![];
    write_frame(1, &[0x0a, 2, b'h', b'i'], &mut frames);
    write_frame(3, &[], &mut frames);
    // A Flush with an unknown field behind it.
    frames.extend([5, 0x12, 0, 0xa0, 0x06, 1]);
    stream.set_nodelay(true).unwrap();
    for byte in &frames {
        stream.write_all(&[*byte]).unwrap();
    }
    stream.write_all(&frames.repeat(3)).unwrap();
    let mut reader = BufReader::new(stream);
    for _ in 0..4 {
        for (number, payload) in [(2, Some("0a026869")), (4, None), (3, Some(""))] {
            let frame = read_frame(&mut reader, |_| true).unwrap().unwrap();
            assert_eq!(frame.number, number);
            assert!(payload.is_none_or(|it| hex(&frame.payload) == it), "{frame:?}");
        }
    }
}

fn checks(count: u8, bytes: usize) -> Vec<CheckTxRequest> {
    let request =
        |number| CheckTxRequest { tx: vec![number; bytes].into(), kind: CheckTxKind::New };
    (0..count).map(request).collect()
}

/// Reads so many requests, each with its Flush.
fn read_requests(reader: &mut BufReader<TcpStream>, count: u8) {
    for _ in 0..2 * count {
        read_frame(reader, |_| true).unwrap().unwrap();
    }
}

/// The answer to a transaction, and to the Flush behind it.
fn checked(code: u8) -> Vec<u8> {
    let (check, flush) = (Kind::Ask(Call::CheckTx), Kind::Flush);
    frames(&[(check.response_number(), &[8, code]), (flush.response_number(), &[])])
}

#[test]
fn transactions_are_all_asked_about_before_any_answer_and_each_answer_is_heard_at_once() {
    const COUNT: u8 = 16;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap().to_string());
    let (hear, heard) = std::sync::mpsc::channel();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        read_requests(&mut BufReader::new(stream.try_clone().unwrap()), COUNT);
        for code in 0..COUNT {
            stream.write_all(&checked(code)).unwrap();
            assert_eq!(heard.recv_timeout(PATIENCE), Ok(u32::from(code)));
        }
    });
    let remote = RemoteApplication::new(connect(&endpoint));
    assert_eq!(remote.checks_at_once(), usize::from(COUNT));
    remote.check_txs(&checks(COUNT, 100), &mut |it| hear.send(it.code).unwrap()).unwrap();
    server.join().unwrap();
}

/// It writes a mebibyte for each transaction, and reads the next one only then; what lies between
/// the ends of a Unix socket takes less than all that it is asked.
#[test]
fn an_application_with_much_to_say_may_say_it_before_it_has_read_all() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Endpoint::Unix(folder.path().join("app.sock"));
    let server = SocketServer::start(&endpoint, Arc::new(Wordy(Echoing::default()))).unwrap();
    let remote = RemoteApplication::new(connect(server.endpoint()));
    let requests = checks(40, 10_000);
    let mut results = vec![];
    remote.check_txs(&requests, &mut |it| results.push(it)).unwrap();
    assert_eq!(results.len(), 40);
    for (request, result) in requests.iter().zip(&results) {
        assert_eq!((&result.data[..], result.log.len()), (&request.tx[..], 1 << 20));
    }
}

/// Says back a transaction, and much more.
struct Wordy(Echoing);

impl Application for Wordy {
    fn info(&self, request: &InfoRequest) -> Result<InfoResponse, ApplicationError> {
        self.0.info(request)
    }

    fn init_chain(
        &self,
        request: &InitChainRequest,
    ) -> Result<InitChainResponse, ApplicationError> {
        self.0.init_chain(request)
    }

    fn check_tx(&self, request: &CheckTxRequest) -> Result<TxResult, ApplicationError> {
        let (data, log) = (request.tx.clone(), "x".repeat(1 << 20));
        Ok(TxResult { data, log, ..TxResult::default() })
    }

    fn query(&self, request: &QueryRequest) -> Result<QueryResponse, ApplicationError> {
        self.0.query(request)
    }

    fn finalize_block(&self, block: &BlockRequest) -> Result<BlockOutcome, ApplicationError> {
        self.0.finalize_block(block)
    }

    fn commit(&self) -> Result<CommitResponse, ApplicationError> {
        self.0.commit()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_server_says_why_it_closes_on_a_client_and_serves_the_next() {
    let server = SocketServer::start(&any_port(), Arc::new(Echoing::default())).unwrap();
    let Endpoint::Tcp(address) = server.endpoint() else { panic!("it is TCP") };
    let mut unknown = vec![];
    write_frame(23, b"later", &mut unknown);
    let mut wrong = vec![];
    write_frame(20, &[0xff; 8], &mut wrong);
    let endless = [0xff; 10].to_vec();
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f].to_vec();
    for (bytes, says) in [
        (unknown, "no known message"),
        (wrong, "cannot be taken"),
        (endless, "no unsigned varint"),
        (huge, "the limit is"),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(&bytes).unwrap();
        let mut reader = BufReader::new(stream);
        let frame = read_frame(&mut reader, |_| true).unwrap().unwrap();
        assert_eq!(frame.number, EXCEPTION);
        let error = response::decode_exception(frame.payload).unwrap();
        assert!(error.contains(says), "{error}");
        assert!(read_frame(&mut reader, |_| true).unwrap_or(None).is_none(), "it is closed");
    }
    let remote = RemoteApplication::new(connect(server.endpoint()));
    assert!(remote.info(&InfoRequest::default()).is_ok());
}

/// An application that answers the first request with these bytes, and then closes, or is silent.
fn answering(bytes: Vec<u8>, then_closes: bool) -> (Endpoint, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap().to_string());
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        for _ in 0..2 {
            read_frame(&mut reader, |_| true).unwrap().unwrap();
        }
        stream.write_all(&bytes).unwrap();
        if !then_closes {
            // Until the node gives up.
            drop(reader.read_to_end(&mut vec![]));
        }
    });
    (endpoint, thread)
}

fn frames(frames: &[(u32, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![];
    frames.iter().for_each(|(number, payload)| write_frame(*number, payload, &mut bytes));
    bytes
}

#[test]
fn what_an_application_does_wrong_is_named_and_ends_the_connection() {
    let exception = response::encode_exception("state is corrupt");
    let flush = Kind::Flush.response_number();
    let unknown_verdict = frames(&[(18, &[]), (flush, &[])]);
    for (bytes, says) in [
        (vec![], "closed the connection"),
        (frames(&[(EXCEPTION, &exception)]), "raised an exception: state is corrupt"),
        (frames(&[(4, &[])]), "answered with Info where ProcessProposal was due"),
        (frames(&[(18, &[8, 1]), (18, &[8, 1])]), "answered with ProcessProposal where Flush"),
        (frames(&[(99, &[])]), "no known message (its last field has number Some(99))"),
        (vec![200, 1, 1], "ended within a frame"),
        (vec![0xff, 0xff, 0xff, 0xff, 0x7f], "the limit is 268435456"),
        (unknown_verdict, "status: is UNKNOWN, which is no verdict"),
        (frames(&[(18, &[8, 7]), (flush, &[])]), "status: is 7, which is no verdict"),
        (frames(&[(18, &[0xff]), (flush, &[])]), "cannot be taken: verdict"),
    ] {
        let (endpoint, thread) = answering(bytes, true);
        let connection = connect(&endpoint);
        let remote = RemoteApplication::new(Arc::clone(&connection));
        let error = remote.process_proposal(&questions::block()).unwrap_err();
        assert_eq!(error.call, Call::ProcessProposal);
        assert!(error.reason.contains(says), "{error}: {says}");
        assert!(error.reason.contains(&endpoint.to_string()), "{error}");
        let again = remote.commit().unwrap_err();
        assert_eq!(again.reason, error.reason, "the first reason stays");
        let lost = Lifeline::new(vec![connection]).wait();
        assert!(lost.to_string().contains(says), "{lost}");
        thread.join().unwrap();
    }
}

#[test]
fn an_application_that_is_silent_for_too_long_is_given_up() {
    let (endpoint, thread) = answering(vec![], false);
    let limit = Duration::from_millis(50);
    let connection = Arc::new(SocketConnection::open("query", &endpoint, Some(limit)).unwrap());
    assert_eq!(connection.ask(Call::Info, &[]), Err(Fault::Silent { limit }));
    drop(connection);
    thread.join().unwrap();
}

#[test]
fn the_end_of_an_application_is_noticed_while_nobody_asks() {
    let server = SocketServer::start(&any_port(), Arc::new(Echoing::default())).unwrap();
    let endpoint = server.endpoint().clone();
    let connections = ["query", "consensus"]
        .map(|name| Arc::new(SocketConnection::open(name, &endpoint, Some(PATIENCE)).unwrap()));
    let remote = RemoteApplication::new(Arc::clone(&connections[1]));
    remote.info(&InfoRequest::default()).unwrap();
    let lifeline = Lifeline::new(connections.to_vec());
    let waiting = thread::spawn(move || lifeline.wait());
    drop(server);
    let ConnectionLost { fault, .. } = waiting.join().unwrap();
    assert_eq!(fault, Fault::Closed);
    let error = remote.commit().unwrap_err();
    assert!(error.reason.contains("closed the connection"), "{error}");
}

#[test]
fn an_application_that_cannot_go_on_ends_its_server_and_says_why() {
    let application = Arc::new(Echoing::broken());
    let server = SocketServer::start(&any_port(), application).unwrap();
    let remote = RemoteApplication::new(connect(server.endpoint()));
    let error = remote.commit().unwrap_err();
    assert!(error.reason.contains("raised an exception: the disk is full"), "{error}");
    let error = server.wait().unwrap_err();
    assert_eq!(error.to_string(), "application failed in commit: the disk is full");
}

#[test]
fn an_application_that_panics_ends_its_server_and_says_so() {
    let server = SocketServer::start(&any_port(), Arc::new(Echoing::default())).unwrap();
    let remote = RemoteApplication::new(connect(server.endpoint()));
    let request = CheckTxRequest { tx: Bytes::from("panic"), kind: CheckTxKind::New };
    let error = remote.check_tx(&request).unwrap_err();
    assert!(error.reason.contains("raised an exception: it panicked"), "{error}");
    let error = server.wait().unwrap_err();
    assert_eq!(error.to_string(), "application failed in check_tx: it panicked");
}

/// Queries come from anybody: what they ask wrongly does not end the connection.
#[test]
fn a_query_that_cannot_be_read_gets_a_code_and_the_connection_goes_on() {
    let server = SocketServer::start(&any_port(), Arc::new(Echoing::default())).unwrap();
    let connection = connect(server.endpoint());
    let height_minus_one = [&[0x18][..], &[0xff; 9], &[1]].concat();
    let answer = connection.ask(Call::Query, &height_minus_one).unwrap();
    let answer = response::decode_query(answer).unwrap();
    assert_eq!((answer.code, &*answer.codespace), (1, "abci"));
    assert!(connection.ask(Call::Info, &[]).is_ok());
}
