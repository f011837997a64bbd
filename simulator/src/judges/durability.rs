//! What is said must be known after a crash: an honest member's votes are on its disk before they
//! are sent, and a decided block before the application executes it.

use std::collections::BTreeSet;

use consensus::{Output, replay::Record};
use types::{Address, Height, Message, Round, VoteKind};

/// Heights back for which it is remembered what is on the disk. What is older is sent only to
/// members who are far behind.
const HEIGHTS_KEPT: u64 = 4;

/// Where a vote was given.
type Place = (Height, Round, VoteKind);

/// What each member has on its disk of what it says.
#[derive(Debug)]
pub struct Durability {
    members: Vec<Disk>,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    own: Option<Address>,
    written: Vec<Place>,
    synced: BTreeSet<Place>,
}

impl Durability {
    /// Members with these addresses, whose disks are empty.
    pub fn new(addresses: impl Iterator<Item = Option<Address>>) -> Self {
        let disk = |own| Disk { own, ..Disk::default() };
        Self { members: addresses.map(disk).collect() }
    }

    /// A member writes.
    pub fn wrote(&mut self, member: usize, write: &[Output], synced: bool) {
        let disk = &mut self.members[member];
        let own = disk.own;
        let places = write.iter().filter_map(|output| match output {
            Output::Record(record) => place(record, own),
            _ => None,
        });
        disk.written.extend(places);
        if synced && !disk.written.is_empty() {
            disk.synced.extend(disk.written.drain(..));
            let newest = disk.synced.last().map_or(Height(0), |place| place.0);
            let oldest = Height(newest.0.saturating_sub(HEIGHTS_KEPT));
            disk.synced = disk.synced.split_off(&(oldest, Round::FIRST, VoteKind::Prevote));
        }
    }

    /// A member starts, and these records are on its disk after all.
    pub fn started(&mut self, member: usize, records: &[Record]) {
        let disk = &mut self.members[member];
        let own = disk.own;
        disk.synced.extend(records.iter().filter_map(|record| place(record, own)));
    }

    /// A member's power is cut: what it had not synced may be gone.
    pub fn crashed(&mut self, member: usize) {
        self.members[member].written.clear();
    }

    /// A member's disk is emptied. What it had said by then comes back to it from others, and it
    /// passes that on as theirs.
    pub fn wiped(&mut self, member: usize) {
        self.members[member].written.clear();
    }

    /// A member sends a message.
    ///
    /// # Errors
    /// If it may not know after a crash that it has.
    pub fn sent(&self, member: usize, message: &Message) -> Result<(), String> {
        let disk = &self.members[member];
        let Message::Vote(vote) = message else { return Ok(()) };
        if Some(vote.validator_address) != disk.own {
            return Ok(());
        }
        let place = (vote.height, vote.round, vote.kind);
        let newest = disk.synced.last().map_or(Height(0), |place| place.0);
        if disk.synced.contains(&place) || vote.height.0 + HEIGHTS_KEPT <= newest.0 {
            return Ok(());
        }
        let (height, round, kind) = (vote.height, vote.round, vote.kind);
        Err(format!("{member} sends its {kind:?} of {height}/{round} before it is on its disk"))
    }
}

/// Where a member's own vote stands, if the record is one. Records of votes are all that is asked
/// about: a proposal does not say whose it is.
fn place(record: &Record, own: Option<Address>) -> Option<Place> {
    match record {
        Record::Vote(vote) if Some(vote.validator_address) == own => {
            Some((vote.height, vote.round, vote.kind))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    fn judge(sample: &Sample) -> Durability {
        Durability::new((0..2).map(|member| sample.standing.address(member)))
    }

    #[test]
    fn a_vote_is_sent_only_after_it_is_on_the_disk() {
        let sample = Sample::new(false);
        let vote = sample.vote(0, (Height(1), Round(0)), None);
        let message = Message::Vote(vote.clone());
        let record = [Output::Record(Record::Vote(vote))];
        let mut judge = judge(&sample);
        assert!(judge.sent(0, &message).unwrap_err().contains("before it is on its disk"));
        assert_eq!(judge.sent(1, &message), Ok(()), "others may pass it on");
        judge.wrote(0, &record, false);
        assert!(judge.sent(0, &message).is_err());
        judge.crashed(0);
        judge.wrote(0, &[], true);
        assert!(judge.sent(0, &message).is_err(), "it was lost with the power");
        let Output::Record(found) = &record[0] else { unreachable!("it is a record") };
        judge.started(0, std::slice::from_ref(found));
        assert_eq!(judge.sent(0, &message), Ok(()), "it was not lost after all");
        judge.wiped(0);
        assert_eq!(judge.sent(0, &message), Ok(()), "others know it");
        let vote = sample.vote(0, (Height(1), Round(1)), None);
        let (later, record) = (Message::Vote(vote.clone()), [Output::Record(Record::Vote(vote))]);
        assert!(judge.sent(0, &later).is_err());
        judge.wrote(0, &record, true);
        assert_eq!(judge.sent(0, &later), Ok(()));
        judge.crashed(0);
        assert_eq!(judge.sent(0, &later), Ok(()));
    }

    #[test]
    fn old_votes_are_not_asked_about() {
        let sample = Sample::new(false);
        let vote = |height| sample.vote(0, (Height(height), Round(0)), None);
        let mut judge = judge(&sample);
        judge.wrote(0, &[Output::Record(Record::Vote(vote(9)))], true);
        assert_eq!(judge.sent(0, &Message::Vote(vote(5))), Ok(()));
        assert!(judge.sent(0, &Message::Vote(vote(6))).is_err());
    }
}
