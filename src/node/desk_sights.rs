//! What pages show beyond the status, from the picture and the prober.

use super::desk::Desk;
use super::peers::ClusterView;
use super::picture::Picture;
use crate::admin::api::{CountrySteering, Evidence, Findings, NodeVote, PlacedSite, ProbeHistory, Sights, World};
use crate::health::bounds::BALLOT_FRESHNESS;
use crate::model::{Coordinates, EndpointKey, Mono, NodeReport, Service, SiteIx, State, state};
use crate::steer::{Told, centroid, countries, first_in_service, told};

impl Sights for Desk {
    fn world(&self, service: &str) -> Option<World> {
        let tables = self.tables.load();
        let topology = tables.topology();
        let ix = topology.service_named(service)?;
        let service = topology.service(ix)?;
        let plan = tables.plan().services.get(ix.get())?;
        let told = told(&service.policy);
        let name = |site: SiteIx| topology.site_name(site).to_owned();
        let of_country = |country| {
            let order = tables.steering().order_from(ix, country);
            let first = first_in_service(service, plan, &order).filter(|_| told != Told::ByDraw);
            CountrySteering { country, first: first.map(name), order: order.into_iter().map(name).collect() }
        };
        let sites = service.sites.iter().filter_map(|site| topology.site(*site));
        let placed = sites.map(|site| PlacedSite {
            name: site.name.clone(),
            at: site.location.and_then(|location| -> Option<Coordinates> {
                location.coordinates.or_else(|| location.country.and_then(centroid))
            }),
        });
        Some(World { told, sites: placed.collect(), countries: countries().map(of_country).collect() })
    }

    fn evidence(&self, site: &str) -> Vec<Evidence> {
        let picture = self.picture.load();
        let Some(site) = picture.topology.site_named(site) else { return Vec::new() };
        let now = self.clock.mono();
        let at_site = picture.topology.endpoints.iter().enumerate().filter(|(_, endpoint)| endpoint.site == site);
        let told = at_site.filter_map(|(position, endpoint)| {
            let key = picture.topology.key(endpoint);
            let service: &Service = picture.topology.service(endpoint.service)?;
            let probes = self.prober.history(&key).into_iter().map(|(monitor, samples)| ProbeHistory {
                monitor,
                samples: samples
                    .into_iter()
                    .map(|sample| sample.answered.map(|took| took.as_secs_f64() * 1000.0))
                    .collect(),
            });
            Some(Evidence {
                service: service.name.clone(),
                address: endpoint.address,
                votes: votes(&picture, position, &key, site, now),
                probes: probes.collect(),
            })
        });
        told.collect()
    }

    fn findings(&self) -> Findings {
        self.lint.findings()
    }
}

/// What each node says of the endpoint at `position`; of a node alone: what it holds for agreed, which is its own word.
fn votes(picture: &Picture, position: usize, key: &EndpointKey, site: SiteIx, now: Mono) -> Vec<NodeVote> {
    let this = &picture.settings.node;
    let Some(cluster) = &picture.cluster else {
        return vec![NodeVote {
            node: this.name.clone(),
            state: picture.health.get(position).map(|health| health.state),
            counts: true,
            is_local: false,
        }];
    };
    let at = picture.topology.site_name(site);
    let vote = |report: &NodeReport, position: Option<usize>, counts| NodeVote {
        node: report.node.clone(),
        state: position.and_then(|position| said(report, position)),
        counts,
        is_local: report.site.as_deref() == Some(at),
    };
    let mut votes = vec![vote(&cluster.own, Some(position), true)];
    votes.extend(others(cluster, key, now).map(|(report, position, counts)| vote(report, position, counts)));
    votes.sort_by(|a, b| a.node.cmp(&b.node));
    votes
}

/// The reports of the other nodes that were heard, each with where `key` is in it and whether it still counts.
fn others<'c>(
    cluster: &'c ClusterView,
    key: &'c EndpointKey,
    now: Mono,
) -> impl Iterator<Item = (&'c NodeReport, Option<usize>, bool)> {
    cluster.others.values().filter_map(move |heard| {
        let (report, list, at) = heard.last.as_ref()?;
        let position = list.endpoints.iter().position(|endpoint| endpoint == key);
        Some((&**report, position, now.since(*at) <= BALLOT_FRESHNESS))
    })
}

fn said(report: &NodeReport, position: usize) -> Option<State> {
    report.verdicts.chars().nth(position).map(state)
}
