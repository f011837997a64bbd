//! Parameters by vote, and an upgrade at its height.

use apps::ledger::params::{Limits, ParamsMessage};

use super::{Story, ledger, open};

fn limits(block_bytes_max: u64) -> ParamsMessage {
    ParamsMessage::ProposeLimits(Limits {
        block_bytes_max,
        block_gas_max: 0,
        evidence_age_blocks: 1_000,
        evidence_age_seconds: 3_600,
        evidence_bytes_max: 10_000,
    })
}

fn vote(proposal: u64, accept: bool) -> ParamsMessage {
    ParamsMessage::Vote { proposal, accept }
}

#[test]
fn limits_change_with_more_than_two_thirds_of_the_stake() {
    let mut story = Story::begin();
    story.act(0, "params", &limits(200_000));
    for voter in [0, 1] {
        story.act(voter, "params", &vote(1, true));
    }
    story.act(2, "params", &vote(1, false));
    assert_ne!(story.chain().state().params.block.bytes_max, Some(200_000));
    story.act(2, "params", &vote(1, true));
    let params = &story.chain().state().params;
    assert_eq!(params.block.bytes_max, Some(200_000));
    assert_eq!(params.evidence.age_blocks_max, 1_000);
    let params_code = |code| ("params".to_owned(), code);
    assert_eq!(story.fail(3, "params", &vote(1, true)), params_code(3), "it is closed");
    assert_eq!(story.fail(10, "params", &limits(300_000)), params_code(1), "no stake, no voice");
    let tx = story.tx(0, "params", &limits(0));
    assert_eq!(story.check(&tx).code, 0, "0 is as large as the protocol allows");
    let tx = story.tx(0, "params", &limits(u64::MAX));
    let result = story.check(&tx);
    assert_eq!((result.codespace.as_str(), result.code), ("params", 2));
}

#[test]
fn a_proposal_that_is_not_passed_in_time_is_forgotten() {
    let mut story = Story::begin();
    story.act(0, "params", &limits(200_000));
    story.act(0, "params", &vote(1, true));
    for _ in 0..50 {
        story.block(vec![]);
    }
    assert_eq!(story.fail(1, "params", &vote(1, true)).1, 3);
}

#[test]
fn old_software_stops_at_the_upgrade_and_new_software_goes_on() {
    let mut story = Story::begin();
    let upgrade = |height, version| ParamsMessage::ProposeUpgrade { height, version };
    assert_eq!(story.fail(0, "params", &upgrade(1, 2)).1, 5, "not ahead");
    assert_eq!(story.fail(0, "params", &upgrade(9, 1)).1, 5, "not later");
    story.act(0, "params", &upgrade(9, 2));
    for voter in 0..3 {
        story.act(voter, "params", &vote(1, true));
    }
    while story.chain().state().next_height().0 < 9 {
        story.block(vec![]);
    }
    // The header of the first block by the new rules says so.
    assert_eq!(story.chain().state().app_version, 2);
    let stopped = story.chain().block(vec![]).unwrap_err().to_string();
    assert!(stopped.contains("install the software of the upgrade"), "{stopped}");
    // The new software takes over where the old one stopped, and not before.
    let records = story.records.clone();
    let chain = story.chain.take().unwrap();
    let mut chain = chain.restart(|| std::sync::Arc::new(open(&records, 2))).unwrap();
    let outcome = chain.block(vec![]).unwrap();
    assert!(outcome.events.iter().any(|it| it.kind == "params.upgrade"));
    chain.block(vec![]).unwrap();
    let early = chain.restart(|| std::sync::Arc::new(open(&records, 3))).unwrap().block(vec![]);
    let early = early.unwrap_err().to_string();
    assert!(early.contains("run the earlier software until the upgrade"), "{early}");
    assert_eq!(ledger::APP_VERSION, 1);
}
