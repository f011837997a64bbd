//! Published advisories and fixes of the protocol's other implementations, each as a test that it
//! would have failed. A test bears the number of its row in docs/RELIABILITY.md.

#[path = "../support/desk.rs"]
mod desk;
#[path = "../support/solo.rs"]
mod solo;
#[path = "../support/world.rs"]
mod world;

mod accusing;
mod catching_up;
mod counting;
mod heights;
mod hostile;
