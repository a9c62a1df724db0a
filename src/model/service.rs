//! Services: groups of steered RRsets that share monitors, policy and TTL.

use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Country, HealthRule, MonitorIx, Name, SiteIx};

/// A service's position in [`crate::model::Topology::services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ServiceIx(pub u16);

impl ServiceIx {
    /// The position as an index into a slice of services.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Which RRsets are steered, by which policy, on the word of which monitors.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// Unique name, as in `mx`.
    pub name: String,
    /// Owner names in any zone; the first service that matches an RRset has it.
    pub names: Vec<NamePattern>,
    /// Steered record types: A, AAAA, MX, SRV.
    pub types: Vec<RecordType>,
    /// How a client's site order is chosen.
    pub policy: Policy,
    /// The sites that take part, in the order that `failover` uses.
    pub sites: Vec<SiteIx>,
    /// What is done with MX preferences.
    pub mx: MxMode,
    /// TTL of steered answers; the declared TTL where that is lower.
    pub ttl: Duration,
    /// The monitors that judge every endpoint of the service; none: endpoints are always up.
    pub monitors: Vec<MonitorIx>,
    /// How they add up to the health of an endpoint.
    pub health: HealthRule,
    /// Services that must work at a site for this one to work there, each once and never in a circle.
    pub requires: Vec<ServiceIx>,
    /// How many sites an operator's order must leave in service.
    pub min_sites: usize,
    /// Under this healthy part of its endpoints a site is down as a whole, 0 to 1.
    pub site_floor: f64,
    /// What its clients ask for at the peak, in the unit of [`crate::model::Site::capacity`]; `None`: as many as the queries a second
    /// that are measured.
    pub demand: Option<u64>,
    /// Whether clients of a full site are answered with the next one in their order, as far as they are too many.
    pub spill: bool,
}

impl Service {
    /// Whether an RRset of `rtype` at `owner` is steered by this service.
    #[must_use]
    pub fn matches(&self, owner: &Name, rtype: RecordType) -> bool {
        self.types.contains(&rtype) && self.names.iter().any(|pattern| pattern.matches(owner))
    }
}

/// An owner name, or `*.suffix` for every owner below a suffix (the wildcard owner itself included).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamePattern {
    /// Exactly this owner.
    Exact(Name),
    /// Every owner below this name, at any depth; not the name itself.
    Below(Name),
}

impl NamePattern {
    /// Whether `owner` is meant.
    #[must_use]
    pub fn matches(&self, owner: &Name) -> bool {
        match self {
            Self::Exact(name) => name == owner,
            Self::Below(suffix) => owner != suffix && owner.is_at_or_below(suffix),
        }
    }
}

/// How the order of sites is chosen for a client (DESIGN section 8).
#[derive(Clone, Debug, PartialEq)]
pub enum Policy {
    /// By great-circle distance from the client.
    Nearest,
    /// By the first rule that matches the client; `nearest` where none does.
    Geo(Vec<GeoRule>),
    /// [`Service::sites`] in the order given.
    Failover,
    /// Per query at random by weight; parallel to [`Service::sites`].
    Weighted(Vec<u32>),
    /// All healthy sites at once.
    Spread,
}

/// One line of an explicit geographic map.
#[derive(Clone, Debug, PartialEq)]
pub enum GeoRule {
    /// Clients in this network, in this site order.
    Network(IpNet, Vec<SiteIx>),
    /// Clients in this country, in this site order.
    Country(Country, Vec<SiteIx>),
    /// Clients on this continent (`AF AN AS EU NA OC SA`), in this site order.
    Continent([u8; 2], Vec<SiteIx>),
    /// Everyone else, in this site order.
    Default(Vec<SiteIx>),
}

impl GeoRule {
    /// The sites of the rule, best first. Sites of the service that it leaves out follow in file order.
    #[must_use]
    pub fn sites(&self) -> &[SiteIx] {
        match self {
            Self::Network(_, sites) | Self::Country(_, sites) | Self::Continent(_, sites) | Self::Default(sites) => {
                sites
            }
        }
    }

    /// Whether the rule is about networks and contains `address`.
    #[must_use]
    pub fn has_address(&self, address: IpAddr) -> bool {
        matches!(self, Self::Network(net, _) if net.contains(&address))
    }
}

/// What is done with the preferences of a steered MX RRset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MxMode {
    /// 10, 20, 30 … in the view's site order.
    Rank,
    /// As declared.
    Keep,
}
