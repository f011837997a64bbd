//! What a node says to a transaction that it is sent, and what kind of fault it is if it is one.

use serde::Deserialize;
use serde_json::Value;

/// The pool has no room: a node that is asked too much, rather than one that fails.
const POOL_FULL: &str = "mempool full";
/// What a transaction is counted under that nobody refused, and that came into no block in time.
const NOT_IN_TIME: &str = "not in a block in time";
/// Most characters of a fault's text that are kept.
const TEXT_CHARS_MAX: usize = 200;
/// Faults that nodes tell apart by their texts only. spec: `mempool/errors.go`,
/// `rpc/core/mempool.go`.
const BY_TEXT: [(&str, &str); 5] = [
    ("mempool is full", POOL_FULL),
    ("tx already exists in cache", "known already"),
    ("tx too large", "too large"),
    ("timed out waiting for tx", NOT_IN_TIME),
    ("max_subscription_clients", "too many subscribers"),
];

/// Something that did not go as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What it is counted under.
    pub kind: String,
    /// What was said.
    pub text: String,
}

impl Fault {
    /// A fault of a kind, and what was said.
    pub fn new(kind: impl Into<String>, text: impl Into<String>) -> Self {
        let text: String = text.into();
        Self { kind: kind.into(), text: text.chars().take(TEXT_CHARS_MAX).collect() }
    }

    /// A fault of the connection, by what the system says.
    pub fn of_connection(error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "connection refused",
            std::io::ErrorKind::TimedOut => "timeout",
            _ => "connection lost",
        };
        Self::new(kind, error.to_string())
    }
}

/// What a node said to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It has it, in its pool or in a block.
    Accepted,
    /// It has it, but something is not as it should be.
    AcceptedBut(Fault),
    /// It does not take it.
    Rejected(Fault),
    /// Nothing that could be used, so that nobody knows.
    Failed(Fault),
}

#[derive(Deserialize)]
struct Envelope {
    id: Option<Value>,
    result: Option<Body>,
    error: Option<Refusal>,
}

/// A result of any `broadcast_tx` method: the code is in it, or in its two parts.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    code: u64,
    log: String,
    codespace: String,
    check_tx: Option<Outcome>,
    #[serde(alias = "deliver_tx")]
    tx_result: Option<Outcome>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Outcome {
    code: u64,
    log: Option<String>,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Refusal {
    code: i64,
    message: String,
    data: String,
}

/// Reads an answer, and which request it is to.
pub fn read(frame: &[u8]) -> (Option<u64>, Answer) {
    let envelope: Envelope = match serde_json::from_slice(frame) {
        Ok(envelope) => envelope,
        Err(error) => return (None, Answer::Failed(Fault::new("no JSON-RPC", error.to_string()))),
    };
    let id = envelope.id.as_ref().and_then(Value::as_u64);
    let answer = match (envelope.error, envelope.result) {
        (Some(refusal), _) => refused(&refusal),
        (None, Some(body)) => judged(body),
        (None, None) => Answer::Failed(Fault::new("no JSON-RPC", "neither result nor error")),
    };
    (id, answer)
}

fn refused(refusal: &Refusal) -> Answer {
    let text = format!("{}: {}", refusal.message, refusal.data);
    let known = BY_TEXT
        .iter()
        .find(|(part, _)| text.to_ascii_lowercase().contains(&part.to_ascii_lowercase()));
    let kind = known.map_or(format!("JSON-RPC {}", refusal.code), |(_, kind)| (*kind).to_owned());
    let fault = Fault::new(kind, text);
    // Whoever waits for a block in vain has got past the pool.
    if fault.kind == NOT_IN_TIME { Answer::AcceptedBut(fault) } else { Answer::Rejected(fault) }
}

fn judged(body: Body) -> Answer {
    let check = body.check_tx.unwrap_or(Outcome { code: body.code, log: Some(body.log) });
    let text = |outcome: &Outcome| {
        format!("{} {}", body.codespace, outcome.log.as_deref().unwrap_or_default())
    };
    if check.code != 0 {
        let kind = format!("CheckTx code {}", check.code);
        return Answer::Rejected(Fault::new(kind, text(&check).trim()));
    }
    match body.tx_result {
        Some(outcome) if outcome.code != 0 => {
            let kind = format!("executed with code {}", outcome.code);
            Answer::AcceptedBut(Fault::new(kind, text(&outcome).trim()))
        }
        Some(_) | None => Answer::Accepted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(answer: &Answer) -> (&'static str, &str) {
        match answer {
            Answer::Accepted => ("accepted", ""),
            Answer::AcceptedBut(fault) => ("accepted but", &fault.kind),
            Answer::Rejected(fault) => ("rejected", &fault.kind),
            Answer::Failed(fault) => ("failed", &fault.kind),
        }
    }

    #[test]
    fn answers_of_all_methods_are_read() {
        for (frame, id, expected) in [
            (r#"{"id":7,"result":{"code":0,"hash":"AB"}}"#, Some(7), ("accepted", "")),
            (r#"{"id":-1,"result":{}}"#, None, ("accepted", "")),
            (r#"{"id":1,"result":{"code":2}}"#, Some(1), ("rejected", "CheckTx code 2")),
            (
                r#"{"id":1,"result":{"check_tx":{"code":0},"tx_result":{"code":0},"height":"3"}}"#,
                Some(1),
                ("accepted", ""),
            ),
            (
                r#"{"id":1,"result":{"check_tx":{"code":5,"log":null},"tx_result":{"code":0}}}"#,
                Some(1),
                ("rejected", "CheckTx code 5"),
            ),
            (
                r#"{"id":1,"result":{"check_tx":{"code":0},"tx_result":{"code":9,"log":"no"}}}"#,
                Some(1),
                ("accepted but", "executed with code 9"),
            ),
            ("{}", None, ("failed", "no JSON-RPC")),
            ("<html>", None, ("failed", "no JSON-RPC")),
        ] {
            let (found, answer) = read(frame.as_bytes());
            assert_eq!((found, kind(&answer)), (id, expected), "{frame}");
        }
    }

    #[test]
    fn refusals_are_told_apart() {
        for (text, expected) in [
            ("mempool is full: number of txs 5000 (max: 5000)", ("rejected", POOL_FULL)),
            ("tx already exists in cache", ("rejected", "known already")),
            ("Tx too large. Max size is 1, but got 2", ("rejected", "too large")),
            (
                "timed out waiting for tx to be included in a block",
                ("accepted but", "not in a block in time"),
            ),
            ("something else", ("rejected", "JSON-RPC -32603")),
        ] {
            let error =
                serde_json::json!({ "code": -32603, "message": "Internal error" , "data": text });
            let frame = serde_json::json!({ "id": 1, "error": error }).to_string();
            assert_eq!(kind(&read(frame.as_bytes()).1), expected, "{text}");
        }
    }
}
