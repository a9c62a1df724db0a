//! Demand as measured, and what it comes to in the operator's unit.

use std::time::Duration;

use super::demand::{Basis, Demand, Meters, Moment, ViewKey, ViewRate, basis, demands};
use super::fixture::Fixture;
use crate::model::{Mono, ServiceIx, SiteIx};

fn view(order: &[&str]) -> ViewKey {
    ViewKey { service: "mx".to_owned(), order: order.iter().map(ToString::to_string).collect() }
}

fn rate(order: &[&str], now: f64, peak: f64) -> ViewRate {
    ViewRate { view: view(order), now, peak, queries: 1e6 }
}

fn at(seconds: u64) -> Mono {
    Mono(Duration::from_secs(seconds))
}

/// So many queries a second from one view, for as long as said, beginning at `from`.
fn steady(meters: &mut Meters, per_second: u64, from: u64, seconds: u64) {
    for second in from..from + seconds {
        meters.count(&view(&["a", "b"]), per_second, at(second + 1));
    }
}

fn measured(meters: &Meters, now: u64) -> (f64, f64) {
    let rates = meters.rates(at(now));
    rates.first().map_or((0.0, 0.0), |rate| (rate.now, rate.peak))
}

fn is_near(value: f64, expected: f64) -> bool {
    (value - expected).abs() <= expected * 0.02 + 0.01
}

#[test]
fn a_steady_rate_is_known_within_seconds_of_the_start() {
    let mut meters = Meters::new(at(0));
    for (from, seconds) in [(0, 5), (5, 55), (60, 600), (660, 3600)] {
        steady(&mut meters, 40, from, seconds);
        let (now, _) = measured(&meters, from + seconds);
        assert!(is_near(now, 40.0), "{now} after {} s", from + seconds);
    }
}

#[test]
fn a_rate_halves_in_five_minutes_and_the_peak_stays_for_a_day() {
    let mut meters = Meters::new(at(0));
    steady(&mut meters, 100, 0, 7200);
    assert!(is_near(measured(&meters, 7200 + 300).0, 50.0));
    assert!(is_near(measured(&meters, 7200 + 900).0, 12.5));
    let (now, peak) = measured(&meters, 7200 + 12 * 3600);
    assert!(now < 1e-6 && is_near(peak, 100.0), "{now} {peak}");
    let (_, peak) = measured(&meters, 7200 + 22 * 3600);
    assert!(is_near(peak, 100.0), "{peak}");
    let (_, peak) = measured(&meters, 7200 + 24 * 3600);
    assert!(peak < 1e-6, "{peak}");
}

#[test]
fn the_peak_is_the_busiest_minute() {
    let mut meters = Meters::new(at(0));
    steady(&mut meters, 10, 0, 3600);
    steady(&mut meters, 70, 3600, 60);
    steady(&mut meters, 10, 3660, 3600);
    let (now, peak) = measured(&meters, 7260);
    assert!(is_near(now, 10.0) && is_near(peak, 70.0), "{now} {peak}");
}

#[test]
fn silent_views_are_forgotten_after_a_day_and_not_before() {
    let mut meters = Meters::new(at(0));
    steady(&mut meters, 10, 0, 120);
    meters.tidy(at(23 * 3600));
    assert_eq!(meters.rates(at(23 * 3600)).len(), 1);
    meters.tidy(at(25 * 3600));
    assert!(meters.rates(at(25 * 3600)).is_empty());
}

#[test]
fn views_are_bounded_and_the_quietest_go_first() {
    let mut meters = Meters::new(at(0));
    meters.count(&view(&["loud"]), 1_000_000, at(1));
    for number in 0..super::DEMAND_VIEWS + 10 {
        meters.count(&view(&[&number.to_string()]), 1, at(2));
    }
    let rates = meters.rates(at(2));
    assert!(rates.len() <= super::DEMAND_VIEWS);
    assert!(rates.iter().any(|rate| rate.view == view(&["loud"])));
}

/// Sites s0, s1, s2.
fn world(demand: Option<u64>) -> Fixture {
    let mut world = Fixture::new(&[1, 1, 1]);
    world.service().demand = demand;
    world
}

fn amounts(world: &Fixture, rates: &[ViewRate], moment: Moment) -> Vec<(Vec<u8>, f64)> {
    let views = [[SiteIx(0), SiteIx(1), SiteIx(2)], [SiteIx(2), SiteIx(1), SiteIx(0)]];
    let all = demands(&world.topology, rates, moment, |_| views.iter().map(<[SiteIx; 3]>::as_slice).collect());
    let of = |Demand { service, order, amount }: Demand| {
        assert_eq!(service, ServiceIx(0));
        (order.into_iter().map(|site| site.0).collect(), (amount * 10.0).round() / 10.0)
    };
    all.into_iter().map(of).collect()
}

#[test]
fn without_a_configured_demand_queries_count_as_they_are() {
    let world = world(None);
    let rates = [rate(&["s0", "s1", "s2"], 5.0, 20.0), rate(&["s2", "s1", "s0"], 3.0, 10.0)];
    assert_eq!(amounts(&world, &rates, Moment::Now), [(vec![0, 1, 2], 5.0), (vec![2, 1, 0], 3.0)]);
    assert_eq!(amounts(&world, &rates, Moment::Peak), [(vec![0, 1, 2], 20.0), (vec![2, 1, 0], 10.0)]);
    assert!(amounts(&world, &[], Moment::Peak).is_empty());
    assert_eq!(basis(&world.topology.services[0], &[]), Basis::Queries);
}

#[test]
fn a_configured_demand_is_that_of_the_peak_divided_as_measured() {
    let world = world(Some(900));
    let rates = [rate(&["s0", "s1", "s2"], 5.0, 20.0), rate(&["s2", "s1", "s0"], 2.0, 10.0)];
    assert_eq!(amounts(&world, &rates, Moment::Peak), [(vec![0, 1, 2], 600.0), (vec![2, 1, 0], 300.0)]);
    assert_eq!(amounts(&world, &rates, Moment::Now), [(vec![0, 1, 2], 150.0), (vec![2, 1, 0], 60.0)]);
    assert_eq!(basis(&world.topology.services[0], &rates), Basis::Measured);
}

#[test]
fn a_configured_demand_is_divided_evenly_until_something_is_measured() {
    let world = world(Some(900));
    for moment in [Moment::Now, Moment::Peak] {
        assert_eq!(amounts(&world, &[], moment), [(vec![0, 1, 2], 450.0), (vec![2, 1, 0], 450.0)]);
    }
    let silent = [rate(&["s0", "s1", "s2"], 0.0, 0.0)];
    assert_eq!(amounts(&world, &silent, Moment::Peak).len(), 2);
    assert_eq!(basis(&world.topology.services[0], &silent), Basis::Even);
}

#[test]
fn views_outlive_sites_that_come_and_go() {
    let world = world(None);
    // A site that was taken away is left out, one that is new comes last; views that then agree are one.
    let rates = [
        rate(&["s2", "gone", "s0"], 1.0, 1.0),
        rate(&["s2", "s0"], 2.0, 2.0),
        ViewRate { view: ViewKey { service: "other".to_owned(), ..view(&["s0"]) }, ..rate(&[], 9.0, 9.0) },
    ];
    assert_eq!(amounts(&world, &rates, Moment::Now), [(vec![2, 0, 1], 3.0)]);
}

#[test]
fn peaks_outlive_a_restart_for_the_rest_of_their_day() {
    let mut meters = Meters::new(at(0));
    steady(&mut meters, 70, 0, 600);
    steady(&mut meters, 10, 600, 7200);
    let kept = meters.peaks(at(7800));
    assert!(is_near(kept[0].hours[0], 10.0) && is_near(kept[0].hours[2], 70.0), "{kept:?}");

    let after = |hours_down: u64, seconds: u64| {
        let mut meters = Meters::new(at(0));
        meters.restore(kept.clone(), hours_down, at(3));
        measured(&meters, seconds).1
    };
    assert!(is_near(after(0, 60), 70.0) && is_near(after(3, 60), 70.0));
    assert!(is_near(after(0, 20 * 3600), 70.0), "two hours old, and twenty of the new run");
    assert!(is_near(after(0, 22 * 3600 + 60), 10.0));
    assert!(is_near(after(22, 60), 10.0) && after(24, 60) < 1e-9 && after(u64::MAX, 60) < 1e-9);

    let mut odd = kept;
    odd[0].hours = [f64::NAN; super::DEMAND_HOURS];
    odd[0].hours[5] = -1.0;
    let mut meters = Meters::new(at(0));
    meters.restore(odd, 0, at(0));
    assert!(measured(&meters, 60).1.abs() < 1e-9);
}

#[test]
fn clients_are_moved_by_what_is_known_from_many_queries_alone() {
    let of = |service: &str, queries: f64| ViewRate {
        view: ViewKey { service: service.to_owned(), ..view(&["s0"]) },
        queries,
        ..rate(&[], 1.0, 1.0)
    };
    let known = super::known_well(&[of("mx", 900.0), of("imap", 999.0), of("mx", 100.0)]);
    assert_eq!(known.iter().map(|rate| rate.view.service.as_str()).collect::<Vec<_>>(), ["mx", "mx"]);
}
