//! `POST /api/v1/diff`: what another configuration would change in the answers.

use std::net::IpAddr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, State};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::router::Shared;
use super::{Caller, Channel, Problem, ProblemKind};
use crate::model::Generation;

/// What comparisons need of a node.
pub trait Differences: Send + Sync {
    /// Holds the answers of the node against those under another configuration, with the same health and the same orders.
    /// Nothing is changed.
    fn difference(&self, request: DiffRequest) -> BoxFuture<'_, Result<AnswerDifference, Problem>>;
}

/// What is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiffRequest {
    /// The absolute path of another configuration on the node's machine.
    pub configuration: String,
}

/// What another configuration would change in the answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerDifference {
    /// [`AnswerDifference::SCHEMA`]
    pub schema: String,
    /// The node.
    pub node: String,
    /// When this was said.
    pub time: Timestamp,
    /// The plan that the answers follow before.
    pub generation: Generation,
    /// The other configuration.
    pub configuration: String,
    /// RRsets that were compared, for every kind of client as one.
    pub compared: usize,
    /// RRsets that were not, because there are too many.
    pub left_out: usize,
    /// What differs.
    pub changes: Vec<ChangedAnswer>,
    /// What differs beyond those that are listed.
    pub more: usize,
    /// Warnings about the other configuration, a line each.
    #[serde(default)]
    pub warnings: Vec<String>,
}

impl AnswerDifference {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.difference/1";
}

/// One answer that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedAnswer {
    /// The name asked for.
    pub name: String,
    /// The type asked for.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Who asks; absent where all clients are answered alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<ChangedView>,
    /// `TTL DATA` of each record; empty where there is none.
    pub before: Vec<String>,
    /// The same afterwards.
    pub after: Vec<String>,
}

/// Clients that see the same before, and the same afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedView {
    /// One of them.
    pub client: IpAddr,
    /// Its country, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Sites in its order before, best first.
    pub before: Vec<String>,
    /// The same afterwards.
    pub after: Vec<String>,
}

/// `POST /api/v1/diff`
pub(super) async fn diff(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    request: Result<Json<DiffRequest>, JsonRejection>,
) -> Result<Json<AnswerDifference>, Problem> {
    // What is wrong with a file is said by quoting it: nobody from elsewhere may have files quoted.
    if !matches!(caller.channel, Channel::Socket { .. }) {
        return Err(Problem::new(ProblemKind::Forbidden, "a configuration is compared through the admin socket only")
            .with_remedy("ask on the node's machine: waypost diff --answers NEWCONFIG"));
    }
    Ok(Json(shared.control.difference(request?.0).await?))
}
