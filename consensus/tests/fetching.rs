//! Catching up: requests go to whoever claims to have the block, and a liar costs nothing but its
//! own requests.

#[path = "support/desk.rs"]
mod desk;

use consensus::{Config, Proof};
use types::{Height, Message, Offence, PeerId, Round};

use desk::{Desk, blamed, block, id, requests};

const HONEST: PeerId = PeerId(1);
const LIAR: PeerId = PeerId(2);

#[test]
fn blocks_are_asked_for_in_parallel_but_not_too_many_of_one_peer() {
    let mut desk = Desk::new();
    desk.connect(HONEST, 100);
    let asked = desk.asks();
    assert_eq!(asked, (1..=8).map(|height| (HONEST, height)).collect::<Vec<_>>());
    assert_eq!(desk.asks(), []);
    desk.says(HONEST, block(1));
    assert_eq!(desk.asks(), [(HONEST, 9)]);
}

#[test]
fn a_block_is_ready_with_the_one_after_it_and_handed_out_once() {
    let mut desk = Desk::new();
    desk.connect(HONEST, 3);
    desk.asks();
    desk.says(HONEST, block(1));
    assert!(desk.catch_up.next_ready(false, &mut Vec::new()).is_none(), "nothing proves it yet");
    desk.says(HONEST, block(2));
    let (ready, commit) = desk.catch_up.next_ready(false, &mut Vec::new()).expect("both are here");
    assert_eq!((ready.header.height, commit.block_id), (Height(1), id(1)));
    assert!(desk.catch_up.next_ready(false, &mut Vec::new()).is_none());
    desk.catch_up.verified(Height(1), Proof::Good, &mut Vec::new());
    desk.catch_up.advance(Height(2));
    assert!(desk.catch_up.next_ready(false, &mut Vec::new()).is_none(), "the third is missing");
}

/// Two blocks, of which the first is proven by the second: the first from `first`, the second
/// from `second`.
fn served_by(first: PeerId, second: PeerId) -> Desk {
    let mut desk = Desk::new();
    desk.connect(first, 1);
    desk.connect(second, 2);
    desk.says(second, Message::StatusResponse { range: Some((Height(2), Height(2))) });
    let asked = desk.asks();
    assert_eq!(asked, [(first, 1), (second, 2)]);
    desk.says(first, block(1));
    desk.says(second, block(2));
    desk.catch_up.next_ready(false, &mut Vec::new()).expect("both are here");
    desk
}

#[test]
fn only_who_sent_a_wrong_block_or_a_forged_commit_is_blamed() {
    let cases = [(Proof::Forged, HONEST, LIAR, 2), (Proof::OfAnother, LIAR, HONEST, 1)];
    for (proof, first, second, wrong) in cases {
        let mut desk = served_by(first, second);
        let mut outputs = Vec::new();
        desk.catch_up.verified(Height(1), proof, &mut outputs);
        assert_eq!(blamed(&outputs), [(LIAR, Offence::BadBlock)]);
        desk.connect(PeerId(3), 2);
        assert_eq!(desk.asks(), [(PeerId(3), wrong)], "the honest block is kept");
    }
}

/// The reference could be blocked for ever by a peer that claims a height and then a lower one.
#[test]
fn a_claim_of_an_absurd_height_blocks_nothing() {
    let mut desk = Desk::new();
    desk.connect(LIAR, u64::MAX / 2);
    let step = Message::NewRoundStep {
        height: Height(u64::MAX / 2),
        round: Round::FIRST,
        step: types::message::WireStep::Propose,
        seconds_since_start: 0,
        last_commit_round: Some(Round::FIRST),
    };
    desk.says(LIAR, step);
    desk.asks();
    assert!(desk.catch_up.expects(Height(1)));
    let outputs = desk.wait(Config::default().catch_up);
    assert!(blamed(&outputs).contains(&(LIAR, Offence::Silent)));
    assert!(!desk.catch_up.expects(Height(1)), "votes are not held back any longer");
    desk.wait(Config::default().catch_up);
    assert_eq!(desk.catch_up.range(LIAR), None);
    assert_eq!(desk.asks(), []);
    assert!(!desk.catch_up.is_active());
}

#[test]
fn a_peer_that_goes_or_refuses_is_replaced() {
    let mut desk = Desk::new();
    desk.connect(LIAR, 3);
    assert_eq!(desk.asks().len(), 3);
    desk.connect(HONEST, 3);
    let outputs = desk.says(LIAR, Message::NoBlock(Height(1)));
    assert_eq!(blamed(&outputs), [(LIAR, Offence::Silent)]);
    assert_eq!(desk.asks(), [(HONEST, 1)]);
    let mut outputs = Vec::new();
    desk.catch_up.peer_down(desk.now, LIAR, &mut outputs);
    assert_eq!(requests(&outputs), [(HONEST, 2), (HONEST, 3)]);
}

#[test]
fn a_block_that_nobody_asked_for_is_a_flood() {
    let mut desk = Desk::new();
    desk.connect(HONEST, 100);
    assert_eq!(blamed(&desk.says(HONEST, block(50))), [(HONEST, Offence::Flood)]);
}
