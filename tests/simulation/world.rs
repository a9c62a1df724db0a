//! The world as it is: who is alive, which paths work, and what a probe of it comes to.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use hickory_proto::rr::RecordType;
use waypost::health::{Depth, FailureKind, Outcome};
use waypost::model::{
    Endpoint, EndpointIx, HealthRule, Mono, MxMode, Policy, Service, ServiceIx, Site, SiteIx, Topology,
};
use waypost::zone::{Member, SteeredSet};

use crate::chance::Chance;
use crate::scenario::{Fault, Shape};

/// After which a probe has failed (DESIGN section 10).
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// What is declared: services `mx` at all sites and `imap` at some.
pub fn topology(shape: &Shape) -> Topology {
    let sites: Vec<Site> = (0..shape.sites)
        .map(|site| Site { name: format!("s{site}"), location: None, networks: Vec::new(), capacity: None })
        .collect();
    let mut services = vec![service("mx", shape.sites, shape.min_sites)];
    let mut endpoints = Vec::new();
    for site in 0..shape.sites {
        endpoints.extend((0..shape.mx).map(|host| endpoint(0, site, host)));
    }
    if shape.imap > 0 {
        services.push(service("imap", shape.imap, shape.min_sites.min(usize::from(shape.imap))));
        endpoints.extend((0..shape.imap).map(|site| endpoint(1, site, 100)));
    }
    Topology { sites, services, endpoints, ..Topology::default() }
}

fn service(name: &str, sites: u8, min_sites: usize) -> Service {
    Service {
        name: name.to_owned(),
        names: Vec::new(),
        types: Vec::new(),
        policy: Policy::Nearest,
        sites: (0..sites).map(SiteIx).collect(),
        mx: MxMode::Rank,
        ttl: Duration::from_secs(30),
        monitors: Vec::new(),
        health: HealthRule::default(),
        requires: Vec::new(),
        demand: None,
        spill: false,
        min_sites,
        site_floor: 0.5,
    }
}

fn endpoint(service: u16, site: u8, host: u8) -> Endpoint {
    Endpoint {
        service: ServiceIx(service),
        site: SiteIx(site),
        address: IpAddr::V4(Ipv4Addr::new(192, 0, site, host)),
        host: format!("h{host}.s{site}.example.").parse().unwrap(),
    }
}

/// What is answered of a service: its MX and its A RRset, a record an endpoint.
pub fn steered_sets(topology: &Topology, service: ServiceIx) -> Vec<SteeredSet> {
    let members: Vec<Member> = topology
        .endpoints()
        .filter(|(_, endpoint)| endpoint.service == service)
        .map(|(ix, _)| Member { endpoints: vec![EndpointIx(ix.0)], preference: 10 })
        .collect();
    [RecordType::MX, RecordType::A]
        .map(|rtype| SteeredSet { service, rtype, ttl: 300, host_of: None, members: members.clone() })
        .into()
}

/// See the module.
#[derive(Debug)]
pub struct World {
    /// The site of each endpoint.
    sites: Vec<u8>,
    standing: Vec<Option<u8>>,
    domains: Vec<Option<u8>>,
    active: Vec<(usize, Fault, Mono)>,
    /// Since when nothing is wrong with an endpoint itself.
    well_since: Vec<Mono>,
    /// Since when no fault lies between nodes and sites.
    ways_clear_since: Mono,
}

impl World {
    pub fn new(shape: &Shape, topology: &Topology) -> Self {
        let sites: Vec<u8> = topology.endpoints.iter().map(|endpoint| endpoint.site.0).collect();
        let well_since = vec![Mono::START; sites.len()];
        let (standing, domains) = (shape.nodes.clone(), shape.domains.clone());
        Self { sites, standing, domains, active: Vec::new(), well_since, ways_clear_since: Mono::START }
    }

    /// A fault begins under a number of its own.
    pub fn begin(&mut self, number: usize, fault: Fault, now: Mono) {
        self.active.push((number, fault, now));
    }

    /// A fault ends.
    pub fn end(&mut self, number: usize, now: Mono) {
        let before: Vec<bool> = (0..self.sites.len()).map(|endpoint| self.is_troubled(endpoint)).collect();
        let was_clear = self.are_ways_clear();
        self.active.retain(|(other, ..)| *other != number);
        if !was_clear && self.are_ways_clear() {
            self.ways_clear_since = now;
        }
        for (endpoint, troubled) in before.into_iter().enumerate() {
            if troubled && !self.is_troubled(endpoint) {
                self.well_since[endpoint] = now;
            }
        }
    }

    /// Whether any fault is at work.
    pub fn is_calm(&self) -> bool {
        self.active.is_empty()
    }

    fn faults(&self) -> impl Iterator<Item = Fault> {
        self.active.iter().map(|(_, fault, _)| *fault)
    }

    /// Whether something is wrong with an endpoint itself, not with the way to it.
    pub fn is_troubled(&self, endpoint: usize) -> bool {
        self.faults().any(|fault| match fault {
            Fault::Crash { endpoint: other }
            | Fault::BlackHole { endpoint: other }
            | Fault::Hang { endpoint: other }
            | Fault::Flapping { endpoint: other, .. } => other == endpoint,
            Fault::Storm { site } | Fault::Slow { site, .. } | Fault::SiteLoss { site } => site == self.sites[endpoint],
            _ => false,
        })
    }

    /// Since when an endpoint has been well by itself, if it is.
    pub fn well_since(&self, endpoint: usize) -> Option<Mono> {
        (!self.is_troubled(endpoint)).then(|| self.well_since[endpoint])
    }

    fn are_ways_clear(&self) -> bool {
        !self.faults().any(|fault| {
            matches!(fault, Fault::OneWay { .. } | Fault::Uplink { .. } | Fault::Lossy { .. } | Fault::CutOff { .. })
        })
    }

    /// Since when no fault has lain between nodes and sites, if none does.
    pub fn ways_clear_since(&self) -> Option<Mono> {
        self.are_ways_clear().then_some(self.ways_clear_since)
    }

    /// Whether the store has gone back and nobody looks after it yet.
    pub fn has_old_store(&self) -> bool {
        self.faults().any(|fault| matches!(fault, Fault::StoreBack { .. }))
    }

    /// Since when an endpoint has been dead for everyone without a break, if it is.
    pub fn dead_since(&self, endpoint: usize) -> Option<Mono> {
        let deadly = self.active.iter().filter(|(_, fault, _)| match fault {
            Fault::Crash { endpoint: other }
            | Fault::BlackHole { endpoint: other }
            | Fault::Hang { endpoint: other } => *other == endpoint,
            Fault::SiteLoss { site } => *site == self.sites[endpoint],
            _ => false,
        });
        deadly.map(|(.., since)| *since).min()
    }

    /// Whether the store answers a node.
    pub fn reaches_store(&self, node: usize) -> bool {
        !self.faults().any(|fault| match fault {
            Fault::StoreLoss => true,
            Fault::NoStore { node: other } | Fault::CutOff { node: other } => other == node,
            Fault::SiteLoss { site } => self.standing[node] == Some(site),
            _ => false,
        })
    }

    /// Whether a node lives: not where it was lost, nor in a site that was.
    pub fn is_alive(&self, node: usize) -> bool {
        !self.faults().any(|fault| match fault {
            Fault::NodeLoss { node: other } => other == node,
            Fault::SiteLoss { site } => self.standing[node] == Some(site),
            _ => false,
        })
    }

    /// Since when a node has been cut off from all other sites and the store.
    pub fn cut_off_since(&self, node: usize) -> Option<Mono> {
        let cuts = self.active.iter().filter(|(_, fault, _)| *fault == Fault::CutOff { node });
        cuts.map(|(.., since)| *since).min()
    }

    /// What a probe of `depth` that `node` starts at `now` comes to, and after how long.
    pub fn probe(
        &self,
        node: usize,
        endpoint: usize,
        depth: Depth,
        now: Mono,
        chance: &mut Chance,
    ) -> (Duration, Outcome) {
        let site = self.sites[endpoint];
        let mut latency = Duration::from_micros(2_000 + chance.next() % 12_000);
        let mut deferring = false;
        for (_, fault, since) in &self.active {
            match *fault {
                Fault::Crash { endpoint: other } if other == endpoint => return refused(),
                Fault::BlackHole { endpoint: other } if other == endpoint => return silence(),
                Fault::Hang { endpoint: other } if other == endpoint && depth == Depth::Full => return silence(),
                Fault::Flapping { endpoint: other, period, failing } if other == endpoint => {
                    let phase = now.since(*since).as_millis() % u128::from(period);
                    if phase < u128::from(failing) {
                        return refused();
                    }
                }
                Fault::Storm { site: other } if other == site => deferring = depth == Depth::Full,
                Fault::Slow { site: other, millis } if other == site => latency += Duration::from_millis(millis),
                Fault::SiteLoss { site: other } if other == site => return silence(),
                Fault::OneWay { node: other, site: there } if (other, there) == (node, site) => return silence(),
                Fault::Uplink { domain, site: there }
                    if (self.domains[node], there) == (Some(domain), site) && self.standing[node] != Some(site) =>
                {
                    return silence();
                }
                Fault::Lossy { node: other, site: there, permille }
                    if (other, there) == (node, site) && chance.is(permille) =>
                {
                    return silence();
                }
                Fault::CutOff { node: other } if other == node && self.standing[node] != Some(site) => {
                    return silence();
                }
                _ => {}
            }
        }
        if latency >= TIMEOUT {
            return silence();
        }
        let outcome = if deferring { Outcome::Deferring("451 4.3.2 try later".to_owned()) } else { Outcome::Ok };
        (latency, outcome)
    }
}

fn refused() -> (Duration, Outcome) {
    (Duration::from_millis(3), Outcome::failed(FailureKind::Refused, "connection refused"))
}

fn silence() -> (Duration, Outcome) {
    (TIMEOUT, Outcome::failed(FailureKind::Timeout, "no answer within 2 s"))
}
