//! How the node reaches the application, wherever it runs.

use std::ops::Deref;
use std::sync::Arc;

use crate::application::Application;
use crate::local::LocalClient;
use crate::remote::{RemoteApplication, Transport};
use crate::timings::Timings;

/// One connection to the application. It is called as the application itself. Cloning shares the
/// connection.
#[derive(Clone)]
pub enum Client {
    /// In this process.
    Local(LocalClient),
    /// Elsewhere; a stub of it is in this process.
    Remote(LocalClient),
}

impl Deref for Client {
    type Target = dyn Application;

    fn deref(&self) -> &Self::Target {
        match self {
            Client::Local(client) | Client::Remote(client) => client,
        }
    }
}

/// The four connections of ABCI. Each is in order within itself, and none waits for another.
#[derive(Clone)]
pub struct Connections {
    /// For the calls that make blocks and execute them.
    pub consensus: Client,
    /// For `check_tx`.
    pub mempool: Client,
    /// For `info` and `query`.
    pub query: Client,
    /// For snapshots.
    pub snapshot: Client,
}

impl Connections {
    /// Connections to an application in this process, timed together.
    pub fn local(application: Arc<dyn Application>, timings: Arc<Timings>) -> Self {
        let client = Client::Local(LocalClient::new(application, timings));
        Self {
            consensus: client.clone(),
            mempool: client.clone(),
            query: client.clone(),
            snapshot: client,
        }
    }

    /// Connections to an application elsewhere: what `open` gives for the name of each, timed
    /// together.
    pub fn remote<T: Transport>(
        timings: &Arc<Timings>,
        mut open: impl FnMut(&'static str) -> Arc<T>,
    ) -> Self {
        let mut client = |name| {
            let stub = Arc::new(RemoteApplication::new(open(name)));
            Client::Remote(LocalClient::new(stub, Arc::clone(timings)))
        };
        // In the order in which the reference opens them.
        let (query, snapshot) = (client("query"), client("snapshot"));
        let (mempool, consensus) = (client("mempool"), client("consensus"));
        Self { consensus, mempool, query, snapshot }
    }
}
