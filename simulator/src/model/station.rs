//! A thread or a disk of a modelled node: it does one thing after the other, and each takes time.

use crate::moment::Moment;

/// One thread, or the disk.
#[derive(Clone, Copy, Debug, Default)]
pub struct Station {
    /// It is at work until then.
    free: Moment,
    /// How long it has worked, in nanoseconds.
    busy_nanos: u64,
}

impl Station {
    /// Does something that takes so long, once all that came before is done. Returns when it is
    /// done.
    pub fn work(&mut self, at: Moment, nanos: u64) -> Moment {
        self.free = self.free.max(at).after_nanos(nanos);
        self.busy_nanos += nanos;
        self.free
    }

    /// Does nothing else until then: it waits for something.
    pub fn wait(&mut self, until: Moment) {
        self.free = self.free.max(until);
    }

    /// When it has nothing to do.
    pub fn free(&self) -> Moment {
        self.free
    }

    /// How long it has worked since this was forgotten last, in nanoseconds.
    pub fn busy_nanos(&self) -> u64 {
        self.busy_nanos
    }

    /// From now on counts anew.
    pub fn forget(&mut self) {
        self.busy_nanos = 0;
    }
}

/// All that a node has to work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// The thread of the replica.
    Replica,
    /// The threads that decode messages and check signatures.
    Verifier,
    /// The thread that asks the application about blocks.
    Application,
    /// The thread that asks the application about transactions, and gossips them.
    Admission,
    /// The threads of the network.
    Network,
    /// The disk.
    Disk,
    /// The way out.
    Uplink,
    /// The way in.
    Downlink,
}

impl Resource {
    /// All, in the order of tables.
    pub const ALL: [Resource; 8] = [
        Resource::Replica,
        Resource::Verifier,
        Resource::Application,
        Resource::Admission,
        Resource::Network,
        Resource::Disk,
        Resource::Uplink,
        Resource::Downlink,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Replica => "replica",
            Resource::Verifier => "verifier",
            Resource::Application => "application",
            Resource::Admission => "admission",
            Resource::Network => "network",
            Resource::Disk => "disk",
            Resource::Uplink => "uplink",
            Resource::Downlink => "downlink",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_done_after_the_other() {
        let mut station = Station::default();
        assert_eq!(station.work(Moment(10), 5), Moment(15));
        assert_eq!(station.work(Moment(11), 5), Moment(20));
        assert_eq!(station.work(Moment(30), 5), Moment(35));
        assert_eq!((station.free(), station.busy_nanos()), (Moment(35), 15));
        station.forget();
        assert_eq!(station.busy_nanos(), 0);
    }
}
