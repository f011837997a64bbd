//! What a trace of the Quint specification consists of, in the specification's own words: its
//! modules `types`, `consensus`, `votekeeper`, `driver` and `statemachineAsync`.

#![expect(clippy::enum_variant_names, reason = "the specification's words")]

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// A map of the specification, read from a list of pairs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<(K, V)>", bound = "K: Deserialize<'de> + Ord, V: Deserialize<'de>")]
pub struct Pairs<K, V>(pub BTreeMap<K, V>);

impl<K: Ord, V> From<Vec<(K, V)>> for Pairs<K, V> {
    fn from(pairs: Vec<(K, V)>) -> Self {
        Self(pairs.into_iter().collect())
    }
}

/// `Address -> Weight`.
pub type Weights = Pairs<String, u64>;

/// A block, or nil. The specification's hash function is the identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(tag = "tag", content = "value")]
pub enum Choice {
    Nil,
    #[serde(rename = "Val")]
    Block(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(tag = "tag", content = "value")]
pub enum Stage {
    NoStep,
    UnstartedStep,
    ProposeStep,
    PrevoteStep,
    PrecommitStep,
    CommitStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(tag = "tag", content = "value")]
pub enum Timer {
    ProposeTimeout,
    PrevoteTimeout,
    PrecommitTimeout,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    pub src_address: String,
    pub height: i64,
    pub round: i64,
    pub proposal: String,
    pub valid_round: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(tag = "tag", content = "value")]
pub enum Kind {
    Prevote,
    Precommit,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ballot {
    pub vote_type: Kind,
    pub src_address: String,
    pub height: i64,
    pub round: i64,
    pub value_id: Choice,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsensusState {
    pub p: String,
    pub height: i64,
    pub round: i64,
    pub step: Stage,
    pub locked_round: i64,
    pub locked_value: Choice,
    pub valid_round: i64,
    pub valid_value: Choice,
}

/// The rules of Algorithm 1, as the specification calls for them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(tag = "tag", content = "value")]
pub enum RuleInput {
    NoConsensusInput,
    NewRoundCInput(i64),
    NewRoundProposerCInput(i64),
    ProposeValueCInput(String),
    ProposalCInput((i64, Choice)),
    ProposalAndPolkaPreviousAndValidCInput((Choice, i64)),
    ProposalInvalidCInput,
    PolkaNilCInput,
    PolkaAnyCInput,
    ProposalAndPolkaAndValidCInput(Choice),
    ProposalAndPolkaAndInvalidCInput(Choice),
    PrecommitAnyCInput,
    ProposalAndCommitAndValidCInput((i64, String)),
    RoundSkipCInput(i64),
    TimeoutProposeCInput((i64, i64)),
    TimeoutPrevoteCInput((i64, i64)),
    TimeoutPrecommitCInput((i64, i64)),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(tag = "tag", content = "value")]
pub enum RuleOutput {
    NoConsensusOutput,
    ProposalOutput(Offer),
    GetValueAndScheduleTimeoutOutput((i64, i64, Timer)),
    VoteOutput(Ballot),
    TimeoutOutput((i64, Timer)),
    DecidedOutput((i64, String)),
    SkipRoundOutput(i64),
    ErrorOutput(String),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(tag = "tag", content = "value")]
pub enum KeeperOutput {
    NoVKOutput,
    PolkaAnyVKOutput(i64),
    PolkaNilVKOutput(i64),
    PolkaValueVKOutput((i64, String)),
    PrecommitAnyVKOutput(i64),
    PrecommitValueVKOutput((i64, String)),
    SkipVKOutput(i64),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VoteCount {
    pub total_weight: u64,
    pub values_weights: Pairs<Choice, u64>,
    pub votes_addresses: BTreeSet<String>,
    pub received_votes: BTreeSet<Ballot>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoundCounts {
    pub height: i64,
    pub round: i64,
    pub prevotes: VoteCount,
    pub precommits: VoteCount,
    pub emitted_outputs: BTreeSet<KeeperOutput>,
    pub votes_addresses_weights: Weights,
}

/// The vote keeper.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bookkeeper {
    pub height: i64,
    pub validator_set: Weights,
    pub rounds: Pairs<i64, RoundCounts>,
    pub evidence: BTreeSet<BTreeSet<Ballot>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(tag = "tag", content = "value")]
pub enum Certificate {
    NoCertificate,
    Polka(BTreeSet<Ballot>),
    Commit(BTreeSet<Ballot>),
}

/// A decided block, as the specification keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainEntry {
    pub decision: Offer,
    pub commit: BTreeSet<Ballot>,
}

/// One participant without its buffers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DriverState {
    pub bk: Bookkeeper,
    pub certificates: BTreeSet<Certificate>,
    pub chain: Vec<ChainEntry>,
    pub cs: ConsensusState,
    pub executed_inputs: Vec<(RuleInput, i64, i64, Stage)>,
    pub pending_inputs: BTreeSet<(RuleInput, i64, i64)>,
    pub pending_step_change: Stage,
    pub proposals: BTreeSet<Offer>,
    pub started: bool,
    pub valset: Weights,
    pub vote_keeper_output: KeeperOutput,
}

/// One participant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NodeState {
    pub es: DriverState,
    pub timeouts: BTreeSet<(Timer, i64, i64)>,
    pub incoming_votes: BTreeSet<Ballot>,
    pub incoming_proposals: BTreeSet<Offer>,
    pub incoming_certificates: BTreeSet<BTreeSet<Ballot>>,
    pub incoming_sync_proposals: BTreeSet<Offer>,
    pub incoming_sync_certificates: BTreeSet<BTreeSet<Ballot>>,
    pub get_value_requests: BTreeSet<(i64, i64)>,
    pub next_value_to_propose: Choice,
}

/// What a participant was told in a step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "tag", content = "value")]
pub enum DriverInput {
    NoDInput,
    ProposalDInput(Offer),
    VoteDInput(Ballot),
    CertificateDInput(BTreeSet<Ballot>),
    TimeoutDInput(Timer),
    StartDInput,
    PendingDInput(RuleInput),
    StepChangeDInput,
    ProposeValueDInput(String),
}

/// The last step of a network.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    pub validator: String,
    pub input: DriverInput,
    pub output: RuleOutput,
}

/// A state of `consensusTest`: the rules alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RuleState {
    pub state: ConsensusState,
    pub input: RuleInput,
    pub output: RuleOutput,
}

/// A vote, its weight, and the round in which the keeper's owner is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "tag", content = "value")]
pub enum WeightedVote {
    NoWeightedVote,
    #[serde(rename = "WV")]
    Vote((Ballot, u64, i64)),
}

/// A state of `votekeeperTest`: the vote keeper alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeeperState {
    pub weighted_vote: WeightedVote,
    pub bookkeeper: Bookkeeper,
    pub last_emitted: KeeperOutput,
}

/// A state of a whole network. Its buffers on the wire are the network's and are not compared.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkState {
    pub system: Pairs<String, NodeState>,
    #[serde(rename = "_hist")]
    pub history: History,
}
