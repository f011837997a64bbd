//! What became of each transaction: every one that is sent has one fate in the end, so that the
//! counts add up.

use std::collections::BTreeMap;
use std::time::Duration;

use types::Time;

use super::answer::{Answer, Fault};
use super::news::{News, Seen, Way};
use super::payload::Stamp;

/// Most kinds of faults that are told apart; all others are one.
const KINDS_MAX: usize = 64;
/// How long a block is waited for that shows when the last transactions were decided.
const NEXT_BLOCK_WITHIN: Duration = Duration::from_secs(3);

/// What became of a transaction, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It was sent, and nothing was said yet.
    Unanswered,
    /// A node has it.
    Accepted,
    /// A node does not take it.
    Rejected,
    /// Nobody knows whether a node has it.
    Failed,
    /// It is in a block, whatever was said of it.
    Committed,
}

/// A transaction that is in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Commit {
    /// When it was sent.
    pub sent_at: Time,
    /// Which of the blocks has it.
    pub block: usize,
}

/// A kind of faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    /// How many there were.
    pub count: u64,
    /// What the first one said.
    pub first: String,
}

/// How many transactions came to which end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// All that were sent.
    pub sent: u64,
    /// Those in blocks.
    pub committed: u64,
    /// Those that a node did not take.
    pub rejected: u64,
    /// Those that a node took, and that are in no block.
    pub lost: u64,
    /// Those of which nobody knows whether a node took them, and that are in no block.
    pub failed: u64,
    /// How often one was found in a block that was in one before.
    pub duplicates: u64,
}

/// All that is remembered of a run.
#[derive(Debug)]
pub struct Ledger {
    /// When it began.
    pub began: Time,
    /// How many were sent in each second since then.
    pub sent_by_second: Vec<u64>,
    /// The blocks; the first is from before the first transaction.
    pub blocks: Vec<Seen>,
    /// Who is in them.
    pub commits: Vec<Commit>,
    /// How long answers took.
    pub answers: Vec<Duration>,
    /// What went wrong, by its kind.
    pub faults: BTreeMap<String, Faults>,
    /// How many connections were made, and how many of those were lost.
    pub connections_made: u64,
    /// See above.
    pub connections_lost: u64,
    /// How the latest blocks were followed.
    pub way: Option<Way>,
    fates: Vec<Option<Fate>>,
    /// How many may still come into a block: all but those that a node has refused.
    pending: u64,
    duplicates: u64,
}

impl Ledger {
    /// An empty one, for a run that begins now.
    pub fn new(began: Time) -> Self {
        Self {
            began,
            sent_by_second: vec![],
            blocks: vec![],
            commits: vec![],
            answers: vec![],
            faults: BTreeMap::new(),
            connections_made: 0,
            connections_lost: 0,
            way: None,
            fates: vec![],
            pending: 0,
            duplicates: 0,
        }
    }

    /// Takes note of something.
    pub fn note(&mut self, news: News) {
        match news {
            News::Connected => self.connections_made += 1,
            News::Disconnected { stood, fault } => {
                self.connections_lost += u64::from(stood);
                fault.into_iter().for_each(|fault| self.blame(fault));
            }
            News::Sent(stamp) => self.note_sent(stamp),
            News::Answered { number, answer, after } => self.note_answer(number, answer, after),
            News::Fault(fault) => self.blame(fault),
            News::Block(seen) => self.note_block(seen),
            News::Following(way) => self.way = Some(way),
        }
    }

    /// How many were sent so far.
    pub fn sent(&self) -> u64 {
        self.sent_by_second.iter().sum()
    }

    /// How many faults there were so far.
    pub fn faults_count(&self) -> u64 {
        self.faults.values().map(|faults| faults.count).sum()
    }

    /// Whether nothing more is to be expected: all that nodes took is in blocks, and the block
    /// after them has come or does not come.
    pub fn is_settled(&self, now: Time) -> bool {
        let shown = match (self.commits.last(), self.blocks.last()) {
            (Some(last), Some(block)) => {
                let is_followed = last.block + 1 < self.blocks.len();
                is_followed || NEXT_BLOCK_WITHIN < now.since(block.arrived)
            }
            (None, _) | (_, None) => true,
        };
        self.pending == 0 && shown
    }

    /// What became of all. Those without an answer have failed, and this is a fault of its own.
    pub fn conclude(&mut self) -> Counts {
        let mut counts = Counts { duplicates: self.duplicates, ..Counts::default() };
        let mut unanswered = 0;
        for fate in self.fates.iter().flatten() {
            counts.sent += 1;
            match fate {
                Fate::Committed => counts.committed += 1,
                Fate::Rejected => counts.rejected += 1,
                Fate::Accepted => counts.lost += 1,
                Fate::Failed => counts.failed += 1,
                Fate::Unanswered => unanswered += 1,
            }
        }
        counts.failed += unanswered;
        if 0 < unanswered {
            let text = "the run was over before there was an answer";
            self.blame_times(Fault::new("no answer", text), unanswered);
        }
        let ends = counts.committed + counts.rejected + counts.lost + counts.failed;
        assert_eq!(counts.sent, ends, "every transaction has one fate");
        counts
    }

    fn note_sent(&mut self, stamp: Stamp) {
        let index = usize::try_from(stamp.number).expect("numbers have a limit");
        if self.fates.len() <= index {
            self.fates.resize(index + 1, None);
        }
        self.fates[index] = Some(Fate::Unanswered);
        self.pending += 1;
        let second = stamp.sent_at.since(self.began).as_secs();
        let second = usize::try_from(second).expect("a run has an end");
        if self.sent_by_second.len() <= second {
            self.sent_by_second.resize(second + 1, 0);
        }
        self.sent_by_second[second] += 1;
    }

    fn note_answer(&mut self, number: u64, answer: Answer, after: Duration) {
        let fate = match answer {
            Answer::Accepted => Fate::Accepted,
            Answer::AcceptedBut(fault) => {
                self.blame(fault);
                Fate::Accepted
            }
            Answer::Rejected(fault) => {
                self.blame(fault);
                Fate::Rejected
            }
            Answer::Failed(fault) => {
                self.blame(fault);
                Fate::Failed
            }
        };
        if fate != Fate::Failed {
            self.answers.push(after);
        }
        let Some(known) = self.fate_mut(number) else { return };
        if *known == Fate::Unanswered {
            *known = fate;
            self.pending -= u64::from(fate == Fate::Rejected);
        }
    }

    fn note_block(&mut self, seen: Seen) {
        let block = self.blocks.len();
        for &Stamp { number, sent_at } in &seen.ours {
            // A number that was never sent is somebody's game with our transactions.
            let Some(fate) = self.fate_mut(number) else { continue };
            let before = std::mem::replace(fate, Fate::Committed);
            match before {
                Fate::Committed => self.duplicates += 1,
                Fate::Unanswered | Fate::Accepted | Fate::Rejected | Fate::Failed => {
                    self.pending -= u64::from(before != Fate::Rejected);
                    self.commits.push(Commit { sent_at, block });
                }
            }
        }
        self.blocks.push(Seen { ours: vec![], ..seen });
    }

    fn fate_mut(&mut self, number: u64) -> Option<&mut Fate> {
        self.fates.get_mut(usize::try_from(number).ok()?)?.as_mut()
    }

    fn blame(&mut self, fault: Fault) {
        self.blame_times(fault, 1);
    }

    fn blame_times(&mut self, fault: Fault, count: u64) {
        let is_new = !self.faults.contains_key(&fault.kind);
        let kind =
            if is_new && KINDS_MAX <= self.faults.len() { "other".to_owned() } else { fault.kind };
        let faults = self.faults.entry(kind);
        faults.or_insert(Faults { count: 0, first: fault.text }).count += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::EPOCH.after(Duration::from_millis(millis))
    }

    fn sent(number: u64) -> News {
        News::Sent(Stamp { number, sent_at: at(number) })
    }

    fn answered(number: u64, answer: Answer) -> News {
        News::Answered { number, answer, after: Duration::from_millis(1) }
    }

    fn block(height: u64, numbers: &[u64]) -> News {
        let stamp = |&number: &u64| Stamp { number, sent_at: at(number) };
        News::Block(Seen {
            height,
            time: at(height * 1000),
            arrived: at(height * 1000),
            polled: false,
            txs: 9,
            bytes: 900,
            ours: numbers.iter().map(stamp).collect(),
        })
    }

    fn fault() -> Fault {
        Fault::new("kind", "text")
    }

    #[test]
    fn every_transaction_has_one_fate() {
        let mut ledger = Ledger::new(at(0));
        (0..7).map(sent).for_each(|news| ledger.note(news));
        ledger.note(answered(0, Answer::Accepted));
        ledger.note(answered(1, Answer::AcceptedBut(fault())));
        ledger.note(answered(2, Answer::Rejected(fault())));
        ledger.note(answered(3, Answer::Failed(fault())));
        ledger.note(answered(4, Answer::Failed(fault())));
        assert!(!ledger.is_settled(at(0)));
        // 3 got through though nobody said so, 5 before its answer, 99 was never sent.
        ledger.note(block(1, &[0, 3, 5, 99]));
        ledger.note(answered(5, Answer::Accepted));
        ledger.note(block(2, &[0]));
        let counts = ledger.conclude();
        let expected =
            Counts { sent: 7, committed: 3, rejected: 1, lost: 1, failed: 2, duplicates: 1 };
        assert_eq!(counts, expected);
        assert_eq!(ledger.faults["kind"], Faults { count: 4, first: "text".into() });
        assert_eq!(ledger.faults["no answer"].count, 1);
        assert_eq!(ledger.commits.len(), 3);
    }

    #[test]
    fn it_is_settled_when_all_is_in_blocks_and_the_next_block_came() {
        let mut ledger = Ledger::new(at(0));
        assert!(ledger.is_settled(at(0)));
        ledger.note(sent(0));
        ledger.note(answered(0, Answer::Accepted));
        ledger.note(block(1, &[]));
        assert!(!ledger.is_settled(at(9_000)), "one is missing");
        ledger.note(block(2, &[0]));
        assert!(!ledger.is_settled(at(2_001)), "the next block may come");
        assert!(ledger.is_settled(at(5_001)), "it does not come");
        ledger.note(block(3, &[]));
        assert!(ledger.is_settled(at(3_000)));
    }

    #[test]
    fn kinds_of_faults_have_a_limit() {
        let mut ledger = Ledger::new(at(0));
        for number in 0..1000 {
            ledger.note(News::Fault(Fault::new(format!("kind {number}"), "text")));
        }
        assert_eq!(ledger.faults.len(), KINDS_MAX + 1);
        assert_eq!(ledger.faults_count(), 1000);
    }
}
