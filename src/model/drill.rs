//! Drills: a site taken out of the answers for a while to see that the others carry its clients, and what came of it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Scope;

/// What marks the order that a drill gives: whose it is, so that every node knows when it is over without being told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillMark {
    /// The drill's id.
    pub id: String,
    /// The node that runs it.
    pub runner: String,
    /// When that node started: the order ends with the process that gave it.
    pub runner_started: Option<Timestamp>,
    /// The schedule that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
}

/// How a drill ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DrillOutcome {
    /// The site was out, caches let go of it, it stayed out as long as meant, and came back.
    Succeeded,
    /// Something made it end early; the site was put back at once.
    Interrupted,
    /// It did not do what it was meant to: caches did not let go in time, or the site did not come back.
    Failed,
    /// The other sites could not have carried the load: nothing was ordered.
    CapacityCheckFailed,
}

impl DrillOutcome {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Succeeded, Self::Interrupted, Self::Failed, Self::CapacityCheckFailed];

    /// The word that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "SUCCEEDED",
            Self::Interrupted => "INTERRUPTED",
            Self::Failed => "FAILED",
            Self::CapacityCheckFailed => "CAPACITY_CHECK_FAILED",
        }
    }
}

/// How far a drill is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum DrillState {
    /// Its order is on the way to the store.
    Ordering,
    /// The order stands; nodes follow it and caches let go of the site.
    Withdrawing,
    /// No well-behaved cache names the site any more.
    Drained,
    /// The order is over; nodes name the site again.
    Restoring {
        /// What it comes to.
        outcome: DrillOutcome,
        /// Why.
        why: String,
    },
    /// It is over.
    Ended {
        /// What it came to.
        outcome: DrillOutcome,
        /// Why.
        why: String,
    },
}

impl DrillState {
    /// The word that operators see.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Ordering => "ordering",
            Self::Withdrawing => "withdrawing",
            Self::Drained => "drained",
            Self::Restoring { .. } => "restoring",
            Self::Ended { .. } => "ended",
        }
    }

    /// What it comes or came to, as far as that is settled, and why.
    #[must_use]
    pub fn outcome(&self) -> Option<(DrillOutcome, &str)> {
        match self {
            Self::Restoring { outcome, why } | Self::Ended { outcome, why } => Some((*outcome, why)),
            Self::Ordering | Self::Withdrawing | Self::Drained => None,
        }
    }

    /// Whether the drill's order may stand.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        matches!(self, Self::Ordering | Self::Withdrawing | Self::Drained)
    }

    /// Whether nothing more comes.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }
}

/// A drill: what was asked, how far it came, and what was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drill {
    /// Its id: the site and when it began.
    pub id: String,
    /// What it takes out.
    pub scope: Scope,
    /// Who asked for it: token name, system user, or the node itself by a schedule.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The schedule that asked for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// The node that runs it.
    pub node: String,
    /// When it began.
    pub started: Timestamp,
    /// How long the site is meant to stay out, in seconds from the order.
    pub for_seconds: u64,
    /// How far it is.
    #[serde(flatten)]
    pub state: DrillState,
    /// When its order stood.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<Timestamp>,
    /// When each node was known to name the site no more, in the order of time.
    #[serde(default)]
    pub withdrawn: Vec<NodeMoment>,
    /// When no well-behaved cache named the site any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained: Option<Timestamp>,
    /// When its order ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Timestamp>,
    /// When each node was known to follow that, in the order of time.
    #[serde(default)]
    pub followed: Vec<NodeMoment>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// What the other sites carried; empty where no site has a capacity.
    #[serde(default)]
    pub survivors: Vec<SurvivorLoad>,
    /// What the probes found meanwhile, by monitor.
    #[serde(default)]
    pub probes: Vec<MonitorProbes>,
}

/// When something was known of a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NodeMoment {
    /// The node.
    pub node: String,
    /// When.
    pub at: Timestamp,
}

/// What a site carried while another was out, in the unit of the sites' capacity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SurvivorLoad {
    /// The site.
    pub site: String,
    /// What it can carry; `None` is without bound.
    pub capacity: Option<u64>,
    /// What it was sent when the drill began, rounded up.
    pub before: u64,
    /// The most that it was sent while the drill ran, rounded up.
    pub highest: u64,
}

/// What a monitor's probes found while a drill ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MonitorProbes {
    /// The monitor.
    pub monitor: String,
    /// Probes that ended.
    pub ended: u64,
    /// Of these, those that were not good.
    pub not_good: u64,
}
