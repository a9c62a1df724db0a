//! The plan: who serves, in which tier, and why, under one generation number.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Share, SiteSet, State};

/// The order of plans: an older one never replaces a newer one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct Generation {
    /// Rises with every start of the node (with a store shared by nodes: with every restore).
    pub epoch: u64,
    /// Rises with every plan of the epoch.
    pub sequence: u64,
}

impl Generation {
    /// Whether a plan of this generation may take the place of one of generation `present`: an older one never does,
    /// however late it comes (RELIABILITY I2).
    #[must_use]
    pub fn replaces(self, present: Self) -> bool {
        self >= present
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.epoch, self.sequence)
    }
}

/// Which resort an endpoint is; answers come from the first tier that is not empty (DESIGN section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Up and in service.
    Serving,
    /// Deferring and in service.
    Deferring,
    /// Drained but up (or deferring).
    Drained,
    /// Declared and not isolated: down.
    Declared,
    /// Isolated; only ever answered as part of the declared RRset, when nothing else is left.
    Isolated,
}

/// What a site does for a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// In service.
    Serving,
    /// In service, after the others.
    Deferring,
    /// Taken out by an operator, softly.
    Drained,
    /// Out: too few healthy endpoints.
    Down,
    /// Taken out by an operator, hard.
    Isolated,
}

impl Standing {
    /// Whether a site of this standing is in service.
    #[must_use]
    pub const fn is_in_service(self) -> bool {
        matches!(self, Self::Serving | Self::Deferring)
    }

    /// The word that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Deferring => "deferring",
            Self::Drained => "drained",
            Self::Down => "down",
            Self::Isolated => "isolated",
        }
    }
}

/// The outcome for one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPlan {
    /// Its tier for clients that a partial drain does not move.
    pub tier: Tier,
    /// Its tier for clients that a partial drain moves; the same where there is none.
    pub moved_tier: Tier,
    /// Suspect or deferring: answers that involve it live half as long.
    pub unsettled: bool,
    /// The longest that answers naming it may live, in seconds: an order is about to take it out.
    pub ttl_cap: Option<u32>,
}

/// The outcome for one site of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SitePlan {
    /// What the site does.
    pub standing: Standing,
    /// Its health by itself, whatever an operator ordered.
    pub health: State,
    /// The part of its clients that a drain moves away: none, some or all.
    pub drained: Share,
    /// The part of its clients that sees it after other serving sites, because it is full.
    pub spilled: Share,
    /// Why, in an operator's words.
    pub reason: String,
}

impl SitePlan {
    /// Whether the service can count on the site: one that is pinned although it is down helps nobody.
    #[must_use]
    pub fn helps(&self) -> bool {
        self.standing.is_in_service() && self.health != State::Down
    }
}

/// The outcome for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// Parallel to [`crate::model::Service::sites`].
    pub sites: Vec<SitePlan>,
    /// The sites in service (serving or deferring).
    pub in_service: SiteSet,
    /// The best tier that any endpoint is in.
    pub tier: Tier,
}

/// The outcome for all services and sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its place in the order of plans.
    pub generation: Generation,
    /// Parallel to [`crate::model::Topology::services`].
    pub services: Vec<ServicePlan>,
    /// Parallel to [`crate::model::Topology::endpoints`].
    pub endpoints: Vec<EndpointPlan>,
}

impl Plan {
    /// Whether `other` says the same, whatever its generation.
    #[must_use]
    pub fn same_outcome(&self, other: &Self) -> bool {
        self.services == other.services && self.endpoints == other.endpoints
    }
}
