//! The application's thread: puts the replica's questions to it, one after the other.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

use anyhow::Result;
use consensus::Question;

use crate::admission::Rules;
use crate::driver::Event;

/// What answers, and between which queues.
pub struct Executor {
    /// Who answers.
    pub answering: execution::Executor<abci::Client, Arc<Rules>>,
    /// What is asked.
    pub questions: Receiver<Question>,
    /// Where answers go.
    pub replica: SyncSender<Event>,
}

impl Executor {
    /// Works until the replica is gone.
    ///
    /// # Errors
    /// If the application or the store fails: the node stops.
    pub fn run(self) -> Result<()> {
        while let Ok(question) = self.questions.recv() {
            let answer = self.answering.answer(question)?;
            if self.replica.send(Event::Input(answer)).is_err() {
                break;
            }
        }
        Ok(())
    }
}
