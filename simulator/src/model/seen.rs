//! Which signatures a modelled node has checked already: the node remembers them by hash, and here
//! their place says as much, since nobody signs twice.

use std::collections::BTreeMap;

use types::{Commit, CommitSig, Height, Message, Round, VoteKind};

/// Where a signature stands.
type Place = (Height, Round, Kind);

/// What is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Proposal,
    Vote(VoteKind),
}

/// Signatures that were checked.
#[derive(Debug, Default)]
pub struct Seen {
    places: BTreeMap<Place, Vec<u64>>,
}

impl Seen {
    /// How many signatures of a message were not checked before, of how many; they are from now
    /// on.
    pub fn check(&mut self, message: &Message) -> (u64, u64) {
        let (place, index) = match message {
            Message::Vote(vote) => {
                ((vote.height, vote.round, Kind::Vote(vote.kind)), vote.validator_index.0)
            }
            Message::Proposal(proposal) => ((proposal.height, proposal.round, Kind::Proposal), 0),
            _ => return (0, 0),
        };
        (u64::from(self.note(place, index)), 1)
    }

    /// The same of a commit, where it is in a block.
    pub fn check_commit(&mut self, commit: &Commit) -> (u64, u64) {
        let place = (commit.height, commit.round, Kind::Vote(VoteKind::Precommit));
        let (mut fresh, mut all) = (0, 0);
        for (index, signature) in (0..).zip(&commit.signatures) {
            if !matches!(signature, CommitSig::Absent) {
                all += 1;
                fresh += u64::from(self.note(place, index));
            }
        }
        (fresh, all)
    }

    /// Forgets what is before a height.
    pub fn forget_before(&mut self, height: Height) {
        self.places = self.places.split_off(&(height, Round::FIRST, Kind::Proposal));
    }

    fn note(&mut self, place: Place, index: u32) -> bool {
        let words = self.places.entry(place).or_default();
        let (word, bit) = (index / u64::BITS, 1 << (index % u64::BITS));
        let word = usize::try_from(word).expect("few validators");
        if words.len() <= word {
            words.resize(word + 1, 0);
        }
        let fresh = words[word] & bit == 0;
        words[word] |= bit;
        fresh
    }
}
