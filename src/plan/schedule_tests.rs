//! What is in effect of orders that begin later, and how the safety rules are held against them, each rule stated by a test.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::model::{Intent, IntentKind, Lifetime, Schedule, ServiceIx, Share, Standing, State};

use super::fixture::{DRAIN, Fixture, LONG_AGO, drain, order, pace};
use super::{Order, Refusal, Reviewed, Shift, at_last, review, severe, take_step};

fn at(minutes: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_mins(minutes)
}

fn until(minutes: i64) -> Lifetime {
    Lifetime::Until(at(minutes))
}

/// An order for `scope` from minute `from` until minute `end`, by steps of these thousandths ten minutes apart.
fn scheduled(scope: &str, kind: IntentKind, from: i64, end: i64, steps: &[u16]) -> Order {
    let steps = steps.iter().map(|permille| Share::from_permille(*permille).unwrap()).collect();
    let schedule = Schedule { from: at(from), steps, every_seconds: 600, taken: 0, last: None };
    Order { lifetime: until(end), schedule: Some(schedule), ..order(scope, kind) }
}

/// The same, with the first step taken.
fn begun(order: Order) -> Order {
    let schedule = order.schedule.map(|schedule| schedule.stepped(schedule.from));
    Order { schedule, ..order }
}

fn stands(world: &mut Fixture, order: Order) -> Intent {
    let intent = order.into_intent(at(0), 1, false);
    world.intents.retain(|standing| standing.scope != intent.scope);
    world.intents.push(intent.clone());
    intent
}

fn asked(world: &Fixture, order: &Order) -> Result<Reviewed, Refusal> {
    review(&world.topology, &world.plan(), &world.health, &world.intents, order, LONG_AGO, &[])
}

fn rule(world: &Fixture, order: &Order) -> Option<&'static str> {
    asked(world, order).err().map(|refusal| refusal.rule())
}

fn step(world: &Fixture, intent: &Intent) -> Result<Intent, Refusal> {
    take_step(&world.topology, &world.plan(), &world.health, &world.intents, intent, at(99), &[])
}

fn standing(world: &Fixture, site: usize) -> (Standing, Share) {
    let site = &world.plan().services[0].sites[site];
    (site.standing, site.drained)
}

#[test]
fn an_order_that_waits_changes_no_plan_and_hides_no_other() {
    let mut world = Fixture::new(&[1, 1]);
    let before = world.plan();
    stands(&mut world, scheduled("s0/mx", DRAIN, 60, 90, &[]));
    assert!(before.same_outcome(&world.plan()));
    world.order("s0", DRAIN);
    assert_eq!(standing(&world, 0).0, Standing::Drained);
}

#[test]
fn a_drain_by_steps_moves_the_share_that_it_has_come_to() {
    let mut world = Fixture::new(&[1, 1]);
    let mut intent = stands(&mut world, scheduled("s0", DRAIN, 0, 90, &[250, 500, 1000]));
    let mut seen = Vec::new();
    for _ in 0..3 {
        intent = step(&world, &intent).unwrap();
        world.intents = vec![intent.clone()];
        seen.push(standing(&world, 0));
    }
    let serving = |permille| (Standing::Serving, Share::from_permille(permille).unwrap());
    assert_eq!(seen, [serving(250), serving(500), (Standing::Drained, Share::ALL)]);
    assert_eq!(step(&world, &intent).unwrap(), intent, "there is no fourth");
}

#[test]
fn who_orders_by_steps_or_for_later_sees_where_the_last_step_leads() {
    let mut world = Fixture::new(&[1, 1, 1]);
    world.set_site(ServiceIx(0), 1, State::Down, "");
    let before = world.plan();
    for steps in [&[250, 500, 1000][..], &[]] {
        let order = scheduled("s0", DRAIN, 0, 90, steps);
        let Reviewed::Accept { preview, .. } = asked(&world, &order).unwrap() else { panic!("it stands nowhere") };
        assert_eq!(preview.services[0].sites[0].standing, Standing::Drained);
        let shift = Shift { topology: &world.topology, before: &before, after: &preview };
        let intent = order.into_intent(at(0), 1, false);
        assert_eq!(severe(Some(&intent), shift, &[]), ["s2 is left as the last site of mx"]);
    }
}

#[test]
fn what_orders_come_to_is_their_last_step_and_nothing_of_those_that_wait() {
    let mut world = Fixture::new(&[1, 1]);
    stands(&mut world, begun(scheduled("s0", DRAIN, 0, 90, &[250, 1000])));
    stands(&mut world, scheduled("s1", DRAIN, 60, 90, &[]));
    assert_eq!(standing(&world, 0).0, Standing::Serving);
    world.intents = at_last(&world.intents);
    assert_eq!((standing(&world, 0).0, standing(&world, 1).0), (Standing::Drained, Standing::Serving));
}

#[test]
fn an_order_is_held_against_those_that_stand_when_it_does() {
    let mut world = Fixture::new(&[1, 1]);
    stands(&mut world, scheduled("s1", DRAIN, 60, 120, &[]));
    let other = |from, end| rule(&world, &scheduled("s0", DRAIN, from, end, &[]));
    assert_eq!(other(10, 60), None, "over when the other begins");
    assert_eq!(other(120, 180), None, "begins when the other is over");
    for (from, end) in [(10, 61), (60, 120), (119, 180), (70, 80), (10, 180)] {
        assert_eq!(other(from, end), Some("min_sites"), "{from} to {end}");
    }
    let forced = Order { force: true, reason: "x".into(), ..scheduled("s0", DRAIN, 70, 80, &[]) };
    assert!(matches!(asked(&world, &forced), Ok(Reviewed::Accept { overridden, .. }) if overridden.len() == 1));
    assert_eq!(rule(&world, &order("s0", DRAIN)), None, "what is needed now is not refused for what is planned");
}

#[test]
fn what_stands_now_counts_only_until_its_end() {
    let mut world = Fixture::new(&[1, 1]);
    stands(&mut world, Order { lifetime: until(60), ..order("s1", DRAIN) });
    assert_eq!(rule(&world, &scheduled("s0", DRAIN, 59, 90, &[])), Some("min_sites"));
    assert_eq!(rule(&world, &scheduled("s0", DRAIN, 60, 90, &[])), None);
    stands(&mut world, order("s1", DRAIN));
    assert_eq!(rule(&world, &scheduled("s0", DRAIN, 60, 90, &[])), Some("min_sites"), "until cleared");
}

#[test]
fn a_drain_by_steps_counts_as_a_whole_from_its_last_step() {
    let mut world = Fixture::new(&[1, 1]);
    stands(&mut world, Order { lifetime: until(15), ..order("s1", DRAIN) });
    assert_eq!(rule(&world, &begun(scheduled("s0", DRAIN, 0, 90, &[250, 500, 1000]))), None, "the last comes at 20");
    assert_eq!(
        rule(&world, &begun(scheduled("s0", DRAIN, 0, 90, &[500, 1000]))),
        Some("min_sites"),
        "the last comes at 10"
    );
}

#[test]
fn the_last_site_is_not_isolated_later_either() {
    let mut world = Fixture::new(&[1, 1]);
    stands(&mut world, scheduled("s1", IntentKind::Isolate, 60, 120, &[]));
    let later = Order { force: true, reason: "x".into(), ..scheduled("s0", IntentKind::Isolate, 10, 61, &[]) };
    assert_eq!(rule(&world, &later), Some("last_site"));
    assert_eq!(rule(&world, &Order { lifetime: until(60), ..later }), None);
}

#[test]
fn what_is_due_is_held_against_the_state_as_it_is() {
    let mut world = Fixture::new(&[1, 1, 1]);
    world.service().min_sites = 2;
    let intent = stands(&mut world, scheduled("s0", DRAIN, 60, 120, &[]));
    world.set(1, State::Down, "timeout");
    let refused = step(&world, &intent).unwrap_err();
    assert_eq!(refused.rule(), "min_sites");
    assert!(refused.to_string().contains("drain s0 would leave service 'mx' with 1 of at least 2 sites"), "{refused}");
    let forced = Intent { forced: true, ..intent.clone() };
    assert!(step(&world, &forced).is_ok());
    world.set(1, State::Up, "");
    let begun = step(&world, &intent).unwrap();
    let schedule = begun.schedule.unwrap();
    assert_eq!((schedule.taken, schedule.last), (1, Some(at(99))));
}

#[test]
fn a_drain_by_steps_stays_at_the_last_that_the_rules_allow() {
    let mut world = Fixture::new(&[1, 1]);
    let intent = stands(&mut world, begun(scheduled("s0", DRAIN, 0, 90, &[250, 500, 1000])));
    world.set(1, State::Down, "timeout");
    let half = step(&world, &intent).unwrap();
    world.intents = vec![half.clone()];
    assert_eq!(step(&world, &half).unwrap_err().rule(), "min_sites");
    assert_eq!(standing(&world, 0), (Standing::Serving, Share::from_permille(500).unwrap()));
}

#[test]
fn an_isolation_that_begins_is_refused_for_the_last_site_force_or_not() {
    let mut world = Fixture::new(&[1, 1]);
    let intent = stands(&mut world, scheduled("s0", IntentKind::Isolate, 60, 90, &[]));
    world.order("s1", IntentKind::Isolate);
    assert_eq!(step(&world, &Intent { forced: true, ..intent }).unwrap_err().rule(), "last_site");
}

#[test]
fn neither_a_later_order_nor_one_for_now_gives_up_the_other_by_the_way() {
    let mut world = Fixture::new(&[1, 1]);
    stands(&mut world, scheduled("s0", DRAIN, 60, 90, &[]));
    let refused = asked(&world, &order("s0", DRAIN)).unwrap_err();
    assert_eq!(refused.rule(), "one_order");
    assert!(refused.to_string().contains("drain s0, which is scheduled for 2027-01-15T09:00:00Z"), "{refused}");
    assert_eq!(rule(&world, &order("s0/mx", DRAIN)), None, "another scope");
    assert_eq!(rule(&world, &scheduled("s0", DRAIN, 70, 90, &[])), None, "the same one at another time");
    assert_eq!(rule(&world, &Order { force: true, reason: "x".into(), ..order("s0", DRAIN) }), None);
    world.order("s0", DRAIN);
    assert_eq!(rule(&world, &scheduled("s0", DRAIN, 60, 90, &[])), Some("one_order"));
    assert_eq!(rule(&world, &order("s0", drain(500))), None, "one for now takes the place of another");
}

#[test]
fn repeating_a_scheduled_order_changes_nothing() {
    let mut world = Fixture::new(&[1, 1]);
    let stepped = |from| scheduled("s0", DRAIN, from, 90, &[500, 1000]);
    stands(&mut world, stepped(60));
    let within = |order: Order, seconds: i64| {
        let from = order.schedule.as_ref().unwrap().from + SignedDuration::from_secs(seconds);
        Order { schedule: order.schedule.map(|schedule| Schedule { from, ..schedule }), ..order }
    };
    assert_eq!(asked(&world, &within(stepped(60), 30)), Ok(Reviewed::Unchanged));
    assert_ne!(asked(&world, &stepped(65)), Ok(Reviewed::Unchanged));
    assert_ne!(asked(&world, &scheduled("s0", DRAIN, 60, 90, &[])), Ok(Reviewed::Unchanged));
    // One that has begun goes on: neither the same steps from now nor the whole of it later start it again.
    stands(&mut world, begun(stepped(0)));
    assert_eq!(asked(&world, &begun(stepped(5))), Ok(Reviewed::Unchanged));
    let longer = Order { lifetime: until(900), ..begun(stepped(5)) };
    assert!(matches!(asked(&world, &longer), Ok(Reviewed::Accept { .. })));
    let second = world.intents[0].schedule.clone().unwrap().stepped(at(10));
    world.intents[0].schedule = Some(second.clone());
    assert_eq!(longer.continuing(&world.intents).schedule, Some(second));
    let whole = Order { lifetime: until(90), ..order("s0", DRAIN) };
    assert_eq!(asked(&world, &whole), Ok(Reviewed::Unchanged), "it has come to all of it by its steps");
}

#[test]
fn what_begins_later_need_not_lie_apart_from_what_was_just_done() {
    let world = Fixture::new(&[1, 1]);
    let just_now = |order: &Order| {
        review(&world.topology, &world.plan(), &world.health, &world.intents, order, pace(Duration::ZERO), &[])
    };
    assert!(just_now(&scheduled("s0", DRAIN, 60, 90, &[])).is_ok());
    assert_eq!(just_now(&begun(scheduled("s0", DRAIN, 0, 90, &[500, 1000]))).unwrap_err().rule(), "settle");
}

proptest! {
    #[test]
    fn steps_never_take_the_last_site_out_of_service(
        down in prop::collection::vec(any::<bool>(), 4),
        orders in prop::collection::vec((0_usize..4, prop::collection::btree_set(1_u16..=1000, 0..4)), 1..4),
    ) {
        let mut world = Fixture::new(&[1, 1, 1, 1]);
        for (ix, down) in down.iter().enumerate() {
            if *down {
                world.set(ix, State::Down, "why");
            }
        }
        for (site, shares) in orders {
            let steps: Vec<u16> = shares.into_iter().chain([1000]).collect::<std::collections::BTreeSet<_>>().into_iter().collect();
            stands(&mut world, scheduled(&format!("s{site}"), DRAIN, 0, 90, &steps));
        }
        for turn in 0..16 {
            let before = world.plan().services[0].in_service;
            let ix = turn % world.intents.len();
            if let Ok(stepped) = step(&world, &world.intents[ix].clone()) {
                world.intents[ix] = stepped;
            }
            prop_assert!(before.is_empty() || !world.plan().services[0].in_service.is_empty());
        }
    }
}
