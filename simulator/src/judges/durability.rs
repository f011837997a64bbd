//! What is said must be known after a crash: an honest member's votes are on its disk before they
//! are sent, and a decided block before the application executes it.

use std::collections::{BTreeMap, BTreeSet};

use consensus::{Output, replay::Record};
use types::{Address, BlockId, Height, Message, Round, UnsignedVote, VoteKind};

/// Where a vote was given.
type Place = (Height, Round, VoteKind);

/// What each member has signed since it started and not synced yet. Whatever else it sends in its
/// own name it was told by its disk or by peers.
#[derive(Debug)]
pub struct Durability {
    members: Vec<Disk>,
}

#[derive(Clone, Debug, Default)]
struct Disk {
    own: Option<Address>,
    /// Its votes that everybody may know, in this life or an earlier one.
    said: BTreeMap<Place, Option<BlockId>>,
    signed: BTreeSet<Place>,
    written: Vec<Place>,
    /// The last decided block that was written, and that was synced, since it started.
    decided: Option<Height>,
    kept: Option<Height>,
}

impl Durability {
    /// Members with these addresses, whose disks are empty.
    pub fn new(addresses: impl Iterator<Item = Option<Address>>) -> Self {
        let disk = |own| Disk { own, ..Disk::default() };
        Self { members: addresses.map(disk).collect() }
    }

    /// A member has signed a vote. If it said the same before its disk was wiped, it may have been
    /// told so by peers, and pass it on at any time. For a height whose block is on its disk, it
    /// will never be asked to vote again.
    pub fn signed(&mut self, member: usize, vote: &UnsignedVote) {
        let place = (vote.height, vote.round, vote.kind);
        let disk = &mut self.members[member];
        let is_late = Some(vote.height) <= disk.kept;
        if !is_late && disk.said.get(&place) != Some(&vote.block_id) {
            disk.signed.insert(place);
        }
    }

    /// A member writes.
    pub fn wrote(&mut self, member: usize, write: &[Output], synced: bool) {
        let disk = &mut self.members[member];
        for output in write {
            match output {
                Output::Record(record) => disk.written.extend(place(record, disk.own)),
                Output::Decide(it) => disk.decided = Some(it.block.header.height),
                _ => {}
            }
        }
        if synced {
            disk.kept = disk.decided;
            for place in disk.written.drain(..) {
                disk.signed.remove(&place);
            }
            disk.signed.retain(|place| disk.kept < Some(place.0));
        }
    }

    /// A member stops: what it had not synced may be gone, and with it that it has signed.
    pub fn stopped(&mut self, member: usize) {
        let disk = &mut self.members[member];
        disk.written.clear();
        disk.signed.clear();
        (disk.decided, disk.kept) = (None, None);
    }

    /// A member sends a message.
    ///
    /// # Errors
    /// If it may not know after a crash that it has.
    pub fn sent(&mut self, member: usize, message: &Message) -> Result<(), String> {
        let disk = &mut self.members[member];
        let Message::Vote(vote) = message else { return Ok(()) };
        if Some(vote.validator_address) != disk.own {
            return Ok(());
        }
        let place = (vote.height, vote.round, vote.kind);
        if disk.signed.contains(&place) {
            let (height, round, kind) = place;
            return Err(format!(
                "{member} sends its {kind:?} of {height}/{round} before it is kept"
            ));
        }
        disk.said.entry(place).or_insert(vote.block_id);
        Ok(())
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

    #[test]
    fn a_vote_is_sent_only_after_it_is_on_the_disk() {
        let sample = Sample::new(false);
        let vote = sample.vote(0, (Height(1), Round(0)), None);
        let unsigned = sample.unsigned(0, (Height(1), Round(0)), None);
        let message = Message::Vote(vote.clone().into());
        let record = [Output::Record(Record::Vote(vote.into()))];
        let mut judge = Durability::new((0..2).map(|member| sample.standing.address(member)));
        judge.signed(0, &unsigned);
        assert!(judge.sent(0, &message).unwrap_err().contains("before it is kept"));
        assert_eq!(judge.sent(1, &message), Ok(()), "others may pass it on");
        judge.wrote(0, &record, false);
        assert!(judge.sent(0, &message).is_err());
        judge.stopped(0);
        judge.signed(0, &unsigned);
        judge.wrote(0, &[], true);
        assert!(judge.sent(0, &message).is_err(), "the record was lost with the power");
        judge.wrote(0, &record, true);
        assert_eq!(judge.sent(0, &message), Ok(()));
        judge.stopped(0);
        judge.signed(0, &unsigned);
        assert_eq!(judge.sent(0, &message), Ok(()), "it has said so before");
    }

    #[test]
    fn a_vote_for_what_is_decided_and_kept_needs_no_record() {
        let sample = Sample::new(false);
        let at = (Height(1), Round(0));
        let (unsigned, vote) = (sample.unsigned(0, at, None), sample.vote(0, at, None));
        let message = Message::Vote(vote.into());
        let decide = [Output::Decide(Box::new(sample.block()))];
        for synced in [false, true] {
            let mut judge = Durability::new((0..2).map(|member| sample.standing.address(member)));
            judge.wrote(0, &decide, synced);
            judge.signed(0, &unsigned);
            assert_eq!(judge.sent(0, &message).is_ok(), synced);
        }
    }
}
