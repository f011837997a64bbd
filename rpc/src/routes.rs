//! The whole API as one table. What is not in it does not exist.

use crate::backend::Backend;
use crate::error::Answer;
use crate::params::{Arguments, Kind, Param, param};
use crate::{blocks, consensus, query, status, txs};

/// A method.
pub struct Route {
    /// Its name, which is also its path.
    pub name: &'static str,
    /// Its parameters, in the order of positional calls.
    pub params: &'static [Param],
    /// What answers.
    pub call: Call,
    /// Whether an answer stays true: it may be cached when a parameter was given.
    pub lasting: bool,
}

/// How a method answers.
pub enum Call {
    /// At once.
    Read(fn(&Backend, &Arguments) -> Answer),
    /// After the transaction was executed.
    UntilExecuted,
}

const HEIGHT: &[Param] = &[param("height", Kind::Int)];
const HASH: &[Param] = &[param("hash", Kind::Bytes)];
const TX: &[Param] = &[param("tx", Kind::Bytes)];
const PAGED: &[Param] =
    &[param("height", Kind::Int), param("page", Kind::Int), param("per_page", Kind::Int)];

const fn read(
    name: &'static str,
    params: &'static [Param],
    call: fn(&Backend, &Arguments) -> Answer,
) -> Route {
    Route { name, params, call: Call::Read(call), lasting: false }
}

const fn lasting(
    name: &'static str,
    params: &'static [Param],
    call: fn(&Backend, &Arguments) -> Answer,
) -> Route {
    Route { name, params, call: Call::Read(call), lasting: true }
}

/// Names and order of parameters are the reference's. spec: `rpc/core/routes.go`.
pub static ROUTES: [Route; 24] = [
    read("health", &[], status::health),
    read("status", &[], status::status),
    read("net_info", &[], status::net_info),
    lasting(
        "blockchain",
        &[param("minHeight", Kind::Int), param("maxHeight", Kind::Int)],
        blocks::blockchain,
    ),
    read("genesis", &[], status::genesis),
    lasting("block", HEIGHT, blocks::block),
    lasting("block_by_hash", HASH, blocks::block_by_hash),
    lasting("block_results", HEIGHT, blocks::block_results),
    lasting("commit", HEIGHT, blocks::commit),
    lasting("header", HEIGHT, blocks::header),
    lasting("header_by_hash", &[param("hash", Kind::Hex)], blocks::header_by_hash),
    read("check_tx", TX, query::check_tx),
    lasting("tx", &[param("hash", Kind::Bytes), param("prove", Kind::Bool)], txs::tx),
    lasting("validators", PAGED, consensus::validators),
    read("dump_consensus_state", &[], consensus::dump_consensus_state),
    read("consensus_state", &[], consensus::consensus_state),
    lasting("consensus_params", HEIGHT, consensus::consensus_params),
    read("unconfirmed_txs", &[param("limit", Kind::Int)], txs::unconfirmed_txs),
    read("num_unconfirmed_txs", &[], txs::num_unconfirmed_txs),
    Route { name: "broadcast_tx_commit", params: TX, call: Call::UntilExecuted, lasting: false },
    read("broadcast_tx_sync", TX, txs::broadcast_tx_sync),
    read("broadcast_tx_async", TX, txs::broadcast_tx_async),
    read(
        "abci_query",
        &[
            param("path", Kind::Text),
            param("data", Kind::Hex),
            param("height", Kind::Int),
            param("prove", Kind::Bool),
        ],
        query::abci_query,
    ),
    read("abci_info", &[], query::abci_info),
];

/// The route of this name.
pub fn find(name: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.name == name)
}
