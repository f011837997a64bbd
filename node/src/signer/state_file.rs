//! priv_validator_state.json: what a validator signed last, in the reference's exact JSON.

use std::fs;
use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use execution::Point;
use serde::{Deserialize, Serialize};
use types::guard::{LastSigned, Position, SignedBytes, Step};
use types::height::{HEIGHT_MAX, ROUND_MAX};
use types::keys::SIGNATURE_BYTES;
use types::sign_bytes;
use types::{Height, PublicKey, Round, Signature};

use crate::complaint::Complaint;
use crate::crash;
use crate::home::durable;

/// Only the owner may change what was signed.
const MODE: u32 = 0o600;
/// Far more than any state file has.
const FILE_BYTES_MAX: u64 = 64 * 1024;
const RESTORE: &str = "restore the file as it was when the node last ran; never an older one";

/// The file, field by field.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateFile {
    height: String,
    round: i64,
    step: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signbytes: Option<String>,
}

/// The field at fault and what is wrong with it.
type Fault = (&'static str, String);

/// Reads the state file; none if there is no such file.
///
/// # Errors
/// If it cannot be read, or does not hold together.
pub fn load(path: &Path) -> Result<Option<LastSigned>, Complaint> {
    let complain =
        |field: &str, problem: String| Complaint::new(path.display(), field, problem, RESTORE);
    let size = match fs::metadata(path) {
        Ok(file) => file.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(complain("", error.to_string())),
    };
    if FILE_BYTES_MAX < size {
        return Err(complain("", format!("has {size} bytes, far too many")));
    }
    let text = fs::read_to_string(path).map_err(|error| complain("", error.to_string()))?;
    let file: StateFile =
        serde_json::from_str(&text).map_err(|error| complain("", error.to_string()))?;
    from_file(&file).map(Some).map_err(|(field, problem)| complain(field, problem))
}

/// Writes the state of a key that never signed.
///
/// # Errors
/// If the file cannot be written.
pub fn create(path: &Path) -> Result<(), Complaint> {
    save(&LastSigned::default(), path).map_err(|error| {
        let remedy = "choose a folder that this user may write";
        Complaint::new(path.display(), "", format!("cannot be written: {error}"), remedy)
    })
}

/// Writes the file durably, in the place of the old one.
///
/// # Errors
/// If a call to the system fails; it must not be tried again.
pub fn save(last: &LastSigned, path: &Path) -> io::Result<()> {
    let text = serde_json::to_string_pretty(&to_file(last)).expect("the state is JSON");
    durable::write_unfinished(path, text.as_bytes(), MODE)?;
    crash::point(Point::SignerWritten);
    durable::rename_unfinished(path)?;
    crash::point(Point::SignerRenamed);
    durable::sync_folder_of(path)
}

/// Checks that the last signature is of this key and over what the position says.
///
/// # Errors
/// If it is not: the file was tampered with, or belongs to another key.
pub fn check_key(last: &LastSigned, path: &Path, key: &PublicKey) -> Result<(), Complaint> {
    match &last.signed {
        Some(signed) if !key.verifies(&signed.bytes, &signed.signature) => Err(Complaint::new(
            path.display(),
            "signature",
            format!("is not a signature of validator {} over signbytes", key.address()),
            "use the state file that belongs to the key",
        )),
        Some(_) | None => Ok(()),
    }
}

fn to_file(last: &LastSigned) -> StateFile {
    let (height, round, step) = match last.position {
        None => (0, 0, 0),
        Some(Position { height, round, step }) => (height.0, i64::from(round.0), number(step)),
    };
    let signed = last.signed.as_ref();
    StateFile {
        height: height.to_string(),
        round,
        step,
        signature: signed.map(|signed| BASE64.encode(signed.signature.0)),
        signbytes: signed.map(|signed| hex::encode_upper(&signed.bytes)),
    }
}

fn from_file(file: &StateFile) -> Result<LastSigned, Fault> {
    let height = file.height.parse().ok().filter(|height| *height <= HEIGHT_MAX);
    let height = height.ok_or(("height", format!("{:?} is no height", file.height)))?;
    let round = u32::try_from(file.round).ok().filter(|round| *round <= ROUND_MAX);
    let round = round.ok_or(("round", format!("{} is no round", file.round)))?;
    let step = match file.step {
        0 => None,
        1 => Some(Step::Propose),
        2 => Some(Step::Prevote),
        3 => Some(Step::Precommit),
        other => return Err(("step", format!("{other} is none of 0, 1, 2 and 3"))),
    };
    let signed = signed_bytes(file)?;
    let Some(step) = step else {
        return match (height, round, signed) {
            (0, 0, None) => Ok(LastSigned::default()),
            _ => Err(("step", "0 is for a key that never signed".into())),
        };
    };
    let position = Position { height: Height(height), round: Round(round), step };
    if let Some(signed) = &signed {
        let reading = sign_bytes::read(&signed.bytes)
            .ok_or(("signbytes", "are no vote and no proposal".to_string()))?;
        let (height, round, step) = (reading.height, reading.round, Step::of(reading.subject));
        let written = Position { height, round, step };
        if written != position {
            return Err(("signbytes", format!("are of {written}, the file is of {position}")));
        }
    }
    Ok(LastSigned { position: Some(position), signed })
}

fn number(step: Step) -> i64 {
    match step {
        Step::Propose => 1,
        Step::Prevote => 2,
        Step::Precommit => 3,
    }
}

fn signed_bytes(file: &StateFile) -> Result<Option<SignedBytes>, Fault> {
    let (signature, bytes) = match (&file.signature, &file.signbytes) {
        (None, None) => return Ok(None),
        (Some(signature), Some(bytes)) => (signature, bytes),
        (None, Some(_)) => return Err(("signature", "is missing".into())),
        (Some(_), None) => return Err(("signbytes", "are missing".into())),
    };
    let signature = BASE64
        .decode(signature)
        .ok()
        .and_then(|bytes| <[u8; SIGNATURE_BYTES]>::try_from(bytes).ok())
        .ok_or(("signature", format!("is not {SIGNATURE_BYTES} bytes in base64")))?;
    let bytes = hex::decode(bytes).map_err(|error| ("signbytes", error.to_string()))?;
    Ok(Some(SignedBytes { signature: Signature(signature), bytes }))
}
