//! Incidents and objectives: their documents, their pages of the API, and how they are put in words.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bounds::INCIDENTS_LONGEST;
use super::incident_markdown::markdown;
use super::router::Shared;
use super::{Problem, ProblemKind};
use crate::model::{Availability, Generation, SiteOutcome, Trouble};
use crate::plan::incidents::Incident;

/// What the API needs of a node's log of incidents; all of it from memory.
pub trait Incidents: Send + Sync {
    /// At most `limit` incidents that began before event `before`, or the newest, newest first.
    fn incidents(&self, before: Option<u64>, limit: usize) -> IncidentList;

    /// The incident that event `id` began.
    fn incident(&self, id: u64) -> Option<IncidentDocument>;

    /// What is promised of services, and what came of it this month.
    fn objectives(&self) -> ObjectivesReport;
}

/// `GET /api/v1/incidents`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentList {
    /// [`IncidentList::SCHEMA`]
    pub schema: String,
    /// The node whose journal tells of them.
    pub node: String,
    /// When this was said.
    pub time: Timestamp,
    /// Newest first.
    pub incidents: Vec<Incident>,
    /// Ask for incidents before this one next; `None` where there are no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_before: Option<u64>,
}

impl IncidentList {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.incidents/1";
}

/// `GET /api/v1/incidents/{id}`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentDocument {
    /// [`IncidentDocument::SCHEMA`]
    pub schema: String,
    /// When this was said.
    pub time: Timestamp,
    /// The incident.
    pub incident: Incident,
}

impl IncidentDocument {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.incident/1";
}

/// `GET /api/v1/objectives`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectivesReport {
    /// [`ObjectivesReport::SCHEMA`]
    pub schema: String,
    /// The node whose journal tells of it.
    pub node: String,
    /// When this was said.
    pub time: Timestamp,
    /// The month that is reckoned, in UTC: `2026-05`.
    pub month: String,
    /// In file order.
    pub services: Vec<ServiceObjectives>,
}

impl ObjectivesReport {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.objectives/1";

    /// Whether every promise was kept.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.services.iter().all(|service| service.kept != Kept::Missed)
    }
}

/// What is promised of a service, and what came of it this month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServiceObjectives {
    /// Its name.
    pub service: String,
    /// Whether all that is promised was kept.
    pub kept: Kept,
    /// From the first failed probe until no well-behaved cache names what failed, at most, in seconds.
    pub rto_seconds: Option<f64>,
    /// Incidents of this month in which clients met a failure of it.
    pub incidents: usize,
    /// How many of them took longer than promised.
    pub missed: usize,
    /// The longest recovery of this month in seconds.
    pub longest_recovery_seconds: Option<f64>,
    /// The last recovery in seconds, in whichever month it was.
    pub last_recovery_seconds: Option<f64>,
    /// The part of the month in which some site is to be in service, as in `99.99%`, in parts per million.
    pub availability: Option<Availability>,
    /// How long no site had an address that worked, this month, in seconds.
    pub out_seconds: f64,
    /// Since when none has.
    pub out_since: Option<Timestamp>,
    /// How long that may be this month, in seconds.
    pub budget_seconds: Option<f64>,
    /// The part of that which is left; below 0 where more is used up than there was.
    pub budget_remaining: Option<f64>,
}

/// Whether a promise was kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// It was, so far.
    Kept,
    /// It was not.
    Missed,
    /// Nothing is promised.
    NothingPromised,
}

impl Kept {
    /// The words that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Missed => "missed",
            Self::NothingPromised => "nothing promised",
        }
    }
}

/// Which incidents are asked for.
#[derive(Debug, Deserialize)]
pub(super) struct ListQuery {
    /// Those that began before this event; default the newest.
    before: Option<u64>,
    /// At most so many, 1 to 100; default 20.
    limit: Option<usize>,
}

/// How an incident is to be written.
#[derive(Debug, Deserialize)]
pub(super) struct OneQuery {
    format: Option<Format>,
}

/// The forms of an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Format {
    Json,
    Md,
}

/// Incidents of a page where nothing is said.
const LIST_DEFAULT: usize = 20;

/// `GET /api/v1/incidents`
pub(super) async fn list(
    State(shared): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<IncidentList>, Problem> {
    let Query(ListQuery { before, limit }) = query?;
    let limit = limit.unwrap_or(LIST_DEFAULT);
    if !(1..=INCIDENTS_LONGEST).contains(&limit) {
        return Err(Problem::new(ProblemKind::Invalid, format!("limit is a number from 1 to {INCIDENTS_LONGEST}")));
    }
    Ok(Json(shared.control.incidents(before, limit)))
}

/// `GET /api/v1/incidents/{id}`
pub(super) async fn one(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    query: Result<Query<OneQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(OneQuery { format }) = query?;
    let found = id.parse().ok().and_then(|id| shared.control.incident(id));
    let document = found.ok_or_else(|| {
        Problem::new(ProblemKind::NotFound, "there is no such incident, or it is too old to be kept")
            .with_remedy("waypost incident lists those that are kept; the journal tells of older ones")
    })?;
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let format = format.unwrap_or(if accepts.contains(MARKDOWN_TYPE) { Format::Md } else { Format::Json });
    Ok(match format {
        Format::Json => Json(document).into_response(),
        Format::Md => {
            let kind = HeaderValue::from_static("text/markdown; charset=utf-8");
            ([(header::CONTENT_TYPE, kind)], markdown(&document.incident, document.time)).into_response()
        }
    })
}

const MARKDOWN_TYPE: &str = "text/markdown";

/// `GET /api/v1/objectives`
pub(super) async fn objectives(State(shared): State<Shared>) -> Json<ObjectivesReport> {
    Json(shared.control.objectives())
}

/// What a survey found, in one phrase.
pub(super) fn surveyed(generation: Generation, sites: &[SiteOutcome], troubles: &[Trouble]) -> String {
    let out: Vec<String> = sites
        .iter()
        .filter(|site| !site.is_whole())
        .map(|site| format!("{}: {} {}", site.service, site.site, site.standing.as_str()))
        .collect();
    let serving = sites.len().saturating_sub(out.len());
    let rest = if out.is_empty() { String::new() } else { format!("; {}", out.join("; ")) };
    let troubles =
        if troubles.is_empty() { String::new() } else { format!("; endpoints not well: {}", troubles.len()) };
    format!("generation {generation}: {serving} of {} sites of services serve as declared{rest}{troubles}", sites.len())
}
