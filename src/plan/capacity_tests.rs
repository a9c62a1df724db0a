//! Where demand ends up: a table reckoned by hand, and what holds for every table.

use proptest::prelude::*;

use super::capacity::{Forecast, assign, forecast};
use super::demand::Demand;
use super::fixture::{DRAIN, Fixture, drain, order, service};
use super::flows::Flow;
use super::{Order, Pace, Refusal, Reviewed, review};
use crate::model::{IntentKind, Policy, ServiceIx, Share, SiteIx, SiteSet, State};

const FRA: SiteIx = SiteIx(0);
const IAD: SiteIx = SiteIx(1);
const NRT: SiteIx = SiteIx(2);

/// fra carries 1200, iad 800, nrt 700.
fn world() -> Fixture {
    let mut world = Fixture::new(&[1, 1, 1]);
    for (site, (name, capacity)) in world.topology.sites.iter_mut().zip([("fra", 1200), ("iad", 800), ("nrt", 700)]) {
        (site.name, site.capacity) = (name.to_owned(), Some(capacity));
    }
    world
}

fn demand(order: [SiteIx; 3], amount: f64) -> Demand {
    Demand { service: ServiceIx(0), order: order.to_vec(), amount }
}

/// Europe 900, America 300, Asia 200.
fn day() -> Vec<Demand> {
    vec![demand([FRA, IAD, NRT], 900.0), demand([IAD, FRA, NRT], 300.0), demand([NRT, IAD, FRA], 200.0)]
}

fn loads(forecast: &Forecast) -> Vec<f64> {
    forecast.sites.iter().map(|site| (site.load * 1000.0).round() / 1000.0).collect()
}

fn without(world: &Fixture, demands: &[Demand], failed: &[SiteIx]) -> Forecast {
    forecast(&world.topology, &world.plan(), demands, failed.iter().copied().collect())
}

#[test]
fn where_no_site_is_left_nothing_fits_whatever_is_asked() {
    let mut world = world();
    assert!(without(&world, &[], &[FRA, IAD]).fits());
    let none = without(&world, &[], &[FRA, IAD, NRT]);
    assert!(!none.fits() && none.stranded == [ServiceIx(0)]);
    // The only survivor is not in service now.
    world.order("nrt", DRAIN);
    assert!(!without(&world, &[], &[FRA, IAD]).fits());
    // Nor does a pin make a dead site one that carries anything.
    world.order("nrt", IntentKind::Pin);
    assert!(without(&world, &[], &[FRA, IAD]).fits());
    world.set_site(ServiceIx(0), 2, State::Down, "");
    assert!(!without(&world, &[], &[FRA, IAD]).fits());
    // A service that no record belongs to is nobody's loss.
    world.topology.endpoints.clear();
    world.health.clear();
    assert!(without(&world, &[], &[FRA]).fits());
}

#[test]
fn the_largest_site_fails_and_its_clients_spill_as_reckoned_by_hand() {
    let now = without(&world(), &day(), &[]);
    assert_eq!(loads(&now), [900.0, 300.0, 200.0]);
    assert!(now.fits() && now.views.iter().all(|view| view.spilled == 0.0));

    // Europe goes to iad: 900 + 300 for 800, so that it takes two thirds of both, 600 and 200. The rest, 300 and 100, goes
    // on to nrt, which has 200 of its own: 600 of 700.
    let then = without(&world(), &day(), &[FRA]);
    assert_eq!(loads(&then), [0.0, 800.0, 600.0]);
    assert_eq!(then.sites[1].sent.round(), 1200.0);
    let spilled: Vec<f64> = then.views.iter().map(|view| view.spilled.round()).collect();
    assert_eq!(spilled, [300.0, 100.0, 0.0]);
    assert!(then.fits() && then.unplaced() < 1e-9);
    assert_eq!(then.sites[2].headroom().map(|part| (part * 700.0).round()), Some(100.0));
    assert_eq!((then.sites[0].by_service[0], then.sites[1].by_service[0].round()), (0.0, 800.0));
}

#[test]
fn what_fits_nowhere_is_said() {
    // 1400 for 800 + 700 would fit; 1800 does not: 300 are left.
    let mut more = day();
    more[0].amount = 1300.0;
    let then = without(&world(), &more, &[FRA]);
    assert_eq!(loads(&then), [0.0, 800.0, 700.0]);
    assert!(!then.fits());
    assert_eq!(then.unplaced().round(), 300.0);
    let all = without(&world(), &more, &[FRA, IAD, NRT]);
    assert_eq!((loads(&all), all.unplaced().round()), (vec![0.0; 3], 1800.0));
}

#[test]
fn sites_without_capacity_take_everything() {
    let mut world = world();
    world.topology.sites[1].capacity = None;
    let then = without(&world, &day(), &[FRA]);
    assert_eq!(loads(&then), [0.0, 1200.0, 200.0]);
    assert_eq!(then.sites[1].headroom(), None);
}

#[test]
fn services_share_what_a_site_can_carry() {
    let mut world = world();
    world.topology.services.push(service("imap", vec![FRA, IAD]));
    for (site, host) in [(FRA, 101), (IAD, 102)] {
        let mut endpoint = world.topology.endpoints[0].clone();
        (endpoint.service, endpoint.site) = (ServiceIx(1), site);
        endpoint.address = std::net::Ipv4Addr::new(192, 0, 2, host).into();
        world.topology.endpoints.push(endpoint);
        world.health.push(super::fixture::health(State::Up, ""));
    }
    let mx = demand([FRA, IAD, NRT], 1200.0);
    let imap = Demand { service: ServiceIx(1), order: vec![FRA, IAD], amount: 400.0 };
    // 1600 for 1200: three quarters of both stay, 900 and 300; 300 and 100 go to iad.
    let now = without(&world, &[mx, imap], &[]);
    assert_eq!(loads(&now), [1200.0, 400.0, 0.0]);
    let parts: Vec<Vec<f64>> =
        now.sites.iter().map(|site| site.by_service.iter().map(|part| part.round()).collect()).collect();
    assert_eq!(parts, [[900.0, 300.0], [300.0, 100.0], [0.0, 0.0]]);
}

#[test]
fn orders_health_and_shares_of_the_plan_count() {
    let one = vec![demand([FRA, IAD, NRT], 100.0)];
    let carried = |change: &dyn Fn(&mut Fixture)| {
        let mut world = world();
        change(&mut world);
        loads(&without(&world, &one, &[]))
    };
    assert_eq!(carried(&|world| world.order("fra", drain(250))), [75.0, 25.0, 0.0]);
    // The same draws move clients of both: 250 thousandths to nrt, as many more from fra to iad.
    assert_eq!(
        carried(&|world| {
            world.order("fra", drain(500));
            world.order("iad", drain(250));
        }),
        [50.0, 25.0, 25.0]
    );
    assert_eq!(carried(&|world| world.order("fra", DRAIN)), [0.0, 100.0, 0.0]);
    assert_eq!(carried(&|world| world.order("fra", IntentKind::Isolate)), [0.0, 100.0, 0.0]);
    assert_eq!(carried(&|world| world.set(0, State::Down, "")), [0.0, 100.0, 0.0]);
    // Deferring sites are tried after the others.
    assert_eq!(carried(&|world| world.set(0, State::Deferring, "")), [0.0, 100.0, 0.0]);
    // With nobody in service the drained ones answer; those that are down carry nothing.
    let all_out = |world: &mut Fixture| {
        world.order("fra", DRAIN);
        world.set(1, State::Down, "");
        world.set(2, State::Down, "");
    };
    assert_eq!(carried(&all_out), [100.0, 0.0, 0.0]);
    assert_eq!(carried(&|world| (0..3).for_each(|site| world.set(site, State::Down, ""))), [0.0; 3]);
}

#[test]
fn policies_divide_as_answers_do() {
    let one = vec![demand([FRA, IAD, NRT], 120.0)];
    let mut world = world();
    world.service().policy = Policy::Spread;
    assert_eq!(loads(&without(&world, &one, &[])), [40.0, 40.0, 40.0]);
    assert_eq!(loads(&without(&world, &one, &[IAD])), [60.0, 0.0, 60.0]);
    world.service().policy = Policy::Weighted(vec![3, 1, 0]);
    assert_eq!(loads(&without(&world, &one, &[])), [90.0, 30.0, 0.0]);
    assert_eq!(loads(&without(&world, &one, &[FRA])), [0.0, 120.0, 0.0]);
    assert_eq!(loads(&without(&world, &one, &[FRA, IAD])), [0.0, 0.0, 120.0]);
    // A drain of two thirds leaves weight 1 to 1.
    world.order("fra", drain(667));
    let [fra, iad, nrt] = loads(&without(&world, &one, &[])).try_into().unwrap();
    assert!((fra - 60.0_f64).abs() < 0.1 && (iad - 60.0_f64).abs() < 0.1 && nrt == 0.0, "{fra} {iad}");
}

fn asked(world: &Fixture, order: &Order, demands: &[Demand]) -> Result<Reviewed, Refusal> {
    review(&world.topology, &world.plan(), &world.health, &world.intents, order, Pace::default(), demands)
}

#[test]
fn an_order_that_the_others_cannot_carry_is_refused_with_numbers_unless_forced() {
    let mut more = day();
    more[0].amount = 1300.0;
    // 100 find no place as it is: fra is full, and the others have room.
    assert!(without(&world(), &more, &[]).fits());
    let refused = asked(&world(), &order("fra", DRAIN), &more).unwrap_err();
    assert_eq!(refused.rule(), "capacity");
    assert_eq!(
        refused.to_string(),
        "drain fra would send more to the other sites than they can carry at peak (rule capacity): iad 800 of 800, \
         nrt 700 of 700; 300 of 1800 would find no place; undrain or repair another site first, drain a smaller share, \
         raise capacity, or force it with a reason"
    );
    assert_eq!(asked(&world(), &order("fra", IntentKind::Isolate), &more).unwrap_err().rule(), "capacity");
    assert_eq!(asked(&world(), &order("fra", drain(900)), &more).unwrap_err().rule(), "capacity");
    assert!(asked(&world(), &order("fra", drain(200)), &more).is_ok());
    assert!(asked(&world(), &order("nrt", DRAIN), &more).is_ok());
    assert!(asked(&world(), &order("fra", IntentKind::Pin), &more).is_ok());
    let forced = Order { force: true, reason: "smoke".to_owned(), ..order("fra", DRAIN) };
    let Reviewed::Accept { overridden, .. } = asked(&world(), &forced, &more).unwrap() else { panic!("not accepted") };
    assert_eq!(overridden.iter().map(Refusal::rule).collect::<Vec<_>>(), ["capacity"]);
    assert!(asked(&world(), &order("fra", DRAIN), &day()).is_ok(), "what fits is accepted");
}

#[test]
fn what_does_not_fit_already_holds_no_order_back_that_changes_nothing() {
    let mut world = world();
    let mut more = day();
    more[0].amount = 1300.0;
    world.set(0, State::Down, "timeout");
    assert!(!without(&world, &more, &[]).fits());
    assert!(asked(&world, &order("fra", DRAIN), &more).is_ok(), "fra carries nothing as it is");
    assert_eq!(asked(&world, &order("nrt", DRAIN), &more).unwrap_err().rule(), "capacity");
}

#[test]
fn without_any_capacity_the_rule_says_nothing() {
    let mut world = world();
    world.topology.sites.iter_mut().for_each(|site| site.capacity = None);
    let mut more = day();
    more[0].amount = 1e12;
    assert!(asked(&world, &order("fra", DRAIN), &more).is_ok());
}

/// Up to five sites and their capacities, and flows that see some of them.
fn any_table() -> impl Strategy<Value = (Vec<Option<u64>>, Vec<Flow>)> {
    let capacity = prop::collection::vec(prop::option::weighted(0.9, 1_u64..1000), 1..6);
    capacity.prop_flat_map(|capacity| {
        let sites: Vec<SiteIx> = (0..u8::try_from(capacity.len()).unwrap()).map(SiteIx).collect();
        let count = sites.len();
        let flow = (Just(sites).prop_shuffle(), 1..=count, 0.0..2000.0_f64).prop_map(|(mut order, length, amount)| {
            order.truncate(length);
            Flow { demand: 0, order, amount }
        });
        (Just(capacity), prop::collection::vec(flow, 0..8)).prop_map(|(capacity, mut flows)| {
            flows.iter_mut().enumerate().for_each(|(position, flow)| flow.demand = position);
            (capacity, flows)
        })
    })
}

fn assigned(capacity: &[Option<u64>], flows: &[Flow]) -> Forecast {
    let demand = |flow: &Flow| Demand { service: ServiceIx(0), order: flow.order.clone(), amount: flow.amount };
    assign(flows, capacity, 1, &flows.iter().map(demand).collect::<Vec<_>>())
}

/// What may be lost in reckoning.
fn slack(flows: &[Flow]) -> f64 {
    1e-4 * flows.iter().map(|flow| flow.amount).sum::<f64>() + 1e-9
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_is_made((capacity, flows) in any_table()) {
        let outcome = assigned(&capacity, &flows);
        let total: f64 = flows.iter().map(|flow| flow.amount).sum();
        let carried: f64 = outcome.sites.iter().map(|site| site.load).sum();
        prop_assert!((carried + outcome.unplaced() - total).abs() <= 1e-9 * total.max(1.0));
        for site in &outcome.sites {
            prop_assert!((site.by_service[0] - site.load).abs() <= 1e-9 * total.max(1.0));
        }
    }

    #[test]
    fn no_site_is_overfull_and_none_that_has_room_is_passed_over((capacity, flows) in any_table()) {
        let outcome = assigned(&capacity, &flows);
        for (site, bound) in outcome.sites.iter().zip(&capacity) {
            prop_assert!(bound.is_none_or(|bound| site.load <= bound as f64 * (1.0 + 1e-9)));
            // Who has room takes all that is sent to it.
            let has_room = bound.is_none_or(|bound| site.load < bound as f64 - slack(&flows));
            prop_assert!(!has_room || site.sent - site.load <= slack(&flows), "{site:?}");
        }
        for (flow, view) in flows.iter().zip(&outcome.views) {
            let is_full = |site: &SiteIx| {
                capacity[site.get()].is_some_and(|bound| outcome.sites[site.get()].load >= bound as f64 - slack(&flows))
            };
            prop_assert!(view.unplaced <= slack(&flows) || flow.order.iter().all(is_full));
            prop_assert!(view.spilled <= slack(&flows) || is_full(&flow.order[0]));
        }
    }

    #[test]
    fn a_full_site_takes_the_same_part_of_everyone((capacity, flows) in any_table()) {
        // Views that are alike are treated alike: twice the demand in one view or in two comes to the same.
        let outcome = assigned(&capacity, &flows);
        let halves: Vec<Flow> = flows
            .iter()
            .flat_map(|flow| [0.25, 0.75].map(|part| Flow { amount: flow.amount * part, ..flow.clone() }))
            .enumerate()
            .map(|(demand, flow)| Flow { demand, ..flow })
            .collect();
        let divided = assigned(&capacity, &halves);
        for (whole, parts) in outcome.views.iter().zip(divided.views.chunks(2)) {
            prop_assert!((parts[0].spilled * 3.0 - parts[1].spilled).abs() <= slack(&flows));
            prop_assert!((parts[0].spilled + parts[1].spilled - whole.spilled).abs() <= slack(&flows));
        }
    }

    #[test]
    fn taking_out_a_site_takes_no_load_from_another((capacity, flows) in any_table(), out in 0_usize..5) {
        let before = assigned(&capacity, &flows);
        let fewer: Vec<Flow> = flows
            .iter()
            .map(|flow| {
                let order = flow.order.iter().copied().filter(|site| site.get() != out).collect();
                Flow { order, ..flow.clone() }
            })
            .collect();
        let after = assigned(&capacity, &fewer);
        for (site, (before, after)) in before.sites.iter().zip(&after.sites).enumerate() {
            prop_assert!(site == out || after.load >= before.load - slack(&flows), "site {site}");
        }
        prop_assert!(after.unplaced() >= before.unplaced() - slack(&flows));
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(
        (capacity, flows) in any_table(), seed in any::<prop::sample::Index>(),
    ) {
        let mut turned = flows.clone();
        if !turned.is_empty() {
            let by = seed.index(turned.len());
            turned.rotate_left(by);
            turned.reverse();
        }
        let (one, other) = (assigned(&capacity, &flows), assigned(&capacity, &turned));
        let total: f64 = flows.iter().map(|flow| flow.amount).sum();
        for (one, other) in one.sites.iter().zip(&other.sites) {
            prop_assert!((one.load - other.load).abs() <= 1e-9 * total.max(1.0));
        }
        for (one, flow) in one.views.iter().zip(&flows) {
            let other = turned.iter().position(|other| other.demand == flow.demand).unwrap();
            prop_assert!((one.spilled - assigned_view(&capacity, &turned, other)).abs() <= 1e-9 * total.max(1.0));
        }
    }

    #[test]
    fn a_plan_divides_demand_without_rest(
        shares in prop::collection::vec(0_u16..=1000, 3), down in prop::collection::vec(any::<bool>(), 3),
        policy in 0_usize..3,
    ) {
        let mut world = world();
        world.topology.sites.iter_mut().for_each(|site| site.capacity = None);
        world.service().policy =
            [Policy::Nearest, Policy::Spread, Policy::Weighted(vec![5, 2, 1])][policy].clone();
        for ((name, share), (site, down)) in ["fra", "iad", "nrt"].iter().zip(shares).zip(down.iter().enumerate()) {
            if share > 0 {
                world.order(name, IntentKind::Drain { share: Share::from_permille(share).unwrap() });
            }
            if *down {
                world.set(site, State::Down, "");
            }
        }
        let outcome = forecast(&world.topology, &world.plan(), &day(), SiteSet::EMPTY);
        let usable = world.plan().services[0]
            .sites
            .iter()
            .any(|site| !matches!(site.standing, crate::model::Standing::Down));
        let expected = if usable { 0.0 } else { 1400.0 };
        prop_assert!((outcome.unplaced() - expected).abs() < 1e-6);
    }
}

fn assigned_view(capacity: &[Option<u64>], flows: &[Flow], position: usize) -> f64 {
    let demand = flows[position].demand;
    assigned_by_demand(capacity, flows).views[demand].spilled
}

/// As [`assigned`], for flows that stand in another order than their demands.
fn assigned_by_demand(capacity: &[Option<u64>], flows: &[Flow]) -> Forecast {
    let mut demands: Vec<(usize, Demand)> = flows
        .iter()
        .map(|flow| (flow.demand, Demand { service: ServiceIx(0), order: flow.order.clone(), amount: flow.amount }))
        .collect();
    demands.sort_by_key(|(position, _)| *position);
    assign(flows, capacity, 1, &demands.into_iter().map(|(_, demand)| demand).collect::<Vec<_>>())
}

#[test]
fn amounts_are_written_for_people() {
    let written = [-0.0, 0.04, 12.34, 99.96, 1234.5].map(crate::plan::amount);
    assert_eq!(written, ["0", "0", "12.3", "100", "1234"]);
}
