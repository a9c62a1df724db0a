//! `GET /sites/{site}`: what a site does, on what evidence, and what can be ordered of it.

use askama::Template;
use axum::extract::{Extension, Path, State};
use axum::response::Html;
use jiff::Timestamp;

use super::bar::Bar;
use super::frame::{Frame, Screen};
use super::mark::Mark;
use super::overview::{OrderRow, orders};
use super::sparkline::Sparkline;
use super::when::When;
use super::{link, page};
use crate::admin::api::{EndpointStatus, Evidence, MonitorStatus, NodeVote, ServiceStatus, SiteStatus, Status};
use crate::admin::router::Shared;
use crate::admin::words::{plain, tier};
use crate::admin::{Caller, Problem, ProblemKind};
use crate::model::{MonitorPart, Share};

/// `GET /sites/{site}`
pub(super) async fn site(
    State(shared): State<Shared>,
    caller: Option<Extension<Caller>>,
    Path(name): Path<String>,
) -> Result<Html<String>, Problem> {
    let status = shared.control.status();
    if !status.services.iter().flat_map(|service| &service.sites).any(|site| site.name == name) {
        return Err(unknown(&status, &name));
    }
    let evidence = shared.control.evidence(&name);
    let caller = caller.map(|Extension(caller)| caller);
    page(&Site::new(&status, &name, &evidence, caller.as_ref()))
}

fn unknown(status: &Status, name: &str) -> Problem {
    let mut known: Vec<&str> =
        status.services.iter().flat_map(|service| &service.sites).map(|site| site.name.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    let problem = Problem::new(ProblemKind::NotFound, format!("there is no site '{name}' in any service"));
    match known.as_slice() {
        [] => problem.with_remedy("declare sites and services in the configuration first"),
        known => problem.with_remedy(format!("the sites are {}", known.join(", "))),
    }
}

#[derive(Template)]
#[template(path = "site.html", config = "dashboards/operator/askama.toml")]
struct Site {
    frame: Frame,
    name: String,
    actions: Vec<Action>,
    /// Why who is looking may not order; `None` if they may.
    refused: Option<String>,
    orders: Vec<OrderRow>,
    load: Option<Load>,
    services: Vec<Service>,
}

/// Something that can be ordered of the site.
struct Action {
    name: &'static str,
    link: String,
    what: &'static str,
}

struct Load {
    now: Bar,
    peak: Bar,
}

/// What the site does for a service.
struct Service {
    name: String,
    standing: Mark,
    health: Mark,
    intent: String,
    drained_by: Option<When>,
    /// The part of its clients that an order moves away, where that is not all or nothing.
    moved: Option<String>,
    reason: String,
    answers: &'static str,
    endpoints: Vec<Endpoint>,
}

struct Endpoint {
    address: String,
    host: String,
    state: Mark,
    is_suspect: bool,
    since: When,
    reason: String,
    votes: Vec<Vote>,
    monitors: Vec<Monitor>,
}

/// What a node says.
struct Vote {
    node: String,
    /// `None` where the node does not know the endpoint.
    said: Option<Mark>,
    /// ` (does not count: not heard of lately)`
    note: &'static str,
}

struct Monitor {
    name: String,
    state: Mark,
    /// ` (required)`, where it is not simply counted.
    part: &'static str,
    reason: String,
    latency: String,
    /// `queue is 812`, where the monitor reads a number.
    reading: Option<String>,
    spark: Option<Sparkline>,
}

impl Site {
    fn new(status: &Status, name: &str, evidence: &[Evidence], caller: Option<&Caller>) -> Self {
        let mut frame = Frame::new(status, Screen::Site, format!("Site {name}"), caller);
        frame.back = link::site(name);
        let load = status.loads.iter().find(|load| load.site == name);
        let of_site = |service: &ServiceStatus| {
            let site = service.sites.iter().find(|site| site.name == name)?;
            Some(Service::new(service, site, evidence, status.time))
        };
        let has_order = status.orders.iter().any(|order| order.intent.scope.site == name);
        Self {
            refused: frame.why_not_order(name),
            name: name.to_owned(),
            actions: actions(name, has_order),
            orders: orders(status).into_iter().filter(|order| order.site == name).collect(),
            load: load
                .map(|load| Load { now: Bar::new(load.load, load.capacity), peak: Bar::new(load.peak, load.capacity) }),
            services: status.services.iter().filter_map(of_site).collect(),
            frame,
        }
    }
}

fn actions(name: &str, has_order: bool) -> Vec<Action> {
    let action = |label, kind, what| Action { name: label, link: link::order(name, None, kind), what };
    let mut actions = vec![
        action("Drain", "drain", "clients go elsewhere, softly, for a time"),
        action("Isolate", "isolate", "no answer names it, not even as a last resort"),
        action("Pin", "pin", "it serves whatever its health"),
    ];
    if has_order {
        actions.push(action("Undrain", "lift", "lifts the order that stands"));
    }
    actions
}

impl Service {
    fn new(service: &ServiceStatus, site: &SiteStatus, evidence: &[Evidence], now: Timestamp) -> Self {
        let is_partial = site.drained != Share::NONE && site.drained != Share::ALL;
        let endpoint = |endpoint: &EndpointStatus| {
            let known = evidence.iter().find(|it| it.service == service.name && it.address == endpoint.address);
            Endpoint::new(endpoint, known, now)
        };
        Self {
            name: service.name.clone(),
            standing: Mark::from(site.standing),
            health: Mark::from(site.health),
            intent: site.intent.clone().unwrap_or_else(|| "none".to_owned()),
            drained_by: site.drained_by.filter(|_| site.intent.is_some()).map(|by| When::new(by, now)),
            moved: is_partial.then(|| site.drained.to_string()),
            reason: plain(&site.reason),
            answers: tier(service.tier),
            endpoints: site.endpoints.iter().map(endpoint).collect(),
        }
    }
}

impl Endpoint {
    fn new(endpoint: &EndpointStatus, evidence: Option<&Evidence>, now: Timestamp) -> Self {
        Self {
            address: endpoint.address.to_string(),
            host: endpoint.host.clone(),
            state: Mark::from(endpoint.state),
            is_suspect: endpoint.suspect,
            since: When::new(endpoint.since, now),
            reason: plain(&endpoint.reason),
            votes: evidence.into_iter().flat_map(|evidence| &evidence.votes).map(Vote::new).collect(),
            monitors: endpoint.monitors.iter().map(|monitor| Monitor::new(monitor, evidence)).collect(),
        }
    }
}

impl Vote {
    fn new(vote: &NodeVote) -> Self {
        Self {
            node: plain(&vote.node),
            said: vote.state.map(Mark::from),
            note: match (vote.counts, vote.is_local) {
                (false, _) => "does not count: not heard of lately",
                (true, true) => "local: can take the site down, not hold it up",
                (true, false) => "",
            },
        }
    }
}

impl Monitor {
    fn new(monitor: &MonitorStatus, evidence: Option<&Evidence>) -> Self {
        let history = evidence.and_then(|it| it.probes.iter().find(|history| history.monitor == monitor.name));
        Self {
            name: monitor.name.clone(),
            state: Mark::from(monitor.state),
            part: match monitor.part {
                MonitorPart::MonitorOnly => "shown only, does not count",
                MonitorPart::Required => "required",
                MonitorPart::Counted => "",
            },
            reason: plain(&monitor.reason),
            latency: monitor.latency_ms.map_or_else(|| "never answered".to_owned(), |took| format!("{took:.1} ms")),
            reading: monitor.reading.as_deref().map(plain),
            spark: history.and_then(Sparkline::new),
        }
    }
}
