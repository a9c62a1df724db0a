//! Policies: from where a client is to the order in which it sees the sites (DESIGN section 8).

use crate::model::{GeoRule, Policy, SiteIx};

use super::centroids::continent;
use super::locale::{Geography, Locale};

/// What of a service decides the order of its sites. Services that agree in it share their views.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Steered {
    pub(super) policy: Policy,
    pub(super) sites: Vec<SiteIx>,
}

/// A rule's position in a `geo` map.
pub(super) type RuleIx = usize;

impl Steered {
    /// Whether the order depends on the client at all.
    pub(super) const fn by_client(&self) -> bool {
        match self.policy {
            Policy::Nearest | Policy::Geo(_) => true,
            // Weighted orders are made by draw, and `spread` names all sites at once.
            Policy::Failover | Policy::Weighted(_) | Policy::Spread => false,
        }
    }

    /// The rules of policy `geo`; none for others.
    pub(super) fn rules(&self) -> &[GeoRule] {
        match &self.policy {
            Policy::Geo(rules) => rules,
            Policy::Nearest | Policy::Failover | Policy::Weighted(_) | Policy::Spread => &[],
        }
    }

    /// The first rule that matches a client at `locale`; `network` is the first rule about networks that has its address.
    pub(super) fn rule(&self, locale: Locale, network: Option<RuleIx>) -> Option<RuleIx> {
        let here = locale.country.and_then(continent);
        self.rules().iter().enumerate().position(|(position, rule)| match rule {
            GeoRule::Network(..) => network == Some(position),
            GeoRule::Country(country, _) => locale.country == Some(*country),
            GeoRule::Continent(continent, _) => here == Some(*continent),
            GeoRule::Default(_) => true,
        })
    }

    /// All sites of the service, best first, for a client at `locale`.
    pub(super) fn order(&self, geography: &Geography, locale: Locale, network: Option<RuleIx>) -> Vec<SiteIx> {
        if !self.by_client() {
            return self.sites.clone();
        }
        match self.rule(locale, network).and_then(|position| self.rules().get(position)) {
            Some(rule) => self.first_then_rest(rule.sites()),
            None => self.nearest(geography, locale),
        }
    }

    /// `first` as far as they are the service's, then its other sites as listed.
    fn first_then_rest(&self, first: &[SiteIx]) -> Vec<SiteIx> {
        let mut order: Vec<SiteIx> = Vec::with_capacity(self.sites.len());
        for site in first.iter().filter(|site| self.sites.contains(site)).chain(&self.sites) {
            if !order.contains(site) {
                order.push(*site);
            }
        }
        order
    }

    /// By distance; as listed where distances tie. Sites without a place come last, and a client without one sees the
    /// sites as listed. The site that the operator says the client is at is first.
    fn nearest(&self, geography: &Geography, locale: Locale) -> Vec<SiteIx> {
        let key = |site: SiteIx| {
            let distance = geography.distance(locale, site).unwrap_or(f64::INFINITY);
            if locale.at == Some(site) { -1.0 } else { distance }
        };
        let mut order: Vec<(f64, SiteIx)> = self.sites.iter().map(|site| (key(*site), *site)).collect();
        // Stable, so ties stay as listed.
        order.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        order.into_iter().map(|(_, site)| site).collect()
    }
}
