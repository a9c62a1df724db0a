//! The terms between a detector and its driver: thresholds in, probes to start and changes out.

use std::time::Duration;

use crate::model::{DetectorKind, Monitor, State};

/// Which probe a result belongs to; rises with every probe of a detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeNumber(pub u64);

/// How far a probe goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// Everything the monitor asks.
    Full,
    /// A TCP connect and nothing else.
    Connect,
}

/// A probe that is to start now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// To report its end under.
    pub number: ProbeNumber,
    /// How far it goes.
    pub depth: Depth,
}

/// What changed in a detector's opinion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The verdict has another state, or the first one.
    Verdict {
        /// The state before.
        from: State,
    },
    /// Evidence began to gather, or proved to be nothing.
    Suspicion,
    /// A verdict from before the start was seen to hold still.
    Confirmed,
}

/// Where the endpoint is on its way between verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not judged yet.
    Unknown,
    /// Up or deferring.
    Serving,
    /// Down.
    Out,
    /// Good again, `rise` times at least, but damping holds it down for a while.
    Held,
}

/// The thresholds of a monitor as the detector uses them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Between two regular probes.
    pub interval: Duration,
    /// After which a probe has failed.
    pub timeout: Duration,
    /// Good probes in a row before an endpoint returns.
    pub rise: u32,
    /// Failed probes in a row before an endpoint is down.
    pub fall: u32,
    /// Between the probes of a burst.
    pub burst_gap: Duration,
    /// How failure is judged.
    pub kind: DetectorKind,
    /// What a full probe is: for a monitor that asks all at once no more than a connect, which then speaks for the service.
    pub full: Depth,
}

impl From<&Monitor> for Thresholds {
    fn from(monitor: &Monitor) -> Self {
        Self {
            interval: monitor.interval,
            timeout: monitor.timeout,
            rise: monitor.rise.max(1),
            fall: monitor.fall.max(1),
            burst_gap: monitor.burst_gap,
            kind: monitor.detector,
            full: if monitor.kind.is_one_step() { Depth::Connect } else { Depth::Full },
        }
    }
}
