//! Faults at random, from seeds. Broken, some combination of faults that nobody thought of loses an order, or mail.
//!
//! `WAYPOST_FAULT_SCHEDULES` says how many schedules are run (default 100), `WAYPOST_FIRST_SEED` with which seed they begin,
//! `WAYPOST_SEED` that only this one is.

use std::ops::Range;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::checker::check;
use crate::schedule::{Act, Schedule};
use crate::stage::{Stage, summary};
use crate::world::in_worlds;

const SCHEDULES: u64 = 100;
/// So many clusters at the same time: they mostly wait.
const WORLDS: usize = 4;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    let number = text.strip_prefix("0x").map_or_else(|| text.parse(), |digits| u64::from_str_radix(digits, 16));
    Some(number.unwrap_or_else(|_| panic!("{variable} is {text}, not a number")))
}

/// The seeds that are to be run.
fn seeds() -> Range<u64> {
    if let Some(seed) = number("WAYPOST_SEED") {
        return seed..seed + 1;
    }
    let first = number("WAYPOST_FIRST_SEED").unwrap_or(1);
    first..first + number("WAYPOST_FAULT_SCHEDULES").unwrap_or(SCHEDULES)
}

#[test]
fn no_schedule_of_faults_breaks_a_rule() {
    let seeds = seeds();
    let worlds = WORLDS.min(usize::try_from(seeds.end - seeds.start).unwrap());
    in_worlds("random_faults::no_schedule_of_faults_breaks_a_rule", worlds, |world| {
        let start = Instant::now();
        let mut stage = Stage::set(world);
        let mine: Vec<u64> = seeds.skip(world.number()).step_by(worlds).collect();
        let mut begun = Vec::new();
        for seed in &mine {
            let schedule = Schedule::of(*seed);
            begun.push((Timestamp::now(), *seed));
            // Seen only where something goes wrong and the test ends in the middle of it.
            eprintln!("world {}: seed {seed} at {}", world.number(), Timestamp::now());
            run(&mut stage, &schedule);
        }
        let history = stage.finish();
        println!(
            "world {}: {} schedules in {:.0} s, {}",
            world.number(),
            mine.len(),
            start.elapsed().as_secs_f64(),
            summary(&history)
        );
        let broken = check(&history);
        let schedules = begun.iter().map(|(at, seed)| format!("{at}: {:?}", Schedule::of(*seed)));
        assert!(
            broken.is_empty(),
            "broken:\n{}\nof what happened here:\n{}\nagain with WAYPOST_SEED=…",
            broken.join("\n"),
            schedules.collect::<Vec<_>>().join("\n")
        );
    });
}

/// Lets a schedule happen, and waits until all is well again.
fn run(stage: &mut Stage, schedule: &Schedule) {
    let start = Instant::now();
    for (at, act) in &schedule.acts {
        thread::sleep(at.saturating_sub(start.elapsed()));
        match act {
            Act::Begin(fault) => stage.begin(*fault),
            Act::End(fault) => stage.end(*fault),
            Act::Drain(node, site, reach) => stage.drain(*node, *site, *reach),
            Act::Lift(node, site) => stage.lift(*node, *site),
        }
    }
    stage.settle();
    thread::sleep(Duration::from_millis(100));
}
