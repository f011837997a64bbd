//! What a replica tells of a height, in the order in which the reference tells it.

#[path = "support/world.rs"]
mod world;

use consensus::Announcement;
use types::{ConsensusParams, Height};
use world::{World, brisk};

/// What is told of one height, a word each; votes and locks are left out.
fn told(world: &World, of: Height) -> Vec<String> {
    let words = world.announced.iter().filter_map(|it| {
        let (height, word) = match it {
            Announcement::Step { height, step, .. } => (height, format!("{step:?}")),
            Announcement::CompleteProposal { height, .. } => (height, "complete".to_owned()),
            Announcement::Polka { height, .. } => (height, "polka".to_owned()),
            Announcement::Decided { height, .. } => (height, "decided".to_owned()),
            _ => return None,
        };
        (*height == of).then_some(word)
    });
    words.collect()
}

/// spec: `updateToState`, `enterPropose`, `handleCompleteProposal`, `enterPrevote`,
/// `enterPrecommit`, `enterCommit`.
#[test]
fn each_step_of_a_height_is_told_by_proposers_too() {
    let mut alone = World::new(&[10], brisk(), ConsensusParams::default(), 1);
    alone.run_to(5, 10_000);
    for height in 2..=4 {
        let expected = [
            "NewHeight",
            "Propose",
            "complete",
            "Prevote",
            "polka",
            "Precommit",
            "Commit",
            "decided",
        ];
        assert_eq!(told(&alone, Height(height)), expected);
    }
    // Each proposes one of four heights.
    let mut together = World::new(&[10; 4], brisk(), ConsensusParams::default(), 1);
    together.run_to(9, 100_000);
    for height in 2..=8 {
        let told = told(&together, Height(height));
        let count = |what: &str| told.iter().filter(|it| *it == what).count();
        for once in ["NewHeight", "Propose", "complete", "Commit", "decided"] {
            assert_eq!(count(once), 1, "{once} of height {height}: {told:?}");
        }
    }
}
