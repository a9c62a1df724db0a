//! `GET /`: what the node does and why, on one page.

use askama::Template;
use axum::extract::{Extension, Query, State};
use axum::response::Html;
use jiff::Timestamp;

use super::attention::{Attention, attention};
use super::frame::{Frame, Screen};
use super::link;
use super::map::Map;
use super::mark::Mark;
use super::sift::{Sieve, sifted};
use super::when::When;
use super::{EventRow, page};
use crate::admin::api::{Findings, IncidentList, ServiceStatus, SiteStatus, Status};
use crate::admin::bounds::{EVENTS_ON_PAGE, INCIDENTS_ON_PAGE};
use crate::admin::progress::progress;
use crate::admin::router::Shared;
use crate::admin::words::{moment_and_distance, order, plain, tier, undo};
use crate::admin::{Caller, Problem};
use crate::model::{Event, Lifetime, State as Health};

/// `GET /`
pub(super) async fn overview(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Html<String>, Problem> {
    let status = shared.control.status();
    let caller = caller.map(|Extension(caller)| caller);
    let newest = status.last_event.saturating_add(1);
    let journal = sifted(&shared, &Sieve::default(), caller.as_ref(), (newest, EVENTS_ON_PAGE)).await;
    let asked = |key: &str| query.iter().find(|(asked, _)| asked == key).map(|(_, value)| value.as_str());
    let map = map(&shared, &status, asked("service"));
    let journal = journal.map(|found| found.events);
    let told =
        Told { findings: shared.control.findings(), incidents: shared.control.incidents(None, INCIDENTS_ON_PAGE) };
    let refresh = asked("still").is_none().then(|| refresh(asked("service")));
    page(&Overview::new(&status, &told, map, journal, refresh, caller.as_ref()))
}

/// The address under which the page loads itself again, so that it is not taken for somebody who does.
fn refresh(service: Option<&str>) -> String {
    let service = service.map(|service| format!("service={}&", link::encoded(service))).unwrap_or_default();
    format!("/?{service}auto")
}

/// What is told besides the status.
struct Told {
    findings: Findings,
    incidents: IncidentList,
}

/// The map of the service called `chosen`; of the first where there is none of that name.
fn map(shared: &Shared, status: &Status, chosen: Option<&str>) -> Option<Map> {
    let named = status.services.iter().find(|service| Some(service.name.as_str()) == chosen);
    let service = named.or_else(|| status.services.first())?;
    let world = shared.control.world(&service.name)?;
    Some(Map::new(status, service, &world))
}

/// What the page shows, in words. The template escapes all of it.
#[derive(Template)]
#[template(path = "overview.html", config = "dashboards/operator/askama.toml")]
struct Overview {
    frame: Frame,
    /// The address that the page loads by itself where there is no script; `None` for one that stands still.
    refresh: Option<String>,
    attention: Vec<Attention>,
    services: Vec<ServiceNote>,
    sites: Vec<SiteRows>,
    /// Of the service that was chosen; `None` where there is no service.
    map: Option<Map>,
    orders: Vec<OrderRow>,
    events: Vec<EventRow>,
    journal_problem: Option<String>,
    started: String,
    zones: usize,
    geo: String,
}

/// How the answers of a service are chosen.
struct ServiceNote {
    name: String,
    policy: String,
    answers: &'static str,
}

/// A site with a row a service.
struct SiteRows {
    name: String,
    link: String,
    rows: Vec<Row>,
}

struct Row {
    service: String,
    standing: Mark,
    health: Mark,
    /// `2 of 3 up`
    endpoints: String,
    intent: String,
    drained_by: Option<When>,
    reason: String,
}

/// A standing order as a row of a table.
pub(super) struct OrderRow {
    pub(super) site: String,
    pub(super) what: String,
    pub(super) link: String,
    pub(super) by: String,
    pub(super) reason: String,
    pub(super) since: When,
    pub(super) progress: String,
    /// `None` is until it is lifted.
    pub(super) ends: Option<When>,
    pub(super) forced: bool,
    pub(super) undo: String,
}

impl Overview {
    fn new(
        status: &Status,
        told: &Told,
        map: Option<Map>,
        journal: Result<Vec<Event>, Problem>,
        refresh: Option<String>,
        caller: Option<&Caller>,
    ) -> Self {
        let now = status.time;
        let (events, journal_problem) = match journal {
            Ok(events) => (events, None),
            Err(problem) => (Vec::new(), Some(problem.detail)),
        };
        let notes = status.services.iter().map(|service| ServiceNote {
            name: service.name.clone(),
            policy: service.policy.clone(),
            answers: tier(service.tier),
        });
        Self {
            frame: Frame::new(status, Screen::Overview, "Overview", caller),
            refresh,
            attention: attention(status, &told.findings, &told.incidents.incidents),
            services: notes.collect(),
            sites: by_site(&status.services, now),
            map,
            orders: orders(status),
            events: events.iter().map(EventRow::new).collect(),
            journal_problem,
            started: moment_and_distance(status.started, now),
            zones: status.zone_count,
            geo: status.geo.source.clone(),
        }
    }
}

/// The sites in the order in which the services name them, each with its services.
fn by_site(services: &[ServiceStatus], now: Timestamp) -> Vec<SiteRows> {
    let mut found: Vec<SiteRows> = Vec::new();
    for service in services {
        for site in &service.sites {
            let row = Row::new(&service.name, site, now);
            match found.iter_mut().find(|known| known.name == site.name) {
                Some(known) => known.rows.push(row),
                None => {
                    found.push(SiteRows { name: site.name.clone(), link: link::site(&site.name), rows: vec![row] });
                }
            }
        }
    }
    found
}

impl Row {
    fn new(service: &str, site: &SiteStatus, now: Timestamp) -> Self {
        let up = site.endpoints.iter().filter(|endpoint| matches!(endpoint.state, Health::Up | Health::Unknown));
        Self {
            service: service.to_owned(),
            standing: Mark::from(site.standing),
            health: Mark::from(site.health),
            endpoints: format!("{} of {} up", up.count(), site.endpoints.len()),
            intent: site.intent.clone().unwrap_or_else(|| "none".to_owned()),
            drained_by: site.drained_by.filter(|_| site.intent.is_some()).map(|by| When::new(by, now)),
            reason: plain(&site.reason),
        }
    }
}

/// The standing orders.
pub(super) fn orders(status: &Status) -> Vec<OrderRow> {
    let now = status.time;
    let row = |standing: &crate::admin::api::OrderStatus| {
        let intent = &standing.intent;
        OrderRow {
            site: intent.scope.site.clone(),
            what: order(intent),
            link: link::site(&intent.scope.site),
            by: plain(&intent.by),
            reason: plain(&intent.reason),
            since: When::new(intent.since, now),
            progress: plain(&progress(standing, now)),
            ends: match intent.lifetime {
                Lifetime::Until(end) => Some(When::new(end, now)),
                Lifetime::UntilCleared => None,
            },
            forced: intent.forced,
            undo: undo(&intent.scope),
        }
    };
    status.orders.iter().map(row).collect()
}
