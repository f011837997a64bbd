//! Every decided block has a commit: more than two thirds of the right validators signed it, each
//! with its own key. Where signatures are real, the light client believes each block, too.

use std::time::Duration;

use consensus::Decided;
use light::{Options, Trusted, VerifyError};
use types::commit::TrustLevel;
use types::keys::Claim;
use types::sign_bytes;
use types::verified::Remembered;
use types::{
    Commit, CommitSig, ExtendedCommitSig, Header, LightBlock, Signature, SignedHeader, Validator,
    ValidatorSet, VoteKind, VotingPower,
};

use super::chain::Chain;
use super::committee::{Committee, Seat};
use crate::curves::Curves;

/// How far a light client jumps: from a header so many heights back at most.
const JUMP_HEIGHTS: u64 = 16;

/// What commits are judged by.
#[derive(Debug)]
pub struct Commits {
    real: bool,
    /// What this judge has found right itself: a block's commit comes again in the next block.
    remembered: Remembered,
    /// The header before, and an older one: what a light client trusts.
    trusted: Option<(Header, ValidatorSet)>,
    anchor: Option<(Header, ValidatorSet)>,
}

impl Commits {
    /// Of a run with real signatures, or with stand-ins.
    pub fn new(real: bool) -> Self {
        Self { real, remembered: Curves::remembered(real), trusted: None, anchor: None }
    }

    /// The first decided block of its height.
    ///
    /// # Errors
    /// What its commit, or the last commit in it, does not prove.
    pub fn decided(&mut self, chain: &Chain, decided: &Decided) -> Result<(), String> {
        let commit = decided.commit.commit();
        let height = decided.block.header.height;
        if (commit.height, commit.block_id) != (height, decided.id) {
            return Err(format!("block {height} is stored with the commit of another"));
        }
        let committee = chain.rotation.committee();
        self.check(chain, committee, &commit)?;
        self.check_extensions(chain, committee, decided)?;
        if let (Some(last), Some(commit)) = (chain.last(), &decided.block.last_commit) {
            if commit.height.next() != height || commit.block_id != last.id {
                return Err(format!("block {height} holds the commit of another block"));
            }
            self.check(chain, &last.committee, commit)?;
        }
        if self.real { self.check_light(chain, decided, commit) } else { Ok(()) }
    }

    /// More than two thirds for the block, and nothing in it that its validator has not signed.
    fn check(
        &mut self,
        chain: &Chain,
        committee: &Committee,
        commit: &Commit,
    ) -> Result<(), String> {
        let Commit { height, round, block_id, signatures } = commit;
        if signatures.len() != committee.seats.len() {
            let (seats, entries) = (committee.seats.len(), signatures.len());
            return Err(format!("commit of {height} has {entries} entries for {seats} validators"));
        }
        let mut power = 0;
        for (seat, entry) in committee.seats.iter().zip(signatures) {
            let (address, timestamp, signature, id) = match entry {
                CommitSig::Absent => continue,
                CommitSig::Commit { validator_address, timestamp, signature } => {
                    power += seat.power;
                    (validator_address, timestamp, signature, Some(block_id))
                }
                CommitSig::Nil { validator_address, timestamp, signature } => {
                    (validator_address, timestamp, signature, None)
                }
            };
            let bytes = || {
                let (kind, chain_id) = (VoteKind::Precommit, &chain.chain_id);
                sign_bytes::vote(chain_id, kind, *height, *round, id, *timestamp)
            };
            if !self.is_of(seat, signature, bytes) || *address != seat.address {
                let whose = seat.address;
                return Err(format!("commit of {height}: an entry is not signed by {whose}"));
            }
        }
        if committee.is_quorum(power) {
            return Ok(());
        }
        Err(format!("commit of {height} has {power} of {} power", committee.total))
    }

    /// Whether a signature is of this validator.
    fn is_of(
        &mut self,
        seat: &Seat,
        signature: &Signature,
        bytes: impl FnOnce() -> Vec<u8>,
    ) -> bool {
        if !self.real {
            return Curves::is_stand_in(&seat.key, signature);
        }
        let claim = Claim { public_key: seat.key, bytes: bytes(), signature: *signature };
        self.remembered.check(&[claim]) == [true]
    }

    /// Votes for the block carry extensions exactly where the parameters ask for them.
    fn check_extensions(
        &mut self,
        chain: &Chain,
        committee: &Committee,
        decided: &Decided,
    ) -> Result<(), String> {
        let commit = &decided.commit;
        let wanted = chain.params.abci.extensions_from.is_some_and(|from| from <= commit.height);
        for (seat, entry) in committee.seats.iter().zip(&commit.signatures) {
            let wanted = wanted && matches!(entry.sig, CommitSig::Commit { .. });
            let there = entry.extension.is_some();
            if wanted != there || !self.is_extended(chain, seat, entry, decided) {
                let (height, whose) = (commit.height, seat.address);
                return Err(format!("commit of {height}: the extension of {whose} is wrong"));
            }
        }
        Ok(())
    }

    /// An extension, if there is one, is signed by its validator.
    fn is_extended(
        &mut self,
        chain: &Chain,
        seat: &Seat,
        entry: &ExtendedCommitSig,
        decided: &Decided,
    ) -> bool {
        let Some(extension) = &entry.extension else { return true };
        let (height, round) = (decided.commit.height, decided.commit.round);
        let bytes = || sign_bytes::extension(&chain.chain_id, height, round, &extension.bytes);
        self.is_of(seat, &extension.signature, bytes)
    }

    /// A light client that knows the header before believes this one, and so does one that was away
    /// for a while.
    fn check_light(
        &mut self,
        chain: &Chain,
        decided: &Decided,
        commit: Commit,
    ) -> Result<(), String> {
        let header = decided.block.header.clone();
        let height = header.height;
        let validators = product_set(chain.rotation.committee());
        let next = product_set(chain.following.committee());
        let block = LightBlock { signed_header: SignedHeader { header, commit }, validators };
        if let Some(trusted) = &self.trusted
            && let Err(error) = believe(trusted, &block)
        {
            return Err(format!("a light client at {} refuses {height}: {error}", height.0 - 1));
        }
        let anchor = self.anchor.as_ref().filter(|(it, _)| it.height.next() < height);
        match anchor.map(|anchor| believe(anchor, &block)) {
            None | Some(Ok(()) | Err(VerifyError::NotEnoughTrust { .. })) => {}
            Some(Err(error)) => {
                return Err(format!("a light client that skips refuses {height}: {error}"));
            }
        }
        let now = (block.signed_header.header, next);
        if height.0.is_multiple_of(JUMP_HEIGHTS) || self.anchor.is_none() {
            self.anchor = Some(now.clone());
        }
        self.trusted = Some(now);
        Ok(())
    }
}

/// A light client's verdict, on the day of the block.
fn believe(trusted: &(Header, ValidatorSet), block: &LightBlock) -> Result<(), VerifyError> {
    let (header, next_validators) = trusted;
    let day = Duration::from_secs(24 * 3600);
    let options = Options::new(TrustLevel::ONE_THIRD, 7 * day, Duration::from_secs(10));
    let options = options.expect("a third and a week are sane");
    let now = block.signed_header.header.time;
    light::verify(&Trusted { header, next_validators }, block, &options, now)
}

/// The product's set of the same validators: the light client takes no other.
fn product_set(committee: &Committee) -> ValidatorSet {
    let validator = |seat: &Seat| Validator {
        address: seat.address,
        public_key: seat.key,
        power: VotingPower(seat.power),
        proposer_priority: 0,
    };
    let validators = committee.seats.iter().map(validator).collect();
    ValidatorSet::from_parts(validators, None).expect("a committee is a sane set")
}

#[cfg(test)]
mod tests {
    use types::{Height, Round};

    use super::super::sample::Sample;
    use super::*;

    #[test]
    fn good_commits_pass_with_stand_ins_and_before_the_light_client() {
        for real in [false, true] {
            let mut sample = Sample::new(real);
            let mut judge = Commits::new(real);
            for _ in 0..20 {
                let block = sample.block();
                assert_eq!(judge.decided(&sample.chain, &block), Ok(()));
                sample.follow(&block);
            }
        }
    }

    #[test]
    fn a_commit_with_too_little_power_or_a_foreign_signature_is_refused() {
        for real in [false, true] {
            let mut sample = Sample::new(real);
            let first = sample.block();
            sample.follow(&first);
            let good = sample.block();
            let verdict = |block: &Decided| Commits::new(real).decided(&sample.chain, block);

            let mut bad = good.clone();
            Sample::replace(&mut bad, 0, CommitSig::Absent);
            assert_eq!(verdict(&bad), Ok(()), "33 of 46 are enough");
            Sample::replace(&mut bad, 3, CommitSig::Absent);
            assert!(verdict(&bad).unwrap_err().contains("power"));

            let mut bad = good.clone();
            bad.commit.signatures.swap(0, 1);
            assert!(verdict(&bad).unwrap_err().contains("not signed by"));

            let mut bad = good.clone();
            bad.commit.signatures.pop();
            assert!(verdict(&bad).unwrap_err().contains("entries"));

            let mut bad = good.clone();
            bad.commit.height = Height(1);
            assert!(verdict(&bad).unwrap_err().contains("of another"));

            let mut bad = good.clone();
            let (bytes, signature) = (vec![].into(), types::Signature([0; 64]));
            bad.commit.signatures[0].extension = Some(types::vote::Extension { bytes, signature });
            assert!(verdict(&bad).unwrap_err().contains("extension"));
        }
    }

    #[test]
    fn real_signatures_cover_the_round_and_the_time() {
        let sample = Sample::new(true);
        let mut bad = sample.block();
        bad.commit.round = Round(1);
        let verdict = Commits::new(true).decided(&sample.chain, &bad);
        assert!(verdict.unwrap_err().contains("not signed by"));
    }

    #[test]
    fn a_light_client_refuses_what_does_not_follow() {
        let mut sample = Sample::new(true);
        let mut judge = Commits::new(true);
        for _ in 0..3 {
            let block = sample.block();
            judge.decided(&sample.chain, &block).unwrap();
            sample.follow(&block);
        }
        // All is signed, but the header announces other validators than the last one did.
        let mut block = (*sample.block().block).clone();
        block.header.validators_hash = types::Hash([1; 32]);
        let verdict = judge.decided(&sample.chain, &sample.decide(block, Round::FIRST));
        assert!(verdict.unwrap_err().contains("light client"));
    }
}
