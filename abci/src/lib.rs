//! abci.
