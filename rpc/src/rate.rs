//! How many requests an address may send a second, if the operator has set a limit.
//!
//! Of each address one instant is kept: when all that it has sent would be done if each request
//! took its share of a second. An address may be a second ahead. (This is the generic cell rate
//! algorithm.) When many addresses come, those that came longest ago are forgotten, so that
//! addresses cost no more memory than a limit allows.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most addresses of one generation; two are remembered.
const CLIENTS_MAX: usize = 16_384;
/// How far ahead an address may be.
const BURST: Duration = Duration::from_secs(1);
/// What all of an IPv6 network's addresses have in common: its owner has them all.
const NETWORK_OF_IPV6: u128 = !0 << 64;

/// The limit for each address.
#[derive(Debug)]
pub struct Limit {
    /// What one request takes.
    share: Duration,
    clients: Mutex<Generations>,
}

/// When each address is done, for those that came lately and those that came before them.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<IpAddr, Instant>,
    old: HashMap<IpAddr, Instant>,
}

/// The sender of requests, as far as the limit is concerned.
#[derive(Clone, Debug)]
pub struct Client {
    limit: Option<Arc<Limit>>,
    address: IpAddr,
}

/// A request too many.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("too many requests from this address; try again in {} s", .wait_seconds)]
pub struct TooMany {
    /// After so many seconds there will be room for one.
    pub wait_seconds: u64,
}

impl Limit {
    /// So many a second.
    pub fn new(per_second: NonZeroU32) -> Self {
        Self { share: BURST / per_second.get(), clients: Mutex::default() }
    }

    fn charge(&self, address: IpAddr, now: Instant) -> Result<(), TooMany> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let done = clients.take(&address).map_or(now, |done| done.max(now));
        let ahead = done.saturating_duration_since(now);
        if BURST < ahead + self.share {
            clients.put(address, done);
            let wait = ahead + self.share - BURST;
            return Err(TooMany { wait_seconds: wait.as_secs_f64().ceil().max(1.0) as u64 });
        }
        clients.put(address, done + self.share);
        Ok(())
    }

    fn charge_more(&self, address: IpAddr, count: usize, now: Instant) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let done = clients.take(&address).map_or(now, |done| done.max(now));
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        clients.put(address, done + self.share.saturating_mul(count));
    }
}

impl Generations {
    fn take(&mut self, address: &IpAddr) -> Option<Instant> {
        self.young.remove(address).or_else(|| self.old.remove(address))
    }

    fn put(&mut self, address: IpAddr, done: Instant) {
        if CLIENTS_MAX <= self.young.len() {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(address, done);
    }
}

impl Client {
    /// Whoever is at this address.
    pub fn new(limit: Option<Arc<Limit>>, address: IpAddr) -> Self {
        let address = match address.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & NETWORK_OF_IPV6)),
            ipv4 => ipv4,
        };
        Self { limit, address }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// If it is one too many; then it is not counted.
    pub fn charge(&self) -> Result<(), TooMany> {
        match &self.limit {
            Some(limit) => limit.charge(self.address, Instant::now()),
            None => Ok(()),
        }
    }

    /// Counts the other requests of a batch whose first was let in; they delay the next one.
    pub fn charge_more(&self, count: usize) {
        if let Some(limit) = &self.limit {
            limit.charge_more(self.address, count, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECOND: Duration = Duration::from_millis(1);

    fn limit(per_second: u32) -> Limit {
        Limit::new(NonZeroU32::new(per_second).unwrap())
    }

    #[test]
    fn a_second_passes_at_once_and_more_waits() {
        let (limit, here, there) = (limit(10), [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let start = Instant::now();
        for _ in 0..10 {
            assert_eq!(limit.charge(here, start), Ok(()));
        }
        assert_eq!(limit.charge(here, start), Err(TooMany { wait_seconds: 1 }));
        assert_eq!(limit.charge(there, start), Ok(()), "others have their own");
        assert!(limit.charge(here, start + 99 * MILLISECOND).is_err());
        assert_eq!(limit.charge(here, start + 100 * MILLISECOND), Ok(()));
        // However long nothing came, no more than one second's worth is saved up.
        let later = start + Duration::from_secs(100);
        assert_eq!(limit.charge(here, later), Ok(()));
        limit.charge_more(here, 39, later);
        assert_eq!(limit.charge(here, later), Err(TooMany { wait_seconds: 4 }));
    }

    #[test]
    fn addresses_are_forgotten_before_they_are_too_many() {
        let (limit, now) = (limit(1), Instant::now());
        for number in 0..u32::try_from(5 * CLIENTS_MAX).unwrap() {
            let address = IpAddr::V4(number.into());
            assert_eq!(limit.charge(address, now), Ok(()));
            assert!(limit.charge(address, now).is_err());
        }
        let clients = limit.clients.lock().unwrap();
        assert!(clients.young.len() + clients.old.len() <= 2 * CLIENTS_MAX);
    }

    #[test]
    fn one_network_is_one_client() {
        let at = |text: &str| Client::new(None, text.parse().unwrap()).address;
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
    }
}
