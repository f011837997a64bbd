//! Has an application answer a call that came as bytes, for those who serve one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use types::codec::{self, DecodeError};

use crate::application::{Application, ApplicationError, Call};
use crate::response::QueryResponse;
use crate::wire::{request, response};

/// Code of the answer to a query that cannot be read.
const CODE_UNREADABLE: u32 = 1;

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The caller's fault.
    #[error("the request cannot be taken: {0}")]
    Request(#[from] DecodeError),
    /// The application cannot go on.
    #[error(transparent)]
    Application(#[from] ApplicationError),
}

/// Reads a request, puts it to the application, and writes the answer.
///
/// # Errors
/// If the request is none, or the application fails or panics.
pub fn answer(
    application: &dyn Application,
    call: Call,
    bytes: Bytes,
) -> Result<Vec<u8>, AnswerError> {
    // Whatever it left half done, it is not asked to go on.
    let asked = AssertUnwindSafe(|| put(application, call, bytes));
    catch_unwind(asked).unwrap_or_else(|_| Err(ApplicationError::new(call, "it panicked").into()))
}

fn put(application: &dyn Application, call: Call, bytes: Bytes) -> Result<Vec<u8>, AnswerError> {
    Ok(match call {
        Call::Info => response::encode_info(&application.info(&request::decode_info(bytes)?)?),
        Call::InitChain => {
            let request = request::decode_init_chain(bytes)?;
            response::encode_init_chain(&application.init_chain(&request)?)
        }
        Call::CheckTx => {
            let result = application.check_tx(&request::decode_check_tx(bytes)?)?;
            codec::encode_result(&result).into()
        }
        Call::InsertTx => {
            let tx = request::decode_insert_tx(bytes)?;
            response::encode_insert_tx(application.insert_tx(&tx)?)
        }
        Call::ReapTxs => {
            let request = request::decode_reap_txs(bytes)?;
            response::encode_reap_txs(application.reap_txs(&request)?)
        }
        Call::Query => response::encode_query(&query(application, bytes)?),
        Call::PrepareProposal => {
            let request = request::decode_prepare_proposal(bytes)?;
            response::encode_prepare_proposal(application.prepare_proposal(&request)?)
        }
        Call::ProcessProposal => {
            let block = request::decode_block(bytes)?;
            response::encode_verdict(application.process_proposal(&block)?)
        }
        Call::ExtendVote => {
            let block = request::decode_extend_vote(bytes)?;
            response::encode_extend_vote(application.extend_vote(&block)?)
        }
        Call::VerifyVoteExtension => {
            let request = request::decode_verify_vote_extension(bytes)?;
            response::encode_verdict(application.verify_vote_extension(&request)?)
        }
        Call::FinalizeBlock => {
            let outcome = application.finalize_block(&request::decode_block(bytes)?)?;
            codec::encode_outcome(&outcome).into()
        }
        Call::Commit => response::encode_commit(&application.commit()?),
        Call::ListSnapshots => response::encode_list_snapshots(&application.list_snapshots()?),
        Call::OfferSnapshot => {
            let request = request::decode_offer_snapshot(bytes)?;
            response::encode_offer_snapshot(application.offer_snapshot(&request)?)
        }
        Call::LoadSnapshotChunk => {
            let request = request::decode_load_snapshot_chunk(bytes)?;
            response::encode_load_snapshot_chunk(application.load_snapshot_chunk(&request)?)
        }
        Call::ApplySnapshotChunk => {
            let request = request::decode_apply_snapshot_chunk(bytes)?;
            response::encode_apply_snapshot_chunk(&application.apply_snapshot_chunk(&request)?)
        }
    })
}

/// Users ask through their node, so what they ask wrongly must not end it: it gets a code.
fn query(application: &dyn Application, bytes: Bytes) -> Result<QueryResponse, ApplicationError> {
    match request::decode_query(bytes) {
        Ok(request) => application.query(&request),
        Err(error) => Ok(QueryResponse {
            code: CODE_UNREADABLE,
            codespace: "abci".to_owned(),
            log: error.to_string(),
            ..QueryResponse::default()
        }),
    }
}
