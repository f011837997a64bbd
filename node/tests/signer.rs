//! The double-sign guard, and that it holds across crashes and damaged files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use bytes::Bytes;
use node::home::key_files::random_key;
use node::home::{ValidatorKey, durable};
use node::signer::{MissingState, SignError, Signer, state_file};
use tempfile::TempDir;
use types::guard::{LastSigned, Refusal, Step};
use types::{
    Address, BlockId, ChainId, Hash, Height, PartSetHeader, Round, Time, UnsignedProposal,
    UnsignedVote, ValidatorIndex, VoteKind,
};

/// A key that signed nothing yet, in a folder of its own.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let desk = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let key = ValidatorKey { key: random_key().expect("there is randomness") };
        key.save(&desk.key()).expect("the folder is writable");
        state_file::create(&desk.state()).expect("the folder is writable");
        desk
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("priv_validator_key.json")
    }

    fn state(&self) -> PathBuf {
        self.folder.path().join("priv_validator_state.json")
    }

    fn open(&self) -> Signer {
        Signer::open(&self.key(), &self.state(), MissingState::Refuse).expect("both files are good")
    }

    fn refusal(&self) -> String {
        Signer::open(&self.key(), &self.state(), MissingState::Refuse)
            .err()
            .expect("a file is wrong")
            .to_string()
    }
}

fn chain() -> ChainId {
    ChainId::new("chain-a").expect("a good name")
}

fn time(seconds: i64) -> Time {
    Time::from_unix(seconds, 0).expect("within the calendar")
}

fn block(content: &str) -> Option<BlockId> {
    let hash = Hash::of(content.as_bytes());
    Some(BlockId { hash, parts: PartSetHeader { total: 1, hash } })
}

fn vote(height: u64, round: u32, kind: VoteKind, block_id: Option<BlockId>) -> UnsignedVote {
    UnsignedVote {
        kind,
        height: Height(height),
        round: Round(round),
        block_id,
        timestamp: time(1000),
        validator_address: Address([1; 20]),
        validator_index: ValidatorIndex(0),
        extension: None,
    }
}

fn proposal(height: u64, round: u32, content: &str) -> UnsignedProposal {
    UnsignedProposal {
        height: Height(height),
        round: Round(round),
        pol_round: None,
        block_id: block(content).expect("a block"),
        timestamp: time(1000),
    }
}

#[test]
fn signatures_verify() {
    let desk = Desk::new();
    let mut signer = desk.open();
    let key = signer.public_key();
    let signed = signer.sign_proposal(&chain(), proposal(1, 0, "a")).expect("the first");
    assert!(key.verifies(&signed.sign_bytes(&chain()), &signed.signature));

    let mut asked = vote(1, 0, VoteKind::Precommit, block("a"));
    asked.extension = Some(Bytes::from_static(b"more"));
    let signed = signer.sign_vote(&chain(), asked).expect("the next step");
    assert!(key.verifies(&signed.sign_bytes(&chain()), &signed.signature));
    let extension = signed.extension.expect("it was asked for");
    let bytes = types::sign_bytes::extension(&chain(), Height(1), Round(0), &extension.bytes);
    assert!(key.verifies(&bytes, &extension.signature));
}

#[test]
fn later_positions_are_signed_and_earlier_ones_refused() {
    use VoteKind::{Precommit, Prevote};
    // Each row: what was signed last, what is asked for, whether it is signed.
    let rows = [
        ((5, 2, Prevote), (5, 2, Precommit), true),
        ((5, 2, Precommit), (5, 3, Prevote), true),
        ((5, 2, Precommit), (6, 0, Prevote), true),
        ((5, 2, Precommit), (5, 2, Prevote), false),
        ((5, 2, Prevote), (5, 1, Precommit), false),
        ((5, 2, Prevote), (4, 9, Precommit), false),
    ];
    for (first, second, allowed) in rows {
        let desk = Desk::new();
        let (height, round, kind) = first;
        let signed = desk.open().sign_vote(&chain(), vote(height, round, kind, block("a")));
        signed.expect("the first");
        // A new process knows it too.
        let mut signer = desk.open();
        let (height, round, kind) = second;
        let signed = signer.sign_vote(&chain(), vote(height, round, kind, block("a")));
        assert_eq!(signed.is_ok(), allowed, "{first:?} then {second:?}");
        if let Err(error) = signed {
            assert!(matches!(error, SignError::Refused(Refusal::Regression { .. })), "{error}");
        }
    }
}

#[test]
fn proposals_come_before_votes_of_their_round() {
    let desk = Desk::new();
    let mut signer = desk.open();
    signer.sign_vote(&chain(), vote(1, 0, VoteKind::Prevote, None)).expect("the first");
    let refused = signer.sign_proposal(&chain(), proposal(1, 0, "a")).expect_err("too late");
    assert_eq!(
        refused.to_string(),
        "refused to sign at height 1, round 0, propose: the key has already signed at height 1, \
         round 0, prevote"
    );
    signer.sign_proposal(&chain(), proposal(1, 1, "a")).expect("the next round");
    assert_eq!(signer.last_signed(), Some((Height(1), Round(1), Step::Propose)));
}

#[test]
fn instead_of_another_vote_at_the_same_position_the_first_is_said() {
    for (first, second) in [(block("a"), block("b")), (block("a"), None), (None, block("a"))] {
        let desk = Desk::new();
        let mut signer = desk.open();
        let asked = |block_id| vote(3, 1, VoteKind::Precommit, block_id);
        let said = signer.sign_vote(&chain(), asked(first)).expect("the first");
        for signer in [&mut signer, &mut desk.open()] {
            let again = signer.sign_vote(&chain(), asked(second)).expect("the first once more");
            assert_eq!(again, said);
        }
    }
}

#[test]
fn another_proposal_at_the_same_position_is_refused() {
    let desk = Desk::new();
    let mut signer = desk.open();
    signer.sign_proposal(&chain(), proposal(3, 1, "a")).expect("the first");
    let refused = signer.sign_proposal(&chain(), proposal(3, 1, "b")).expect_err("equivocation");
    assert!(matches!(refused, SignError::Refused(Refusal::Conflict { .. })), "{refused}");
    let elsewhere = ChainId::new("chain-b").expect("a good name");
    let refused = signer.sign_proposal(&elsewhere, proposal(3, 1, "a")).expect_err("other bytes");
    assert!(matches!(refused, SignError::Refused(Refusal::Conflict { .. })), "{refused}");
}

#[test]
fn the_same_payload_gets_the_same_signature_and_timestamp() {
    let desk = Desk::new();
    let mut signer = desk.open();
    let asked = vote(3, 1, VoteKind::Precommit, block("a"));
    let first = signer.sign_vote(&chain(), asked.clone()).expect("the first");
    let syncs = signer.syncs().load(Ordering::Relaxed);
    for signer in [&mut signer, &mut desk.open()] {
        let again = signer.sign_vote(&chain(), asked.clone()).expect("the same");
        assert_eq!(again, first);
        let later = UnsignedVote { timestamp: time(2000), ..asked.clone() };
        let again = signer.sign_vote(&chain(), later).expect("the same but for the time");
        assert_eq!(again, first);
    }
    assert_eq!(signer.syncs().load(Ordering::Relaxed), syncs, "nothing new was kept");

    let first = signer.sign_proposal(&chain(), proposal(4, 0, "a")).expect("later");
    let asked = UnsignedProposal { timestamp: time(3000), ..proposal(4, 0, "a") };
    assert_eq!(signer.sign_proposal(&chain(), asked).expect("the same but for the time"), first);
}

#[test]
fn extensions_are_signed_again_though_they_differ() {
    let desk = Desk::new();
    let mut signer = desk.open();
    let mut asked = vote(3, 1, VoteKind::Precommit, block("a"));
    asked.extension = Some(Bytes::from_static(b"one"));
    let first = signer.sign_vote(&chain(), asked.clone()).expect("the first");
    asked.extension = Some(Bytes::from_static(b"two"));
    asked.timestamp = time(5000);
    let second = signer.sign_vote(&chain(), asked).expect("the same vote");
    assert_eq!((second.signature, second.timestamp), (first.signature, first.timestamp));
    let extension = second.extension.expect("it was asked for");
    let bytes = types::sign_bytes::extension(&chain(), Height(3), Round(1), b"two");
    assert!(signer.public_key().verifies(&bytes, &extension.signature));
}

#[test]
fn a_crash_between_any_two_calls_leaves_the_old_state_or_the_new() {
    let desk = Desk::new();
    let old = vote(3, 0, VoteKind::Prevote, block("a"));
    desk.open().sign_vote(&chain(), old).expect("the first");
    let before = fs::read(desk.state()).expect("it is there");
    let new = vote(3, 0, VoteKind::Precommit, block("a"));
    desk.open().sign_vote(&chain(), new.clone()).expect("the next");
    let after = fs::read(desk.state()).expect("it is there");

    // What the folder may hold after each call: the state, and the unfinished new one.
    let half = &after[..after.len() / 2];
    let crashes: [(&[u8], Option<&[u8]>); 6] = [
        (&before, None),
        (&before, Some(b"")),
        (&before, Some(half)),
        (&before, Some(&after)),
        (&after, None),
        (&after, Some(half)),
    ];
    for (state, unfinished) in crashes {
        fs::write(desk.state(), state).expect("the folder is writable");
        let path = durable::unfinished(&desk.state());
        match unfinished {
            Some(bytes) => fs::write(path, bytes).expect("the folder is writable"),
            None => drop(fs::remove_file(path)),
        }
        let mut signer = desk.open();
        // The old position is closed, whichever state survived.
        let is_other = |said: Result<types::Vote, SignError>| {
            said.is_ok_and(|vote| vote.block_id == block("b"))
        };
        let conflict = vote(3, 0, VoteKind::Prevote, block("b"));
        assert!(!is_other(signer.sign_vote(&chain(), conflict)), "equivocation");
        signer.sign_vote(&chain(), new.clone()).expect("the new vote, now or again");
        let conflict = vote(3, 0, VoteKind::Precommit, block("b"));
        assert!(!is_other(desk.open().sign_vote(&chain(), conflict)), "equivocation");
    }
}

#[test]
fn nothing_is_signed_after_a_failed_write() {
    let desk = Desk::new();
    let mut signer = desk.open();
    // A folder where the new file would be cannot be written over, whoever we are.
    let obstacle = durable::unfinished(&desk.state());
    fs::create_dir(&obstacle).expect("the folder is writable");
    let asked = vote(1, 0, VoteKind::Prevote, block("a"));
    let refused = signer.sign_vote(&chain(), asked.clone()).expect_err("it cannot be kept");
    assert!(matches!(refused, SignError::Disk { .. }), "{refused}");
    fs::remove_dir(&obstacle).expect("it is empty");
    let refused = signer.sign_vote(&chain(), asked.clone()).expect_err("never tried again");
    assert!(matches!(refused, SignError::Disk { .. }), "{refused}");
    desk.open().sign_vote(&chain(), asked).expect("a new process reads what is there");
}

#[test]
fn a_missing_state_needs_the_operators_word() {
    let desk = Desk::new();
    fs::remove_file(desk.state()).expect("it is there");
    let refusal = desk.refusal();
    assert!(refusal.contains("priv_validator_state.json: is missing"), "{refusal}");
    assert!(refusal.contains("--i-know-the-state-file-is-gone"), "{refusal}");
    assert!(!desk.state().exists(), "nothing was changed");

    Signer::open(&desk.key(), &desk.state(), MissingState::BeginAnew).expect("as was said");
    desk.open();
}

#[test]
fn damaged_states_name_file_field_and_remedy() {
    let desk = Desk::new();
    desk.open().sign_vote(&chain(), vote(7, 1, VoteKind::Prevote, block("a"))).expect("the first");
    let good = fs::read_to_string(desk.state()).expect("it is there");
    let other = Desk::new();
    other.open().sign_vote(&chain(), vote(7, 1, VoteKind::Prevote, block("a"))).expect("the first");
    let foreign = fs::read_to_string(other.state()).expect("it is there");

    for (text, expected) in [
        (good.replace("\"7\"", "\"6\""), ": signbytes: are of height 7, round 1, prevote"),
        (good.replace("\"7\"", "\"-7\""), ": height: \"-7\" is no height"),
        (good.replace("\"round\": 1", "\"round\": -1"), ": round: -1 is no round"),
        (good.replace("\"step\": 2", "\"step\": 3"), ": signbytes: are of height 7"),
        (good.replace("\"step\": 2", "\"step\": 9"), ": step: 9 is none of 0, 1, 2 and 3"),
        (good.replace("\"step\": 2", "\"step\": 0"), ": step: 0 is for a key that never signed"),
        (good.replace("\"signature\"", "\"sig\""), ": unknown field `sig`"),
        (good.replace("\"signbytes\": \"", "\"signbytes\": \"zz"), ": signbytes: "),
        (good.replace("\"signature\": \"", "\"signature\": \"AAAA"), ": signature: is not 64"),
        (foreign, ": signature: is not a signature of validator"),
        (good[..good.len() / 2].to_string(), ": EOF while parsing"),
        (String::new(), ": EOF while parsing"),
        ("x".repeat(100_000), ": has 100000 bytes, far too many"),
    ] {
        fs::write(desk.state(), &text).expect("the folder is writable");
        let refusal = desk.refusal();
        assert!(refusal.contains("priv_validator_state.json"), "{refusal}");
        assert!(refusal.contains(expected), "{expected} is not in {refusal}");
        assert!(refusal.contains("; "), "{refusal} has no remedy");
        assert!(!refusal.contains('\n'), "{refusal} is more than a line");
        assert_eq!(fs::read_to_string(desk.state()).expect("it is there"), text);
    }
}

/// Written by the reference; our form of it must stay byte for byte the same.
#[test]
fn the_references_state_file_is_read_and_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("priv_validator_state.json");
    let text = "{\n  \"height\": \"0\",\n  \"round\": 0,\n  \"step\": 0\n}";
    fs::write(&path, text).expect("the folder is writable");
    let last = state_file::load(&path).expect("it is good").expect("it is there");
    assert_eq!(last, LastSigned::default());
    save_and_compare(&last, &path, text);
}

fn save_and_compare(last: &LastSigned, path: &Path, text: &str) {
    state_file::save(last, path).expect("the folder is writable");
    assert_eq!(fs::read_to_string(path).expect("it is there"), text);
}
