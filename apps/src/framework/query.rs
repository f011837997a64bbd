//! Questions: `/module/name` to a module, `/store` for the value of any key, and `/describe` for
//! what the modules say of themselves.

use std::sync::Arc;

use abci::{ProofOp, QueryRequest, QueryResponse};
use bytes::Bytes;
use types::Height;

use super::module::Answer;
use super::proof::{PROOF_KIND, encoded};
use super::refusal::{FrameworkError, Refusal};
use super::router::Router;
use super::state::State;
use super::store::{Store, StoreError, View};

/// Asks for the value of the key that is given.
pub const STORE_PATH: &str = "/store";
/// Asks for the descriptions of all modules, as JSON.
pub const DESCRIBE_PATH: &str = "/describe";

/// The answer to a question, with a proof if one is wanted. A proof is under the app hash of the
/// answer's height, which is in the header of the next.
pub fn answer(
    router: &Router,
    store: &Arc<Store>,
    request: &QueryRequest,
) -> Result<QueryResponse, StoreError> {
    if request.path == DESCRIBE_PATH {
        let text = serde_json::to_vec(&router.descriptions()).expect("descriptions are JSON");
        return Ok(QueryResponse { value: text.into(), ..QueryResponse::default() });
    }
    // A block may be committed while we look: the height that is answered for is chosen first.
    let height = request.height.or_else(|| store.height());
    let view = match height {
        None => Some(store.view()),
        Some(height) => store.view_at(height)?,
    };
    let Some(view) = view else { return Ok(refused(&not_retained(store, request).into())) };
    let answered = look(router, view, request, height);
    // What was being forgotten meanwhile may have been missed.
    if height.is_some_and(|height| store.floor().is_none_or(|floor| height < floor)) {
        return Ok(refused(&not_retained(store, request).into()));
    }
    let (answer, proof) = match answered? {
        Ok(answered) => answered,
        Err(refusal) => return Ok(refused(&refusal)),
    };
    Ok(QueryResponse {
        log: if answer.value.is_some() { "exists" } else { "does not exist" }.to_owned(),
        key: answer.key.into(),
        value: answer.value.unwrap_or_default(),
        proof,
        height,
        ..QueryResponse::default()
    })
}

/// What a view has to say, and the proof of it if one is wanted.
fn look(
    router: &Router,
    view: View,
    request: &QueryRequest,
    height: Option<Height>,
) -> Result<Result<(Answer, Vec<ProofOp>), Refusal>, StoreError> {
    let state = State::over(view.clone());
    let answered = if request.path == STORE_PATH {
        Ok(Answer::at(&state, request.data.to_vec()))
    } else {
        router.query(&state, &request.path, &request.data)
    };
    state.checked()?;
    Ok(match (answered, request.prove, height) {
        (Err(refusal), ..) => Err(refusal),
        (Ok(_), true, None) => Err(FrameworkError::NoBlock.into()),
        (Ok(answer), false, _) => Ok((answer, Vec::new())),
        (Ok(answer), true, Some(_)) => {
            let proof = prove(&view, &answer)?;
            Ok((answer, vec![proof]))
        }
    })
}

fn prove(view: &View, answer: &Answer) -> Result<ProofOp, StoreError> {
    let (value, proof) = view.prove(&answer.key)?;
    if value.as_deref() != answer.value.as_deref() {
        return Err(StoreError::Tree { reason: "it disagrees with the answer".to_owned() });
    }
    Ok(ProofOp {
        kind: PROOF_KIND.to_owned(),
        key: Bytes::copy_from_slice(&answer.key),
        data: encoded(&proof).into(),
    })
}

fn not_retained(store: &Store, request: &QueryRequest) -> FrameworkError {
    FrameworkError::Height {
        height: request.height.map_or(0, |it| it.0),
        floor: store.floor().map_or(0, |it| it.0),
        tip: store.height().map_or(0, |it| it.0),
    }
}

fn refused(refusal: &Refusal) -> QueryResponse {
    QueryResponse {
        code: refusal.code,
        codespace: refusal.codespace.to_owned(),
        log: refusal.log.clone(),
        ..QueryResponse::default()
    }
}
