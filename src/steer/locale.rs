//! Locales: where a client is, by the operator's word first and by the atlas otherwise (DESIGN section 8).

use std::net::IpAddr;

use ipnet::IpNet;

use crate::model::{Coordinates, Country, GeoSettings, Location, NetworkPlace, SiteIx, Topology};

use super::atlas::Atlas;
use super::centroids::centroid;
use super::distance::kilometres;

/// Where a client is, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Locale {
    /// Its country, for maps by country and continent.
    pub(super) country: Option<Country>,
    /// Where distances are measured from.
    pub(super) coordinates: Option<Coordinates>,
    /// The site that the operator says it is at: it comes first.
    pub(super) at: Option<SiteIx>,
}

impl Locale {
    /// The locale of a place in a database; coordinates are rounded to `grid` degrees, 0 leaves them exact.
    pub(super) fn of(location: Location, grid: f64) -> Self {
        let exact = location.coordinates.map(|at| rounded(at, grid));
        let coordinates = exact.or_else(|| location.country.and_then(centroid));
        Self { country: location.country, coordinates, at: None }
    }
}

/// The middle of the cell of `grid` degrees that `at` is in.
fn rounded(at: Coordinates, grid: f64) -> Coordinates {
    let middle = |degrees: f64, limit: f64| {
        if grid > 0.0 { (((degrees / grid).floor() + 0.5) * grid).clamp(-limit, limit) } else { degrees }
    };
    Coordinates { lat: middle(at.lat, 90.0), lon: middle(at.lon, 180.0) }
}

/// What is known of places: the sites, the operator's networks and the atlas.
#[derive(Clone, Debug)]
pub(super) struct Geography {
    sites: Vec<PlacedSite>,
    /// As configured; the longest prefix wins, of equal ones the first.
    overrides: Vec<(IpNet, NetworkPlace)>,
    pub(super) atlas: Atlas,
}

#[derive(Clone, Debug)]
struct PlacedSite {
    name: String,
    locale: Locale,
}

impl Geography {
    pub(super) fn new(topology: &Topology, geo: &GeoSettings, atlas: &Atlas) -> Self {
        let sites = topology.sites().map(|(ix, site)| {
            let locale = site.location.map_or_else(Locale::default, |location| Locale::of(location, 0.0));
            PlacedSite { name: site.name.clone(), locale: Locale { at: Some(ix), ..locale } }
        });
        let mut overrides: Vec<(IpNet, NetworkPlace)> = Vec::with_capacity(geo.networks.len());
        for (network, place) in &geo.networks {
            let network = network.trunc();
            if !overrides.iter().any(|(other, _)| *other == network) {
                overrides.push((network, *place));
            }
        }
        Self { sites: sites.collect(), overrides, atlas: atlas.clone() }
    }

    pub(super) fn site_name(&self, site: SiteIx) -> &str {
        self.sites.get(site.get()).map_or("?", |site| site.name.as_str())
    }

    /// The operator's networks.
    pub(super) fn overrides(&self) -> &[(IpNet, NetworkPlace)] {
        &self.overrides
    }

    /// The operator's network that `client` is in, by longest prefix.
    pub(super) fn override_of(&self, client: IpAddr) -> Option<(IpNet, NetworkPlace)> {
        let holding = self.overrides.iter().filter(|(network, _)| network.contains(&client.to_canonical()));
        holding.max_by_key(|(network, _)| network.prefix_len()).copied()
    }

    /// The locale of a place that the operator named.
    pub(super) fn locale_of(&self, place: NetworkPlace) -> Locale {
        match place {
            NetworkPlace::Site(site) => self.sites.get(site.get()).map(|site| site.locale).unwrap_or_default(),
            NetworkPlace::Country(country) => Locale::of(Location { country: Some(country), coordinates: None }, 0.0),
            NetworkPlace::Coordinates(at) => Locale { country: None, coordinates: Some(at), at: None },
        }
    }

    /// Kilometres from `locale` to `site`; `None` where either has no place.
    pub(super) fn distance(&self, locale: Locale, site: SiteIx) -> Option<f64> {
        let there = self.sites.get(site.get())?.locale.coordinates?;
        Some(kilometres(locale.coordinates?, there))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_without_coordinates_is_at_its_countrys_centroid() {
        let germany = Location { country: Some("DE".parse().unwrap()), coordinates: None };
        assert_eq!(Locale::of(germany, 0.0).coordinates, centroid("DE".parse().unwrap()));
        let nowhere = Location { country: Some("ZZ".parse().unwrap()), coordinates: None };
        assert_eq!(Locale::of(nowhere, 0.0).coordinates, None);
    }

    #[test]
    fn coordinates_are_rounded_to_the_middle_of_a_cell() {
        let at = |lat, lon| Coordinates { lat, lon };
        assert_eq!(rounded(at(50.1, -0.1), 5.0), at(52.5, -2.5));
        assert_eq!(rounded(at(90.0, 180.0), 10.0), at(90.0, 180.0));
        assert_eq!(rounded(at(50.1, 8.7), 0.0), at(50.1, 8.7));
    }
}
