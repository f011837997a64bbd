//! What a node does with a replica's outputs beyond sending them, as far as it takes no thread, no
//! socket and no clock: questions to the application, what is kept and when, what is served, and
//! how a node begins.
//!
//! The node and the simulator drive one replica each way, and share this: what ships is what was
//! simulated. Read the modules in the order below.

pub mod watch;

pub mod evidence;
pub mod memory;
pub mod served;

pub mod executor;
pub mod keeping;

pub mod admission;

pub mod handshake;
pub mod start;

pub use admission::Admission;
pub use evidence::{EvidenceRefusal, check_evidence, sift_evidence};
pub use executor::{ExecutionError, Executor, Pool};
pub use handshake::HandshakeError;
pub use keeping::{KeepError, Keeping};
pub use memory::SharedMemory;
pub use start::{StartError, start};
pub use watch::{Point, Stopped, Watch};
