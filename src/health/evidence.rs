//! Evidence: Wald's sequential test of "up" against "down" over the endpoint's own history.

use std::time::Duration;

use super::FailureKind;
use super::bounds::{
    FAILURE_RATE_DOWN, FALSE_ALARM_EVERY, RATE_CEILING, RATE_FLOOR_PROTOCOL, RATE_FLOOR_REFUSED, RATE_FLOOR_RESET,
    RATE_FLOOR_SILENT, RATE_FLOOR_TLS, RATE_FLOOR_UNREACHABLE, RATE_WINDOW,
};

const KINDS: usize = FailureKind::ALL.len();

/// The sum of evidence that an endpoint is down (DESIGN section 5).
///
/// A failure adds ln(P(failure | down) / P(this kind of failure | up)), a success takes ln(P(success | up) / P(success |
/// down)) away, and the sum never falls below nothing (Page's repeated form of Wald's test). Such a sum passes a
/// threshold of ln(n) by chance about once in n probes, which is how the threshold follows from the probe rate.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// How often each kind of failure happened while the endpoint was up, decayed over [`RATE_WINDOW`] probes.
    rates: [f64; KINDS],
    /// Failures since the last success. They are learnt as the endpoint's habit only once a success shows that it was
    /// up all along, and forgotten when it turns out to be down.
    run: Vec<FailureKind>,
    sum: f64,
    threshold: f64,
}

impl Evidence {
    /// No evidence yet, for an endpoint probed once an `interval`.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self { rates: [0.0; KINDS], run: Vec::new(), sum: 0.0, threshold: threshold(interval) }
    }

    /// A probe failed.
    pub fn failed(&mut self, kind: FailureKind) {
        self.sum += (FAILURE_RATE_DOWN / self.rate(kind)).ln();
        self.run.push(kind);
    }

    /// A probe succeeded: the endpoint was up, and the failures since the last success were its habit.
    pub fn succeeded(&mut self) {
        for kind in std::mem::take(&mut self.run) {
            self.learn(Some(kind));
        }
        self.learn(None);
        let up: f64 = 1.0 - FailureKind::ALL.iter().map(|kind| self.rate(*kind)).sum::<f64>().min(0.9);
        self.sum = (self.sum + ((1.0 - FAILURE_RATE_DOWN) / up).ln()).max(0.0);
    }

    /// The endpoint was judged down: what led to it was no habit, and the next judgement starts from nothing.
    pub fn judged_down(&mut self) {
        self.run.clear();
        self.sum = 0.0;
    }

    /// Whether the sum means at most one false alarm in [`FALSE_ALARM_EVERY`].
    #[must_use]
    pub fn is_conclusive(&self) -> bool {
        self.sum >= self.threshold
    }

    /// How far the sum is, 0 to 1 and more.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.sum / self.threshold
    }

    /// How often `kind` happens while the endpoint is up, between its floor and the ceiling.
    #[must_use]
    pub fn rate(&self, kind: FailureKind) -> f64 {
        self.rates.get(kind.index()).copied().unwrap_or(0.0).clamp(floor(kind), RATE_CEILING)
    }

    fn learn(&mut self, failure: Option<FailureKind>) {
        for (rate, kind) in self.rates.iter_mut().zip(FailureKind::ALL) {
            let sample = if failure == Some(kind) { 1.0 } else { 0.0 };
            *rate += (sample - *rate) / RATE_WINDOW;
        }
    }
}

/// The least rate of each kind while an endpoint is up: what has never been seen is rare, not impossible.
const fn floor(kind: FailureKind) -> f64 {
    match kind {
        FailureKind::Refused => RATE_FLOOR_REFUSED,
        FailureKind::Protocol => RATE_FLOOR_PROTOCOL,
        FailureKind::Tls => RATE_FLOOR_TLS,
        FailureKind::Reset => RATE_FLOOR_RESET,
        FailureKind::Unreachable => RATE_FLOOR_UNREACHABLE,
        FailureKind::Timeout | FailureKind::Overdue => RATE_FLOOR_SILENT,
    }
}

/// ln of twice the probes in [`FALSE_ALARM_EVERY`]: twice, because a bare connect in a burst gives chance a second try.
fn threshold(interval: Duration) -> f64 {
    let probes = FALSE_ALARM_EVERY.as_secs_f64() / interval.as_secs_f64().max(0.001);
    (2.0 * probes).max(2.0).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failures_until_conclusive(evidence: &mut Evidence, kind: FailureKind) -> usize {
        let mut failures = 0;
        while !evidence.is_conclusive() {
            evidence.failed(kind);
            failures += 1;
        }
        failures
    }

    #[test]
    fn on_a_clean_path_three_failures_of_any_kind_are_conclusive_at_defaults() {
        for kind in FailureKind::ALL {
            assert!(failures_until_conclusive(&mut Evidence::new(SECOND), kind) <= 3, "{kind}");
        }
    }

    #[test]
    fn refused_is_rarer_than_overdue_and_so_weighs_more() {
        let evidence = Evidence::new(SECOND);
        assert!(evidence.rate(FailureKind::Refused) < evidence.rate(FailureKind::Overdue));
    }

    #[test]
    fn a_path_that_loses_two_percent_asks_for_more() {
        let mut evidence = Evidence::new(SECOND);
        for probe in 0..20_000 {
            if probe % 50 == 0 {
                evidence.failed(FailureKind::Overdue);
            } else {
                evidence.succeeded();
            }
        }
        assert!((0.01..0.03).contains(&evidence.rate(FailureKind::Overdue)));
        evidence.judged_down();
        assert!(failures_until_conclusive(&mut evidence, FailureKind::Overdue) > 3);
    }

    #[test]
    fn even_an_endpoint_that_always_fails_a_little_is_judged_within_bounds() {
        let mut evidence = Evidence::new(Duration::from_millis(100));
        for _ in 0..20_000 {
            evidence.failed(FailureKind::Timeout);
            evidence.succeeded();
        }
        evidence.judged_down();
        assert!(failures_until_conclusive(&mut evidence, FailureKind::Timeout) <= 14);
    }

    #[test]
    fn successes_take_evidence_away() {
        let mut evidence = Evidence::new(SECOND);
        evidence.failed(FailureKind::Overdue);
        let before = evidence.level();
        evidence.succeeded();
        assert!(evidence.level() < before);
        evidence.succeeded();
        assert_eq!(evidence.level(), 0.0);
    }
}
