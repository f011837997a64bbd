//! genesis.json in the reference's layout.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Genesis, GenesisValidator};
use crate::params::{BlockParams, ConsensusParams, EvidenceParams};

/// The name of our only kind of key.
pub const KEY_TYPE: &str = "tendermint/PubKeyEd25519";

/// The file's text, with two spaces for each level.
pub fn indented(genesis: &Genesis) -> String {
    let app_state = raw(&genesis.app_state);
    serde_json::to_string_pretty(&File::new(genesis, app_state.as_deref())).expect(INFALLIBLE)
}

/// The file's text without white space between its tokens.
pub fn compact(genesis: &Genesis) -> String {
    let app_state = raw(&without_white_space(&genesis.app_state));
    serde_json::to_string(&File::new(genesis, app_state.as_deref())).expect(INFALLIBLE)
}

const INFALLIBLE: &str = "texts and lists always have a JSON form";

/// Text of the application as it is. Text that is no JSON is nobody's state, and left out.
fn raw(app_state: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(app_state.to_owned()).ok()
}

fn without_white_space(json: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    json.chars()
        .filter(|&letter| {
            let ends = in_text && !escaped && letter == '"';
            let begins = !in_text && letter == '"';
            escaped = in_text && !escaped && letter == '\\';
            in_text = (in_text && !ends) || begins;
            in_text || !letter.is_ascii_whitespace()
        })
        .collect()
}

#[derive(Serialize)]
struct File<'a> {
    genesis_time: String,
    chain_id: &'a str,
    initial_height: String,
    consensus_params: Params<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    validators: Vec<Validator<'a>>,
    app_hash: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_state: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct Params<'a> {
    block: Block,
    evidence: Evidence,
    validator: KeyTypes<'a>,
    version: Version,
    abci: Abci,
    #[serde(skip_serializing_if = "Option::is_none")]
    authority: Option<Authority<'a>>,
}

#[derive(Serialize)]
struct Block {
    max_bytes: String,
    max_gas: String,
}

#[derive(Serialize)]
struct Evidence {
    max_age_num_blocks: String,
    max_age_duration: String,
    max_bytes: String,
}

#[derive(Serialize)]
struct KeyTypes<'a> {
    pub_key_types: &'a [String],
}

#[derive(Serialize)]
struct Version {
    app: String,
}

#[derive(Serialize)]
struct Abci {
    vote_extensions_enable_height: String,
}

#[derive(Serialize)]
struct Authority<'a> {
    authority: &'a str,
}

#[derive(Serialize)]
struct Validator<'a> {
    address: String,
    pub_key: Key,
    power: String,
    name: &'a str,
}

#[derive(Serialize)]
struct Key {
    r#type: &'static str,
    value: String,
}

impl<'a> File<'a> {
    fn new(genesis: &'a Genesis, app_state: Option<&'a RawValue>) -> Self {
        Self {
            genesis_time: genesis.genesis_time.to_string(),
            chain_id: genesis.chain_id.as_str(),
            initial_height: genesis.initial_height.to_string(),
            consensus_params: Params::new(&genesis.params),
            validators: genesis.validators.iter().map(Validator::new).collect(),
            app_hash: genesis.app_hash.to_string(),
            app_state,
        }
    }
}

impl<'a> Params<'a> {
    fn new(params: &'a ConsensusParams) -> Self {
        let authority = Some(Authority { authority: &params.authority });
        let extensions_from = params.abci.extensions_from.map_or(0, |height| height.0);
        Self {
            block: Block::new(&params.block),
            evidence: Evidence::new(&params.evidence),
            validator: KeyTypes { pub_key_types: &params.validator.key_types },
            version: Version { app: params.version.app.to_string() },
            abci: Abci { vote_extensions_enable_height: extensions_from.to_string() },
            authority: authority.filter(|it| !it.authority.is_empty()),
        }
    }
}

impl Block {
    fn new(params: &BlockParams) -> Self {
        let limit = |limit: Option<u64>| limit.map_or("-1".to_owned(), |it| it.to_string());
        Self { max_bytes: limit(params.bytes_max), max_gas: limit(params.gas_max) }
    }
}

impl Evidence {
    fn new(params: &EvidenceParams) -> Self {
        Self {
            max_age_num_blocks: params.age_blocks_max.to_string(),
            max_age_duration: params.age_max.as_nanos().to_string(),
            max_bytes: params.bytes_max.to_string(),
        }
    }
}

impl<'a> Validator<'a> {
    fn new(validator: &'a GenesisValidator) -> Self {
        Self {
            address: validator.public_key.address().to_string(),
            pub_key: Key { r#type: KEY_TYPE, value: BASE64.encode(validator.public_key.0) },
            power: validator.power.to_string(),
            name: &validator.name,
        }
    }
}
