//! What is wrong with the network just now: made anew from all faults under way whenever one
//! begins or ends, so that the end of one never cancels another.

use crate::plan::fault::{FaultClass, FaultKind};

/// What is wrong between two members, one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkWeather {
    /// They cannot be connected, because of this.
    pub broken: Option<FaultClass>,
    /// Messages are lost in silence, because of this.
    pub deaf: Option<FaultClass>,
    /// Messages take longer by so much, in milliseconds.
    pub slow_ms: u64,
}

/// What is wrong with the network, beyond the plan's fair weather.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Messages lost, of a thousand.
    pub loss_permille: u64,
    /// Messages that arrive twice, of a thousand.
    pub duplicate_permille: u64,
    /// Messages take longer by up to so much, in milliseconds.
    pub delay_ms: u64,
    /// What is left of the bandwidth, of a thousand.
    pub bandwidth_permille: u64,
    /// From each member to each; empty if nothing is wrong with any.
    links: Vec<LinkWeather>,
    count: usize,
}

impl Weather {
    /// Fair weather for so many members.
    pub fn fair(count: usize) -> Self {
        Self { bandwidth_permille: 1000, count, ..Self::default() }
    }

    /// From one member to another.
    pub fn link(&self, from: usize, to: usize) -> LinkWeather {
        self.links.get(from * self.count + to).copied().unwrap_or_default()
    }

    /// Whether nothing keeps two members from being connected.
    pub fn may_connect(&self, a: usize, b: usize) -> bool {
        self.link(a, b).broken.is_none() && self.link(b, a).broken.is_none()
    }

    /// A fault is under way, besides those before.
    pub fn add(&mut self, fault: &FaultKind) {
        let class = fault.class();
        match fault {
            FaultKind::Loss { permille } => {
                self.loss_permille = either(self.loss_permille, *permille);
            }
            FaultKind::Duplicate { permille } => {
                self.duplicate_permille = either(self.duplicate_permille, *permille);
            }
            FaultKind::Delay { millis } => self.delay_ms = self.delay_ms.saturating_add(*millis),
            FaultKind::Narrow { permille } => {
                self.bandwidth_permille = (self.bandwidth_permille * permille / 1000).max(1);
            }
            FaultKind::SlowLink { from, to, millis } => {
                let index = from * self.count + to;
                if let Some(link) = self.links_mut().get_mut(index) {
                    link.slow_ms = link.slow_ms.saturating_add(*millis);
                }
            }
            FaultKind::FlappingLink { a, b, .. } => {
                self.block(class, true, |from, to| from == *a && to == *b);
            }
            FaultKind::Churn { member, .. } => {
                self.block(class, true, |from, to| from == *member || to == *member);
            }
            FaultKind::Partition { groups, told } => {
                self.block(class, *told, |from, to| groups[from] != groups[to]);
            }
            FaultKind::OneWay { groups } => {
                self.block(class, false, |from, to| groups[from] < groups[to]);
            }
            FaultKind::Ring { order, told } => {
                self.block(class, *told, |from, to| !are_neighbours(order, from, to));
            }
            FaultKind::Isolation { member, told } => {
                self.block(class, *told, |from, to| from == *member || to == *member);
            }
            FaultKind::Eclipse { member, by } => self.block(class, true, |from, to| {
                from == *member && !by.contains(&to) || to == *member && !by.contains(&from)
            }),
            FaultKind::Crash { .. }
            | FaultKind::CrashAtPoint { .. }
            | FaultKind::CrashAtWrite { .. }
            | FaultKind::Kill { .. }
            | FaultKind::Outage { .. }
            | FaultKind::FailedSync { .. }
            | FaultKind::FullDisk { .. }
            | FaultKind::SlowDisk { .. }
            | FaultKind::Pause { .. }
            | FaultKind::ClockJump { .. }
            | FaultKind::Wipe { .. } => {}
        }
    }

    fn links_mut(&mut self) -> &mut Vec<LinkWeather> {
        if self.links.is_empty() {
            self.links = vec![LinkWeather::default(); self.count * self.count];
        }
        &mut self.links
    }

    fn block(&mut self, class: FaultClass, told: bool, hits: impl Fn(usize, usize) -> bool) {
        let count = self.count;
        let links = self.links_mut();
        for (index, link) in links.iter_mut().enumerate() {
            let (from, to) = (index / count, index % count);
            if from == to || !hits(from, to) {
                continue;
            }
            if told {
                link.broken.get_or_insert(class);
            } else {
                link.deaf.get_or_insert(class);
            }
        }
    }
}

/// The chance that at least one of two things happens, of a thousand.
fn either(one: u64, other: u64) -> u64 {
    let (one, other) = (one.min(1000), other.min(1000));
    one + other - one * other / 1000
}

fn are_neighbours(order: &[usize], a: usize, b: usize) -> bool {
    let place = |member: usize| order.iter().position(|&it| it == member);
    let (Some(a), Some(b)) = (place(a), place(b)) else { return false };
    let apart = a.abs_diff(b);
    apart == 1 || apart + 1 == order.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_of_one_kind_add_up() {
        let mut weather = Weather::fair(4);
        weather.add(&FaultKind::Loss { permille: 100 });
        weather.add(&FaultKind::Loss { permille: 500 });
        assert_eq!(weather.loss_permille, 550);
        weather.add(&FaultKind::Partition { groups: vec![0, 0, 1, 1], told: true });
        weather.add(&FaultKind::Isolation { member: 0, told: true });
        assert!(weather.may_connect(2, 3));
        assert!(!weather.may_connect(0, 1));
        assert!(!weather.may_connect(1, 2));
    }

    #[test]
    fn one_way_is_one_way() {
        let mut weather = Weather::fair(3);
        weather.add(&FaultKind::OneWay { groups: vec![0, 1, 1] });
        assert!(weather.link(0, 1).deaf.is_some());
        assert!(weather.link(1, 0).deaf.is_none());
        assert!(weather.may_connect(0, 1));
    }

    #[test]
    fn everybody_has_two_neighbours_in_a_ring() {
        let mut weather = Weather::fair(5);
        weather.add(&FaultKind::Ring { order: vec![3, 1, 4, 0, 2], told: true });
        for member in 0..5 {
            let near = (0..5).filter(|&it| it != member && weather.may_connect(member, it));
            assert_eq!(near.count(), 2);
        }
    }
}
