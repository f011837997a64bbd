//! Private keys: nothing that writes values for people or machines can write one.

use std::fmt::{Debug, Display};

use types::PrivateKey;

/// Implemented once for every type, and once more for those that can be written: a type that can
/// be has two, and naming either is an error of compilation.
trait NotWritten<Which> {
    fn holds() -> bool {
        true
    }
}

struct AsDebug;
struct AsDisplay;
struct AsJson;
struct AsCopy;

impl<T> NotWritten<()> for T {}
impl<T: Debug> NotWritten<AsDebug> for T {}
impl<T: Display> NotWritten<AsDisplay> for T {}
impl<T: serde::Serialize> NotWritten<AsJson> for T {}
impl<T: Clone> NotWritten<AsCopy> for T {}

/// A logger that was given typed values printed a private key. This compiles only while the type
/// can be neither printed, nor serialised, nor copied about.
#[test]
fn advisory_16_a_private_key_has_no_written_form() {
    assert!(<PrivateKey as NotWritten<_>>::holds());
    let key = crate::network::key(1);
    let (public, seed) = (format!("{:?}", key.public_key()), hex::encode_upper(*key.seed()));
    assert_ne!(public, seed);
    let signature = format!("{:?}", key.sign(b"bytes"));
    assert!(!signature.contains(&seed) && !public.contains(&seed));
}
