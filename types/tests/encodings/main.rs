//! Every encoding against what others made of the same values, against itself, and against bytes
//! that mean harm.

mod genesis;
mod limits;
mod oracle;
mod recorded;
mod round_trips;
mod values;
mod vectors;
