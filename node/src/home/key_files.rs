//! node_key.json and priv_validator_key.json, in the reference's exact JSON.

use std::fs;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use types::{Address, PrivateKey, PublicKey};
use zeroize::Zeroizing;

use super::durable;
use crate::complaint::Complaint;

/// Only the owner may read and write a key.
const MODE: u32 = 0o600;
const PRIVATE_KEY_TYPE: &str = "tendermint/PrivKeyEd25519";
const PUBLIC_KEY_TYPE: &str = "tendermint/PubKeyEd25519";
const RESTORE: &str = "restore the file from a backup";

/// A key as the reference tags it: its type, and its bytes in base64.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaggedKey {
    /// Such as `tendermint/PubKeyEd25519`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Base64.
    pub value: String,
}

impl TaggedKey {
    /// A public key for a file or a terminal.
    pub fn public(key: &PublicKey) -> Self {
        Self { kind: PUBLIC_KEY_TYPE.into(), value: BASE64.encode(key.0) }
    }

    /// Go's form of a private key: the seed with the public key after it.
    fn private(key: &PrivateKey) -> Self {
        let mut bytes = Zeroizing::new([0; 64]);
        bytes[..32].copy_from_slice(&*key.seed());
        bytes[32..].copy_from_slice(&key.public_key().0);
        Self { kind: PRIVATE_KEY_TYPE.into(), value: BASE64.encode(bytes.as_slice()) }
    }

    fn to_private(&self) -> Result<PrivateKey, (&'static str, String)> {
        if self.kind != PRIVATE_KEY_TYPE {
            let problem = format!("the type {:?} is not {PRIVATE_KEY_TYPE:?}", self.kind);
            return Err(("priv_key.type", problem));
        }
        let fault = |problem: &str| ("priv_key.value", problem.to_string());
        let bytes = BASE64.decode(&self.value).map_err(|error| fault(&error.to_string()))?;
        let bytes = Zeroizing::new(bytes);
        let (seed, public) = bytes.split_at_checked(32).unwrap_or_default();
        let seed: [u8; 32] = seed.try_into().map_err(|_| fault("not 64 bytes"))?;
        let key = PrivateKey::from_seed(&Zeroizing::new(seed));
        if key.public_key().0.as_slice() != public {
            return Err(fault("its second half is not the public key of its first"));
        }
        Ok(key)
    }
}

/// A key from the randomness of the operating system.
///
/// # Errors
/// If there is none.
pub fn random_key() -> Result<PrivateKey, Complaint> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|error| {
        let remedy = "give this process access to the system's randomness";
        Complaint::new("random numbers", "", error.to_string(), remedy)
    })?;
    Ok(PrivateKey::from_seed(&seed))
}

/// Who a node is to others.
pub struct NodeKey {
    /// The key.
    pub key: PrivateKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeKeyFile {
    priv_key: TaggedKey,
}

impl NodeKey {
    /// Reads a node key.
    ///
    /// # Errors
    /// If the file cannot be read, or is no Ed25519 key.
    pub fn load(path: &Path) -> Result<Self, Complaint> {
        let place = path.display().to_string();
        let text = read(path, "make one with `lockstep gen-node-key`")?;
        let file: NodeKeyFile = parse(&place, &text)?;
        let key = file
            .priv_key
            .to_private()
            .map_err(|(field, problem)| Complaint::new(path.display(), field, problem, RESTORE))?;
        Ok(Self { key })
    }

    /// Writes the key, readable by its owner only.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Complaint> {
        write(path, &NodeKeyFile { priv_key: TaggedKey::private(&self.key) })
    }

    /// The reference's id of the node: the address of its key, in lower case.
    pub fn id(&self) -> String {
        hex::encode(self.key.public_key().address().0)
    }
}

/// Who a validator is.
pub struct ValidatorKey {
    /// The key.
    pub key: PrivateKey,
}

/// priv_validator_key.json, and what `gen-validator` prints.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValidatorKeyFile {
    address: String,
    pub_key: TaggedKey,
    priv_key: TaggedKey,
}

impl ValidatorKey {
    /// Reads a validator's key.
    ///
    /// # Errors
    /// If the file cannot be read, is no Ed25519 key, or contradicts itself.
    pub fn load(path: &Path) -> Result<Self, Complaint> {
        Self::parse(&path.display().to_string(), &read(path, "make a home with `lockstep init`")?)
    }

    /// As [`ValidatorKey::load`], from the text of a file that `place` names.
    ///
    /// # Errors
    /// If the text is no Ed25519 key, or contradicts itself.
    pub fn parse(place: &str, text: &str) -> Result<Self, Complaint> {
        let file: ValidatorKeyFile = parse(place, text)?;
        let complain =
            |field: &str, problem: String| Complaint::new(place, field, problem, RESTORE);
        let key =
            file.priv_key.to_private().map_err(|(field, problem)| complain(field, problem))?;
        let public = key.public_key();
        if file.pub_key != TaggedKey::public(&public) {
            return Err(complain("pub_key", "is not the public key of priv_key".into()));
        }
        if file.address.to_uppercase() != public.address().to_string() {
            return Err(complain(
                "address",
                format!("is not {}, that of pub_key", public.address()),
            ));
        }
        Ok(Self { key })
    }

    /// Writes the key, readable by its owner only.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Complaint> {
        write(path, &self.to_file())
    }

    /// The key as its file has it.
    pub fn to_file(&self) -> ValidatorKeyFile {
        ValidatorKeyFile {
            address: self.address().to_string(),
            pub_key: TaggedKey::public(&self.key.public_key()),
            priv_key: TaggedKey::private(&self.key),
        }
    }

    /// The validator's address.
    pub fn address(&self) -> Address {
        self.key.public_key().address()
    }
}

fn read(path: &Path, if_missing: &str) -> Result<Zeroizing<String>, Complaint> {
    fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| Complaint::new(path.display(), "", error.to_string(), if_missing))
}

fn parse<T: for<'de> Deserialize<'de>>(place: &str, text: &str) -> Result<T, Complaint> {
    serde_json::from_str(text)
        .map_err(|error| Complaint::new(place, "", error.to_string(), RESTORE))
}

fn write<T: Serialize>(path: &Path, file: &T) -> Result<(), Complaint> {
    let text = serde_json::to_string_pretty(file).expect("a key file is JSON");
    durable::replace(path, Zeroizing::new(text).as_bytes(), MODE).map_err(|error| {
        let remedy = "choose a folder that this user may write";
        Complaint::new(path.display(), "", format!("cannot be written: {error}"), remedy)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference's form of the key whose seed is 32 bytes 0x01.
    const NODE_KEY: &str = concat!(
        "{\n  \"priv_key\": {\n    \"type\": \"tendermint/PrivKeyEd25519\",\n    \"value\": \"",
        "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQGK",
        "iOPddAnxlf1S2y08ul1yymcJvx2UEhvzdIgBtA9vXA==",
        "\"\n  }\n}"
    );

    #[test]
    fn key_files_are_the_references() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("node_key.json");
        fs::write(&path, NODE_KEY).expect("the folder is writable");
        let key = NodeKey::load(&path).expect("the reference's form");
        assert_eq!(*key.key.seed(), [1; 32]);
        key.save(&path).expect("the folder is writable");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), NODE_KEY);
    }

    #[test]
    fn a_validator_key_that_contradicts_itself_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("priv_validator_key.json");
        let key = ValidatorKey { key: random_key().expect("there is randomness") };
        key.save(&path).expect("the folder is writable");
        ValidatorKey::load(&path).expect("we wrote it");

        let good = fs::read_to_string(&path).expect("it is there");
        let other = random_key().expect("there is randomness").public_key();
        let public = BASE64.encode(key.key.public_key().0);
        for (from, to, field) in [
            (key.address().to_string(), other.address().to_string(), "address"),
            (format!("{public:?}"), format!("{:?}", BASE64.encode(other.0)), "pub_key"),
            (PRIVATE_KEY_TYPE.into(), "tendermint/PrivKeySecp256k1".into(), "priv_key.type"),
            (TaggedKey::private(&key.key).value, "AAAA".into(), "priv_key.value"),
        ] {
            fs::write(&path, good.replace(&from, &to)).expect("the folder is writable");
            let refused = ValidatorKey::load(&path).err().expect("it contradicts itself");
            assert_eq!(refused.field, field);
        }
    }
}
