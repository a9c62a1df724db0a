//! Sightings: how a client was located, for explanations.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use super::distance::kilometres;
use super::steering::Steering;
use super::views::{Place, matching_rule, site_coordinates};
use crate::model::{Coordinates, Country, GeoRule, Policy, ServiceIx, SiteIx};

/// How a client was located.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// By `[geo] networks`: the network that matched.
    Override(IpNet),
    /// By the geo database.
    Database,
    /// Not at all.
    Unknown,
}

/// Where a client is taken to be for a service, and what follows.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// How it was located.
    pub located: Source,
    /// The country, where known.
    pub country: Option<Country>,
    /// The coordinates that distances are measured from.
    pub coordinates: Option<Coordinates>,
    /// The site that the operator says the client is at.
    pub site: Option<SiteIx>,
    /// The rule of policy `geo` that matched, in words.
    pub rule: Option<String>,
    /// The length of the prefix around the client that shares its view.
    pub scope: u8,
    /// The service's sites, best first.
    pub order: Vec<SiteIx>,
    /// The distances of the sites in kilometres, in the same order; `None` where either end is not known.
    pub distances: Vec<(SiteIx, Option<f64>)>,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Override(net) => write!(f, "{net} in [geo] networks"),
            Self::Database => f.write_str("the geo database"),
            Self::Unknown => f.write_str("nothing: no database or network knows the address"),
        }
    }
}

impl Steering {
    /// How `client` is located for `service`, and the order that follows.
    #[must_use]
    pub fn sighting(&self, service: ServiceIx, client: IpAddr) -> Sighting {
        let sites = &self.topology.sites;
        let place = self.places.of(client);
        let (view, scope) = self.view(service, client);
        let from = place.coordinates(sites);
        let order = self.order(service, view).to_vec();
        let distances = order.iter().map(|site| {
            let to = sites.get(site.get()).and_then(site_coordinates);
            (*site, from.zip(to).map(|(from, to)| kilometres(from, to)))
        });
        Sighting {
            located: self.source(place, client),
            country: place.country(sites),
            coordinates: from,
            site: match place {
                Place::Site(site) => Some(site),
                Place::Unknown | Place::Located { .. } => None,
            },
            rule: self.rule(service, place, client),
            scope,
            distances: distances.collect(),
            order,
        }
    }

    fn source(&self, place: Place, client: IpAddr) -> Source {
        let client = client.to_canonical();
        let longest = self.places.overrides.iter().rev().find(|(net, _)| net.contains(&client));
        match (longest, place) {
            (Some((net, _)), _) => Source::Override(*net),
            (None, Place::Unknown) => Source::Unknown,
            (None, _) => Source::Database,
        }
    }

    fn rule(&self, service: ServiceIx, place: Place, client: IpAddr) -> Option<String> {
        let Policy::Geo(rules) = &self.topology.service(service)?.policy else { return None };
        let network = rules.iter().position(|rule| rule.has_address(client.to_canonical()));
        Some(match matching_rule(rules, &self.topology.sites, place, network)? {
            GeoRule::Network(net, _) => format!("network {net}"),
            GeoRule::Country(country, _) => format!("country {country}"),
            GeoRule::Continent(continent, _) => format!("continent {}", String::from_utf8_lossy(continent)),
            GeoRule::Default(_) => "default".to_owned(),
        })
    }
}
