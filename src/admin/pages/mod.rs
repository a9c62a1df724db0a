//! The operator's pages: server-rendered, complete without scripts, one file a page.
//!
//! A page says in words what [`super::Control`] knows; it orders nothing. Templates stand under `dashboards/operator/` and
//! escape all that they show. Parts with `data-live` and an `id` are what a script may replace with the same part of a newer
//! rendering of the same address.

mod assets;
mod attention;
mod bar;
mod drain;
mod drain_form;
mod explain;
mod frame;
mod incident;
mod link;
mod login;
mod map;
mod mark;
mod nodes;
mod outlines;
mod overview;
mod refusal;
mod sift;
mod site;
mod sparkline;
mod timeline;
mod whatif;
mod when;
mod zones;

use askama::Template;
use axum::Router;
use axum::response::Html;
use axum::routing::get;

pub(super) use login::{Login, Ways, login, welcome};
pub(super) use refusal::for_people;

use super::router::Shared;
use super::words::{event, event_word, moment, plain};
use super::{Caller, Problem, ProblemKind};
use crate::model::{Event, EventKind};

/// The pages.
pub(super) fn pages() -> Router<Shared> {
    Router::new()
        .route("/", get(overview::overview))
        .route("/nodes", get(nodes::nodes))
        .route("/sites/{site}", get(site::site))
        .route("/timeline", get(timeline::timeline))
        .route("/timeline/{incident}", get(incident::incident))
        .route("/explain", get(explain::explain))
        .route("/whatif", get(whatif::whatif))
        .route("/zones", get(zones::zones))
}

/// The pages on which orders are given.
pub(super) fn acts() -> Router<Shared> {
    Router::new().route("/drain", get(drain::form).post(drain::post))
}

/// What pages load; the same for everyone.
pub(super) fn assets() -> Router<Shared> {
    Router::new().route("/assets/{name}", get(assets::asset))
}

fn page(template: &impl Template) -> Result<Html<String>, Problem> {
    template.render().map(Html).map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))
}

/// Whether the event is the caller's to read.
fn may_read(caller: Option<&Caller>, event: &Event) -> bool {
    caller.map_or(!event.kind.is_of_people(), |caller| caller.reads(event))
}

/// An event as a row of a table.
struct EventRow {
    id: u64,
    time: String,
    word: &'static str,
    text: String,
    node: String,
    /// What was said by the probe that decided, a line each.
    transcript: Option<String>,
}

impl EventRow {
    fn new(logged: &Event) -> Self {
        Self {
            id: logged.id,
            time: moment(logged.time),
            word: event_word(&logged.kind),
            text: plain(&event(logged)),
            node: plain(&logged.node),
            transcript: match &logged.kind {
                EventKind::Verdict { transcript: Some(said), .. } => {
                    Some(said.lines().map(plain).collect::<Vec<_>>().join("\n"))
                }
                _ => None,
            },
        }
    }
}
