//! Every encoding against what others made of the same values, against itself, and against bytes
//! that mean harm.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod conformance;
mod genesis;
mod limits;
mod oracle;
mod recorded;
mod round_trips;
mod values;
mod vectors;
