//! A small world for the tests of the rooms `plan` and `steer`.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hickory_proto::rr::RecordType;
use jiff::Timestamp;

use crate::model::{
    Coordinates, Country, Endpoint, EndpointHealth, EndpointIx, Generation, HealthRule, Intent, IntentKind, Lifetime,
    Location, MxMode, Plan, Policy, Scope, Service, ServiceIx, Share, Site, SiteIx, State, Topology,
};
use crate::zone::{Member, SteeredSet};

use super::{Inputs, Order, Pace, make};

/// One service `mx` at sites `s0`, `s1` … with the given number of addresses each; all up, nothing ordered.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    pub(crate) topology: Topology,
    pub(crate) health: Vec<EndpointHealth>,
    pub(crate) intents: Vec<Intent>,
}

impl Fixture {
    pub(crate) fn new(addresses: &[usize]) -> Self {
        let sites: Vec<SiteIx> = (0..u8::try_from(addresses.len()).unwrap()).map(SiteIx).collect();
        let mut topology = Topology {
            sites: sites.iter().map(|site| self::site(&format!("s{}", site.0))).collect(),
            services: vec![service("mx", sites.clone())],
            ..Topology::default()
        };
        for (&site, &count) in sites.iter().zip(addresses) {
            for host in 0..u8::try_from(count).unwrap() {
                topology.endpoints.push(Endpoint {
                    service: ServiceIx(0),
                    site,
                    address: IpAddr::V4(Ipv4Addr::new(192, 0, site.0, host)),
                    host: format!("mx{host}.s{}.example.", site.0).parse().unwrap(),
                });
            }
        }
        let health = vec![health(State::Up, ""); topology.endpoints.len()];
        Self { topology, health, intents: Vec::new() }
    }

    /// Another service at the first sites, with the given number of addresses each; all up.
    pub(crate) fn add_service(&mut self, name: &str, addresses: &[usize]) -> ServiceIx {
        let ix = ServiceIx(u16::try_from(self.topology.services.len()).unwrap());
        let sites: Vec<SiteIx> = (0..u8::try_from(addresses.len()).unwrap()).map(SiteIx).collect();
        for (&site, &count) in sites.iter().zip(addresses) {
            for host in 0..u8::try_from(count).unwrap() {
                self.topology.endpoints.push(Endpoint {
                    service: ix,
                    site,
                    address: IpAddr::V4(Ipv4Addr::new(198, u8::try_from(ix.0).unwrap(), site.0, host)),
                    host: format!("{name}{host}.s{}.example.", site.0).parse().unwrap(),
                });
                self.health.push(health(State::Up, ""));
            }
        }
        self.topology.services.push(self::service(name, sites));
        ix
    }

    /// Sets the health of all endpoints of a service at a site.
    pub(crate) fn set_site(&mut self, service: ServiceIx, site: u8, state: State, reason: &str) {
        for (endpoint, slot) in self.topology.endpoints.iter().zip(&mut self.health) {
            if endpoint.service == service && endpoint.site == SiteIx(site) {
                *slot = health(state, reason);
            }
        }
    }

    pub(crate) fn service(&mut self) -> &mut Service {
        &mut self.topology.services[0]
    }

    pub(crate) fn set(&mut self, endpoint: usize, state: State, reason: &str) {
        self.health[endpoint] = health(state, reason);
    }

    /// Orders `kind` for `scope`: `s0`, or `s0/mx`.
    pub(crate) fn order(&mut self, scope: &str, kind: IntentKind) {
        let intent = order(scope, kind).into_intent(Timestamp::UNIX_EPOCH, 1, false);
        self.intents.retain(|standing| standing.scope != intent.scope);
        self.intents.push(intent);
    }

    pub(crate) fn plan(&self) -> Plan {
        let generation = Generation { epoch: 1, sequence: 1 };
        make(Inputs { topology: &self.topology, health: &self.health, intents: &self.intents, generation })
    }

    /// A steered set with one record for each endpoint; preferences 10.
    pub(crate) fn set_of(&self, rtype: RecordType) -> SteeredSet {
        let members = (0..u32::try_from(self.topology.endpoints.len()).unwrap())
            .map(|ix| Member { endpoints: vec![EndpointIx(ix)], preference: 10 })
            .collect();
        SteeredSet { service: ServiceIx(0), rtype, ttl: 300, host_of: None, members }
    }
}

/// How far changes lie apart by default.
pub(crate) const SETTLE: Duration = Duration::from_secs(5);

/// The last change was long ago.
pub(crate) const LONG_AGO: Pace = pace(Duration::from_secs(3600));

/// The last change was so long ago.
pub(crate) const fn pace(since: Duration) -> Pace {
    Pace { settle: SETTLE, since_last_change: Some(since) }
}

pub(crate) const DRAIN: IntentKind = IntentKind::Drain { share: Share::ALL };

/// A drain of `permille` thousandths.
pub(crate) fn drain(permille: u16) -> IntentKind {
    IntentKind::Drain { share: Share::from_permille(permille).unwrap() }
}

/// An order for `scope`: `s0`, or `s0/mx`.
pub(crate) fn order(scope: &str, kind: IntentKind) -> Order {
    let (site, service) = scope.split_once('/').map_or((scope, None), |(site, service)| (site, Some(service)));
    Order {
        scope: Scope { site: site.to_owned(), service: service.map(str::to_owned) },
        kind,
        by: "test".to_owned(),
        reason: String::new(),
        lifetime: Lifetime::UntilCleared,
        force: false,
        schedule: None,
        reach: crate::model::Reach::Everywhere,
    }
}

pub(crate) fn health(state: State, reason: &str) -> EndpointHealth {
    EndpointHealth { state, suspect: false, reason: reason.to_owned(), since: Timestamp::UNIX_EPOCH }
}

pub(crate) fn site(name: &str) -> Site {
    Site { name: name.to_owned(), location: None, networks: Vec::new(), capacity: None }
}

/// A site in `country`, at its centroid unless `coordinates` say otherwise.
pub(crate) fn site_in(name: &str, country: &str, coordinates: Option<(f64, f64)>) -> Site {
    let coordinates = coordinates.map(|(lat, lon)| Coordinates { lat, lon });
    let country: Country = country.parse().unwrap();
    Site { location: Some(Location { country: Some(country), coordinates }), ..site(name) }
}

pub(crate) fn service(name: &str, sites: Vec<SiteIx>) -> Service {
    Service {
        name: name.to_owned(),
        names: Vec::new(),
        types: Vec::new(),
        policy: Policy::Nearest,
        sites,
        mx: MxMode::Rank,
        ttl: Duration::from_secs(30),
        monitors: Vec::new(),
        health: HealthRule::default(),
        requires: Vec::new(),
        min_sites: 1,
        site_floor: 0.5,
        demand: None,
        spill: false,
    }
}
