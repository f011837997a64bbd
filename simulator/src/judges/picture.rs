//! What a replica shows of itself (`consensus_state` and `dump_consensus_state` of the RPC) is so:
//! it stands where its disk says, shows only votes that were cast, and only peers that it has.

use std::collections::BTreeMap;

use consensus::snapshot::Snapshot;
use types::{Address, Height, PeerId, PublicKey, Vote};

use super::chain::Chain;
use super::signatures::Signatures;
use super::standing::Standing;

/// What is known of a member without asking its replica.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The height after the last that it has executed.
    pub height: Height,
    /// Whom it is connected with.
    pub peers: &'a [PeerId],
}

/// Compares pictures with what is known.
#[derive(Debug)]
pub struct Pictures {
    keys: BTreeMap<Address, PublicKey>,
}

impl Pictures {
    /// Of a run with these validator keys.
    pub fn new(keys: impl Iterator<Item = PublicKey>) -> Self {
        Self { keys: keys.map(|key| (key.address(), key)).collect() }
    }

    /// An honest member's replica shows this of itself.
    ///
    /// # Errors
    /// What is not so.
    pub fn taken(
        &self,
        known: Known<'_>,
        chain: &Chain,
        who: (&Standing, &Signatures),
        shown: &Snapshot,
    ) -> Result<(), String> {
        let Snapshot { height, round, .. } = *shown;
        if height != known.height {
            return Err(format!("shows height {height}, and is at {}", known.height));
        }
        if height == chain.next_height() && chain.is_ready() {
            check_rotation(chain, shown)?;
        }
        let ranks = [shown.locked, shown.valid].map(|it| it.map(|(round, _)| round));
        if ranks[1] < ranks[0] || Some(round) < ranks[1] {
            return Err(format!("shows a lock, a valid block and a round of {ranks:?}, {round}"));
        }
        for votes in &shown.votes {
            for vote in votes.prevotes.iter().chain(&votes.precommits).flatten() {
                if vote.height != height || vote.round != votes.round {
                    return Err(format!("shows at {height}/{}: {vote:?}", votes.round));
                }
                self.check_vote(who, shown, vote)?;
            }
        }
        if shown.last_commit.iter().flatten().any(|vote| vote.height.next() != height) {
            return Err(format!("shows votes of another height as the last of {height}"));
        }
        let stranger = shown.peers.iter().find(|it| !known.peers.contains(&it.peer));
        stranger.map_or(Ok(()), |it| Err(format!("shows {:?}, which is no peer", it.peer)))
    }

    /// Honest votes that are shown were cast, by whoever has that place.
    fn check_vote(
        &self,
        (standing, signatures): (&Standing, &Signatures),
        shown: &Snapshot,
        vote: &Vote,
    ) -> Result<(), String> {
        let address = vote.validator_address;
        let seat = shown.validators.get(vote.validator_index);
        if seat.is_none_or(|it| it.address != address) {
            return Err(format!("shows a vote of another's place: {vote:?}"));
        }
        let key = self.keys.get(&address).filter(|_| standing.is_honest_key(&address));
        if key.is_some_and(|key| !signatures.has(key, vote)) {
            return Err(format!("shows a vote that nobody cast: {vote:?}"));
        }
        Ok(())
    }
}

/// Who votes, and whose turn it is.
fn check_rotation(chain: &Chain, shown: &Snapshot) -> Result<(), String> {
    let Snapshot { height, round, .. } = *shown;
    if shown.validators.hash() != chain.rotation.committee().hash {
        return Err(format!("shows other validators of {height} than there are"));
    }
    let turns = chain.rotation.proposers(round.0);
    let turn = turns.last().expect("each round is somebody's turn").address;
    if shown.proposer != turn {
        return Err(format!("shows {} as the proposer of {height}/{round}", shown.proposer));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use consensus::SignRequest;
    use consensus::snapshot::{PeerSnapshot, RoundVotes};
    use types::message::WireStep;
    use types::{ChainState, Round, Time, ValidatorIndex};

    use super::super::sample::Sample;
    use super::*;

    const PEER: PeerId = PeerId(7);

    /// A true picture, with a precommit for nil of the first validator, and a peer.
    fn shown(sample: &Sample) -> Snapshot {
        let (height, round) = (Height(1), Round::FIRST);
        let state = ChainState::genesis(&sample.genesis).unwrap();
        let vote = sample.vote(0, (height, round), None);
        Snapshot {
            height,
            round,
            step: WireStep::Precommit,
            start_time: Time::EPOCH,
            commit_time: None,
            proposer: state.validators.proposer().address,
            validators: Arc::clone(&state.validators),
            last_validators: None,
            proposal: None,
            proposal_block: None,
            proposal_parts: None,
            locked: None,
            valid: None,
            votes: vec![RoundVotes {
                round,
                prevotes: vec![],
                precommits: vec![Some(vote.into())],
            }],
            last_commit: vec![],
            catching_up: false,
            peers: vec![PeerSnapshot {
                peer: PEER,
                height,
                round,
                step: WireStep::Propose,
                proposal_parts: None,
                prevotes: None,
                precommits: None,
                stored: None,
            }],
        }
    }

    #[test]
    fn a_picture_is_compared_with_what_was_signed_and_decided() {
        let sample = Sample::new(false);
        let judge = Pictures::new((0..4).map(|key| sample.curves.public(key)));
        let mut signatures = Signatures::default();
        let cast = SignRequest::Vote(sample.unsigned(0, (Height(1), Round::FIRST), None));
        signatures.signed(0, &sample.curves.public(0), &cast).unwrap();
        let verdict = |height: u64, change: &dyn Fn(&mut Snapshot)| {
            let mut shown = shown(&sample);
            change(&mut shown);
            let known = Known { height: Height(height), peers: &[PEER] };
            judge.taken(known, &sample.chain, (&sample.standing, &signatures), &shown)
        };
        assert_eq!(verdict(1, &|_| {}), Ok(()));
        assert!(verdict(2, &|_| {}).is_err(), "it is behind");
        let (height, round) = (Height(1), Round::FIRST);
        let first = |it: &mut Snapshot, vote: Vote| it.votes[0].precommits[0] = Some(vote.into());
        // The validator with number 3 is Byzantine: it may have signed anything.
        let byzantine = sample.vote(3, (height, round), None);
        assert_eq!(verdict(1, &|it| first(it, byzantine.clone())), Ok(()));
        let lies: [&dyn Fn(&mut Snapshot); 6] = [
            &|it| first(it, sample.vote(1, (height, round), None)),
            &|it| first(it, sample.vote(0, (height, Round(1)), None)),
            &|it| {
                let index = (byzantine.validator_index.0 + 1) % 4;
                first(it, Vote { validator_index: ValidatorIndex(index), ..byzantine.clone() });
            },
            // It is the strongest's turn, and that is not the weakest.
            &|it| it.proposer = sample.curves.public(0).address(),
            &|it| it.last_commit = vec![Some(sample.vote(0, (height, round), None).into())],
            &|it| it.peers[0].peer = PeerId(8),
        ];
        for (number, lie) in lies.into_iter().enumerate() {
            assert!(verdict(1, lie).is_err(), "lie {number}");
        }
        let id = sample.block().id;
        assert!(verdict(1, &|it| it.locked = Some((round, id))).is_err(), "a lock is valid");
        assert_eq!(verdict(1, &|it| it.valid = Some((round, id))), Ok(()));
    }
}
