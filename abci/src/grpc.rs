//! ABCI over gRPC, as `/tendermint.abci.ABCI/…`: the node's end of one connection.
//!
//! The messages are those of the socket, so nothing is generated: a method's name and bytes are all
//! there is to a call. A connection is made once. If it is lost, it is not made again behind our
//! back: the application may have lost its state.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use hyper::http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Handle;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint as Dialler, Uri};
use tonic::{Request, Status};

use crate::application::Call;
use crate::endpoint::Endpoint;
use crate::frame::FRAME_BYTES_MAX;
use crate::remote::{Fault, Transport};
use crate::socket::ConnectionLost;
use crate::wire::Kind;

pub mod server;
mod watched;

pub use server::GrpcServer;
use watched::Watched;

/// The name under which CometBFT asks. spec: `package tendermint.abci`, `service ABCI`.
pub const SERVICE: &str = "tendermint.abci.ABCI";
/// How long reaching a host that does not answer may take.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(3);

/// One connection to an application behind gRPC.
pub struct GrpcConnection {
    endpoint: Endpoint,
    /// How long the application may be silent; none is for ever.
    limit: Option<Duration>,
    runtime: Handle,
    channel: Channel,
    end: Arc<End>,
}

/// The end of a connection, once it has come.
struct End {
    /// Which of the four, for people.
    name: &'static str,
    fault: Mutex<Option<Fault>>,
    bell: Arc<Bell>,
}

/// Rung at the end of each of an application's connections.
#[derive(Default)]
pub struct Bell {
    lost: Mutex<Option<ConnectionLost>>,
    rung: Condvar,
}

impl Bell {
    /// Waits for the first connection to end, and says what ended it.
    pub fn wait(&self) -> ConnectionLost {
        let mut lost = lock(&self.lost);
        loop {
            if let Some(lost) = &*lost {
                return lost.clone();
            }
            lost = self.rung.wait(lost).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn ring(&self, lost: ConnectionLost) {
        lock(&self.lost).get_or_insert(lost);
        self.rung.notify_all();
    }
}

impl End {
    /// Ends the connection, and returns what had ended it first.
    fn comes(&self, endpoint: &Endpoint, fault: Fault) -> Fault {
        let first = lock(&self.fault).get_or_insert(fault).clone();
        let (endpoint, connection) = (endpoint.to_string(), self.name);
        self.bell.ring(ConnectionLost { endpoint, connection, fault: first.clone() });
        first
    }

    fn come(&self) -> Option<Fault> {
        lock(&self.fault).clone()
    }
}

impl GrpcConnection {
    /// Connects to an application, which may be silent for as long as `limit`; `bell` is rung at
    /// the end of the connection. The sockets belong to `runtime`, so callers must not.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn open(
        name: &'static str,
        endpoint: &Endpoint,
        limit: Option<Duration>,
        runtime: &Handle,
        bell: &Arc<Bell>,
    ) -> io::Result<Self> {
        let end = Arc::new(End { name, fault: Mutex::default(), bell: Arc::clone(bell) });
        let dialling = dial(endpoint, Arc::clone(&end));
        // The clock is the runtime's, too.
        let channel = runtime.block_on(async {
            tokio::time::timeout(CONNECT_TIME_MAX, dialling).await.map_err(io::Error::from)
        })??;
        let (endpoint, runtime) = (endpoint.clone(), runtime.clone());
        Ok(Self { endpoint, limit, runtime, channel, end })
    }

    async fn call(&self, call: Call, request: Bytes) -> Result<Bytes, Fault> {
        let path = format!("/{SERVICE}/{}", Kind::Ask(call).method());
        let path = PathAndQuery::try_from(path).expect("a method's name is a path");
        let mut client = tonic::client::Grpc::new(self.channel.clone())
            .max_decoding_message_size(FRAME_BYTES_MAX);
        client.ready().await.map_err(|_| Fault::Closed)?;
        let answer = client.unary(Request::new(request), path, Raw).await;
        answer.map(tonic::Response::into_inner).map_err(|status| fault_of(&status))
    }
}

impl Transport for GrpcConnection {
    fn ask(&self, call: Call, request: &[u8]) -> Result<Bytes, Fault> {
        if let Some(fault) = self.end.come() {
            return Err(fault);
        }
        let asked = self.call(call, Bytes::copy_from_slice(request));
        let answer = self.runtime.block_on(async {
            match self.limit {
                None => asked.await,
                Some(limit) => match tokio::time::timeout(limit, asked).await {
                    Ok(answer) => answer,
                    Err(_) => Err(Fault::Silent { limit }),
                },
            }
        });
        answer.map_err(|fault| self.end.comes(&self.endpoint, fault))
    }

    fn end(&self, fault: Fault) {
        self.end.comes(&self.endpoint, fault);
    }

    fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

async fn dial(endpoint: &Endpoint, end: Arc<End>) -> io::Result<Channel> {
    match endpoint {
        Endpoint::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            channel_over(Watched::new(stream, endpoint.clone(), end)).await
        }
        Endpoint::Unix(path) => {
            let stream = UnixStream::connect(path).await?;
            channel_over(Watched::new(stream, endpoint.clone(), end)).await
        }
    }
}

/// A channel over a stream that is there; it is never dialled again.
async fn channel_over<S>(stream: Watched<S>) -> io::Result<Channel>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
{
    let mut once = Some(TokioIo::new(stream));
    let connector = tower::service_fn(move |_: Uri| {
        let stream = once.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
        std::future::ready(stream)
    });
    let dialler = Dialler::from_static("http://application");
    dialler.connect_with_connector(connector).await.map_err(io::Error::other)
}

/// What a status means: from the application, or from a connection that broke.
fn fault_of(status: &Status) -> Fault {
    if std::error::Error::source(status).is_some() || status.code() == tonic::Code::Unavailable {
        return Fault::Closed;
    }
    let error = format!("{:?}: {}", status.code(), status.message());
    Fault::Exception { error }
}

/// Messages as they are: whoever asks knows what they mean.
#[derive(Clone, Copy)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
