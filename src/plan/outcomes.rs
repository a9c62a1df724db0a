//! What a plan means for every site, as the journal keeps it.

use crate::model::{Naming, Plan, SiteOutcome, SiteSet, Tier, Topology};

/// What every site of every service does by `plan`, which is of `topology`, where answers name the sites of `named` (parallel
/// to the services).
#[must_use]
pub fn outcomes(topology: &Topology, plan: &Plan, named: &[SiteSet]) -> Vec<SiteOutcome> {
    let mut all = Vec::new();
    for ((ix, service), (outcome, named)) in topology.services().zip(plan.services.iter().zip(named)) {
        for (&site, planned) in service.sites.iter().zip(&outcome.sites) {
            let here = topology.endpoints.iter().zip(&plan.endpoints);
            let here = here.filter(|(endpoint, _)| endpoint.service == ix && endpoint.site == site);
            let (mut usable, mut addresses) = (0, 0);
            for (_, endpoint) in here {
                addresses += 1;
                usable += usize::from(endpoint.tier <= Tier::Drained);
            }
            all.push(SiteOutcome {
                service: service.name.clone(),
                site: topology.site_name(site).to_owned(),
                standing: planned.standing,
                usable,
                addresses,
                named: if named.contains(site) { Naming::Named } else { Naming::LeftOut },
                drained_by: None,
            });
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use crate::model::{SiteSet, Standing, State};
    use crate::plan::fixture::Fixture;

    use super::*;

    #[test]
    fn each_site_is_told_with_its_addresses_and_whether_answers_name_it() {
        let mut world = Fixture::new(&[2, 1]);
        world.set(1, State::Down, "timeout");
        world.set(2, State::Down, "timeout");
        let mut named = SiteSet::EMPTY;
        named.insert(world.topology.services[0].sites[0]);
        let told = outcomes(&world.topology, &world.plan(), &[named]);
        let said: Vec<_> = told.iter().map(|site| (site.standing, site.usable, site.addresses, site.named)).collect();
        assert_eq!(said, [(Standing::Serving, 1, 2, Naming::Named), (Standing::Down, 0, 1, Naming::LeftOut)]);
        assert!(!told[0].is_whole() && told[0].is_in_service() && !told[1].is_in_service());
    }
}
