//! What is asked of an application, one claim for each thing that can be found out about it.

/// Something that must hold of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// Requirement 1.
    PrepareInTime,
    /// Requirement 2.
    PrepareFits,
    /// Requirement 3.
    PrepareAccepted,
    /// Requirement 4.
    ProcessDeterministic,
    /// Requirement 5.
    ProcessAgrees,
    /// Requirement 6.
    ExtensionAccepted,
    /// Requirement 7.
    VerifyDeterministic,
    /// Requirement 8.
    VerifyAgrees,
    /// Requirement 9.
    NoSideEffects,
    /// Requirement 10.
    ExtensionsChangeNothing,
    /// Requirement 11.
    StateDeterministic,
    /// Requirement 12.
    ResultsDeterministic,
    /// Requirement 13.
    CheckTxSettles,
    /// Every answer is one, and belongs to its request.
    Answers,
    /// FinalizeBlock answers for each transaction.
    ResultCount,
    /// FinalizeBlock does not depend on proposals that were not decided.
    OtherRounds,
    /// Nothing is seen of a block before Commit.
    CommitOnly,
    /// Info answers what was committed.
    InfoFollowsCommit,
    /// Nothing may be forgotten that is yet to come.
    RetainHeight,
    /// CheckTx, Info and Query change nothing.
    ReadsChangeNothing,
    /// What Commit has answered for outlives the process.
    CommitDurable,
    /// After a crash between any two calls, the blocks that are missing give the same state.
    CrashReplay,
    /// After restarts, further blocks give the same state.
    Restart,
    /// A fresh instance starts from a snapshot, and is what the other is.
    Snapshot,
    /// A changed piece of a snapshot is noticed.
    SnapshotChanged,
    /// Calls on all four connections at once are all answered.
    Parallel,
    /// Frames that come in pieces are put together.
    FramesSplit,
    /// Several frames in one write are answered in order.
    FramesJoined,
    /// A frame that is not whole yet holds up nobody else.
    HalfFrame,
    /// Unknown fields are passed over.
    UnknownFields,
    /// An unknown request is refused, not left hanging.
    UnknownRequest,
    /// A frame with nothing in it does no harm.
    EmptyFrame,
    /// A length that nobody can send does no harm.
    OversizedFrame,
}

impl Claim {
    /// Every claim, in the order of the report.
    pub const ALL: [Claim; 33] = [
        Claim::PrepareInTime,
        Claim::PrepareFits,
        Claim::PrepareAccepted,
        Claim::ProcessDeterministic,
        Claim::ProcessAgrees,
        Claim::ExtensionAccepted,
        Claim::VerifyDeterministic,
        Claim::VerifyAgrees,
        Claim::NoSideEffects,
        Claim::ExtensionsChangeNothing,
        Claim::StateDeterministic,
        Claim::ResultsDeterministic,
        Claim::CheckTxSettles,
        Claim::Answers,
        Claim::ResultCount,
        Claim::OtherRounds,
        Claim::CommitOnly,
        Claim::InfoFollowsCommit,
        Claim::RetainHeight,
        Claim::ReadsChangeNothing,
        Claim::CommitDurable,
        Claim::CrashReplay,
        Claim::Restart,
        Claim::Snapshot,
        Claim::SnapshotChanged,
        Claim::Parallel,
        Claim::FramesSplit,
        Claim::FramesJoined,
        Claim::HalfFrame,
        Claim::UnknownFields,
        Claim::UnknownRequest,
        Claim::EmptyFrame,
        Claim::OversizedFrame,
    ];

    /// Its name for machines.
    pub fn id(self) -> &'static str {
        match self {
            Claim::PrepareInTime => "prepare-in-time",
            Claim::PrepareFits => "prepare-fits",
            Claim::PrepareAccepted => "prepare-accepted",
            Claim::ProcessDeterministic => "process-deterministic",
            Claim::ProcessAgrees => "process-agrees",
            Claim::ExtensionAccepted => "extension-accepted",
            Claim::VerifyDeterministic => "verify-deterministic",
            Claim::VerifyAgrees => "verify-agrees",
            Claim::NoSideEffects => "no-side-effects",
            Claim::ExtensionsChangeNothing => "extensions-change-nothing",
            Claim::StateDeterministic => "state-deterministic",
            Claim::ResultsDeterministic => "results-deterministic",
            Claim::CheckTxSettles => "check-tx-settles",
            Claim::Answers => "answers",
            Claim::ResultCount => "result-count",
            Claim::OtherRounds => "other-rounds",
            Claim::CommitOnly => "commit-only",
            Claim::InfoFollowsCommit => "info-follows-commit",
            Claim::RetainHeight => "retain-height",
            Claim::ReadsChangeNothing => "reads-change-nothing",
            Claim::CommitDurable => "commit-durable",
            Claim::CrashReplay => "crash-replay",
            Claim::Restart => "restart",
            Claim::Snapshot => "snapshot",
            Claim::SnapshotChanged => "snapshot-changed",
            Claim::Parallel => "parallel",
            Claim::FramesSplit => "frames-split",
            Claim::FramesJoined => "frames-joined",
            Claim::HalfFrame => "half-frame",
            Claim::UnknownFields => "unknown-fields",
            Claim::UnknownRequest => "unknown-request",
            Claim::EmptyFrame => "empty-frame",
            Claim::OversizedFrame => "oversized-frame",
        }
    }

    /// What it claims, for people.
    pub fn title(self) -> &'static str {
        match self {
            Claim::PrepareInTime => "PrepareProposal answers within the time for proposals",
            Claim::PrepareFits => "PrepareProposal keeps to max_tx_bytes",
            Claim::PrepareAccepted => "ProcessProposal accepts what PrepareProposal made",
            Claim::ProcessDeterministic => "ProcessProposal says the same twice",
            Claim::ProcessAgrees => "ProcessProposal says the same on two instances",
            Claim::ExtensionAccepted => "VerifyVoteExtension accepts what ExtendVote made",
            Claim::VerifyDeterministic => "VerifyVoteExtension says the same twice",
            Claim::VerifyAgrees => "VerifyVoteExtension says the same on two instances",
            Claim::NoSideEffects => "proposals and extensions change no state",
            Claim::ExtensionsChangeNothing => "a block's state does not depend on vote extensions",
            Claim::StateDeterministic => "a block gives the same state on two instances",
            Claim::ResultsDeterministic => "a block gives the same results on two instances",
            Claim::CheckTxSettles => "CheckTx stops changing its mind",
            Claim::Answers => "every answer is well-formed and of its request",
            Claim::ResultCount => "FinalizeBlock answers for each transaction",
            Claim::OtherRounds => "a block does not depend on other rounds' proposals",
            Claim::CommitOnly => "nothing is seen of a block before Commit",
            Claim::InfoFollowsCommit => "Info answers what was committed",
            Claim::RetainHeight => "retain_height is not above the committed height",
            Claim::ReadsChangeNothing => "CheckTx, Info and Query change no state",
            Claim::CommitDurable => "what was committed outlives a kill",
            Claim::CrashReplay => "killed between any two calls, replay gives the same state",
            Claim::Restart => "blocks after restarts give the same state",
            Claim::Snapshot => "a fresh instance starts from a snapshot",
            Claim::SnapshotChanged => "a changed snapshot chunk is noticed",
            Claim::Parallel => "four connections are answered at once",
            Claim::FramesSplit => "a frame may come byte by byte",
            Claim::FramesJoined => "several frames in one write are answered in order",
            Claim::HalfFrame => "half a frame on one connection holds up no other",
            Claim::UnknownFields => "unknown fields are passed over",
            Claim::UnknownRequest => "an unknown request is refused, and not left hanging",
            Claim::EmptyFrame => "an empty frame does no harm",
            Claim::OversizedFrame => "an impossible length does no harm",
        }
    }

    /// Its number among the requirements of the specification. spec: "Requirements for the
    /// Application".
    pub fn requirement(self) -> Option<u32> {
        let numbered = Claim::ALL.iter().zip(1..=13);
        numbered.into_iter().find(|(claim, _)| **claim == self).map(|(_, number)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thirteen_requirements_come_first_and_no_id_comes_twice() {
        assert_eq!(Claim::PrepareInTime.requirement(), Some(1));
        assert_eq!(Claim::CheckTxSettles.requirement(), Some(13));
        assert_eq!(Claim::Answers.requirement(), None);
        let mut ids = Claim::ALL.map(Claim::id);
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
