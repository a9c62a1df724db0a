//! Failed authentications, by address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::bounds::{FAILURE_ADDRESSES, FAILURE_WINDOW, FAILURES, FAILURES_OF_SITE};
use super::{Channel, Problem, ProblemKind};

/// Failed authentications by what was presented.
///
/// A good token is good whatever went before it: its 256 bits cannot be guessed at any rate, and on a listener whose
/// callers all share the loopback address a lock-out would be a weapon against the operator. A password can be guessed:
/// after too many failures none is looked at. So the two are counted apart: a program that goes on with a revoked token
/// keeps nobody from signing in.
#[derive(Default)]
pub(super) struct Failures {
    /// Passwords.
    pub(super) passwords: Counts,
    /// Tokens, with requests and in the form.
    pub(super) tokens: Counts,
    /// Ways to a provider of identities and back.
    pub(super) visits: Counts,
}

/// Failures by address; of IPv6 by /64, which one customer has whole, and by /48, which one may have.
#[derive(Default)]
pub(super) struct Counts(Mutex<HashMap<Source, Count>>);

/// Where failures come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    Socket,
    /// An IPv4 address, or an IPv6 /64.
    Party(IpAddr),
    /// An IPv6 /48.
    Site(Ipv6Addr),
}

#[derive(Clone, Copy, Debug)]
struct Count {
    since: Instant,
    failures: u32,
}

/// What a failure comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It is told what is wrong.
    Told,
    /// There were too many from there.
    TooMany,
}

/// A try that counts as failed until it is known to be good: who goes away before that has not tried for nothing.
pub(super) struct Attempt<'c> {
    counts: &'c Counts,
    counted: Vec<(Source, Instant)>,
}

impl Counts {
    /// Counts a failure.
    pub(super) fn judge(&self, channel: Channel, now: Instant) -> Judgement {
        let mut counts = self.counts();
        let mut judgement = Judgement::Told;
        for source in sources(channel) {
            if count(&mut counts, source, now).failures > source.bound() {
                judgement = Judgement::TooMany;
            }
        }
        judgement
    }

    /// Counts what is about to be looked at; `None` where so many failed from there that it is not.
    pub(super) fn attempt(&self, channel: Channel, now: Instant) -> Option<Attempt<'_>> {
        let sources = sources(channel);
        let mut counts = self.counts();
        let is_full = |source: &Source| {
            counts.get(source).is_some_and(|count| !count.is_over(now) && count.failures >= source.bound())
        };
        if sources.iter().any(is_full) {
            return None;
        }
        let counted = sources.into_iter().map(|source| (source, count(&mut counts, source, now).since)).collect();
        drop(counts);
        Some(Attempt { counts: self, counted })
    }

    fn counts(&self) -> MutexGuard<'_, HashMap<Source, Count>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// It did not fail.
    pub(super) fn take_back(self) {
        let mut counts = self.counts.counts();
        for (source, since) in self.counted {
            // A window that began since has not counted it.
            if let Some(count) = counts.get_mut(&source).filter(|count| count.since == since) {
                count.failures = count.failures.saturating_sub(1);
                if count.failures == 0 {
                    counts.remove(&source);
                }
            }
        }
    }
}

impl Count {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= FAILURE_WINDOW
    }
}

impl Source {
    /// How many failures in [`FAILURE_WINDOW`] are not too many.
    const fn bound(self) -> u32 {
        match self {
            Self::Socket | Self::Party(_) => FAILURES,
            Self::Site(_) => FAILURES_OF_SITE,
        }
    }
}

/// One more failure of `source`. Where the table is full, whoever failed least makes room, and of those who failed longest ago:
/// a crowd of strangers neither locks others out nor has those forgotten who guess.
fn count(counts: &mut HashMap<Source, Count>, source: Source, now: Instant) -> Count {
    if counts.len() >= FAILURE_ADDRESSES && !counts.contains_key(&source) {
        counts.retain(|_, count| !count.is_over(now));
        if counts.len() >= FAILURE_ADDRESSES {
            let least = counts.iter().min_by_key(|(_, count)| (count.failures, count.since));
            if let Some(least) = least.map(|(source, _)| *source) {
                counts.remove(&least);
            }
        }
    }
    let count = counts.entry(source).or_insert(Count { since: now, failures: 0 });
    if count.is_over(now) {
        *count = Count { since: now, failures: 0 };
    }
    count.failures = count.failures.saturating_add(1);
    *count
}

fn sources(channel: Channel) -> Vec<Source> {
    match (network(channel), channel) {
        (Some(party), Channel::Tcp { peer: IpAddr::V6(address) }) => {
            vec![Source::Party(party), Source::Site(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 80)))]
        }
        (Some(party), _) => vec![Source::Party(party)],
        (None, _) => vec![Source::Socket],
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
        let counts = Counts::default();
        let (channel, other, start) = (from("192.0.2.1"), from("192.0.2.2"), Instant::now());
        for _ in 0..FAILURES {
            assert_eq!(counts.judge(channel, start), Judgement::Told);
        }
        assert!(counts.attempt(channel, start).is_none() && counts.attempt(other, start).is_some());
        assert_eq!(counts.judge(channel, start), Judgement::TooMany);
        assert_eq!(counts.judge(other, start), Judgement::Told);
        assert!(counts.attempt(channel, start + FAILURE_WINDOW).is_some());
        assert_eq!(counts.judge(channel, start + FAILURE_WINDOW), Judgement::Told);
    }

    #[test]
    fn an_attempt_counts_until_it_is_good() {
        let counts = Counts::default();
        let (channel, start) = (from("2001:db8::1"), Instant::now());
        for _ in 0..10 * FAILURES {
            counts.attempt(channel, start).unwrap().take_back();
        }
        assert!(counts.counts().is_empty(), "nothing is kept of who did not fail");
        for _ in 0..FAILURES {
            // Whoever asked has gone.
            drop(counts.attempt(channel, start).unwrap());
        }
        assert!(counts.attempt(channel, start).is_none());
        // One of the last minute takes nothing from this one.
        let counts = Counts::default();
        let late = counts.attempt(channel, start).unwrap();
        let now = start + FAILURE_WINDOW;
        for _ in 0..FAILURES {
            counts.judge(channel, now);
        }
        late.take_back();
        assert!(counts.attempt(channel, now).is_none());
    }

    #[test]
    fn who_has_a_network_to_himself_has_one_count() {
        let (counts, start) = (Counts::default(), Instant::now());
        for host in 0..FAILURES {
            counts.judge(from(&format!("2001:db8:0:1::{host}")), start);
        }
        assert!(counts.attempt(from("2001:db8:0:1::ffff"), start).is_none());
        assert!(counts.attempt(from("2001:db8:0:2::1"), start).is_some());
        for subnet in 0..FAILURES_OF_SITE {
            counts.judge(from(&format!("2001:db8:1:{subnet:x}::1")), start);
        }
        assert!(counts.attempt(from("2001:db8:1:ffff::1"), start).is_none(), "all of a /48");
        assert!(counts.attempt(from("2001:db8:2:ffff::1"), start).is_some());
    }

    #[test]
    fn a_crowd_takes_bounded_memory_and_locks_nobody_out() {
        let (counts, start) = (Counts::default(), Instant::now());
        let guesser = from("198.51.100.1");
        for _ in 0..FAILURES {
            counts.judge(guesser, start);
        }
        for address in 0..(FAILURE_ADDRESSES as u32 + 100) {
            counts.judge(Channel::Tcp { peer: std::net::Ipv4Addr::from(address).into() }, start);
        }
        assert_eq!(counts.counts().len(), FAILURE_ADDRESSES);
        assert!(counts.attempt(from("198.51.100.2"), start).is_some(), "a stranger is looked at");
        assert!(counts.attempt(guesser, start).is_none(), "a guesser is not forgotten");
    }
}
