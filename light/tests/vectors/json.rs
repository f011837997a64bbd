//! The vectors' JSON shapes, and the way from them to our types.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use types::{
    Address, AppHash, BlockId, ChainId, Commit, CommitSig, Hash, Header, Height, LightBlock,
    PartSetHeader, PublicKey, Round, Signature, SignedHeader, Time, Validator, ValidatorSet,
};
use types::{VotingPower, block::Version};

/// A case of the TLA+ model.
#[derive(Deserialize)]
pub struct ModelCase {
    pub initial: Initial,
    pub input: Vec<Step>,
}

#[derive(Deserialize)]
pub struct Initial {
    pub signed_header: JsonSignedHeader,
    pub next_validator_set: JsonValidatorSet,
    pub trusting_period: String,
}

#[derive(Deserialize)]
pub struct Step {
    pub block: JsonLightBlock,
    pub now: String,
    pub verdict: String,
}

/// A chain to be verified in leaps.
#[derive(Deserialize)]
pub struct BisectionCase {
    pub trust_options: TrustOptions,
    pub primary: Primary,
    pub now: String,
}

#[derive(Deserialize)]
pub struct TrustOptions {
    pub period: String,
}

#[derive(Deserialize)]
pub struct Primary {
    pub lite_blocks: Vec<JsonLightBlock>,
}

#[derive(Deserialize)]
pub struct JsonLightBlock {
    signed_header: JsonSignedHeader,
    validator_set: JsonValidatorSet,
    pub next_validator_set: JsonValidatorSet,
}

#[derive(Deserialize)]
pub struct JsonSignedHeader {
    header: JsonHeader,
    commit: JsonCommit,
}

#[derive(Deserialize)]
struct JsonHeader {
    version: JsonVersion,
    chain_id: String,
    height: String,
    time: String,
    last_block_id: Option<JsonBlockId>,
    last_commit_hash: Option<String>,
    data_hash: Option<String>,
    validators_hash: String,
    next_validators_hash: String,
    consensus_hash: String,
    app_hash: String,
    last_results_hash: Option<String>,
    evidence_hash: Option<String>,
    proposer_address: String,
}

#[derive(Deserialize)]
struct JsonVersion {
    block: String,
    #[serde(default)]
    app: String,
}

#[derive(Deserialize)]
struct JsonBlockId {
    hash: String,
    #[serde(alias = "parts")]
    part_set_header: JsonPartSetHeader,
}

#[derive(Deserialize)]
struct JsonPartSetHeader {
    total: u32,
    hash: String,
}

#[derive(Deserialize)]
struct JsonCommit {
    height: String,
    round: u32,
    block_id: JsonBlockId,
    signatures: Option<Vec<JsonCommitSig>>,
}

#[derive(Deserialize)]
struct JsonCommitSig {
    block_id_flag: u8,
    validator_address: Option<String>,
    timestamp: Option<String>,
    signature: Option<String>,
}

#[derive(Deserialize)]
pub struct JsonValidatorSet {
    validators: Vec<JsonValidator>,
}

#[derive(Deserialize)]
struct JsonValidator {
    address: String,
    pub_key: JsonPublicKey,
    #[serde(alias = "power")]
    voting_power: String,
}

#[derive(Deserialize)]
struct JsonPublicKey {
    value: String,
}

pub fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).expect("a readable vector");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub fn time(text: &str) -> Time {
    Time::parse_rfc3339(text).expect("a time in RFC 3339")
}

fn hash(text: &str) -> Hash {
    Hash(hex::decode(text).unwrap().try_into().expect("32 bytes"))
}

fn optional_hash(text: Option<&String>) -> Option<Hash> {
    text.filter(|text| !text.is_empty()).map(|text| hash(text))
}

fn address(text: &str) -> Address {
    Address(hex::decode(text).unwrap().try_into().expect("20 bytes"))
}

fn height(text: &str) -> Height {
    Height(text.parse().expect("a height"))
}

impl JsonLightBlock {
    /// None if the block is malformed in a way that our types cannot hold.
    pub fn domain(&self) -> Option<LightBlock> {
        let validators = self.validator_set.try_domain()?;
        Some(LightBlock { signed_header: self.signed_header.domain(), validators })
    }
}

impl JsonSignedHeader {
    pub fn domain(&self) -> SignedHeader {
        SignedHeader { header: self.header.domain(), commit: self.commit.domain() }
    }
}

impl JsonHeader {
    fn domain(&self) -> Header {
        Header {
            version: Version {
                block: self.version.block.parse().unwrap(),
                app: self.version.app.parse().unwrap_or(0),
            },
            chain_id: ChainId::new(self.chain_id.clone()).unwrap(),
            height: height(&self.height),
            time: time(&self.time),
            last_block_id: self
                .last_block_id
                .as_ref()
                .filter(|id| !id.hash.is_empty())
                .map(JsonBlockId::domain),
            last_commit_hash: optional_hash(self.last_commit_hash.as_ref()),
            data_hash: optional_hash(self.data_hash.as_ref()),
            validators_hash: hash(&self.validators_hash),
            next_validators_hash: hash(&self.next_validators_hash),
            consensus_hash: hash(&self.consensus_hash),
            app_hash: AppHash(hex::decode(&self.app_hash).unwrap().into()),
            last_results_hash: optional_hash(self.last_results_hash.as_ref()),
            evidence_hash: optional_hash(self.evidence_hash.as_ref()),
            proposer_address: address(&self.proposer_address),
        }
    }
}

impl JsonBlockId {
    fn domain(&self) -> BlockId {
        let JsonPartSetHeader { total, hash: parts_hash } = &self.part_set_header;
        let parts = PartSetHeader { total: *total, hash: hash(parts_hash) };
        BlockId { hash: hash(&self.hash), parts }
    }
}

impl JsonCommit {
    fn domain(&self) -> Commit {
        Commit {
            height: height(&self.height),
            round: Round(self.round),
            block_id: self.block_id.domain(),
            signatures: self.signatures.iter().flatten().map(JsonCommitSig::domain).collect(),
        }
    }
}

impl JsonCommitSig {
    fn domain(&self) -> CommitSig {
        if self.block_id_flag == 1 {
            return CommitSig::Absent;
        }
        let validator_address = address(self.validator_address.as_ref().unwrap());
        let timestamp = time(self.timestamp.as_ref().unwrap());
        let signature = STANDARD.decode(self.signature.as_ref().unwrap()).unwrap();
        let signature = Signature(signature.try_into().expect("64 bytes"));
        match self.block_id_flag {
            2 => CommitSig::Commit { validator_address, timestamp, signature },
            3 => CommitSig::Nil { validator_address, timestamp, signature },
            flag => panic!("unknown flag {flag}"),
        }
    }
}

impl JsonValidatorSet {
    pub fn domain(&self) -> ValidatorSet {
        self.try_domain().expect("a valid set")
    }

    fn try_domain(&self) -> Option<ValidatorSet> {
        let validators = self.validators.iter().map(JsonValidator::domain).collect();
        ValidatorSet::from_parts(validators, None).ok()
    }
}

impl JsonValidator {
    fn domain(&self) -> Validator {
        let key = STANDARD.decode(&self.pub_key.value).unwrap();
        Validator {
            address: address(&self.address),
            public_key: PublicKey(key.try_into().expect("32 bytes")),
            power: VotingPower(self.voting_power.parse().unwrap()),
            proposer_priority: 0,
        }
    }
}
