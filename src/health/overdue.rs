//! The adaptive bound: when a probe is late for *this* endpoint.

use std::time::Duration;

use super::bounds::{DEVIATION_WEIGHT, MEAN_WEIGHT, OVERDUE_DEVIATIONS, OVERDUE_FLOOR, OVERDUE_MARGIN};

/// The bound past which a probe is overdue, learnt from the endpoint's own times as TCP computes its retransmission
/// timeout: mean + 4 deviations (RFC 6298), at least [`OVERDUE_FLOOR`], at most the monitor's timeout.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct OverdueBound {
    /// Mean and deviation in seconds; `None` before the first sample.
    learnt: Option<(f64, f64)>,
}

impl OverdueBound {
    /// Learns from a probe that took `latency`. Late answers must be learnt too, or a path that became slower
    /// would be overdue for ever.
    pub fn observe(&mut self, latency: Duration) {
        let sample = latency.as_secs_f64();
        self.learnt = Some(match self.learnt {
            None => (sample, sample / 2.0),
            Some((mean, deviation)) => (
                mean + MEAN_WEIGHT * (sample - mean),
                deviation + DEVIATION_WEIGHT * ((sample - mean).abs() - deviation),
            ),
        });
    }

    /// The bound; `timeout` before anything was learnt.
    #[must_use]
    pub fn get(&self, timeout: Duration) -> Duration {
        let Some((mean, deviation)) = self.learnt else { return timeout };
        let bound =
            Duration::try_from_secs_f64(mean + (OVERDUE_DEVIATIONS * deviation).max(OVERDUE_MARGIN.as_secs_f64()))
                .unwrap_or(timeout);
        bound.max(OVERDUE_FLOOR).min(timeout)
    }

    /// The mean time, once learnt.
    #[must_use]
    pub fn mean(&self) -> Option<Duration> {
        self.learnt.and_then(|(mean, _)| Duration::try_from_secs_f64(mean).ok())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    #[test]
    fn nothing_is_overdue_before_its_timeout_until_something_was_learnt() {
        assert_eq!(OverdueBound::default().get(TIMEOUT), TIMEOUT);
    }

    #[test]
    fn a_steady_path_comes_down_to_the_floor_and_a_slow_one_is_given_its_time() {
        let mut bound = OverdueBound::default();
        for _ in 0..50 {
            bound.observe(Duration::from_millis(20));
        }
        assert_eq!(bound.get(TIMEOUT), OVERDUE_FLOOR);
        for _ in 0..50 {
            bound.observe(Duration::from_millis(900));
        }
        assert!(bound.get(TIMEOUT) > Duration::from_millis(900));
    }

    proptest! {
        #[test]
        fn the_bound_is_between_floor_and_timeout(samples in prop::collection::vec(0_u64..120_000, 1..60), timeout in 250_u64..60_000) {
            let mut bound = OverdueBound::default();
            let timeout = Duration::from_millis(timeout);
            for sample in samples {
                bound.observe(Duration::from_millis(sample));
                prop_assert!((OVERDUE_FLOOR..=timeout).contains(&bound.get(timeout)));
            }
        }
    }
}
