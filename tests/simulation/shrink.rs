//! Shrinking: which acts of a scenario are needed for a rule to be broken.

use std::fmt::Write;

use crate::core::Core;
use crate::oracle::Violation;
use crate::quiet::Quiet;
use crate::run::run;
use crate::scenario::Scenario;

/// The scenario with as few of its acts as still break a rule. Acts are left out by halves, quarters and so on down to
/// single ones, until none can be.
pub fn shrink(scenario: &Scenario, core: Core) -> Scenario {
    let fails = |kept: &[usize]| run(&scenario.keeping(kept), core, Quiet::Leapt).1.is_err();
    let mut kept: Vec<usize> = (0..scenario.acts.len()).collect();
    let mut size = kept.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        let before = kept.len();
        while from < kept.len() {
            let without: Vec<usize> = kept
                .iter()
                .enumerate()
                .filter(|(ix, _)| !(from..from + size).contains(ix))
                .map(|(_, act)| *act)
                .collect();
            if fails(&without) {
                kept = without;
            } else {
                from += size;
            }
        }
        if size == 1 && kept.len() == before {
            return scenario.keeping(&kept);
        }
        size = size.div_ceil(2).max(1);
    }
}

/// What was broken, by which seed, the smallest way to it, and the command that shows it again.
pub fn report(scenario: &Scenario, core: Core, violation: &Violation) -> String {
    let small = shrink(scenario, core);
    let last = run(&small, core, Quiet::Leapt).1.err();
    let mut text = format!("seed {:#x}: {violation}\n", scenario.seed);
    let _ = writeln!(text, "in {:?}", scenario.shape);
    let _ = writeln!(text, "{} of its {} acts are enough:", small.acts.len(), scenario.acts.len());
    for act in &small.acts {
        let _ = writeln!(text, "  {act}");
    }
    if let Some(last) = last {
        let _ = writeln!(text, "with these alone, {last}");
    }
    let _ = write!(
        text,
        "again: WAYPOST_SEED={:#x} cargo test --release --test simulation again -- --nocapture",
        scenario.seed
    );
    text
}
