//! Proofs that a key has a value, or none, under an app hash: ICS-23, as light clients and IBC read
//! them.

use ics23::{HostFunctionsManager, ProofSpec};
use prost_of_proofs::Message;

use types::AppHash;

/// The kind of our one step of a proof, as `abci_query` names it.
pub const PROOF_KIND: &str = "ics23:jmt";

/// How our proofs are made, for verifiers.
pub fn spec() -> ProofSpec {
    jmt::ics23_spec()
}

/// A proof as bytes.
pub(super) fn encoded(proof: &ics23::CommitmentProof) -> Vec<u8> {
    proof.encode_to_vec()
}

/// Whether these bytes prove that under this app hash `key` has `value`, or, with none, that it has
/// no value.
pub fn proves(proof: &[u8], app_hash: &AppHash, key: &[u8], value: Option<&[u8]>) -> bool {
    let Ok(proof) = ics23::CommitmentProof::decode(proof) else { return false };
    let root = app_hash.0.to_vec();
    match value {
        Some(value) => {
            ics23::verify_membership::<HostFunctionsManager>(&proof, &spec(), &root, key, value)
        }
        None => ics23::verify_non_membership::<HostFunctionsManager>(&proof, &spec(), &root, key),
    }
}
