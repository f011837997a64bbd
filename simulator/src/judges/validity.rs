//! Every decided block is the one that must follow: judged by an own model of the chain, and not by
//! `ChainState::check_block`.

use std::collections::BTreeSet;

use consensus::Decided;
use types::block::{BLOCK_VERSION, evidence_hash};
use types::{Block, Commit, CommitSig, Evidence, Hash, Height, Time};

use super::chain::Chain;
use super::committee::Committee;
use super::merkle;
use super::standing::Standing;

/// Of so many heights one has the block on the disk read back from its parts, which costs most.
const SAMPLE_HEIGHTS: u64 = 8;

/// What the blocks so far have carried.
#[derive(Debug, Default)]
pub struct Validity {
    evidence: BTreeSet<Hash>,
}

impl Validity {
    /// The first decided block of its height.
    ///
    /// # Errors
    /// Why it cannot be the next one.
    pub fn decided(
        &mut self,
        chain: &Chain,
        standing: &Standing,
        decided: &Decided,
    ) -> Result<(), String> {
        let height = decided.block.header.height;
        if !chain.is_ready() {
            return Err(format!("height {height} is decided before the last one was executed"));
        }
        check_header(chain, &decided.block)?;
        check_contents(&decided.block)?;
        check_proposer(chain, standing, decided)?;
        check_time(chain, &decided.block)?;
        check_identity(chain, decided)?;
        self.check_evidence(chain, &decided.block)
    }

    /// Evidence is about the past, young enough, of a validator of then, and new on this chain.
    fn check_evidence(&mut self, chain: &Chain, block: &Block) -> Result<(), String> {
        for evidence in &block.evidence {
            let here = block.header.height;
            let height = evidence.height();
            let Some(past) = chain.at(height) else {
                return Err(format!("evidence about height {height} in block {here}"));
            };
            let last = chain.last().expect("there is a past");
            let (blocks, age) = (here.0 - 1 - height.0, last.time.since(past.time));
            let limits = &chain.params.evidence;
            if limits.age_blocks_max < blocks && limits.age_max < age {
                return Err(format!("block {here} carries evidence that has expired: {height}"));
            }
            same(here, "evidence.timestamp", &past.time, &evidence.time())?;
            check_votes(&past.committee, evidence).map_err(|it| format!("block {here}: {it}"))?;
            if !self.evidence.insert(evidence.hash()) {
                return Err(format!("block {here} carries evidence that is on the chain already"));
            }
        }
        Ok(())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(
    height: Height,
    what: &str,
    expected: &T,
    actual: &T,
) -> Result<(), String> {
    if expected == actual {
        return Ok(());
    }
    Err(format!("block {height} has {what} {actual:?}, it should be {expected:?}"))
}

fn check_header(chain: &Chain, block: &Block) -> Result<(), String> {
    let header = &block.header;
    let height = header.height;
    same(height, "height", &chain.next_height(), &height)?;
    same(height, "version.block", &BLOCK_VERSION, &header.version.block)?;
    same(height, "version.app", &chain.app_version, &header.version.app)?;
    same(height, "chain_id", &chain.chain_id, &header.chain_id)?;
    same(height, "last_block_id", &chain.last().map(|it| it.id), &header.last_block_id)?;
    let voters = &chain.rotation.committee().hash;
    same(height, "validators_hash", voters, &header.validators_hash)?;
    let next = &chain.following.committee().hash;
    same(height, "next_validators_hash", next, &header.next_validators_hash)?;
    same(height, "consensus_hash", &chain.consensus_hash, &header.consensus_hash)?;
    same(height, "app_hash", &chain.app_hash, &header.app_hash)?;
    same(height, "last_results_hash", &Some(chain.results_hash), &header.last_results_hash)
}

/// The header's roots are those of what the block holds.
fn check_contents(block: &Block) -> Result<(), String> {
    let (height, header) = (block.header.height, &block.header);
    let leaves: Vec<[u8; 32]> = block.txs.iter().map(|tx| Hash::of(tx).0).collect();
    same(height, "data_hash", &Some(merkle::root(&leaves)), &header.data_hash)?;
    let nothing = || merkle::root::<&[u8]>(&[]);
    let commit = block.last_commit.as_ref().map_or_else(nothing, Commit::hash);
    same(height, "last_commit_hash", &Some(commit), &header.last_commit_hash)?;
    let evidence =
        if block.evidence.is_empty() { nothing() } else { evidence_hash(&block.evidence) };
    same(height, "evidence_hash", &Some(evidence), &header.evidence_hash)
}

/// It was its maker's turn in a round until the decision. A Byzantine proposer may offer a block in
/// anybody's name, which the reference allows, too.
fn check_proposer(chain: &Chain, standing: &Standing, decided: &Decided) -> Result<(), String> {
    let maker = decided.block.header.proposer_address;
    let turns = chain.rotation.proposers(decided.commit.round.0);
    let excused = |turn| !standing.is_honest_key(turn);
    if turns.iter().any(|seat| seat.address == maker || excused(&seat.address)) {
        return Ok(());
    }
    let (height, round) = (decided.commit.height, decided.commit.round);
    Err(format!("block {height} is of {maker}, whose turn it was in no round up to {round}"))
}

/// Time goes on, and is what the weight behind the last block says.
fn check_time(chain: &Chain, block: &Block) -> Result<(), String> {
    let (height, time) = (block.header.height, block.header.time);
    let expected = match (chain.last(), &block.last_commit) {
        (None, None) => chain.genesis_time,
        (Some(last), Some(commit)) => {
            if time <= last.time {
                return Err(format!("block {height} is of {time}, the last of {}", last.time));
            }
            weighted_median(&last.committee, commit)
        }
        (Some(_), None) => return Err(format!("block {height} has no last commit")),
        (None, Some(_)) => return Err(format!("block {height} has a last commit")),
    };
    same(height, "time", &expected, &time)
}

/// The earliest time by which half of the weight that voted for the block had signed.
fn weighted_median(committee: &Committee, commit: &Commit) -> Time {
    let votes = committee.seats.iter().zip(&commit.signatures);
    let votes = votes.filter_map(|(seat, entry)| match entry {
        CommitSig::Commit { timestamp, .. } => Some((*timestamp, seat.power)),
        CommitSig::Nil { .. } | CommitSig::Absent => None,
    });
    let votes: Vec<(Time, u64)> = votes.collect();
    let total: u64 = votes.iter().map(|&(_, power)| power).sum();
    let until = |time: Time| -> u64 {
        votes.iter().filter(|&&(it, _)| it <= time).map(|&(_, power)| power).sum()
    };
    let times = votes.iter().map(|&(time, _)| time);
    times.filter(|&time| total / 2 <= until(time)).min().unwrap_or(Time::ZERO)
}

/// The id is that of the header and of the parts, and the parts are within the limit.
fn check_identity(chain: &Chain, decided: &Decided) -> Result<(), String> {
    let height = decided.block.header.height;
    same(height, "hash", &decided.block.header.hash(), &decided.id.hash)?;
    same(height, "parts", &decided.parts.header(), &decided.id.parts)?;
    let (size, limit) = (decided.parts.bytes_count(), chain.params.block_bytes_max());
    if limit < u64::try_from(size).expect("a size fits 64 bits") {
        return Err(format!("block {height} has {size} bytes, the limit is {limit}"));
    }
    if !height.0.is_multiple_of(SAMPLE_HEIGHTS) {
        return Ok(());
    }
    let Some(bytes) = decided.parts.assemble() else {
        return Err(format!("block {height} is stored without all of its parts"));
    };
    match types::codec::decode_block(bytes) {
        Ok(stored) => same(height, "content", &*decided.block, &stored),
        Err(error) => Err(format!("block {height} cannot be read back: {error}")),
    }
}

/// Evidence of two votes has two votes that contradict each other, of a validator of that height.
fn check_votes(committee: &Committee, evidence: &Evidence) -> Result<(), String> {
    let Evidence::DuplicateVote(evidence) = evidence else { return Ok(()) };
    let (a, b) = (&evidence.vote_a, &evidence.vote_b);
    let one_place = (a.height, a.round, a.kind) == (b.height, b.round, b.kind);
    if !one_place || a.validator_address != b.validator_address || a.block_id == b.block_id {
        return Err(format!("evidence of votes that do not contradict: {a:?}, {b:?}"));
    }
    let Some(seat) = committee.find(&a.validator_address) else {
        return Err(format!("evidence against {}, who was no validator", a.validator_address));
    };
    let claims = (evidence.validator_power.0, evidence.total_power.0);
    if claims == (seat.power, committee.total) {
        return Ok(());
    }
    Err(format!("evidence claims powers {claims:?}, not {:?}", (seat.power, committee.total)))
}

#[cfg(test)]
mod tests {
    use types::{Address, AppHash, DuplicateVoteEvidence, Round, Tx, ValidatorSet};

    use super::super::sample::Sample;
    use super::*;

    fn verdict(sample: &Sample, block: Block) -> Result<(), String> {
        let decided = sample.decide(block, Round::FIRST);
        Validity::default().decided(&sample.chain, &sample.standing, &decided)
    }

    fn at_third_block() -> Sample {
        let mut sample = Sample::new(false);
        for _ in 0..2 {
            let block = sample.block();
            assert_eq!(verdict(&sample, (*block.block).clone()), Ok(()));
            sample.follow(&block);
        }
        sample
    }

    /// Makes one field of a header wrong.
    type Change = fn(&mut types::Header, Hash);

    #[test]
    fn every_field_of_a_header_is_compared() {
        let sample = at_third_block();
        let good = (*sample.block().block).clone();
        assert_eq!(verdict(&sample, good.clone()), Ok(()));
        let wrong = Hash([9; 32]);
        let changes: [(&str, Change); 13] = [
            ("version.block", |it, _| it.version.block = 10),
            ("version.app", |it, _| it.version.app = 7),
            ("chain_id", |it, _| it.chain_id = types::ChainId::new("other").unwrap()),
            ("last_block_id", |it, _| it.last_block_id = None),
            ("validators_hash", |it, hash| it.validators_hash = hash),
            ("next_validators_hash", |it, hash| it.next_validators_hash = hash),
            ("consensus_hash", |it, hash| it.consensus_hash = hash),
            ("app_hash", |it, _| it.app_hash = AppHash(vec![1].into())),
            ("last_results_hash", |it, hash| it.last_results_hash = Some(hash)),
            ("data_hash", |it, hash| it.data_hash = Some(hash)),
            ("last_commit_hash", |it, hash| it.last_commit_hash = Some(hash)),
            ("evidence_hash", |it, hash| it.evidence_hash = Some(hash)),
            ("time", |it, _| it.time = it.time.after(std::time::Duration::from_nanos(1))),
        ];
        for (field, change) in changes {
            let mut block = good.clone();
            change(&mut block.header, wrong);
            let verdict = verdict(&sample, block).expect_err(field);
            assert!(verdict.contains(field), "{field}: {verdict}");
        }
        let mut block = good;
        block.header.height = Height(9);
        assert!(verdict(&sample, block).unwrap_err().contains("height"));
    }

    #[test]
    fn a_block_of_somebody_whose_turn_it_was_not_is_refused() {
        let sample = at_third_block();
        let mut block = (*sample.block().block).clone();
        let honest = sample.chain.rotation.proposers(0);
        assert!(sample.standing.is_honest_key(&honest[0].address), "nobody else is excused");
        block.header.proposer_address = Address([1; 20]);
        assert!(verdict(&sample, block).unwrap_err().contains("whose turn it was in no round"));
    }

    #[test]
    fn a_changed_transaction_and_a_foreign_id_are_found() {
        let sample = at_third_block();
        let mut decided = sample.block();
        decided.id.parts.total += 1;
        let mut judge = Validity::default();
        let verdict = judge.decided(&sample.chain, &sample.standing, &decided);
        assert!(verdict.unwrap_err().contains("parts"));
        let mut block = (*sample.block().block).clone();
        block.txs.push(Tx::from_static(b"more"));
        let decided = sample.decide(block, Round::FIRST);
        let verdict = judge.decided(&sample.chain, &sample.standing, &decided);
        assert!(verdict.unwrap_err().contains("data_hash"));
    }

    #[test]
    fn evidence_is_about_the_past_of_a_validator_and_new() {
        let mut sample = at_third_block();
        let id = sample.chain.at(Height(1)).map(|it| it.id);
        let at = (Height(1), Round(0));
        let votes = (sample.vote(3, at, id), sample.vote(3, at, None));
        let members: Vec<_> =
            sample.genesis.validators.iter().map(|it| (it.public_key, it.power)).collect();
        let set = ValidatorSet::new(&members).unwrap();
        let time = sample.chain.at(Height(1)).unwrap().time;
        let evidence = DuplicateVoteEvidence::new(votes.0, votes.1, &set, time).unwrap();
        let with = |sample: &Sample, evidence: &DuplicateVoteEvidence| {
            let mut block = (*sample.block().block).clone();
            block.evidence = vec![Evidence::DuplicateVote(Box::new(evidence.clone()))];
            block.header.evidence_hash = Some(evidence_hash(&block.evidence));
            sample.decide(block, Round::FIRST)
        };
        let mut judge = Validity::default();
        let mut ask = |sample: &Sample, evidence: &DuplicateVoteEvidence| {
            judge.decided(&sample.chain, &sample.standing, &with(sample, evidence))
        };
        let mut wrong = evidence.clone();
        wrong.validator_power.0 += 1;
        assert!(ask(&sample, &wrong).unwrap_err().contains("powers"));
        let mut wrong = evidence.clone();
        wrong.vote_b = wrong.vote_a.clone();
        assert!(ask(&sample, &wrong).unwrap_err().contains("do not contradict"));
        let mut wrong = evidence.clone();
        wrong.timestamp = sample.last_time();
        assert!(ask(&sample, &wrong).unwrap_err().contains("timestamp"));
        assert_eq!(ask(&sample, &evidence), Ok(()));
        let carried = with(&sample, &evidence);
        sample.follow(&carried);
        assert!(ask(&sample, &evidence).unwrap_err().contains("already"));
        sample.chain.params.evidence.age_blocks_max = 1;
        sample.chain.params.evidence.age_max = std::time::Duration::from_nanos(1);
        assert!(ask(&sample, &evidence).unwrap_err().contains("expired"));
    }
}
