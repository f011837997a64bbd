//! Single steps of belief over a small chain of our own: each claim fails on its own, and only
//! where its limit is.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use std::time::Duration;

use light::{HeaderError, Options, OptionsError, Trusted, VerifyError, verify};
use types::commit::{CommitError, TrustLevel};
use types::{
    Address, AppHash, BlockId, ChainId, Commit, CommitSig, Hash, Header, Height, LightBlock,
    PartSetHeader, PrivateKey, Round, SignedHeader, Time, UnsignedVote, ValidatorIndex,
    ValidatorSet, Version, VoteKind, VotingPower,
};
use zeroize::Zeroizing;

const PERIOD_SECONDS: u64 = 1_000;
const DRIFT_SECONDS: u64 = 10;

fn key(number: u8) -> PrivateKey {
    PrivateKey::from_seed(&Zeroizing::new([number; 32]))
}

/// Validators with these numbers, of power 10 each.
fn set(numbers: &[u8]) -> ValidatorSet {
    let members: Vec<_> =
        numbers.iter().map(|&number| (key(number).public_key(), VotingPower(10))).collect();
    ValidatorSet::new(&members).unwrap()
}

fn chain_id() -> ChainId {
    ChainId::new("light").unwrap()
}

fn seconds(number: u64) -> Time {
    Time::from_unix(i64::try_from(number).unwrap(), 0).unwrap()
}

/// The header of a height, made as many seconds after the epoch.
fn header(height: u64, validators: &ValidatorSet, next: &ValidatorSet) -> Header {
    Header {
        version: Version { block: 11, app: 0 },
        chain_id: chain_id(),
        height: Height(height),
        time: seconds(height),
        last_block_id: None,
        last_commit_hash: None,
        data_hash: None,
        validators_hash: validators.hash(),
        next_validators_hash: next.hash(),
        consensus_hash: Hash([1; 32]),
        app_hash: AppHash::default(),
        last_results_hash: None,
        evidence_hash: None,
        proposer_address: Address([0; 20]),
    }
}

/// A light block whose header is signed by those of `signers` (by number) who are in the set.
fn signed(header: Header, validators: &ValidatorSet, signers: &[u8]) -> LightBlock {
    let parts = PartSetHeader { total: 1, hash: Hash([2; 32]) };
    let id = BlockId { hash: header.hash(), parts };
    let entry = |(index, address): (u32, Address)| {
        let signer = signers.iter().map(|&it| key(it));
        let signer = signer.into_iter().find(|it| it.public_key().address() == address);
        let Some(signer) = signer else { return CommitSig::Absent };
        let vote = UnsignedVote {
            kind: VoteKind::Precommit,
            height: header.height,
            round: Round(0),
            block_id: Some(id),
            timestamp: header.time,
            validator_address: address,
            validator_index: ValidatorIndex(index),
            extension: None,
        };
        let signature = signer.sign(&vote.sign_bytes(&header.chain_id));
        vote.signed(header.time, signature, None).commit_sig(&id)
    };
    let members = (0..).zip(validators.validators().iter().map(|it| it.address));
    let signatures = members.map(entry).collect();
    let commit = Commit { height: header.height, round: Round(0), block_id: id, signatures };
    let signed_header = SignedHeader { header, commit };
    LightBlock { signed_header, validators: validators.clone() }
}

fn options() -> Options {
    let period = Duration::from_secs(PERIOD_SECONDS);
    let drift = Duration::from_secs(DRIFT_SECONDS);
    Options::new(TrustLevel::ONE_THIRD, period, drift).unwrap()
}

const OLD: [u8; 4] = [1, 2, 3, 4];

/// Judges a block at second 100, trusting the header of height 5, which announced validators 1 to
/// 4.
fn judge(block: &LightBlock) -> Result<(), VerifyError> {
    judge_at(block, seconds(100))
}

fn judge_at(block: &LightBlock, now: Time) -> Result<(), VerifyError> {
    let old = set(&OLD);
    let trusted = header(5, &old, &old);
    verify(&Trusted { header: &trusted, next_validators: &old }, block, &options(), now)
}

/// The block of a height, by the old validators, changed before it is signed.
fn changed(height: u64, change: impl Fn(&mut Header)) -> LightBlock {
    let old = set(&OLD);
    let mut header = header(height, &old, &old);
    change(&mut header);
    signed(header, &old, &OLD)
}

fn invalid(result: Result<(), VerifyError>) -> HeaderError {
    match result {
        Err(VerifyError::Invalid(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn next_and_later_headers_are_believed() {
    for height in [6, 7, 50] {
        assert_eq!(judge(&changed(height, |_| ())), Ok(()));
    }
}

#[test]
fn each_claim_about_the_header_fails_on_its_own() {
    for height in [6, 9] {
        let other = ChainId::new("other").unwrap();
        let error = invalid(judge(&changed(height, |it| it.chain_id = other.clone())));
        assert_eq!(error, HeaderError::Chain { expected: chain_id(), actual: other.clone() });

        let error = invalid(judge(&changed(height, |it| it.time = seconds(5))));
        assert_eq!(error, HeaderError::Time { trusted: seconds(5), actual: seconds(5) });

        let (limit, actual) = (seconds(110), seconds(110));
        let error = invalid(judge(&changed(height, |it| it.time = seconds(110))));
        assert_eq!(error, HeaderError::Future { limit, actual });
        assert_eq!(judge(&changed(height, |it| it.time = seconds(109))), Ok(()));

        let mut block = changed(height, |_| ());
        block.signed_header.header.app_hash = AppHash((&b"lie"[..]).into());
        assert!(matches!(invalid(judge(&block)), HeaderError::Commit { .. }));

        let mut block = changed(height, |_| ());
        block.validators = set(&[1, 2, 3]);
        assert!(matches!(invalid(judge(&block)), HeaderError::Validators { .. }));
    }
    for height in [1, 4, 5] {
        let error = invalid(judge(&changed(height, |it| it.time = seconds(6))));
        assert_eq!(error, HeaderError::Height { trusted: Height(5), actual: Height(height) });
    }
}

#[test]
fn trust_ends_with_the_trusting_period() {
    let block = changed(6, |it| it.time = seconds(1_000));
    let last = seconds(5 + PERIOD_SECONDS - 1);
    assert_eq!(judge_at(&block, last), Ok(()));
    let expiry = seconds(5 + PERIOD_SECONDS);
    let expired = VerifyError::Expired { expiry, now: expiry };
    assert_eq!(judge_at(&block, expiry), Err(expired));
}

#[test]
fn next_header_must_have_the_announced_validators() {
    let new = set(&[1, 2, 3, 9]);
    let block = signed(header(6, &new, &new), &new, &[1, 2, 3, 9]);
    assert!(matches!(invalid(judge(&block)), HeaderError::NextValidators { .. }));
    // Further ahead, three old signers of four are trust enough.
    let block = signed(header(7, &new, &new), &new, &[1, 2, 3, 9]);
    assert_eq!(judge(&block), Ok(()));
}

#[test]
fn later_header_needs_more_than_a_third_of_trusted_power() {
    let signers = |numbers: &[u8]| {
        let new = set(numbers);
        judge(&signed(header(9, &new, &new), &new, numbers))
    };
    assert_eq!(signers(&[1, 2, 7, 8, 9]), Ok(()));
    let total = VotingPower(40);
    let too_few = |signed| Err(VerifyError::NotEnoughTrust { signed: VotingPower(signed), total });
    assert_eq!(signers(&[1, 7, 8, 9]), too_few(10));
    assert_eq!(signers(&[7, 8, 9]), too_few(0));
}

#[test]
fn header_needs_a_quorum_of_its_own_validators() {
    let old = set(&OLD);
    for height in [6, 9] {
        let block = signed(header(height, &old, &old), &old, &[1, 2]);
        let (signed_power, total) = (VotingPower(20), VotingPower(40));
        let too_few = CommitError::NotEnough { signed: signed_power, total };
        assert_eq!(invalid(judge(&block)), HeaderError::Signatures(too_few));
        assert_eq!(judge(&signed(header(height, &old, &old), &old, &[1, 2, 3])), Ok(()));

        let mut block = changed(height, |_| ());
        let CommitSig::Commit { signature, .. } = &mut block.signed_header.commit.signatures[0]
        else {
            panic!("everybody signed")
        };
        signature.0[0] ^= 1;
        let error = invalid(judge(&block));
        let first = CommitError::Signature { index: 0, address: old.validators()[0].address };
        assert_eq!(error, HeaderError::Signatures(first));
    }
}

#[test]
fn options_outside_their_limits_are_refused() {
    let options = |numerator, denominator, period| {
        let level = TrustLevel { numerator, denominator };
        Options::new(level, Duration::from_secs(period), Duration::ZERO)
    };
    for (numerator, denominator) in [(1, 3), (2, 3), (1, 1), (u64::MAX, u64::MAX)] {
        assert!(options(numerator, denominator, 1).is_ok());
    }
    for (numerator, denominator) in [(1, 4), (0, 1), (2, 1), (1, 0), (0, 0)] {
        let level = OptionsError::Level { numerator, denominator };
        assert_eq!(options(numerator, denominator, 1), Err(level));
    }
    assert_eq!(options(1, 3, 0), Err(OptionsError::TrustingPeriod));
}
