//! `GET /v1/events`: the events of blocks as server-sent events, from any height that is kept, so
//! that a client who comes back misses none.
//!
//! Events come from the store and wait for the client, not the other way round. Each has an id,
//! `HEIGHT.INDEX`; a browser sends the last one back by itself when it reconnects.

use std::convert::Infallible;
use std::vec;

use axum::Json;
use axum::extract::{Extension, Query as Fields, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt};
use serde::Deserialize;
use storage::{StorageError, Store};
use tokio::sync::{OwnedSemaphorePermit, watch};
use types::Height;

use crate::blocks::check_range;
use crate::bus;
use crate::dispatch::Dispatcher;
use crate::error::RpcError;
use crate::events::{BLOCK_KINDS, Batch, Event as ChainEvent};
use crate::search::Query;
use crate::server::Place;
use crate::subscribe::{Hall, query_of};

/// What stands in the URI.
#[derive(Deserialize)]
pub struct Asked {
    /// Which events; all if it is missing.
    query: Option<String>,
    /// The first that is wanted, `HEIGHT` or `HEIGHT.INDEX`; the next to happen if it is missing.
    from: Option<String>,
}

/// A place among all events of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cursor {
    height: Height,
    index: usize,
}

/// Answers with a stream that ends when the client goes or we stop.
pub async fn events(
    State(hall): State<Hall>,
    State(dispatcher): State<Dispatcher>,
    Extension(place): Extension<Place>,
    Fields(asked): Fields<Asked>,
    headers: HeaderMap,
) -> Response {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    match Following::new(&hall, dispatcher, &asked, last).await {
        Ok(following) => {
            let stopped = async move { place.stop.cancelled().await };
            let events = following.events().take_until(Box::pin(stopped));
            Sse::new(events).keep_alive(KeepAlive::default()).into_response()
        }
        Err((status, error)) => (status, Json(error)).into_response(),
    }
}

/// One client's way through the events.
struct Following {
    dispatcher: Dispatcher,
    query: Option<Query>,
    next: Cursor,
    heights: watch::Receiver<Height>,
    /// What is to be told of the last block that was read. Each is written when its turn comes, and
    /// gone with it: a block's events as JSON are several times the block, for each client.
    ready: vec::IntoIter<(Cursor, ChainEvent)>,
    ended: bool,
    _seat: OwnedSemaphorePermit,
}

type Refused = (StatusCode, RpcError);

impl Following {
    async fn new(
        hall: &Hall,
        dispatcher: Dispatcher,
        asked: &Asked,
        last: Option<&str>,
    ) -> Result<Self, Refused> {
        let bad = |error| (StatusCode::BAD_REQUEST, error);
        let query = asked.query.as_deref().map(block_query_of).transpose().map_err(bad)?;
        let next = match (last, asked.from.as_deref()) {
            (Some(last), _) => {
                let seen = cursor("last-event-id", last).map_err(bad)?;
                Some(Cursor { index: seen.index.saturating_add(1), ..seen })
            }
            (None, Some(from)) => Some(cursor("from", from).map_err(bad)?),
            (None, None) => None,
        };
        let seat = hall.take_seat().map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error))?;
        let heights = hall.bus().heights();
        let begin = dispatcher.run(move |backend| Ok(begin(&backend.store, next)?));
        let broken = |error| (StatusCode::INTERNAL_SERVER_ERROR, error);
        let next = begin.await.map_err(broken)?.map_err(|error| (StatusCode::GONE, error))?;
        let ready = vec![].into_iter();
        Ok(Self { dispatcher, query, next, heights, ready, ended: false, _seat: seat })
    }

    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        futures::stream::unfold(self, |mut this| async move {
            let event = this.event().await?;
            Some((Ok(event), this))
        })
    }

    /// The next event, when it has happened; none if there are no more.
    async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some((at, event)) = self.ready.next() {
                return Some(self.written(at, &event));
            }
            if self.ended {
                return None;
            }
            // Marked as seen before we look, so that no height slips through between.
            self.heights.borrow_and_update();
            let height = self.next.height;
            let read = self.dispatcher.run(move |backend| block_at(&backend.store, height));
            match read.await {
                Ok(Block::Executed(batch)) => self.take(*batch),
                Ok(Block::Later) => self.heights.changed().await.ok()?,
                Ok(Block::Gone) => {
                    let text = format!("height {height} is not available any more: it was pruned");
                    return Some(self.fail(text));
                }
                Err(error) => return Some(self.fail(error.to_string())),
            }
        }
    }

    /// The last event: why there are no more.
    fn fail(&mut self, reason: String) -> Event {
        self.ended = true;
        Event::default().event("error").data(reason)
    }

    fn take(&mut self, batch: Batch) {
        let Cursor { height, index: first } = self.next;
        let matching = self.query.as_ref().map(|query| batch.matching(query));
        let mut wanted = vec![];
        for (index, event) in batch.events.into_iter().enumerate().skip(first) {
            if matching.as_ref().is_none_or(|it| it.binary_search(&index).is_ok()) {
                wanted.push((Cursor { height, index }, event));
            }
        }
        self.ready = wanted.into_iter();
        self.next = Cursor { height: height.next(), index: 0 };
    }

    fn written(&self, Cursor { height, index }: Cursor, event: &ChainEvent) -> Event {
        let query = serde_json::Value::from(self.query.as_ref().map_or("", Query::text));
        let text = format!("{{\"query\":{query},{}}}", event.json());
        Event::default().id(format!("{height}.{index}")).data(text)
    }
}

/// What the store has of a block.
enum Block {
    Executed(Box<Batch>),
    /// It will come.
    Later,
    /// It was pruned.
    Gone,
}

fn block_at(store: &Store, height: Height) -> Result<Block, RpcError> {
    if let Some(batch) = Batch::read(store, height)? {
        return Ok(Block::Executed(Box::new(batch)));
    }
    let gone = store.range()?.is_some_and(|(base, _)| height < base);
    Ok(if gone { Block::Gone } else { Block::Later })
}

/// Where a stream begins: at a place that the chain has or comes to next; without one, with what
/// happens next.
///
/// # Errors
/// If the disk fails; within, if the chain has no such place.
fn begin(store: &Store, asked: Option<Cursor>) -> Result<Result<Cursor, RpcError>, StorageError> {
    let Some(asked) = asked else {
        return Ok(Ok(Cursor { height: bus::executed_height(store)?.next(), index: 0 }));
    };
    Ok(match store.range()? {
        Some((base, tip)) if asked.height != tip.next() => {
            check_range(asked.height, base, tip).map(|()| asked)
        }
        Some(_) | None => Ok(asked),
    })
}

/// The query of a request, if it can ever match an event of a block.
fn block_query_of(text: &str) -> Result<Query, RpcError> {
    let query = query_of(text)?;
    let mut asked = query.conditions().iter().filter(|it| it.key == "tm.event");
    if BLOCK_KINDS.iter().any(|kind| asked.clone().all(|it| it.claim.holds(kind))) {
        return Ok(query);
    }
    let asked = asked.next().map(ToString::to_string).unwrap_or_default();
    let kinds = BLOCK_KINDS.join(", ");
    Err(RpcError::invalid_params(format!(
        "query: no event of a block has {asked}; what is streamed has tm.event one of {kinds}"
    )))
}

/// Reads `HEIGHT` or `HEIGHT.INDEX`.
fn cursor(field: &str, text: &str) -> Result<Cursor, RpcError> {
    let wrong = || {
        RpcError::invalid_params(format!("{field}: expected HEIGHT or HEIGHT.INDEX, got {text:?}"))
    };
    let (height, index) = text.split_once('.').unwrap_or((text, "0"));
    let height = height.parse().ok().filter(|height| *height != 0).ok_or_else(wrong)?;
    let index = index.parse().map_err(|_| wrong())?;
    Ok(Cursor { height: Height(height), index })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_a_height_and_perhaps_an_index() {
        let at = |height, index| Ok(Cursor { height: Height(height), index });
        assert_eq!(cursor("from", "7"), at(7, 0));
        assert_eq!(cursor("from", "7.12"), at(7, 12));
        for text in ["", "0", "-1", "7.", ".1", "7.x", "7.1.2", "99999999999999999999"] {
            let error = cursor("from", text).unwrap_err();
            assert!(error.data.starts_with("from: expected HEIGHT"), "{text}: {}", error.data);
        }
    }
}
