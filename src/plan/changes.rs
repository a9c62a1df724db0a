//! What one plan changes against another, in an operator's words.

use crate::model::{Plan, Service, ServiceIx, ServicePlan, Share, SiteIx, SitePlan, Tier, Topology};

/// What `new` changes against `old`, one phrase a (service, site): `mx: fra serving -> down (connection refused)`.
///
/// Both plans must be of `topology`. Empty where only reasons and doubts changed.
#[must_use]
pub fn changes(topology: &Topology, old: &Plan, new: &Plan) -> Vec<String> {
    let mut phrases = Vec::new();
    for ((ix, service), (before, after)) in topology.services().zip(old.services.iter().zip(&new.services)) {
        for (&site, (was, is)) in service.sites.iter().zip(before.sites.iter().zip(&after.sites)) {
            let place = Place { topology, ix, service, site };
            phrases.extend(place.moved(was, is).or_else(|| place.thinned(old, new, is)));
        }
        phrases.extend(resort(service, before, after));
    }
    phrases
}

/// One site of one service.
#[derive(Clone, Copy)]
struct Place<'a> {
    topology: &'a Topology,
    ix: ServiceIx,
    service: &'a Service,
    site: SiteIx,
}

impl Place<'_> {
    /// The site as a whole does something else, or for another share of its clients.
    fn moved(self, was: &SitePlan, is: &SitePlan) -> Option<String> {
        let differs = was.standing != is.standing || was.drained != is.drained || was.spilled != is.spilled;
        differs.then(|| {
            let (service, site) = (&self.service.name, self.topology.site_name(self.site));
            format!("{service}: {site} {} -> {} ({})", in_words(was), in_words(is), is.reason)
        })
    }

    /// The site does what it did, with more or fewer of its addresses.
    fn thinned(self, old: &Plan, new: &Plan, is: &SitePlan) -> Option<String> {
        let (before, after) = (self.tiers(old), self.tiers(new));
        (before != after).then(|| {
            let (service, site) = (&self.service.name, self.topology.site_name(self.site));
            let usable = after.iter().filter(|tier| **tier <= Tier::Drained).count();
            format!("{service}: {site} {} with {usable} of {} addresses ({})", in_words(is), after.len(), is.reason)
        })
    }

    fn tiers(self, plan: &Plan) -> Vec<Tier> {
        let endpoints = self.topology.endpoints.iter().zip(&plan.endpoints);
        let here = endpoints.filter(|(endpoint, _)| endpoint.service == self.ix && endpoint.site == self.site);
        here.map(|(_, outcome)| outcome.tier).collect()
    }
}

/// `serving`, `drained`, `serving, 25% drained`, `serving, 30% spilled`.
fn in_words(site: &SitePlan) -> String {
    let mut words = site.standing.as_str().to_owned();
    if site.drained != Share::NONE && site.drained != Share::ALL {
        words.push_str(&format!(", {} drained", site.drained));
    }
    if site.spilled != Share::NONE {
        words.push_str(&format!(", {} spilled", site.spilled));
    }
    words
}

/// The service as a whole falls back to a worse resort, or returns from one.
fn resort(service: &Service, before: &ServicePlan, after: &ServicePlan) -> Option<String> {
    let name = &service.name;
    (before.tier != after.tier).then(|| match after.tier {
        Tier::Serving => format!("{name}: answers with serving sites again"),
        Tier::Deferring => format!("{name}: no site serves; answers with deferring sites"),
        Tier::Drained => format!("{name}: nothing in service; answers with drained sites"),
        Tier::Declared => format!("{name}: nothing works; answers with all that is declared and not isolated"),
        Tier::Isolated => format!("{name}: all is isolated; answers with all that is declared"),
    })
}

#[cfg(test)]
mod tests {
    use crate::model::{IntentKind, State};
    use crate::plan::fixture::Fixture;

    use super::*;

    #[test]
    fn a_site_that_goes_down_is_named_with_before_after_and_why() {
        let mut world = Fixture::new(&[2, 2]);
        let before = world.plan();
        world.set(0, State::Down, "connection refused");
        world.set(1, State::Down, "connection refused");
        let phrases = changes(&world.topology, &before, &world.plan());
        assert_eq!(phrases, ["mx: s0 serving -> down (0 of 2 addresses healthy: connection refused)"]);
        let back = changes(&world.topology, &world.plan(), &before);
        assert_eq!(back, ["mx: s0 down -> serving (2 of 2 addresses healthy)"]);
    }

    #[test]
    fn a_site_that_loses_one_of_its_addresses_is_named_too() {
        let mut world = Fixture::new(&[2]);
        let before = world.plan();
        world.set(1, State::Down, "timeout");
        let phrases = changes(&world.topology, &before, &world.plan());
        assert_eq!(phrases, ["mx: s0 serving with 1 of 2 addresses (1 of 2 addresses healthy: timeout)"]);
    }

    #[test]
    fn a_partial_drain_and_a_last_resort_are_named() {
        let mut world = Fixture::new(&[1]);
        let before = world.plan();
        world.order("s0", IntentKind::Drain { share: "25%".parse().unwrap() });
        let partly = world.plan();
        let phrases = changes(&world.topology, &before, &partly);
        assert_eq!(phrases, ["mx: s0 serving -> serving, 25% drained (drained 25% by test)"]);
        world.intents.clear();
        world.set(0, State::Down, "timeout");
        let phrases = changes(&world.topology, &before, &world.plan());
        assert_eq!(phrases.last().unwrap(), "mx: nothing works; answers with all that is declared and not isolated");
    }

    #[test]
    fn the_same_outcome_changes_nothing() {
        let world = Fixture::new(&[2, 1, 3]);
        assert!(changes(&world.topology, &world.plan(), &world.plan()).is_empty());
    }
}
