//! Drills over the API.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::bounds::{DRILL_DEFAULT, DRILL_LONGEST};
use super::orders::text;
use super::router::Shared;
use super::{Caller, DrillCommand, Problem, ProblemKind};
use crate::model::{Drill, Scope};

/// `POST /api/v1/drills`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillRequest {
    /// What is taken out: a site, or one service of it.
    pub scope: Scope,
    /// For how long, in seconds; 15 minutes unless said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seconds: Option<u64>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// Only say whether it might begin, and what it would change.
    #[serde(default)]
    pub dry_run: bool,
}

/// Answer to a drill that began, or would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillBegun {
    /// [`DrillBegun::SCHEMA`]
    pub schema: String,
    /// Whether it was only looked at.
    pub dry_run: bool,
    /// The drill.
    pub drill: Drill,
    /// What it changes, a phrase a (service, site).
    pub changes: Vec<String>,
    /// The command that ends it early.
    pub undo: String,
}

impl DrillBegun {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.drill-begun/1";
}

/// `GET /api/v1/drills`: the drills that this node ran, and what is to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Drills {
    /// [`Drills::SCHEMA`]
    pub schema: String,
    /// The drill that runs, on whichever node.
    pub running: Option<RunningDrill>,
    /// Those that this node ran, the newest first.
    pub drills: Vec<Drill>,
    /// The schedules of the configuration.
    pub schedules: Vec<ScheduledDrill>,
}

impl Drills {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.drills/1";
}

/// A drill that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunningDrill {
    /// Its id.
    pub id: String,
    /// What it takes out.
    pub scope: Scope,
    /// The node that runs it and has its report.
    pub node: String,
    /// Since when.
    pub since: Timestamp,
}

/// A schedule and its next turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduledDrill {
    /// The schedule.
    pub name: String,
    /// What is taken out next; `None` where no window is long enough.
    pub scope: Option<Scope>,
    /// From when on.
    pub opens: Option<Timestamp>,
    /// The last moment at which it would begin.
    pub last_start: Option<Timestamp>,
    /// When its last drill began, as far as this node knows.
    pub last: Option<Timestamp>,
}

/// `GET /api/v1/drills/{id}`: all that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DrillReport {
    /// [`DrillReport::SCHEMA`]
    pub schema: String,
    /// The drill.
    #[serde(flatten)]
    pub drill: Drill,
}

impl DrillReport {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.drill/1";
}

/// `POST /api/v1/drills/{id}/abort`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AbortRequest {
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// How a report is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ReportFormat {
    Json,
    Md,
}

/// `?format=md`
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) struct ReportQuery {
    #[serde(default)]
    format: Option<ReportFormat>,
}

pub(super) async fn list(State(shared): State<Shared>) -> Json<Drills> {
    Json(shared.control.drills())
}

pub(super) async fn begin(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    body: Result<Json<DrillRequest>, JsonRejection>,
) -> Result<Json<DrillBegun>, Problem> {
    let Json(request) = body?;
    Ok(Json(shared.control.begin_drill(command(request)?, caller).await?))
}

pub(super) async fn report(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    query: Result<Query<ReportQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let drill = shared.control.drill(&id)?;
    let accepts = |kind: &str| {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
        accept.is_some_and(|accept| accept.contains(kind))
    };
    let format = query.format.unwrap_or(if accepts("text/markdown") { ReportFormat::Md } else { ReportFormat::Json });
    Ok(match format {
        ReportFormat::Json => Json(DrillReport { schema: DrillReport::SCHEMA.to_owned(), drill }).into_response(),
        ReportFormat::Md => {
            let kind = [(header::CONTENT_TYPE, "text/markdown; charset=utf-8")];
            (kind, shared.control.drill_in_words(&drill)).into_response()
        }
    })
}

pub(super) async fn abort(
    State(shared): State<Shared>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    body: Result<Json<AbortRequest>, JsonRejection>,
) -> Result<Json<DrillReport>, Problem> {
    let Json(AbortRequest { reason }) = body?;
    let drill = shared.control.abort_drill(id, text(&reason)?, caller).await?;
    Ok(Json(DrillReport { schema: DrillReport::SCHEMA.to_owned(), drill }))
}

/// The command that `request` asks for.
fn command(request: DrillRequest) -> Result<DrillCommand, Problem> {
    let DrillRequest { scope, for_seconds, reason, dry_run } = request;
    let length = for_seconds.map_or(DRILL_DEFAULT, Duration::from_secs);
    if length.is_zero() || length > DRILL_LONGEST {
        return Err(Problem::new(ProblemKind::Invalid, format!("a drill of {} s is not possible", length.as_secs()))
            .with_remedy(format!("give a time of up to {} h", DRILL_LONGEST.as_secs() / 3600)));
    }
    let reason = text(&reason)?;
    let reason = if reason.is_empty() { "drill".to_owned() } else { reason };
    Ok(DrillCommand { scope, length, reason, dry_run })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(for_seconds: Option<u64>) -> DrillRequest {
        let scope = Scope { site: "fra".into(), service: None };
        DrillRequest { scope, for_seconds, reason: " ".into(), dry_run: false }
    }

    #[test]
    fn a_drill_lasts_a_quarter_of_an_hour_unless_said_and_four_hours_at_most() {
        let asked = command(request(None)).unwrap();
        assert_eq!((asked.length.as_secs(), asked.reason.as_str()), (900, "drill"));
        assert_eq!(command(request(Some(4 * 3600))).unwrap().length.as_secs(), 4 * 3600);
        for seconds in [0, 4 * 3600 + 1, u64::MAX] {
            assert_eq!(command(request(Some(seconds))).unwrap_err().kind, ProblemKind::Invalid);
        }
    }
}
