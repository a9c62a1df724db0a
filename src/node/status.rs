//! The status document, from the picture and what the shell counts.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::clock::Clock;
use super::demand::{Gauge, demands};
use super::forecast;
use super::outlook;
use super::picture::{Picture, StandingOrder};
use super::verdict;
use crate::admin::api::{
    Degradation, EndpointStatus, GeoStatus, MonitorStatus, OrderStatus, Orders, ServiceStatus, SiteLoadStatus,
    SiteStatus, Status, ZoneStatus, policy_word, words,
};
use crate::answer::Tables;
use crate::model::{
    EndpointIx, EndpointKey, Intent, IntentKind, Lifetime, MonitorPart, Mono, Service, ServiceIx, ServicePlan, Share,
    SiteIx,
};
use crate::plan::Moment;
use crate::probe::TargetStatus;
use crate::serve::Usage;

/// Zones that a status lists; more would make a page that nobody reads.
const ZONES: usize = 1_000;

/// What the status says besides the picture.
pub struct Surroundings<'a> {
    /// The clocks.
    pub clock: Clock,
    /// When the node started.
    pub started: Timestamp,
    /// Who was named until when.
    pub usage: &'a Usage,
    /// What clients ask for.
    pub demand: &'a Gauge,
    /// The views that they have.
    pub tables: Arc<Tables>,
    /// The newest journalled event.
    pub last_event: u64,
    /// The revision of the orders.
    pub revision: u64,
    /// What the monitors say now; the engine hears only of changes.
    pub monitors: HashMap<(EndpointKey, String), TargetStatus>,
}

/// What the node does and why.
#[must_use]
pub fn status(picture: &Picture, around: &Surroundings<'_>) -> Status {
    let topology = &picture.topology;
    let services: Vec<ServiceStatus> = topology
        .services()
        .filter_map(|(ix, service)| {
            Some(service_status(picture, around, ix, service, picture.plan.services.get(ix.get())?))
        })
        .collect();
    Status {
        schema: Status::SCHEMA.to_owned(),
        node: picture.settings.node.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        site: picture.settings.node.site.map(|site| topology.site_name(site).to_owned()),
        started: around.started,
        time: around.clock.wall(),
        generation: picture.plan.generation,
        ready: true,
        verdict: verdict::sentence(&services, &picture.orders, picture.degradations.keys().map(String::as_str)),
        services,
        orders: standing(picture, around),
        revision: around.revision,
        zones: zones(picture),
        zone_count: picture.zones.len(),
        degradations: picture
            .degradations
            .iter()
            .map(|(part, degradation)| Degradation {
                part: part.clone(),
                detail: degradation.detail.clone(),
                since: degradation.since,
            })
            .collect(),
        loads: loads(picture, around),
        geo: geo(picture),
        last_event: around.last_event,
        cluster: picture.cluster.as_ref().map(|view| view.status(around.clock.mono())),
    }
}

/// The standing orders, and which they are.
#[must_use]
pub fn orders(picture: &Picture, around: &Surroundings<'_>) -> Orders {
    Orders {
        schema: Orders::SCHEMA.to_owned(),
        time: around.clock.wall(),
        tag: picture.orders_tag,
        orders: standing(picture, around),
    }
}

fn standing(picture: &Picture, around: &Surroundings<'_>) -> Vec<OrderStatus> {
    let mono = around.clock.mono();
    let status = |order: &StandingOrder| OrderStatus {
        intent: order.intent.clone(),
        remaining_seconds: order.deadline.map(|deadline| deadline.since(mono).as_secs()),
        next: outlook::next(order, around),
        drained_by: outlook::drained_by(picture, around, order),
    };
    picture.orders.iter().map(status).collect()
}

fn loads(picture: &Picture, around: &Surroundings<'_>) -> Vec<SiteLoadStatus> {
    if !forecast::is_bounded(&picture.topology) {
        return Vec::new();
    }
    let rates = around.demand.rates();
    let at = |moment| demands(&picture.topology, &around.tables, &rates, moment);
    forecast::loads(picture, &at(Moment::Now), &at(Moment::Peak))
}

fn service_status(
    picture: &Picture,
    around: &Surroundings<'_>,
    ix: ServiceIx,
    service: &Service,
    plan: &ServicePlan,
) -> ServiceStatus {
    let sites = service
        .sites
        .iter()
        .zip(&plan.sites)
        .map(|(site, outcome)| SiteStatus {
            name: picture.topology.site_name(*site).to_owned(),
            standing: outcome.standing,
            health: outcome.health,
            intent: intent_of(picture, *site, service).map(intent_words),
            drained: outcome.drained,
            reason: outcome.reason.clone(),
            drained_by: if is_named(picture, ix, *site) {
                None
            } else {
                around
                    .usage
                    .drained_by(&service.name, picture.topology.site_name(*site))
                    .map(|by| wall_of(around.clock, by))
            },
            endpoints: endpoints(picture, around, ix, *site),
        })
        .collect();
    let required = service.requires.iter().filter_map(|required| picture.topology.service(*required));
    ServiceStatus {
        name: service.name.clone(),
        policy: policy_word(&service.policy).to_owned(),
        tier: plan.tier,
        ttl: u32::try_from(service.ttl.as_secs()).unwrap_or(u32::MAX),
        min_sites: service.min_sites,
        requires: required.map(|required| required.name.clone()).collect(),
        sites,
    }
}

fn endpoints(picture: &Picture, around: &Surroundings<'_>, service: ServiceIx, site: SiteIx) -> Vec<EndpointStatus> {
    let topology = &picture.topology;
    let of_site = topology.endpoints().filter(|(_, endpoint)| endpoint.service == service && endpoint.site == site);
    of_site
        .filter_map(|(EndpointIx(ix), endpoint)| {
            let health = picture.health.get(usize::try_from(ix).ok()?)?;
            let key = topology.key(endpoint);
            let declared = topology.service(service)?;
            let names = declared.monitors.iter().filter_map(|ix| Some((topology.monitor(*ix)?, *ix)));
            let monitors: Vec<MonitorStatus> = names
                .filter_map(|(monitor, ix)| {
                    let now = around.monitors.get(&(key.clone(), monitor.name.clone()))?;
                    Some(MonitorStatus {
                        name: monitor.name.clone(),
                        part: declared.health.part_of(ix),
                        state: now.verdict.state,
                        reason: now.verdict.reason.clone(),
                        since: now.verdict.since,
                        reading: now.reading.clone(),
                        latency_ms: now.latency.map(|latency| latency.as_secs_f64() * 1000.0),
                    })
                })
                .collect();
            Some(EndpointStatus {
                address: endpoint.address,
                host: endpoint.host.to_string(),
                state: health.state,
                suspect: health.suspect,
                reason: health.reason.clone(),
                since: health.since,
                latency_ms: monitors
                    .iter()
                    .filter(|monitor| monitor.part != MonitorPart::MonitorOnly)
                    .filter_map(|monitor| monitor.latency_ms)
                    .reduce(f64::max),
                monitors,
            })
        })
        .collect()
}

/// Whether any answer of the service names the site now.
pub(super) fn is_named(picture: &Picture, service: ServiceIx, site: SiteIx) -> bool {
    picture.named.get(service.get()).is_some_and(|named| named.contains(site))
}

/// The order that is in effect for a site of a service, or else the one that is about to be: the one for the service before
/// the one for the whole site.
fn intent_of<'a>(picture: &'a Picture, site: SiteIx, service: &Service) -> Option<&'a Intent> {
    let name = picture.topology.site_name(site);
    let found = |waiting: bool| {
        let orders = picture.orders.iter().map(|order| &order.intent);
        let of_site = orders.filter(move |intent| intent.scope.site == name && intent.is_waiting() == waiting);
        let about = of_site.filter(|intent| intent.scope.service.as_ref().is_none_or(|about| *about == service.name));
        about.max_by_key(|intent| intent.scope.service.is_some())
    };
    found(false).or_else(|| found(true))
}

fn intent_words(intent: &Intent) -> String {
    let share = match intent.in_effect().unwrap_or(intent.kind) {
        IntentKind::Drain { share } if share != Share::ALL => format!(" {share}"),
        _ => String::new(),
    };
    let from = intent.schedule.as_ref().filter(|schedule| schedule.is_waiting());
    let from = from.map_or_else(String::new, |schedule| format!(" from {:.0}", schedule.from));
    let only = words::reach(intent);
    match intent.lifetime {
        Lifetime::Until(until) => format!("{}{share}{from} until {until:.0}{only}", intent.kind.as_str()),
        Lifetime::UntilCleared => format!("{}{share}{from} until cleared{only}", intent.kind.as_str()),
    }
}

fn zones(picture: &Picture) -> Vec<ZoneStatus> {
    let mut zones: Vec<ZoneStatus> = picture
        .zones
        .iter()
        .take(ZONES)
        .map(|zone| {
            let sets = || zone.nodes().flat_map(|node| node.rrsets());
            ZoneStatus {
                origin: zone.origin().to_string(),
                serial: zone.served_serial(),
                records: sets().map(|set| set.rdata.len()).sum(),
                steered: sets().filter(|set| set.steered.is_some()).count(),
            }
        })
        .collect();
    zones.sort_by(|a, b| a.origin.cmp(&b.origin));
    zones
}

fn geo(picture: &Picture) -> GeoStatus {
    let embedded = || GeoStatus {
        source: "embedded".to_owned(),
        detail: "IP Geolocation by DB-IP (countries), https://db-ip.com".to_owned(),
    };
    match &picture.settings.geo.database {
        Some(path) if !picture.degradations.contains_key("geo") => {
            GeoStatus { source: path.display().to_string(), detail: "as configured".to_owned() }
        }
        _ => embedded(),
    }
}

/// The wall-clock time of a monotonic moment, by the wall clock as it is now.
#[must_use]
pub fn wall_of(clock: Clock, moment: Mono) -> Timestamp {
    let (now, wall) = (clock.mono(), clock.wall());
    let ahead = SignedDuration::try_from(moment.since(now)).unwrap_or_default();
    let behind = SignedDuration::try_from(now.since(moment)).unwrap_or_default();
    wall.saturating_add(ahead).and_then(|wall| wall.saturating_sub(behind)).unwrap_or(wall)
}
