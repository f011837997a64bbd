//! Genesis, parameters and the node itself, as JSON.

use serde_json::{Value, json};
use types::params::ParamsUpdate;
use types::{ConsensusParams, Genesis};

use super::{app_hash, number, public_key, time};
use crate::backend::{Identity, Index, Peer};

/// Consensus parameters.
pub fn params(params: &ConsensusParams) -> Value {
    params_update(&ParamsUpdate {
        block: Some(params.block.clone()),
        evidence: Some(params.evidence.clone()),
        validator: Some(params.validator.clone()),
        version: Some(params.version.clone()),
        abci: Some(params.abci.clone()),
        authority: (!params.authority.is_empty()).then(|| params.authority.clone()),
    })
}

/// A change of parameters: only the groups that it has.
pub fn params_update(update: &ParamsUpdate) -> Value {
    let limit = |limit: Option<u64>| limit.map_or_else(|| "-1".to_owned(), |it| it.to_string());
    let mut groups = serde_json::Map::new();
    if let Some(block) = &update.block {
        let shape = json!({"max_bytes": limit(block.bytes_max), "max_gas": limit(block.gas_max)});
        groups.insert("block".to_owned(), shape);
    }
    if let Some(evidence) = &update.evidence {
        let shape = json!({
            "max_age_num_blocks": number(evidence.age_blocks_max),
            "max_age_duration": number(evidence.age_max.as_nanos()),
            "max_bytes": number(evidence.bytes_max),
        });
        groups.insert("evidence".to_owned(), shape);
    }
    if let Some(validator) = &update.validator {
        groups.insert("validator".to_owned(), json!({"pub_key_types": validator.key_types}));
    }
    if let Some(version) = &update.version {
        groups.insert("version".to_owned(), json!({"app": number(version.app)}));
    }
    if let Some(abci) = &update.abci {
        let from = abci.extensions_from.map_or(0, |height| height.0);
        groups.insert("abci".to_owned(), json!({"vote_extensions_enable_height": number(from)}));
    }
    if let Some(authority) = &update.authority {
        groups.insert("authority".to_owned(), json!({"authority": authority}));
    }
    Value::Object(groups)
}

/// The genesis file; the application's state as it stands there.
pub fn genesis(genesis: &Genesis) -> Value {
    let validators = genesis.validators.iter().map(|validator| {
        json!({
            "address": validator.public_key.address().to_string(),
            "pub_key": public_key(&validator.public_key),
            "power": number(validator.power),
            "name": validator.name,
        })
    });
    let mut shape = json!({
        "genesis_time": time(genesis.genesis_time),
        "chain_id": genesis.chain_id.as_str(),
        "initial_height": number(genesis.initial_height),
        "consensus_params": params(&genesis.params),
        "validators": validators.collect::<Vec<_>>(),
        "app_hash": app_hash(&genesis.app_hash),
    });
    if let Ok(app_state) = serde_json::from_str::<Value>(&genesis.app_state)
        && let Some(object) = shape.as_object_mut()
    {
        object.insert("app_state".to_owned(), app_state);
    }
    shape
}

/// What a node says of itself.
pub fn node(identity: &Identity, network: &str, app_version: u64) -> Value {
    json!({
        "protocol_version": {
            "p2p": number(identity.p2p_version),
            "block": number(types::block::BLOCK_VERSION),
            "app": number(app_version),
        },
        "id": identity.node_id,
        "listen_addr": identity.listen_address,
        "network": network,
        "version": identity.version,
        "channels": identity.channels,
        "moniker": identity.moniker,
        "other": {
            "tx_index": if identity.index == Index::Off { "off" } else { "on" },
            "rpc_address": identity.rpc_address,
            "lockstep_version": identity.lockstep_version,
            "peer_id": identity.peer_id,
        },
    })
}

/// A connected peer.
pub fn peer(peer: &Peer) -> Value {
    let connected = peer.connected_at.elapsed().unwrap_or_default();
    let monitor = |bytes: u64| {
        let rate = u128::from(bytes) * 1_000_000_000 / connected.as_nanos().max(1);
        json!({
            "Start": time(types::Time::EPOCH.after(
                peer.connected_at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default(),
            )),
            "Bytes": number(bytes), "Samples": "0", "InstRate": "0", "CurRate": "0",
            "AvgRate": number(rate), "PeakRate": "0", "BytesRem": "0",
            "Duration": number(connected.as_nanos()), "Idle": "0", "TimeRem": "0",
            "Progress": 0, "Active": true,
        })
    };
    json!({
        "node_info": {
            "protocol_version": {
                "p2p": "8", "block": number(types::block::BLOCK_VERSION), "app": "0",
            },
            "id": peer.node_id,
            "listen_addr": peer.listen_address,
            "network": peer.network,
            "version": peer.version,
            "channels": "",
            "moniker": peer.moniker,
            // It does not say whether it indexes, and clients know no third answer.
            "other": {"tx_index": "off", "rpc_address": "", "peer_id": peer.peer_id},
        },
        "is_outbound": peer.is_outbound,
        "connection_status": {
            "Duration": number(connected.as_nanos()),
            "SendMonitor": monitor(peer.sent_bytes),
            "RecvMonitor": monitor(peer.received_bytes),
            "Channels": [],
        },
        "remote_ip": peer.remote_ip,
    })
}
