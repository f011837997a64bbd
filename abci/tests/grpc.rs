//! ABCI over gRPC: what a node asks arrives as it was asked, and what goes wrong ends the
//! connection with a line that says so.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[path = "support/echoing.rs"]
mod echoing;
#[path = "support/questions.rs"]
mod questions;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use abci::grpc::{Bell, GrpcConnection, GrpcServer};
use abci::{
    Application, Call, CheckTxKind, CheckTxRequest, Endpoint, Fault, InfoRequest,
    RemoteApplication, Transport,
};
use bytes::Bytes;
use echoing::Echoing;
use tokio::runtime::Runtime;

const PATIENCE: Duration = Duration::from_secs(20);

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn serve(application: Echoing) -> (GrpcServer, Arc<Echoing>) {
    let application = Arc::new(application);
    let server = GrpcServer::start("127.0.0.1:0", Arc::clone(&application) as _).unwrap();
    (server, application)
}

fn connect(runtime: &Runtime, endpoint: &Endpoint, bell: &Arc<Bell>) -> Arc<GrpcConnection> {
    let handle = runtime.handle();
    let opened = GrpcConnection::open("consensus", endpoint, Some(PATIENCE), handle, bell);
    Arc::new(opened.unwrap())
}

#[test]
fn every_call_arrives_as_it_was_put() {
    let (runtime, bell) = (runtime(), Arc::default());
    let (server, application) = serve(Echoing::default());
    let remote = RemoteApplication::new(connect(&runtime, server.endpoint(), &bell));
    questions::put_all(&remote, &application);
}

#[test]
fn more_than_grpc_takes_by_default_is_carried() {
    let (runtime, bell) = (runtime(), Arc::default());
    let (server, _) = serve(Echoing::default());
    let remote = RemoteApplication::new(connect(&runtime, server.endpoint(), &bell));
    let tx = Bytes::from(vec![7; 9_000_000]);
    let request = CheckTxRequest { tx: tx.clone(), kind: CheckTxKind::New };
    assert!(remote.check_tx(&request).unwrap().data == tx);
}

#[test]
fn many_threads_share_a_connection_and_each_gets_its_own_answers() {
    let (runtime, bell) = (runtime(), Arc::default());
    let (server, _) = serve(Echoing::default());
    let remote = Arc::new(RemoteApplication::new(connect(&runtime, server.endpoint(), &bell)));
    let threads: Vec<_> = (0..4_u32)
        .map(|thread| {
            let remote = Arc::clone(&remote);
            thread::spawn(move || {
                for number in 0..100_u32 {
                    let tx = Bytes::from(format!("{thread}/{number}"));
                    let request = CheckTxRequest { tx: tx.clone(), kind: CheckTxKind::New };
                    assert_eq!(remote.check_tx(&request).unwrap().data, tx);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|it| it.join().unwrap());
}

#[test]
fn an_application_that_cannot_go_on_ends_its_server_and_the_connection() {
    let (runtime, bell) = (runtime(), Arc::default());
    let (server, _) = serve(Echoing::broken());
    let remote = RemoteApplication::new(connect(&runtime, server.endpoint(), &bell));
    let error = remote.commit().unwrap_err();
    assert!(error.reason.contains("raised an exception: Internal: the disk is full"), "{error}");
    let again = remote.info(&InfoRequest::default()).unwrap_err();
    assert_eq!(again.reason, error.reason, "the first reason stays");
    assert!(bell.wait().to_string().contains("the disk is full"));
    let error = server.wait().unwrap_err();
    assert_eq!(error.to_string(), "application failed in commit: the disk is full");
}

#[test]
fn a_request_that_cannot_be_read_is_refused_with_the_field() {
    let (runtime, bell) = (runtime(), Arc::default());
    let (server, _) = serve(Echoing::default());
    let connection = connect(&runtime, server.endpoint(), &bell);
    let fault = connection.ask(Call::FinalizeBlock, &[0x22, 1, 7]).unwrap_err();
    assert!(
        matches!(&fault, Fault::Exception { error } if error.contains("block.hash")),
        "{fault}"
    );
}

#[test]
fn the_end_of_an_application_is_noticed_while_nobody_asks() {
    let (runtime, bell) = (runtime(), Arc::default());
    let (server, _) = serve(Echoing::default());
    let connection = connect(&runtime, server.endpoint(), &bell);
    let remote = RemoteApplication::new(connection);
    remote.info(&InfoRequest::default()).unwrap();
    drop(server);
    let lost = bell.wait();
    assert_eq!((lost.fault, lost.connection), (Fault::Closed, "consensus"));
    assert!(remote.commit().unwrap_err().reason.contains("closed the connection"));
}

#[test]
fn an_application_that_is_silent_for_too_long_is_given_up() {
    let (runtime, bell) = (runtime(), Arc::default());
    // It accepts, and says nothing: not even that it speaks HTTP/2.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = Endpoint::Tcp(listener.local_addr().unwrap().to_string());
    let limit = Duration::from_millis(50);
    let opened = GrpcConnection::open("query", &endpoint, Some(limit), runtime.handle(), &bell);
    assert_eq!(opened.unwrap().ask(Call::Info, &[]), Err(Fault::Silent { limit }));
    assert_eq!(bell.wait().fault, Fault::Silent { limit });
}
