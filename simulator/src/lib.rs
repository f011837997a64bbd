//! A whole network in one thread, in virtual time, from one seed: the same replica, mempool, light
//! client, stores and applications that a node drives, with every fault that we can name, and
//! judges outside of the code that they judge.
//!
//! Reading order: a seed becomes a [`Plan`]; the [`World`] has a queue of what happens and takes
//! the next thing from it, again and again; a [`member::Member`] is one node, with the same driver
//! loop as a real one; the [`network`] carries or loses messages; the [`judges`] look on, and a run
//! ends with a [`Report`]. A [`model`] charges what work costs, and ends with figures.

pub mod chance;
pub mod moment;
pub mod queue;

pub mod plan;

pub mod curves;
pub mod network;

pub mod application;
pub mod disk;

pub mod byzantine;
pub mod member;
pub mod outside;
pub mod world;

pub mod model;
pub mod twins;

pub mod faults;
pub mod workload;

pub mod judges;
pub mod report;
pub mod trace;

pub mod search;
pub mod shrink;

pub use moment::Moment;
pub use plan::Plan;
pub use report::{Failure, Report};
pub use world::World;
