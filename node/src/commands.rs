//! What `lockstep` can do, one file a command. Each gives back `Ok` or one line for the operator.

pub mod init;
pub mod start;
pub mod testnet;

pub mod app;
pub mod dev;
pub mod localnet;

pub mod load;
pub mod modules;
pub mod query;
pub mod status;
pub mod tx;

pub mod generate;
pub mod reset;
pub mod show;
pub mod simulate;

pub mod completions;
pub mod version;

mod progress;
