//! Countries as a whole: where the clients of each are sent first, for whoever looks at the map.

use super::centroids::codes;
use super::locale::Locale;
use super::views::Steering;
use crate::model::{Country, Location, Policy, Service, ServiceIx, ServicePlan, SiteIx, Standing};

/// How the clients of a service are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// By where they are.
    ByPlace,
    /// Not at all: all see the sites in one order.
    Alike,
    /// Not at all: every answer draws its order, or names all sites at once.
    ByDraw,
}

/// How `policy` tells clients apart.
#[must_use]
pub const fn told(policy: &Policy) -> Told {
    match policy {
        Policy::Nearest | Policy::Geo(_) => Told::ByPlace,
        Policy::Failover => Told::Alike,
        Policy::Weighted(_) | Policy::Spread => Told::ByDraw,
    }
}

/// Every country that is known, in the order of their letters.
pub fn countries() -> impl Iterator<Item = Country> {
    codes()
}

/// The site among `order` that answers name first under `plan`: of those in the best resort there is, the first in order.
/// `None` where everything is down, so that answers name all that is declared.
#[must_use]
pub fn first_in_service(service: &Service, plan: &ServicePlan, order: &[SiteIx]) -> Option<SiteIx> {
    let resort = |site: &SiteIx| {
        let position = service.sites.iter().position(|member| member == site)?;
        match plan.sites.get(position)?.standing {
            Standing::Serving => Some(0),
            Standing::Deferring => Some(1),
            Standing::Drained => Some(2),
            Standing::Down | Standing::Isolated => None,
        }
    };
    // The first of equals.
    order
        .iter()
        .copied()
        .filter_map(|site| Some((resort(&site)?, site)))
        .min_by_key(|(resort, _)| *resort)
        .map(|(_, site)| site)
}

impl Steering {
    /// The order in which clients of `country` see the sites of `service`, as far as their country alone says: a network
    /// that the configuration places elsewhere, or a database that knows more of a client, may lead to another.
    #[must_use]
    pub fn order_from(&self, service: ServiceIx, country: Country) -> Vec<SiteIx> {
        let locale = Locale::of(Location { country: Some(country), coordinates: None }, 0.0);
        self.map(service).map(|map| map.steered.order(&self.geography, locale, None)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GeoSettings, Share, SitePlan, SiteSet, State, Tier, Topology};
    use crate::plan::fixture::{service, site_in};
    use crate::steer::Atlas;

    fn world() -> (Topology, Steering) {
        let sites = vec![
            site_in("fra", "DE", Some((50.1, 8.7))),
            site_in("iad", "US", Some((38.9, -77.5))),
            site_in("nrt", "JP", None),
        ];
        let mx = Service { policy: Policy::Nearest, ..service("mx", vec![SiteIx(0), SiteIx(1), SiteIx(2)]) };
        let topology = Topology { sites, services: vec![mx], ..Topology::default() };
        let steering = Steering::build(&topology, &GeoSettings::default(), &Atlas::default());
        (topology, steering)
    }

    fn plan(standings: [Standing; 3]) -> ServicePlan {
        let outcome = |standing| SitePlan {
            standing,
            health: State::Up,
            drained: Share::NONE,
            spilled: Share::NONE,
            reason: String::new(),
        };
        let sites = standings.into_iter().map(outcome).collect();
        ServicePlan { sites, in_service: SiteSet::EMPTY, tier: Tier::Serving }
    }

    fn first(country: &str, standings: [Standing; 3]) -> Option<u8> {
        let (topology, steering) = world();
        let order = steering.order_from(ServiceIx(0), country.parse().unwrap());
        first_in_service(&topology.services[0], &plan(standings), &order).map(|site| site.0)
    }

    #[test]
    fn a_country_is_sent_to_its_nearest_site_in_service() {
        use Standing::{Deferring, Down, Drained, Isolated, Serving};
        assert_eq!(first("PL", [Serving; 3]), Some(0));
        assert_eq!(first("CA", [Serving; 3]), Some(1));
        assert_eq!(first("KR", [Serving; 3]), Some(2));
        assert_eq!(first("PL", [Down, Serving, Serving]), Some(1));
        assert_eq!(first("PL", [Deferring, Serving, Serving]), Some(1), "deferring sites come after the others");
        assert_eq!(first("PL", [Drained, Deferring, Down]), Some(1));
        assert_eq!(first("PL", [Drained, Down, Isolated]), Some(0), "drained sites are better than none");
        assert_eq!(first("PL", [Down, Down, Isolated]), None, "all that is declared is answered");
    }

    #[test]
    fn every_country_sees_every_site_once() {
        let (_, steering) = world();
        let all: Vec<Country> = countries().collect();
        assert!(all.len() >= 249 && all.is_sorted());
        for country in all {
            let mut order = steering.order_from(ServiceIx(0), country);
            order.sort_unstable();
            assert_eq!(order, [SiteIx(0), SiteIx(1), SiteIx(2)], "{country}");
        }
    }
}
