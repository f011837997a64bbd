//! What happens, in the words of the glossary.

use consensus::{Announcement, SignRequest, Timeout, Wait};
use types::message::WireStep;
use types::{BlockId, Height, Message, Round, VoteKind};

use crate::plan::FaultKind;

/// A block by the first bytes of its hash.
pub fn block(id: &BlockId) -> String {
    id.hash.0[..3].iter().map(|byte| format!("{byte:02X}")).collect()
}

fn block_or_nil(id: Option<&BlockId>) -> String {
    id.map_or("nil".to_owned(), block)
}

/// A message.
pub fn message(message: &Message) -> String {
    match message {
        Message::NewRoundStep { height, round, step, .. } => {
            format!("is at {height}/{round} {}", self::step(*step))
        }
        Message::NewValidBlock { height, round, have, is_commit, .. } => {
            let (set, kind) = (have.ones_count(), if *is_commit { "decided" } else { "valid" });
            format!("has {set} parts of the {kind} block {height}/{round}")
        }
        Message::HasVote { height, round, kind, index } => {
            format!("has {} {height}/{round} of validator {}", self::kind(*kind), index.0)
        }
        Message::VoteSetMaj23 { height, round, kind, block_id } => {
            let of = block_or_nil(block_id.as_ref());
            format!("claims a quorum of {}s {height}/{round} {of}", self::kind(*kind))
        }
        Message::VoteSetBits { height, round, kind, block_id, have } => {
            let (set, of) = (have.ones_count(), block_or_nil(block_id.as_ref()));
            format!("has {set} {}s {height}/{round} {of}", self::kind(*kind))
        }
        Message::Proposal(it) => {
            let place = format!("{}/{}", it.height, it.round);
            format!("proposal {place} {}{}", block(&it.block_id), pol(it.pol_round))
        }
        Message::ProposalPol { height, pol_round, have } => {
            format!("has {} prevotes of the polka {height}/{pol_round}", have.ones_count())
        }
        Message::BlockPart { height, round, part } => {
            format!("part {} {height}/{round}", part.index)
        }
        Message::Vote(it) => vote(it.kind, it.height, it.round, it.block_id.as_ref()),
        Message::Txs(txs) => format!("{} transactions", txs.len()),
        Message::Evidence(list) => format!("{} pieces of evidence", list.len()),
        Message::BlockRequest(height) => format!("wants block {height}"),
        Message::NoBlock(height) => format!("has no block {height}"),
        Message::BlockResponse { block, .. } => format!("block {}", block.header.height),
        Message::StatusRequest => "asks what blocks there are".to_owned(),
        Message::StatusResponse { range: Some((first, last)) } => {
            format!("has blocks {first} to {last}")
        }
        Message::StatusResponse { range: None } => "has no blocks".to_owned(),
    }
}

/// What a member announces, if it is worth a line: votes are told when they arrive.
pub fn announcement(announcement: &Announcement) -> Option<String> {
    let text = match announcement {
        Announcement::Step { height, round, step, .. } => {
            format!("step {height}/{round} {}", self::step(*step))
        }
        Announcement::CompleteProposal { height, round, block_id } => {
            format!("has the whole proposal {height}/{round} {}", block(block_id))
        }
        Announcement::Polka { height, round, block_id } => {
            format!("sees polka {height}/{round} {}", block_or_nil(block_id.as_ref()))
        }
        Announcement::Lock { height, round, block_id } => {
            format!("locks {height}/{round} {}", block(block_id))
        }
        Announcement::ValidBlock { height, round, block_id } => {
            format!("valid block {height}/{round} {}", block(block_id))
        }
        Announcement::TimedOut(timeout) => timed_out(*timeout),
        Announcement::Decided { height, round, block_id, caught_up } => {
            let how = if *caught_up { " (caught up)" } else { "" };
            format!("decides {height}/{round} {}{how}", block(block_id))
        }
        Announcement::CatchingUp { active: true, best } => format!("catches up to {best}"),
        Announcement::CatchingUp { active: false, .. } => "has caught up".to_owned(),
        Announcement::Equivocation(evidence) => {
            let hash = &evidence.hash().to_string()[..6];
            format!("catches an equivocation, evidence {hash}")
        }
        Announcement::Vote(_) => return None,
    };
    Some(text)
}

/// What a signer is asked to sign.
pub fn request(request: &SignRequest) -> String {
    match request {
        SignRequest::Vote(it) => vote(it.kind, it.height, it.round, it.block_id.as_ref()),
        SignRequest::Proposal(it) => {
            let place = format!("{}/{}", it.height, it.round);
            format!("proposal {place} {}{}", block(&it.block_id), pol(it.pol_round))
        }
    }
}

/// A fault.
pub fn fault(kind: &FaultKind) -> String {
    serde_json::to_string(kind).expect("a fault has only plain values")
}

fn vote(kind: VoteKind, height: Height, round: Round, id: Option<&BlockId>) -> String {
    format!("{} {height}/{round} {}", self::kind(kind), block_or_nil(id))
}

fn pol(round: Option<Round>) -> String {
    round.map_or(String::new(), |round| format!(" with the polka of round {round}"))
}

fn kind(kind: VoteKind) -> &'static str {
    match kind {
        VoteKind::Prevote => "prevote",
        VoteKind::Precommit => "precommit",
    }
}

fn step(step: WireStep) -> &'static str {
    match step {
        WireStep::NewHeight => "new height",
        WireStep::NewRound => "new round",
        WireStep::Propose => "propose",
        WireStep::Prevote => "prevote",
        WireStep::PrevoteWait => "prevote wait",
        WireStep::Precommit => "precommit",
        WireStep::PrecommitWait => "precommit wait",
        WireStep::Commit => "commit",
    }
}

fn timed_out(Timeout { height, round, wait }: Timeout) -> String {
    let wait = match wait {
        Wait::Commit => "commit",
        Wait::EmptyBlock => "empty block",
        Wait::Propose => "propose",
        Wait::Prevote => "prevote",
        Wait::Precommit => "precommit",
        Wait::Gossip => "gossip",
        Wait::CatchUp => "catch-up",
    };
    format!("timeout {wait} {height}/{round}")
}
