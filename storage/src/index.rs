//! Events by what they carry: the claims that a search makes of them.
//!
//! Reading order: numbers as events write them, then the claims.

mod claim;
mod decimal;

pub use claim::{Claim, Condition, Moment, Relation, Scalar, date, instant};
pub use decimal::Decimal;
