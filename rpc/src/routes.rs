//! The whole API as one table. What is not in it does not exist.

use crate::backend::Backend;
use crate::error::Answer;
use crate::params::{Arguments, Kind, Param, param, required};
use crate::{blocks, consensus, evidence, operate, query, status, txs};

/// A method.
pub struct Route {
    /// Its name, which is also its path.
    pub name: &'static str,
    /// What it is for, in a line.
    pub summary: &'static str,
    /// Its parameters, in the order of positional calls.
    pub params: &'static [Param],
    /// What answers.
    pub call: Call,
    /// How long an answer stays true.
    pub lasts: Lasts,
    /// Who has it.
    pub offer: Offer,
}

/// Which methods a node offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// Those that cannot hurt it.
    Safe,
    /// Those of operators, too.
    All,
}

impl Offer {
    /// All of its methods.
    pub fn routes(self) -> impl Iterator<Item = &'static Route> {
        ROUTES.iter().filter(move |route| self == Offer::All || route.offer == Offer::Safe)
    }

    /// Its method of this name.
    pub fn find(self, name: &str) -> Option<&'static Route> {
        self.routes().find(|route| route.name == name)
    }
}

/// What is served besides methods, by GET.
pub struct Page {
    /// What.
    pub kind: PageKind,
    /// Where.
    pub path: &'static str,
    /// What it is for, in a line.
    pub summary: &'static str,
}

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PageKind {
    /// The API for machines.
    Document,
    /// Events as a stream.
    Events,
    /// That the program answers.
    Live,
    /// Whether clients should come.
    Ready,
}

const fn page(kind: PageKind, path: &'static str, summary: &'static str) -> Page {
    Page { kind, path, summary }
}

/// Every page for machines.
pub static PAGES: &[Page] = &[
    page(PageKind::Document, "/v1/openapi.json", "This document"),
    page(PageKind::Events, "/v1/events", "Events of blocks as server-sent events"),
    page(PageKind::Live, "/livez", "That the program answers"),
    page(PageKind::Ready, "/readyz", "Whether clients should be sent here, and if not, why"),
];

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
const HASH: &[Param] = &[required("hash", Kind::Bytes)];
const TX: &[Param] = &[required("tx", Kind::Bytes)];
const PAGED: &[Param] =
    &[param("height", Kind::Int), param("page", Kind::Int), param("per_page", Kind::Int)];
const QUERY: &[Param] = &[required("query", Kind::Text)];

type Read = fn(&Backend, &Arguments) -> Answer;

impl Route {
    const fn new(name: &'static str, params: &'static [Param], call: Call) -> Self {
        Self { name, summary: "", params, call, lasts: Lasts::Never, offer: Offer::Safe }
    }

    const fn says(self, summary: &'static str) -> Self {
        Self { summary, ..self }
    }
}

const fn read(name: &'static str, params: &'static [Param], call: Read) -> Route {
    Route::new(name, params, Call::Read(call))
}

const fn at_height(name: &'static str, params: &'static [Param], call: Read) -> Route {
    Route { lasts: Lasts::AtHeight, ..Route::new(name, params, Call::Read(call)) }
}

const fn always(name: &'static str, params: &'static [Param], call: Read) -> Route {
    Route { lasts: Lasts::Always, ..Route::new(name, params, Call::Read(call)) }
}

const fn for_operators(name: &'static str, params: &'static [Param], call: Read) -> Route {
    Route { offer: Offer::All, ..Route::new(name, params, Call::Read(call)) }
}

const fn listening(name: &'static str, params: &'static [Param], what: Listening) -> Route {
    Route::new(name, params, Call::Listening(what))
}

/// Names and order of parameters are the reference's. spec: `rpc/core/routes.go`.
pub static ROUTES: &[Route] = &[
    listening("subscribe", QUERY, Listening::Subscribe)
        .says("Sends every event that a query asks for, from now on"),
    listening("unsubscribe", QUERY, Listening::Unsubscribe).says("Ends one subscription"),
    listening("unsubscribe_all", &[], Listening::UnsubscribeAll)
        .says("Ends all of the client's subscriptions"),
    read("health", &[], status::health).says("That the node answers"),
    read("status", &[], status::status)
        .says("Who the node is, how far it is, and whether it votes"),
    read("net_info", &[], status::network).says("Who is connected"),
    read(
        "blockchain",
        &[param("minHeight", Kind::Int), param("maxHeight", Kind::Int)],
        blocks::blockchain,
    )
    .says("Up to 20 headers of a range of heights, the latest first"),
    always("genesis", &[], status::genesis).says("How the chain began"),
    always("genesis_chunked", &[param("chunk", Kind::Int)], status::genesis_chunked)
        .says("How the chain began, in pieces of 16 MiB"),
    at_height("block", HEIGHT, blocks::block).says("A block by height"),
    read("block_by_hash", HASH, blocks::block_by_hash).says("A block by its hash"),
    at_height("block_results", HEIGHT, blocks::block_results)
        .says("What came of executing a block"),
    at_height("commit", HEIGHT, blocks::commit).says("A header, and the commit that decided it"),
    at_height("header", HEIGHT, blocks::header).says("A header by height"),
    read("header_by_hash", &[required("hash", Kind::Hex)], blocks::header_by_hash)
        .says("A header by its hash"),
    read("check_tx", TX, query::check_tx)
        .says("Asks the application about a transaction, and keeps nothing"),
    always("tx", &[required("hash", Kind::Bytes), param("prove", Kind::Bool)], txs::tx)
        .says("A transaction by its hash, with a proof that its block has it"),
    read(
        "tx_search",
        &[
            required("query", Kind::Text),
            param("prove", Kind::Bool),
            param("page", Kind::Int),
            param("per_page", Kind::Int),
            param("order_by", Kind::Text),
        ],
        txs::tx_search,
    )
    .says("The transactions that a query asks for, in pages"),
    read(
        "block_search",
        &[
            required("query", Kind::Text),
            param("page", Kind::Int),
            param("per_page", Kind::Int),
            param("order_by", Kind::Text),
        ],
        blocks::block_search,
    )
    .says("The blocks that a query asks for, in pages"),
    at_height("validators", PAGED, consensus::validators).says("The validators of a height"),
    read("dump_consensus_state", &[], consensus::dump_consensus_state)
        .says("Where consensus stands, in full, and what is known of each peer"),
    read("consensus_state", &[], consensus::consensus_state)
        .says("Where consensus stands, in short"),
    at_height("consensus_params", HEIGHT, consensus::consensus_params)
        .says("The consensus parameters of a height"),
    read("unconfirmed_txs", &[param("limit", Kind::Int)], txs::unconfirmed_txs)
        .says("The first transactions that wait for a block"),
    read("num_unconfirmed_txs", &[], txs::num_unconfirmed_txs)
        .says("How many transactions wait for a block"),
    Route::new("broadcast_tx_commit", TX, Call::UntilExecuted)
        .says("Takes a transaction, and waits for the block that executes it"),
    read("broadcast_tx_sync", TX, txs::broadcast_tx_sync)
        .says("Takes a transaction, and says what CheckTx said"),
    read("broadcast_tx_async", TX, txs::broadcast_tx_async)
        .says("Takes a transaction without waiting for CheckTx"),
    read(
        "abci_query",
        &[
            param("path", Kind::Text),
            param("data", Kind::Hex),
            param("height", Kind::Int),
            param("prove", Kind::Bool),
        ],
        query::abci_query,
    )
    .says("Asks the application something"),
    read("abci_info", &[], query::application).says("What the application says of itself"),
    read("broadcast_evidence", &[required("evidence", Kind::Json)], evidence::broadcast_evidence)
        .says("Takes evidence of misbehaviour, and has it put into a block"),
    for_operators("dial_seeds", &[required("seeds", Kind::Texts)], operate::dial_seeds)
        .says("Dials peers"),
    for_operators(
        "dial_peers",
        &[
            required("peers", Kind::Texts),
            param("persistent", Kind::Bool),
            param("unconditional", Kind::Bool),
            param("private", Kind::Bool),
        ],
        operate::dial_peers,
    )
    .says("Dials peers, and remembers what they are"),
    for_operators("unsafe_flush_mempool", &[], operate::unsafe_flush_mempool)
        .says("Drops all transactions that wait for a block"),
];
