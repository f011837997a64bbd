//! Draws a plan from a seed, the swarm way: each class of faults is present in half of the seeds,
//! and how strong it is has any order of magnitude, so that seeds differ much from each other.
//! That finds deep faults in far fewer seeds than the same mean weather for all.

mod faults;
mod links;
mod powers;
mod whole;

use super::fault::FaultClass;
use super::network::NetworkPlan;
use super::shape::{Shape, ShapeError, Signatures, Terrain};
use super::{MachineKind, MachinePlan, MemberPlan, PLAN_VERSION, Plan, Vice, WaitsPlan};
use crate::chance::Chance;

/// Streams of chance of a draw, so that what is drawn in one does not disturb the others. Each
/// class of faults has one from the last on.
mod stream {
    pub const PROFILE: u64 = 10;
    pub const POWERS: u64 = 11;
    pub const MACHINE: u64 = 12;
    pub const BYZANTINE: u64 = 13;
    pub const NETWORK: u64 = 14;
    pub const WAITS: u64 = 15;
    pub const MEMBERS: u64 = 16;
    pub const PRESENT: u64 = 17;
    pub const CLASSES: u64 = 100;
}

/// What a vote takes on the wire, with its frame and what is said about it.
const VOTE_BYTES: u64 = 512;
/// What a block of the workload takes on the wire, at most.
const BLOCK_BYTES: u64 = 4096;

/// Who may be absent for ever or lie, without the others standing still.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lost {
    /// Those that have vices.
    vicious: Vec<usize>,
    /// Who forgets what it has signed.
    amnesiac: Option<usize>,
    /// Whose data folder may be wiped: it votes again only once the others have got on.
    wiped: Vec<usize>,
}

/// What the rest of a draw depends on.
struct Profile {
    /// What is present of the faults.
    present: Vec<FaultClass>,
    /// Gossip is late, thin and lossy.
    poor_gossip: bool,
    heights: u64,
}

impl Plan {
    /// The plan of a seed.
    ///
    /// # Errors
    /// If no plan has this shape.
    pub fn draw(seed: u64, shape: &Shape) -> Result<Self, ShapeError> {
        shape.check()?;
        if shape.whole { Self::draw_whole(seed, shape) } else { Self::draw_light(seed, shape) }
    }

    fn draw_light(seed: u64, shape: &Shape) -> Result<Self, ShapeError> {
        let profile = Profile::draw(seed, shape);
        let machine = shape.machine.clone().unwrap_or_else(|| machine(seed));
        let powers = powers::draw(&mut Chance::of(seed, stream::POWERS), shape)?;
        let lost = powers::lost(seed, shape, &powers, &machine, &profile)?;
        let members = members(seed, shape, &profile, powers.len(), &lost);
        let network = links::draw(seed, shape, &profile, &members);
        let unit_micros = network.slowest_micros()
            + network.crowd_micros(members.len() as u64)
            + machine.step_micros();
        let waits = waits(seed, &profile, unit_micros);
        let real_signatures = match shape.signatures {
            Signatures::StandIns => false,
            Signatures::OneIn100 => Chance::of(seed, stream::PROFILE).below(100) == 0,
            Signatures::Real => true,
        };
        // A real signature costs as much as a hundred stand-ins.
        let fewer = if real_signatures { profile.heights.div_ceil(10) } else { profile.heights };
        let heights = shape.heights.unwrap_or(fewer);
        let mut plan = Self {
            version: PLAN_VERSION,
            seed,
            powers,
            members,
            heights,
            network,
            faults: vec![],
            machine,
            waits,
            real_signatures,
        };
        plan.faults = faults::draw(&plan, &profile, &lost);
        Ok(plan)
    }

    /// About how long a height takes in fair weather, in milliseconds.
    pub fn pace_ms(&self) -> u64 {
        let crowd_micros = self.network.crowd_micros(self.members.len() as u64);
        let steps = 3 * (self.network.slowest_micros() + self.machine.step_micros()) + crowd_micros;
        self.waits.commit + steps.div_ceil(1000).max(1)
    }
}

impl NetworkPlan {
    /// The longest that a message is under way in fair weather, in microseconds.
    pub fn slowest_micros(&self) -> u64 {
        self.delay_micros + self.jitter_micros + self.distances.longest()
    }

    /// About how long the messages of a round among so many take through the lines of a member who
    /// hands all of them on, in microseconds.
    fn crowd_micros(&self, count: u64) -> u64 {
        let Some(lines) = &self.bandwidth else { return 0 };
        let to_one = BLOCK_BYTES + 2 * count * VOTE_BYTES;
        to_one * 1_000_000 / lines.link + count * to_one * 1_000_000 / lines.uplink
    }
}

impl MachinePlan {
    /// The longest that a member takes for a step in fair weather, in microseconds.
    pub fn step_micros(&self) -> u64 {
        let own = self.sync_micros + self.sign_micros + self.answer_micros;
        match &self.kind {
            MachineKind::Light | MachineKind::Modelled(_) => own,
            // The outcome and the state are synced, too.
            MachineKind::Whole(whole) => {
                own + 2 * self.sync_micros + whole.application.height_micros()
            }
        }
    }
}

impl Profile {
    fn draw(seed: u64, shape: &Shape) -> Self {
        let mut chance = Chance::of(seed, stream::PRESENT);
        // Drawn for all, so that a class is present or not whatever else is allowed.
        let drawn: Vec<FaultClass> = FaultClass::all().filter(|_| chance.coin()).collect();
        let mut present: Vec<FaultClass> =
            drawn.into_iter().filter(|class| shape.faults.contains(class)).collect();
        let poor_gossip = chance.permille(125);
        let loss = FaultClass::Loss;
        if poor_gossip && shape.faults.contains(&loss) && !present.contains(&loss) {
            present.push(loss);
        }
        let heights = chance.between(20, 50);
        Self { present, poor_gossip, heights }
    }

    fn has(&self, class: FaultClass) -> bool {
        self.present.contains(&class)
    }
}

fn machine(seed: u64) -> MachinePlan {
    let mut chance = Chance::of(seed, stream::MACHINE);
    let mut sometimes = |micros: u64| {
        let drawn = chance.log_between(1, micros);
        if chance.coin() { drawn } else { 0 }
    };
    let (sync_micros, sign_micros) = (sometimes(20_000), sometimes(5_000));
    let answer_micros = sometimes(50_000);
    let rejects = chance.log_between(1, 200);
    let extensions_from = chance.between(1, 10);
    let updates_every = chance.between(1, 12);
    MachinePlan {
        sync_micros,
        sign_micros,
        answer_micros,
        rejects_permille: if chance.permille(250) { rejects } else { 0 },
        extensions_from: chance.permille(250).then_some(extensions_from),
        updates_every: chance.permille(333).then_some(updates_every),
        kind: MachineKind::Light,
    }
}

fn members(
    seed: u64,
    shape: &Shape,
    profile: &Profile,
    validators: usize,
    lost: &Lost,
) -> Vec<MemberPlan> {
    let mut chance = Chance::of(seed, stream::MEMBERS);
    let drawn = if chance.permille(300) { chance.between(1, 2) } else { 0 };
    let drawn = usize::try_from(drawn).expect("one or two");
    let full_nodes = shape.full_nodes.unwrap_or(drawn);
    // A third can take everybody to the last round there is, and to find out whose turn it is there
    // takes a step for each round: minutes, here as in the reference.
    let bearable = |vice: &Vice| !shape.beyond_a_third || *vice != Vice::FarVotes;
    let allowed: Vec<Vice> = shape.vices.iter().copied().filter(bearable).collect();
    let mut member = |number: usize| {
        let mut vices = vec![];
        if lost.vicious.contains(&number) {
            vices.clone_from(&allowed);
            chance.shuffle(&mut vices);
            let count = chance.log_between(1, 4);
            vices.truncate(usize::try_from(count).expect("up to four"));
        }
        let (mut skew_micros, mut drift_ppm) = (0, 0);
        if profile.has(FaultClass::ClockDrift) {
            skew_micros = signed(&mut chance, 60_000_000);
            drift_ppm = signed(&mut chance, 50_000);
        }
        let key = (number < validators).then_some(number);
        MemberPlan { key, skew_micros, drift_ppm, vices }
    };
    (0..validators + full_nodes).map(&mut member).collect()
}

/// Waits in proportion to how long messages take, from far too short (rounds grow them) to ample.
fn waits(seed: u64, profile: &Profile, unit_micros: u64) -> WaitsPlan {
    let mut chance = Chance::of(seed, stream::WAITS);
    let unit = unit_micros.div_ceil(1000).max(1);
    let mut quarters = |low: u64, high: u64| {
        let quarters = chance.log_between(low * 4, high * 4);
        (unit * quarters / 4).max(1)
    };
    let gossip = if profile.poor_gossip { quarters(40, 200) } else { quarters(2, 50) };
    let relay = if profile.poor_gossip { 1 } else { quarters(1, 10) };
    let commit = quarters(1, 20);
    WaitsPlan {
        propose: quarters(2, 40),
        prevote: quarters(1, 10),
        precommit: quarters(1, 10),
        delta: quarters(1, 8),
        gossip,
        relay,
        catch_up: quarters(10, 100),
        commit: if chance.coin() { commit } else { 0 },
        skip_commit: false,
    }
}

/// A number of any magnitude up to `greatest`, or as much below zero.
fn signed(chance: &mut Chance, greatest: u64) -> i64 {
    let drawn = chance.log_between(1, greatest);
    let drawn = i64::try_from(drawn).expect("far from the limit");
    if chance.coin() { drawn } else { -drawn }
}

/// The table of the world, or the one that is asked for.
fn is_local(chance: &mut Chance, terrain: &Terrain) -> bool {
    match terrain {
        Terrain::Any => chance.permille(700),
        Terrain::Lan => true,
        Terrain::Wan | Terrain::Table(_) => false,
    }
}
