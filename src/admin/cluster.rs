//! What the admin API says of the cluster: how the nodes stand together, and of the store that they share.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Connection, Generation, OrdersVersion};

/// How the nodes stand together, as this one knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClusterStatus {
    /// How this node is connected.
    pub connection: Connection,
    /// Since when, by the wall clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_since: Option<Timestamp>,
    /// The orders that its answers follow.
    pub orders: OrdersVersion,
    /// What its plan comes to, the same on all nodes that decide alike.
    pub plan: String,
    /// What the store holds instead, where it went back and no operator has accepted that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub went_back: Option<String>,
    /// Every node that is known, this one included, by name.
    pub nodes: Vec<NodeStatus>,
}

/// A node of the cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Whether it is the node that says this.
    pub is_this: bool,
    /// Where it stands.
    pub site: Option<String>,
    /// What it would fail with.
    pub failure_domain: Option<String>,
    /// Version of its program; empty where nothing was heard.
    pub version: String,
    /// Seconds since it was last heard of, by this node's monotonic clock; `None` if never since the start.
    pub heard_seconds_ago: Option<f64>,
    /// Whether its votes count.
    pub fresh: bool,
    /// How it is connected.
    pub connection: Connection,
    /// The orders that its answers follow.
    pub orders: OrdersVersion,
    /// Changes of orders that it has yet to follow.
    pub lag: u64,
    /// Its plan.
    pub generation: Generation,
    /// What that comes to.
    pub plan: String,
    /// Whether its plan comes to something else than this node's, though it follows the same orders.
    pub diverges: bool,
    /// Orders that only it follows, by scope.
    pub local_orders: Vec<String>,
}

/// A node that has not acknowledged an order in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MissingNode {
    /// Its name.
    pub name: String,
    /// Why it is missing: `not heard of for 14 s`, `follows 3.16`.
    pub why: String,
}

/// `GET /api/v1/store`: the store that the nodes share, read anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreStatus {
    /// [`StoreStatus::SCHEMA`]
    pub schema: String,
    /// `embedded` or `etcd`.
    pub kind: String,
    /// Whether it went back, so that an operator has to accept it before orders are taken again.
    #[serde(default)]
    pub went_back: bool,
    /// The orders that this node knows.
    pub known: OrdersVersion,
    /// The scopes of the orders that this node knows, with what is ordered: `fra: drain until 2026-05-01T12:00:00Z`.
    pub known_orders: Vec<String>,
    /// The orders that the store holds; `None` where it cannot be read.
    pub found: Option<OrdersVersion>,
    /// The same of the store.
    pub found_orders: Vec<String>,
    /// What is wrong with it, and what to do; `None` if nothing.
    pub trouble: Option<String>,
}

impl StoreStatus {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.store/1";
}

/// `POST /api/v1/store/accept`. A field that is not known is refused: a misspelt one would have the other orders kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreAccept {
    /// Write the orders that this node knows into the store, instead of following those that it holds.
    #[serde(default)]
    pub keep_known: bool,
}

/// Answer to [`StoreAccept`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StoreAccepted {
    /// [`StoreAccepted::SCHEMA`]
    pub schema: String,
    /// Whether anything had to be accepted.
    pub changed: bool,
    /// The orders that stand from now on.
    pub orders: OrdersVersion,
}

impl StoreAccepted {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.store-accepted/1";
}
