//! The types of the admin API, version 1. Each document names its own shape in `schema`; times are RFC 3339 in UTC.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use super::api_orders::{
    Expiry, LiftOutcome, LiftRequest, OrderOutcome, OrderRequest, OrderStatus, Orders, Outcome,
};
pub use super::api_tokens::{TokenCreated, TokenRequest, Tokens};
pub use super::audit::{AuditReport, AuditStatus, PastAnswer, PastQuery};
pub use super::cluster::{ClusterStatus, MissingNode, NodeStatus, StoreAccept, StoreAccepted, StoreStatus};
pub use super::difference::{AnswerDifference, ChangedAnswer, ChangedView, DiffRequest};
pub use super::drills::{AbortRequest, DrillBegun, DrillReport, DrillRequest, Drills, RunningDrill, ScheduledDrill};
pub use super::incident_markdown::markdown;
pub use super::incidents::{IncidentDocument, IncidentList, Kept, ObjectivesReport, ServiceObjectives};
pub use super::notifications::{HookReport, NotificationTried, NotificationsReport, TargetReport};
pub use super::problem::{ProblemDocument, ProblemKind};
pub use super::progress;
pub use super::rehearsal::{AnswerPreview, OrderPreview};
pub use super::session::SessionStatus;
pub use super::sights::{
    CountrySteering, Evidence, Findings, FoundLine, NodeVote, PlacedSite, ProbeHistory, RefusedLoad, Sights, World,
};
pub use super::timetable::{Begin, Due, Steps};
pub use super::unison;
pub use super::whatif::{
    Finding, ServiceForecast, ServicePart, SiteForecast, SiteLoadStatus, SiteNow, ViewForecast, WhatIf, WhatIfQuery,
};
pub use super::words;
use crate::model::{Event, Generation, MonitorPart, Policy, Scope, Share, Standing, State, Tier};

/// What a node does and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Status {
    /// [`Status::SCHEMA`]
    pub schema: String,
    /// The node's name.
    pub node: String,
    /// Program version.
    pub version: String,
    /// The site it stands in.
    pub site: Option<String>,
    /// When it started.
    pub started: Timestamp,
    /// When this was said.
    pub time: Timestamp,
    /// The plan that answers follow.
    pub generation: Generation,
    /// Whether it answers from checked tables.
    pub ready: bool,
    /// All of it in one sentence.
    pub verdict: String,
    /// In file order.
    pub services: Vec<ServiceStatus>,
    /// The standing orders.
    pub orders: Vec<OrderStatus>,
    /// The revision of the orders.
    pub revision: u64,
    /// Zones answered for: all, or a thousand where there are more, then rather those of files of their own.
    pub zones: Vec<ZoneStatus>,
    /// How many zones there are.
    #[serde(default)]
    pub zone_count: usize,
    /// What works less well than it should.
    pub degradations: Vec<Degradation>,
    /// What each site carries; empty where no site has a capacity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<SiteLoadStatus>,
    /// How clients are located.
    pub geo: GeoStatus,
    /// The id of the newest journalled event; 0 before the first.
    pub last_event: u64,
    /// How the nodes stand together; `None` for a node that is alone by configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterStatus>,
}

impl Status {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.status/1";
}

/// A service and its sites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ServiceStatus {
    /// Its name.
    pub name: String,
    /// How a client's site order is chosen: `nearest`, `geo`, `failover`, `weighted`, `spread`.
    pub policy: String,
    /// Which resort answers come from.
    pub tier: Tier,
    /// TTL of its steered answers in seconds, before shortening.
    pub ttl: u32,
    /// How many sites an order must leave in service.
    pub min_sites: usize,
    /// The services that must work at a site for this one to work there.
    #[serde(default)]
    pub requires: Vec<String>,
    /// In the order of the configuration.
    pub sites: Vec<SiteStatus>,
}

/// What a site does for a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SiteStatus {
    /// The site's name.
    pub name: String,
    /// What it does: health and order together.
    pub standing: Standing,
    /// Its health by itself.
    pub health: State,
    /// The order that stands for it, in words: `drain until 2026-05-01T12:00:00Z`.
    pub intent: Option<String>,
    /// The part of its clients that an order moves away, in thousandths.
    pub drained: Share,
    /// Why, in an operator's words.
    pub reason: String,
    /// When no well-behaved cache names it any more; `None` while answers name it, or never did.
    pub drained_by: Option<Timestamp>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointStatus>,
}

impl SiteStatus {
    /// Whether answers name it as if it worked only because it is pinned: its own health says otherwise.
    #[must_use]
    pub fn is_pinned_against_health(&self) -> bool {
        self.standing == Standing::Serving && matches!(self.health, State::Down | State::Deferring)
    }

    /// Whether whoever is sent here is served, as far as probes know.
    #[must_use]
    pub fn works(&self) -> bool {
        self.standing.is_in_service() && self.health != State::Down
    }
}

/// One address of a service at a site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointStatus {
    /// The declared address.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// The host it was found under.
    pub host: String,
    /// Agreed state.
    pub state: State,
    /// Evidence is gathering.
    pub suspect: bool,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Time of its last good probe in milliseconds, the longest of those that count.
    pub latency_ms: Option<f64>,
    /// What each monitor says.
    pub monitors: Vec<MonitorStatus>,
}

/// What one monitor says of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MonitorStatus {
    /// The monitor's name.
    pub name: String,
    /// Its part in the endpoint's state: `counted`, `required` or, where it is only shown, `monitor_only`.
    #[serde(default)]
    pub part: MonitorPart,
    /// Its verdict.
    pub state: State,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// Time of its last good probe in milliseconds.
    pub latency_ms: Option<f64>,
    /// What number its last probe read, `queue is 812`, where it reads one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<String>,
}

/// A zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ZoneStatus {
    /// Its origin.
    pub origin: String,
    /// Serial of its SOA record.
    pub serial: u32,
    /// How many records it declares.
    pub records: usize,
    /// How many of its RRsets are steered.
    pub steered: usize,
}

/// Something that works less well than it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Degradation {
    /// Which part: `store`, `geo`, `clock`, `listener`.
    pub part: String,
    /// What and what to do.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
}

/// How clients are located.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GeoStatus {
    /// `embedded`, or the path of the database.
    pub source: String,
    /// What the database says of itself.
    pub detail: String,
}

/// `GET /api/v1/explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExplainQuery {
    /// The name asked for.
    pub name: String,
    /// The type asked for, as in `MX`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub rtype: Option<String>,
    /// The client: an address, or a network as in an EDNS client subnet; default the caller's own idea of none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// Why a client gets the answer it gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// [`Explanation::SCHEMA`]
    pub schema: String,
    /// In plain words, a line a step.
    pub lines: Vec<String>,
    /// The same for programs.
    pub detail: serde_json::Value,
}

impl Explanation {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.explanation/1";
}

/// `GET /api/v1/events`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Events {
    /// [`Events::SCHEMA`]
    pub schema: String,
    /// In order of their ids.
    pub events: Vec<Event>,
    /// Ask for events after this id next.
    pub next_after: u64,
    /// Ask for events before this id to read on into the past; `null` at its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev_before: Option<u64>,
}

impl Events {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.events/1";
}

/// `GET /api/v1/drained`: when no well-behaved cache names a site any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drained {
    /// [`Drained::SCHEMA`]
    pub schema: String,
    /// What was asked about.
    pub scope: Scope,
    /// When this was said.
    pub time: Timestamp,
    /// Whether no node's answers name the site any more and all caches have let go of it.
    pub safe: bool,
    /// The services that still hold it back, or will be the last to let go.
    pub services: Vec<DrainedService>,
    /// The nodes whose answers may still name it, and why; never safe while there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingNode>,
    /// The next step of the order that is about to take it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Due>,
}

impl Drained {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.drained/1";

    /// The latest of the services' times; `None` while any answer of this node still names the site.
    #[must_use]
    pub fn by(&self) -> Option<Timestamp> {
        if self.services.iter().any(|service| service.named) {
            return None;
        }
        self.services.iter().filter_map(|service| service.by).max()
    }
}

/// How far one service has let go of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrainedService {
    /// The service.
    pub service: String,
    /// Answers still name the site: nothing takes it out of service, or it is used as a last resort.
    pub named: bool,
    /// When the last answer that named it ends in caches; `None` if none ever did.
    pub by: Option<Timestamp>,
}

/// `POST /api/v1/probe`: probes by hand, of what the configuration declares and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeRequest {
    /// `SERVICE/ADDRESS`, `SERVICE/SITE`, or one of the three alone.
    pub endpoint: String,
    /// Only under this monitor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monitor: Option<String>,
}

/// What probes by hand found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeReport {
    /// [`ProbeReport::SCHEMA`]
    pub schema: String,
    /// The node that probed.
    pub node: String,
    /// One for each endpoint and monitor.
    pub probes: Vec<ProbeResult>,
}

impl ProbeReport {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.probe/1";
}

/// What one probe found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeResult {
    /// Service name.
    pub service: String,
    /// Site name.
    pub site: String,
    /// The endpoint's address.
    #[schema(value_type = String)]
    pub address: IpAddr,
    /// The monitor's name.
    pub monitor: String,
    /// Where the probe went: address and port, or the address where there is no port.
    pub target: String,
    /// `ok`, `deferring`, `inconclusive` or the kind of failure, as in the metrics.
    pub outcome: String,
    /// Why, where it is not `ok`.
    pub reason: Option<String>,
    /// From its start to its end in milliseconds.
    pub latency_ms: f64,
    /// What was said, a line each: `> ` by the probe, `< ` by the endpoint, `* ` what happened.
    pub transcript: String,
}

/// Answer to a reload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReloadOutcome {
    /// [`ReloadOutcome::SCHEMA`]
    pub schema: String,
    /// What changed, a phrase each; empty if nothing did.
    pub changes: Vec<String>,
    /// Diagnostics that do not stand in the way, a line each.
    pub warnings: Vec<String>,
    /// The plan that answers follow.
    pub generation: Generation,
}

impl ReloadOutcome {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.reload/1";
}

/// The word that operators type for a policy.
#[must_use]
pub const fn policy_word(policy: &Policy) -> &'static str {
    match policy {
        Policy::Nearest => "nearest",
        Policy::Geo(_) => "geo",
        Policy::Failover => "failover",
        Policy::Weighted(_) => "weighted",
        Policy::Spread => "spread",
    }
}
