//! Parameters as clients write them: JSON objects, JSON arrays, or the query of a URI, which has
//! rules of its own. spec: `rpc/jsonrpc/server/http_uri_handler.go`, inventory §2.2.

use std::fmt::Display;

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde_json::Value;
use types::{Hash, Height};

use crate::error::RpcError;

/// Base64 as Go's `base64.StdEncoding` reads it: bits that belong to no byte may be anything.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

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
    /// A list of texts; in a URI as JSON, too.
    Texts,
    /// Something with a shape of its own, in a URI as JSON, too.
    Json,
}

/// A parameter of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Whether a call without it makes no sense.
    pub required: bool,
}

/// Shorthand for the table of routes.
pub const fn param(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, required: false }
}

/// A parameter without which a call makes no sense. That is for readers: what is missing is read as
/// empty, as in the reference, and the method finds nothing.
pub const fn required(name: &'static str, kind: Kind) -> Param {
    Param { name, kind, required: true }
}

/// A parameter's value after reading.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Argument {
    Int(i64),
    Bool(bool),
    Text(String),
    Bytes(Bytes),
    Texts(Vec<String>),
    Json(Value),
}

/// The arguments of one call, by the route's parameters; what was not given is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    given: Vec<(&'static str, Argument)>,
    way: Way,
}

/// How arguments came, which errors say in the reference's words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Way {
    #[default]
    Json,
    Uri,
}

impl Arguments {
    /// Reads `params` of a JSON-RPC request: an object, an array in the route's order, or nothing.
    ///
    /// # Errors
    /// If an array has more or fewer than the route, or one is not of its kind.
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
                if params.len() != array.len() {
                    let (expected, names) = (params.len(), names(params));
                    let problem =
                        format!("expected {expected} parameters ([{names}]), got {}", array.len());
                    return Err(arguments.wrong(problem));
                }
                for (param, value) in params.iter().zip(array) {
                    arguments.take(*param, Some(value))?;
                }
            }
            Some(_) => {
                let problem = "unknown type for JSON params. Expected map or array";
                return Err(arguments.wrong(problem));
            }
        }
        Ok(arguments)
    }

    /// Reads the query of a URI, already cut into percent-decoded pairs; those of a form may
    /// follow. Of a name the first counts that is not empty. Unknown ones are ignored, as the
    /// reference does.
    ///
    /// # Errors
    /// If one is not of its kind.
    pub fn from_query(params: &[Param], pairs: &[(String, String)]) -> Result<Self, RpcError> {
        let mut arguments = Self { given: Vec::new(), way: Way::Uri };
        for param in params {
            let is_it = |(name, text): &&(String, String)| name == param.name && !text.is_empty();
            let Some((_, text)) = pairs.iter().find(is_it) else { continue };
            let argument = from_uri(param.kind, text)
                .map_err(|problem| arguments.wrong(format!("{}: {problem}", param.name)))?;
            arguments.given.push((param.name, argument));
        }
        Ok(arguments)
    }

    /// What is answered if one of them, or all together, cannot be what was meant.
    pub fn wrong(&self, problem: impl Display) -> RpcError {
        let way = match self.way {
            Way::Json => "json",
            Way::Uri => "http",
        };
        RpcError::invalid_params(format!("error converting {way} params to arguments: {problem}"))
    }

    fn take(&mut self, param: Param, value: Option<&Value>) -> Result<(), RpcError> {
        let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(()) };
        let argument = from_value(param.kind, value)
            .map_err(|problem| self.wrong(format!("{}: {problem}", param.name)))?;
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

    /// A list of texts; empty if it was not given.
    pub fn texts(&self, name: &str) -> &[String] {
        match self.find(name) {
            Some(Argument::Texts(texts)) => texts,
            _ => &[],
        }
    }

    /// What has a shape of its own; none if it was not given.
    pub fn json(&self, name: &str) -> Option<&Value> {
        match self.find(name) {
            Some(Argument::Json(value)) => Some(value),
            _ => None,
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

    /// A hash of 32 bytes; none if the bytes are fewer or more, so that nothing can have it.
    pub fn hash(&self, name: &str) -> Option<Hash> {
        <[u8; 32]>::try_from(self.bytes(name).as_ref()).ok().map(Hash)
    }

    /// A required transaction. The reference would take a missing one for an empty one.
    ///
    /// # Errors
    /// If it is missing.
    pub fn tx(&self) -> Result<Bytes, RpcError> {
        if self.find("tx").is_none() {
            return Err(self.wrong("tx: missing"));
        }
        Ok(self.bytes("tx"))
    }

    /// Whether this parameter was given.
    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }
}

fn names(params: &[Param]) -> String {
    params.iter().map(|param| param.name).collect::<Vec<_>>().join(" ")
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
            // Line breaks, which tools put into long ones, mean nothing, wherever they stand.
            let text: String = text.split(['\r', '\n']).collect();
            let bytes = BASE64.decode(text).map_err(|error| format!("expected base64: {error}"));
            bytes.map(|bytes| Argument::Bytes(bytes.into()))
        }
        (Kind::Hex, Value::String(text)) => hex_bytes(text),
        (Kind::Texts, value @ Value::Array(_)) => texts(value.clone()),
        (Kind::Json, value) => Ok(Argument::Json(value.clone())),
        (kind, _) => Err(format!("expected {}", kind.in_json())),
    }
}

fn from_uri(kind: Kind, text: &str) -> Result<Argument, String> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return from_hex_in_uri(kind, digits);
    }
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    // Between the quotes stands text as JSON has it, escapes and all.
    let unescaped = || match quoted {
        Some(_) => serde_json::from_str::<String>(text).map_err(|error| error.to_string()),
        None => Err(format!("expected {}, got {text}", kind.in_uri())),
    };
    match kind {
        Kind::Int => int(quoted.unwrap_or(text)),
        Kind::Bool => match quoted.unwrap_or(text) {
            "true" => Ok(Argument::Bool(true)),
            "false" => Ok(Argument::Bool(false)),
            _ => Err(format!("expected true or false, got {text}")),
        },
        Kind::Text => unescaped().map(Argument::Text),
        Kind::Bytes | Kind::Hex => unescaped().map(|text| Argument::Bytes(text.into())),
        Kind::Texts => {
            serde_json::from_str(text).map_err(|error| error.to_string()).and_then(texts)
        }
        Kind::Json => {
            serde_json::from_str(text).map(Argument::Json).map_err(|error| error.to_string())
        }
    }
}

fn from_hex_in_uri(kind: Kind, digits: &str) -> Result<Argument, String> {
    let bytes = hex::decode(digits).map_err(|error| format!("expected hex: {error}"))?;
    match kind {
        Kind::Bytes | Kind::Hex => Ok(Argument::Bytes(bytes.into())),
        Kind::Text => {
            let text = String::from_utf8(bytes);
            text.map(Argument::Text).map_err(|_| "expected hex of UTF-8 text".to_owned())
        }
        Kind::Int | Kind::Bool | Kind::Texts | Kind::Json => {
            Err(format!("got a hex string arg, but expected {}", kind.in_json()))
        }
    }
}

fn int(text: &str) -> Result<Argument, String> {
    text.parse().map(Argument::Int).map_err(|_| format!("expected a whole number, got {text}"))
}

fn texts(value: Value) -> Result<Argument, String> {
    let texts = serde_json::from_value(value).map(Argument::Texts);
    texts.map_err(|_| format!("expected {}", Kind::Texts.in_json()))
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
            Kind::Texts => "a list of texts, such as [\"a\"]",
            Kind::Json => "JSON",
        }
    }

    /// How it is written in a URI.
    pub fn in_uri(self) -> &'static str {
        match self {
            Kind::Int | Kind::Bool | Kind::Texts | Kind::Json => self.in_json(),
            Kind::Text => "text in quotes, such as \"a\"",
            Kind::Bytes | Kind::Hex => "0x and hex, or text in quotes",
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
            let pairs = [("tx", tx), ("height", ""), ("height", "\"7\""), ("prove", "true")];
            assert_eq!(object.given, query(&pairs).unwrap().given);
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
            (json!(["", 1, true, 4]), "expected 3 parameters ([tx height prove]), got 4"),
            (json!([]), "expected 3 parameters ([tx height prove]), got 0"),
            (json!("text"), "Expected map or array"),
        ] {
            let error = Arguments::from_json(&PARAMS, Some(&given)).unwrap_err();
            assert_eq!(error.code, -32602);
            assert!(error.data.contains(named), "{given}: {}", error.data);
        }
        for (name, text) in [("tx", "bare"), ("tx", "\""), ("height", "0x10"), ("prove", "yes")] {
            let error = query(&[(name, text)]).unwrap_err();
            assert_eq!(error.code, -32602);
            let beginning = format!("error converting http params to arguments: {name}: ");
            assert!(error.data.starts_with(&beginning), "{name}={text}: {}", error.data);
        }
    }

    #[test]
    fn a_uri_quotes_bytes_and_text_as_json_does() {
        for (text, bytes) in [
            (r#""a=b""#, &b"a=b"[..]),
            (r#""a\"b\u0001""#, b"a\"b\x01"),
            ("0x00fF", b"\x00\xff"),
            ("0XAB", b"\xab"),
            (r#""""#, b""),
        ] {
            assert_eq!(query(&[("tx", text)]).unwrap().bytes("tx"), bytes, "{text}");
        }
        let path = [param("path", Kind::Text)];
        for text in [r#""/store""#, "0x2f73746f7265"] {
            let pairs = [("path".to_owned(), text.to_owned())];
            assert_eq!(Arguments::from_query(&path, &pairs).unwrap().text("path"), "/store");
        }
    }

    #[test]
    fn base64_is_read_as_go_reads_it() {
        let read = |text: &str| Arguments::from_json(&PARAMS, Some(&json!({"tx": text})));
        // As written by `base64` and Python's `encodebytes`; and with bits of no byte.
        for text in ["YT1i\n", "\nYT\r\n1i", "YT1iYQ=\n=\r\n", "YT1iYR=="] {
            let bytes = read(text).unwrap().bytes("tx");
            assert!(bytes.starts_with(b"a=b"), "{text:?}: {bytes:?}");
        }
        for text in ["YT1iYQ", "YT1iYQ=", "YT 1i", "YT1i\t", "YT-_", "YT1iYQ==="] {
            let error = read(text).unwrap_err();
            assert!(error.data.contains("tx: expected base64"), "{text:?}: {}", error.data);
        }
    }

    #[test]
    fn lists_of_texts_are_json_in_uris_too() {
        let peers = [param("peers", Kind::Texts)];
        let by_json = |given| Arguments::from_json(&peers, Some(&given));
        let by_uri =
            |text: &str| Arguments::from_query(&peers, &[("peers".to_owned(), text.to_owned())]);
        assert_eq!(by_json(json!({"peers": ["a", "b"]})).unwrap().texts("peers"), ["a", "b"]);
        assert_eq!(by_uri(r#"["a","b"]"#).unwrap().texts("peers"), ["a", "b"]);
        assert!(by_json(json!({"peers": null})).unwrap().texts("peers").is_empty());
        for given in [json!("a"), json!([1]), json!({"a": "b"})] {
            let error = by_json(json!({"peers": given})).unwrap_err();
            assert!(error.data.contains("peers: expected a list of texts"), "{}", error.data);
        }
        for text in ["a", "[", "\"a\"", "0x00", "[1]"] {
            assert!(by_uri(text).is_err(), "{text}");
        }
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
