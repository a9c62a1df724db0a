//! The rules of DESIGN section 7, each stated by a test.

use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;

use crate::model::{Generation, IntentKind, Lifetime, Policy, Share, SiteIx, Standing, State, Tier};

use super::fixture::{DRAIN, Fixture, LONG_AGO, SETTLE, drain, order, pace, service};
use super::{Order, Pace, Refusal, Reviewed, review};

fn tiers(world: &Fixture) -> Vec<Tier> {
    world.plan().endpoints.iter().map(|endpoint| endpoint.tier).collect()
}

fn standings(world: &Fixture) -> Vec<Standing> {
    world.plan().services[0].sites.iter().map(|site| site.standing).collect()
}

fn asked(world: &Fixture, order: &Order) -> Result<Reviewed, Refusal> {
    asked_after(world, order, LONG_AGO)
}

fn asked_after(world: &Fixture, order: &Order, pace: Pace) -> Result<Reviewed, Refusal> {
    review(&world.topology, &world.plan(), &world.health, &world.intents, order, pace, &[])
}

fn forced(order: Order) -> Order {
    Order { force: true, reason: "flood in the basement".to_owned(), ..order }
}

mod tiers_and_standing {
    use super::*;

    #[test]
    fn health_puts_endpoints_into_tiers_and_unknown_counts_as_up() {
        let mut world = Fixture::new(&[4]);
        world.set(1, State::Unknown, "");
        world.set(2, State::Deferring, "451 try later");
        world.set(3, State::Down, "connection refused");
        assert_eq!(tiers(&world), [Tier::Serving, Tier::Serving, Tier::Deferring, Tier::Declared]);
        let plan = world.plan();
        assert_eq!(plan.services[0].sites[0].standing, Standing::Serving);
        assert_eq!(plan.services[0].sites[0].reason, "3 of 4 addresses healthy: connection refused");
        assert_eq!(
            plan.endpoints.iter().map(|endpoint| endpoint.unsettled).collect::<Vec<_>>(),
            [false, false, true, false]
        );
    }

    #[test]
    fn a_site_under_its_floor_is_down_as_a_whole() {
        let mut world = Fixture::new(&[3, 1]);
        world.set(0, State::Down, "timeout");
        assert_eq!(standings(&world), [Standing::Serving, Standing::Serving]);
        world.set(1, State::Down, "timeout");
        assert_eq!(standings(&world), [Standing::Down, Standing::Serving]);
        assert_eq!(tiers(&world), [Tier::Declared, Tier::Declared, Tier::Declared, Tier::Serving]);
        assert!(world.plan().services[0].sites[0].reason.starts_with("only 1 of 3 addresses healthy"));
        assert_eq!(world.plan().services[0].in_service.len(), 1);
    }

    #[test]
    fn half_is_not_under_a_floor_of_half() {
        let mut world = Fixture::new(&[2]);
        world.set(0, State::Down, "timeout");
        assert_eq!(standings(&world), [Standing::Serving]);
    }

    #[test]
    fn a_site_with_nothing_healthy_is_down_even_without_a_floor() {
        let mut world = Fixture::new(&[2]);
        world.service().site_floor = 0.0;
        world.set(0, State::Down, "timeout");
        world.set(1, State::Down, "timeout");
        assert_eq!(standings(&world), [Standing::Down]);
    }

    #[test]
    fn a_site_defers_when_no_endpoint_is_up_but_some_defer() {
        let mut world = Fixture::new(&[2, 1]);
        world.set(0, State::Deferring, "certificate expires in 3 days");
        world.set(1, State::Down, "timeout");
        assert_eq!(standings(&world), [Standing::Deferring, Standing::Serving]);
        assert_eq!(world.plan().services[0].in_service.len(), 2);
    }

    #[test]
    fn a_site_without_addresses_is_not_in_service() {
        let world = Fixture::new(&[1, 0]);
        assert_eq!(standings(&world), [Standing::Serving, Standing::Down]);
        assert_eq!(world.plan().services[0].sites[1].health, State::Unknown);
    }

    #[test]
    fn addresses_at_a_site_outside_the_service_answer_only_as_declared() {
        let mut world = Fixture::new(&[1, 1]);
        world.service().sites.pop();
        assert_eq!(tiers(&world), [Tier::Serving, Tier::Declared]);
    }
}

mod orders {
    use super::*;

    #[test]
    fn a_drain_is_soft() {
        let mut world = Fixture::new(&[2, 1]);
        world.set(1, State::Down, "timeout");
        world.order("s0", DRAIN);
        assert_eq!(tiers(&world), [Tier::Drained, Tier::Declared, Tier::Serving]);
        assert_eq!(standings(&world), [Standing::Drained, Standing::Serving]);
        assert_eq!(world.plan().services[0].sites[0].health, State::Up);
    }

    #[test]
    fn with_all_sites_drained_the_drained_ones_answer() {
        let mut world = Fixture::new(&[1, 1]);
        world.order("s0", DRAIN);
        world.order("s1", DRAIN);
        assert_eq!(world.plan().services[0].tier, Tier::Drained);
        assert!(world.plan().services[0].in_service.is_empty());
    }

    #[test]
    fn a_partial_drain_leaves_the_site_in_service_for_the_rest() {
        let mut world = Fixture::new(&[1, 1]);
        world.order("s0", drain(250));
        let plan = world.plan();
        assert_eq!((plan.endpoints[0].tier, plan.endpoints[0].moved_tier), (Tier::Serving, Tier::Drained));
        assert_eq!(plan.services[0].sites[0].standing, Standing::Serving);
        assert_eq!(plan.services[0].sites[0].drained.permille(), 250);
    }

    #[test]
    fn a_partial_drain_of_a_weighted_service_moves_no_draws() {
        let mut world = Fixture::new(&[1, 1]);
        world.service().policy = Policy::Weighted(vec![1, 1]);
        world.order("s0", drain(250));
        assert_eq!(world.plan().endpoints[0].moved_tier, Tier::Serving);
    }

    #[test]
    fn draining_no_clients_is_no_order() {
        let mut world = Fixture::new(&[1]);
        let before = world.plan();
        world.order("s0", drain(0));
        assert!(world.plan().same_outcome(&before));
    }

    #[test]
    fn isolation_is_hard_and_pins_ignore_health() {
        let mut world = Fixture::new(&[1, 1]);
        world.order("s0", IntentKind::Isolate);
        world.set(1, State::Down, "timeout");
        world.order("s1", IntentKind::Pin);
        let plan = world.plan();
        assert_eq!(tiers(&world), [Tier::Isolated, Tier::Serving]);
        assert_eq!(standings(&world), [Standing::Isolated, Standing::Serving]);
        assert_eq!(plan.services[0].sites[1].health, State::Down);
        assert!(plan.services[0].sites[1].reason.contains("by itself: 0 of 1 addresses healthy: timeout"));
    }

    #[test]
    fn the_order_for_a_service_wins_over_the_order_for_the_site() {
        let mut world = Fixture::new(&[1, 1]);
        world.order("s0", DRAIN);
        world.order("s0/mx", IntentKind::Pin);
        assert_eq!(tiers(&world), [Tier::Serving, Tier::Serving]);
        world.order("s0/mx", drain(0));
        assert_eq!(tiers(&world), [Tier::Serving, Tier::Serving]);
    }

    #[test]
    fn orders_about_names_that_are_gone_have_no_effect() {
        let mut world = Fixture::new(&[1]);
        let before = world.plan();
        world.order("gone", IntentKind::Isolate);
        world.order("s0/gone", IntentKind::Isolate);
        assert!(world.plan().same_outcome(&before));
    }
}

mod safety {
    use super::*;

    #[test]
    fn an_accepted_order_shows_the_plan_that_follows() {
        let mut world = Fixture::new(&[1, 1]);
        let Reviewed::Accept { preview, overridden } = asked(&world, &order("s0", DRAIN)).unwrap() else {
            panic!("not accepted")
        };
        assert!(overridden.is_empty());
        assert_eq!(preview.generation, Generation { epoch: 1, sequence: 2 });
        world.order("s0", DRAIN);
        assert!(preview.same_outcome(&world.plan()));
    }

    #[test]
    fn min_sites_stay_in_service_unless_forced_with_a_reason() {
        let mut world = Fixture::new(&[1, 1]);
        world.order("s1", DRAIN);
        let refused = asked(&world, &order("s0", DRAIN)).unwrap_err();
        assert_eq!(refused.rule(), "min_sites");
        assert!(refused.to_string().contains("with 0 of at least 1 sites in service"), "{refused}");
        let silent = Order { force: true, ..order("s0", DRAIN) };
        assert_eq!(asked(&world, &silent).unwrap_err(), Refusal::ForceWithoutReason { overrides: "min_sites" });
        let Reviewed::Accept { overridden, .. } = asked(&world, &forced(order("s0", DRAIN))).unwrap() else {
            panic!("not accepted")
        };
        assert_eq!(overridden.len(), 1);
    }

    #[test]
    fn a_partial_drain_takes_nothing_out_of_service() {
        let world = Fixture::new(&[1]);
        assert!(matches!(asked(&world, &order("s0", drain(900))), Ok(Reviewed::Accept { .. })));
    }

    #[test]
    fn draining_a_site_that_is_down_already_breaks_no_rule() {
        let mut world = Fixture::new(&[1, 1]);
        world.service().min_sites = 2;
        world.set(0, State::Down, "timeout");
        assert!(matches!(asked(&world, &order("s0", DRAIN)), Ok(Reviewed::Accept { .. })));
    }

    #[test]
    fn the_last_site_is_never_isolated() {
        let mut world = Fixture::new(&[1, 1, 0]);
        world.order("s1", IntentKind::Isolate);
        let refused = asked(&world, &forced(order("s0", IntentKind::Isolate))).unwrap_err();
        assert_eq!(refused.rule(), "last_site");
        // A service's last site is protected from the order for the whole site too.
        let refused = asked(&world, &forced(order("s0/mx", IntentKind::Isolate))).unwrap_err();
        assert_eq!(refused.rule(), "last_site");
    }

    #[test]
    fn the_last_site_in_service_is_isolated_only_by_force() {
        let mut world = Fixture::new(&[1, 1]);
        world.set(1, State::Down, "timeout");
        assert_eq!(asked(&world, &order("s0", IntentKind::Isolate)).unwrap_err().rule(), "min_sites");
        assert!(asked(&world, &forced(order("s0", IntentKind::Isolate))).is_ok());
    }

    #[test]
    fn changes_lie_apart_by_settle() {
        let world = Fixture::new(&[1, 1]);
        let refused = asked_after(&world, &order("s0", DRAIN), pace(Duration::from_millis(1250))).unwrap_err();
        assert_eq!(refused.rule(), "settle");
        assert!(refused.to_string().contains("repeat the order in 3.8 s"), "{refused}");
        assert!(asked_after(&world, &order("s0", DRAIN), pace(SETTLE)).is_ok());
        assert!(asked_after(&world, &forced(order("s0", DRAIN)), pace(Duration::ZERO)).is_ok());
        let unknown = Pace { since_last_change: None, ..pace(Duration::ZERO) };
        assert!(asked_after(&world, &order("s0", DRAIN), unknown).is_ok());
        let unhurried = Pace { settle: Duration::ZERO, ..pace(Duration::ZERO) };
        assert!(asked_after(&world, &order("s0", DRAIN), unhurried).is_ok());
    }

    #[test]
    fn repeating_an_order_changes_nothing_even_within_settle() {
        let mut world = Fixture::new(&[1, 1]);
        world.order("s0", DRAIN);
        assert_eq!(asked_after(&world, &order("s0", DRAIN), pace(Duration::ZERO)), Ok(Reviewed::Unchanged));
        assert!(matches!(asked(&world, &order("s0", drain(500))), Ok(Reviewed::Accept { .. })));
        assert!(matches!(asked(&world, &order("s0/mx", DRAIN)), Ok(Reviewed::Accept { .. })));
    }

    #[test]
    fn a_repeated_order_may_end_a_little_later_but_an_extension_is_a_change() {
        let mut world = Fixture::new(&[1, 1]);
        let at = |seconds| Lifetime::Until(Timestamp::from_second(seconds).unwrap());
        world.order("s0", DRAIN);
        world.intents[0].lifetime = at(14_400);
        let again = |lifetime| Order { lifetime, ..order("s0", DRAIN) };
        assert_eq!(asked(&world, &again(at(14_430))), Ok(Reviewed::Unchanged));
        assert_ne!(asked(&world, &again(at(28_800))), Ok(Reviewed::Unchanged));
        assert_ne!(asked(&world, &again(Lifetime::UntilCleared)), Ok(Reviewed::Unchanged));
    }

    #[test]
    fn unknown_names_are_refused_with_what_there_is() {
        let mut world = Fixture::new(&[1, 1]);
        world.topology.services.push(service("imap", vec![SiteIx(1)]));
        let said = |scope| asked(&world, &order(scope, DRAIN)).unwrap_err().to_string();
        assert_eq!(said("fra"), "no site is called 'fra' (rule known_names); name one of the sites: s0, s1");
        assert_eq!(said("s0/pop"), "no service is called 'pop' (rule known_names); name one of the services: mx, imap");
        assert_eq!(
            said("s0/imap"),
            "service 'imap' does not use site 's0' (rule known_names); name one of its sites: s1"
        );
    }
}

prop_compose! {
    fn any_world()(
        addresses in prop::collection::vec(0_usize..4, 1..6),
        states in prop::collection::vec(0_usize..4, 24),
        orders in prop::collection::vec((0_usize..6, 0_usize..5, any::<bool>()), 0..6),
        weighted in any::<bool>(),
    ) -> Fixture {
        let mut world = Fixture::new(&addresses);
        if weighted {
            world.service().policy = Policy::Weighted(vec![2; addresses.len()]);
        }
        for ix in 0..world.health.len() {
            world.set(ix, [State::Up, State::Deferring, State::Down, State::Unknown][states[ix]], "why");
        }
        for (site, kind, scoped) in orders {
            let kind = [DRAIN, drain(250), drain(0), IntentKind::Isolate, IntentKind::Pin][kind];
            world.order(&if scoped { format!("s{site}/mx") } else { format!("s{site}") }, kind);
        }
        world
    }
}

proptest! {
    #[test]
    fn the_same_inputs_give_the_same_plan(world in any_world()) {
        prop_assert_eq!(world.plan(), world.plan());
    }

    #[test]
    fn standing_share_and_tiers_agree(world in any_world()) {
        let plan = world.plan();
        for (endpoint, outcome) in world.topology.endpoints.iter().zip(&plan.endpoints) {
            let site = &plan.services[0].sites[endpoint.site.get()];
            prop_assert!(outcome.moved_tier >= outcome.tier);
            prop_assert_eq!(outcome.tier == Tier::Isolated, site.standing == Standing::Isolated);
            let in_service = outcome.tier <= Tier::Deferring;
            prop_assert!(!in_service || plan.services[0].in_service.contains(endpoint.site));
            if site.drained == Share::ALL {
                prop_assert!(outcome.tier >= Tier::Drained);
            }
        }
    }

    #[test]
    fn an_unforced_order_never_empties_a_service_that_it_found_in_service(world in any_world(), site in 0..6, hard: bool) {
        let kind = if hard { IntentKind::Isolate } else { DRAIN };
        if let Ok(Reviewed::Accept { preview, .. }) = asked(&world, &order(&format!("s{site}"), kind)) {
            let before = world.plan().services[0].in_service;
            prop_assert!(before.is_empty() || !preview.services[0].in_service.is_empty());
        }
    }
}
