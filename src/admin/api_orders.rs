//! Orders in the admin API: given, standing, lifted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cluster::MissingNode;
use super::timetable::{Begin, Due, Steps};
use super::whatif::SiteForecast;
use crate::model::{Generation, Intent, IntentKind, OrdersTag, Reach, Scope};

/// A standing order and how long it still stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderStatus {
    /// The order.
    #[serde(flatten)]
    pub intent: Intent,
    /// Until it ends by itself; `None` is never.
    pub remaining_seconds: Option<u64>,
    /// Its next step; `None` where all of it is in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Due>,
    /// When no well-behaved cache names what it takes out, as far as can be said now; `None` where answers go on naming it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drained_by: Option<Timestamp>,
}

/// `POST /api/v1/orders`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OrderRequest {
    /// What it is about.
    pub scope: Scope,
    /// `kind` with its `share`.
    #[serde(flatten)]
    pub kind: IntentKind,
    /// Why.
    pub reason: String,
    /// How long it stands; default four hours from its beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry: Option<Expiry>,
    /// When it begins; default now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin: Option<Begin>,
    /// The steps by which a drain comes to its share; default at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
    /// Only say what would happen.
    #[serde(default)]
    pub dry_run: bool,
    /// Override the safety rules.
    #[serde(default)]
    pub force: bool,
    /// Only this node is to follow it, though the store that the nodes share is out of reach.
    #[serde(default, skip_serializing_if = "Reach::is_everywhere")]
    pub reach: Reach,
}

/// How long an order is to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// This many seconds from its beginning, at most 72 hours.
    ForSeconds(u64),
    /// Until this time, at most 72 hours after its beginning.
    Until(Timestamp),
    /// Until it is lifted.
    UntilCleared,
}

/// What an order or its lifting came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It stands and answers follow it.
    Accepted,
    /// It stood already, or nothing stood to be lifted.
    Unchanged,
    /// It would be accepted; nothing was changed.
    DryRun,
}

/// Answer to an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OrderOutcome {
    /// [`OrderOutcome::SCHEMA`]
    pub schema: String,
    /// What it came to.
    pub outcome: Outcome,
    /// The order as it stands or would stand.
    pub intent: Intent,
    /// What it changes, a phrase a (service, site).
    pub changes: Vec<String>,
    /// What each site carries at the peak of the day, and would under it; empty where no site has a capacity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub loads: Vec<SiteForecast>,
    /// The plan that carries it out; of a rehearsal: the one that stands.
    pub generation: Generation,
    /// The nodes whose answers follow it.
    pub acknowledged_by: Vec<String>,
    /// The nodes that have not said so in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingNode>,
    /// When no well-behaved cache names the site any more; `None` where answers go on naming it.
    pub drained_by: Option<Timestamp>,
    /// What of it takes effect later; empty where all is in effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timetable: Vec<Due>,
    /// When no well-behaved cache will name the site any more, of an order that is not in effect as a whole; `None` where it
    /// leaves the site in the answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_drained_by: Option<Timestamp>,
    /// Of a rehearsal: why it must not be done by mistake, a sentence each; empty for what can be undone without harm.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severe: Vec<String>,
    /// The order that stood for the scope before, and that this one takes the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Intent>,
    /// The command that undoes it: it gives the order again that stood before, or lifts this one.
    pub undo: String,
}

impl OrderOutcome {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.order/1";
}

/// `GET /api/v1/orders`: the standing orders. `ETag` says which they are; an order or a lifting with `If-Match` is made on
/// these and no others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Orders {
    /// [`Orders::SCHEMA`]
    pub schema: String,
    /// When this was said.
    pub time: Timestamp,
    /// Which orders these are, as in the `ETag`.
    #[schema(value_type = String)]
    pub tag: OrdersTag,
    /// The orders.
    pub orders: Vec<OrderStatus>,
}

impl Orders {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.orders/1";
}

/// `POST /api/v1/orders/lift`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiftRequest {
    /// Whose order.
    pub scope: Scope,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// Answer to the lifting of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiftOutcome {
    /// [`LiftOutcome::SCHEMA`]
    pub schema: String,
    /// What it came to.
    pub outcome: Outcome,
    /// The order that stood.
    pub intent: Option<Intent>,
    /// What its end changes, a phrase a (service, site).
    pub changes: Vec<String>,
    /// The plan that answers follow.
    pub generation: Generation,
    /// The nodes whose answers follow it.
    pub acknowledged_by: Vec<String>,
    /// The nodes that have not said so in time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingNode>,
    /// The command that orders it again.
    pub undo: Option<String>,
}

impl LiftOutcome {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.lift/1";
}
