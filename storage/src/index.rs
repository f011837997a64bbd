//! The index: which transactions and blocks have events that carry what a search asks for.
//!
//! A [`Writer`] follows the executed blocks from behind. Each attribute that the application wants
//! to be found becomes two or three rows (`rows.rs`), whose byte order is the order of places in
//! the chain. So a search ([`Store::search`](crate::Store::search)) seeks to where its answer
//! begins, counts from ordinals that the rows carry, and reads in order from there on.
//!
//! Reading order: numbers as events write them, claims on values, places, rows, the writer; then
//! what a search demands, the ways to read and to look up, and the search itself.

mod claim;
mod decimal;
mod demand;
mod lookup;
mod place;
mod reader;
mod rows;
mod run;
mod search;
mod writer;

pub use claim::{Claim, Condition, Moment, Relation, Scalar, date, instant};
pub use decimal::{DIGITS_MAX, Decimal};
pub use place::{Hit, Subject};
pub use rows::NAME_BYTES_MAX;
#[cfg(feature = "rocks")]
pub(crate) use rows::run_of;
pub use search::{Found, Search, SearchError};
pub use writer::Writer;
