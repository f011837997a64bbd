//! `Replica`: one participant in consensus as a pure value. The world drives it with inputs and
//! carries out its outputs in order.
//!
//! Reading order: the contract (`input`, `output`), one height (`round` is Algorithm 1 as a table,
//! `tally` and `votes` count, `proposals` collects, `height` asks again until nothing applies),
//! then what surrounds it: `replica` across heights, `ahead` for the next, `replay` after a crash,
//! `gossip` for what peers lack, `catchup` for what we lack, and the pool of `evidence`.

pub mod input;
pub mod output;
pub mod timeouts;

pub mod height;
pub mod proposals;
pub mod round;
pub mod tally;
pub mod votes;

pub mod ahead;
pub mod catchup;
pub mod evidence;
pub mod gossip;
pub mod replay;
pub mod replica;
pub mod snapshot;

pub use catchup::{CatchUp, Proof};
pub use evidence::EvidencePool;
pub use gossip::{Gossip, View};
pub use input::{Alarm, Input, Judgement, Start, StoredBlock, Timeout, Wait};
pub use output::{Announcement, Decided, Output, Question, Recipients, SignRequest};
pub use replay::Record;
pub use replica::Replica;
pub use tally::{Added, Tally};
pub use timeouts::Config;
pub use votes::Votes;
