//! Once the last fault is over everybody gets on: within a bound that follows from the plan, every
//! honest member's disk is one block further, again and again, until all are at the goal.
//!
//! `plan/bounds.rs` argues the bound for one block.

use std::time::Duration;

use types::{Address, Genesis, Height, Round};

use super::committee::Rotation;
use super::standing::Standing;
use crate::moment::Moment;
use crate::plan::{Plan, bounds};

/// Rounds of correct proposers that suffice.
const GOOD_ROUNDS: u64 = 3;
/// Steps of the rotation in which the longest wait for correct proposers is looked for.
const STEPS: u32 = 256;
/// Heights beyond the highest at which the world is healed that everybody must reach.
const HEIGHTS_MORE: u64 = 3;
/// And most heights beyond the goal that other judges may wait for.
const HEIGHTS_WAITED_MAX: u64 = 100;

/// Where everybody is, and by when somebody must be further.
#[derive(Debug)]
pub struct Liveness {
    pace: Pace,
    honest: Vec<usize>,
    demanded: bool,
    heights: u64,
    /// Of each member: the last height on its disk, and the round it has announced of the next.
    tips: Vec<u64>,
    rounds: Vec<(u64, u64)>,
    /// The least of the honest tips: asked for after everything that happens.
    lowest: u64,
    healed: Option<Moment>,
    goal: u64,
    deadline: Moment,
    /// The longest time between two steps of the slowest member since the world was healed.
    slowest: Duration,
    progressed: Moment,
}

/// How long things may take in a healed world.
#[derive(Clone, Debug)]
struct Pace {
    plan: Plan,
    /// Rounds until enough honest proposers had their turn.
    turns: u64,
    /// How much longer than a true clock the slowest takes, in thousandths.
    clock_permille: u64,
}

/// What liveness says of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Go on.
    Open,
    /// Everybody is at the goal.
    Reached,
    /// Nobody can expect that they get there.
    Excused,
    /// They should be further.
    Stuck(String),
}

impl Liveness {
    /// By a plan.
    pub fn new(plan: &Plan, genesis: &Genesis, standing: &Standing) -> Self {
        let count = standing.count();
        Self {
            pace: Pace::new(plan, genesis, standing),
            honest: standing.honest().collect(),
            demanded: standing.is_live() && standing.is_safe(),
            heights: plan.heights,
            tips: vec![0; count],
            rounds: vec![(0, 0); count],
            lowest: if standing.honest().next().is_some() { 0 } else { u64::MAX },
            healed: None,
            goal: u64::MAX,
            deadline: Moment(u64::MAX),
            slowest: Duration::ZERO,
            progressed: Moment::START,
        }
    }

    /// How long a message and what it waits for may take in a healed world.
    pub fn travels(&self) -> Duration {
        Duration::from_millis(bounds::news_ms(&self.pace.plan))
    }

    /// A member has a block on its disk.
    pub fn decided(&mut self, member: usize, height: Height, now: Moment) {
        let before = self.lowest;
        self.tips[member] = height.0;
        self.find_lowest();
        if self.healed.is_some() && before < self.lowest {
            self.slowest = self.slowest.max(now.since(self.progressed));
            self.wait(now);
        }
    }

    /// A member says where it is.
    pub fn announced(&mut self, member: usize, height: Height, round: Round) {
        self.rounds[member] = (height.0, u64::from(round.0));
    }

    /// A member has lost its disk.
    pub fn wiped(&mut self, member: usize) {
        self.tips[member] = 0;
        self.find_lowest();
    }

    /// All faults are over.
    pub fn healed(&mut self, now: Moment) {
        self.healed = Some(now);
        let highest = self.honest.iter().map(|&it| self.tips[it]).max().unwrap_or(0);
        self.goal = self.heights.max(highest + HEIGHTS_MORE);
        self.wait(now);
    }

    /// Whether all faults are over.
    pub fn is_healed(&self) -> bool {
        self.healed.is_some()
    }

    /// Whether the chain must get on: less than a third is Byzantine, and enough are there.
    pub fn is_demanded(&self) -> bool {
        self.demanded
    }

    /// The height that all must reach, once the last fault is over.
    pub fn goal(&self) -> Height {
        Height(self.goal)
    }

    /// Whether the run goes on. `wanted`: another judge waits for further blocks.
    pub fn progress(&mut self, now: Moment, wanted: bool) -> Progress {
        if self.healed.is_none() {
            return Progress::Open;
        }
        let lowest = self.lowest;
        if self.goal <= lowest && (!wanted || self.goal + HEIGHTS_WAITED_MAX <= lowest) {
            return Progress::Reached;
        }
        match now <= self.deadline {
            true => Progress::Open,
            false if !self.demanded => Progress::Excused,
            false => Progress::Stuck(format!(
                "disks are at {:?} and rounds at {:?}; nobody moved since {}, the goal is {}",
                self.tips, self.rounds, self.progressed, self.goal
            )),
        }
    }

    /// The longest time that a block took in the healed world, and how long it might have taken.
    pub fn slowest(&self) -> (Duration, Duration) {
        (self.slowest, Duration::from_millis(self.pace.block_ms(0)))
    }

    fn find_lowest(&mut self) {
        self.lowest = self.honest.iter().map(|&it| self.tips[it]).min().unwrap_or(u64::MAX);
    }

    /// From now on the slowest has as long as one block may take.
    fn wait(&mut self, now: Moment) {
        let round = self.honest.iter().filter_map(|&it| {
            let (height, round) = self.rounds[it];
            (self.tips[it] < height).then_some(round)
        });
        self.progressed = now;
        let bound = self.pace.block_ms(round.max().unwrap_or(0));
        self.deadline = now.after(Duration::from_millis(bound));
    }
}

impl Pace {
    fn new(plan: &Plan, genesis: &Genesis, standing: &Standing) -> Self {
        let slowest = plan.members.iter().map(|it| -it.drift_ppm).max().unwrap_or(0).max(0);
        let slowest = u64::try_from(slowest).expect("not below zero").min(900_000);
        let members = genesis.validators.iter().map(|it| (it.public_key, it.power.0));
        let rotation = Rotation::first(&members.collect::<Vec<_>>());
        let honest = |address: &Address| standing.is_honest_key(address);
        Self {
            plan: Plan { faults: vec![], ..plan.clone() },
            turns: rounds_until(&rotation, GOOD_ROUNDS, honest),
            clock_permille: 1_000_000_000 / (1_000_000 - slowest),
        }
    }

    /// How long one block may take from a round on.
    fn block_ms(&self, round: u64) -> u64 {
        bounds::block_ms(&self.plan, round, self.turns) * self.clock_permille / 1000
    }
}

/// The most rounds that pass until so many correct proposers had their turn.
fn rounds_until(rotation: &Rotation, good: u64, correct: impl Fn(&Address) -> bool) -> u64 {
    let turns: Vec<bool> =
        rotation.proposers(STEPS).iter().map(|seat| correct(&seat.address)).collect();
    let good = usize::try_from(good).expect("few rounds");
    let turns_of_good: Vec<usize> = (0..turns.len()).filter(|&it| turns[it]).collect();
    let windows = turns_of_good.windows(good + 1).map(|window| window[good] - window[0]);
    let most = windows.max().unwrap_or(turns.len());
    u64::try_from(most).expect("few rounds")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Vice;
    use crate::world::World;

    fn liveness(plan: &Plan) -> Liveness {
        let genesis = World::new(plan.clone()).outside.genesis;
        Liveness::new(plan, &genesis, &Standing::new(plan))
    }

    #[test]
    fn who_stands_still_in_a_healed_world_is_found() {
        let mut judge = liveness(&Plan::fair(1, &[10; 4], 2));
        let end = Moment::from_millis(3_600_000);
        assert_eq!(judge.progress(end, false), Progress::Open, "faults are not over");
        judge.healed(Moment::START);
        for member in 0..3 {
            judge.decided(member, Height(1), Moment::from_millis(10));
        }
        assert_eq!(judge.progress(Moment::from_millis(20_000), false), Progress::Open);
        assert!(matches!(judge.progress(end, false), Progress::Stuck(_)));
    }

    #[test]
    fn the_run_ends_when_all_honest_members_are_at_the_goal() {
        let mut plan = Plan::fair(1, &[10; 4], 2);
        plan.members[3].vices = vec![Vice::Silent];
        let mut judge = liveness(&plan);
        judge.healed(Moment::START);
        for height in 1..=3 {
            assert_eq!(judge.progress(Moment::START, false), Progress::Open);
            for member in 0..3 {
                judge.decided(member, Height(height), Moment::START);
            }
        }
        assert_eq!(judge.progress(Moment::START, true), Progress::Open, "others wait");
        assert_eq!(judge.progress(Moment::START, false), Progress::Reached);
    }

    #[test]
    fn a_third_that_is_silent_excuses_a_standstill() {
        let mut plan = Plan::fair(1, &[10; 3], 2);
        plan.members[2].vices = vec![Vice::Silent];
        let mut judge = liveness(&plan);
        judge.healed(Moment::START);
        let end = Moment::from_millis(3_600_000);
        assert_eq!(judge.progress(end, false), Progress::Excused);
    }

    #[test]
    fn rounds_of_the_rotation_are_counted_until_enough_correct_proposers() {
        let members: Vec<_> = (1..=4).map(|it| (types::PublicKey([it; 32]), 10)).collect();
        let rotation = Rotation::first(&members);
        let one = members[0].0.address();
        assert_eq!(rounds_until(&rotation, 3, |_| true), 3);
        assert_eq!(rounds_until(&rotation, 3, |it| *it != one), 4);
        assert_eq!(rounds_until(&rotation, 2, |it| *it == one), 8);
    }
}
