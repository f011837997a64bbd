//! What the client of one websocket wants to hear, within the limits for one client and for all.
//! spec: `rpc/core/events.go`, inventory §2.7.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::bus::{Bus, Listener, Missed};
use crate::config::Config;
use crate::error::{Answer, RpcError};
use crate::events::Batch;
use crate::params::Arguments;
use crate::routes::Listening;
use crate::search::{Query, QueryError};

/// Where clients take a seat to listen.
#[derive(Clone)]
pub struct Hall {
    bus: Bus,
    seats: Arc<Semaphore>,
    seats_count: usize,
    subscriptions_max: usize,
}

impl Hall {
    /// A hall with the limits of `config`.
    pub fn new(bus: Bus, config: &Config) -> Self {
        let seats_count = config.subscription_clients_max.min(Semaphore::MAX_PERMITS);
        Self {
            bus,
            seats: Arc::new(Semaphore::new(seats_count)),
            seats_count,
            subscriptions_max: config.subscriptions_per_client_max,
        }
    }

    /// Where events come from.
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// A seat for one client.
    ///
    /// # Errors
    /// If all are taken.
    pub fn take_seat(&self) -> Result<OwnedSemaphorePermit, RpcError> {
        let seat = Arc::clone(&self.seats).try_acquire_owned();
        seat.map_err(|_| {
            RpcError::internal(format!("max_subscription_clients {} reached", self.seats_count))
        })
    }
}

/// The query of a request.
///
/// # Errors
/// If it is too long or makes no sense; then the place is named.
pub fn query_of(text: &str) -> Result<Query, RpcError> {
    Query::parse(text).map_err(|error| match error {
        QueryError::TooLong => RpcError::internal(error),
        QueryError::Syntax { .. } => RpcError::internal(format!("failed to parse query: {error}")),
    })
}

/// What one client has subscribed to.
pub struct Subscriptions {
    hall: Hall,
    of: Vec<Subscription>,
    /// While there are any.
    seat: Option<Seat>,
}

/// A place in the hall.
struct Seat {
    listener: Listener,
    _permit: OwnedSemaphorePermit,
}

struct Subscription {
    query: Query,
    /// What each of its events begins with.
    head: String,
    id: Value,
}

impl Subscriptions {
    /// None yet.
    pub fn new(hall: Hall) -> Self {
        Self { hall, of: vec![], seat: None }
    }

    /// Does what a request wants.
    pub fn change(&mut self, id: Value, what: Listening, arguments: &Arguments) -> Answer {
        match what {
            Listening::Subscribe => self.subscribe(id, arguments.text("query"))?,
            Listening::Unsubscribe => {
                let query = query_of(arguments.text("query"))?;
                self.end(|it| it.query == query)?;
            }
            Listening::UnsubscribeAll => self.end(|_| true)?,
        }
        Ok(json!({}))
    }

    fn subscribe(&mut self, id: Value, text: &str) -> Result<(), RpcError> {
        let free = match self.seat {
            Some(_) => None,
            None => Some(self.hall.take_seat()?),
        };
        let max = self.hall.subscriptions_max;
        if max <= self.of.len() {
            return Err(RpcError::internal(format!("max_subscriptions_per_client {max} reached")));
        }
        let query = query_of(text)?;
        if self.of.iter().any(|it| it.query == query) {
            return Err(RpcError::internal("already subscribed"));
        }
        if let Some(permit) = free {
            self.seat = Some(Seat { listener: self.hall.bus.listen(), _permit: permit });
        }
        let head = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"result\":{{\"query\":{},",
            Value::from(query.text())
        );
        self.of.push(Subscription { query, head, id });
        Ok(())
    }

    fn end(&mut self, ended: impl Fn(&Subscription) -> bool) -> Result<(), RpcError> {
        let count = self.of.len();
        self.of.retain(|it| !ended(it));
        if self.of.len() == count {
            return Err(RpcError::internal("subscription not found"));
        }
        if self.of.is_empty() {
            self.seat = None;
        }
        Ok(())
    }

    /// Waits for events; for ever if there is no subscription. Nothing is lost if this is dropped
    /// before it ends.
    ///
    /// # Errors
    /// If the client was too slow for some of them.
    pub async fn next(&mut self) -> Result<Arc<Batch>, Missed> {
        match &mut self.seat {
            Some(seat) => seat.listener.next().await,
            None => std::future::pending().await,
        }
    }

    /// What the client gets to read of these events, in order. Each text is written when it is
    /// taken: all of a block's, for each client, would be a copy of the block for each of them.
    pub fn texts<'a>(&'a self, batch: &'a Batch) -> impl Iterator<Item = String> + 'a {
        let mut wanted: Vec<(usize, &Subscription)> = Vec::new();
        for subscription in &self.of {
            let matching = batch.matching(&subscription.query);
            wanted.extend(matching.iter().map(|&index| (index, subscription)));
        }
        wanted.sort_by_key(|(index, _)| *index);
        let events = wanted.into_iter().filter_map(|(index, subscription)| {
            batch.events.get(index).map(|event| (event, subscription))
        });
        events.map(|(event, subscription)| format!("{}{}}}}}", subscription.head, event.json()))
    }

    /// Ends all, and returns whose they were: the ids of the requests that began them.
    pub fn cancel(&mut self) -> Vec<Value> {
        self.seat = None;
        std::mem::take(&mut self.of).into_iter().map(|it| it.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use storage::{Memory, Store};
    use types::message::WireStep;
    use types::{Height, Round};

    use super::*;
    use crate::events::{RoundEvent, RoundNews};

    fn subscribed(queries: &[&str]) -> Subscriptions {
        let mut all = Subscriptions::new(Hall::new(Bus::default(), &Config::default()));
        for (id, query) in queries.iter().enumerate() {
            all.subscribe(Value::from(id), query).unwrap();
        }
        all
    }

    /// The texts of a whole block, for each of a hundred clients, were more than memory can be.
    #[test]
    fn texts_are_written_one_at_a_time() {
        let store = Store::in_memory(Arc::new(Memory::default())).unwrap();
        let what = RoundEvent::Polka;
        let (height, round, step) = (Height(7), Round::FIRST, WireStep::Prevote);
        let batch = Batch::of_round(RoundNews { height, round, step, what }, &store);
        let all = subscribed(&["tm.event='Polka'", "tm.event='Lock'", "tm.event EXISTS"]);
        let mut texts = all.texts(&batch);
        assert!(!batch.events[0].is_written());
        for id in [0, 2] {
            let text: Value = serde_json::from_str(&texts.next().unwrap()).unwrap();
            assert_eq!(text["id"], id);
            assert_eq!(text["result"]["data"]["value"]["height"], "7");
            assert!(batch.events[0].is_written());
        }
        assert_eq!(texts.next(), None);
    }
}
