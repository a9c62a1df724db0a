//! Notifications and hooks: how they fare, and a try by hand.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Extension, Path, State};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::router::Shared;
use super::{Caller, Problem};
use crate::model::Subject;

/// What the API needs of a node's notifications.
pub trait Notifications: Send + Sync {
    /// How targets and hooks fare.
    fn notifications(&self) -> NotificationsReport;

    /// Sends a test to the target called `name`, now and once.
    fn try_notification(&self, name: String, caller: Caller) -> BoxFuture<'_, Result<NotificationTried, Problem>>;
}

/// `GET /api/v1/notifications`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationsReport {
    /// [`NotificationsReport::SCHEMA`]
    pub schema: String,
    /// The node that was asked; counts are since its start.
    pub node: String,
    /// When this was said.
    pub time: Timestamp,
    /// Whether this node tells of what every node sees; of itself each tells.
    pub tells_for_all: bool,
    /// In file order.
    pub targets: Vec<TargetReport>,
    /// In file order.
    pub hooks: Vec<HookReport>,
}

impl NotificationsReport {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.notifications/1";
}

/// How a target fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetReport {
    /// Its name.
    pub name: String,
    /// Its kind, as in the configuration.
    pub kind: String,
    /// What it is told of.
    pub on: Vec<Subject>,
    /// Whether the last try failed.
    pub failing: bool,
    /// Notifications that wait for it.
    pub waiting: usize,
    /// Deliveries.
    pub delivered: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Notifications that were given up.
    pub dropped: u64,
    /// When something reached it last.
    pub last_success: Option<Timestamp>,
    /// When a try failed last.
    pub last_failure: Option<Timestamp>,
    /// Why.
    pub last_failure_reason: Option<String>,
}

/// How a hook fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HookReport {
    /// Its name.
    pub name: String,
    /// How often its runs came to what: `succeeded`, `failed`, `timed_out`, `not_started`, `limited`, `interrupted`.
    pub runs: BTreeMap<String, u64>,
}

/// `POST /api/v1/notifications/{name}/test`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotificationTried {
    /// [`NotificationTried::SCHEMA`]
    pub schema: String,
    /// When this was said.
    pub time: Timestamp,
    /// The target.
    pub target: String,
    /// Whether the test arrived.
    pub delivered: bool,
    /// Why it did not.
    pub reason: Option<String>,
}

impl NotificationTried {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.notification-tried/1";
}

/// `GET /api/v1/notifications`
pub(super) async fn list(State(shared): State<Shared>) -> Json<NotificationsReport> {
    Json(shared.control.notifications())
}

/// `POST /api/v1/notifications/{name}/test`
pub(super) async fn test(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Json<NotificationTried>, Problem> {
    Ok(Json(shared.control.try_notification(name, caller).await?))
}
