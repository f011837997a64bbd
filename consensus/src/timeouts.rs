//! Which timeout, how long, in which round.

use std::time::Duration;

use types::Round;

use crate::input::Wait;

/// How long to wait for what. The reference's names and defaults (`[consensus]` of config.toml).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// For a proposal, in round 0.
    pub propose: Duration,
    /// More of it for each later round.
    pub propose_delta: Duration,
    /// For the proposal of round 0, if its proposer was silent in the last height and is in this
    /// one: whoever is dead need not be waited for in full, and who is slow has the later rounds.
    pub propose_silent: Duration,
    /// After a quorum of any prevotes, in round 0.
    pub prevote: Duration,
    /// More of it for each later round.
    pub prevote_delta: Duration,
    /// After a quorum of any precommits, in round 0.
    pub precommit: Duration,
    /// More of it for each later round.
    pub precommit_delta: Duration,
    /// After a decision, before the next height.
    pub commit: Duration,
    /// Do not wait for `commit` once all precommits are here.
    pub skip_commit: bool,
    /// Make blocks without transactions.
    pub create_empty_blocks: bool,
    /// If so, this long after the last; zero is at once.
    pub create_empty_blocks_interval: Duration,
    /// How often what may have been lost is offered again.
    pub gossip: Duration,
    /// How long peers are given to get votes and parts from those who made them, before we relay
    /// them: above the delay of a link, or they arrive twice; less is faster where links are
    /// missing.
    pub relay: Duration,
    /// How long a served block may take before it is asked of another peer.
    pub catch_up: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let ms = Duration::from_millis;
        Self {
            propose: ms(3000),
            propose_delta: ms(500),
            propose_silent: ms(300),
            prevote: ms(1000),
            prevote_delta: ms(500),
            precommit: ms(1000),
            precommit_delta: ms(500),
            commit: ms(1000),
            skip_commit: false,
            create_empty_blocks: true,
            create_empty_blocks_interval: Duration::ZERO,
            gossip: ms(500),
            relay: ms(50),
            catch_up: ms(5000),
        }
    }
}

impl Config {
    /// How long to wait in a round. Grows without end, so that at last everybody is in time.
    pub fn after(&self, wait: Wait, round: Round) -> Duration {
        let grown =
            |base: Duration, delta: Duration| base.saturating_add(delta.saturating_mul(round.0));
        match wait {
            Wait::Propose => grown(self.propose, self.propose_delta),
            Wait::Prevote => grown(self.prevote, self.prevote_delta),
            Wait::Precommit => grown(self.precommit, self.precommit_delta),
            Wait::Commit => self.commit,
            Wait::EmptyBlock => self.create_empty_blocks_interval,
            Wait::Gossip => self.gossip,
            Wait::CatchUp => self.catch_up,
        }
    }
}
