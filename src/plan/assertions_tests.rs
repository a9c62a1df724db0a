//! The rules of assertions, each stated by a test.

use crate::model::{Assertion, IntentKind, ServiceIx, SiteIx, State};

use super::fixture::{DRAIN, Fixture, LONG_AGO, drain, order};
use super::{Order, Refusal, Reviewed, Shortfall, review};

const MX: ServiceIx = ServiceIx(0);

fn assertion(service: Option<ServiceIx>, at_least: usize, of: &[u8]) -> Assertion {
    Assertion { name: "two-of-three".to_owned(), service, at_least, of: of.iter().copied().map(SiteIx).collect() }
}

/// `mx` at four sites, of the first three of which two stay in service.
fn world() -> Fixture {
    let mut world = Fixture::new(&[1, 1, 1, 1]);
    world.topology.assertions.push(assertion(Some(MX), 2, &[0, 1, 2]));
    world
}

fn asked(world: &Fixture, order: &Order) -> Result<Reviewed, Refusal> {
    review(&world.topology, &world.plan(), &world.health, &world.intents, order, LONG_AGO, &[])
}

#[test]
fn an_order_that_leaves_too_few_of_the_sites_is_refused_by_name_with_numbers_and_remedy() {
    let mut world = world();
    assert!(asked(&world, &order("s0", DRAIN)).is_ok());
    world.order("s0", DRAIN);
    for kind in [DRAIN, IntentKind::Isolate] {
        let refused = asked(&world, &order("s1", kind)).unwrap_err();
        assert_eq!(refused.rule(), "assertion");
        let said = refused.to_string();
        for part in ["two-of-three", "1 of at least 2", "s0, s1, s2", "service 'mx'", "(s2)", "force it with a reason"]
        {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    // Another site is not its business, nor is an order that takes nothing out.
    assert!(asked(&world, &order("s3", DRAIN)).is_ok());
    assert!(asked(&world, &order("s1", drain(900))).is_ok());
    assert!(asked(&world, &order("s1", IntentKind::Pin)).is_ok());
}

#[test]
fn force_with_a_reason_overrides_it_and_is_written_down() {
    let mut world = world();
    world.order("s0", DRAIN);
    let silent = Order { force: true, ..order("s1", DRAIN) };
    assert_eq!(asked(&world, &silent).unwrap_err(), Refusal::ForceWithoutReason { overrides: "assertion" });
    let forced = Order { reason: "flood in the basement".to_owned(), ..silent };
    let Ok(Reviewed::Accept { overridden, .. }) = asked(&world, &forced) else { panic!("not accepted") };
    let [Refusal::Assertion(shortfall)] = overridden.as_slice() else { panic!("{overridden:?}") };
    assert_eq!((shortfall.left, shortfall.at_least), (1, 2));
}

#[test]
fn what_is_down_already_holds_no_order_back_and_counts_against_others() {
    let mut world = world();
    world.set(0, State::Down, "timeout");
    assert!(asked(&world, &order("s0", DRAIN)).is_ok(), "it serves nobody");
    assert_eq!(asked(&world, &order("s1", DRAIN)).unwrap_err().rule(), "assertion");
    world.set(1, State::Deferring, "451 later");
    world.set(2, State::Unknown, "");
    assert_eq!(asked(&world, &order("s2", DRAIN)).unwrap_err().rule(), "assertion", "deferring is in service");
}

#[test]
fn without_a_service_every_service_is_held_that_could_keep_it() {
    let mut world = Fixture::new(&[1, 1, 1]);
    world.add_service("imap", &[1, 1]);
    let pop = world.add_service("pop", &[1]);
    world.topology.services[pop.get()].min_sites = 0;
    world.topology.assertions.push(assertion(None, 2, &[0, 1, 2]));
    let refused = asked(&world, &order("s0", DRAIN)).unwrap_err();
    let Refusal::Assertion(shortfall) = &refused else { panic!("{refused}") };
    let Shortfall { service, left, of, .. } = shortfall.as_ref();
    assert_eq!((service.as_str(), *left, of.as_str()), ("imap", 1, "s0, s1"), "of its own sites");
    assert!(asked(&world, &order("s0/mx", DRAIN)).is_ok());
    assert!(asked(&world, &order("s0/pop", DRAIN)).is_ok(), "one site alone cannot keep it");
    assert!(asked(&world, &order("s2", DRAIN)).is_ok());
}

#[test]
fn an_order_against_a_required_service_is_held_by_assertions_about_its_dependents() {
    let mut world = world();
    let database = world.add_service("database", &[1, 1, 1]);
    world.service().requires = vec![database];
    world.order("s0", DRAIN);
    assert_eq!(asked(&world, &order("s1/database", DRAIN)).unwrap_err().rule(), "assertion");
}

#[test]
fn all_that_an_order_breaks_is_overridden_together() {
    let mut world = world();
    world.service().min_sites = 4;
    world.topology.assertions.push(Assertion { name: "all-three".to_owned(), ..assertion(None, 3, &[0, 1, 2]) });
    let forced = Order { force: true, reason: "flood".to_owned(), ..order("s0", DRAIN) };
    let Ok(Reviewed::Accept { overridden, .. }) = asked(&world, &forced) else { panic!("not accepted") };
    assert_eq!(overridden.iter().map(Refusal::rule).collect::<Vec<_>>(), ["min_sites", "assertion"]);
}
