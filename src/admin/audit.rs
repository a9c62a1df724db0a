//! The audit journal and the past: their documents and their pages of the API.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use futures_util::stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::{ExplainQuery, Explanation};
use super::bounds::{AUDIT_LINES, CHECKPOINTS_GIVEN};
use super::router::Shared;
use super::{Control, Problem, ProblemKind};
use crate::model::{ChainBeginning, ChainFinding, ChainMark, Checkpoint, ExportEnd, ExportHead, Link, export_line};

/// What the API needs of a node's journal and past.
pub trait Audit: Send + Sync {
    /// Where the chain of the journal begins and ends, and what was written down of it elsewhere.
    fn audit(&self) -> BoxFuture<'_, Result<AuditStatus, Problem>>;

    /// Checks the whole chain, against `known` places too.
    fn verify(&self, known: Vec<ChainMark>) -> BoxFuture<'_, Result<AuditReport, Problem>>;

    /// The first `limit` entries after `after`, octet for octet.
    fn links(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Link>, Problem>>;

    /// The id of the first entry not written before `time`; the next id where there is none.
    fn first_since(&self, time: Timestamp) -> BoxFuture<'_, Result<u64, Problem>>;

    /// What a client was answered at a past moment, and why.
    fn explain_at(&self, query: ExplainQuery, past: PastQuery) -> BoxFuture<'_, Result<PastAnswer, Problem>>;
}

/// `GET /api/v1/audit`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditStatus {
    /// [`AuditStatus::SCHEMA`]
    pub schema: String,
    /// The node whose journal it is.
    pub node: String,
    /// Where the chain begins; `None` before the first entry.
    pub beginning: Option<ChainBeginning>,
    /// The newest entry.
    pub head: Option<ChainMark>,
    /// The oldest entry that is kept.
    pub oldest: Option<u64>,
    /// The last places that were written down outside the database, newest last.
    pub checkpoints: Vec<Checkpoint>,
}

impl AuditStatus {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.audit-status/1";
}

/// What a check of a journal or an export found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditReport {
    /// [`AuditReport::SCHEMA`]
    pub schema: String,
    /// The node whose journal it is, as it says.
    pub node: String,
    /// How many entries were checked.
    pub entries: u64,
    /// How many lie before the chain and prove nothing: an earlier version wrote them.
    pub unchained: u64,
    /// The newest entry that was checked.
    pub head: Option<ChainMark>,
    /// How many places written down elsewhere were compared.
    pub checkpoints: usize,
    /// How many of them lie outside of what was checked.
    #[serde(default)]
    pub uncompared: usize,
    /// What is wrong; empty if nothing is.
    pub findings: Vec<ChainFinding>,
}

impl AuditReport {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.audit-report/1";
}

/// What else an explanation of the past may be asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastQuery {
    /// The moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The payload that the query advertised; without it the query had no EDNS, unless something else asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edns: Option<u16>,
    /// Whether it asked for signatures (DO).
    #[serde(default, rename = "do", skip_serializing_if = "Option::is_none")]
    pub dnssec_ok: Option<bool>,
    /// Whether it asked for recursion (RD).
    #[serde(default, rename = "rd", skip_serializing_if = "Option::is_none")]
    pub recursion_desired: Option<bool>,
}

/// `GET /api/v1/explain?at=TIME`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PastAnswer {
    /// [`PastAnswer::SCHEMA`]
    pub schema: String,
    /// The node that answered.
    pub node: String,
    /// The moment.
    pub at: Timestamp,
    /// The plan that answers followed then.
    pub generation: crate::model::Generation,
    /// Since when they did.
    pub since: Timestamp,
    /// The query over UDP, in hexadecimal.
    pub query: String,
    /// The answer, octet for octet but for its message id, in hexadecimal.
    pub answer: String,
    /// Its RCODE.
    pub rcode: String,
    /// The lowest TTL of its answer section; `None` of an empty one.
    pub ttl: Option<u32>,
    /// Why, in plain words, as of then.
    pub lines: Vec<String>,
    /// What may make the answer that was given another one.
    pub caveats: Vec<String>,
    /// The explanation for programs.
    pub detail: serde_json::Value,
}

impl PastAnswer {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "waypost.past-answer/1";
}

/// `GET /api/v1/audit`
pub(super) async fn status(State(shared): State<Shared>) -> Result<Json<AuditStatus>, Problem> {
    Ok(Json(shared.control.audit().await?))
}

/// `GET /api/v1/explain`
pub(super) async fn explain(
    State(shared): State<Shared>,
    query: Result<Query<ExplainQuery>, QueryRejection>,
    past: Result<Query<PastQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let (Query(query), Query(past)) = (query?, past?);
    if past.at.is_some() {
        return Ok(Json(shared.control.explain_at(query, past).await?).into_response());
    }
    let explanation: Explanation = shared.control.explain(&query)?;
    Ok(Json(explanation).into_response())
}

/// What is to be compared.
#[derive(Debug, Deserialize)]
pub(super) struct VerifyQuery {
    /// `ID:HASH,ID:HASH`
    checkpoints: Option<String>,
}

/// `GET /api/v1/audit/verify`
pub(super) async fn verify(
    State(shared): State<Shared>,
    query: Result<Query<VerifyQuery>, QueryRejection>,
) -> Result<Json<AuditReport>, Problem> {
    let Query(VerifyQuery { checkpoints }) = query?;
    let given = checkpoints.unwrap_or_default();
    let mut known = Vec::new();
    for text in given.split(',').filter(|text| !text.is_empty()) {
        if known.len() == CHECKPOINTS_GIVEN {
            let problem = format!("at most {CHECKPOINTS_GIVEN} checkpoints are compared at once");
            return Err(Problem::new(ProblemKind::Invalid, problem));
        }
        known.push(text.parse().map_err(|why: String| Problem::new(ProblemKind::Invalid, why))?);
    }
    Ok(Json(shared.control.verify(known).await?))
}

/// What of the journal is exported.
#[derive(Debug, Deserialize)]
pub(super) struct ExportQuery {
    /// From this moment on; default all that is kept.
    since: Option<Timestamp>,
    /// Before this moment; default to the end.
    until: Option<Timestamp>,
}

/// `GET /api/v1/audit/export`: JSON lines.
pub(super) async fn export(
    State(shared): State<Shared>,
    query: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(ExportQuery { since, until }) = query?;
    let control = Arc::clone(&shared.control);
    control.journalled().await;
    let AuditStatus { node, beginning, head, .. } = control.audit().await?;
    let (Some(mut begins), Some(head)) = (beginning, head) else {
        return Err(Problem::new(ProblemKind::NotFound, "the journal has no entry yet"));
    };
    if let Some(since) = since {
        let first = control.first_since(since).await?.min(head.id.saturating_add(1));
        if first > begins.first {
            // The entry before tells what the first one follows.
            let before = control.links(first.saturating_sub(2), 1).await?;
            if let Some(link) = before.first().filter(|link| link.id == first.saturating_sub(1)) {
                (begins.first, begins.previous) = (first, link.hash);
            }
        }
    }
    let end = match until {
        Some(until) => control.first_since(until).await?.saturating_sub(1).min(head.id),
        None => head.id,
    };
    let schema = ExportHead::SCHEMA.to_owned();
    let line = json_line(&ExportHead { schema, node, exported: Timestamp::now(), begins })?;
    let lines =
        Lines { control, head, end, last: begins.first.saturating_sub(1), previous: begins.previous, ended: false };
    let rest = stream::unfold(lines, Lines::next);
    let body = futures_util::StreamExt::chain(stream::iter([Ok(Bytes::from(line))]), rest);
    let kind = HeaderValue::from_static("application/jsonl; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], Body::from_stream(body)).into_response())
}

/// An export on its way.
struct Lines {
    control: Arc<dyn Control>,
    head: ChainMark,
    /// The last entry of the export.
    end: u64,
    /// The last entry that was sent.
    last: u64,
    previous: crate::model::LinkHash,
    ended: bool,
}

impl Lines {
    /// Some more lines. An error ends the response without its last line, so that nobody takes it for whole.
    async fn next(mut self) -> Option<(Result<Bytes, Problem>, Self)> {
        if self.ended {
            return None;
        }
        let links = if self.last < self.end {
            match self.control.links(self.last, AUDIT_LINES).await {
                Ok(links) => links,
                Err(problem) => {
                    self.ended = true;
                    return Some((Err(problem), self));
                }
            }
        } else {
            Vec::new()
        };
        let mut text = String::new();
        for link in links.iter().filter(|link| link.id <= self.end) {
            text.push_str(&export_line(self.previous, link));
            text.push('\n');
            (self.last, self.previous) = (link.id, link.hash);
        }
        if text.is_empty() {
            self.ended = true;
            let ends = (self.last > 0).then_some(ChainMark { id: self.last, hash: self.previous });
            return Some((json_line(&ExportEnd { ends, head: Some(self.head) }).map(Bytes::from), self));
        }
        Some((Ok(Bytes::from(text)), self))
    }
}

fn json_line(document: &impl Serialize) -> Result<String, Problem> {
    let text = serde_json::to_string(document);
    text.map(|text| text + "\n").map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))
}
