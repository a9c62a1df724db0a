//! The digest of a plan: whether nodes that decide alike came to the same.

use std::net::IpAddr;

use super::fingerprint::Fingerprint;
use super::{EndpointPlan, Plan, ServicePlan, SiteIx, SitePlan, Standing, Tier, Topology};

/// What a plan comes to at one place: service, site, and address, as far as it is about one. By names, since positions are
/// each node's own.
type Line<'a> = (&'a str, &'a str, Option<IpAddr>, String);

impl Plan {
    /// What the plan comes to, as 16 hexadecimal digits: which site and which address is answered as which resort, and which
    /// part of its clients a drain moves away.
    ///
    /// It is the same on all nodes that follow the same orders and agree on the same states, in whatever order their files
    /// declare sites and services, and in every version of the program. So what each node finds out for itself is left out,
    /// though it shows in answers: what it suspects and how far its own clock is from a step (both only shorten TTLs), and
    /// how far full sites spill by the demand that it measured. Left out are also words and generations, which decide
    /// nothing, and the health of a site by itself, which shows in the rest as far as it decides anything.
    #[must_use]
    pub fn digest(&self, topology: &Topology) -> String {
        let mut lines: Vec<Line<'_>> = Vec::new();
        for (service, outcome) in topology.services.iter().zip(&self.services) {
            lines.push((&service.name, "", None, tier(outcome.tier).to_string()));
            for (site, plan) in service.sites.iter().zip(&outcome.sites) {
                lines.push((&service.name, topology.site_name(*site), None, at_site(outcome, *site, plan)));
            }
        }
        for (endpoint, plan) in topology.endpoints.iter().zip(&self.endpoints) {
            let service = topology.service(endpoint.service).map_or("?", |service| service.name.as_str());
            lines.push((service, topology.site_name(endpoint.site), Some(endpoint.address), at_address(plan)));
        }
        lines.sort_unstable();
        let mut fingerprint = Fingerprint::of("plan 1");
        for (service, site, address, outcome) in lines {
            fingerprint.text(service);
            fingerprint.text(site);
            if let Some(address) = address {
                fingerprint.address(address);
            }
            fingerprint.text(&outcome);
        }
        fingerprint.finish()
    }
}

fn at_site(service: &ServicePlan, site: SiteIx, plan: &SitePlan) -> String {
    let serves = if service.in_service.contains(site) { "in" } else { "out" };
    format!("{} {serves} {}", standing(plan.standing), plan.drained.permille())
}

fn at_address(plan: &EndpointPlan) -> String {
    format!("{}{}", tier(plan.tier), tier(plan.moved_tier))
}

/// A letter that no version of the program changes.
const fn tier(tier: Tier) -> char {
    match tier {
        Tier::Serving => 's',
        Tier::Deferring => 'f',
        Tier::Drained => 'n',
        Tier::Declared => 'd',
        Tier::Isolated => 'i',
    }
}

/// A letter that no version of the program changes.
const fn standing(standing: Standing) -> char {
    match standing {
        Standing::Serving => 's',
        Standing::Deferring => 'f',
        Standing::Drained => 'n',
        Standing::Down => 'd',
        Standing::Isolated => 'i',
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::model::{Endpoint, Generation, IntentKind, Service, ServiceIx, Share, SiteSet, State};
    use crate::plan::fixture::{DRAIN, Fixture, drain};

    use super::*;

    /// `mx` at three sites with two addresses each, `imap` at two of them.
    fn world() -> Fixture {
        let mut world = Fixture::new(&[2, 2, 2]);
        world.add_service("imap", &[1, 1]);
        world
    }

    fn digest(world: &Fixture) -> String {
        world.plan().digest(&world.topology)
    }

    /// The same world, declared in another order: sites and services turned round, endpoints too.
    fn turned(world: &Fixture) -> Fixture {
        let (sites, services) = (world.topology.sites.len(), world.topology.services.len());
        let site = |ix: SiteIx| SiteIx(u8::try_from(sites - 1 - ix.get()).unwrap());
        let service = |ix: ServiceIx| ServiceIx(u16::try_from(services - 1 - ix.get()).unwrap());
        let mut other = world.clone();
        other.topology.sites.reverse();
        other.topology.services.reverse();
        other.topology.endpoints.reverse();
        other.health.reverse();
        for Service { sites, .. } in &mut other.topology.services {
            sites.iter_mut().for_each(|ix| *ix = site(*ix));
            sites.reverse();
        }
        for Endpoint { site: at, service: of, .. } in &mut other.topology.endpoints {
            (*at, *of) = (site(*at), service(*of));
        }
        other
    }

    #[test]
    fn versions_of_the_program_agree() {
        let mut world = world();
        world.set(0, State::Down, "timeout");
        world.set(2, State::Deferring, "451");
        world.order("s1", drain(250));
        world.order("s2", IntentKind::Isolate);
        assert_eq!(digest(&world), "068601ae5a85d956");
    }

    #[test]
    fn words_generations_and_what_a_node_knows_for_itself_are_left_out() {
        let mut world = world();
        world.set(0, State::Down, "timeout");
        let before = world.plan();
        world.set(0, State::Down, "connection refused");
        world.health[1].suspect = true;
        let mut plan = Plan { generation: Generation { epoch: 7, sequence: 9 }, ..world.plan() };
        plan.endpoints[3].ttl_cap = Some(5);
        plan.services[0].sites[0].spilled = Share::from_permille(300).unwrap();
        assert!(!plan.same_outcome(&before));
        assert_eq!(plan.digest(&world.topology), before.digest(&world.topology));
    }

    #[test]
    fn each_difference_in_who_is_answered_shows() {
        let mut worlds = vec![world()];
        let mut add = |change: &dyn Fn(&mut Fixture)| {
            let mut world = world();
            change(&mut world);
            worlds.push(world);
        };
        add(&|world| world.set(0, State::Down, ""));
        add(&|world| world.set(1, State::Down, ""));
        add(&|world| world.set(2, State::Down, ""));
        add(&|world| world.set(0, State::Deferring, ""));
        add(&|world| world.order("s0", DRAIN));
        add(&|world| world.order("s0", drain(250)));
        add(&|world| world.order("s0", drain(260)));
        add(&|world| world.order("s0/imap", DRAIN));
        add(&|world| world.order("s1", DRAIN));
        add(&|world| world.order("s0", IntentKind::Isolate));
        add(&|world| {
            world.service().sites.pop();
        });
        add(&|world| {
            world.topology.endpoints[0].address = [10, 0, 0, 1].into();
        });
        let mut digests: Vec<String> = worlds.iter().map(digest).collect();
        let count = digests.len();
        digests.sort_unstable();
        digests.dedup();
        assert_eq!(digests.len(), count);
    }

    #[test]
    fn every_field_that_says_who_is_answered_counts() {
        let world = world();
        let whole = world.plan().digest(&world.topology);
        let changed = |change: &dyn Fn(&mut Plan)| {
            let mut plan = world.plan();
            change(&mut plan);
            plan.digest(&world.topology)
        };
        assert_ne!(changed(&|plan| plan.services[1].sites[0].standing = Standing::Deferring), whole);
        assert_ne!(changed(&|plan| plan.services[1].sites[0].drained = Share::from_permille(1).unwrap()), whole);
        assert_ne!(changed(&|plan| plan.services[1].in_service = SiteSet::EMPTY), whole);
        assert_ne!(changed(&|plan| plan.services[1].tier = Tier::Drained), whole);
        assert_ne!(changed(&|plan| plan.endpoints[7].tier = Tier::Declared), whole);
        assert_ne!(changed(&|plan| plan.endpoints[7].moved_tier = Tier::Declared), whole);
    }

    proptest! {
        #[test]
        fn the_order_of_declaration_does_not_matter(
            states in prop::collection::vec(0_usize..4, 8),
            orders in prop::collection::vec((0_usize..3, 0_usize..4, any::<bool>()), 0..4),
        ) {
            let mut world = world();
            for (ix, state) in states.into_iter().enumerate() {
                world.set(ix, [State::Up, State::Deferring, State::Down, State::Unknown][state], "why");
            }
            for (site, kind, scoped) in orders {
                let kind = [DRAIN, drain(250), IntentKind::Isolate, IntentKind::Pin][kind];
                world.order(&if scoped { format!("s{site}/mx") } else { format!("s{site}") }, kind);
            }
            prop_assert_eq!(digest(&world), digest(&turned(&world)));
        }

        /// Of two plans for the same declaration, those that answer with the same have the same digest, and only those.
        #[test]
        fn it_tells_plans_apart_by_who_is_answered(
            a in prop::collection::vec(0_usize..3, 8),
            b in prop::collection::vec(0_usize..3, 8),
        ) {
            let plan = |states: &[usize]| {
                let mut world = world();
                for (ix, state) in states.iter().enumerate() {
                    world.set(ix, [State::Up, State::Deferring, State::Down][*state], "why");
                }
                world.plan()
            };
            let (a, b) = (plan(&a), plan(&b));
            let topology = world().topology;
            // Nobody suspects or spills here, so that unsettled is deferring.
            let same = a.endpoints == b.endpoints
                && a.services.iter().zip(&b.services).all(|(a, b)| {
                    let standings = |plan: &ServicePlan| {
                        plan.sites.iter().map(|site| (site.standing, site.drained)).collect::<Vec<_>>()
                    };
                    (standings(a), a.in_service, a.tier) == (standings(b), b.in_service, b.tier)
                });
            prop_assert_eq!(a.digest(&topology) == b.digest(&topology), same);
        }
    }
}
