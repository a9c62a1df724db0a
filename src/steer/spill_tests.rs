//! What full sites send on, as it is answered: every draw of every view asked, and what it names added up.

use hickory_proto::rr::RecordType;
use proptest::prelude::*;

use super::{draw_cuts, select};
use crate::model::{Plan, Policy, ServiceIx, Share, SiteIx, Standing, State};
use crate::plan::fixture::{DRAIN, Fixture, drain};
use crate::plan::{Demand, Spill};

const FRA: SiteIx = SiteIx(0);
const IAD: SiteIx = SiteIx(1);
const NRT: SiteIx = SiteIx(2);
const DRAWS: u16 = 1000;

/// Sites s0, s1 and s2 that carry so much.
fn world(capacity: [u64; 3]) -> Fixture {
    let mut world = Fixture::new(&[1, 1, 1]);
    world.topology.sites.iter_mut().zip(capacity).for_each(|(site, capacity)| site.capacity = Some(capacity));
    world.service().spill = true;
    world
}

fn demand(order: [SiteIx; 3], amount: f64) -> Demand {
    Demand { service: ServiceIx(0), order: order.to_vec(), amount }
}

/// Europe 900, America 300, Asia 200.
fn day() -> Vec<Demand> {
    vec![demand([FRA, IAD, NRT], 900.0), demand([IAD, FRA, NRT], 300.0), demand([NRT, IAD, FRA], 200.0)]
}

fn spilled(world: &Fixture, demands: &[Demand]) -> Plan {
    let mut plan = world.plan();
    Spill::of(&world.topology, &plan, demands).apply(&world.topology, &mut plan);
    plan
}

fn shares(plan: &Plan) -> Vec<u16> {
    plan.services[0].sites.iter().map(|site| site.spilled.permille()).collect()
}

/// What answers send to each site.
fn sent(world: &Fixture, plan: &Plan, demands: &[Demand]) -> [f64; 3] {
    let set = world.set_of(RecordType::A);
    let mut sent = [0.0; 3];
    for demand in demands {
        let draw_of = |class: u16| {
            let cuts = draw_cuts(&world.topology, plan, ServiceIx(0));
            cuts[cuts.partition_point(|cut| *cut <= class) - 1]
        };
        for draw in 0..DRAWS {
            let selection = select(&set, &world.topology, plan, &demand.order, draw);
            assert_eq!(selection, select(&set, &world.topology, plan, &demand.order, draw_of(draw)), "classes hold");
            let sites: Vec<_> = selection.sites.iter().collect();
            let [site] = sites.as_slice() else { panic!("{sites:?}") };
            sent[site.get()] += demand.amount / f64::from(DRAWS);
        }
    }
    sent
}

#[test]
fn what_fits_is_answered_as_ever() {
    let world = world([1200, 800, 700]);
    let plan = spilled(&world, &day());
    assert!(plan.same_outcome(&world.plan()));
}

#[test]
fn the_largest_site_fails_and_answers_follow_what_the_others_can_carry() {
    let mut world = world([1200, 800, 700]);
    world.set(0, State::Down, "timeout");
    let plan = spilled(&world, &day());
    // iad is asked for 1200 and takes 800: a third goes on, in steps of a hundredth 34 %.
    assert_eq!(shares(&plan), [0, 340, 0]);
    let sent = sent(&world, &plan, &day());
    assert_eq!(sent.map(f64::round), [0.0, 792.0, 608.0]);
    assert!(plan.services[0].sites[1].reason.ends_with("; s1 is full: 34% of its clients see it after the others"));
    // A sender still finds the full site, after the other.
    let mx = select(&world.set_of(RecordType::MX), &world.topology, &plan, &[FRA, IAD, NRT], 0);
    let hosts: Vec<_> = mx.picks.iter().map(|pick| (pick.member, pick.preference)).collect();
    assert_eq!(hosts, [(2, Some(10)), (1, Some(20))]);
    let mx = select(&world.set_of(RecordType::MX), &world.topology, &plan, &[FRA, IAD, NRT], 340);
    assert_eq!(mx.picks[0].member, 1);
}

#[test]
fn nobody_is_sent_to_a_drained_site_for_want_of_room() {
    let mut world = world([1200, 100, 100]);
    world.order("s0", DRAIN);
    let plan = spilled(&world, &day());
    assert_eq!(sent(&world, &plan, &day())[0], 0.0);
    // Who finds no room is answered with the nearest of those in service.
    let all: f64 = sent(&world, &plan, &day()).iter().sum();
    assert_eq!(all.round(), 1400.0);
}

#[test]
fn services_without_spill_stay_and_their_part_is_taken() {
    let mut world = world([500, 2000, 2000]);
    world.service().spill = false;
    assert_eq!(shares(&spilled(&world, &day())), [0, 0, 0]);
    world.service().spill = true;
    world.service().policy = Policy::Spread;
    assert_eq!(shares(&spilled(&world, &day())), [0, 0, 0], "all sites are named at once already");
}

#[test]
fn small_changes_are_no_news() {
    let world = world([1200, 800, 700]);
    let of = |amount: f64| Spill::of(&world.topology, &world.plan(), &[demand([FRA, IAD, NRT], amount)]);
    let (none, some, more) = (of(1200.0), of(1500.0), of(1520.0));
    assert!(some.is_news_to(&none) && none.is_news_to(&some), "it begins and ends");
    assert!(!more.is_news_to(&some) && !some.is_news_to(&some));
    assert!(of(1600.0).is_news_to(&some));
    assert!(!of(1210.0).is_news_to(&Spill::default()), "a site that is hardly full");
    assert!(!none.is_news_to(&Spill::default()) && some.is_news_to(&Spill::default()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_site_is_sent_more_than_it_can_carry_while_one_has_room(
        capacity in prop::array::uniform3(50_u64..1500),
        amounts in prop::array::uniform3(0.0..900.0_f64),
        orders in prop::collection::vec(Just(vec![FRA, IAD, NRT]).prop_shuffle(), 3),
        drained in prop::array::uniform3(prop_oneof![Just(0_u16), Just(0), 1_u16..=1000]),
        down in prop::option::weighted(0.3, 0_usize..3),
    ) {
        let mut world = world(capacity);
        for (site, share) in drained.into_iter().enumerate().filter(|(_, share)| *share > 0) {
            world.order(&format!("s{site}"), drain(share));
        }
        if let Some(site) = down {
            world.set(site, State::Down, "timeout");
        }
        let demands: Vec<Demand> = orders
            .into_iter()
            .zip(amounts)
            .map(|(order, amount)| Demand { service: ServiceIx(0), order, amount })
            .collect();
        let plan = spilled(&world, &demands);
        let sent = sent(&world, &plan, &demands);
        let total: f64 = amounts.iter().sum();
        prop_assert!((sent.iter().sum::<f64>() - total).abs() < 1e-6, "everyone is answered");
        let sites = &plan.services[0].sites;
        let serving = |site: &&crate::model::SitePlan| site.standing == Standing::Serving;
        // Someone takes whoever comes.
        let has_room = sites.iter().filter(serving).any(|site| site.spilled == Share::NONE && site.drained == Share::NONE);
        for (site, (sent, capacity)) in sites.iter().zip(sent.iter().zip(capacity)) {
            prop_assert!(!has_room || *sent <= capacity as f64 + 1e-6, "{sent} of {capacity}: {site:?}");
            prop_assert!(site.standing == Standing::Serving || site.spilled == Share::NONE);
        }
    }
}
