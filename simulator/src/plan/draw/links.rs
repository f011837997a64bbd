//! Draws how messages travel, and who is connected with whom.

use super::{Profile, is_local, stream};
use crate::chance::Chance;
use crate::network::regions;
use crate::plan::MemberPlan;
use crate::plan::fault::FaultClass;
use crate::plan::network::{Bandwidth, Distances, NetworkPlan};
use crate::plan::shape::{Shape, Terrain};

/// The network in fair weather.
pub(super) fn draw(
    seed: u64,
    shape: &Shape,
    profile: &Profile,
    members: &[MemberPlan],
) -> NetworkPlan {
    let mut chance = Chance::of(seed, stream::NETWORK);
    let local = is_local(&mut chance, &shape.network);
    let (delay_micros, jitter_micros) = (chance.log_between(50, 5000), chance.log_between(1, 5000));
    let ordered = chance.permille(700);
    let silence_ms = if chance.coin() { 0 } else { chance.log_between(10, 10_000) };
    let mut plan = NetworkPlan {
        delay_micros,
        jitter_micros: if chance.coin() { jitter_micros } else { 0 },
        ordered,
        distances: Distances::default(),
        bandwidth: bandwidth(&mut chance, profile),
        links: None,
        silence_ms,
    };
    if !local {
        plan.distances = distances(&mut chance, &shape.network, members.len());
        if let Terrain::Table(table) = &shape.network {
            (plan.delay_micros, plan.jitter_micros) = (0, table.jitter_ms * 1000);
        }
    }
    plan.links = topology(&mut chance, profile, members);
    plan
}

fn bandwidth(chance: &mut Chance, profile: &Profile) -> Option<Bandwidth> {
    let uplink = chance.log_between(1_000_000, 1_000_000_000);
    let downlink = uplink * chance.between(1, 4);
    let link = uplink / chance.between(1, 4);
    let waiting_max = chance.log_between(1 << 18, 1 << 25);
    let wanted = chance.permille(250) || profile.has(FaultClass::Narrow);
    wanted.then_some(Bandwidth { uplink, downlink, link, waiting_max })
}

fn distances(chance: &mut Chance, terrain: &Terrain, count: usize) -> Distances {
    if let Terrain::Table(table) = terrain {
        let places = (0..count).map(|member| member % table.places.len()).collect();
        let row = |row: &Vec<u64>| row.iter().map(|ms| ms * 1000).collect();
        return Distances { places, micros: table.one_way_ms.iter().map(row).collect() };
    }
    let places = (0..count).map(|_| chance.index(regions::COUNT)).collect();
    let row = |from: usize| (0..regions::COUNT).map(move |to| regions::one_way_micros(from, to));
    let micros = (0..regions::COUNT).map(|from| row(from).collect()).collect();
    Distances { places, micros }
}

/// Everybody with everybody, a sparse graph, or validators behind full nodes.
fn topology(
    chance: &mut Chance,
    profile: &Profile,
    members: &[MemberPlan],
) -> Option<Vec<(usize, usize)>> {
    let count = members.len();
    let sparse = chance.permille(150);
    let sentries = chance.permille(300);
    let degree = chance.between(2, 3);
    let full_nodes: Vec<usize> = (0..count).filter(|&it| members[it].key.is_none()).collect();
    if profile.poor_gossip {
        return Some(graph(chance, members, 2));
    }
    if sentries && !full_nodes.is_empty() {
        return Some(behind(chance, members, &full_nodes));
    }
    sparse.then(|| graph(chance, members, usize::try_from(degree).expect("two or three")))
}

/// A connected graph in which members have about so many neighbours. Honest members are connected
/// without the help of others, who may say nothing.
fn graph(chance: &mut Chance, members: &[MemberPlan], degree: usize) -> Vec<(usize, usize)> {
    let count = members.len();
    let mut order: Vec<usize> = (0..count).collect();
    chance.shuffle(&mut order);
    order.sort_by_key(|&it| !members[it].vices.is_empty());
    let mut links = vec![];
    for (place, &member) in order.iter().enumerate().skip(1) {
        let honest = order[..place].iter().filter(|&&it| members[it].vices.is_empty()).count();
        let other = order[chance.index(honest.max(1))];
        links.push((member.min(other), member.max(other)));
    }
    let mut tries = count * degree;
    while links.len() < count * degree / 2 && 0 < tries {
        tries -= 1;
        let (a, b) = (chance.index(count), chance.index(count));
        let link = (a.min(b), a.max(b));
        if a != b && !links.contains(&link) {
            links.push(link);
        }
    }
    links.sort_unstable();
    links
}

/// Validators are connected with one or two full nodes each, and full nodes with each other.
fn behind(
    chance: &mut Chance,
    members: &[MemberPlan],
    full_nodes: &[usize],
) -> Vec<(usize, usize)> {
    let mut links = vec![];
    for (member, plan) in members.iter().enumerate() {
        for &sentry in full_nodes {
            let wanted = plan.key.is_none() && member < sentry;
            if wanted || plan.key.is_some() && chance.permille(600) {
                links.push((member.min(sentry), member.max(sentry)));
            }
        }
        if plan.key.is_some() && !links.iter().any(|&(a, b)| a == member || b == member) {
            let sentry = chance.pick(full_nodes);
            links.push((member.min(sentry), member.max(sentry)));
        }
    }
    links.sort_unstable();
    links
}
