//! What a transaction of the kvstore says, byte for byte as the reference reads it.
//!
//! Two forms: `key=value`, with one `=` and no `:`, and `val=<type>!<base64 key>!<power>`. A sender
//! may also write `key:value`; the proposer turns the `:` into `=`.

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use types::keys::PUBLIC_KEY_BYTES;
use types::power::TOTAL_POWER_MAX;
use types::{PublicKey, Tx, ValidatorUpdate, VotingPower};

/// How a change of the validators begins, and where the reference keeps them.
const VALIDATOR_PREFIX: &[u8] = b"val=";

/// Go's standard base64: padded, and lenient about the bits that the padding leaves over.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// What a transaction of a block does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction<'a> {
    /// Sets a key.
    Set {
        /// Which.
        key: &'a [u8],
        /// To what.
        value: &'a [u8],
    },
    /// Adds a validator, changes its power, or removes it with power 0.
    Update(ValidatorUpdate),
}

impl<'a> Transaction<'a> {
    /// Reads a transaction in the form that blocks hold; none if it is malformed.
    pub fn parse(tx: &'a [u8]) -> Option<Self> {
        match tx.strip_prefix(VALIDATOR_PREFIX) {
            Some(change) => validator_update(change).map(Transaction::Update),
            None => {
                let (key, value) = pair(tx, b'=', b':')?;
                Some(Transaction::Set { key, value })
            }
        }
    }
}

/// The form in which blocks hold a transaction that a sender wrote; none if it is malformed.
///
/// The reference admits `val:` and then rejects its own proposals for it, for ever; here it is
/// malformed from the start.
pub fn canonical(tx: &Tx) -> Option<Tx> {
    if Transaction::parse(tx).is_some() {
        return Some(tx.clone());
    }
    let (key, value) = pair(tx, b':', b'=')?;
    let replaced = [key, b"=", value].concat();
    (!replaced.starts_with(VALIDATOR_PREFIX)).then(|| replaced.into())
}

/// The transaction as the events name it: key and value around its only `=`, or the whole of it
/// twice.
pub fn shown(tx: &[u8]) -> (&[u8], &[u8]) {
    split_once_only(tx, b'=').unwrap_or((tx, tx))
}

/// Key and value around the only `separator`, neither of them empty, where there is no `other`.
fn pair(tx: &[u8], separator: u8, other: u8) -> Option<(&[u8], &[u8])> {
    let (key, value) = split_once_only(tx, separator)?;
    let well_formed = !key.is_empty() && !value.is_empty() && !tx.contains(&other);
    well_formed.then_some((key, value))
}

/// What stands around `separator`, if there is exactly one.
fn split_once_only(tx: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = tx.iter().position(|&byte| byte == separator)?;
    let (before, after) = (&tx[..at], &tx[at + 1..]);
    (!after.contains(&separator)).then_some((before, after))
}

/// Reads `<type>!<base64 key>!<power>`.
///
/// The reference also admits what stops it when the block is executed: other types of keys, keys
/// of the wrong length, and powers beyond the protocol's limit. Those are malformed here.
fn validator_update(change: &[u8]) -> Option<ValidatorUpdate> {
    let mut parts = change.split(|&byte| byte == b'!');
    let (kind, key, power) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || !matches!(kind, b"" | b"ed25519") {
        return None;
    }
    // Go's decoder skips line ends.
    let key: Vec<u8> = key.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let key: [u8; PUBLIC_KEY_BYTES] = BASE64.decode(key).ok()?.try_into().ok()?;
    let power = std::str::from_utf8(power).ok()?.parse::<i64>().ok()?;
    let power = u64::try_from(power).ok().filter(|&power| power <= TOTAL_POWER_MAX)?;
    Some(ValidatorUpdate { public_key: PublicKey(key), power: VotingPower(power) })
}

/// The transaction that gives a validator this power.
pub fn update_tx(update: &ValidatorUpdate) -> Tx {
    let key = BASE64.encode(update.public_key.0);
    format!("val=ed25519!{key}!{}", update.power).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE=";

    fn blocks_hold(tx: &str) -> Option<String> {
        canonical(&Tx::copy_from_slice(tx.as_bytes()))
            .map(|tx| String::from_utf8(tx.to_vec()).unwrap())
    }

    #[test]
    fn pairs_have_one_separator_inside() {
        for tx in ["a=b", "hello=world", "space=jam", "key=!", "vals=1", "k=\u{e9}"] {
            assert_eq!(blocks_hold(tx).as_deref(), Some(tx));
        }
        assert_eq!(blocks_hold("space:jam").as_deref(), Some("space=jam"));
        let malformed = [
            "",
            "hello",
            "=hello",
            "hello=",
            ":hello",
            "hello:",
            "a=b=c",
            "a:b:c",
            "a=b:c",
            "a:b=c",
            "=",
            ":",
            "val:hello",
            "val:AAAA!5",
        ];
        for tx in malformed {
            assert_eq!(blocks_hold(tx), None, "{tx}");
        }
    }

    #[test]
    fn validator_updates_are_read_as_the_reference_reads_them() {
        let powers = [("0", 0), ("10", 10), ("+7", 7), ("007", 7), ("-0", 0)];
        for (text, power) in powers {
            for kind in ["ed25519", ""] {
                let tx = format!("val={kind}!{KEY}!{text}");
                let Some(Transaction::Update(update)) = Transaction::parse(tx.as_bytes()) else {
                    panic!("{tx} is malformed");
                };
                assert_eq!(update.power, VotingPower(power));
                assert_eq!(update.public_key.0[31], 1);
            }
        }
        let malformed = [
            "val=hello".to_owned(),
            "val=hi!5".to_owned(),
            format!("val={KEY}!5"),
            format!("val:{KEY}!5"),
            format!("val:ed25519!{KEY}!5"),
            format!("val=ed25519!{KEY}!5!6"),
            format!("val=ed25519!{KEY}!-1"),
            format!("val=ed25519!{KEY}!5 "),
            format!("val=ed25519!{KEY}!"),
            format!("val=ed25519!{KEY}!9223372036854775807"),
            format!("val=ed25519!{KEY}!9223372036854775808"),
            format!("val=secp256k1!{KEY}!5"),
            "val=ed25519!AAAA!5".to_owned(),
            format!("val=ed25519!{}!5", KEY.trim_end_matches('=')),
        ];
        for tx in malformed {
            assert_eq!(blocks_hold(&tx), None, "{tx}");
        }
    }

    #[test]
    fn go_reads_base64_more_leniently_than_most() {
        let update = |key: &str| Transaction::parse(format!("val=!{key}!1").as_bytes()).is_some();
        assert!(update("AAAAAAAAAAAAAAAAAAAAAA\r\nAAAAAAAAAAAAAAAAAAAAE="));
        assert!(update("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAF="));
        assert!(!update("AAAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAE="));
    }

    #[test]
    fn update_tx_is_read_back() {
        let update = ValidatorUpdate { public_key: PublicKey([9; 32]), power: VotingPower(3) };
        assert_eq!(Transaction::parse(&update_tx(&update)), Some(Transaction::Update(update)));
    }

    #[test]
    fn events_show_the_whole_where_there_is_no_single_equals_sign() {
        assert_eq!(shown(b"a=b"), (&b"a"[..], &b"b"[..]));
        assert_eq!(shown(b"val=!AA=!1"), (&b"val=!AA=!1"[..], &b"val=!AA=!1"[..]));
    }
}
