//! The core under virtual time: several nodes, sites that fail in every way, operators at the worst moment.
//!
//! Everything follows from a seed. `WAYPOST_FAULT_YEARS` says how many years are run through (default: a quick look),
//! `WAYPOST_FIRST_SEED` with which seed they begin. A scenario that breaks a rule is printed with its seed, made as
//! small as it can be, and run again with
//! `WAYPOST_SEED=0x… cargo test --release --test simulation again -- --nocapture`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]
#![allow(clippy::cast_precision_loss)]

mod chance;
mod core;
mod islands;
mod node;
mod oracle;
mod orders;
mod run;
mod scenario;
mod shrink;
mod store;
mod unison;
mod world;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::core::Core;
use crate::oracle::Violation;
use crate::run::{Quiet, Tally, run};
use crate::scenario::{Scenario, YEARS};

/// Years that a run without further words goes through.
const QUICK: u64 = 80;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.strip_prefix("0x").map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16));
    Some(number.unwrap_or_else(|_| panic!("{variable} is {text}, not a number")))
}

/// Runs seeds on all cores until `years` are over or a rule is broken.
fn years(core: Core, first: u64, years: u64) -> (Tally, Option<(Scenario, Violation)>) {
    let next = AtomicU64::new(first);
    let end = first + years.div_ceil(YEARS);
    let outcome = Mutex::new((Tally::default(), None));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let scenario = Scenario::of(seed);
                    let (tally, broken) = run(&scenario, core, Quiet::Leapt);
                    let mut outcome = outcome.lock().unwrap();
                    outcome.0.add(&tally);
                    if let Err(violation) = broken {
                        next.store(end, Ordering::Relaxed);
                        outcome.1 = Some((scenario, violation));
                        return;
                    }
                }
            });
        }
    });
    outcome.into_inner().unwrap()
}

#[test]
fn no_rule_is_broken() {
    let (first, wanted) = (number("WAYPOST_FIRST_SEED").unwrap_or(1), number("WAYPOST_FAULT_YEARS").unwrap_or(QUICK));
    let start = Instant::now();
    let (tally, broken) = years(Core::Whole, first, wanted);
    if let Some((scenario, violation)) = broken {
        panic!("{}", shrink::report(&scenario, Core::Whole, &violation));
    }
    let Tally { faults, orders, refused, local, offered, accepted, probes, swaps, checks, stepped } = tally;
    println!(
        "{} fault-years ({} days of trouble run through, quiet leapt over) in {:.0} s: {faults} faults, {orders} changes \
         of orders, {refused} refused, {local} for one node alone, {offered} of them for all in the end, {accepted} stores \
         that went back accepted, {probes} probes, {swaps} plans served; {checks} times a rule was looked at, 0 broken",
        wanted.div_ceil(YEARS) * YEARS,
        stepped.as_secs() / 86_400,
        start.elapsed().as_secs_f64(),
    );
    assert!(checks > 0 && faults > 0 && swaps > 0 && local > 0 && offered > 0 && accepted > 0);
}

#[test]
fn every_broken_core_is_caught() {
    for core in Core::BROKEN {
        let (_, broken) = years(core, 1, 400);
        let (scenario, violation) = broken.unwrap_or_else(|| panic!("{core:?} was not caught"));
        println!("{core:?}: seed {:#x}, {violation}", scenario.seed);
    }
}

#[test]
fn a_scenario_that_fails_is_made_small_and_fails_again() {
    let (_, broken) = years(Core::SoftIsolation, 1, 400);
    let (scenario, _) = broken.expect("the broken core is caught");
    let small = shrink::shrink(&scenario, Core::SoftIsolation);
    assert!(small.acts.len() <= 3 && small.acts.len() < scenario.acts.len(), "{} acts", small.acts.len());
    let (first, second) =
        (run(&small, Core::SoftIsolation, Quiet::Leapt).1, run(&small, Core::SoftIsolation, Quiet::Leapt).1);
    assert!(first.is_err() && first == second);
    assert!(run(&small, Core::Whole, Quiet::Leapt).1.is_ok(), "it is the core that is broken");
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let figures = |seed| {
        let (tally, outcome) = run(&Scenario::of(seed), Core::Whole, Quiet::Leapt);
        (tally.probes, tally.swaps, tally.checks, outcome)
    };
    assert_eq!(figures(3), figures(3));
    assert_ne!(figures(3), figures(4));
}

/// Quiet of up to half an hour is run through instead: no rule is broken there either, and nothing else happens.
#[test]
fn a_leap_leaves_nothing_out() {
    for seed in 1..=4 {
        let mut scenario = Scenario::of(seed);
        // The first episodes, close together.
        scenario.episodes.truncate(3);
        scenario.acts.retain(|act| act.episode < 3);
        for (position, begins) in (1_u32..).zip(&mut scenario.episodes) {
            *begins = Duration::from_secs(1500) * position;
        }
        let (leapt, outcome) = run(&scenario, Core::Whole, Quiet::Leapt);
        assert_eq!(outcome, Ok(()));
        let (stepped, outcome) = run(&scenario, Core::Whole, Quiet::Stepped(Duration::from_secs(1800)));
        assert_eq!(outcome, Ok(()));
        assert!(stepped.probes > leapt.probes);
        assert_eq!((stepped.faults, stepped.orders > 0), (leapt.faults, leapt.orders > 0), "seed {seed}");
    }
}

/// Runs the seed in `WAYPOST_SEED` again and tells what it finds.
#[test]
fn again() {
    let Some(seed) = number("WAYPOST_SEED") else { return };
    let scenario = Scenario::of(seed);
    match run(&scenario, Core::Whole, Quiet::Leapt).1 {
        Ok(()) => println!("seed {seed:#x} breaks no rule"),
        Err(violation) => panic!("{}", shrink::report(&scenario, Core::Whole, &violation)),
    }
}
