//! What all nodes must agree on, changed by a vote of the validators by their stake: limits of
//! blocks and evidence, and the height at which a new version of the software takes over.
//!
//! A proposal passes with more than two thirds of the power of the set, and takes effect at the end
//! of that block. An upgrade takes effect at its height: software that is too old stops before
//! it executes that block, and software that is too new does not execute an earlier one.

mod description;
mod upgrade;

use std::time::Duration;

use abci::InitChainRequest;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Deserialize;
use types::params::{BlockParams, EvidenceParams, ParamsUpdate};
use types::{ConsensusParams, VotingPower};

use super::staking::Staking;
use crate::framework::{
    Account, Answer, Coded, Description, Effects, Frame, Item, Map, Module, Question, Refusal,
    State, event,
};

const LIMITS: Item<Limits> = Item::new("params/limits");
const RULES: Item<VoteRules> = Item::new("params/rules");
const PROPOSALS: Map<u64, Proposal> = Map::new("params/proposal/");
const VOTES: Map<(u64, Account), bool> = Map::new("params/vote/");
const NEXT: Item<u64> = Item::new("params/next");
/// There while a block has changed the limits; never between two blocks.
const CHANGED: Item<bool> = Item::new("params/changed");
/// Proposals that are voted on at once, at most.
const PROPOSALS_MAX: usize = 64;

/// Parameters and upgrades.
#[derive(Clone, Copy, Debug)]
pub struct Params {
    /// Who votes.
    pub staking: Staking,
    /// Of this software's rules.
    pub version: u64,
}

/// The parameters that a vote can change.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Limits {
    /// Largest block in bytes; 0 is as large as the protocol allows.
    pub block_bytes_max: u64,
    /// Most gas in a block; 0 is no limit.
    pub block_gas_max: u64,
    /// How many blocks evidence counts.
    pub evidence_age_blocks: u64,
    /// How many seconds evidence counts.
    pub evidence_age_seconds: u64,
    /// Most bytes of evidence in a block.
    pub evidence_bytes_max: u64,
}

/// What params can be told.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ParamsMessage {
    /// Proposes other limits.
    ProposeLimits(Limits),
    /// Proposes that a version of the rules takes over at a height.
    ProposeUpgrade {
        /// From which block on.
        height: u64,
        /// Which version.
        version: u64,
    },
    /// Votes on a proposal; the last vote counts.
    Vote {
        /// Which.
        proposal: u64,
        /// For or against it.
        accept: bool,
    },
}

/// What is voted on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// Who proposed it.
    pub by: Account,
    /// Until which height votes count.
    pub until: u64,
    /// What would change.
    pub change: Change,
}

/// What a proposal changes.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Change {
    /// The limits.
    Limits(Limits),
    /// The rules.
    Upgrade(upgrade::Upgrade),
}

/// The section in genesis.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VoteRules {
    /// How many blocks a vote lasts.
    pub voting_blocks: u64,
}

impl Default for VoteRules {
    fn default() -> Self {
        Self { voting_blocks: 100_000 }
    }
}

/// Why nothing is changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// Only validators propose and vote.
    #[error("account {account} has no validator in the set")]
    NoValidator {
        /// Who.
        account: Account,
    },
    /// The parameters are out of their limits.
    #[error("{problem}")]
    Limits {
        /// Which, and how.
        problem: String,
    },
    /// There is no such vote.
    #[error("there is no proposal {proposal} to vote on")]
    NoProposal {
        /// Which.
        proposal: u64,
    },
    /// Too much is voted on.
    #[error("{PROPOSALS_MAX} proposals are being voted on; wait for one to end")]
    TooMany,
    /// The height is not ahead, or the version not above ours.
    #[error("an upgrade must be to a later version at a later height than {height}")]
    Upgrade {
        /// Now.
        height: u64,
    },
}

impl Coded for ParamsError {
    const CODESPACE: &'static str = "params";

    fn code(&self) -> u32 {
        match self {
            ParamsError::NoValidator { .. } => 1,
            ParamsError::Limits { .. } => 2,
            ParamsError::NoProposal { .. } => 3,
            ParamsError::TooMany => 4,
            ParamsError::Upgrade { .. } => 5,
        }
    }
}

impl Limits {
    fn of(params: &ConsensusParams) -> Self {
        Self {
            block_bytes_max: params.block.bytes_max.unwrap_or(0),
            block_gas_max: params.block.gas_max.unwrap_or(0),
            evidence_age_blocks: params.evidence.age_blocks_max,
            evidence_age_seconds: params.evidence.age_max.as_secs(),
            evidence_bytes_max: params.evidence.bytes_max,
        }
    }

    fn update(&self) -> ParamsUpdate {
        let above_zero = |it: u64| (0 < it).then_some(it);
        ParamsUpdate {
            block: Some(BlockParams {
                bytes_max: above_zero(self.block_bytes_max),
                gas_max: above_zero(self.block_gas_max),
            }),
            evidence: Some(EvidenceParams {
                age_blocks_max: self.evidence_age_blocks,
                age_max: Duration::from_secs(self.evidence_age_seconds),
                bytes_max: self.evidence_bytes_max,
            }),
            ..ParamsUpdate::default()
        }
    }

    /// Whether the chain would take them.
    fn check(&self) -> Result<(), ParamsError> {
        let update = self.update();
        let params = ConsensusParams::default();
        let params = ConsensusParams {
            block: update.block.unwrap_or(params.block),
            evidence: update.evidence.unwrap_or(params.evidence),
            ..ConsensusParams::default()
        };
        params.validate().map_err(|error| ParamsError::Limits { problem: error.to_string() })
    }
}

impl Params {
    fn propose(
        self,
        state: &mut State,
        frame: &Frame,
        by: Account,
        change: Change,
    ) -> Result<(), Refusal> {
        self.check_votes(state, by)?;
        if PROPOSALS_MAX <= PROPOSALS.all(state).count() {
            return Err(ParamsError::TooMany.into());
        }
        let number = NEXT.get(state).unwrap_or(1);
        NEXT.set(state, &number.saturating_add(1));
        let rules = RULES.get(state).unwrap_or_default();
        let until = frame.height.0.saturating_add(rules.voting_blocks);
        PROPOSALS.set(state, &number, &Proposal { by, until, change });
        let facts: [(&str, &dyn std::fmt::Display); 3] =
            [("proposal", &number), ("by", &by), ("until", &until)];
        state.emit(event("params.propose", &facts));
        Ok(())
    }

    fn vote(
        self,
        state: &mut State,
        frame: &Frame,
        by: Account,
        (number, accept): (u64, bool),
    ) -> Result<(), Refusal> {
        self.check_votes(state, by)?;
        let proposal = PROPOSALS.get(state, &number);
        let proposal = proposal.ok_or(ParamsError::NoProposal { proposal: number })?;
        VOTES.set(state, &(number, by), &accept);
        let facts: [(&str, &dyn std::fmt::Display); 3] =
            [("proposal", &number), ("by", &by), ("accept", &accept)];
        state.emit(event("params.vote", &facts));
        let total = self.staking.total_power(state);
        let votes = VOTES.under(state, &number.to_be_bytes()).filter(|(_, accept)| *accept);
        let powers = votes.map(|((_, voter), _)| self.staking.power_of(state, voter));
        let agreed = powers.fold(VotingPower::ZERO, VotingPower::plus);
        if types::Quorum::of(total).reached_by(agreed) {
            close(state, number);
            state.emit(event("params.pass", &[("proposal", &number)]));
            self.enact(state, frame, &proposal.change)?;
        }
        Ok(())
    }

    fn check_votes(self, state: &State, account: Account) -> Result<(), ParamsError> {
        let votes = VotingPower::ZERO < self.staking.power_of(state, account);
        if votes { Ok(()) } else { Err(ParamsError::NoValidator { account }) }
    }

    fn enact(self, state: &mut State, frame: &Frame, change: &Change) -> Result<(), Refusal> {
        match change {
            Change::Limits(limits) => {
                LIMITS.set(state, limits);
                CHANGED.set(state, &true);
                Ok(())
            }
            Change::Upgrade(upgrade) => Ok(self.schedule(state, frame, upgrade)?),
        }
    }
}

/// Forgets a proposal and its votes.
fn close(state: &mut State, number: u64) {
    PROPOSALS.remove(state, &number);
    let votes: Vec<_> = VOTES.under(state, &number.to_be_bytes()).map(|(key, _)| key).collect();
    for key in votes {
        VOTES.remove(state, &key);
    }
}

impl Module for Params {
    const DESCRIPTION: Description = description::DESCRIPTION;
    type Message = ParamsMessage;
    type Genesis = VoteRules;

    fn genesis(
        &self,
        state: &mut State,
        start: &InitChainRequest,
        section: VoteRules,
    ) -> Result<(), Refusal> {
        RULES.set(state, &section);
        LIMITS.set(state, &Limits::of(&start.params));
        self.begin_with_version(state);
        Ok(())
    }

    fn check(&self, message: &ParamsMessage) -> Result<(), Refusal> {
        match message {
            ParamsMessage::ProposeLimits(limits) => Ok(limits.check()?),
            ParamsMessage::ProposeUpgrade { .. } | ParamsMessage::Vote { .. } => Ok(()),
        }
    }

    fn handle(
        &self,
        state: &mut State,
        frame: &Frame,
        signer: Account,
        message: &ParamsMessage,
    ) -> Result<(), Refusal> {
        match message {
            ParamsMessage::ProposeLimits(limits) => {
                self.propose(state, frame, signer, Change::Limits(limits.clone()))
            }
            ParamsMessage::ProposeUpgrade { height, version } => {
                let upgrade = upgrade::Upgrade { height: *height, version: *version };
                self.check_upgrade(state, frame, &upgrade)?;
                self.propose(state, frame, signer, Change::Upgrade(upgrade))
            }
            ParamsMessage::Vote { proposal, accept } => {
                self.vote(state, frame, signer, (*proposal, *accept))
            }
        }
    }

    fn begin_block(&self, state: &mut State, frame: &Frame) -> Result<(), Refusal> {
        self.meet_upgrade(state, frame)
    }

    fn end_block(
        &self,
        state: &mut State,
        frame: &Frame,
        effects: &mut Effects,
    ) -> Result<(), Refusal> {
        let over = PROPOSALS.all(state).filter(|(_, it)| it.until <= frame.height.0);
        let over: Vec<u64> = over.map(|(number, _)| number).collect();
        for number in over {
            close(state, number);
            state.emit(event("params.fail", &[("proposal", &number)]));
        }
        if let (Some(_), Some(limits)) = (CHANGED.get(state), LIMITS.get(state)) {
            state.remove(CHANGED.key());
            effects.params_update = Some(limits.update());
        }
        self.announce_version(state, frame, effects);
        Ok(())
    }

    fn query(&self, state: &State, question: &Question<'_>) -> Result<Answer, Refusal> {
        match question.name {
            "limits" => Ok(Answer::at(state, LIMITS.key())),
            "proposal" => Ok(Answer::at(state, PROPOSALS.key(&question.read()?))),
            "vote" => Ok(Answer::at(state, VOTES.key(&question.read()?))),
            "upgrade" => Ok(Answer::at(state, upgrade::key())),
            "version" => Ok(Answer::at(state, upgrade::version_key())),
            _ => Err(question.unknown()),
        }
    }
}
