//! The operator's page: server-rendered, read-only, without scripts.

use askama::Template;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;

use super::api::{NodeStatus, ServiceStatus, SiteStatus, Status};
use super::bounds::EVENTS_ON_PAGE;
use super::progress::{drained_by, progress};
use super::router::Shared;
use super::unison::{self, troubles};
use super::words::{
    event, event_word, lifetime, moment, moment_and_distance, order, plain, standing_shape, state_shape, tier,
};
use super::{Problem, ProblemKind};
use crate::model::{Connection, Event, Standing, State as Health, Tier};

/// `GET /`
pub(super) async fn overview(State(shared): State<Shared>, RawQuery(query): RawQuery) -> Result<Html<String>, Problem> {
    let status = shared.control.status();
    let after = status.last_event.saturating_sub(EVENTS_ON_PAGE);
    let journal = shared.control.events(after, usize::try_from(EVENTS_ON_PAGE).unwrap_or(usize::MAX)).await;
    let page = Overview::new(&status, journal, query.as_deref() != Some("still"));
    page.render().map(Html).map_err(|error| Problem::new(ProblemKind::Internal, error.to_string()))
}

/// `GET /assets/operator.css`
pub(super) async fn style() -> Response {
    let content_type = HeaderValue::from_static("text/css; charset=utf-8");
    ([(header::CONTENT_TYPE, content_type)], include_str!("../../dashboards/operator/operator.css")).into_response()
}

/// What the page shows, in words. The template escapes all of it.
#[derive(Template)]
#[template(path = "overview.html", config = "dashboards/operator/askama.toml")]
struct Overview {
    node: String,
    version: String,
    verdict: String,
    shape: &'static str,
    mood: &'static str,
    time: String,
    started: String,
    generation: String,
    refreshing: bool,
    degradations: Vec<DegradationRow>,
    /// What is wrong between the nodes, a sentence each.
    discord: Vec<String>,
    services: Vec<ServiceTable>,
    /// Empty for a node that is alone by configuration.
    nodes: Vec<NodeRow>,
    orders: Vec<OrderRow>,
    events: Vec<EventRow>,
    journal_problem: Option<String>,
    zones: usize,
    geo: String,
}

struct DegradationRow {
    part: String,
    detail: String,
    since: String,
}

struct ServiceTable {
    name: String,
    policy: String,
    answers: &'static str,
    sites: Vec<SiteRow>,
}

struct SiteRow {
    name: String,
    standing: &'static str,
    standing_shape: &'static str,
    health: &'static str,
    health_shape: &'static str,
    endpoints: String,
    order: String,
    reason: String,
    /// Endpoints that are not simply up.
    troubles: Vec<String>,
}

struct NodeRow {
    name: String,
    place: String,
    connection: &'static str,
    connection_shape: &'static str,
    mood: &'static str,
    heard: String,
    orders: String,
    plan: String,
    diverges: bool,
    version: String,
    local_orders: String,
}

struct OrderRow {
    what: String,
    by: String,
    reason: String,
    progress: String,
    ends: String,
}

struct EventRow {
    time: String,
    word: &'static str,
    text: String,
}

impl Overview {
    fn new(status: &Status, journal: Result<Vec<Event>, Problem>, refreshing: bool) -> Self {
        let now = status.time;
        let (events, journal_problem) = match journal {
            Ok(events) => (events, None),
            Err(problem) => (Vec::new(), Some(problem.detail)),
        };
        let (shape, mood) = mood(status);
        Self {
            node: status.node.clone(),
            version: status.version.clone(),
            verdict: status.verdict.clone(),
            shape,
            mood,
            time: moment(now),
            started: moment_and_distance(status.started, now),
            generation: status.generation.to_string(),
            refreshing,
            degradations: status
                .degradations
                .iter()
                .map(|degradation| DegradationRow {
                    part: degradation.part.clone(),
                    detail: plain(&degradation.detail),
                    since: moment_and_distance(degradation.since, now),
                })
                .collect(),
            discord: status
                .cluster
                .iter()
                .flat_map(|cluster| troubles(cluster, now))
                .map(|trouble| plain(&trouble))
                .collect(),
            nodes: status.cluster.iter().flat_map(|cluster| &cluster.nodes).map(NodeRow::new).collect(),
            services: status.services.iter().map(|service| ServiceTable::new(service, now)).collect(),
            orders: status
                .orders
                .iter()
                .map(|standing| OrderRow {
                    what: order(&standing.intent),
                    by: plain(&standing.intent.by),
                    reason: plain(&standing.intent.reason),
                    progress: plain(&progress(standing, now)),
                    ends: lifetime(standing.intent.lifetime, now),
                })
                .collect(),
            events: events.iter().rev().map(EventRow::new).collect(),
            journal_problem,
            zones: status.zone_count,
            geo: status.geo.source.clone(),
        }
    }
}

impl ServiceTable {
    fn new(service: &ServiceStatus, now: Timestamp) -> Self {
        Self {
            name: service.name.clone(),
            policy: service.policy.clone(),
            answers: tier(service.tier),
            sites: service.sites.iter().map(|site| SiteRow::new(site, now)).collect(),
        }
    }
}

impl SiteRow {
    fn new(site: &SiteStatus, now: Timestamp) -> Self {
        let up = site.endpoints.iter().filter(|endpoint| matches!(endpoint.state, Health::Up | Health::Unknown));
        let mut order = site.intent.clone().unwrap_or_else(|| "none".to_owned());
        if let Some(by) = site.drained_by.filter(|_| site.intent.is_some()) {
            order.push_str("; ");
            order.push_str(&drained_by(by, now));
        }
        let troubles = site.endpoints.iter().filter(|endpoint| endpoint.state != Health::Up || endpoint.suspect);
        Self {
            name: site.name.clone(),
            standing: site.standing.as_str(),
            standing_shape: standing_shape(site.standing),
            health: site.health.as_str(),
            health_shape: state_shape(site.health),
            endpoints: format!("{} of {} up", up.count(), site.endpoints.len()),
            order,
            reason: plain(&site.reason),
            troubles: troubles
                .map(|endpoint| {
                    let shape = state_shape(endpoint.state);
                    let suspect = if endpoint.suspect { ", suspect" } else { "" };
                    let since = moment_and_distance(endpoint.since, now);
                    plain(&format!(
                        "{shape} {} {}{suspect}: {} since {since}",
                        endpoint.address, endpoint.state, endpoint.reason
                    ))
                })
                .collect(),
        }
    }
}

impl NodeRow {
    fn new(node: &NodeStatus) -> Self {
        let mood = match (node.fresh, node.connection) {
            (true, Connection::Connected) => "up",
            (true, Connection::StoreLost) => "deferring",
            (false, _) | (true, Connection::Alone | Connection::CutOff) => "down",
        };
        Self {
            name: plain(&node.name),
            place: plain(&unison::place(node)),
            connection: unison::connection(node),
            connection_shape: unison::connection_shape(node),
            mood,
            heard: unison::heard(node),
            orders: unison::orders(node),
            plan: plain(&unison::plan(node)),
            diverges: node.diverges,
            version: plain(&unison::version(node)),
            local_orders: plain(&unison::local_orders(node)),
        }
    }
}

impl EventRow {
    fn new(logged: &Event) -> Self {
        Self { time: moment(logged.time), word: event_word(&logged.kind), text: plain(&event(logged)) }
    }
}

/// The worst that any service is in, as shape and class.
fn mood(status: &Status) -> (&'static str, &'static str) {
    let worst = status.services.iter().map(|service| service.tier).max();
    let all_serve =
        status.services.iter().flat_map(|service| &service.sites).all(|site| site.standing == Standing::Serving);
    let in_step = status.cluster.iter().all(|cluster| troubles(cluster, status.time).is_empty());
    match worst {
        Some(Tier::Declared | Tier::Isolated) => ("✕", "down"),
        Some(Tier::Drained | Tier::Deferring) => ("◐", "deferring"),
        _ if !status.ready => ("✕", "down"),
        _ if all_serve && status.degradations.is_empty() && in_step => ("●", "serving"),
        _ => ("◐", "deferring"),
    }
}
