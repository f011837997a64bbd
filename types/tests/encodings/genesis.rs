//! genesis.json of both layouts, and what is refused with which words.

use serde_json::{Value, json};
use types::{ConsensusParams, Genesis, Height};

const KEY: &str = "AT/+aaL1eB0477Mud9JMm8Sh8BIvOYlPGC9KkIUmFaE=";
const OTHER_KEY: &str = "bNNlGls5R25wC3Sd8720F/3+7IZBhXcD22MNFtPk/v0=";
const OTHER_ADDRESS: &str = "2DD9F44FD9067555C322243C3C913BA7B51D2BE0";

fn validator(key: &str, power: &str) -> Value {
    json!({
        "pub_key": { "type": "tendermint/PubKeyEd25519", "value": key },
        "power": power,
        "name": ""
    })
}

fn params() -> Value {
    json!({
        "block": { "max_bytes": "4194304", "max_gas": "-1" },
        "evidence": {
            "max_age_num_blocks": "1000",
            "max_age_duration": "3600000000000",
            "max_bytes": "65536"
        },
        "validator": { "pub_key_types": ["ed25519"] },
        "version": {},
        "abci": { "vote_extensions_enable_height": "7" }
    })
}

fn plain() -> Value {
    json!({
        "genesis_time": "2026-11-23T05:59:44.123456789Z",
        "chain_id": "chain",
        "initial_height": "1000",
        "consensus_params": params(),
        "validators": [validator(KEY, "10"), validator(OTHER_KEY, "5")],
        "app_hash": "00ff",
        "app_state": { "owner": "Bob" },
        "notes": "tolerated"
    })
}

#[test]
fn both_layouts_say_the_same() {
    let plain = Genesis::parse(&plain().to_string()).unwrap();
    let nested = json!({
        "app_name": "simd",
        "app_version": "1.0",
        "genesis_time": "2026-11-23T05:59:44.123456789Z",
        "chain_id": "chain",
        "initial_height": 1000,
        "app_hash": "AP8=",
        "app_state": { "owner": "Bob" },
        "consensus": {
            "params": params(),
            "validators": [
                validator(KEY, "10"),
                { "address": OTHER_ADDRESS, "pub_key": validator(OTHER_KEY, "5")["pub_key"],
                  "power": 5, "name": "" }
            ]
        }
    });
    assert_eq!(Genesis::parse(&nested.to_string()).unwrap(), plain);
    assert_eq!(plain.initial_height, Height(1000));
    assert_eq!(plain.params.abci.extensions_from, Some(Height(7)));
    assert_eq!(plain.params.block.gas_max, None);
    assert_eq!(plain.app_hash.to_string(), "00FF");
}

#[test]
fn the_application_state_is_kept_byte_for_byte() {
    let state = "{ \"b\":1.0,\n\t\"a\" : 10000000000000000000000000000001, \"b\":\"\\u00e9\" }";
    let text = plain().to_string().replace("{\"owner\":\"Bob\"}", state);
    let genesis = Genesis::parse(&text).unwrap();
    assert_eq!(genesis.app_state, state);
    assert!(genesis.to_json().contains(state));
    assert_eq!(Genesis::parse(&genesis.to_json()), Ok(genesis));
}

#[test]
fn what_may_be_left_out_has_the_reference_defaults() {
    let least = json!({ "genesis_time": "2026-11-23T05:59:44Z", "chain_id": "chain" });
    let genesis = Genesis::parse(&least.to_string()).unwrap();
    assert_eq!(genesis.initial_height, Height(1));
    assert_eq!(genesis.params, ConsensusParams::default());
    assert!(genesis.validators.is_empty() && genesis.app_state.is_empty());
    assert_eq!(Genesis::parse(&genesis.to_json()), Ok(genesis));
}

#[test]
fn written_text_is_the_reference_layout() {
    let genesis = Genesis::parse(&plain().to_string()).unwrap();
    let written: Value = serde_json::from_str(&genesis.to_json()).unwrap();
    let mut expected = plain();
    expected.as_object_mut().unwrap().remove("notes");
    expected["app_hash"] = json!("00FF");
    expected["consensus_params"]["version"] = json!({ "app": "0" });
    for (index, member) in genesis.validators.iter().enumerate() {
        expected["validators"][index]["address"] = json!(member.public_key.address().to_string());
    }
    assert_eq!(written, expected);
    assert!(
        genesis.to_json().starts_with("{\n  \"genesis_time\": \"2026-11-23T05:59:44.123456789Z\"")
    );
}

/// The text with one place set to something else (or removed, with null).
fn changed(pointer: &str, value: Value) -> String {
    let mut genesis = plain();
    match genesis.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => {
            let (parent, name) = pointer.rsplit_once('/').unwrap();
            genesis.pointer_mut(parent).unwrap()[name] = value;
        }
    }
    genesis.to_string()
}

#[test]
fn an_error_names_its_field_and_what_is_wrong() {
    let key = |value: &str| json!({ "type": "tendermint/PubKeyEd25519", "value": value });
    let long = "x".repeat(51);
    let huge = (i64::MAX / 8).to_string();
    let cases = [
        ("/genesis_time", Value::Null, "genesis_time: is missing"),
        ("/genesis_time", json!("yesterday"), "genesis_time: is no RFC 3339 time"),
        ("/genesis_time", json!("2026-13-01T00:00:00Z"), "genesis_time: is no RFC 3339 time"),
        ("/genesis_time", json!("0001-01-01T00:00:00Z"), "genesis_time: is the zero time"),
        ("/genesis_time", json!(7), "genesis_time: is no text"),
        ("/chain_id", Value::Null, "chain_id: is missing"),
        ("/chain_id", json!(""), "chain_id: chain_id is empty"),
        ("/chain_id", json!(long), "chain_id: chain_id has 51 bytes, the limit is 50"),
        ("/initial_height", json!("-1"), "initial_height: is -1, expected 0 to"),
        ("/initial_height", json!("9223372036854775808"), "initial_height: is 9223372036854775808"),
        ("/initial_height", json!("ten"), "initial_height: is \"ten\", expected a whole number"),
        ("/initial_height", json!(1.5), "initial_height: is 1.5, expected a whole number"),
        ("/hash_suite", json!("blake3"), "hash_suite: only \"sha256\" is supported"),
        ("/app_hash", json!("xyz"), "app_hash: is no hex"),
        ("/consensus", json!({}), "consensus: stands beside consensus_params or validators"),
        ("/validators", json!({}), "validators: is no list"),
        ("/validators/1", json!("me"), "validators[1]: is no object"),
        ("/validators/1/power", json!("0"), "validators[1].power: is 0, expected at least 1"),
        ("/validators/1/power", json!("-5"), "validators[1].power: is -5, expected 0 to"),
        ("/validators/1/power", Value::Null, "validators[1].power: is missing"),
        ("/validators/1/power", json!(huge), "validators[1].power: raises the total power above"),
        (
            "/validators/1/pub_key",
            key(KEY),
            "validators[1].pub_key: is the same key as in validators[0]",
        ),
        ("/validators/1/pub_key", key("AAAA"), "validators[1].pub_key.value: is not 32 bytes"),
        ("/validators/1/pub_key", Value::Null, "validators[1].pub_key.type: is missing"),
        (
            "/validators/1/pub_key/type",
            json!("tendermint/PubKeySecp256k1"),
            "validators[1].pub_key.type: is \"tendermint/PubKeySecp256k1\", only",
        ),
        ("/validators/0/address", json!(OTHER_ADDRESS), "validators[0].address: is not its key's"),
        ("/consensus_params/block", Value::Null, "consensus_params.block.max_bytes: is missing"),
        ("/consensus_params/block/max_bytes", json!("0"), "consensus_params.block.max_bytes: "),
        (
            "/consensus_params/evidence/max_age_duration",
            json!("48h"),
            "consensus_params.evidence.max_age_duration: is \"48h\", expected a whole number",
        ),
        (
            "/consensus_params/validator/pub_key_types",
            json!(["rsa"]),
            "consensus_params.validator.pub_key_types",
        ),
    ];
    for (pointer, value, expected) in cases {
        let error = Genesis::parse(&changed(pointer, value)).expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}, expected {expected}");
    }
    let error = Genesis::parse("{ \"chain_id\": }").unwrap_err().to_string();
    assert_eq!(error, "not valid JSON: expected value at line 1 column 15");
    assert!(Genesis::parse("[]").is_err());
}
