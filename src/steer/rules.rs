//! The rules of DESIGN sections 1, 7 and 8 about what is answered, each stated by a test.

use hickory_proto::rr::RecordType;
use proptest::prelude::*;

use crate::model::{EndpointIx, IntentKind, MxMode, Policy, ServiceIx, SiteIx, SiteSet, State, Tier};
use crate::plan::fixture::{DRAIN, Fixture, drain};
use crate::zone::{Member, SteeredSet};

use super::bounds::{DRAWS, MAX_ADDRESSES};
use super::{Selection, draw_cuts, select};

/// File order.
fn listed(world: &Fixture) -> Vec<SiteIx> {
    world.topology.services[0].sites.clone()
}

fn answered(world: &Fixture, set: &SteeredSet, order: &[u8]) -> Selection {
    let order: Vec<SiteIx> = order.iter().copied().map(SiteIx).collect();
    select(set, &world.topology, &world.plan(), &order, 0)
}

fn members(selection: &Selection) -> Vec<u16> {
    selection.picks.iter().map(|pick| pick.member).collect()
}

/// Members with the preference answered.
fn preferences(set: &SteeredSet, selection: &Selection) -> Vec<(u16, u16)> {
    let declared = |member: u16| set.members[usize::from(member)].preference;
    let picks = selection.picks.iter();
    picks.map(|pick| (pick.member, pick.preference.unwrap_or_else(|| declared(pick.member)))).collect()
}

fn elsewhere(preference: u16) -> Member {
    Member { endpoints: Vec::new(), preference }
}

fn sites(sites: &[u8]) -> SiteSet {
    sites.iter().copied().map(SiteIx).collect()
}

mod addresses {
    use super::*;

    #[test]
    fn the_healthy_addresses_of_the_best_site_answer() {
        let mut world = Fixture::new(&[2, 2]);
        world.set(2, State::Down, "timeout");
        let set = world.set_of(RecordType::A);
        let near_s1 = answered(&world, &set, &[1, 0]);
        assert_eq!(members(&near_s1), [3]);
        assert_eq!((near_s1.tier, near_s1.sites, near_s1.last_resort), (Tier::Serving, sites(&[1]), false));
        world.set(3, State::Down, "timeout");
        assert_eq!(members(&answered(&world, &set, &[1, 0])), [0, 1]);
    }

    #[test]
    fn a_nearer_deferring_site_waits_behind_a_serving_one() {
        let mut world = Fixture::new(&[1, 1]);
        world.set(0, State::Deferring, "451 try later");
        let set = world.set_of(RecordType::AAAA);
        assert_eq!(members(&answered(&world, &set, &[0, 1])), [1]);
        world.set(1, State::Down, "timeout");
        let deferred = answered(&world, &set, &[0, 1]);
        assert_eq!((members(&deferred), deferred.tier), (vec![0], Tier::Deferring));
    }

    #[test]
    fn drained_sites_answer_only_when_nothing_is_in_service() {
        let mut world = Fixture::new(&[1, 1]);
        let set = world.set_of(RecordType::A);
        world.order("s0", DRAIN);
        assert_eq!(members(&answered(&world, &set, &[0, 1])), [1]);
        world.set(1, State::Down, "timeout");
        let drained = answered(&world, &set, &[0, 1]);
        assert_eq!((members(&drained), drained.tier, drained.last_resort), (vec![0], Tier::Drained, false));
    }

    #[test]
    fn with_everything_down_the_declared_set_answers_whole() {
        let mut world = Fixture::new(&[6, 6]);
        (0..12).for_each(|ix| world.set(ix, State::Down, "timeout"));
        let set = world.set_of(RecordType::A);
        let answer = answered(&world, &set, &[1, 0]);
        assert_eq!(members(&answer), (0..12).collect::<Vec<_>>());
        assert_eq!((answer.tier, answer.last_resort, answer.sites), (Tier::Declared, true, sites(&[0, 1])));
    }

    #[test]
    fn isolated_sites_stay_out_even_then_until_nothing_else_is_left() {
        let mut world = Fixture::new(&[1, 1]);
        let set = world.set_of(RecordType::A);
        world.set(1, State::Down, "timeout");
        world.order("s0", IntentKind::Isolate);
        let answer = answered(&world, &set, &[0, 1]);
        assert_eq!((members(&answer), answer.tier, answer.sites), (vec![1], Tier::Declared, sites(&[1])));
        world.order("s1", IntentKind::Isolate);
        let answer = answered(&world, &set, &[0, 1]);
        assert_eq!((members(&answer), answer.tier, answer.last_resort), (vec![0, 1], Tier::Isolated, true));
    }

    #[test]
    fn addresses_at_no_site_answer_only_with_the_declared_set() {
        let mut world = Fixture::new(&[1]);
        let mut set = world.set_of(RecordType::A);
        set.members.push(elsewhere(0));
        assert_eq!(members(&answered(&world, &set, &[0])), [0]);
        world.set(0, State::Down, "timeout");
        assert_eq!(members(&answered(&world, &set, &[0])), [0, 1]);
        set.members.remove(0);
        let unsteered = answered(&world, &set, &[0]);
        assert_eq!((members(&unsteered), unsteered.last_resort), (vec![0], false));
    }

    #[test]
    fn spread_takes_addresses_of_all_sites_in_turn() {
        let mut world = Fixture::new(&[9, 2, 1]);
        world.service().policy = Policy::Spread;
        let set = world.set_of(RecordType::A);
        let answer = answered(&world, &set, &[0, 1, 2]);
        assert_eq!(members(&answer), [0, 9, 11, 1, 10, 2, 3, 4]);
        assert_eq!(answer.sites, sites(&[0, 1, 2]));
    }

    #[test]
    fn a_partial_drain_moves_exactly_its_share_of_the_draws() {
        let mut world = Fixture::new(&[1, 1]);
        world.order("s0", drain(250));
        let set = world.set_of(RecordType::A);
        let plan = world.plan();
        let order = listed(&world);
        let away = (0..DRAWS).filter(|draw| members(&select(&set, &world.topology, &plan, &order, *draw)) == [1]);
        assert_eq!(away.count(), 250);
    }

    #[test]
    fn weighted_sites_answer_in_proportion() {
        let mut world = Fixture::new(&[1, 1, 1]);
        world.service().policy = Policy::Weighted(vec![5, 3, 2]);
        let set = world.set_of(RecordType::A);
        let plan = world.plan();
        let mut counts = [0; 3];
        for draw in 0..DRAWS {
            let answer = select(&set, &world.topology, &plan, &[], draw);
            assert_eq!(answer.picks.len(), 1);
            counts[usize::from(answer.picks[0].member)] += 1;
        }
        assert_eq!(counts, [500, 300, 200]);
    }
}

mod mail_exchangers {
    use super::*;

    #[test]
    fn sites_are_ranked_in_the_views_order() {
        let world = Fixture::new(&[2, 1, 1]);
        let set = world.set_of(RecordType::MX);
        let answer = answered(&world, &set, &[2, 0, 1]);
        assert_eq!(preferences(&set, &answer), [(3, 10), (0, 20), (1, 20), (2, 30)]);
        assert_eq!(answer.sites, sites(&[0, 1, 2]));
    }

    #[test]
    fn deferring_sites_come_after_serving_ones_and_down_and_drained_ones_not_at_all() {
        let mut world = Fixture::new(&[1, 1, 1, 1]);
        world.set(0, State::Deferring, "451 try later");
        world.set(2, State::Down, "timeout");
        world.order("s3", DRAIN);
        let set = world.set_of(RecordType::MX);
        let answer = answered(&world, &set, &[0, 1, 2, 3]);
        assert_eq!(preferences(&set, &answer), [(1, 10), (0, 20)]);
        assert_eq!((answer.tier, answer.sites), (Tier::Serving, sites(&[0, 1])));
    }

    #[test]
    fn hosts_elsewhere_are_always_kept_behind_the_sites() {
        let mut world = Fixture::new(&[1, 1]);
        let mut set = world.set_of(RecordType::MX);
        set.members.push(elsewhere(200));
        set.members.push(elsewhere(5));
        let answer = answered(&world, &set, &[1, 0]);
        assert_eq!(preferences(&set, &answer), [(1, 10), (0, 20), (3, 30), (2, 40)]);
        world.order("s0", DRAIN);
        world.order("s1", DRAIN);
        assert_eq!(members(&answered(&world, &set, &[1, 0])), [1, 0, 3, 2]);
        world.order("s0", IntentKind::Isolate);
        world.order("s1", IntentKind::Isolate);
        let answer = answered(&world, &set, &[1, 0]);
        assert_eq!((preferences(&set, &answer), answer.tier), (vec![(2, 200), (3, 5)], Tier::Declared));
    }

    #[test]
    fn spread_gives_serving_sites_one_preference() {
        let mut world = Fixture::new(&[1, 1, 1]);
        world.service().policy = Policy::Spread;
        world.set(1, State::Deferring, "451 try later");
        let set = world.set_of(RecordType::MX);
        assert_eq!(preferences(&set, &answered(&world, &set, &[0, 1, 2])), [(0, 10), (2, 10), (1, 20)]);
    }

    #[test]
    fn keep_leaves_preferences_but_puts_deferring_hosts_after_serving_ones() {
        let mut world = Fixture::new(&[1, 1, 1]);
        world.service().mx = MxMode::Keep;
        let mut set = world.set_of(RecordType::MX);
        for (member, preference) in set.members.iter_mut().zip([5, 20, 30]) {
            member.preference = preference;
        }
        assert_eq!(preferences(&set, &answered(&world, &set, &[2, 1, 0])), [(0, 5), (1, 20), (2, 30)]);
        world.set(0, State::Deferring, "451 try later");
        assert_eq!(preferences(&set, &answered(&world, &set, &[2, 1, 0])), [(1, 20), (2, 30), (0, 40)]);
        world.set(2, State::Down, "timeout");
        assert_eq!(preferences(&set, &answered(&world, &set, &[2, 1, 0])), [(1, 20), (0, 30)]);
    }

    #[test]
    fn srv_records_keep_their_priorities() {
        let mut world = Fixture::new(&[1, 1]);
        let set = world.set_of(RecordType::SRV);
        assert_eq!(preferences(&set, &answered(&world, &set, &[1, 0])), [(0, 10), (1, 10)]);
        world.set(0, State::Down, "timeout");
        assert_eq!(preferences(&set, &answered(&world, &set, &[1, 0])), [(1, 10)]);
    }

    #[test]
    fn a_host_with_addresses_at_two_sites_stands_by_the_better_one() {
        let mut world = Fixture::new(&[1, 1]);
        let mut set = world.set_of(RecordType::MX);
        set.members = vec![Member { endpoints: vec![EndpointIx(0), EndpointIx(1)], preference: 10 }];
        assert_eq!(answered(&world, &set, &[1, 0]).sites, sites(&[0, 1]));
        world.order("s0", IntentKind::Isolate);
        let answer = answered(&world, &set, &[0, 1]);
        assert_eq!((members(&answer), answer.sites), (vec![0], sites(&[1])));
    }
}

const STATES: [State; 4] = [State::Up, State::Deferring, State::Down, State::Unknown];
const TYPES: [RecordType; 4] = [RecordType::A, RecordType::AAAA, RecordType::MX, RecordType::SRV];

prop_compose! {
    /// Any state of any small world, with a set of any of its endpoints and some hosts elsewhere.
    fn any_case()(
        addresses in prop::collection::vec(0_usize..5, 1..6),
        states in prop::collection::vec((0_usize..4, any::<bool>()), 24),
        orders in prop::collection::vec((0_usize..6, 0_usize..5), 0..6),
        behind in prop::collection::vec((prop::collection::vec(0_u32..30, 0..3), any::<u16>()), 1..10),
        policy in 0_usize..4,
        (rtype, keep) in (0_usize..4, any::<bool>()),
        order in Just((0_u8..6).collect::<Vec<_>>()).prop_shuffle(),
        known in 0_usize..6,
        draw in 0_u16..DRAWS,
    ) -> (Fixture, SteeredSet, Vec<SiteIx>, u16) {
        let mut world = Fixture::new(&addresses);
        let weights = (0_u32..).take(addresses.len()).collect();
        world.service().policy =
            [Policy::Nearest, Policy::Failover, Policy::Spread, Policy::Weighted(weights)][policy].clone();
        world.service().mx = if keep { MxMode::Keep } else { MxMode::Rank };
        for ix in 0..world.health.len() {
            world.set(ix, STATES[states[ix].0], "why");
            world.health[ix].suspect = states[ix].1;
        }
        for (site, kind) in orders {
            let kind = [DRAIN, drain(250), drain(700), IntentKind::Isolate, IntentKind::Pin][kind];
            world.order(&format!("s{site}"), kind);
        }
        let members = behind.into_iter().map(|(endpoints, preference)| Member {
            // Positions behind the last endpoint stand for what a reload may leave dangling.
            endpoints: endpoints.into_iter().map(EndpointIx).collect(),
            preference,
        });
        let set = SteeredSet { service: ServiceIx(0), rtype: TYPES[rtype], ttl: 60, host_of: None, members: members.collect() };
        let order = order.into_iter().take(known).map(SiteIx).collect();
        (world, set, order, draw)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn an_answer_is_never_empty_and_only_of_declared_members((world, set, order, draw) in any_case()) {
        let answer = select(&set, &world.topology, &world.plan(), &order, draw);
        prop_assert!(!answer.picks.is_empty());
        let mut named = members(&answer);
        prop_assert!(named.iter().all(|member| usize::from(*member) < set.members.len()));
        named.sort_unstable();
        named.dedup();
        prop_assert_eq!(named.len(), answer.picks.len());
        prop_assert!(answer.ttl <= set.ttl.min(30));
        if matches!(set.rtype, RecordType::A | RecordType::AAAA) && answer.tier <= Tier::Drained {
            prop_assert!(answer.picks.len() <= MAX_ADDRESSES);
        }
    }

    #[test]
    fn isolated_sites_are_never_named_but_with_the_whole_declared_set((world, set, order, draw) in any_case()) {
        let plan = world.plan();
        let answer = select(&set, &world.topology, &plan, &order, draw);
        let isolated = |site: SiteIx| world.topology.endpoints.iter().zip(&plan.endpoints)
            .any(|(endpoint, outcome)| endpoint.site == site && outcome.tier == Tier::Isolated);
        let named: Vec<SiteIx> = answer.sites.iter().filter(|site| isolated(*site)).collect();
        prop_assert!(named.is_empty() || (answer.last_resort && answer.tier == Tier::Isolated));
        if answer.tier == Tier::Isolated {
            prop_assert_eq!(answer.picks.len(), set.members.len());
        }
    }

    #[test]
    fn the_same_inputs_give_the_same_answer_within_a_draw_class((world, set, order, draw) in any_case()) {
        let plan = world.plan();
        let cuts = draw_cuts(&world.topology, &plan, ServiceIx(0));
        let class = cuts.iter().rev().find(|cut| **cut <= draw).copied().unwrap();
        let of_draw = |draw| select(&set, &world.topology, &plan, &order, draw);
        prop_assert_eq!(of_draw(draw), of_draw(class));
    }

    #[test]
    fn mail_ranks_ascend_by_site_and_deferring_follows_serving((world, mut set, order, draw) in any_case()) {
        set.rtype = RecordType::MX;
        let plan = world.plan();
        let answer = select(&set, &world.topology, &plan, &order, draw);
        let unattributed = |member: &Member| {
            !member.endpoints.iter().any(|ix| world.topology.endpoint(*ix).is_some())
        };
        for (member, declared) in set.members.iter().enumerate() {
            let kept = answer.picks.iter().any(|pick| usize::from(pick.member) == member);
            prop_assert!(kept || !unattributed(declared), "hosts elsewhere are always kept");
        }
        let ranked = answer.tier <= Tier::Drained && world.topology.services[0].mx == MxMode::Rank;
        if ranked && world.topology.services[0].policy != Policy::Spread {
            let given: Vec<u16> = preferences(&set, &answer).into_iter().map(|(_, preference)| preference).collect();
            prop_assert!(given.is_sorted());
            let mut steps = given.clone();
            steps.dedup();
            let expected: Vec<u16> = (1..=u16::try_from(steps.len()).unwrap()).map(|step| step * 10).collect();
            prop_assert_eq!(steps, expected, "one step a site, from 10");
        }
    }

    #[test]
    fn no_step_from_all_up_to_all_down_empties_an_answer(
        counts in prop::collection::vec(1_usize..3, 1..6),
        policy in 0_usize..3,
        mx in any::<bool>(),
    ) {
        let mut world = Fixture::new(&counts);
        world.service().policy =
            [Policy::Nearest, Policy::Spread, Policy::Weighted(vec![1; counts.len()])][policy].clone();
        let set = world.set_of(if mx { RecordType::MX } else { RecordType::A });
        let order = listed(&world);
        let mut endpoint = 0;
        for (site, count) in counts.iter().enumerate() {
            for _ in 0..*count {
                world.set(endpoint, State::Down, "timeout");
                endpoint += 1;
            }
            let answer = select(&set, &world.topology, &world.plan(), &order, 500);
            let all_down = site + 1 == counts.len();
            prop_assert!(!answer.picks.is_empty());
            prop_assert_eq!(answer.last_resort, all_down);
            if all_down {
                prop_assert_eq!(answer.picks.len(), set.members.len());
            } else {
                prop_assert!(answer.sites.iter().all(|named| named.get() > site), "only sites that are up are named");
            }
        }
    }
}
