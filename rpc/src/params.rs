//! Parameters as clients write them: JSON objects, JSON arrays, or the query of a URI, which has
//! rules of its own. spec: `rpc/jsonrpc/server/http_uri_handler.go`, inventory §2.2.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use types::{Hash, Height};

use crate::error::RpcError;

/// What a parameter is, which decides how it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number: bare or as text.
    Int,
    /// `true` or `false`.
    Bool,
    /// Text. In a URI it stands in quotes.
    Text,
    /// Bytes: base64 in JSON; in a URI `0x` hex, or the bytes themselves in quotes.
    Bytes,
    /// Bytes as hex, in JSON too; in a URI as [`Kind::Bytes`].
    Hex,
}

/// A parameter of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
}

/// Shorthand for the table of routes.
pub const fn param(name: &'static str, kind: Kind) -> Param {
    Param { name, kind }
}

/// A parameter's value after reading.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Argument {
    Int(i64),
    Bool(bool),
    Text(String),
    Bytes(Bytes),
}

/// The arguments of one call, by the route's parameters; what was not given is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    given: Vec<(&'static str, Argument)>,
}

impl Arguments {
    /// Reads `params` of a JSON-RPC request: an object, an array in the route's order, or nothing.
    ///
    /// # Errors
    /// If there are too many, or one is not of its kind.
    pub fn from_json(params: &[Param], given: Option<&Value>) -> Result<Self, RpcError> {
        let mut arguments = Self::default();
        match given {
            None | Some(Value::Null) => {}
            Some(Value::Object(object)) => {
                for param in params {
                    arguments.take(*param, object.get(param.name))?;
                }
            }
            Some(Value::Array(array)) => {
                if params.len() < array.len() {
                    return Err(wrong(format!(
                        "expected {} parameters ({}), got {}",
                        params.len(),
                        names(params),
                        array.len()
                    )));
                }
                for (param, value) in params.iter().zip(array) {
                    arguments.take(*param, Some(value))?;
                }
            }
            Some(_) => return Err(wrong("params must be an object or an array".to_owned())),
        }
        Ok(arguments)
    }

    /// Reads the query of a URI, already cut into percent-decoded pairs. Unknown names are ignored,
    /// as the reference does.
    ///
    /// # Errors
    /// If one is not of its kind.
    pub fn from_query(params: &[Param], pairs: &[(String, String)]) -> Result<Self, RpcError> {
        let mut arguments = Self::default();
        for param in params {
            let pair = pairs.iter().find(|(name, _)| name == param.name);
            let Some((_, text)) = pair.filter(|(_, text)| !text.is_empty()) else { continue };
            let argument = from_uri(param.kind, text)
                .map_err(|problem| wrong(format!("{}: {problem}, got {text}", param.name)))?;
            arguments.given.push((param.name, argument));
        }
        Ok(arguments)
    }

    fn take(&mut self, param: Param, value: Option<&Value>) -> Result<(), RpcError> {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(()) };
        let argument = from_value(param.kind, value)
            .map_err(|problem| wrong(format!("{}: {problem}", param.name)))?;
        self.given.push((param.name, argument));
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&Argument> {
        self.given.iter().find(|(given, _)| *given == name).map(|(_, argument)| argument)
    }

    /// A whole number, if it was given.
    pub fn int(&self, name: &str) -> Option<i64> {
        match self.find(name) {
            Some(Argument::Int(number)) => Some(*number),
            _ => None,
        }
    }

    /// True only if it was given as such.
    pub fn bool(&self, name: &str) -> bool {
        matches!(self.find(name), Some(Argument::Bool(true)))
    }

    /// Text; empty if it was not given.
    pub fn text(&self, name: &str) -> &str {
        match self.find(name) {
            Some(Argument::Text(text)) => text,
            _ => "",
        }
    }

    /// Bytes; empty if they were not given.
    pub fn bytes(&self, name: &str) -> Bytes {
        match self.find(name) {
            Some(Argument::Bytes(bytes)) => bytes.clone(),
            _ => Bytes::new(),
        }
    }

    /// A height, if one was given.
    ///
    /// # Errors
    /// If it is not above zero.
    pub fn height(&self) -> Result<Option<Height>, RpcError> {
        let Some(number) = self.int("height") else { return Ok(None) };
        match u64::try_from(number) {
            Ok(height) if 0 < height => Ok(Some(Height(height))),
            _ => {
                Err(RpcError::internal(format!("height must be greater than 0, but got {number}")))
            }
        }
    }

    /// A hash of 32 bytes.
    ///
    /// # Errors
    /// If it has another length.
    pub fn hash(&self, name: &str) -> Result<Hash, RpcError> {
        let bytes = self.bytes(name);
        let hash = <[u8; 32]>::try_from(bytes.as_ref());
        hash.map(Hash).map_err(|_| wrong(format!("{name}: expected 32 bytes, got {}", bytes.len())))
    }

    /// A required transaction.
    ///
    /// # Errors
    /// If it is missing.
    pub fn tx(&self) -> Result<Bytes, RpcError> {
        if self.find("tx").is_none() {
            return Err(wrong("tx: missing".to_owned()));
        }
        Ok(self.bytes("tx"))
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }
}

fn wrong(problem: String) -> RpcError {
    RpcError::invalid_params(format!("error converting json params to arguments: {problem}"))
}

fn names(params: &[Param]) -> String {
    params.iter().map(|param| param.name).collect::<Vec<_>>().join(", ")
}

fn from_value(kind: Kind, value: &Value) -> Result<Argument, String> {
    match (kind, value) {
        (Kind::Int, Value::Number(number)) => {
            number.as_i64().map(Argument::Int).ok_or_else(|| "expected a whole number".to_owned())
        }
        (Kind::Int, Value::String(text)) => int(text),
        (Kind::Bool, Value::Bool(value)) => Ok(Argument::Bool(*value)),
        (Kind::Text, Value::String(text)) => Ok(Argument::Text(text.clone())),
        (Kind::Bytes, Value::String(text)) => {
            let bytes = STANDARD.decode(text).map_err(|error| format!("expected base64: {error}"));
            bytes.map(|bytes| Argument::Bytes(bytes.into()))
        }
        (Kind::Hex, Value::String(text)) => hex_bytes(text),
        (kind, _) => Err(format!("expected {}", kind.in_json())),
    }
}

fn from_uri(kind: Kind, text: &str) -> Result<Argument, String> {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match kind {
        Kind::Int => int(quoted.unwrap_or(text)),
        Kind::Bool => match quoted.unwrap_or(text) {
            "true" => Ok(Argument::Bool(true)),
            "false" => Ok(Argument::Bool(false)),
            _ => Err("expected true or false".to_owned()),
        },
        Kind::Text => match (quoted, serde_json::from_str(text)) {
            (Some(_), Ok(unescaped)) => Ok(Argument::Text(unescaped)),
            _ => Err("expected text in quotes, such as \"a\"".to_owned()),
        },
        Kind::Bytes | Kind::Hex => match (quoted, text.strip_prefix("0x")) {
            (Some(raw), _) => Ok(Argument::Bytes(raw.as_bytes().to_vec().into())),
            (None, Some(hex)) => hex_bytes(hex),
            (None, None) => Err("expected 0x and hex, or text in quotes".to_owned()),
        },
    }
}

fn int(text: &str) -> Result<Argument, String> {
    text.parse().map(Argument::Int).map_err(|_| format!("expected a whole number, got {text}"))
}

fn hex_bytes(text: &str) -> Result<Argument, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let bytes = hex::decode(digits).map_err(|error| format!("expected hex: {error}"));
    bytes.map(|bytes| Argument::Bytes(bytes.into()))
}

impl Kind {
    fn in_json(self) -> &'static str {
        match self {
            Kind::Int => "a whole number",
            Kind::Bool => "true or false",
            Kind::Text => "text",
            Kind::Bytes => "base64",
            Kind::Hex => "hex",
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PARAMS: [Param; 3] =
        [param("tx", Kind::Bytes), param("height", Kind::Int), param("prove", Kind::Bool)];

    fn query(pairs: &[(&str, &str)]) -> Result<Arguments, RpcError> {
        let pairs: Vec<_> =
            pairs.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        Arguments::from_query(&PARAMS, &pairs)
    }

    #[test]
    fn objects_arrays_and_queries_mean_the_same() {
        let object = json!({"tx": "YT1i", "height": "7", "prove": true});
        let array = json!(["YT1i", 7, true]);
        let object = Arguments::from_json(&PARAMS, Some(&object)).unwrap();
        assert_eq!(object, Arguments::from_json(&PARAMS, Some(&array)).unwrap());
        for tx in ["\"a=b\"", "0x613d62"] {
            assert_eq!(
                object,
                query(&[("tx", tx), ("height", "\"7\""), ("prove", "true")]).unwrap()
            );
        }
        assert_eq!(object.bytes("tx"), "a=b");
        assert_eq!(object.height().unwrap(), Some(Height(7)));
    }

    #[test]
    fn wrong_arguments_name_the_parameter() {
        for (given, named) in [
            (json!({"tx": "?"}), "tx"),
            (json!({"height": 1.5}), "height"),
            (json!({"height": "x"}), "height"),
            (json!({"prove": "yes"}), "prove"),
            (json!(["", 1, true, 4]), "expected 3 parameters"),
            (json!("text"), "an object or an array"),
        ] {
            let error = Arguments::from_json(&PARAMS, Some(&given)).unwrap_err();
            assert_eq!(error.code, -32602);
            assert!(error.data.contains(named), "{given}: {}", error.data);
        }
        assert!(query(&[("tx", "bare")]).unwrap_err().data.contains("tx"));
    }

    #[test]
    fn heights_are_above_zero() {
        for (number, given) in [(0, json!({"height": 0})), (-1, json!({"height": "-1"}))] {
            let arguments = Arguments::from_json(&PARAMS, Some(&given)).unwrap();
            let expected = format!("height must be greater than 0, but got {number}");
            assert_eq!(arguments.height().unwrap_err().data, expected);
        }
    }
}
