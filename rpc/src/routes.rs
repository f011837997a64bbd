//! The whole API as one table. What is not in it does not exist.

use crate::backend::Backend;
use crate::error::Answer;
use crate::params::{Arguments, Kind, Param, param};
use crate::{blocks, consensus, evidence, query, status, txs};

/// A method.
pub struct Route {
    /// Its name, which is also its path.
    pub name: &'static str,
    /// Its parameters, in the order of positional calls.
    pub params: &'static [Param],
    /// What answers.
    pub call: Call,
    /// How long an answer stays true.
    pub lasts: Lasts,
}

/// Which answers of a method clients may keep for a day.
///
/// The reference also lets them keep `abci_info`, `blockchain` and the absence of a block with some
/// hash, all of which change with the next block. We do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasts {
    /// None.
    Never,
    /// Those about a height that the client named.
    AtHeight,
    /// All.
    Always,
}

/// How a method answers.
pub enum Call {
    /// At once.
    Read(fn(&Backend, &Arguments) -> Answer),
    /// After the transaction was executed.
    UntilExecuted,
    /// With events, by websocket alone.
    Listening(Listening),
}

/// What a client wants to hear from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {
    /// What a query asks for.
    Subscribe,
    /// No more of what a query asks for.
    Unsubscribe,
    /// Nothing any more.
    UnsubscribeAll,
}

const HEIGHT: &[Param] = &[param("height", Kind::Int)];
const HASH: &[Param] = &[param("hash", Kind::Bytes)];
const TX: &[Param] = &[param("tx", Kind::Bytes)];
const PAGED: &[Param] =
    &[param("height", Kind::Int), param("page", Kind::Int), param("per_page", Kind::Int)];

const QUERY: &[Param] = &[param("query", Kind::Text)];

type Read = fn(&Backend, &Arguments) -> Answer;

const fn read(name: &'static str, params: &'static [Param], call: Read) -> Route {
    Route { name, params, call: Call::Read(call), lasts: Lasts::Never }
}

const fn at_height(name: &'static str, params: &'static [Param], call: Read) -> Route {
    Route { name, params, call: Call::Read(call), lasts: Lasts::AtHeight }
}

const fn always(name: &'static str, params: &'static [Param], call: Read) -> Route {
    Route { name, params, call: Call::Read(call), lasts: Lasts::Always }
}

const fn listening(name: &'static str, params: &'static [Param], what: Listening) -> Route {
    Route { name, params, call: Call::Listening(what), lasts: Lasts::Never }
}

/// Names and order of parameters are the reference's. spec: `rpc/core/routes.go`.
pub static ROUTES: &[Route] = &[
    listening("subscribe", QUERY, Listening::Subscribe),
    listening("unsubscribe", QUERY, Listening::Unsubscribe),
    listening("unsubscribe_all", &[], Listening::UnsubscribeAll),
    read("health", &[], status::health),
    read("status", &[], status::status),
    read("net_info", &[], status::network),
    read(
        "blockchain",
        &[param("minHeight", Kind::Int), param("maxHeight", Kind::Int)],
        blocks::blockchain,
    ),
    always("genesis", &[], status::genesis),
    always("genesis_chunked", &[param("chunk", Kind::Int)], status::genesis_chunked),
    at_height("block", HEIGHT, blocks::block),
    read("block_by_hash", HASH, blocks::block_by_hash),
    at_height("block_results", HEIGHT, blocks::block_results),
    at_height("commit", HEIGHT, blocks::commit),
    at_height("header", HEIGHT, blocks::header),
    read("header_by_hash", &[param("hash", Kind::Hex)], blocks::header_by_hash),
    read("check_tx", TX, query::check_tx),
    always("tx", &[param("hash", Kind::Bytes), param("prove", Kind::Bool)], txs::tx),
    read(
        "tx_search",
        &[
            param("query", Kind::Text),
            param("prove", Kind::Bool),
            param("page", Kind::Int),
            param("per_page", Kind::Int),
            param("order_by", Kind::Text),
        ],
        txs::tx_search,
    ),
    read(
        "block_search",
        &[
            param("query", Kind::Text),
            param("page", Kind::Int),
            param("per_page", Kind::Int),
            param("order_by", Kind::Text),
        ],
        blocks::block_search,
    ),
    at_height("validators", PAGED, consensus::validators),
    read("dump_consensus_state", &[], consensus::dump_consensus_state),
    read("consensus_state", &[], consensus::consensus_state),
    at_height("consensus_params", HEIGHT, consensus::consensus_params),
    read("unconfirmed_txs", &[param("limit", Kind::Int)], txs::unconfirmed_txs),
    read("num_unconfirmed_txs", &[], txs::num_unconfirmed_txs),
    Route {
        name: "broadcast_tx_commit",
        params: TX,
        call: Call::UntilExecuted,
        lasts: Lasts::Never,
    },
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
    read("abci_info", &[], query::application),
    read("broadcast_evidence", &[param("evidence", Kind::Json)], evidence::broadcast_evidence),
];

/// The route of this name.
pub fn find(name: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|route| route.name == name)
}
