//! Rehearsals: what an order or its lifting would change, down to the answer of a client, without changing anything.

use std::net::IpAddr;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api::{Due, Outcome, SiteForecast};
use super::{Caller, Command, Problem};
use crate::model::{Generation, Intent, OrdersTag, Scope};

/// What rehearsals need of a node.
pub trait Rehearsals: Send + Sync {
    /// Holds `proposal` against the safety rules and reckons what would follow; nothing is changed.
    fn rehearse(&self, proposal: Proposal, caller: Caller) -> BoxFuture<'_, Result<OrderPreview, Problem>>;
}

/// What is rehearsed, and for whom the answers are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// What would be done.
    pub deed: Deed,
    /// The client whose answers are shown; `None`: one that is sent to the site first.
    pub client: Option<IpAddr>,
}

/// What would be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// An order is given.
    Give(Box<Command>),
    /// The order of a scope is lifted.
    Lift(Scope),
}

/// What would follow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderPreview {
    /// [`OrderPreview::SCHEMA`]
    pub schema: String,
    /// `dry_run`, or `unchanged` where it is so already.
    pub outcome: Outcome,
    /// The orders that it starts from.
    pub tag: OrdersTag,
    /// The plan that it starts from.
    pub generation: Generation,
    /// What it changes, a phrase a (service, site).
    pub changes: Vec<String>,
    /// What each site carries at the peak of the day, and would; empty where no site has a capacity.
    #[serde(default)]
    pub loads: Vec<SiteForecast>,
    /// An answer of each service that it is about, before and after.
    pub answers: Vec<AnswerPreview>,
    /// When no well-behaved cache would name the site any more, if it were done now; `None` where answers go on naming it.
    #[serde(default)]
    pub drained_by: Option<Timestamp>,
    /// What of it takes effect later.
    #[serde(default)]
    pub timetable: Vec<Due>,
    /// The order that it would take the place of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Intent>,
    /// The order as it would stand; `None` where one is lifted.
    #[serde(default)]
    pub intent: Option<Intent>,
    /// Why it must not be done by mistake, a sentence each; empty for what can be undone without harm.
    #[serde(default)]
    pub severe: Vec<String>,
}

impl OrderPreview {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.preview/1";
}

/// What a client is answered, and would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerPreview {
    /// The service that steers the answer.
    pub service: String,
    /// The name asked for.
    pub name: String,
    /// The type asked for.
    #[serde(rename = "type")]
    pub rtype: String,
    /// The client.
    pub client: IpAddr,
    /// Its country, where known.
    #[serde(default)]
    pub country: Option<String>,
    /// The record data that it gets.
    pub before: Vec<String>,
    /// The record data that it would get; of a partial drain: as one of those that are moved.
    pub after: Vec<String>,
}
