//! Attribution: which site each steered record belongs to, and the endpoints that follow (DESIGN section 1).

use std::collections::HashMap;
use std::net::IpAddr;

use hickory_proto::rr::{RData, RecordType};

use super::lints::Lints;
use super::selection::{Match, Selection, select};
use super::steered::{Member, SteeredIx, SteeredSet};
use super::tree::{Node, Zone};
use super::zones::Zones;
use crate::config::Report;
use crate::model::{Endpoint, EndpointIx, Name, ServiceIx, Settings, SiteIx, SiteSet, Topology};

/// The zones with their steered RRsets marked, and what they are steered by.
#[derive(Clone, Debug)]
pub struct Attribution {
    /// The zones; [`super::RrSet::steered`] is set where a service steers the set.
    pub zones: Zones,
    /// Sites, services and monitors of the configuration, and the endpoints found in the zones.
    pub topology: Topology,
    /// What [`super::RrSet::steered`] points to.
    pub steered: Vec<SteeredSet>,
    /// What is probably not as meant; warnings only.
    pub report: Report,
}

/// Finds the endpoints behind the records that services steer, and marks the RRsets.
///
/// A record belongs to the site whose networks hold its address; an MX or SRV record to the sites of its target's
/// addresses. An RRset of which no record belongs to a site of its service is left as declared, with a warning.
#[must_use]
pub fn attribute(mut zones: Zones, settings: &Settings) -> Attribution {
    let selection = select(&zones, settings);
    let mut attributor = Attributor::new(&zones, settings);
    let mut marks = Vec::new();
    for found in &selection.matches {
        let steered = attributor.steer(found);
        if found.set.steered != steered {
            marks.push((found.zone_ix, found.owner().key(), found.set_ix, steered));
        }
    }
    marks.extend(selection.stale());
    let (endpoints, steered, report) = attributor.finish(&selection);
    let followers: Vec<_> = selection.followers().collect();
    for (zone, node, set_ix, steered) in marks {
        let node = zones.at_mut(zone).and_then(|zone| zone.node_mut(&node));
        if let Some(set) = node.and_then(|node| node.rrsets_mut().get_mut(set_ix)) {
            set.steered = steered;
        }
    }
    for (leader, others) in followers {
        zones.share(leader, &others);
    }
    let topology = Topology {
        sites: settings.sites.clone(),
        services: settings.services.clone(),
        monitors: settings.monitors.clone(),
        endpoints,
        assertions: settings.assertions.clone(),
    };
    Attribution { zones, topology, steered, report }
}

/// The types whose records services steer, or that decide where those lead.
const LEADING: [RecordType; 5] = [RecordType::A, RecordType::AAAA, RecordType::MX, RecordType::SRV, RecordType::CNAME];

impl Attribution {
    /// This, with `zone` in place of the one of its name; `None` where it says anything else of what services steer, so
    /// that all has to be attributed anew. Warnings are not given again.
    ///
    /// For updates: most of them change a challenge, and have nothing to do with the zones around it.
    #[must_use]
    pub fn with_zone(&self, mut zone: Zone) -> Option<Self> {
        let before = self.zones.get(zone.origin())?;
        let leading =
            |zone: &Zone| zone.nodes().flat_map(Node::rrsets).filter(|set| LEADING.contains(&set.rtype)).count();
        if zone.is_shared() || before.is_shared() || leading(before) != leading(&zone) {
            return None;
        }
        for node in zone.nodes_mut() {
            let known = before.node(&node.owner.key());
            for set in node.rrsets_mut().iter_mut().filter(|set| LEADING.contains(&set.rtype)) {
                let same = known?.rrset(set.rtype).filter(|same| same.ttl == set.ttl && same.rdata == set.rdata)?;
                set.steered = same.steered;
            }
        }
        let mut zones = self.zones.clone();
        zones.insert(zone);
        let (topology, steered) = (self.topology.clone(), self.steered.clone());
        Some(Self { zones, topology, steered, report: Report::new() })
    }
}

/// What makes two RRsets the same to a service.
type SetKey = (ServiceIx, RecordType, u32, Option<SiteIx>, Vec<RData>);

struct Attributor<'a> {
    zones: &'a Zones,
    settings: &'a Settings,
    /// Parallel to the services: the sites that take part.
    taking_part: Vec<SiteSet>,
    /// In the order found; positions are final only after [`Self::finish`].
    endpoints: Vec<Endpoint>,
    by_address: HashMap<(ServiceIx, IpAddr), EndpointIx>,
    by_target: HashMap<(ServiceIx, Box<[u8]>), Vec<EndpointIx>>,
    /// `None` where no record belongs to a site.
    by_content: HashMap<SetKey, Option<SteeredIx>>,
    steered: Vec<SteeredSet>,
    /// Sets that lead to the same endpoints are one, whatever their names.
    by_members: HashMap<SteeredSet, Option<SteeredIx>>,
    lints: Lints,
}

impl<'a> Attributor<'a> {
    fn new(zones: &'a Zones, settings: &'a Settings) -> Self {
        Self {
            zones,
            settings,
            taking_part: settings.services.iter().map(|service| service.sites.iter().copied().collect()).collect(),
            endpoints: Vec::new(),
            by_address: HashMap::new(),
            by_target: HashMap::new(),
            by_content: HashMap::new(),
            steered: Vec::new(),
            by_members: HashMap::new(),
            lints: Lints::default(),
        }
    }

    /// The steered set of an RRset, shared with every other of the same content.
    fn steer(&mut self, found: &Match<'_>) -> Option<SteeredIx> {
        let set = found.set;
        let host_of = self.host_of(found);
        let rdata = found.zone.rdata(set);
        let key = (found.service, set.rtype, set.ttl, host_of, rdata.to_vec());
        if let Some(known) = self.by_content.get(&key) {
            return *known;
        }
        let members: Vec<Member> = rdata.iter().enumerate().map(|(ix, rdata)| self.member(found, ix, rdata)).collect();
        let steered = if members.iter().all(|member| member.endpoints.is_empty()) {
            self.lints.nothing_to_steer(found, self.settings);
            None
        } else {
            self.lints.declared_ttl(found, self.settings);
            let steered = SteeredSet { service: found.service, rtype: set.rtype, ttl: set.ttl, host_of, members };
            *self.by_members.entry(steered).or_insert_with_key(|steered| {
                let ix = u32::try_from(self.steered.len()).ok().map(SteeredIx);
                self.steered.push(steered.clone());
                ix
            })
        };
        self.by_content.insert(key, steered);
        steered
    }

    /// The one site that all addresses of the owner are at, for A and AAAA; addresses at no site do not count.
    fn host_of(&self, found: &Match<'_>) -> Option<SiteIx> {
        if !matches!(found.set.rtype, RecordType::A | RecordType::AAAA) {
            return None;
        }
        let site_of = |rdata: &RData| {
            let address = match rdata {
                RData::A(address) => IpAddr::V4(address.0),
                RData::AAAA(address) => IpAddr::V6(address.0),
                _ => return None,
            };
            let position = self.settings.sites.iter().position(|site| site.contains(address))?;
            u8::try_from(position).ok().map(SiteIx)
        };
        let families = [RecordType::A, RecordType::AAAA].into_iter().filter_map(|rtype| found.node.rrset(rtype));
        let mut sites = families.flat_map(|set| set.rdata.iter().filter_map(site_of));
        let first = sites.next()?;
        sites.all(|site| site == first).then_some(first)
    }

    fn member(&mut self, found: &Match<'_>, ix: usize, rdata: &RData) -> Member {
        let (endpoints, preference) = match rdata {
            RData::A(address) => (self.address(found, IpAddr::V4(address.0), &found.owner()), 0),
            RData::AAAA(address) => (self.address(found, IpAddr::V6(address.0), &found.owner()), 0),
            RData::MX(mx) => (self.target(found, ix, &Name::from_rr(&mx.exchange)), mx.preference),
            RData::SRV(srv) => (self.target(found, ix, &Name::from_rr(&srv.target)), srv.priority),
            _ => (Vec::new(), 0),
        };
        Member { endpoints, preference }
    }

    /// The endpoint of an address, if it is at a site of the service.
    fn address(&mut self, found: &Match<'_>, address: IpAddr, host: &Name) -> Vec<EndpointIx> {
        let service = found.service;
        if let Some(known) = self.by_address.get(&(service, address)) {
            return vec![*known];
        }
        let site = self.settings.sites.iter().zip(0_u8..).find(|(site, _)| site.contains(address));
        let Some((site, site_ix)) = site.map(|(site, ix)| (site, crate::model::SiteIx(ix))) else {
            self.lints.address_at_no_site(found, address, host);
            return Vec::new();
        };
        if !self.taking_part.get(service.get()).is_some_and(|sites| sites.contains(site_ix)) {
            self.lints.address_at_other_site(found, address, host, &site.name, self.settings);
            return Vec::new();
        }
        let Ok(position) = u32::try_from(self.endpoints.len()) else { return Vec::new() };
        self.endpoints.push(Endpoint { service, site: site_ix, address, host: host.clone() });
        self.by_address.insert((service, address), EndpointIx(position));
        vec![EndpointIx(position)]
    }

    /// The endpoints of all addresses that our zones have for an MX or SRV target.
    fn target(&mut self, found: &Match<'_>, ix: usize, target: &Name) -> Vec<EndpointIx> {
        // "." says that there is no such service (RFC 7505, RFC 2782).
        if target.is_root() {
            return Vec::new();
        }
        let key = (found.service, target.key());
        if let Some(known) = self.by_target.get(&key) {
            return known.clone();
        }
        let addresses = self.addresses(found, ix, target);
        let mut endpoints = Vec::new();
        for address in addresses {
            endpoints.extend(self.address(found, address, target));
        }
        self.by_target.insert(key, endpoints.clone());
        endpoints
    }

    fn addresses(&mut self, found: &Match<'_>, ix: usize, target: &Name) -> Vec<IpAddr> {
        let key = target.key();
        let zone: Option<&Zone> = self.zones.find(&key);
        let node: Option<&Node> = zone.and_then(|zone| zone.node(&key));
        if node.is_some_and(|node| node.rrset(RecordType::CNAME).is_some()) {
            self.lints.target_is_alias(found, ix, target);
            return Vec::new();
        }
        let sets = [RecordType::A, RecordType::AAAA].into_iter().filter_map(|rtype| node?.rrset(rtype));
        let addresses: Vec<IpAddr> = sets.flat_map(|set| &set.rdata).filter_map(RData::ip_addr).collect();
        if addresses.is_empty() {
            self.lints.target_without_address(found, ix, target, zone.is_some());
        }
        addresses
    }

    /// Endpoints grouped by service, then by site, with the members' positions following them.
    fn finish(mut self, selection: &Selection<'_>) -> (Vec<Endpoint>, Vec<SteeredSet>, Report) {
        let mut order: Vec<(u32, Endpoint)> = (0_u32..).zip(self.endpoints).collect();
        order.sort_by_key(|(_, endpoint)| (endpoint.service, endpoint.site));
        let moved: HashMap<EndpointIx, EndpointIx> =
            order.iter().zip(0_u32..).map(|((from, _), to)| (EndpointIx(*from), EndpointIx(to))).collect();
        for endpoint in
            self.steered.iter_mut().flat_map(|set| &mut set.members).flat_map(|member| &mut member.endpoints)
        {
            *endpoint = moved.get(endpoint).copied().unwrap_or(*endpoint);
        }
        let endpoints: Vec<Endpoint> = order.into_iter().map(|(_, endpoint)| endpoint).collect();
        self.lints.services(selection, self.settings, &endpoints);
        (endpoints, self.steered, self.lints.finish())
    }
}
