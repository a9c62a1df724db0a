//! The rules of dependencies, each stated by a test.

use proptest::prelude::*;

use crate::model::{IntentKind, Plan, Scope, ServiceIx, SiteIx, Standing, State, Tier};
use crate::plan::{Refusal, Reviewed, review};

use super::changes;
use super::dependencies::{in_order, touched};
use super::fixture::{DRAIN, Fixture, LONG_AGO, drain, order};

const MX: ServiceIx = ServiceIx(0);
const IMAP: ServiceIx = ServiceIx(1);
const DATABASE: ServiceIx = ServiceIx(2);

/// `mx`, `imap` and `database` at three sites with one address each; `imap` requires `database`.
fn world() -> Fixture {
    let mut world = Fixture::new(&[1, 1, 1]);
    assert_eq!(world.add_service("imap", &[1, 1, 1]), IMAP);
    assert_eq!(world.add_service("database", &[1, 1, 1]), DATABASE);
    world.topology.services[IMAP.get()].requires = vec![DATABASE];
    world
}

fn standings(plan: &Plan, service: ServiceIx) -> Vec<Standing> {
    plan.services[service.get()].sites.iter().map(|site| site.standing).collect()
}

fn reason(plan: &Plan, service: ServiceIx, site: usize) -> &str {
    &plan.services[service.get()].sites[site].reason
}

fn tiers(world: &Fixture, plan: &Plan, service: ServiceIx) -> Vec<Tier> {
    let endpoints = world.topology.endpoints.iter().zip(&plan.endpoints);
    endpoints.filter(|(endpoint, _)| endpoint.service == service).map(|(_, outcome)| outcome.tier).collect()
}

#[test]
fn a_site_whose_required_service_is_down_goes_out_of_service_as_if_it_were_down() {
    let mut world = world();
    let before = world.plan();
    world.set_site(DATABASE, 0, State::Down, "connection refused");
    let plan = world.plan();
    assert_eq!(standings(&plan, IMAP), [Standing::Down, Standing::Serving, Standing::Serving]);
    assert_eq!(tiers(&world, &plan, IMAP), [Tier::Declared, Tier::Serving, Tier::Serving]);
    assert_eq!(reason(&plan, IMAP, 0), "requires database: 0 of 1 addresses healthy: connection refused");
    assert_eq!(plan.services[IMAP.get()].sites[0].health, State::Up, "by itself it is well");
    assert_eq!(plan.services[IMAP.get()].in_service.len(), 2);
    // Mail still comes in there.
    assert_eq!(standings(&plan, MX), [Standing::Serving; 3]);
    let phrases = changes(&world.topology, &before, &plan);
    let why = "requires database: 0 of 1 addresses healthy: connection refused";
    assert!(phrases.contains(&format!("imap: s0 serving -> down ({why})")), "{phrases:?}");
}

#[test]
fn a_deferring_required_service_makes_its_dependents_defer() {
    let mut world = world();
    world.set_site(DATABASE, 1, State::Deferring, "lag 40 s");
    let plan = world.plan();
    assert_eq!(standings(&plan, IMAP), [Standing::Serving, Standing::Deferring, Standing::Serving]);
    assert_eq!(reason(&plan, IMAP, 1), "requires database: 1 of 1 addresses deferring: lag 40 s");
    assert_eq!(plan.services[IMAP.get()].in_service.len(), 3, "deferring is in service");
    // Their answers live half as long, as those of the required service would.
    let unsettled: Vec<bool> = plan.endpoints.iter().map(|endpoint| endpoint.unsettled).collect();
    assert_eq!(unsettled, [false, false, false, false, true, false, false, true, false]);
}

#[test]
fn a_doubt_about_the_required_service_shortens_the_answers_of_its_dependents() {
    let mut world = world();
    let suspect = world.topology.endpoints.iter().position(|endpoint| endpoint.service == DATABASE).unwrap();
    world.health[suspect].suspect = true;
    let plan = world.plan();
    assert_eq!(standings(&plan, IMAP), [Standing::Serving; 3]);
    assert!(plan.endpoints[3].unsettled && !plan.endpoints[0].unsettled && !plan.endpoints[4].unsettled);
}

#[test]
fn own_trouble_that_is_worse_comes_first_and_the_requirement_is_told_all_the_same() {
    let mut world = world();
    world.set_site(DATABASE, 0, State::Deferring, "lag 40 s");
    world.set_site(IMAP, 0, State::Down, "timeout");
    let plan = world.plan();
    assert_eq!(standings(&plan, IMAP)[0], Standing::Down);
    let told = "0 of 1 addresses healthy: timeout; requires database: 1 of 1 addresses deferring: lag 40 s";
    assert_eq!(reason(&plan, IMAP, 0), told);
    world.set_site(DATABASE, 0, State::Down, "refused");
    world.set_site(IMAP, 0, State::Deferring, "451 later");
    let plan = world.plan();
    let told = "requires database: 0 of 1 addresses healthy: refused; by itself: 1 of 1 addresses deferring: 451 later";
    assert_eq!((standings(&plan, IMAP)[0], reason(&plan, IMAP, 0)), (Standing::Down, told));
}

#[test]
fn an_order_against_the_required_service_counts_for_its_dependents_softly() {
    for kind in [DRAIN, IntentKind::Isolate] {
        let mut world = world();
        world.order("s0/database", kind);
        let plan = world.plan();
        assert_eq!(standings(&plan, IMAP), [Standing::Drained, Standing::Serving, Standing::Serving]);
        assert_eq!(tiers(&world, &plan, IMAP)[0], Tier::Drained);
        let word = if kind == DRAIN { "drained" } else { "isolated" };
        assert_eq!(reason(&plan, IMAP, 0), format!("requires database: {word} by test"));
        assert_eq!(standings(&plan, MX), [Standing::Serving; 3]);
    }
}

#[test]
fn a_partial_drain_of_the_required_service_moves_its_own_clients_only() {
    let mut world = world();
    world.order("s0/database", drain(500));
    let plan = world.plan();
    assert_eq!(standings(&plan, IMAP), [Standing::Serving; 3]);
    assert_eq!(plan.endpoints[3].moved_tier, Tier::Serving);
}

#[test]
fn orders_for_the_dependent_stand_and_say_what_it_requires() {
    let mut world = world();
    world.set_site(DATABASE, 0, State::Down, "refused");
    world.order("s0/imap", IntentKind::Pin);
    let plan = world.plan();
    assert_eq!((standings(&plan, IMAP)[0], tiers(&world, &plan, IMAP)[0]), (Standing::Serving, Tier::Serving));
    let told = "pinned by test; requires database: 0 of 1 addresses healthy: refused";
    assert_eq!(reason(&plan, IMAP, 0), told);
    world.order("s0/imap", DRAIN);
    let plan = world.plan();
    assert_eq!((standings(&plan, IMAP)[0], tiers(&world, &plan, IMAP)[0]), (Standing::Drained, Tier::Declared));
    world.order("s0/imap", drain(250));
    let plan = world.plan();
    assert_eq!((standings(&plan, IMAP)[0], plan.endpoints[3].moved_tier), (Standing::Down, Tier::Declared));
    world.order("s0/imap", IntentKind::Isolate);
    assert_eq!(tiers(&world, &world.plan(), IMAP)[0], Tier::Isolated);
    // A required service that is pinned holds nobody back.
    world.order("s0/imap", drain(0));
    world.order("s0/database", IntentKind::Pin);
    assert_eq!(standings(&world.plan(), IMAP), [Standing::Serving; 3]);
}

#[test]
fn requirements_reach_through_others() {
    let mut world = world();
    let webmail = world.add_service("webmail", &[1, 1, 1]);
    world.topology.services[webmail.get()].requires = vec![IMAP, MX];
    world.set_site(DATABASE, 2, State::Down, "refused");
    let plan = world.plan();
    assert_eq!(standings(&plan, webmail), [Standing::Serving, Standing::Serving, Standing::Down]);
    let told = "requires imap: requires database: 0 of 1 addresses healthy: refused";
    assert_eq!(reason(&plan, webmail, 2), told);
    world.set_site(MX, 2, State::Deferring, "451 later");
    let told = format!("{told}; requires mx: 1 of 1 addresses deferring: 451 later");
    assert_eq!(reason(&world.plan(), webmail, 2), told);
}

#[test]
fn a_site_without_the_required_service_is_held_back_by_nothing() {
    let mut world = Fixture::new(&[1, 1, 1]);
    world.add_service("imap", &[1, 1, 1]);
    // Not at s1 by its addresses, not at s2 by its sites.
    world.add_service("database", &[1, 0]);
    world.topology.services[IMAP.get()].requires = vec![DATABASE];
    world.set_site(DATABASE, 0, State::Down, "refused");
    let plan = world.plan();
    assert_eq!(standings(&plan, IMAP), [Standing::Down, Standing::Serving, Standing::Serving]);
    // Nor does what an intermediate service requires reach past a site where it is not.
    let webmail = world.add_service("webmail", &[1]);
    let proxy = world.add_service("proxy", &[0]);
    world.topology.services[webmail.get()].requires = vec![proxy];
    world.topology.services[proxy.get()].requires = vec![DATABASE];
    assert_eq!(standings(&world.plan(), webmail), [Standing::Serving]);
}

#[test]
fn with_the_required_service_down_everywhere_all_that_is_declared_answers() {
    let mut world = world();
    for site in 0..3 {
        world.set_site(DATABASE, site, State::Down, "refused");
    }
    let plan = world.plan();
    assert_eq!(plan.services[IMAP.get()].tier, Tier::Declared);
    assert_eq!(tiers(&world, &plan, IMAP), [Tier::Declared; 3]);
    world.order("s0", IntentKind::Isolate);
    assert_eq!(tiers(&world, &world.plan(), IMAP), [Tier::Isolated, Tier::Declared, Tier::Declared]);
}

#[test]
fn min_sites_of_a_dependent_hold_an_order_against_what_it_requires() {
    let mut world = world();
    world.topology.services[IMAP.get()].min_sites = 3;
    let asked = |world: &Fixture, scope: &str, kind| {
        review(&world.topology, &world.plan(), &world.health, &world.intents, &order(scope, kind), LONG_AGO, &[])
    };
    let refused = asked(&world, "s0/database", DRAIN).unwrap_err();
    let Refusal::MinSites { service, left, .. } = &refused else { panic!("{refused}") };
    assert_eq!((service.as_str(), *left), ("imap", 2));
    assert!(matches!(asked(&world, "s0/mx", DRAIN), Ok(Reviewed::Accept { .. })));
    // Isolating the required service isolates nobody else.
    world.topology.services[IMAP.get()].min_sites = 0;
    for site in ["s0", "s1"] {
        assert!(asked(&world, &format!("{site}/database"), IntentKind::Isolate).is_ok());
        world.order(&format!("{site}/database"), IntentKind::Isolate);
    }
    assert_eq!(asked(&world, "s2/database", IntentKind::Isolate).unwrap_err().rule(), "last_site");
}

#[test]
fn an_order_touches_what_requires_the_service_at_the_site() {
    let mut world = world();
    let (archive, proxy) = (world.add_service("archive", &[1, 1]), world.add_service("proxy", &[0, 1]));
    world.topology.services[proxy.get()].requires = vec![DATABASE];
    world.topology.services[archive.get()].requires = vec![proxy];
    let touched = |site: u8, service: Option<&str>| {
        let scope = Scope { site: format!("s{site}"), service: service.map(str::to_owned) };
        touched(&world.topology, &scope, SiteIx(site))
    };
    assert_eq!(touched(1, Some("database")), [DATABASE, IMAP, proxy, archive]);
    assert_eq!(touched(0, Some("database")), [DATABASE, IMAP, proxy], "the proxy is not there to fail");
    assert_eq!(touched(1, Some("mx")), [MX]);
    assert_eq!(touched(1, Some("gone")), []);
    assert_eq!(touched(1, None), [MX, IMAP, DATABASE, archive, proxy]);
}

#[test]
fn services_are_planned_after_what_they_require_wherever_they_stand_in_the_file() {
    let mut world = world();
    world.topology.services[MX.get()].requires = vec![IMAP];
    assert_eq!(in_order(&world.topology.services), [DATABASE, IMAP, MX]);
    // A circle, which no configuration has, is no endless loop.
    world.topology.services[DATABASE.get()].requires = vec![MX];
    assert_eq!(in_order(&world.topology.services).len(), 3);
    world.plan();
}

prop_compose! {
    /// Any health and orders of four services, each of which requires some of those before it, at three sites.
    fn any_world()(
        addresses in prop::collection::vec(prop::collection::vec(0_usize..3, 3), 4),
        requires in prop::collection::vec(prop::collection::vec(any::<bool>(), 3), 4),
        states in prop::collection::vec(0_usize..4, 24),
        orders in prop::collection::vec((0_usize..3, 0_usize..4, 0_usize..4), 0..4),
    ) -> Fixture {
        let mut world = Fixture::new(&addresses[0]);
        for (name, addresses) in ["a", "b", "c"].into_iter().zip(&addresses[1..]) {
            world.add_service(name, addresses);
        }
        for (position, service) in world.topology.services.iter_mut().enumerate() {
            let before = (0_u16..).map(ServiceIx).take(position).zip(&requires[position]);
            service.requires = before.filter(|(_, required)| **required).map(|(ix, _)| ix).collect();
        }
        for ix in 0..world.health.len() {
            world.set(ix, [State::Up, State::Deferring, State::Down, State::Unknown][states[ix]], "why");
        }
        for (site, service, kind) in orders {
            let kind = [DRAIN, drain(250), IntentKind::Isolate, IntentKind::Pin][kind];
            let service = world.topology.services[service].name.clone();
            world.order(&format!("s{site}/{service}"), kind);
        }
        world
    }
}

proptest! {
    #[test]
    fn a_requirement_never_makes_a_site_better_nor_isolates_it(world in any_world()) {
        let mut free = world.clone();
        for service in &mut free.topology.services {
            service.requires.clear();
        }
        let (held, free) = (world.plan(), free.plan());
        for (held, free) in held.endpoints.iter().zip(&free.endpoints) {
            prop_assert!(held.tier >= free.tier && held.moved_tier >= free.moved_tier);
            prop_assert_eq!(held.tier == Tier::Isolated, free.tier == Tier::Isolated);
        }
    }

    #[test]
    fn no_site_serves_without_what_it_requires_unless_pinned(world in any_world()) {
        let plan = world.plan();
        for (ix, service) in world.topology.services() {
            for (&site, outcome) in service.sites.iter().zip(&plan.services[ix.get()].sites) {
                let pinned = outcome.reason.starts_with("pinned");
                let works = |required: &ServiceIx| {
                    let here = world.topology.endpoints.iter().any(|endpoint| endpoint.service == *required && endpoint.site == site);
                    !here || matches!(standings(&plan, *required)[site.get()], Standing::Serving | Standing::Deferring)
                };
                let in_service = plan.services[ix.get()].in_service.contains(site);
                prop_assert!(!in_service || pinned || service.requires.iter().all(works), "{}", outcome.reason);
            }
        }
    }
}
