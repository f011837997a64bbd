//! What a module says of itself: enough to write its messages, ask its questions and read the
//! answers without knowing its types. `/describe` answers with it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use serde_json::Value;
use types::keys::PUBLIC_KEY_BYTES;

use super::account::Account;
use super::transaction::Message;

/// How the reference tags the public keys that validators have.
const PUBLIC_KEY_TYPE: &str = "tendermint/PubKeyEd25519";

/// A module, described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Its name: prefix of its keys, its events and its questions, its codespace, and its section
    /// in genesis.
    pub name: &'static str,
    /// In one line.
    pub summary: &'static str,
    /// What it can be told.
    pub messages: &'static [MessageDescription],
    /// What it can be asked.
    pub queries: &'static [QueryDescription],
    /// The kinds of its events.
    pub events: &'static [&'static str],
}

/// A message, described. It is encoded as its tag, then its fields one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MessageDescription {
    /// Its name.
    pub name: &'static str,
    /// Its place among the module's messages.
    pub tag: u8,
    /// In one line.
    pub summary: &'static str,
    /// In the order of their encoding.
    pub fields: &'static [Field],
}

/// A question, described. Parameters and answers are encoded one field after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QueryDescription {
    /// Its name, after the module's in the path.
    pub name: &'static str,
    /// In one line.
    pub summary: &'static str,
    /// What must be given.
    pub parameters: &'static [Field],
    /// What is answered, if anything is there. The answer is a value of the state as it is.
    pub answer: &'static [Field],
}

/// A field of a message, a question or an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// How it is written.
    pub kind: Kind,
    /// In one line.
    pub summary: &'static str,
}

/// How a field is written, as text and as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 40 hexadecimal digits.
    Account,
    /// 64 hexadecimal digits; as text also 32 bytes in base64, bare or as `show-validator` prints
    /// them.
    PublicKey,
    /// A number of 32 bits.
    SmallNumber,
    /// A number of 64 bits.
    Number,
    /// A number of 128 bits.
    LargeNumber,
    /// `true` or `false`.
    Flag,
    /// Text.
    Text,
    /// Text, or bytes as hexadecimal digits after `0x`.
    Bytes,
    /// All bytes that follow, as hexadecimal digits.
    Rest,
}

impl Kind {
    /// The bytes of a field that is written as text.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(self, text: &str) -> Result<Vec<u8>, String> {
        let encode = |bytes: &[u8]| borsh::to_vec(bytes).expect("memory takes every field");
        match self {
            Kind::Account => match Account::parse(text) {
                Some(account) => Ok(account.0.to_vec()),
                None => Err(format!("{text:?} is not an account: 40 hexadecimal digits")),
            },
            Kind::PublicKey => public_key_of(text).ok_or_else(|| {
                format!(
                    "{text:?} is not a key: 64 hexadecimal digits, base64 of {PUBLIC_KEY_BYTES} \
                     bytes, or the JSON that `lockstep show-validator` prints"
                )
            }),
            Kind::SmallNumber => match text.parse::<u32>() {
                Ok(number) => Ok(number.to_le_bytes().to_vec()),
                Err(_) => Err(format!("{text:?} is not a number of 32 bits")),
            },
            Kind::Number => match text.parse::<u64>() {
                Ok(number) => Ok(number.to_le_bytes().to_vec()),
                Err(_) => Err(format!("{text:?} is not a number of 64 bits")),
            },
            Kind::LargeNumber => match text.parse::<u128>() {
                Ok(number) => Ok(number.to_le_bytes().to_vec()),
                Err(_) => Err(format!("{text:?} is not a number of 128 bits")),
            },
            Kind::Flag => match text {
                "true" => Ok(vec![1]),
                "false" => Ok(vec![0]),
                _ => Err(format!("{text:?} is neither true nor false")),
            },
            Kind::Text => Ok(encode(text.as_bytes())),
            Kind::Rest => {
                hex::decode(text).map_err(|_| format!("{text:?} is not hexadecimal digits"))
            }
            Kind::Bytes => match text.strip_prefix("0x") {
                Some(digits) => match hex::decode(digits) {
                    Ok(bytes) => Ok(encode(&bytes)),
                    Err(_) => Err(format!("{text:?} is not hexadecimal after 0x")),
                },
                None => Ok(encode(text.as_bytes())),
            },
        }
    }

    /// Reads a field from the front of these bytes, for people; none if it is not there.
    pub fn show(self, bytes: &mut &[u8]) -> Option<Value> {
        let value = match self {
            Kind::Account => hex::encode_upper(take(bytes, types::hash::ADDRESS_BYTES)?).into(),
            Kind::PublicKey => hex::encode_upper(take(bytes, PUBLIC_KEY_BYTES)?).into(),
            Kind::SmallNumber => {
                u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?).to_string().into()
            }
            Kind::Number => u64::from_le_bytes(take(bytes, 8)?.try_into().ok()?).to_string().into(),
            Kind::LargeNumber => {
                u128::from_le_bytes(take(bytes, 16)?.try_into().ok()?).to_string().into()
            }
            Kind::Flag => (take(bytes, 1)? == [1]).into(),
            Kind::Rest => hex::encode(std::mem::take(bytes)).into(),
            Kind::Text => String::from_utf8(take_sized(bytes)?.to_vec()).ok()?.into(),
            Kind::Bytes => {
                let found = take_sized(bytes)?;
                match std::str::from_utf8(found) {
                    Ok(text) if !text.starts_with("0x") => text.into(),
                    Ok(_) | Err(_) => format!("0x{}", hex::encode(found)).into(),
                }
            }
        };
        Some(value)
    }
}

/// A public key in any of the forms that it is printed in.
fn public_key_of(text: &str) -> Option<Vec<u8>> {
    let has_length = |key: &Vec<u8>| key.len() == PUBLIC_KEY_BYTES;
    if let Some(key) = hex::decode(text).ok().filter(has_length) {
        return Some(key);
    }
    let tagged = serde_json::from_str::<Value>(text).ok();
    let tagged = tagged.filter(|it| it["type"] == PUBLIC_KEY_TYPE);
    let written = tagged.as_ref().and_then(|it| it["value"].as_str()).unwrap_or(text);
    BASE64.decode(written).ok().filter(has_length)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(front)
}

fn take_sized<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let count = u32::from_le_bytes(take(bytes, 4)?.try_into().ok()?);
    take(bytes, usize::try_from(count).ok()?)
}

/// The bytes of fields that are written as text, one after the other.
///
/// # Errors
/// Which field is missing, or what is wrong with it.
pub fn parse_fields<'a>(
    fields: &[Field],
    text_of: impl Fn(&str) -> Option<&'a str>,
) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for field in fields {
        let text = text_of(field.name).ok_or_else(|| format!("{} is missing", field.name))?;
        let parsed = field.kind.parse(text);
        bytes.extend(parsed.map_err(|problem| format!("{}: {problem}", field.name))?);
    }
    Ok(bytes)
}

/// Fields that stand one after the other, by name, for people; none if the bytes are not those.
pub fn show_fields(fields: &[Field], mut bytes: &[u8]) -> Option<Value> {
    let mut shown = serde_json::Map::new();
    for field in fields {
        shown.insert(field.name.to_owned(), field.kind.show(&mut bytes)?);
    }
    bytes.is_empty().then_some(Value::Object(shown))
}

impl MessageDescription {
    /// The message to `module` whose fields are written as text.
    ///
    /// # Errors
    /// Which field is missing, or what is wrong with it.
    pub fn message<'a>(
        &self,
        module: &str,
        text_of: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Message, String> {
        let mut content = vec![self.tag];
        content.extend(parse_fields(self.fields, text_of)?);
        Ok(Message { module: module.to_owned(), content })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_in_every_form_that_is_printed() {
        let key = vec![7; PUBLIC_KEY_BYTES];
        let (digits, base64) = (hex::encode(&key), BASE64.encode(&key));
        let tagged = |kind: &str| format!(r#"{{"type":"{kind}","value":"{base64}"}}"#);
        for text in [&digits, &base64, &tagged(PUBLIC_KEY_TYPE)] {
            assert_eq!(Kind::PublicKey.parse(text), Ok(key.clone()), "{text}");
        }
        let (short, other) = (BASE64.encode([7; 31]), tagged("tendermint/PubKeySr25519"));
        for text in [&digits[2..], &short, &other, "7", "{}", ""] {
            let refused = Kind::PublicKey.parse(text).expect_err("it is no key");
            assert!(refused.contains("64 hexadecimal digits, base64 of 32 bytes"), "{refused}");
        }
    }
}
