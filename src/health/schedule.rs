//! Schedule: when an endpoint's regular probes are due.

use std::time::Duration;

use super::bounds::START_SPREAD;
use crate::model::{EndpointKey, Mono};

/// Regular probes at fixed phases of the clock: late ones do not push back those that follow, so there is no drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    interval: Duration,
    phase: Duration,
}

impl Schedule {
    /// Probes once an `interval` (at least 1 ms), at a phase picked by `spread`.
    #[must_use]
    pub fn new(interval: Duration, spread: u64) -> Self {
        let interval = interval.max(Duration::from_millis(1));
        Self { interval, phase: modulo(spread, interval) }
    }

    /// When the first probe after a start at `now` is due: soon, even where the interval is long.
    #[must_use]
    pub fn first(&self, now: Mono) -> Mono {
        if self.interval <= START_SPREAD { self.after(now) } else { now.after(modulo_of(self.phase, START_SPREAD)) }
    }

    /// The first regular moment later than `now`.
    #[must_use]
    pub fn after(&self, now: Mono) -> Mono {
        let (interval, phase) = (self.interval.as_nanos(), self.phase.as_nanos());
        let now = now.0.as_nanos();
        let next = if now < phase { phase } else { phase + ((now - phase) / interval + 1) * interval };
        Mono(Duration::from_nanos(u64::try_from(next).unwrap_or(u64::MAX)))
    }
}

fn modulo(value: u64, span: Duration) -> Duration {
    modulo_of(Duration::from_nanos(value), span)
}

fn modulo_of(value: Duration, span: Duration) -> Duration {
    Duration::from_nanos(u64::try_from(value.as_nanos() % span.as_nanos().max(1)).unwrap_or(0))
}

/// A number that spreads the probes of `monitor` at `endpoint` by `node`: the nodes do not probe an endpoint together, and
/// a node does not probe its endpoints together. Equal after every restart (FNV-1a, 64 bits, with a final mix).
#[must_use]
pub fn spread(node: &str, endpoint: &EndpointKey, monitor: &str) -> u64 {
    let text = format!("{node}\0{endpoint}\0{monitor}");
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    // FNV's high bits depend little on the last bytes, in which addresses differ.
    (hash ^ (hash >> 31)).wrapping_mul(0x7fb5_d329_728e_a185)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn endpoints_are_spread_over_the_interval() {
        let mut tenths = [0; 10];
        for host in 0..=255_u8 {
            let key = EndpointKey { service: "mx".into(), address: [192, 0, 2, host].into() };
            let schedule = Schedule::new(Duration::from_secs(1), spread("fra-ns1", &key, "smtp"));
            tenths[usize::try_from(schedule.phase.as_millis() / 100).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| *count > 8), "{tenths:?}");
    }

    #[test]
    fn a_long_interval_does_not_delay_the_first_probe() {
        let schedule = Schedule::new(Duration::from_secs(3600), 123_456_789_012);
        assert!(schedule.first(Mono::from_millis(77)).since(Mono::from_millis(77)) <= START_SPREAD);
    }

    proptest! {
        #[test]
        fn the_next_moment_is_later_within_one_interval_and_in_phase(
            interval in 1_u64..3_600_000, spread in any::<u64>(), now in 0_u64..10_000_000_000,
        ) {
            let schedule = Schedule::new(Duration::from_millis(interval), spread);
            let now = Mono::from_millis(now);
            let next = schedule.after(now);
            prop_assert!(next > now);
            prop_assert!(now < schedule.phase_end() || next.since(now) <= schedule.interval);
            prop_assert_eq!(schedule.after(next).since(next), schedule.interval);
        }
    }

    impl Schedule {
        fn phase_end(&self) -> Mono {
            Mono(self.phase)
        }
    }
}
