//! `status`: the verdict, every site of every service, standing orders, what works less well than it should.

use comfy_table::{Cell, Color};

use super::arguments;
use super::client::Node;
use super::document::{AsSent, sites};
use super::exit::{Exit, Failure};
use super::nodes;
use super::output::{Format, Output, Width};
use super::table::{Page, table, table_without};
use super::watch;
use super::whatif::capacity;
use crate::admin::api::progress::{let_go, progress};
use crate::admin::api::words::{
    amount, lifetime, moment, moment_and_distance, order, plain, relative, standing_shape, state_shape, tier,
};
use crate::admin::api::{EndpointStatus, MonitorStatus, ServiceStatus, SiteLoadStatus, SiteStatus, Status};
use crate::model::{MonitorPart, Standing, State, Tier};

pub(super) async fn status(node: &Node, output: &Output, arguments: &arguments::Status) -> Result<Exit, Failure> {
    let width = if output.format() == Format::Wide { Width::Wide } else { Width::Usual };
    let shown = |status: &Status| {
        if arguments.nodes { nodes::render(status, output.page()) } else { render(status, output.page(), width) }
    };
    if arguments.watch {
        return watch::watch(node, output, shown).await;
    }
    let document: serde_json::Value = node.get("/api/v1/status", &[]).await?;
    let status: Status = serde_json::from_value(document.clone())
        .map_err(|error| Failure::Fault(format!("the node's status cannot be read: {error}")))?;
    let names = if arguments.nodes { nodes::names(&status) } else { sites(&status) };
    output.show(&AsSent { document, names }, |_| vec![shown(&status)])?;
    Ok(Exit::Done)
}

/// What a narrow terminal does not need to show of sites and endpoints: `-o wide` has it.
const SPARE: [&str; 3] = ["SINCE", "HOST", "ENDPOINTS"];

/// The status for people.
pub(super) fn render(status: &Status, page: Page, width: Width) -> String {
    let now = status.time;
    let mut parts = vec![plain(&status.verdict)];
    parts.push(plain(&format!(
        "{} {} (started {}), generation {}, as of {}{}",
        status.node,
        status.version,
        relative(status.started, now),
        status.generation,
        moment(now),
        if status.ready { "" } else { ", not ready" }
    )));
    if let Some(cluster) = &status.cluster {
        let own = parts.pop();
        parts.push(own.into_iter().chain(nodes::lines(cluster, now)).collect::<Vec<_>>().join("\n"));
    }
    if !status.degradations.is_empty() {
        parts.push(attention(status));
    }
    // Whoever asks for all gets all, on however many lines.
    let spare: &[&str] = if width == Width::Wide { &[] } else { &SPARE };
    if !status.services.is_empty() {
        let rows = status
            .services
            .iter()
            .flat_map(|service| service.sites.iter().map(move |site| site_row(service, site, now)));
        let header = ["SERVICE", "SITE", "STANDS", "HEALTH", "ENDPOINTS", "INTENT", "WHY"];
        parts.push(table_without(page, &header, rows.collect(), spare));
    }
    if !status.loads.is_empty() {
        let rows = status.loads.iter().map(load_row).collect();
        parts.push(table(page, &["SITE", "LOAD", "AT PEAK", "CAPACITY"], rows));
    }
    for service in status.services.iter().filter(|service| service.tier != Tier::Serving) {
        parts.push(plain(&format!("{}: {}", service.name, tier(service.tier))));
    }
    let troubled = status.services.iter().flat_map(|service| {
        service.sites.iter().flat_map(move |site| {
            let all = width == Width::Wide;
            let shown = move |endpoint: &&EndpointStatus| all || endpoint.state != State::Up || endpoint.suspect;
            let troubled = site.endpoints.iter().filter(shown);
            troubled.map(move |endpoint| endpoint_row(service, site, endpoint, now))
        })
    });
    let troubled: Vec<_> = troubled.collect();
    if !troubled.is_empty() {
        let header = ["ENDPOINT", "HOST", "SERVICE", "SITE", "STATE", "WHY", "SINCE"];
        parts.push(table_without(page, &header, troubled, spare));
    }
    let monitors: Vec<_> = several_monitors(status)
        .flat_map(|(service, site, endpoint)| {
            endpoint.monitors.iter().map(move |monitor| monitor_row(service, site, endpoint, monitor, now))
        })
        .collect();
    if !monitors.is_empty() {
        let headers = ["MONITOR", "COUNTS", "ENDPOINT", "SERVICE", "SITE", "STATE", "WHY", "SINCE"];
        parts.push(table_without(page, &headers, monitors, spare));
    }
    if !status.orders.is_empty() {
        let rows = status.orders.iter().map(|standing| {
            let intent = &standing.intent;
            let forced = if intent.forced { " (forced)" } else { "" };
            vec![
                text(&format!("{}{forced}", order(intent))),
                text(&intent.by),
                text(&intent.reason),
                text(&progress(standing, now)),
                text(&lifetime(intent.lifetime, now)),
            ]
        });
        parts.push(table(page, &["ORDER", "BY", "WHY", "NOW", "ENDS"], rows.collect()));
    }
    if width == Width::Wide && !status.zones.is_empty() {
        parts.push(zones(status, page));
    }
    parts.join("\n\n").replacen("\n\n", "\n", 1)
}

/// What works less well than it should, a line each: in a column the remedy would be cut into slivers.
fn attention(status: &Status) -> String {
    let lines = status.degradations.iter().map(|degradation| {
        let since = moment_and_distance(degradation.since, status.time);
        plain(&format!("  {}: {}; since {since}", degradation.part, degradation.detail))
    });
    std::iter::once("NEEDS ATTENTION".to_owned()).chain(lines).collect::<Vec<_>>().join("\n")
}

fn zones(status: &Status, page: Page) -> String {
    let rows = status
        .zones
        .iter()
        .map(|zone| vec![text(&zone.origin), Cell::new(zone.serial), Cell::new(zone.records), Cell::new(zone.steered)]);
    table(page, &["ZONE", "SERIAL", "RECORDS", "STEERED"], rows.collect())
}

fn site_row(service: &ServiceStatus, site: &SiteStatus, now: jiff::Timestamp) -> Vec<Cell> {
    let order = match (&site.intent, site.drained_by) {
        (Some(intent), Some(by)) => format!("{intent}; {}", let_go("it", by, now)),
        (Some(intent), None) => intent.clone(),
        (None, _) => "-".to_owned(),
    };
    let up = site.endpoints.iter().filter(|endpoint| matches!(endpoint.state, State::Up | State::Unknown)).count();
    vec![
        text(&service.name),
        text(&site.name),
        Cell::new(format!("{} {}", standing_shape(site.standing), site.standing.as_str()))
            .fg(standing_colour(site.standing)),
        Cell::new(format!("{} {}", state_shape(site.health), site.health)).fg(state_colour(site.health)),
        Cell::new(format!("{up}/{} up", site.endpoints.len())),
        text(&order),
        text(&site.reason),
    ]
}

fn load_row(load: &SiteLoadStatus) -> Vec<Cell> {
    vec![text(&load.site), text(&amount(load.load)), text(&amount(load.peak)), text(&capacity(load.capacity))]
}

fn endpoint_row(
    service: &ServiceStatus,
    site: &SiteStatus,
    endpoint: &EndpointStatus,
    now: jiff::Timestamp,
) -> Vec<Cell> {
    let suspect = if endpoint.suspect { ", suspect" } else { "" };
    vec![
        Cell::new(endpoint.address),
        text(&endpoint.host),
        text(&service.name),
        text(&site.name),
        Cell::new(format!("{} {}{suspect}", state_shape(endpoint.state), endpoint.state))
            .fg(state_colour(endpoint.state)),
        text(&endpoint.reason),
        text(&moment_and_distance(endpoint.since, now)),
    ]
}

/// Endpoints of which some monitor is not up, where it takes more than its own word to know what that means.
fn several_monitors(status: &Status) -> impl Iterator<Item = (&ServiceStatus, &SiteStatus, &EndpointStatus)> {
    let sites = status.services.iter().flat_map(|service| service.sites.iter().map(move |site| (service, site)));
    let endpoints =
        sites.flat_map(|(service, site)| site.endpoints.iter().map(move |endpoint| (service, site, endpoint)));
    endpoints.filter(|(_, _, endpoint)| {
        let monitors = &endpoint.monitors;
        let plain = monitors.len() < 2 && monitors.iter().all(|monitor| monitor.part == MonitorPart::Counted);
        !plain && monitors.iter().any(|monitor| monitor.state != State::Up)
    })
}

fn monitor_row(
    service: &ServiceStatus,
    site: &SiteStatus,
    endpoint: &EndpointStatus,
    monitor: &MonitorStatus,
    now: jiff::Timestamp,
) -> Vec<Cell> {
    vec![
        text(&monitor.name),
        Cell::new(match monitor.part {
            MonitorPart::Counted => "yes",
            MonitorPart::Required => "required",
            MonitorPart::MonitorOnly => "no (monitor_only)",
        }),
        Cell::new(endpoint.address),
        text(&service.name),
        text(&site.name),
        Cell::new(format!("{} {}", state_shape(monitor.state), monitor.state)).fg(state_colour(monitor.state)),
        text(&monitor.reason),
        text(&moment_and_distance(monitor.since, now)),
    ]
}

fn text(words: &str) -> Cell {
    Cell::new(plain(words))
}

const fn standing_colour(standing: Standing) -> Color {
    match standing {
        Standing::Serving => Color::Green,
        Standing::Deferring => Color::Yellow,
        Standing::Drained | Standing::Isolated => Color::Cyan,
        Standing::Down => Color::Red,
    }
}

const fn state_colour(state: State) -> Color {
    match state {
        State::Up => Color::Green,
        State::Deferring | State::Unknown => Color::Yellow,
        State::Down => Color::Red,
    }
}
