//! Real nodes on loopback: what they say to each other, whom they refuse, and how they recover.

mod kit;

mod advisories;
mod dial;
mod messages;
mod raw;
mod recovery;
mod reference;
mod refusals;
