//! How the node reaches the application, wherever it runs.

use std::ops::Deref;
use std::sync::Arc;

use crate::application::Application;
use crate::local::LocalClient;
use crate::timings::Timings;

/// One connection to the application. It is called as the application itself. Cloning shares the
/// connection.
#[derive(Clone)]
pub enum Client {
    /// In this process.
    Local(LocalClient),
}

impl Deref for Client {
    type Target = dyn Application;

    fn deref(&self) -> &Self::Target {
        match self {
            Client::Local(client) => client,
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
}
