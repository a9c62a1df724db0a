//! Sightings: what `explain` tells about where a client is and the site order that follows.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::model::{Coordinates, Country, GeoRule, Location, Policy, ServiceIx};

use super::centroids::continent;
use super::locale::Locale;
use super::policy::Steered;
use super::views::{Steering, ViewIx};

/// How a client was located.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Located {
    /// By a network of the configuration (`geo.networks`).
    Override,
    /// By coordinates of the database.
    Coordinates,
    /// By its country in the database: distances are from the country's centroid.
    Country,
    /// Not at all.
    Unknown,
}

/// A site as seen from a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteDistance {
    /// Site name.
    pub site: String,
    /// Great-circle kilometres; `None` where the client or the site has no place.
    pub km: Option<u32>,
}

/// Where a client is, and the site order that follows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sighting {
    /// The client; IPv4-mapped addresses as IPv4.
    pub client: IpAddr,
    /// How it was located.
    pub located: Located,
    /// The network that located it: the configured one, or the widest around the client that the database has in one
    /// place.
    pub network: Option<IpNet>,
    /// Its country, where known.
    pub country: Option<Country>,
    /// Its continent (`AF AN AS EU NA OC SA`), where its country is known.
    pub continent: Option<String>,
    /// Where distances are measured from.
    pub coordinates: Option<Coordinates>,
    /// The site that the configuration says it is at.
    pub at_site: Option<String>,
    /// What gave the order: `nearest`, `failover`, `geo: country DE`.
    pub rule: String,
    /// The view.
    pub view: ViewIx,
    /// Prefix length of the widest block around the client with the same view: the scope of an answer to its subnet.
    pub scope: u8,
    /// The sites of the service, best first.
    pub order: Vec<SiteDistance>,
}

impl Steering {
    /// Where `client` is seen and the order of sites that `service` gives it.
    #[must_use]
    pub fn sighting(&self, service: ServiceIx, client: IpAddr) -> Sighting {
        let client = client.to_canonical();
        let (location, in_atlas) = self.geography.atlas.locate(client);
        let (located, network, locale) = match self.geography.override_of(client) {
            Some((network, place)) => (Located::Override, Some(network), self.geography.locale_of(place)),
            None => (by_database(location), in_atlas, Locale::of(location, 0.0)),
        };
        let (view, scope) = self.view(service, client);
        let distance = |site| self.geography.distance(locale, site).map(whole_kilometres);
        let order = self.order(service, view).iter();
        Sighting {
            client,
            located,
            network,
            country: locale.country,
            continent: locale.country.and_then(continent).map(|letters| String::from_utf8_lossy(&letters).into_owned()),
            coordinates: locale.coordinates,
            at_site: locale.at.map(|site| self.geography.site_name(site).to_owned()),
            rule: self.map(service).map_or_else(String::new, |map| rule(&map.steered, locale, client)),
            view,
            scope,
            order: order
                .map(|site| SiteDistance { site: self.geography.site_name(*site).to_owned(), km: distance(*site) })
                .collect(),
        }
    }
}

const fn by_database(location: Location) -> Located {
    match location {
        Location { coordinates: Some(_), .. } => Located::Coordinates,
        Location { country: Some(_), .. } => Located::Country,
        Location { .. } => Located::Unknown,
    }
}

/// The policy in words, and for `geo` the rule that matched.
fn rule(steered: &Steered, locale: Locale, client: IpAddr) -> String {
    let network = steered.rules().iter().position(|rule| rule.has_address(client));
    match &steered.policy {
        Policy::Nearest => "nearest".to_owned(),
        Policy::Failover => "failover".to_owned(),
        Policy::Weighted(_) => "weighted".to_owned(),
        Policy::Spread => "spread".to_owned(),
        Policy::Geo(rules) => match steered.rule(locale, network).and_then(|position| rules.get(position)) {
            Some(GeoRule::Network(network, _)) => format!("geo: network {network}"),
            Some(GeoRule::Country(country, _)) => format!("geo: country {country}"),
            Some(GeoRule::Continent(letters, _)) => format!("geo: continent {}", String::from_utf8_lossy(letters)),
            Some(GeoRule::Default(_)) => "geo: default".to_owned(),
            None => "geo: no rule matches, nearest".to_owned(),
        },
    }
}

/// Rounded; half the Earth's circumference at most.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
const fn whole_kilometres(km: f64) -> u32 {
    km.round() as u32
}
