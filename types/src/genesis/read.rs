//! genesis.json of both layouts, field by field, so that an error can name its field.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::write::KEY_TYPE;
use super::{GENESIS_BYTES_MAX, Genesis, GenesisError, GenesisValidator};
use crate::hash::AppHash;
use crate::height::{ChainId, HEIGHT_MAX, Height};
use crate::keys::PublicKey;
use crate::params::{
    AbciParams, BlockParams, ConsensusParams, EvidenceParams, ParamsError, ValidatorParams,
    VersionParams,
};
use crate::power::{TOTAL_POWER_MAX, VotingPower};
use crate::time::Time;
use crate::validator::VALIDATORS_MAX;

/// The outermost object. What it does not name is tolerated: other software keeps notes there.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(default)]
    genesis_time: Value,
    #[serde(default)]
    chain_id: Value,
    #[serde(default)]
    initial_height: Value,
    #[serde(default)]
    hash_suite: Value,
    #[serde(default)]
    consensus_params: Value,
    #[serde(default)]
    validators: Value,
    /// The SDK's layout: parameters and validators are in here.
    #[serde(default)]
    consensus: Value,
    #[serde(default)]
    app_hash: Value,
    #[serde(borrow)]
    app_state: Option<&'a RawValue>,
}

/// A value and where it stands.
struct Field<'a> {
    path: String,
    value: &'a Value,
}

pub fn genesis(text: &str) -> Result<Genesis, GenesisError> {
    if GENESIS_BYTES_MAX < text.len() {
        let reason = format!("{} bytes, the limit is {GENESIS_BYTES_MAX}", text.len());
        return Err(GenesisError::Json { reason });
    }
    let file: File<'_> = serde_json::from_str(text)
        .map_err(|error| GenesisError::Json { reason: error.to_string() })?;
    let layout = layout(&file)?;
    if file.hash_suite != Value::Null && file.hash_suite != "sha256" {
        return Err(at("hash_suite", &file.hash_suite).refused("only \"sha256\" is supported"));
    }
    Ok(Genesis {
        genesis_time: genesis_time(&at("genesis_time", &file.genesis_time))?,
        chain_id: chain_id(&at("chain_id", &file.chain_id))?,
        initial_height: initial_height(&at("initial_height", &file.initial_height))?,
        params: params(&layout.params)?,
        validators: validators(&layout.validators)?,
        app_hash: layout.app_hash,
        app_state: file.app_state.map_or_else(String::new, |it| it.get().to_owned()),
    })
}

/// The places where the two layouts differ.
struct Layout<'a> {
    params: Field<'a>,
    validators: Field<'a>,
    app_hash: AppHash,
}

fn layout<'a>(file: &'a File<'_>) -> Result<Layout<'a>, GenesisError> {
    let app_hash = at("app_hash", &file.app_hash);
    let consensus = at("consensus", &file.consensus);
    if consensus.is_absent() {
        return Ok(Layout {
            params: at("consensus_params", &file.consensus_params),
            validators: at("validators", &file.validators),
            app_hash: app_hash.bytes("hex", |text| hex::decode(text).ok())?,
        });
    }
    if file.consensus_params != Value::Null || file.validators != Value::Null {
        return Err(consensus.refused("stands beside consensus_params or validators; keep one"));
    }
    Ok(Layout {
        params: consensus.member("params")?,
        validators: consensus.member("validators")?,
        app_hash: app_hash.bytes("base64", |text| BASE64.decode(text).ok())?,
    })
}

fn genesis_time(field: &Field<'_>) -> Result<Time, GenesisError> {
    match Time::parse_rfc3339(field.text()?) {
        Some(time) if Time::ZERO < time => Ok(time),
        Some(_) => Err(field.refused("is the zero time; nodes would not agree on a first block")),
        None => Err(field.refused("is no RFC 3339 time such as 2026-11-23T05:59:44Z")),
    }
}

fn chain_id(field: &Field<'_>) -> Result<ChainId, GenesisError> {
    ChainId::new(field.text()?).map_err(|error| field.refused(error))
}

fn initial_height(field: &Field<'_>) -> Result<Height, GenesisError> {
    if field.is_absent() {
        return Ok(Height::FIRST);
    }
    let height = field.unsigned()?;
    if HEIGHT_MAX < height {
        return Err(field.refused(format_args!("is {height}, the limit is {HEIGHT_MAX}")));
    }
    // The reference reads 0 as the first height.
    Ok(Height(height.max(Height::FIRST.0)))
}

fn params(field: &Field<'_>) -> Result<ConsensusParams, GenesisError> {
    if field.is_absent() {
        return Ok(ConsensusParams::default());
    }
    let evidence = field.member("evidence")?;
    let params = ConsensusParams {
        block: BlockParams {
            bytes_max: field.member("block")?.member("max_bytes")?.limit()?,
            gas_max: field.member("block")?.member("max_gas")?.limit()?,
        },
        evidence: EvidenceParams {
            age_blocks_max: evidence.member("max_age_num_blocks")?.unsigned()?,
            age_max: Duration::from_nanos(evidence.member("max_age_duration")?.unsigned()?),
            bytes_max: evidence.member("max_bytes")?.unsigned()?,
        },
        validator: ValidatorParams {
            key_types: field.member("validator")?.member("pub_key_types")?.texts()?,
        },
        version: VersionParams { app: field.member("version")?.member("app")?.unsigned_or_zero()? },
        abci: AbciParams { extensions_from: extensions_from(field)? },
        authority: match field.member("authority")?.member("authority")? {
            absent if absent.is_absent() => String::new(),
            authority => authority.text()?.to_owned(),
        },
    };
    params.validate().map_err(|ParamsError::Field { field: place, problem }| {
        GenesisError::Field { field: format!("{}.{place}", field.path), problem }
    })?;
    Ok(params)
}

fn extensions_from(params: &Field<'_>) -> Result<Option<Height>, GenesisError> {
    let field = params.member("abci")?.member("vote_extensions_enable_height")?;
    let height = field.unsigned_or_zero()?;
    if HEIGHT_MAX < height {
        return Err(field.refused(format_args!("is {height}, the limit is {HEIGHT_MAX}")));
    }
    Ok(Some(Height(height)).filter(|height| 0 < height.0))
}

/// Members with distinct keys and a total power that is allowed. The list may be empty: then the
/// application must name validators when the chain begins.
fn validators(field: &Field<'_>) -> Result<Vec<GenesisValidator>, GenesisError> {
    if field.is_absent() {
        return Ok(Vec::new());
    }
    let entries = field.entries()?;
    if VALIDATORS_MAX < entries.len() {
        return Err(field.refused(format_args!(
            "has {} entries, the limit is {VALIDATORS_MAX}",
            entries.len()
        )));
    }
    let mut seen: BTreeMap<PublicKey, String> = BTreeMap::new();
    let mut total = VotingPower::ZERO;
    let mut members = Vec::new();
    for entry in entries {
        let member = validator(&entry)?;
        if let Some(earlier) = seen.insert(member.public_key, entry.path.clone()) {
            let problem = format_args!("is the same key as in {earlier}");
            return Err(entry.member("pub_key")?.refused(problem));
        }
        total = total.plus(member.power);
        if TOTAL_POWER_MAX < total.0 {
            let problem = format_args!("raises the total power above {TOTAL_POWER_MAX}");
            return Err(entry.member("power")?.refused(problem));
        }
        members.push(member);
    }
    Ok(members)
}

fn validator(field: &Field<'_>) -> Result<GenesisValidator, GenesisError> {
    let public_key = public_key(&field.member("pub_key")?)?;
    let address = field.member("address")?;
    let expected = public_key.address().to_string();
    if !address.is_absent() && !["", &expected].contains(&&*address.text()?.to_uppercase()) {
        return Err(address.refused(format_args!("is not its key's, which is {expected}")));
    }
    let power = field.member("power")?;
    let name = field.member("name")?;
    match power.unsigned()? {
        0 => Err(power.refused("is 0, expected at least 1")),
        weight => Ok(GenesisValidator {
            public_key,
            power: VotingPower(weight),
            name: if name.is_absent() { String::new() } else { name.text()?.to_owned() },
        }),
    }
}

fn public_key(field: &Field<'_>) -> Result<PublicKey, GenesisError> {
    let kind = field.member("type")?;
    if kind.text()? != KEY_TYPE {
        let problem = format_args!("is {}, only {KEY_TYPE} is supported", kind.value);
        return Err(kind.refused(problem));
    }
    let key = field.member("value")?;
    let bytes = BASE64.decode(key.text()?).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(PublicKey).ok_or_else(|| key.refused("is not 32 bytes in base64"))
}

fn at<'a>(path: &str, value: &'a Value) -> Field<'a> {
    Field { path: path.to_owned(), value }
}

impl<'a> Field<'a> {
    fn refused(&self, problem: impl fmt::Display) -> GenesisError {
        GenesisError::Field { field: self.path.clone(), problem: problem.to_string() }
    }

    fn is_absent(&self) -> bool {
        self.value.is_null()
    }

    /// A member of this object; absent if the object is, too.
    fn member(&self, name: &str) -> Result<Field<'a>, GenesisError> {
        let path = format!("{}.{name}", self.path);
        match self.value {
            Value::Object(members) => {
                Ok(Field { path, value: members.get(name).unwrap_or(&Value::Null) })
            }
            Value::Null => Ok(Field { path, value: &Value::Null }),
            _ => Err(self.refused("is no object")),
        }
    }

    fn entries(&self) -> Result<Vec<Field<'a>>, GenesisError> {
        let Value::Array(entries) = self.value else {
            return Err(self.refused("is no list"));
        };
        let path = |index: usize| format!("{}[{index}]", self.path);
        let fields = entries.iter().enumerate();
        Ok(fields.map(|(index, value)| Field { path: path(index), value }).collect())
    }

    fn text(&self) -> Result<&'a str, GenesisError> {
        match self.value {
            Value::String(text) => Ok(text),
            Value::Null => Err(self.refused("is missing")),
            _ => Err(self.refused("is no text")),
        }
    }

    fn texts(&self) -> Result<Vec<String>, GenesisError> {
        self.entries()?.iter().map(|entry| entry.text().map(str::to_owned)).collect()
    }

    /// A whole number, as JSON's or (as the reference writes it) in quotes.
    fn number(&self) -> Result<i128, GenesisError> {
        let digits = match self.value {
            Value::Number(number) => number.to_string(),
            Value::String(text) => text.clone(),
            Value::Null => return Err(self.refused("is missing")),
            _ => return Err(self.refused("is no number")),
        };
        digits
            .parse()
            .map_err(|_| self.refused(format_args!("is {}, expected a whole number", self.value)))
    }

    fn unsigned(&self) -> Result<u64, GenesisError> {
        let number = self.number()?;
        let fits = u64::try_from(number).ok().filter(|&it| it <= i64::MAX as u64);
        fits.ok_or_else(|| self.refused(format_args!("is {number}, expected 0 to {}", i64::MAX)))
    }

    fn unsigned_or_zero(&self) -> Result<u64, GenesisError> {
        if self.is_absent() { Ok(0) } else { self.unsigned() }
    }

    /// A number, or -1 for none.
    fn limit(&self) -> Result<Option<u64>, GenesisError> {
        if self.number()? == -1 { Ok(None) } else { self.unsigned().map(Some) }
    }

    /// Bytes as text; none if absent.
    fn bytes(
        &self,
        form: &str,
        decode: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Result<AppHash, GenesisError> {
        if self.is_absent() {
            return Ok(AppHash::default());
        }
        let bytes = decode(self.text()?);
        let bytes = bytes.ok_or_else(|| self.refused(format_args!("is no {form}")))?;
        Ok(AppHash(bytes.into()))
    }
}
