//! Deferring is trouble that is not death: it changes rank and weight, not presence (DESIGN section 5). Stated by tests.

use hickory_proto::rr::RecordType;
use proptest::prelude::*;

use crate::model::{MxMode, Policy, SiteIx, State, Tier};
use crate::plan::fixture::{DRAIN, Fixture, drain};
use crate::zone::SteeredSet;

use super::bounds::DRAWS;
use super::{Selection, draw_cuts, select};

/// A service at sites of one address each, by `policy`; of the sites, those in `deferring` defer.
fn world(policy: Policy, sites: usize, deferring: &[usize]) -> Fixture {
    let mut world = Fixture::new(&vec![1; sites]);
    world.service().policy = policy;
    for site in deferring {
        world.set(*site, State::Deferring, "451 try later");
    }
    world
}

fn weighted(weights: &[u32], deferring: &[usize]) -> Fixture {
    world(Policy::Weighted(weights.to_vec()), weights.len(), deferring)
}

/// The answer to clients that see the sites in file order.
fn answered(world: &Fixture, set: &SteeredSet, draw: u16) -> Selection {
    let order: Vec<SiteIx> = world.topology.services[0].sites.clone();
    select(set, &world.topology, &world.plan(), &order, draw)
}

/// Members of the answer with the preferences that clients see.
fn preferences(set: &SteeredSet, answer: &Selection) -> Vec<(u16, u16)> {
    let declared = |member: u16| set.members[usize::from(member)].preference;
    answer.picks.iter().map(|pick| (pick.member, pick.preference.unwrap_or_else(|| declared(pick.member)))).collect()
}

/// Of all draws, how many answers begin with each member.
fn firsts(world: &Fixture, set: &SteeredSet) -> Vec<usize> {
    let (order, plan) = (world.topology.services[0].sites.clone(), world.plan());
    let mut firsts = vec![0; set.members.len()];
    let cuts = draw_cuts(&world.topology, &plan, set.service);
    for (from, to) in cuts.iter().zip(cuts.iter().skip(1).chain([&DRAWS])) {
        let answer = select(set, &world.topology, &plan, &order, *from);
        firsts[usize::from(answer.picks[0].member)] += usize::from(to - from);
    }
    firsts
}

#[test]
fn a_deferring_host_keeps_its_place_among_mail_hosts_behind_all_that_serve() {
    for policy in [Policy::Nearest, Policy::Failover] {
        let world = world(policy, 3, &[0]);
        let set = world.set_of(RecordType::MX);
        assert_eq!(preferences(&set, &answered(&world, &set, 0)), [(1, 10), (2, 20), (0, 30)]);
    }
    let several = world(Policy::Nearest, 4, &[0, 2]);
    let set = several.set_of(RecordType::MX);
    assert_eq!(preferences(&set, &answered(&several, &set, 0)), [(1, 10), (3, 20), (0, 30), (2, 40)]);
}

#[test]
fn with_declared_preferences_a_deferring_host_is_raised_past_the_others_and_no_further() {
    let mut world = world(Policy::Nearest, 3, &[0]);
    world.service().mx = MxMode::Keep;
    let mut set = world.set_of(RecordType::MX);
    for (member, preference) in set.members.iter_mut().zip([5, 20, 20]) {
        member.preference = preference;
    }
    assert_eq!(preferences(&set, &answered(&world, &set, 0)), [(1, 20), (2, 20), (0, 30)]);
    set.members[0].preference = 40;
    assert_eq!(preferences(&set, &answered(&world, &set, 0)), [(1, 20), (2, 20), (0, 40)]);
}

#[test]
fn srv_targets_that_defer_come_after_the_others() {
    let world = world(Policy::Nearest, 2, &[0]);
    let set = world.set_of(RecordType::SRV);
    assert_eq!(preferences(&set, &answered(&world, &set, 0)), [(1, 10), (0, 20)]);
}

#[test]
fn spread_names_a_deferring_mail_host_last_and_its_addresses_only_when_nothing_serves() {
    let mut world = world(Policy::Spread, 3, &[1]);
    let mail = world.set_of(RecordType::MX);
    assert_eq!(preferences(&mail, &answered(&world, &mail, 0)), [(0, 10), (2, 10), (1, 20)]);
    // Addresses have no rank: whoever is named gets a full share.
    let addresses = world.set_of(RecordType::A);
    let members =
        |world: &Fixture| -> Vec<u16> { answered(world, &addresses, 0).picks.iter().map(|pick| pick.member).collect() };
    assert_eq!(members(&world), [0, 2]);
    world.set(0, State::Down, "timeout");
    world.set(2, State::Down, "timeout");
    assert_eq!(members(&world), [1]);
}

#[test]
fn the_nearest_addresses_are_passed_over_while_they_defer_and_others_serve() {
    for rtype in [RecordType::A, RecordType::AAAA] {
        let mut world = world(Policy::Nearest, 2, &[0]);
        let set = world.set_of(rtype);
        assert_eq!(preferences(&set, &answered(&world, &set, 0)), [(1, 0)].map(|(member, _)| (member, 10)));
        world.set(1, State::Deferring, "certificate expires in 3 days");
        let answer = answered(&world, &set, 0);
        assert_eq!((answer.picks[0].member, answer.tier, answer.last_resort), (0, Tier::Deferring, false));
    }
}

#[test]
fn by_weight_a_deferring_site_keeps_a_twentieth() {
    for (weights, deferring, expected) in [
        (vec![1, 1], vec![0], vec![48, 952]),
        (vec![3, 1], vec![1], vec![984, 16]),
        (vec![1, 1, 2], vec![2], vec![476, 476, 48]),
        // However heavy it is, and however many there are, those that serve keep the bulk.
        (vec![1000, 1], vec![0], vec![48, 952]),
        (vec![5, 5, 5], vec![0, 1], vec![24, 24, 952]),
        // A light one is still there.
        (vec![1, 1_000_000], vec![0], vec![1, 999]),
        // Without weight it is a standby, deferring or not.
        (vec![0, 1], vec![0], vec![0, 1000]),
    ] {
        let world = weighted(&weights, &deferring);
        assert_eq!(firsts(&world, &world.set_of(RecordType::A)), expected, "{weights:?}, {deferring:?} defer");
    }
}

#[test]
fn standbys_take_all_from_a_deferring_site() {
    let world = weighted(&[1, 0], &[0]);
    assert_eq!(firsts(&world, &world.set_of(RecordType::A)), [0, 1000]);
}

#[test]
fn where_nothing_serves_deferring_sites_have_their_whole_weight() {
    let mut world = weighted(&[3, 1, 9], &[0, 1]);
    world.set(2, State::Down, "timeout");
    let set = world.set_of(RecordType::A);
    assert_eq!(firsts(&world, &set), [750, 250, 0]);
    world.set(2, State::Up, "");
    world.order("s2", DRAIN);
    assert_eq!(firsts(&world, &set), [750, 250, 0]);
}

#[test]
fn a_partial_drain_of_a_deferring_site_scales_what_it_has_left() {
    let mut world = weighted(&[1, 1], &[0]);
    world.order("s0", drain(500));
    assert_eq!(firsts(&world, &world.set_of(RecordType::A)), [24, 976]);
}

#[test]
fn by_weight_mail_never_begins_at_a_deferring_site() {
    let world = weighted(&[1, 1, 2], &[2]);
    let set = world.set_of(RecordType::MX);
    assert_eq!(firsts(&world, &set)[2], 0);
    for draw in 0..DRAWS {
        let answer = preferences(&set, &answered(&world, &set, draw));
        assert_eq!((answer.len(), answer[2]), (3, (2, 30)), "it is last, and it is there");
    }
}

#[test]
fn a_deferring_address_of_a_serving_site_takes_none_of_its_draws() {
    let mut world = Fixture::new(&[2, 1]);
    world.service().policy = Policy::Weighted(vec![1, 1]);
    world.set(0, State::Deferring, "451 try later");
    let mut set = world.set_of(RecordType::A);
    assert_eq!(firsts(&world, &set), [0, 500, 500]);
    // Of another name that has only this one there, the other site answers.
    set.members.remove(1);
    assert_eq!(firsts(&world, &set), [0, 1000]);
}

proptest! {
    #[test]
    fn whoever_defers_is_drawn_and_those_who_serve_keep_the_bulk(
        sites in prop::collection::vec((1_u32..1_000_000, any::<bool>()), 2..10),
    ) {
        let weights: Vec<u32> = sites.iter().map(|(weight, _)| *weight).collect();
        let deferring: Vec<usize> = sites.iter().enumerate().filter(|(_, (_, defers))| *defers).map(|(site, _)| site).collect();
        prop_assume!(deferring.len() < sites.len());
        let world = weighted(&weights, &deferring);
        let firsts = firsts(&world, &world.set_of(RecordType::A));
        prop_assert!(deferring.iter().all(|site| firsts[*site] > 0), "{:?}", firsts);
        let demoted: usize = deferring.iter().map(|site| firsts[*site]).sum();
        prop_assert!(demoted <= 48 + deferring.len(), "{} of {:?}", demoted, firsts);
    }

    #[test]
    fn deferring_withdraws_no_mail_host(
        states in prop::collection::vec(0_usize..3, 1..6), policy in 0_usize..4, keep: bool, draw in 0_u16..DRAWS,
    ) {
        let policies = [Policy::Nearest, Policy::Failover, Policy::Spread, Policy::Weighted(vec![2; states.len()])];
        let mut world = world(policies[policy].clone(), states.len(), &[]);
        world.service().mx = if keep { MxMode::Keep } else { MxMode::Rank };
        for (site, state) in states.iter().enumerate() {
            world.set(site, [State::Up, State::Deferring, State::Down][*state], "why");
        }
        let set = world.set_of(RecordType::MX);
        let answer = preferences(&set, &answered(&world, &set, draw));
        let state = |member: u16| states[usize::from(member)];
        if states.iter().any(|state| *state < 2) {
            let named: Vec<u16> = answer.iter().map(|(member, _)| *member).collect();
            let present = (0_u16..).take(states.len()).filter(|member| state(*member) < 2);
            prop_assert!(present.into_iter().all(|member| named.contains(&member)));
        }
        let worst_serving = answer.iter().filter(|(member, _)| state(*member) == 0).map(|(_, preference)| *preference).max();
        let best_deferring = answer.iter().filter(|(member, _)| state(*member) == 1).map(|(_, preference)| *preference).min();
        if let (Some(serving), Some(deferring)) = (worst_serving, best_deferring) {
            prop_assert!(serving < deferring);
        }
    }
}
