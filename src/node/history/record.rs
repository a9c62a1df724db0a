//! The lines of a segment, and the plan that follows from them.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::objects::Object;
use crate::model::{
    EndpointPlan, Generation, Plan, ServicePlan, Share, SitePlan, SiteSet, Standing, State, Tier, Topology,
};

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "record")]
pub(super) enum Record {
    /// The node started.
    Begun { time: Timestamp },
    /// It stopped in order.
    Ended { time: Timestamp },
    /// From then on it is not known what was in force, until both a configuration and a plan follow.
    Lost { time: Timestamp },
    /// What is in force from then on.
    Loaded(Box<Loaded>),
    /// Of what is in force other zones than before.
    Rezoned(Box<Rezoned>),
    /// The plan from then on.
    Plan(Box<Planned>),
}

/// A configuration and its zones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Loaded {
    pub(super) time: Timestamp,
    pub(super) generation: Generation,
    /// The configuration file and its text.
    pub(super) path: PathBuf,
    pub(super) settings: Object,
    /// Zones by their origin, in presentation form.
    pub(super) zones: BTreeMap<String, Object>,
    /// Zones of templates, by the file of their names: the names, and the template as it was read for them. Two of one file,
    /// where new names came to zones that go on as they were read before.
    pub(super) listed: BTreeMap<PathBuf, Vec<(Object, Object)>>,
    /// What could not be kept, and why.
    pub(super) missing: Vec<String>,
    /// The geo database, and what tells that it is another one: when it was written, and how long it is.
    pub(super) geo: Option<(PathBuf, Timestamp, u64)>,
}

/// Zones that became others, under the same configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Rezoned {
    pub(super) time: Timestamp,
    pub(super) generation: Generation,
    /// Those that are new or changed.
    pub(super) zones: BTreeMap<String, Object>,
    /// Those that are gone.
    pub(super) gone: Vec<String>,
}

impl Loaded {
    /// What of this is news, where `before` differs in nothing but its zones.
    pub(super) fn rezoned(&self, before: &Self) -> Option<Rezoned> {
        let same =
            Self { time: before.time, generation: before.generation, zones: before.zones.clone(), ..self.clone() };
        if same != *before {
            return None;
        }
        let is_news = |(origin, object): &(&String, &Object)| before.zones.get(*origin) != Some(*object);
        let zones =
            self.zones.iter().filter(is_news).map(|(origin, object)| (origin.clone(), object.clone())).collect();
        let gone = before.zones.keys().filter(|origin| !self.zones.contains_key(*origin)).cloned().collect();
        Some(Rezoned { time: self.time, generation: self.generation, zones, gone })
    }

    /// Takes over what became other zones.
    pub(super) fn take(&mut self, news: Rezoned) {
        (self.time, self.generation) = (news.time, news.generation);
        news.gone.iter().for_each(|origin| {
            self.zones.remove(origin);
        });
        self.zones.extend(news.zones);
    }
}

/// What a plan says anew; all of it, where it is whole.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) time: Timestamp,
    pub(super) generation: Generation,
    /// What is not said here is not.
    #[serde(default)]
    pub(super) whole: bool,
    #[serde(flatten)]
    pub(super) says: Says,
}

/// What a plan says, by names: positions are those of one load.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Says {
    services: BTreeMap<String, KeptService>,
    endpoints: BTreeMap<String, BTreeMap<IpAddr, KeptEndpoint>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptService {
    tier: Tier,
    sites: BTreeMap<String, KeptSite>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptSite {
    standing: Standing,
    health: State,
    drained: Share,
    spilled: Share,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptEndpoint {
    tier: Tier,
    moved: Tier,
    unsettled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ttl_cap: Option<u32>,
}

impl Says {
    /// What `plan` says of `topology`.
    pub(super) fn of(topology: &Topology, plan: &Plan) -> Self {
        let mut says = Self::default();
        for (service, outcome) in topology.services.iter().zip(&plan.services) {
            let sites = service.sites.iter().zip(&outcome.sites).map(|(site, planned)| {
                let SitePlan { standing, health, drained, spilled, reason } = planned.clone();
                (topology.site_name(*site).to_owned(), KeptSite { standing, health, drained, spilled, reason })
            });
            let kept = KeptService { tier: outcome.tier, sites: sites.collect() };
            says.services.insert(service.name.clone(), kept);
        }
        for (endpoint, outcome) in topology.endpoints.iter().zip(&plan.endpoints) {
            let EndpointPlan { tier, moved_tier: moved, unsettled, ttl_cap } = *outcome;
            let service = topology.service(endpoint.service).map(|service| service.name.clone()).unwrap_or_default();
            let kept = KeptEndpoint { tier, moved, unsettled, ttl_cap };
            says.endpoints.entry(service).or_default().insert(endpoint.address, kept);
        }
        says
    }

    /// What this says that `before` does not; `None` where `before` says something that this does not know of.
    pub(super) fn since(&self, before: &Self) -> Option<Self> {
        let mut news = Self::default();
        if before.services.keys().any(|service| !self.services.contains_key(service)) {
            return None;
        }
        for (name, service) in &self.services {
            if before.services.get(name) != Some(service) {
                news.services.insert(name.clone(), service.clone());
            }
        }
        for (name, endpoints) in &self.endpoints {
            let had = before.endpoints.get(name);
            if had.is_some_and(|had| had.keys().any(|address| !endpoints.contains_key(address))) {
                return None;
            }
            for (address, endpoint) in endpoints {
                if had.and_then(|had| had.get(address)) != Some(endpoint) {
                    news.endpoints.entry(name.clone()).or_default().insert(*address, endpoint.clone());
                }
            }
        }
        Some(news)
    }

    /// Takes over what `news` says.
    pub(super) fn take(&mut self, news: Self) {
        self.services.extend(news.services);
        for (service, endpoints) in news.endpoints {
            self.endpoints.entry(service).or_default().extend(endpoints);
        }
    }

    /// The plan that this is for `topology`; `None` where it says nothing of part of it.
    pub(super) fn plan(&self, topology: &Topology, generation: Generation) -> Option<Plan> {
        let services = topology.services.iter().map(|service| {
            let kept = self.services.get(&service.name)?;
            let mut in_service = SiteSet::EMPTY;
            let sites = service.sites.iter().map(|site| {
                let kept = kept.sites.get(topology.site_name(*site))?;
                let KeptSite { standing, health, drained, spilled, reason } = kept.clone();
                if standing.is_in_service() {
                    in_service.insert(*site);
                }
                Some(SitePlan { standing, health, drained, spilled, reason })
            });
            let sites: Option<Vec<SitePlan>> = sites.collect();
            Some(ServicePlan { sites: sites?, in_service, tier: kept.tier })
        });
        let services: Option<Vec<ServicePlan>> = services.collect();
        let endpoints = topology.endpoints.iter().map(|endpoint| {
            let service = topology.service(endpoint.service)?;
            let KeptEndpoint { tier, moved, unsettled, ttl_cap } =
                self.endpoints.get(&service.name)?.get(&endpoint.address)?.clone();
            Some(EndpointPlan { tier, moved_tier: moved, unsettled, ttl_cap })
        });
        let endpoints: Option<Vec<EndpointPlan>> = endpoints.collect();
        Some(Plan { generation, services: services?, endpoints: endpoints? })
    }
}
