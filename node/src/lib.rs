//! The program around a replica: command line, configuration, the data folder, the signer, and the
//! drivers that wait so that the replica need not. Read the modules in the order below.

pub mod cli;
pub mod commands;

pub mod complaint;
pub mod config;
pub mod home;
pub mod signer;

pub mod node;

pub mod admission;
pub mod alarms;
pub mod application;
pub mod backend;
pub mod driver;
pub mod events;
pub mod executor;
pub mod relay;
pub mod strangers;
pub mod threads;
pub mod verifier;
pub mod watch;

pub mod client;
pub mod clock;
pub mod crash;
pub mod indexer;
pub mod load;
pub mod logging;
pub mod metrics;
