//! Targets: what is probed, and what is said about it.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::health::{Change, Phase};
use crate::model::{EndpointKey, Monitor, Mono, Name, State, Topology, Verdict};

/// One endpoint under one monitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The endpoint.
    pub key: EndpointKey,
    /// How it is probed.
    pub monitor: Monitor,
    /// The MX or SRV target or owner name that the endpoint was found under: the name its certificate must carry, where
    /// the monitor names none.
    pub host: Name,
    /// Where the probes go; may differ from the endpoint's address.
    pub address: SocketAddr,
    /// The verdict from before the start.
    pub restored: Option<Verdict>,
}

impl Target {
    /// The targets that `topology` declares, with what `restored` remembers of (endpoint, monitor name).
    pub fn all(topology: &Topology, restored: impl Fn(&EndpointKey, &str) -> Option<Verdict>) -> Vec<Self> {
        let mut targets = Vec::new();
        for endpoint in &topology.endpoints {
            let key = topology.key(endpoint);
            let monitors = topology.service(endpoint.service).map_or(&[][..], |service| &service.monitors);
            for monitor in monitors.iter().filter_map(|ix| topology.monitor(*ix)) {
                targets.push(Self {
                    key: key.clone(),
                    address: monitor.target(endpoint.address),
                    host: endpoint.host.clone(),
                    restored: restored(&key, &monitor.name),
                    monitor: monitor.clone(),
                });
            }
        }
        targets
    }

    /// Whether `other` is probed in the same way, whatever was restored.
    #[must_use]
    pub fn is_probed_like(&self, other: &Self) -> bool {
        (&self.key, &self.monitor, &self.host, self.address) == (&other.key, &other.monitor, &other.host, other.address)
    }
}

/// What one monitor thinks of one endpoint, sent on every change of verdict or suspicion.
#[derive(Clone, Debug, PartialEq)]
pub struct Opinion {
    /// The endpoint.
    pub key: EndpointKey,
    /// The monitor's name.
    pub monitor: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What it tells other nodes: unlike the verdict, nothing until a probe has confirmed what was known from before.
    pub vote: State,
    /// Whether evidence for a worse state is gathering.
    pub suspect: bool,
    /// How long the last answered probe took.
    pub latency: Option<Duration>,
    /// The last conversation that went wrong, where the opinion is about one.
    pub transcript: Option<String>,
    /// Since when probes fail, by the wall clock: the first since the last that left no doubt; `None` while none does.
    pub failing_since: Option<Timestamp>,
    /// What is new.
    pub change: Change,
}

/// How things stand with one target.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetStatus {
    /// The endpoint.
    pub key: EndpointKey,
    /// The monitor's name.
    pub monitor: String,
    /// Where the probes go.
    pub address: SocketAddr,
    /// The verdict.
    pub verdict: Verdict,
    /// Whether evidence for a worse state is gathering.
    pub suspect: bool,
    /// Where the endpoint is on its way between verdicts.
    pub phase: Phase,
    /// How much evidence there is that it is down; 1 is conclusive.
    pub evidence: f64,
    /// How long damping still holds it down, as of `last_probe`.
    pub held_for: Option<Duration>,
    /// How long the last answered probe took.
    pub latency: Option<Duration>,
    /// The bound past which a probe is overdue.
    pub overdue_bound: Duration,
    /// When the last probe ended.
    pub last_probe: Option<Mono>,
    /// What the last probe found, where it was not well.
    pub last_trouble: Option<String>,
    /// What number the last probe read, `queue is 812`, where the monitor reads one.
    pub reading: Option<String>,
}
