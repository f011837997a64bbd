//! Where our code differs from the specification on purpose, as data. A difference that is not
//! here fails the test; one that is here is counted.

use std::collections::BTreeMap;

/// A difference that is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deviation {
    OneStepToNextRound,
    DecisionOutsideRules,
    BuildingOutsideRules,
    SettlesAtOnce,
    AsksAgainAfterSkip,
    PolkaOverAlarm,
    NilEndsRound,
    NothingAfterDecision,
    HeightBeginsAtRoundZero,
    DecidesBeforeItBegins,
    VotesBeforeTheHeight,
    CertificateIsClaimAndVotes,
    BlockComesAgain,
}

/// All of them, each with what it means. docs/PROTOCOL.md has the reasons.
pub const TABLE: [(Deviation, &str); 13] = [
    (Deviation::OneStepToNextRound, "ending a round and beginning the next is one step for us"),
    (Deviation::DecisionOutsideRules, "`Rounds` knows no decision (L49): `Deliberation` decides"),
    (Deviation::BuildingOutsideRules, "the wish for a new block (L18) is `Deliberation`'s"),
    (
        Deviation::SettlesAtOnce,
        "what a message leads to happens at once for us, and one rule a step for them",
    ),
    (
        Deviation::AsksAgainAfterSkip,
        "they do not ask the rules again after a skip from propose to propose",
    ),
    (Deviation::PolkaOverAlarm, "with a polka we set no alarm for prevotes (L34 after L36, L44)"),
    (Deviation::NilEndsRound, "a quorum of nil precommits ends a round at once (decision 0005)"),
    (
        Deviation::NothingAfterDecision,
        "once a quorum has decided, nothing but the block is waited for",
    ),
    (
        Deviation::HeightBeginsAtRoundZero,
        "we pass through round 0 even if votes that came before the height lead further at once",
    ),
    (
        Deviation::DecidesBeforeItBegins,
        "they drop a decision that is there before round 0, and wait for a message to repeat it",
    ),
    (Deviation::VotesBeforeTheHeight, "votes that came before the height are taken in first"),
    (Deviation::CertificateIsClaimAndVotes, "a certificate is a peer's claim, then its votes"),
    (Deviation::BlockComesAgain, "a block that votes make us want comes again from a peer"),
];

/// How often each was applied.
#[derive(Debug, Default)]
pub struct Counts(BTreeMap<Deviation, usize>);

impl Counts {
    /// Applies a deviation once.
    pub fn apply(&mut self, deviation: Deviation) {
        *self.0.entry(deviation).or_default() += 1;
    }

    /// The table with its counts, for the report. Every row must have been of use.
    pub fn report(&self) {
        for (deviation, meaning) in TABLE {
            let count = self.0.get(&deviation).copied().unwrap_or_default();
            println!("{count:>5} {deviation:?}: {meaning}");
            assert!(0 < count, "{deviation:?} is never needed");
        }
    }
}
