//! What can be seen of an application's state from outside: Info, and the answers to questions.

use bytes::Bytes;
use types::{AppHash, Height};

use super::instances::Link;
use super::report::{Board, Evidence, Stopped};
use crate::application::Call;
use crate::request::{InfoRequest, QueryRequest};

/// What was seen at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) height: Option<Height>,
    pub(super) app_hash: AppHash,
    /// Code and value for each question.
    pub(super) answers: Vec<(Bytes, u32, Bytes)>,
}

/// Asks where an instance stands, and the questions.
pub(super) fn look(
    board: &mut Board,
    link: &Link,
    questions: &[QueryRequest],
    height: Option<Height>,
) -> Result<Seen, Stopped> {
    let readers = &link.connections.query;
    let info = board.answered(height, readers.info(&InfoRequest::default()))?;
    let mut answers = Vec::with_capacity(questions.len());
    for question in questions {
        let answer = board.answered(height, readers.query(question))?;
        answers.push((question.data.clone(), answer.code, answer.value));
    }
    Ok(Seen { height: info.last_block_height, app_hash: info.last_block_app_hash, answers })
}

impl Seen {
    /// Where the first of the two differs from the second.
    pub(super) fn difference(&self, other: &Seen) -> Option<Evidence> {
        if self.height != other.height {
            let shown = [self.height, other.height].map(shown_height);
            let evidence = Evidence::new("the height of Info").in_call(Call::Info);
            return Some(evidence.between(&shown[0], &shown[1]));
        }
        if self.app_hash != other.app_hash {
            let evidence = Evidence::new("the app hash of Info").in_call(Call::Info);
            return Some(evidence.between(&self.app_hash, &other.app_hash));
        }
        self.differing_key(other)
    }

    /// The first question that is answered otherwise.
    pub(super) fn differing_key(&self, other: &Seen) -> Option<Evidence> {
        let pairs = self.answers.iter().zip(&other.answers);
        let mut differing = pairs.filter(|(a, b)| a != b);
        differing.next().map(|((key, code, value), (_, other_code, other_value))| {
            let shown = |code: u32, value: &Bytes| match code {
                0 => format!("{:?}", value.escape_ascii().to_string()),
                code => format!("code {code}"),
            };
            let what = format!("key {:?}", key.escape_ascii().to_string());
            let evidence = Evidence::new(what).in_call(Call::Query);
            evidence.between(shown(*code, value), shown(*other_code, other_value))
        })
    }
}

/// A height, or that there is none.
pub(super) fn shown_height(height: Option<Height>) -> String {
    height.map_or_else(|| "none".to_owned(), |height| height.to_string())
}
