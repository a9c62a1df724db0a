//! What is broken when, and what operators ask for meanwhile: all of it follows from a seed.

use std::collections::BTreeSet;
use std::time::Duration;

use waypost::model::Reach;

use crate::chance::Chance;
use crate::network::{COUNT, Cut};
use crate::stage::Fault;

/// Faults begin within this.
const BEGIN: u64 = 2_500;
/// How long most faults last, in milliseconds.
const SHORT: std::ops::Range<u64> = 300..6_000;
/// How long a fault lasts that is to be noticed by everyone: until votes are too old to count, and more.
const LONG: std::ops::Range<u64> = 9_000..15_000;
/// Of 1000 schedules so many have faults that last long.
const LONG_ONES: u64 = 250;

/// Something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    Begin(Fault),
    End(Fault),
    /// At a node, of a site.
    Drain(usize, usize, Reach),
    /// At a node, of a site.
    Lift(usize, usize),
}

/// What happens when, in the order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub seed: u64,
    pub acts: Vec<(Duration, Act)>,
}

impl Schedule {
    /// The schedule of a seed.
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let lengths = if chance.is(LONG_ONES) { LONG } else { SHORT };
        let mut acts = Vec::new();
        let mut struck = BTreeSet::new();
        let mut latest = Duration::ZERO;
        for _ in 0..=chance.below(4) {
            let fault = fault(&mut chance);
            // One thing can only be broken in one way at a time.
            if !struck.insert(target(fault)) {
                continue;
            }
            let begin = Duration::from_millis(chance.within(0..BEGIN));
            let end = begin + chance.span(lengths.clone());
            latest = latest.max(end);
            acts.extend([(begin, Act::Begin(fault)), (end, Act::End(fault))]);
        }
        let span = u64::try_from(latest.as_millis()).unwrap();
        for _ in 0..=chance.below(4) {
            let at = Duration::from_millis(chance.within(0..span));
            acts.push((at, order(&mut chance)));
        }
        acts.sort_by_key(|(at, _)| *at);
        Self { seed, acts }
    }
}

fn fault(chance: &mut Chance) -> Fault {
    let site = chance.below(COUNT);
    match chance.below(15) {
        0 | 1 => Fault::Cut(Cut::Uplink(site)),
        2 => Fault::Cut(Cut::Inbound(site)),
        3 | 4 => Fault::Cut(Cut::Between(site, (site + 1) % COUNT)),
        5 => Fault::Cut(Cut::Store(site)),
        6 => Fault::Cut(Cut::Mail(site)),
        7 => Fault::Cut(Cut::Flaps(site)),
        8 | 9 => Fault::MailDead(site),
        10 => Fault::MailHangs(site),
        11 => Fault::MemberKilled(site),
        12 => Fault::MemberFrozen(site),
        13 => Fault::NodeKilled(site),
        _ => Fault::NodeFrozen(site),
    }
}

/// What a fault breaks.
fn target(fault: Fault) -> (u8, usize) {
    match fault {
        Fault::Cut(Cut::Uplink(site)) => (0, site),
        Fault::Cut(Cut::Inbound(site)) => (1, site),
        Fault::Cut(Cut::Between(site, _)) => (2, site),
        Fault::Cut(Cut::Store(site)) => (3, site),
        Fault::Cut(Cut::Mail(site) | Cut::Flaps(site)) => (4, site),
        Fault::MailDead(site) | Fault::MailHangs(site) => (5, site),
        Fault::MemberKilled(site) | Fault::MemberFrozen(site) => (6, site),
        Fault::NodeKilled(site) | Fault::NodeFrozen(site) => (7, site),
    }
}

fn order(chance: &mut Chance) -> Act {
    let (node, site) = (chance.below(COUNT), chance.below(COUNT));
    match chance.below(10) {
        0..4 => Act::Drain(node, site, Reach::Everywhere),
        4 | 5 => Act::Drain(node, site, Reach::ThisNode),
        _ => Act::Lift(node, site),
    }
}

#[test]
fn a_seed_gives_the_same_schedule_and_all_that_breaks_is_mended() {
    for seed in 0..1_000 {
        let schedule = Schedule::of(seed);
        assert_eq!(schedule, Schedule::of(seed));
        let mut broken = Vec::new();
        for (_, act) in &schedule.acts {
            match act {
                Act::Begin(fault) => broken.push(*fault),
                Act::End(fault) => broken.retain(|other| other != fault),
                Act::Drain(..) | Act::Lift(..) => {}
            }
        }
        assert!(broken.is_empty(), "{schedule:?}");
        assert!(schedule.acts.len() >= 3, "{schedule:?}");
    }
}
