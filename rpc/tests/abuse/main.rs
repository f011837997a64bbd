//! What hostile and broken clients send: each gets the documented error or is cut, memory stays
//! within bounds, and others are answered meanwhile. docs/RPC.md has the table of all of it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../http/chain.rs"]
mod chain;
#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../http/served.rs"]
mod served;
#[path = "../http/stubborn.rs"]
mod stubborn;
#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../http/wire.rs"]
mod wire;

mod crowd;
mod lines;
mod requests;
mod slow;

/// Counts the memory of the whole test program.
#[global_allocator]
static MEMORY: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;
