//! What `tx_search` and `block_search` have in common: from arguments to what was found.
//! spec: `rpc/core/tx.go`, `rpc/core/blocks.go`.

use storage::index::{Found, Search, SearchError, Subject};
use storage::key_value::Order;

use super::Query;
use crate::backend::{Backend, Index};
use crate::error::RpcError;
use crate::page::{Page, per_page};
use crate::params::Arguments;

/// The transactions or blocks that a query finds, as far as they are on the page that is asked for.
///
/// # Errors
/// If the index is off, the query is none, there is no such order or page, or too much would have
/// to be read.
pub fn find(backend: &Backend, subject: Subject, arguments: &Arguments) -> Result<Found, RpcError> {
    let (name, reader) = match subject {
        Subject::Txs => ("transaction", "TxIndexer"),
        Subject::Blocks => ("block", "BlockIndexer"),
    };
    let index = backend.node.identity().index;
    if index == Index::Off {
        return Err(RpcError::internal(format!("{name} indexing is disabled")));
    }
    let query = Query::parse(arguments.text("query")).map_err(RpcError::internal)?;
    if index == Index::Elsewhere {
        return Err(RpcError::internal(format!("the {reader}.Search method is not supported")));
    }
    let take = per_page(arguments.int("per_page"));
    let pages_before = match arguments.int("page").unwrap_or(1).checked_sub(1).map(u64::try_from) {
        Some(Ok(before)) => before,
        // Beyond all pages: what is found is counted, so that the answer can say how many.
        _ => u64::MAX,
    };
    let search = Search {
        subject,
        conditions: query.conditions(),
        order: order(subject, arguments.text("order_by"))?,
        skip: pages_before.saturating_mul(take as u64),
        take,
        rows_max: backend.search_rows_max,
    };
    let found = backend.store.search(&search)?;
    let total = usize::try_from(found.total).unwrap_or(usize::MAX);
    // Whether there is such a page.
    Page::of(arguments, total)?;
    Ok(found)
}

fn order(subject: Subject, asked: &str) -> Result<Order, RpcError> {
    match (asked, subject) {
        ("asc", _) | ("", Subject::Txs) => Ok(Order::Ascending),
        ("desc", _) | ("", Subject::Blocks) => Ok(Order::Descending),
        _ => {
            let reason = "expected order_by to be either `asc` or `desc` or empty";
            Err(RpcError::internal(reason))
        }
    }
}

impl From<SearchError> for RpcError {
    fn from(error: SearchError) -> Self {
        Self::internal(error)
    }
}
