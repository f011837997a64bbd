//! The application of docs/APPLICATIONS.md, word for word.

use abci::InitChainRequest;
use apps::framework::{
    Account, Answer, Coded, Description, Field, Frame, Item, Kind, MessageDescription, Module,
    QueryDescription, Question, Refusal, State, event,
};
use borsh::{BorshDeserialize, BorshSerialize};

const COUNT: Item<u64> = Item::new("counter/count");
const COUNT_FIELD: Field = Field { name: "count", kind: Kind::Number, summary: "The count" };
const BY: Field = Field { name: "by", kind: Kind::Number, summary: "How much to add" };

pub struct Counter;

#[derive(BorshSerialize, BorshDeserialize)]
pub enum CounterMessage {
    Add { by: u64 },
}

#[derive(Debug, thiserror::Error)]
#[error("the count cannot grow by {by}")]
pub struct CounterError {
    by: u64,
}

impl Coded for CounterError {
    const CODESPACE: &'static str = "counter";

    fn code(&self) -> u32 {
        1
    }
}

impl Module for Counter {
    const DESCRIPTION: Description = Description {
        name: "counter",
        summary: "A number that everybody may add to",
        messages: &[MessageDescription { name: "add", tag: 0, summary: "Adds", fields: &[BY] }],
        queries: &[QueryDescription {
            name: "count",
            summary: "The count",
            parameters: &[],
            answer: &[COUNT_FIELD],
        }],
        events: &["counter.add"],
    };
    type Message = CounterMessage;
    type Genesis = u64;

    fn genesis(&self, state: &mut State, _: &InitChainRequest, count: u64) -> Result<(), Refusal> {
        COUNT.set(state, &count);
        Ok(())
    }

    fn handle(
        &self,
        state: &mut State,
        _frame: &Frame,
        signer: Account,
        message: &CounterMessage,
    ) -> Result<(), Refusal> {
        let CounterMessage::Add { by } = *message;
        let count = COUNT.get(state).unwrap_or(0);
        let count = count.checked_add(by).ok_or(CounterError { by })?;
        COUNT.set(state, &count);
        state.emit(event("counter.add", &[("by", &by), ("signer", &signer)]));
        Ok(())
    }

    fn query(&self, state: &State, question: &Question<'_>) -> Result<Answer, Refusal> {
        match question.name {
            "count" => Ok(Answer::at(state, COUNT.key())),
            _ => Err(question.unknown()),
        }
    }
}
