//! Views: clients that see the sites in the same order share one.

use super::centroids::facts;
use super::distance::kilometres;
use crate::model::{Coordinates, Country, GeoRule, Policy, Service, Site, SiteIx};

/// A view's position among those of its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewIx(pub u32);

impl ViewIx {
    /// The position as an index into a slice of views.
    #[must_use]
    pub const fn get(self) -> usize {
        self.0 as usize
    }
}

/// Where a client is taken to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// Nobody knows.
    Unknown,
    /// At a site, by the operator's word.
    Site(SiteIx),
    /// In a country, at coordinates, or both.
    Located {
        /// The country, where known.
        country: Option<Country>,
        /// Coordinates, where known better than by the country.
        coordinates: Option<Coordinates>,
    },
}

impl Place {
    /// The coordinates that distances are measured from.
    pub(super) fn coordinates(self, sites: &[Site]) -> Option<Coordinates> {
        match self {
            Self::Unknown => None,
            Self::Site(site) => sites.get(site.get()).and_then(site_coordinates),
            Self::Located { country, coordinates } => {
                coordinates.or_else(|| country.and_then(facts).map(|facts| facts.centroid))
            }
        }
    }

    /// The country that rules go by.
    pub(super) fn country(self, sites: &[Site]) -> Option<Country> {
        match self {
            Self::Unknown => None,
            Self::Site(site) => {
                sites.get(site.get()).and_then(|site| site.location).and_then(|location| location.country)
            }
            Self::Located { country, .. } => country,
        }
    }
}

/// Where a site is: its coordinates, or its country's centroid.
pub(super) fn site_coordinates(site: &Site) -> Option<Coordinates> {
    let location = site.location?;
    location.coordinates.or_else(|| location.country.and_then(facts).map(|facts| facts.centroid))
}

/// The sites of `service` in the order of a client at `place`. `network_rule` is the first geo rule about networks that
/// contains the client's address.
pub(super) fn site_order(service: &Service, sites: &[Site], place: Place, network_rule: Option<usize>) -> Vec<SiteIx> {
    match &service.policy {
        Policy::Nearest => nearest(service, sites, place),
        Policy::Geo(rules) => match matching_rule(rules, sites, place, network_rule) {
            Some(rule) => completed(rule.sites(), service),
            None => nearest(service, sites, place),
        },
        Policy::Failover | Policy::Weighted(_) | Policy::Spread => service.sites.clone(),
    }
}

/// `nearest`: by great-circle distance; a site that the client is at comes first, sites without a place last, ties in
/// file order. A client that is nowhere sees the file order.
fn nearest(service: &Service, sites: &[Site], place: Place) -> Vec<SiteIx> {
    let mut order = service.sites.clone();
    order.sort_by(|a, b| distance(*a, sites, place).total_cmp(&distance(*b, sites, place)));
    order
}

/// The distance of a site in kilometres as far as `nearest` goes by it.
fn distance(site: SiteIx, sites: &[Site], place: Place) -> f64 {
    if place == Place::Site(site) {
        return -1.0;
    }
    let Some(from) = place.coordinates(sites) else { return f64::INFINITY };
    sites.get(site.get()).and_then(site_coordinates).map_or(f64::INFINITY, |to| kilometres(from, to))
}

/// `geo`: the first rule that matches.
pub(super) fn matching_rule<'a>(
    rules: &'a [GeoRule],
    sites: &[Site],
    place: Place,
    network_rule: Option<usize>,
) -> Option<&'a GeoRule> {
    let country = place.country(sites);
    let continent = country.and_then(facts).map(|facts| facts.continent);
    rules.iter().enumerate().find_map(|(position, rule)| {
        let matches = match rule {
            GeoRule::Network(..) => network_rule == Some(position),
            GeoRule::Country(of, _) => country == Some(*of),
            GeoRule::Continent(of, _) => continent == Some(*of),
            GeoRule::Default(_) => true,
        };
        matches.then_some(rule)
    })
}

/// The rule's sites, then the others of the service in file order.
fn completed(first: &[SiteIx], service: &Service) -> Vec<SiteIx> {
    let of_service = first.iter().filter(|site| service.sites.contains(site));
    let rest = service.sites.iter().filter(|site| !first.contains(site));
    of_service.chain(rest).copied().collect()
}
