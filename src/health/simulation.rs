//! A detector in virtual time against a network that is a function; for tests.

use std::time::Duration;

use jiff::Timestamp;

use super::{Change, Depth, Detector, FailureKind, Finding, Outcome, Phase, ProbeNumber, Thresholds};
use crate::model::{DetectorKind, Mono, State, Verdict};

/// Default thresholds (DESIGN section 10) for a monitor that holds conversations.
pub(crate) const DEFAULTS: Thresholds = Thresholds {
    interval: Duration::from_secs(1),
    timeout: Duration::from_secs(2),
    rise: 3,
    fall: 3,
    burst_gap: Duration::from_millis(200),
    kind: DetectorKind::Evidence,
    full: Depth::Full,
};

/// A seeded source of chance (SplitMix64).
#[derive(Clone, Debug)]
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// True in `permille` of 1000 cases.
    pub(crate) fn is(&mut self, permille: u64) -> bool {
        self.next() % 1000 < permille
    }
}

/// A probe that succeeds after `latency`.
pub(crate) fn ok(latency: u64) -> (Duration, Outcome) {
    (Duration::from_millis(latency), Outcome::Ok)
}

/// A probe that is refused after a round trip of 1 ms.
pub(crate) fn refused() -> (Duration, Outcome) {
    (Duration::from_millis(1), Outcome::failed(FailureKind::Refused, "connection refused"))
}

/// A probe that nobody answers.
pub(crate) fn silence() -> (Duration, Outcome) {
    (DEFAULTS.timeout, Outcome::failed(FailureKind::Timeout, "no answer within 2 s"))
}

/// One detector driven through virtual time.
pub(crate) struct Simulation<N> {
    pub(crate) detector: Detector,
    pub(crate) now: Mono,
    /// What a probe of a depth started at a moment comes to, and after how long.
    network: N,
    running: Vec<(Mono, ProbeNumber, Finding)>,
    pub(crate) changes: Vec<(Mono, Change, State)>,
    pub(crate) probes: Vec<(Mono, Depth)>,
}

impl<N: FnMut(Mono, Depth) -> (Duration, Outcome)> Simulation<N> {
    pub(crate) fn new(thresholds: Thresholds, restored: Option<Verdict>, spread: u64, network: N) -> Self {
        let detector = Detector::new(thresholds, restored, spread, Mono::START, Timestamp::UNIX_EPOCH);
        let (running, changes, probes) = (Vec::new(), Vec::new(), Vec::new());
        Self { detector, now: Mono::START, network, running, changes, probes }
    }

    /// Runs until `end`.
    pub(crate) fn run_until(&mut self, end: Mono) {
        loop {
            let first = self.running.iter().map(|(at, ..)| *at).min();
            let next = first.map_or(self.detector.wake_at(), |at| at.min(self.detector.wake_at()));
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
            self.step();
        }
    }

    fn step(&mut self) {
        let wall = Timestamp::UNIX_EPOCH;
        while let Some(done) = self.running.iter().position(|(at, ..)| *at <= self.now) {
            let (_, number, finding) = self.running.remove(done);
            let change = self.detector.finished(number, finding, self.now, wall);
            self.note(change);
        }
        let change = self.detector.overdue(self.now, wall);
        self.note(change);
        while self.detector.is_due(self.now) {
            let order = self.detector.begin(self.now);
            self.probes.push((self.now, order.depth));
            let (latency, outcome) = (self.network)(self.now, order.depth);
            let connected = matches!(outcome, Outcome::Ok).then_some(latency);
            self.running.push((self.now.after(latency), order.number, Finding { outcome, latency, connected }));
            assert!(self.running.len() < 100, "probes under way are bounded");
        }
        self.running.retain(|(_, number, _)| self.detector.awaits(*number));
    }

    fn note(&mut self, change: Option<Change>) {
        if let Some(change) = change {
            self.changes.push((self.now, change, self.detector.verdict().state));
        }
    }

    /// When the state became `state` for the first time at or after `from`.
    pub(crate) fn entered(&self, state: State, from: Mono) -> Option<Mono> {
        let is_entry = |(at, change, to): &&(Mono, Change, State)| {
            *at >= from && *to == state && matches!(change, Change::Verdict { .. })
        };
        self.changes.iter().find(is_entry).map(|(at, ..)| *at)
    }

    /// How often the state became `state`.
    pub(crate) fn entries(&self, state: State) -> usize {
        self.changes.iter().filter(|(_, change, to)| *to == state && matches!(change, Change::Verdict { .. })).count()
    }

    pub(crate) fn state(&self) -> State {
        self.detector.verdict().state
    }

    pub(crate) fn phase(&self) -> Phase {
        self.detector.phase()
    }
}
