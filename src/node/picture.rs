//! The picture: what the engine last decided and on what grounds, for everyone who only looks.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::loading::Geo;
use crate::model::{EndpointHealth, EndpointKey, Intent, Mono, Plan, Settings, Topology, Verdict};
use crate::zone::Zones;

/// A consistent view of the node. Published by the engine after every change; reading it never disturbs the engine.
#[derive(Clone)]
pub struct Picture {
    /// The configuration in force.
    pub settings: Arc<Settings>,
    /// Sites, services, monitors and endpoints.
    pub topology: Arc<Topology>,
    /// The zones in force.
    pub zones: Arc<Zones>,
    /// The geo database in force.
    pub geo: Geo,
    /// Agreed health, parallel to the endpoints.
    pub health: Arc<[EndpointHealth]>,
    /// What the monitors of this node last said.
    pub opinions: Arc<HashMap<(EndpointKey, String), MonitorView>>,
    /// Standing orders with their ends on the monotonic clock.
    pub orders: Arc<[StandingOrder]>,
    /// The plan in force.
    pub plan: Arc<Plan>,
    /// What works less well than it should, by part.
    pub degradations: Arc<BTreeMap<String, Degradation>>,
}

/// The last word of one monitor on one endpoint.
#[derive(Clone, Debug)]
pub struct MonitorView {
    /// Its verdict.
    pub verdict: Verdict,
    /// Whether evidence against the endpoint is gathering.
    pub suspect: bool,
    /// How long the last good probe took.
    pub latency: Option<Duration>,
}

/// An order that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingOrder {
    /// The order.
    pub intent: Intent,
    /// When it ends; `None` is until it is lifted.
    pub deadline: Option<Mono>,
}

/// Something that works less well than it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degradation {
    /// What, and what to do.
    pub detail: String,
    /// Since when, by the wall clock.
    pub since: Timestamp,
}
