//! `/livez` and `/readyz`: whether the program answers, and whether clients should be sent here.

use std::sync::Arc;
use std::time::{Duration, Instant};

use abci::InfoRequest;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::json;
use storage::{StorageError, Store};
use tokio::sync::Mutex;
use types::Height;

use crate::backend::{Backend, Index};
use crate::bus;

/// How many blocks the index may be behind.
const INDEX_LAG_MAX: u64 = 100;

/// Who looks after the node for `/readyz`.
#[derive(Clone)]
pub struct Watchman {
    backend: Backend,
    /// How long the application and the disk may take.
    patience: Duration,
    /// Held by who looks: one at a time, so that an application that does not answer holds one
    /// thread, however often somebody asks.
    last: Arc<Mutex<Option<Look>>>,
}

/// When somebody looked, and what was found.
struct Look {
    begun: Instant,
    found: Vec<Unready>,
}

/// Why clients should go elsewhere for now.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unready {
    /// Blocks are being fetched.
    #[error("not caught up: peers have blocks that this node has not")]
    Behind,
    /// Nobody to hear of new blocks from.
    #[error("no peers: of {validators} validators nobody is connected")]
    Alone {
        /// How many vote.
        validators: usize,
    },
    /// It failed.
    #[error("the application fails: {reason}")]
    Application {
        /// What it says.
        reason: String,
    },
    /// It, or the disk, is too slow.
    #[error("the application or the store does not answer within {patience:?}")]
    Silent {
        /// How long was waited.
        patience: Duration,
    },
    /// It failed.
    #[error("the store fails: {reason}")]
    Store {
        /// What it says.
        reason: String,
    },
    /// Searches would miss what happened lately.
    #[error("the index is {blocks} blocks behind")]
    Index {
        /// So many.
        blocks: u64,
    },
}

impl Watchman {
    /// A watchman who waits so long for the application and the disk.
    pub fn new(backend: Backend, patience: Duration) -> Self {
        Self { backend, patience, last: Arc::default() }
    }

    async fn look(self) -> Vec<Unready> {
        let (patience, asked) = (self.patience, Instant::now());
        let looking = async {
            let mut last = self.last.lock_owned().await;
            // A look that began after we asked is as good as ours: many who ask wait for two.
            if let Some(look) = last.as_ref().filter(|look| asked <= look.begun) {
                return look.found.clone();
            }
            let backend = self.backend;
            let looked = tokio::task::spawn_blocking(move || {
                // Held by the work and not by the client, who may go away before it is done.
                let begun = Instant::now();
                let found = reasons(&backend);
                *last = Some(Look { begun, found: found.clone() });
                found
            });
            looked.await.unwrap_or_else(|error| {
                tracing::error!(target: "rpc", %error, "looking whether the node is ready failed");
                vec![Unready::Application { reason: error.to_string() }]
            })
        };
        let looked = tokio::time::timeout(patience, looking).await;
        looked.unwrap_or_else(|_| vec![Unready::Silent { patience }])
    }
}

/// `/livez`: the program answers.
pub async fn live() -> Response {
    Json(json!({"live": true})).into_response()
}

/// `/readyz`: 200 if nothing speaks against sending clients here, and else 503 and what does.
pub async fn ready(State(watchman): State<Watchman>) -> Response {
    let reasons: Vec<String> = watchman.look().await.iter().map(Unready::to_string).collect();
    let is_ready = reasons.is_empty();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": is_ready, "reasons": reasons}))).into_response()
}

fn reasons(backend: &Backend) -> Vec<Unready> {
    let mut reasons = Vec::new();
    if backend.node.catching_up() {
        reasons.push(Unready::Behind);
    }
    let stored = of_store(backend);
    reasons
        .extend(stored.unwrap_or_else(|error| vec![Unready::Store { reason: error.to_string() }]));
    if let Err(error) = backend.application.query.info(&InfoRequest::default()) {
        reasons.push(Unready::Application { reason: error.to_string() });
    }
    reasons
}

/// What only the store can tell.
fn of_store(backend: &Backend) -> Result<Vec<Unready>, StorageError> {
    let mut reasons = Vec::new();
    let validators = backend.store.state()?.map_or(0, |state| state.validators.count());
    if 1 < validators && backend.node.peers().is_empty() {
        reasons.push(Unready::Alone { validators });
    }
    if backend.node.identity().index == Index::Here {
        let blocks = index_lag(&backend.store)?;
        if INDEX_LAG_MAX < blocks {
            reasons.push(Unready::Index { blocks });
        }
    }
    Ok(reasons)
}

fn index_lag(store: &Store) -> Result<u64, StorageError> {
    let Height(executed) = bus::executed_height(store)?;
    let base = store.range()?.map_or(0, |(base, _)| base.0.saturating_sub(1));
    let indexed = store.indexed()?.map_or(base, |(_, last)| last.0);
    Ok(executed.saturating_sub(indexed))
}
