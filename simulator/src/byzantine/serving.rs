//! Vices of a node that others fetch blocks from, and lies about what it has.

use std::sync::Arc;

use types::height::HEIGHT_MAX;
use types::{Block, ExtendedCommit, Height, Message};

use super::{Adversary, Said, Sent, forge};
use crate::plan::Vice;

/// Of a thousand statuses, those that are false.
const FALSE_PERMILLE: u64 = 800;
/// Of a thousand blocks served, those that are bad.
const BAD_PERMILLE: u64 = 700;
/// How late blocks are served, in hundredths of others' patience: just before it ends, or after.
const LATE: u64 = 95;
const TOO_LATE: u64 = 105;

impl Adversary {
    /// Its replica would say this about blocks.
    pub fn serve(&mut self, to: usize, message: &Message, said: &mut Said) {
        match message {
            Message::StatusResponse { range } => {
                let lies = self.vices.contains(&Vice::FalseHeights)
                    && self.chance.permille(FALSE_PERMILLE);
                let range = if lies { self.false_range(*range) } else { *range };
                if lies {
                    said.acts.push(Vice::FalseHeights);
                }
                said.say(to, Message::StatusResponse { range });
            }
            Message::BlockResponse { block, extended_commit } => {
                self.serve_block(to, (block, extended_commit.as_ref()), said);
            }
            // Who lies about heights does not admit that it has no block.
            Message::NoBlock(_) if self.vices.contains(&Vice::NoAnswers) => {
                said.acts.push(Vice::NoAnswers);
            }
            other => said.say(to, other.clone()),
        }
    }

    fn serve_block(
        &mut self,
        to: usize,
        (block, extended_commit): (&Arc<Block>, Option<&ExtendedCommit>),
        said: &mut Said,
    ) {
        if self.vices.contains(&Vice::NoAnswers) && self.chance.permille(BAD_PERMILLE) {
            return said.acts.push(Vice::NoAnswers);
        }
        let (mut block, mut commit) = (Arc::clone(block), extended_commit.cloned());
        if self.vices.contains(&Vice::BadBlocks) && self.chance.permille(BAD_PERMILLE) {
            said.acts.push(Vice::BadBlocks);
            match self.chance.below(6) {
                0 => block = Arc::new(forge::another(&block, &mut self.chance)),
                1 => {
                    let mut it = (*block).clone();
                    it.header.height = Height(it.header.height.0 + 1);
                    block = Arc::new(it);
                }
                2 => {
                    let mut it = (*block).clone();
                    forge::spoil_commit(&mut it, &mut self.chance);
                    block = Arc::new(it);
                }
                // A block of this chain, but not the one that was asked for.
                3 => block = self.memory.block.clone().unwrap_or(block),
                4 => commit = self.false_commit(commit),
                _ => {
                    // Only the commit of the block before is false; the header does not show it.
                    let mut it = (*block).clone();
                    it.last_commit = None;
                    block = Arc::new(it);
                }
            }
        }
        let message = Message::BlockResponse { block, extended_commit: commit };
        let slow = self.vices.contains(&Vice::SlowAnswers);
        if !slow {
            return said.say(to, message);
        }
        said.acts.push(Vice::SlowAnswers);
        let hundredths = if self.chance.coin() { LATE } else { TOO_LATE };
        let after_nanos = self.patience_ms.saturating_mul(hundredths * 10_000);
        said.sent.push(Sent { to, message, after_nanos });
    }

    /// No commit where there should be one, or one that proves nothing.
    fn false_commit(&mut self, commit: Option<ExtendedCommit>) -> Option<ExtendedCommit> {
        let mut commit = commit.filter(|it| !it.height.0.is_multiple_of(3))?;
        if self.chance.coin() {
            commit.block_id = forge::some_id(&mut self.chance);
            commit.signatures.iter_mut().for_each(|it| forge::unsign(&mut it.sig));
        } else if let Some(entry) = commit.signatures.first_mut() {
            entry.extension = None;
        }
        Some(commit)
    }

    /// What it could claim to have. The wire has no room for more than 2^63 - 1.
    pub fn false_range(&mut self, range: Option<(Height, Height)>) -> Option<(Height, Height)> {
        let (first, last) = range.unwrap_or((Height(1), Height(1)));
        let far = Height(last.0 + self.chance.log_between(1, 1 << 40));
        match self.chance.below(8) {
            0 => Some((first, far)),
            1 => Some((far, far)),
            2 => Some((first, Height(HEIGHT_MAX))),
            3 => Some((Height(HEIGHT_MAX), Height(HEIGHT_MAX))),
            // The base is above the height.
            4 => Some((Height(last.0 + 1), last)),
            // Less than it claimed before.
            5 => Some((first, Height(self.chance.between(1, last.0)).max(first))),
            6 => Some((first, last.next())),
            _ => None,
        }
    }
}
