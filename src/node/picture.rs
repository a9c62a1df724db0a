//! The picture: what the engine last decided and on what grounds, for everyone who only looks.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::loading::{Geo, Marks};
use super::peers::ClusterView;
use super::roster::Roster;
use super::signing::Signed;
use crate::model::{Drill, EndpointHealth, Intent, Mono, OrdersTag, Plan, Settings, SiteSet, Topology};
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
    /// The zones that are transferred.
    pub roster: Arc<Roster>,
    /// Zones that are not as their files say, and why.
    pub troubles: Arc<[String]>,
    /// The zone files as they were before they were read.
    pub marks: Arc<Marks>,
    /// The keys that zones are signed with.
    pub signed: Arc<Signed>,
    /// The geo database in force.
    pub geo: Geo,
    /// Agreed health, parallel to the endpoints.
    pub health: Arc<[EndpointHealth]>,
    /// Standing orders with their ends on the monotonic clock.
    pub orders: Arc<[StandingOrder]>,
    /// Which orders these are.
    pub orders_tag: OrdersTag,
    /// The plan in force.
    pub plan: Arc<Plan>,
    /// The sites that answers name now, parallel to the services.
    pub named: Arc<[SiteSet]>,
    /// What works less well than it should, by part.
    pub degradations: Arc<BTreeMap<String, Degradation>>,
    /// The other nodes; `None` for a node that shares with nobody.
    pub cluster: Option<Arc<ClusterView>>,
    /// The drill that this node runs.
    pub drill: Option<Arc<Drill>>,
}

/// An order that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StandingOrder {
    /// The order.
    pub intent: Intent,
    /// When it ends; `None` is until it is lifted.
    pub deadline: Option<Mono>,
    /// When its next step is due; `None` where all of it is in effect.
    pub due: Option<Mono>,
    /// The safety rule that holds the step that is due.
    pub held: Option<Hold>,
}

/// Why a step that is due is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The rule's name.
    pub rule: &'static str,
    /// The rule, its numbers and the remedy.
    pub why: String,
}

impl StandingOrder {
    /// Whether its time is over at `now`.
    #[must_use]
    pub fn is_over(&self, now: Mono) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

/// Something that works less well than it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degradation {
    /// What, and what to do.
    pub detail: String,
    /// Since when, by the wall clock.
    pub since: Timestamp,
}
