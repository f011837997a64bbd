//! The promises of the README on a network of real processes: what is sent to one node is answered
//! by all; nodes that are killed, stopped or late come back; and nobody ever signs twice.

mod checks;
mod client;
mod network;
#[path = "../support/patience.rs"]
mod patience;
#[path = "../support/ports.rs"]
mod ports;

mod advisories;
mod applications;
mod crash;
mod evidence;
mod faults;
mod index;
mod ledger;
mod light;
mod load;
mod ordinary;
mod relayed;
mod validators;
