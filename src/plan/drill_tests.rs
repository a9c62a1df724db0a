use jiff::Timestamp;
use proptest::prelude::*;

use super::super::fixture::{DRAIN, Fixture, order};
use super::*;
use crate::model::{DrillMark, DrillState};

const LONG: Duration = Duration::from_secs(900);

fn drill(site: &str) -> Drill {
    Drill {
        id: format!("{site}-1"),
        scope: Scope { site: site.into(), service: None },
        by: "alice".into(),
        reason: "monthly".into(),
        schedule: None,
        node: "ns1".into(),
        started: Timestamp::UNIX_EPOCH,
        for_seconds: LONG.as_secs(),
        state: DrillState::Withdrawing,
        ordered: None,
        withdrawn: vec![],
        drained: None,
        restored: None,
        followed: vec![],
        ended: None,
        survivors: vec![],
        probes: vec![],
    }
}

fn mark(id: &str) -> Option<DrillMark> {
    Some(DrillMark { id: id.into(), runner: "ns1".into(), runner_started: None, schedule: None })
}

/// With the order of the drill of `s0` in it.
fn drilling(addresses: &[usize]) -> Fixture {
    let mut world = Fixture::new(addresses);
    world.order("s0", DRAIN);
    world.intents[0].drill = mark("s0-1");
    world
}

fn unready_in(world: &Fixture, scope: &str, length: Duration) -> Vec<Unready> {
    let plan = world.plan();
    let grounds = Grounds { topology: &world.topology, plan: &plan, health: &world.health, intents: &world.intents };
    unready(grounds, &order(scope, DRAIN), length, &[])
}

fn cause_in(world: &Fixture) -> Option<Cause> {
    let plan = world.plan();
    let grounds = Grounds { topology: &world.topology, plan: &plan, health: &world.health, intents: &world.intents };
    cause(grounds, &drill("s0"), &[])
}

#[test]
fn a_drill_may_begin_where_all_is_well() {
    assert_eq!(unready_in(&Fixture::new(&[2, 2, 2]), "s0", LONG), []);
    assert_eq!(unready_in(&Fixture::new(&[2, 2, 2]), "s0/mx", LONG), []);
}

#[test]
fn any_endpoint_that_is_not_up_beyond_doubt_keeps_a_drill_from_beginning() {
    for state in [State::Down, State::Deferring, State::Unknown] {
        let mut world = Fixture::new(&[1, 1, 2]);
        world.set(3, state, "refused");
        let found = unready_in(&world, "s0", LONG);
        assert!(matches!(&found[..], [Unready::Unwell { site, .. }] if site == "s2"), "{found:?}");
    }
    let mut world = Fixture::new(&[1, 1]);
    world.health[0].suspect = true;
    assert!(unready_in(&world, "s0", LONG)[0].to_string().contains("suspect"));
    let mut world = Fixture::new(&[1, 20]);
    world.set_site(ServiceIx(0), 1, State::Down, "dead");
    let found = unready_in(&world, "s1", LONG);
    assert!(found.contains(&Unready::MoreUnwell { more: 12 }), "a long list is cut: {found:?}");
}

#[test]
fn an_order_or_a_drill_that_stands_keeps_another_from_beginning() {
    let mut world = Fixture::new(&[1, 1, 1]);
    world.order("s1", IntentKind::Pin);
    assert!(unready_in(&world, "s0", LONG)[0].to_string().starts_with("pin s1 of test stands"));
    let found = unready_in(&drilling(&[1, 1, 1]), "s1", LONG);
    assert!(found.contains(&Unready::DrillRuns { id: "s0-1".into() }), "{found:?}");
}

#[test]
fn the_safety_rules_and_the_caches_count() {
    let found = unready_in(&Fixture::new(&[1]), "s0", LONG);
    assert!(matches!(&found[..], [Unready::Rule(Refusal::MinSites { .. })]), "{found:?}");
    let found = unready_in(&Fixture::new(&[1, 1]), "s0", Duration::from_secs(34));
    assert_eq!(found, [Unready::TooShort { asked: 34, needed: 35 }]);
    let found = unready_in(&Fixture::new(&[1, 1]), "xyz", LONG);
    assert!(found.len() == 1 && found[0].is_usage(), "{found:?}");
}

#[test]
fn a_drill_goes_on_where_all_is_well() {
    assert_eq!(cause_in(&drilling(&[1, 1, 1])), None);
}

#[test]
fn whatever_hurts_a_survivor_ends_the_drill() {
    for state in [State::Down, State::Deferring] {
        let mut world = drilling(&[1, 2, 1]);
        world.set(2, state, "421 too busy");
        let found = cause_in(&world).unwrap();
        assert!(matches!(&found, Cause::Survivor { site, .. } if site == "s1"), "{found:?}");
        assert!(found.to_string().contains("421 too busy"));
    }
    let mut world = drilling(&[1, 1]);
    world.set(0, State::Down, "refused");
    assert!(matches!(cause_in(&world), Some(Cause::Drilled { .. })));
    world.set(1, State::Down, "refused");
    assert!(matches!(cause_in(&world), Some(Cause::Survivor { .. })), "it matters more");
}

#[test]
fn an_operators_word_ends_the_drill() {
    let mut world = drilling(&[1, 1, 1]);
    world.order("s1", DRAIN);
    assert_eq!(cause_in(&world), Some(Cause::Ordered { order: "drain s1".into(), by: "test".into() }));
    world.intents.clear();
    assert_eq!(cause_in(&world), Some(Cause::Lifted));
    world.order("s0", DRAIN);
    assert!(
        matches!(cause_in(&world), Some(Cause::Ordered { .. })),
        "an operator's order took the place of the drill's"
    );
    let mut world = drilling(&[1, 1, 1]);
    world.topology.sites[0].name = "other".into();
    assert!(matches!(cause_in(&world), Some(Cause::Undeclared { .. })));
}

#[test]
fn an_operators_order_does_not_repeat_a_drills() {
    let world = drilling(&[1, 1, 1]);
    let ordered = order("s0", DRAIN);
    let plan = world.plan();
    let reviewed = review(&world.topology, &plan, &world.health, &world.intents, &ordered, Pace::default(), &[]);
    assert!(matches!(reviewed, Ok(Reviewed::Accept { .. })), "{reviewed:?}");
}

proptest! {
    /// In any state of the world: a drill goes on only while every endpoint of a survivor is up or not known, and the service has
    /// a site.
    #[test]
    fn a_drill_never_goes_on_beside_a_survivor_in_trouble(states in prop::collection::vec(0_u8..4, 6)) {
        let mut world = drilling(&[2, 2, 2]);
        let all = [State::Up, State::Unknown, State::Deferring, State::Down];
        for (endpoint, state) in states.iter().enumerate() {
            world.set(endpoint, all[usize::from(*state)], "x");
        }
        let trouble = states.iter().any(|state| *state >= 2);
        prop_assert_eq!(cause_in(&world).is_some(), trouble);
        let unwell = unready_in(&Fixture { intents: vec![], ..world }, "s0", LONG);
        prop_assert_eq!(unwell.is_empty(), states.iter().all(|state| *state == 0));
    }
}
