//! Failed authentications, by address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::bounds::{FAILURE_ADDRESSES, FAILURE_WINDOW, FAILURES, REFUSALS_JOURNALLED};
use super::{Channel, Problem, ProblemKind};

/// Failed authentications by address; of IPv6 by /64, which one customer has whole.
///
/// A good token is good whatever went before it: its 256 bits cannot be guessed at any rate, and on a listener whose
/// callers all share the loopback address a lock-out would be a weapon against the operator. A password can be guessed:
/// after too many failures none is looked at.
#[derive(Default)]
pub(super) struct Failures {
    counts: Mutex<HashMap<Option<IpAddr>, (Instant, u32)>>,
    journalled: Mutex<Option<(Instant, u32)>>,
}

/// What a failure comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is told what is wrong.
    Told,
    /// There were too many from there.
    TooMany,
}

impl Failures {
    /// Counts a failure.
    pub(super) fn judge(&self, channel: Channel, now: Instant) -> Judgement {
        let peer = network(channel);
        let mut counts = self.counts();
        if counts.len() >= FAILURE_ADDRESSES {
            counts.retain(|_, (since, _)| now.saturating_duration_since(*since) < FAILURE_WINDOW);
        }
        if counts.len() >= FAILURE_ADDRESSES && !counts.contains_key(&peer) {
            return Judgement::TooMany;
        }
        let (since, count) = counts.entry(peer).or_insert((now, 0));
        if now.saturating_duration_since(*since) >= FAILURE_WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        if *count > FAILURES { Judgement::TooMany } else { Judgement::Told }
    }

    /// Whether so many came from there that a guess is not looked at.
    pub(super) fn are_too_many(&self, channel: Channel, now: Instant) -> bool {
        let counts = self.counts();
        match counts.get(&network(channel)) {
            Some((since, count)) => now.saturating_duration_since(*since) < FAILURE_WINDOW && *count >= FAILURES,
            None => {
                let recent = |(since, _): &&(Instant, u32)| now.saturating_duration_since(*since) < FAILURE_WINDOW;
                counts.len() >= FAILURE_ADDRESSES && counts.values().filter(recent).count() >= FAILURE_ADDRESSES
            }
        }
    }

    /// Whether one more refusal goes into the journal, which a crowd of guessers must not fill.
    pub(super) fn may_journal(&self, now: Instant) -> bool {
        let mut journalled = self.journalled.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = journalled.get_or_insert((now, 0));
        if now.saturating_duration_since(*since) >= FAILURE_WINDOW {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        *count <= REFUSALS_JOURNALLED
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Option<IpAddr>, (Instant, u32)>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one party has for itself of the address space.
pub(super) fn network(channel: Channel) -> Option<IpAddr> {
    match channel {
        Channel::Tcp { peer: IpAddr::V6(address) } => {
            Some(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into())
        }
        Channel::Tcp { peer } => Some(peer),
        Channel::Socket { .. } => None,
    }
}

/// What is answered where there were too many.
pub(super) fn too_many() -> Problem {
    Problem::new(ProblemKind::TooMany, "too many failed authentications from this address")
        .with_remedy("wait a minute and use a good token or password")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(peer: &str) -> Channel {
        Channel::Tcp { peer: peer.parse().unwrap() }
    }

    #[test]
    fn the_sixth_failure_in_a_minute_is_told_so() {
        let failures = Failures::default();
        let (channel, other, start) = (from("192.0.2.1"), from("192.0.2.2"), Instant::now());
        for _ in 0..FAILURES {
            assert!(!failures.are_too_many(channel, start));
            assert_eq!(failures.judge(channel, start), Judgement::Told);
        }
        assert!(failures.are_too_many(channel, start) && !failures.are_too_many(other, start));
        assert_eq!(failures.judge(channel, start), Judgement::TooMany);
        assert_eq!(failures.judge(other, start), Judgement::Told);
        assert!(!failures.are_too_many(channel, start + FAILURE_WINDOW));
        assert_eq!(failures.judge(channel, start + FAILURE_WINDOW), Judgement::Told);
    }

    #[test]
    fn who_has_a_network_to_himself_has_one_count() {
        let (failures, start) = (Failures::default(), Instant::now());
        for host in 0..FAILURES {
            failures.judge(from(&format!("2001:db8:0:1::{host}")), start);
        }
        assert!(failures.are_too_many(from("2001:db8:0:1::ffff"), start));
        assert!(!failures.are_too_many(from("2001:db8:0:2::1"), start));
    }

    #[test]
    fn failures_of_many_addresses_take_bounded_memory_and_little_of_the_journal() {
        let (failures, start) = (Failures::default(), Instant::now());
        let mut journalled = 0;
        for address in 0..(FAILURE_ADDRESSES as u32 + 100) {
            failures.judge(Channel::Tcp { peer: std::net::Ipv4Addr::from(address).into() }, start);
            journalled += u32::from(failures.may_journal(start));
        }
        assert_eq!(failures.counts().len(), FAILURE_ADDRESSES);
        assert_eq!(journalled, REFUSALS_JOURNALLED);
        assert!(failures.are_too_many(from("198.51.100.1"), start));
        assert!(failures.may_journal(start + FAILURE_WINDOW));
    }
}
