//! Response rate limiting: how many responses of one kind a client network gets over UDP.
//!
//! A source address in a datagram can be forged, and then the reply strikes whoever has the address. A client network
//! therefore gets a bounded number of responses of one kind; real resolvers cache what they got and do not notice, and
//! what is limited is sent truncated now and then, so that they come back over TCP.
//!
//! The table never grows. Each cell holds the moment until which the responses of one network and kind are paid for
//! (the theoretical arrival time of the generic cell rate algorithm). Where a set of cells is full, the newcomer takes
//! over the cell with the least debt together with that debt, so that nobody ever loses a debt by being replaced: who
//! returns finds at least as much of it in every cell of the set (the argument of Metwally's Space-Saving).

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ipnet::IpNet;

use super::bounds::{RATE_BURST, RATE_CALM, RATE_CELLS};
use super::kind::Kind;
use crate::answer::Reply;
use crate::model::RateLimitSettings;

/// Cells of a set: one cache line, looked through as a whole.
const WAYS: usize = 8;
/// Sets of the table.
const SETS: usize = RATE_CELLS / WAYS;
/// Low bits of a cell: a moment in microseconds, 35 years of them. The bits above tell whose it is.
const MOMENT_BITS: u32 = 50;
const MOMENT: u64 = (1 << MOMENT_BITS) - 1;
/// Counters that say which limited responses are sent truncated, so that two workers rarely meet.
const TURNS: usize = 16;
const MICROS_OF_SECOND: u64 = 1_000_000;

/// What becomes of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is sent.
    Send,
    /// It is limited; this one may say so: truncated, or as a challenge for a cookie.
    Slip,
    /// It is limited and not sent.
    Drop,
}

/// Eight cells in a cache line of their own.
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

/// The limiter of a server. Its workers share it without a lock.
pub(super) struct RateLimiter {
    settings: RateLimitSettings,
    /// Microseconds of a response at the full rate; `None` where rate limiting is off.
    interval: Option<u64>,
    /// Of the process, so that nobody can know which networks share a set.
    key: [u8; 16],
    sets: Box<[Set]>,
    turns: [AtomicU32; TURNS],
    alarm: Alarm,
}

/// Whether anyone is limited, for people.
#[derive(Default)]
struct Alarm {
    limiting: AtomicBool,
    told: AtomicBool,
    /// Microseconds; to about a second.
    last: AtomicU64,
    first: Mutex<Option<IpNet>>,
}

impl RateLimiter {
    /// Nobody has any debt yet.
    pub(super) fn new(settings: RateLimitSettings, key: [u8; 16]) -> Self {
        let sets = if settings.responses_per_second.is_some() { SETS } else { 0 };
        Self::with_sets(settings, key, sets)
    }

    fn with_sets(settings: RateLimitSettings, key: [u8; 16], sets: usize) -> Self {
        // Rounded up, so that the rate is never exceeded.
        let interval = settings.responses_per_second.map(|rate| MICROS_OF_SECOND.div_ceil(u64::from(rate.max(1))));
        Self {
            settings,
            interval,
            key,
            sets: (0..sets).map(|_| Set(Default::default())).collect(),
            turns: Default::default(),
            alarm: Alarm::default(),
        }
    }

    /// Whether responses are limited at all.
    pub(super) const fn is_on(&self) -> bool {
        self.interval.is_some()
    }

    /// What kinds of responses are hashed with.
    pub(super) const fn key(&self) -> &[u8; 16] {
        &self.key
    }

    /// The kind of `reply`.
    pub(super) fn kind(&self, reply: &Reply<'_>) -> Kind {
        Kind::of(reply, &self.key)
    }

    /// The kind of every error, for replies that are nothing else.
    pub(super) fn error(&self) -> Kind {
        Kind::error(&self.key)
    }

    /// Judges a response of `kind` to `client` at `now`, the time since the start, and charges it to the client's
    /// network if it is sent.
    pub(super) fn check(&self, now: Duration, client: IpAddr, kind: Kind) -> Verdict {
        let Some(interval) = self.interval else { return Verdict::Send };
        let now = micros(now);
        let client = client.to_canonical();
        let hash = kind.hash_with(self.network_bits(client), &self.key);
        if self.charge(hash, now, interval) || self.settings.exempt.iter().any(|exempt| exempt.contains(&client)) {
            return Verdict::Send;
        }
        self.alarm.ring(self.network(client), now);
        self.slip(hash)
    }

    /// A number that stands for the network that counts as one client: its prefix, behind a bit that tells the family.
    fn network_bits(&self, client: IpAddr) -> u128 {
        match client {
            IpAddr::V4(client) => {
                let rest = 32_u32.saturating_sub(self.settings.prefix_v4.into());
                u128::from(u64::from(client.to_bits()).checked_shr(rest).unwrap_or_default()) << 1
            }
            IpAddr::V6(client) => {
                let rest = 128_u32.saturating_sub(self.settings.prefix_v6.into());
                // One bit more would not fit a whole address: the top one is the same for all that are routed.
                client.to_bits().checked_shr(rest).unwrap_or_default() << 1 | 1
            }
        }
    }

    /// The network that counts as one client.
    fn network(&self, client: IpAddr) -> IpNet {
        let prefix = if client.is_ipv4() { self.settings.prefix_v4 } else { self.settings.prefix_v6 };
        IpNet::new(client, prefix).map_or_else(|_| client.into(), |network| network.trunc())
    }

    /// Charges a response to the cell of `hash`, unless its debt would pass the burst then.
    fn charge(&self, hash: u64, now: u64, interval: u64) -> bool {
        // Which set by the low bits, which cell of it by the high ones.
        let at = (u64::from(hash as u32) * self.sets.len() as u64) >> 32;
        let Some(Set(cells)) = usize::try_from(at).ok().and_then(|at| self.sets.get(at)) else { return true };
        let owner = hash & !MOMENT;
        loop {
            // Read once: between two looks another worker may give the owner a cell.
            let values = cells.each_ref().map(|cell| (cell, cell.load(Ordering::Relaxed)));
            let own = values.iter().find(|(_, value)| value & !MOMENT == owner);
            let least = || values.iter().min_by_key(|(_, value)| value & MOMENT);
            let Some(&(cell, value)) = own.or_else(least) else { return true };
            let paid = (value & MOMENT).max(now) + interval;
            if paid > now + micros(RATE_BURST) {
                return false;
            }
            let charged = owner | (paid & MOMENT);
            if cell.compare_exchange_weak(value, charged, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
    }

    fn slip(&self, hash: u64) -> Verdict {
        let Some(turn) = self.turns.get(usize::from(hash.to_le_bytes()[7]) % TURNS) else { return Verdict::Drop };
        let turn = turn.fetch_add(1, Ordering::Relaxed);
        // Zero never divides.
        if turn.checked_rem(self.settings.slip) == Some(0) { Verdict::Slip } else { Verdict::Drop }
    }

    /// What changed since the last call, for people: limiting of some network began (`Err`), or nobody has been
    /// limited for a while (`Ok`).
    pub(super) fn news(&self, now: Duration) -> Option<Result<String, String>> {
        let alarm = &self.alarm;
        if !alarm.limiting.load(Ordering::Acquire) {
            return None;
        }
        let calm = micros(now).saturating_sub(alarm.last.load(Ordering::Relaxed)) > micros(RATE_CALM);
        match (alarm.told.load(Ordering::Relaxed), calm) {
            (false, _) => {
                alarm.told.store(true, Ordering::Relaxed);
                let network = *alarm.first.lock().unwrap_or_else(PoisonError::into_inner);
                let network = network.map_or_else(|| "a network".to_owned(), |network| network.to_string());
                let rate = self.settings.responses_per_second.unwrap_or_default();
                Some(Err(format!(
                    "{network} is limited to {rate} identical responses a second: a flood from there, or in its name; \
                     metrics count what is dropped, and a resolver of your own belongs into [rate_limit] exempt"
                )))
            }
            (true, true) => {
                alarm.told.store(false, Ordering::Relaxed);
                alarm.limiting.store(false, Ordering::Release);
                Some(Ok(format!("nobody was limited for {} s", RATE_CALM.as_secs())))
            }
            (true, false) => None,
        }
    }
}

impl Alarm {
    fn ring(&self, network: IpNet, now: u64) {
        // Read far more often than written: in a flood all workers come here with every packet.
        if now.saturating_sub(self.last.load(Ordering::Relaxed)) >= MICROS_OF_SECOND {
            self.last.store(now, Ordering::Relaxed);
        }
        if !self.limiting.load(Ordering::Acquire) {
            // Whoever is first tells who was limited.
            if let Ok(mut first) = self.first.try_lock() {
                *first = Some(network);
            }
            self.last.store(now, Ordering::Relaxed);
            self.limiting.store(true, Ordering::Release);
        }
    }
}

/// At most what a cell holds, with room for debts.
fn micros(time: Duration) -> u64 {
    let micros = time.as_secs().saturating_mul(MICROS_OF_SECOND).saturating_add(time.subsec_micros().into());
    micros.min(MOMENT / 2)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    fn limiter(rate: u32, slip: u32) -> RateLimiter {
        RateLimiter::new(settings(rate, slip), [7; 16])
    }

    fn settings(rate: u32, slip: u32) -> RateLimitSettings {
        RateLimitSettings { responses_per_second: Some(rate), slip, ..RateLimitSettings::default() }
    }

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    const KIND: Kind = Kind::numbered(1);

    #[test]
    fn a_network_gets_its_burst_and_then_its_rate() {
        let limiter = limiter(200, 0);
        let sent = |now, client| (0..1000).filter(|_| limiter.check(now, ip(client), KIND) == Verdict::Send).count();
        assert_eq!(sent(ms(0), "192.0.2.1"), 200);
        assert_eq!(sent(ms(0), "192.0.2.200"), 0, "the same /24");
        assert_eq!(sent(ms(0), "::ffff:192.0.2.1"), 0, "the same /24 on a socket of both families");
        assert_eq!(sent(ms(100), "192.0.2.1"), 20);
        assert_eq!(sent(ms(0), "192.0.3.1"), 200, "another /24");
        assert_eq!(sent(ms(0), "2001:db8:0:ff::1"), 200);
        assert_eq!(sent(ms(0), "2001:db8:0:1::1"), 0, "the same /56");
        assert_eq!(sent(ms(0), "2001:db8:0:100::1"), 200, "another /56");
        assert_eq!(limiter.check(ms(100), ip("192.0.2.1"), Kind::numbered(2)), Verdict::Send, "another kind");
        assert_eq!(sent(ms(5_000), "192.0.2.1"), 200, "what was not used is not saved up");
    }

    #[test]
    fn a_share_of_what_is_limited_says_so() {
        for (slip, expected) in [(0, 0), (1, 900), (2, 450), (3, 300)] {
            let limiter = limiter(100, slip);
            let verdicts: Vec<_> = (0..1000).map(|_| limiter.check(ms(0), ip("192.0.2.1"), KIND)).collect();
            let slipped = verdicts.iter().filter(|verdict| **verdict == Verdict::Slip).count();
            assert_eq!(slipped, expected, "slip {slip}");
        }
    }

    #[test]
    fn exempt_networks_and_a_limiter_that_is_off_never_limit() {
        let exempt = RateLimitSettings { exempt: vec!["192.0.2.128/25".parse().unwrap()], ..settings(1, 0) };
        let limiter = RateLimiter::new(exempt, [7; 16]);
        let sent = |limiter: &RateLimiter, client| {
            (0..100).filter(|_| limiter.check(ms(0), ip(client), KIND) == Verdict::Send).count()
        };
        assert_eq!((sent(&limiter, "192.0.2.200"), sent(&limiter, "192.0.2.1")), (100, 0));
        let off = RateLimiter::new(RateLimitSettings { responses_per_second: None, ..settings(1, 0) }, [7; 16]);
        assert_eq!((sent(&off, "192.0.2.1"), off.is_on(), off.sets.len()), (100, false, 0));
    }

    #[test]
    fn limiting_is_told_once_when_it_begins_and_once_when_it_is_over() {
        let limiter = limiter(1, 2);
        assert_eq!(limiter.news(ms(0)), None);
        for second in 0..100 {
            for _ in 0..5 {
                limiter.check(ms(second * 1000), ip("192.0.2.1"), KIND);
                limiter.check(ms(second * 1000), ip("198.51.100.1"), KIND);
            }
            let news = limiter.news(ms(second * 1000));
            match second {
                0 => assert!(news.unwrap().unwrap_err().starts_with("192.0.2.0/24 is limited to 1 ")),
                _ => assert_eq!(news, None),
            }
        }
        assert_eq!(limiter.news(ms(150_000)), None, "not yet calm");
        assert!(limiter.news(ms(160_001)).unwrap().is_ok());
        assert_eq!(limiter.news(ms(300_000)), None);
        for _ in 0..5 {
            limiter.check(ms(301_000), ip("198.51.100.1"), KIND);
        }
        assert!(limiter.news(ms(301_000)).unwrap().is_err(), "another time");
    }

    #[test]
    fn random_sources_do_not_limit_anyone_else() {
        let limiter = limiter(200, 0);
        // A million forged networks in a second, and a resolver with ten questions in it.
        for packet in 0..1_000_000_u32 {
            let now = Duration::from_micros(packet.into());
            limiter.check(now, IpAddr::V4(Ipv4Addr::from(packet.wrapping_mul(2_654_435_761))), KIND);
            if packet % 100_000 == 0 {
                assert_eq!(limiter.check(now, ip("192.0.2.1"), KIND), Verdict::Send);
            }
        }
    }

    #[test]
    fn two_workers_together_keep_to_the_rate() {
        let limiter = limiter(1000, 0);
        let sent = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for at in 0..20_000 {
                        let verdict = limiter.check(Duration::from_micros(at * 100), ip("192.0.2.1"), KIND);
                        sent.fetch_add(u64::from(verdict == Verdict::Send), Ordering::Relaxed);
                    }
                });
            }
        });
        // Two seconds and the burst.
        assert!((2_990..=3_000).contains(&sent.into_inner()));
    }

    proptest! {
        /// Whatever comes in between, and however small the table: over any window a network gets at most its rate
        /// times the window and its burst.
        #[test]
        fn no_window_has_more_than_rate_and_burst(
            rate in 1_u32..500,
            sets in 1_usize..3,
            packets in prop::collection::vec((0_u64..20_000, 0_u8..30, 0_u64..3), 1..2000),
        ) {
            let limiter = RateLimiter::with_sets(settings(rate, 0), [7; 16], sets);
            let mut now = Duration::ZERO;
            let mut sent: std::collections::BTreeMap<(u8, u64), Vec<Duration>> = std::collections::BTreeMap::new();
            for (step, network, kind) in packets {
                now += Duration::from_micros(step);
                if limiter.check(now, IpAddr::V4(Ipv4Addr::new(10, 0, network, 1)), Kind::numbered(kind)) == Verdict::Send {
                    sent.entry((network, kind)).or_default().push(now);
                }
            }
            for (who, times) in &sent {
                for (first, begin) in times.iter().enumerate() {
                    for (last, end) in times.iter().enumerate().skip(first) {
                        let most = (*end - *begin).as_secs_f64() * f64::from(rate) + f64::from(rate);
                        prop_assert!((last - first + 1) as f64 <= most.max(1.0) + 1e-6, "{who:?}: {begin:?} to {end:?}");
                    }
                }
            }
        }

        /// A flood from one network takes nothing from another, in a table of the real size.
        #[test]
        fn another_network_is_unaffected(
            rate in 1_u32..300,
            packets in prop::collection::vec((0_u64..5_000, any::<bool>()), 1..1500),
        ) {
            let (shared, alone) = (limiter(rate, 0), limiter(rate, 0));
            let mut now = Duration::ZERO;
            for (step, flood) in packets {
                now += Duration::from_micros(step);
                if flood {
                    for _ in 0..10 {
                        shared.check(now, ip("192.0.2.1"), KIND);
                    }
                } else {
                    let client = ip("198.51.100.1");
                    prop_assert_eq!(shared.check(now, client, KIND), alone.check(now, client, KIND));
                }
            }
        }
    }
}
