//! What clients can be told: every kind of event, the tags that queries are asked of, and its JSON.
//! spec: `types/event_bus.go`, inventory §2.6.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use storage::{StorageError, Store};
use types::message::WireStep;
use types::{
    Address, Block, BlockId, BlockOutcome, Height, Round, Tx, TxHash, ValidatorIndex, Vote,
};

use crate::json::events as shape;
use crate::search::{Query, Tags};

/// The tag that names the kind of an event.
const KIND_TAG: &str = "tm.event";
/// The kinds of events that a block has. All others happen in a round, and are not kept.
pub const BLOCK_KINDS: [&str; 6] =
    ["NewBlock", "NewBlockHeader", "NewBlockEvents", "NewEvidence", "Tx", "ValidatorSetUpdates"];
/// What an event without content weighs in memory, in bytes.
const EVENT_BYTES: usize = 512;
/// How much more than its bytes a transaction weighs: once as it is, and once or twice as JSON.
const BYTES_FACTOR: usize = 4;
/// How much more than its text an attribute weighs: once as it is, once or twice as a tag, and
/// three or four times as JSON.
const TEXT_FACTOR: usize = 6;

/// A block that was decided and executed.
struct Executed {
    id: BlockId,
    block: Block,
    outcome: BlockOutcome,
}

impl Executed {
    fn read(store: &Store, height: Height) -> Result<Option<Self>, StorageError> {
        let Some(outcome) = store.outcome(height)? else { return Ok(None) };
        let (Some(meta), Some(block)) = (store.block_meta(height)?, store.block(height)?) else {
            return Ok(None);
        };
        Ok(Some(Self { id: meta.id, block, outcome }))
    }
}

/// News of consensus. Nobody keeps them: who does not listen has missed them.
#[derive(Clone, Debug)]
pub struct RoundNews {
    /// Where.
    pub height: Height,
    /// Where.
    pub round: Round,
    /// Where.
    pub step: WireStep,
    /// What.
    pub what: RoundEvent,
}

/// What happened in a round.
#[derive(Clone, Debug)]
pub enum RoundEvent {
    /// A step was entered.
    NewRoundStep,
    /// A round was entered, in which it is this validator's turn.
    NewRound(Address),
    /// All of the proposed block is here.
    CompleteProposal(BlockId),
    /// Two thirds prevoted the same.
    Polka,
    /// We locked a block.
    Lock,
    /// We locked the same block again, in a later round.
    Relock,
    /// A block could be decided in a later round.
    ValidBlock,
    /// The proposal did not come in time.
    TimeoutPropose,
    /// The votes did not come in time.
    TimeoutWait,
    /// A vote was counted.
    Vote(Arc<Vote>),
}

impl RoundEvent {
    fn name(&self) -> &'static str {
        match self {
            RoundEvent::NewRoundStep => "NewRoundStep",
            RoundEvent::NewRound(_) => "NewRound",
            RoundEvent::CompleteProposal(_) => "CompleteProposal",
            RoundEvent::Polka => "Polka",
            RoundEvent::Lock => "Lock",
            RoundEvent::Relock => "Relock",
            RoundEvent::ValidBlock => "ValidBlock",
            RoundEvent::TimeoutPropose => "TimeoutPropose",
            RoundEvent::TimeoutWait => "TimeoutWait",
            RoundEvent::Vote(_) => "Vote",
        }
    }
}

/// One thing that happened, as subscribers see it.
pub struct Event {
    tags: Tags,
    topic: Topic,
    /// Written when the first subscriber wants it.
    json: OnceLock<Arc<str>>,
}

/// What an event speaks of.
enum Topic {
    NewBlock(Arc<Executed>),
    NewBlockHeader(Arc<Executed>),
    NewBlockEvents(Arc<Executed>),
    NewEvidence(Arc<Executed>, usize),
    Tx(Arc<Executed>, usize),
    ValidatorSetUpdates(Arc<Executed>),
    Round(Box<RoundNews>, ValidatorIndex),
}

impl Event {
    fn new(kind: &str, mut tags: Tags, topic: Topic) -> Self {
        tags.entry(KIND_TAG.to_owned()).or_default().push(kind.to_owned());
        Self { tags, topic, json: OnceLock::new() }
    }

    /// What queries are asked of.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The fields `data` and `events` of what subscribers get, without the braces around them.
    pub fn json(&self) -> &Arc<str> {
        self.json.get_or_init(|| {
            let events = serde_json::json!(self.tags);
            format!("\"data\":{},\"events\":{events}", self.topic.shape()).into()
        })
    }

    /// Whether its JSON was needed yet.
    #[cfg(test)]
    pub fn is_written(&self) -> bool {
        self.json.get().is_some()
    }
}

impl Topic {
    fn shape(&self) -> serde_json::Value {
        match self {
            Topic::NewBlock(it) => shape::new_block(&it.block, &it.id, &it.outcome),
            Topic::NewBlockHeader(it) => shape::new_block_header(&it.block),
            Topic::NewBlockEvents(it) => shape::new_block_events(&it.block, &it.outcome),
            Topic::NewEvidence(it, index) => {
                let evidence = it.block.evidence.get(*index).expect("made from this block");
                shape::new_evidence(it.block.header.height, evidence)
            }
            Topic::Tx(it, index) => {
                let tx = it.block.txs.get(*index).expect("made from this block");
                let result = it.outcome.tx_results.get(*index).expect("as many as transactions");
                let place = u32::try_from(*index).unwrap_or(u32::MAX);
                shape::tx(it.block.header.height, place, tx, result)
            }
            Topic::ValidatorSetUpdates(it) => {
                shape::validator_set_updates(&it.outcome.validator_updates)
            }
            Topic::Round(news, proposer) => round_shape(news, *proposer),
        }
    }
}

fn round_shape(news: &RoundNews, proposer: ValidatorIndex) -> serde_json::Value {
    let place = (news.height, news.round, news.step);
    match &news.what {
        RoundEvent::NewRound(address) => {
            shape::new_round(news.height, news.round, address, proposer)
        }
        RoundEvent::CompleteProposal(id) => shape::complete_proposal(place, id),
        RoundEvent::Vote(vote) => shape::vote(vote),
        RoundEvent::NewRoundStep
        | RoundEvent::Polka
        | RoundEvent::Lock
        | RoundEvent::Relock
        | RoundEvent::ValidBlock
        | RoundEvent::TimeoutPropose
        | RoundEvent::TimeoutWait => shape::round_state(news.height, news.round, news.step),
    }
}

/// Events that happened together, in order: all of a block, or one of consensus. Written as JSON
/// once, and asked once for each query, however many subscribers there are.
pub struct Batch {
    /// In the order in which subscribers get them.
    pub events: Vec<Event>,
    /// The block's height; none for news of consensus.
    pub height: Option<Height>,
    /// About how many bytes of memory they take once written.
    pub bytes: usize,
    matching: Mutex<BTreeMap<String, Arc<[usize]>>>,
}

impl Batch {
    fn new(events: Vec<Event>, height: Option<Height>, bytes: usize) -> Self {
        Self { events, height, bytes, matching: Mutex::default() }
    }

    /// All that there is to tell of the block of this height; none if it was pruned or is not
    /// executed yet.
    ///
    /// # Errors
    /// If the disk fails or a row is damaged.
    pub fn read(store: &Store, height: Height) -> Result<Option<Self>, StorageError> {
        Ok(Executed::read(store, height)?.map(Self::of_block))
    }

    /// All that there is to tell of a block, in the reference's order.
    fn of_block(executed: Executed) -> Self {
        let it = &Arc::new(executed);
        let (block, outcome) = (&it.block, &it.outcome);
        let height = block.header.height;
        let of_all = || tags_of(&outcome.events);
        let mut events = vec![
            Event::new("NewBlock", of_all(), Topic::NewBlock(it.clone())),
            Event::new("NewBlockHeader", Tags::new(), Topic::NewBlockHeader(it.clone())),
            Event::new("NewBlockEvents", of_all(), Topic::NewBlockEvents(it.clone())),
        ];
        for index in 0..block.evidence.len() {
            let topic = Topic::NewEvidence(it.clone(), index);
            events.push(Event::new("NewEvidence", Tags::new(), topic));
        }
        for (index, (tx, result)) in block.txs.iter().zip(&outcome.tx_results).enumerate() {
            let mut tags = tags_of(&result.events);
            let mut put = |tag: &str, value| tags.entry(tag.to_owned()).or_default().push(value);
            put("tx.hash", TxHash::of(tx).to_string());
            put("tx.height", height.to_string());
            events.push(Event::new("Tx", tags, Topic::Tx(it.clone(), index)));
        }
        if !outcome.validator_updates.is_empty() {
            let topic = Topic::ValidatorSetUpdates(it.clone());
            events.push(Event::new("ValidatorSetUpdates", Tags::new(), topic));
        }
        let bytes = events.len() * EVENT_BYTES + weight_of(&block.txs, outcome);
        Self::new(events, Some(height), bytes)
    }

    /// One thing that happened in consensus.
    pub fn of_round(news: RoundNews, store: &Store) -> Self {
        let proposer = match &news.what {
            RoundEvent::NewRound(address) => index_of(store, news.height, address),
            _ => ValidatorIndex(0),
        };
        let name = news.what.name();
        let event = Event::new(name, Tags::new(), Topic::Round(Box::new(news), proposer));
        Self::new(vec![event], None, EVENT_BYTES * BYTES_FACTOR)
    }

    /// Which of the events this query asks for, by their index, in order.
    pub fn matching(&self, query: &Query) -> Arc<[usize]> {
        let mut known = self.matching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = known.get(query.text()) {
            return Arc::clone(found);
        }
        let asked = self.events.iter().enumerate();
        let found: Arc<[usize]> =
            asked.filter(|(_, it)| query.matches(it.tags())).map(|(index, _)| index).collect();
        known.insert(query.text().to_owned(), Arc::clone(&found));
        found
    }
}

/// About how many bytes the contents of a block's events take once written.
fn weight_of(txs: &[Tx], outcome: &BlockOutcome) -> usize {
    let results = &outcome.tx_results;
    let txs = txs.iter().map(|tx| tx.len());
    let words = results.iter().map(|it| it.data.len() + it.log.len() + it.info.len());
    let events = results.iter().flat_map(|result| &result.events).chain(&outcome.events);
    let attributes = events.flat_map(|event| {
        event.attributes.iter().map(|it| {
            let text = event.kind.len() + it.key.len() + it.value.len();
            EVENT_BYTES.max(TEXT_FACTOR * text)
        })
    });
    txs.chain(words).sum::<usize>() * BYTES_FACTOR + attributes.sum::<usize>()
}

/// The place of a validator at a height; the first if the store does not know it.
fn index_of(store: &Store, height: Height, address: &Address) -> ValidatorIndex {
    let validators = store.validators(height).ok().flatten();
    let found = validators.and_then(|set| set.find(address).map(|(index, _)| index));
    found.unwrap_or(ValidatorIndex(0))
}

/// `type.key` of each attribute, with its values. spec: `validateAndStringifyEvents`.
fn tags_of(events: &[types::Event]) -> Tags {
    let mut tags = Tags::new();
    for event in events.iter().filter(|event| !event.kind.is_empty()) {
        for attribute in event.attributes.iter().filter(|it| !it.key.is_empty()) {
            let tag = format!("{}.{}", event.kind, attribute.key);
            tags.entry(tag).or_default().push(attribute.value.clone());
        }
    }
    tags
}

#[cfg(test)]
mod tests {
    use types::{EventAttribute, TxResult};

    use super::*;

    /// Small attributes were counted and long ones were not: few blocks of them filled the memory.
    #[test]
    fn what_is_long_weighs_more_than_its_bytes() {
        const LONG: usize = 1_000_000;
        let text = || "x".repeat(LONG);
        let event = |key: String, value: String| types::Event {
            kind: "work".to_owned(),
            attributes: vec![EventAttribute { key, value, index: true }],
        };
        let of_block = |event| BlockOutcome { events: vec![event], ..BlockOutcome::default() };
        let of_tx = |result| BlockOutcome { tx_results: vec![result], ..BlockOutcome::default() };
        let result = TxResult::default;
        let short = || event("done".to_owned(), "yes".to_owned());
        for (outcome, copies) in [
            (of_block(event("done".to_owned(), text())), TEXT_FACTOR),
            (of_block(event(text(), String::new())), TEXT_FACTOR),
            (of_tx(TxResult { events: vec![event("done".to_owned(), text())], ..result() }), 6),
            (of_tx(TxResult { data: text().into(), ..result() }), BYTES_FACTOR),
            (of_tx(TxResult { log: text(), ..result() }), BYTES_FACTOR),
            (of_tx(TxResult { info: text(), ..result() }), BYTES_FACTOR),
        ] {
            let weight = weight_of(&[], &outcome);
            assert!((copies * LONG..(copies + 1) * LONG).contains(&weight), "{weight}");
        }
        assert_eq!(weight_of(&[], &of_block(short())), EVENT_BYTES);
        assert_eq!(weight_of(&[Tx::from("abc")], &BlockOutcome::default()), 3 * BYTES_FACTOR);
    }
}
