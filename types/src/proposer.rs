//! The weighted rotation of proposers, bit-exact with the reference.
//! spec: `types/validator_set.go`, `spec/consensus/proposer-selection.md`.
