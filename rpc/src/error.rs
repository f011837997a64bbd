//! JSON-RPC errors with the reference's codes and texts. spec: `rpc/jsonrpc/types`.

use serde::Serialize;

/// An error object of JSON-RPC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{message}: {data}")]
pub struct RpcError {
    /// Which kind.
    pub code: i32,
    /// The kind in words.
    pub message: &'static str,
    /// What happened.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub data: String,
}

impl RpcError {
    /// -32700: the request is no JSON.
    pub fn parse(reason: impl ToString) -> Self {
        Self { code: -32700, message: "Parse error. Invalid JSON", data: reason.to_string() }
    }

    /// -32600: the request is no JSON-RPC.
    pub fn invalid_request(reason: impl ToString) -> Self {
        Self { code: -32600, message: "Invalid Request", data: reason.to_string() }
    }

    /// -32601: there is no such method.
    pub fn method_not_found() -> Self {
        Self { code: -32601, message: "Method not found", data: String::new() }
    }

    /// -32602: a parameter is missing or wrong.
    pub fn invalid_params(reason: impl ToString) -> Self {
        Self { code: -32602, message: "Invalid params", data: reason.to_string() }
    }

    /// -32603: the method itself could not answer; the reason is in `data`.
    pub fn internal(reason: impl ToString) -> Self {
        Self { code: -32603, message: "Internal error", data: reason.to_string() }
    }

    /// -32000: the server cannot take the request now.
    pub fn server(reason: impl ToString) -> Self {
        Self { code: -32000, message: "Server error", data: reason.to_string() }
    }
}

impl From<storage::StorageError> for RpcError {
    fn from(error: storage::StorageError) -> Self {
        Self::internal(error)
    }
}

impl From<abci::ApplicationError> for RpcError {
    fn from(error: abci::ApplicationError) -> Self {
        Self::internal(error)
    }
}

/// What a method gives.
pub type Answer = Result<serde_json::Value, RpcError>;
