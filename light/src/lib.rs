//! The light client's pure heart: whether a header may be believed because of one that already is.
//!
//! A light client holds no blocks. It trusts one header, and from it judges others: the next one
//! by the validators that the trusted header names, a later one by the share of trusted validators
//! that signed it. Headers and the time come in, verdicts go out; who fetches headers, and which
//! ones, is not known here. Read the modules in the order below.
//!
//! spec: `spec/light-client/verification`.

pub mod trust;

pub mod predicates;

pub mod verify;

pub use predicates::HeaderError;
pub use trust::{Options, OptionsError, Trusted};
pub use verify::{VerifyError, verify};
