//! Messages of peers get the verdict that their signatures deserve.

use std::sync::Arc;

use types::verified::{Keyring, Look, ROUNDS_BACK_MAX, Remembered, Verdict};
use types::{
    Height, Message, Offence, Proposal, Round, Signature, UnsignedProposal, ValidatorIndex,
    ValidatorSet, Vote, VoteKind,
};

use crate::network::{Network, chain_id, key, other_id, public_key, seconds, update};

const HEIGHT: Height = Height(7);
const ROUND: Round = Round(100);

struct Case {
    network: Network,
    keyring: Keyring,
}

/// The current set has validators 1 to 4, the last one 1 to 3, the next one 1 to 5.
fn case() -> Case {
    let network = Network::new(&[10, 10, 10, 10]);
    let current = Arc::clone(&network.state.validators);
    let last = Network::new(&[10, 10, 10]).state.validators;
    let next = Arc::new(current.updated(&[update(5, 10)]).unwrap());
    let keyring = Keyring {
        chain_id: chain_id(),
        height: HEIGHT,
        round: ROUND,
        last: Some(last),
        current,
        next,
        extensions_enabled: false,
    };
    Case { network, keyring }
}

impl Case {
    fn vote(&self, set: &ValidatorSet, index: u32, height: Height) -> Vote {
        let kind = VoteKind::Precommit;
        self.network.vote(set, index, kind, (height, Round(3)), Some(other_id(1)))
    }

    fn proposal(&self, height: Height, round: Round) -> Proposal {
        self.proposal_by(&self.keyring.current, height, round)
    }

    fn proposal_by(&self, set: &ValidatorSet, height: Height, round: Round) -> Proposal {
        let address = set.get(set.proposer_in(round)).unwrap().address;
        let signer = (1..=5).map(key).find(|it| it.public_key().address() == address).unwrap();
        let timestamp = seconds(9);
        let proposal =
            UnsignedProposal { height, round, pol_round: None, block_id: other_id(1), timestamp };
        let signature = signer.sign(&proposal.sign_bytes(&chain_id()));
        proposal.signed(timestamp, signature)
    }

    /// The verdict on one message, told by its name.
    fn judge(&self, message: Message) -> &'static str {
        let verdicts = self.keyring.verify(vec![message.clone()], &mut Remembered::default());
        self.screens_alike(&message, &verdicts[0]);
        match &verdicts[..] {
            [Verdict::Verified(verified)] => {
                assert_eq!(verified.get(), &message);
                "verified"
            }
            [Verdict::Unknown] => "unknown",
            [Verdict::Refused(Offence::BadSignature)] => "bad signature",
            [Verdict::Refused(Offence::Lie)] => "lie",
            [Verdict::Refused(Offence::Malformed)] => "malformed",
            verdicts => panic!("{verdicts:?}"),
        }
    }

    /// Screening says the same of all that does not take a curve to say.
    fn screens_alike(&self, message: &Message, verdict: &Verdict) {
        let refused = Look::Refused(Offence::BadSignature);
        let trusting = self.keyring.screen(message, |_, _| true);
        let doubting = self.keyring.screen(message, |_, _| false);
        for (judge, screened) in
            [((|_, _| true) as types::verified::MockJudge, trusting), (|_, _| false, doubting)]
        {
            let mut mocked = Remembered::mocked(judge);
            let verdicts = self.keyring.verify(vec![message.clone()], &mut mocked);
            assert_eq!(Look::from(&verdicts[0]), screened);
        }
        let verdict = Look::from(verdict);
        if trusting == Look::Right {
            assert!([trusting, refused].contains(&verdict), "{verdict:?}");
            assert_eq!(doubting, refused);
        } else {
            assert_eq!((trusting, doubting), (verdict, verdict));
        }
    }

    fn judge_vote(&self, vote: Vote) -> &'static str {
        self.judge(Message::Vote(vote.into()))
    }
}

#[test]
fn votes_of_the_last_current_and_next_height_are_checked_by_their_own_sets() {
    let case = case();
    let Keyring { last, current, next, .. } = &case.keyring;
    let last = last.as_deref().unwrap();
    for (set, height) in [(last, 6), (&**current, 7), (&**next, 8)] {
        for index in 0..u32::try_from(set.count()).unwrap() {
            assert_eq!(case.judge_vote(case.vote(set, index, Height(height))), "verified");
        }
        let mut beyond = case.vote(set, 0, Height(height));
        beyond.validator_index = ValidatorIndex(u32::try_from(set.count()).unwrap());
        assert_eq!(case.judge_vote(beyond), "lie");
    }
    for height in [1, 5, 9, 1_000_000] {
        assert_eq!(case.judge_vote(case.vote(current, 0, Height(height))), "unknown");
    }
    let mut first = case.keyring.clone();
    first.last = None;
    let vote = Message::Vote(case.vote(last, 0, Height(6)).into());
    let verdicts = first.verify(vec![vote], &mut Remembered::default());
    assert_eq!(verdicts, [Verdict::Unknown]);
}

#[test]
fn changed_votes_are_refused() {
    let case = case();
    let set = &case.keyring.current;
    let changed = |change: fn(&mut Vote)| {
        let mut vote = case.vote(set, 1, HEIGHT);
        change(&mut vote);
        case.judge_vote(vote)
    };
    assert_eq!(changed(|_| ()), "verified");
    assert_eq!(changed(|it| it.kind = VoteKind::Prevote), "bad signature");
    assert_eq!(changed(|it| it.round = Round(4)), "bad signature");
    assert_eq!(changed(|it| it.block_id = None), "bad signature");
    assert_eq!(changed(|it| it.timestamp = seconds(0)), "bad signature");
    assert_eq!(changed(|it| it.signature.0[5] ^= 1), "bad signature");
    assert_eq!(changed(|it| it.validator_index = ValidatorIndex(2)), "lie");
    assert_eq!(changed(|it| it.validator_address = public_key(9).address()), "lie");
}

#[test]
fn extensions_are_there_where_they_must_be() {
    let mut case = case();
    let set = Arc::clone(&case.keyring.current);
    let extended = |case: &Case, kind, block_id| {
        let mut vote = case.network.vote(&set, 0, kind, (HEIGHT, Round(3)), block_id);
        let bytes = types::sign_bytes::extension(&chain_id(), HEIGHT, Round(3), b"price");
        let address = vote.validator_address;
        let signer = (1..=4).map(key).find(|it| it.public_key().address() == address).unwrap();
        let signature = signer.sign(&bytes);
        vote.extension = Some(types::vote::Extension { bytes: (&b"price"[..]).into(), signature });
        vote
    };
    let (kind, block_id) = (VoteKind::Precommit, Some(other_id(1)));
    assert_eq!(case.judge_vote(extended(&case, kind, block_id)), "bad signature");
    case.keyring.extensions_enabled = true;
    assert_eq!(case.judge_vote(extended(&case, kind, block_id)), "verified");
    assert_eq!(case.judge_vote(case.vote(&set, 0, HEIGHT)), "bad signature");
    assert_eq!(case.judge_vote(extended(&case, VoteKind::Prevote, block_id)), "malformed");
    assert_eq!(case.judge_vote(extended(&case, kind, None)), "malformed");
    let nil = case.network.vote(&set, 0, kind, (HEIGHT, Round(3)), None);
    assert_eq!(case.judge_vote(nil), "verified");
    let mut forged = extended(&case, kind, block_id);
    forged.extension.as_mut().unwrap().bytes = (&b"other"[..]).into();
    assert_eq!(case.judge_vote(forged), "bad signature");
}

#[test]
fn screening_asks_for_each_signature_and_names_its_key() {
    let mut case = case();
    case.keyring.extensions_enabled = true;
    let asked = |message: Message| {
        let mut asked = vec![];
        case.keyring.screen(&message, |key, signature| {
            asked.push((*key, *signature));
            true
        });
        asked
    };
    let set = &case.keyring.current;
    let mut vote = case.vote(set, 2, HEIGHT);
    let (own, extended) = (Signature([7; 64]), Signature([8; 64]));
    vote.signature = own;
    vote.extension =
        Some(types::vote::Extension { bytes: (&b"price"[..]).into(), signature: extended });
    let voter = set.get(ValidatorIndex(2)).unwrap().public_key;
    assert_eq!(asked(Message::Vote(vote.into())), [(voter, own), (voter, extended)]);
    let mut proposal = case.proposal(HEIGHT, ROUND);
    proposal.signature = own;
    let proposer = set.get(set.proposer_in(ROUND)).unwrap().public_key;
    assert_eq!(asked(Message::Proposal(proposal.into())), [(proposer, own)]);
    assert_eq!(asked(Message::StatusRequest), []);
}

#[test]
fn proposals_are_of_the_proposer_of_a_near_round() {
    let case = case();
    let back = ROUND.0 - ROUNDS_BACK_MAX;
    for round in [back, 99, 100, 101] {
        let proposal = case.proposal(HEIGHT, Round(round));
        assert_eq!(case.judge(Message::Proposal(proposal.clone().into())), "verified");
        // The same signature claimed for the next round, whose proposer is another.
        let moved = Proposal { round: Round(round + 1), ..proposal };
        let expected = if round == 101 { "unknown" } else { "bad signature" };
        assert_eq!(case.judge(Message::Proposal(moved.into())), expected);
    }
    for round in [0, back - 1, 102, u32::MAX] {
        let mut proposal = case.proposal(HEIGHT, ROUND);
        proposal.round = Round(round);
        assert_eq!(case.judge(Message::Proposal(proposal.into())), "unknown");
        assert_eq!(case.keyring.proposer(Round(round)), None);
    }
    for height in [6, 8] {
        let proposal = case.proposal(Height(height), ROUND);
        assert_eq!(case.judge(Message::Proposal(proposal.into())), "unknown");
    }
}

#[test]
fn proposals_of_the_next_height_are_of_its_proposers_in_the_first_rounds() {
    let case = case();
    for (round, expected) in [(0, "verified"), (1, "verified"), (2, "unknown")] {
        let proposal = case.proposal_by(&case.keyring.next, HEIGHT.next(), Round(round));
        assert_eq!(case.judge(Message::Proposal(proposal.into())), expected);
    }
    let mut moved = case.proposal_by(&case.keyring.next, HEIGHT.next(), Round(0));
    moved.round = Round(1);
    assert_eq!(case.judge(Message::Proposal(moved.into())), "bad signature");
}

#[test]
fn one_wrong_vote_does_not_spoil_its_company() {
    let case = case();
    let set = &case.keyring.current;
    let mut messages: Vec<Message> =
        (0..4).map(|index| Message::Vote(case.vote(set, index, HEIGHT).into())).collect();
    messages.push(Message::StatusRequest);
    let Message::Vote(vote) = &mut messages[2] else { panic!("the third message is a vote") };
    Arc::make_mut(vote).signature.0[0] ^= 1;
    let mut remembered = Remembered::default();
    for _ in 0..2 {
        // Verdicts are the same when the right ones are remembered.
        let verdicts = case.keyring.verify(messages.clone(), &mut remembered);
        let right: Vec<bool> =
            verdicts.iter().map(|it| matches!(it, Verdict::Verified(_))).collect();
        assert_eq!(right, [true, true, false, true, true]);
    }
    // What is remembered is the whole claim: the same signature under another vote is not it.
    let Message::Vote(mut vote) = messages.swap_remove(0) else { panic!("it is a vote") };
    Arc::make_mut(&mut vote).round = Round(4);
    let verdicts = case.keyring.verify(vec![Message::Vote(vote)], &mut remembered);
    assert_eq!(verdicts, [Verdict::Refused(Offence::BadSignature)]);
}
