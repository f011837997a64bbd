//! What is measured of a modelled network: when blocks are decided and transactions executed, from
//! the last block of the warm-up to the last of the run.

use types::Block;

use crate::moment::Moment;
use crate::plan::Plan;
use crate::plan::model::ModelPlan;

/// One height.
#[derive(Clone, Copy, Debug, Default)]
struct HeightTimes {
    /// How many members have its block on their disks.
    members: usize,
    /// When every other member had.
    decided: Option<Moment>,
    /// In which round it was decided.
    round: u32,
    /// Transactions in its block.
    txs: u64,
    /// Bytes of them.
    bytes: u64,
}

/// Looks at the clock.
#[derive(Debug)]
pub struct Meter {
    members: usize,
    warm_up: u64,
    goal: u64,
    /// By height; the first is 1.
    heights: Vec<HeightTimes>,
    /// When each member began to wait for a proposal of the height it is at.
    entered: Vec<(u64, Moment)>,
    /// From there to the block on the disk, in nanoseconds.
    pub decides: Vec<u64>,
    /// From sending to execution where it was sent, in nanoseconds.
    pub latencies: Vec<u64>,
    /// Transactions that found no room.
    pub refused: u64,
    begun: Option<Moment>,
    ended: Option<Moment>,
    /// The measurement has begun, and nobody has asked yet.
    begins: bool,
}

impl Meter {
    /// Nothing has happened.
    pub fn new(plan: &Plan, model: &ModelPlan) -> Self {
        let members = plan.members.len();
        let heights = usize::try_from(plan.heights).expect("heights fit the machine");
        Self {
            members,
            warm_up: model.warm_up,
            goal: plan.heights,
            heights: vec![HeightTimes::default(); heights],
            entered: vec![(0, Moment::START); members],
            decides: vec![],
            latencies: vec![],
            refused: 0,
            begun: None,
            ended: None,
            begins: false,
        }
    }

    /// A member waits for a proposal; the first round of a height counts.
    pub fn entered(&mut self, member: usize, height: u64, now: Moment) {
        if self.entered[member].0 < height {
            self.entered[member] = (height, now);
        }
    }

    /// A member has a block on its disk.
    pub fn decided(&mut self, member: usize, (block, round): (&Block, u32), now: Moment) {
        let height = block.header.height.0;
        let measures = self.is_measuring();
        let Some(times) = self.times_mut(height) else { return };
        times.members += 1;
        if times.members == 1 {
            times.round = round;
            times.txs = length(block.txs.len());
            times.bytes = block.txs.iter().map(|tx| length(tx.len())).sum();
        }
        let half = times.members;
        if self.members < 2 * half && self.times(height).is_some_and(|it| it.decided.is_none()) {
            let times = self.times_mut(height).expect("it is there");
            times.decided = Some(now);
            self.reached(height, now);
        }
        let (entered, since) = self.entered[member];
        if measures && entered == height {
            self.decides.push(now.0.saturating_sub(since.0));
        }
    }

    fn reached(&mut self, height: u64, now: Moment) {
        if height == self.warm_up {
            (self.begun, self.begins) = (Some(now), true);
        }
        if height == self.goal {
            self.ended = Some(now);
        }
    }

    /// A member has executed a transaction that it was sent then.
    pub fn executed(&mut self, sent: Moment, now: Moment) {
        if self.is_measuring() {
            self.latencies.push(now.0.saturating_sub(sent.0));
        }
    }

    /// A transaction found no room.
    pub fn refused(&mut self) {
        self.refused += u64::from(self.is_measuring());
    }

    /// Whether the measurement has just begun: then all that was counted before is to be forgotten.
    pub fn begins(&mut self) -> bool {
        std::mem::take(&mut self.begins)
    }

    /// Whether there is nothing more to measure.
    pub fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    fn is_measuring(&self) -> bool {
        self.begun.is_some() && self.ended.is_none()
    }

    /// Heights that every other member has decided.
    pub fn height(&self) -> u64 {
        length(self.heights.iter().take_while(|it| it.decided.is_some()).count())
    }

    /// How long was measured, in nanoseconds; 0 if it has not begun.
    pub fn lasted_nanos(&self, now: Moment) -> u64 {
        let (Some(begun), ended) = (self.begun, self.ended.unwrap_or(now)) else { return 0 };
        ended.0.saturating_sub(begun.0)
    }

    /// Between blocks, in nanoseconds.
    pub fn block_nanos(&self) -> Vec<u64> {
        let first = usize::try_from(self.warm_up).unwrap_or(usize::MAX).saturating_sub(1);
        let times: Vec<u64> =
            self.heights.iter().skip(first).map_while(|it| Some(it.decided?.0)).collect();
        times.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).collect()
    }

    /// Of the heights that were measured: how many there are, their rounds (a first round counts as
    /// 1), their transactions, and the bytes of those.
    pub fn totals(&self) -> (u64, u64, u64, u64) {
        let first = usize::try_from(self.warm_up).unwrap_or(usize::MAX);
        let measured = self.heights.iter().skip(first).take_while(|it| it.decided.is_some());
        measured.fold((0, 0, 0, 0), |(heights, rounds, txs, bytes), it| {
            (heights + 1, rounds + u64::from(it.round) + 1, txs + it.txs, bytes + it.bytes)
        })
    }

    fn times(&self, height: u64) -> Option<&HeightTimes> {
        self.heights.get(usize::try_from(height.checked_sub(1)?).ok()?)
    }

    fn times_mut(&mut self, height: u64) -> Option<&mut HeightTimes> {
        self.heights.get_mut(usize::try_from(height.checked_sub(1)?).ok()?)
    }
}

fn length(count: usize) -> u64 {
    u64::try_from(count).expect("counts fit 64 bits")
}
