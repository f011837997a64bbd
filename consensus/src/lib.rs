//! `Replica`: one participant in consensus as a pure value. The world drives it with inputs and
//! carries out its outputs in order.
//!
//! Reading order: the contract (`input`, `output`), one height (`round` is Algorithm 1 as a table,
//! `tally` and `votes` count, `proposals` collects, `height` asks again until nothing applies),
//! then what surrounds it (`replica` across heights, `gossip`, `catchup`, `evidence`, `replay`).

pub mod ahead;
pub mod catchup;
pub mod evidence;
pub mod gossip;
pub mod height;
pub mod input;
pub mod output;
pub mod proposals;
pub mod replay;
pub mod replica;
pub mod round;
pub mod snapshot;
pub mod tally;
pub mod timeouts;
pub mod votes;

pub use catchup::CatchUp;
pub use evidence::EvidencePool;
pub use gossip::{Gossip, View};
pub use input::{Alarm, Input, Judgement, Start, StoredBlock, Timeout, Wait};
pub use output::{Announcement, Decided, Output, Recipients, SignRequest};
pub use replay::Record;
pub use replica::Replica;
pub use tally::{Added, Tally};
pub use timeouts::Config;
pub use votes::Votes;
