//! Evidence that clients bring, read from the JSON in which [`super::block::evidence`] writes it.

use serde::Deserialize;
use serde_json::Value;
use tendermint_proto::v0_38::types::{Evidence as Wire, evidence::Sum};
use types::{Evidence, codec};

/// Reads evidence with its type, by way of the wire's form, whose limits hold here, too.
///
/// # Errors
/// If it is no evidence; with the reason.
pub fn read(value: &Value) -> Result<Evidence, String> {
    let sum = Sum::deserialize(value).map_err(|error| error.to_string())?;
    let bytes = prost::Message::encode_to_vec(&Wire { sum: Some(sum) });
    codec::decode_evidence(&bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_no_evidence_is_refused_with_the_reason() {
        for value in [
            json!(null),
            json!({}),
            json!("x"),
            json!({"type": "tendermint/Nothing", "value": {}}),
            json!({"type": "tendermint/DuplicateVoteEvidence", "value": {"vote_a": 1}}),
            json!({"type": "tendermint/LightClientAttackEvidence", "value": {}}),
        ] {
            assert!(!read(&value).unwrap_err().is_empty(), "{value}");
        }
    }
}
