//! Where the instances of an application come from, and how each is reached.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::client::Connections;
use crate::endpoint::Endpoint;
use crate::socket::SocketConnection;
use crate::timings::Timings;

/// Gives instances of one application.
pub trait Instances {
    /// Starts an instance that has no state; none if there are no more.
    ///
    /// # Errors
    /// If it does not start.
    fn fresh(&mut self) -> Result<Option<Box<dyn Instance>>, InstanceError>;

    /// What to give for more of them, or for such as can be killed.
    fn remedy(&self) -> &str;
}

/// One of them. Dropping it ends it, if it was started for the check.
pub trait Instance {
    /// Connects to it.
    ///
    /// # Errors
    /// If it does not answer.
    fn connect(&self) -> Result<Link, InstanceError>;

    /// Kills it where it stands, and starts it again over what it has kept. False if that is not
    /// in our hands.
    ///
    /// # Errors
    /// If it does not come back.
    fn crash(&mut self) -> Result<bool, InstanceError>;
}

/// An instance that is not there.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{reason}")]
pub struct InstanceError {
    /// What happened, in words.
    pub reason: String,
}

impl InstanceError {
    /// For a reason in words.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}

/// The four connections to an instance.
pub struct Link {
    /// For its calls.
    pub connections: Connections,
    /// Where frames can be sent; none over gRPC, which has none.
    pub frames: Option<Endpoint>,
}

impl Link {
    /// Connects over a socket; an answer may take as long as `limit`.
    ///
    /// # Errors
    /// If nobody listens there.
    pub fn over_socket(endpoint: &Endpoint, limit: Duration) -> io::Result<Self> {
        let open = |name| SocketConnection::open(name, endpoint, Some(limit)).map(Arc::new);
        let opened = [open("query")?, open("snapshot")?, open("mempool")?, open("consensus")?];
        let mut opened = opened.into_iter();
        let connections = Connections::remote(&Arc::new(Timings::default()), |_| {
            opened.next().expect("there are four connections")
        });
        Ok(Self { connections, frames: Some(endpoint.clone()) })
    }

    /// Connects over gRPC, whose sockets belong to `runtime`.
    ///
    /// # Errors
    /// If nobody listens there.
    #[cfg(feature = "grpc")]
    pub fn over_grpc(
        endpoint: &Endpoint,
        limit: Duration,
        runtime: &tokio::runtime::Handle,
    ) -> io::Result<Self> {
        use crate::grpc::{Bell, GrpcConnection};
        let bell = Arc::new(Bell::default());
        let open =
            |name| GrpcConnection::open(name, endpoint, Some(limit), runtime, &bell).map(Arc::new);
        let opened = [open("query")?, open("snapshot")?, open("mempool")?, open("consensus")?];
        let mut opened = opened.into_iter();
        let connections = Connections::remote(&Arc::new(Timings::default()), |_| {
            opened.next().expect("there are four connections")
        });
        Ok(Self { connections, frames: None })
    }
}

/// Instances that run already, each without state. Whoever started them ends them.
pub struct Running<C> {
    /// How each is reached, in the order of use.
    connecting: std::vec::IntoIter<C>,
    remedy: String,
}

impl<C: Fn() -> io::Result<Link> + 'static> Running<C> {
    /// Instances to which `connecting` connects, each again and again; and what to do for more.
    pub fn new(connecting: Vec<C>, remedy: impl Into<String>) -> Self {
        Self { connecting: connecting.into_iter(), remedy: remedy.into() }
    }
}

impl<C: Fn() -> io::Result<Link> + 'static> Instances for Running<C> {
    fn fresh(&mut self) -> Result<Option<Box<dyn Instance>>, InstanceError> {
        let next = self.connecting.next();
        Ok(next.map(|connecting| Box::new(Reached(connecting)) as Box<dyn Instance>))
    }

    fn remedy(&self) -> &str {
        &self.remedy
    }
}

struct Reached<C>(C);

impl<C: Fn() -> io::Result<Link>> Instance for Reached<C> {
    fn connect(&self) -> Result<Link, InstanceError> {
        (self.0)().map_err(|error| InstanceError::new(error.to_string()))
    }

    fn crash(&mut self) -> Result<bool, InstanceError> {
        Ok(false)
    }
}

/// Instances in this process, each served on a Unix socket over a folder of its own: for the tests
/// of applications.
pub struct Served<S> {
    root: PathBuf,
    limit: Duration,
    serve: Arc<S>,
    started: u32,
}

impl<S, G> Served<S>
where
    S: Fn(&Endpoint, PathBuf) -> G + 'static,
    G: 'static,
{
    /// Instances below the folder `root`. `serve` begins to serve one at an address over the state
    /// in a folder; dropping what it returns must be as good as a kill.
    pub fn new(root: impl Into<PathBuf>, limit: Duration, serve: S) -> Self {
        Self { root: root.into(), limit, serve: Arc::new(serve), started: 0 }
    }
}

impl<S, G> Instances for Served<S>
where
    S: Fn(&Endpoint, PathBuf) -> G + 'static,
    G: 'static,
{
    fn fresh(&mut self) -> Result<Option<Box<dyn Instance>>, InstanceError> {
        self.started += 1;
        let folder = self.root.join(self.started.to_string());
        let failed = |error: io::Error| InstanceError::new(error.to_string());
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let endpoint = Endpoint::Unix(self.root.join(format!("{}.sock", self.started)));
        let guard = Some((self.serve)(&endpoint, folder.clone()));
        let (serve, limit) = (Arc::clone(&self.serve), self.limit);
        Ok(Some(Box::new(Here { folder, endpoint, limit, serve, guard })))
    }

    fn remedy(&self) -> &str {
        "serve more of them"
    }
}

struct Here<S, G> {
    folder: PathBuf,
    endpoint: Endpoint,
    limit: Duration,
    serve: Arc<S>,
    guard: Option<G>,
}

impl<S: Fn(&Endpoint, PathBuf) -> G, G> Instance for Here<S, G> {
    fn connect(&self) -> Result<Link, InstanceError> {
        Link::over_socket(&self.endpoint, self.limit)
            .map_err(|error| InstanceError::new(error.to_string()))
    }

    fn crash(&mut self) -> Result<bool, InstanceError> {
        drop(self.guard.take());
        self.guard = Some((self.serve)(&self.endpoint, self.folder.clone()));
        Ok(true)
    }
}
