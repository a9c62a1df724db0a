//! Power fails here and there, all the time. Broken, an order that an operator was promised is gone.

use std::thread;
use std::time::Instant;

use waypost::model::Reach;

use crate::chance::Chance;
use crate::checker::check;
use crate::network::COUNT;
use crate::stage::{Fault, Stage, summary};
use crate::world::in_a_world;

const KILLS: usize = 50;
/// After so many, everything is started and compared.
const COMPARED: usize = 10;
/// Of 1000 victims so many are still down when the next one dies.
const OVERLAP: u64 = 250;
const SEED: u64 = 6;

#[test]
fn killing_everything_in_random_order_loses_no_acknowledged_order() {
    in_a_world("kills::killing_everything_in_random_order_loses_no_acknowledged_order", |world| {
        let start = Instant::now();
        let mut stage = Stage::set(world);
        let mut chance = Chance::new(SEED);
        let mut deck: Vec<Fault> = Vec::new();
        for kill in 1..=KILLS {
            if deck.is_empty() {
                deck = (0..COUNT).flat_map(|site| [Fault::NodeKilled(site), Fault::MemberKilled(site)]).collect();
            }
            let victim = deck.swap_remove(chance.below(deck.len()));
            // It may still be down from the last round.
            stage.end(victim);
            order(&mut stage, &mut chance);
            thread::sleep(chance.span(1..300));
            stage.begin(victim);
            order(&mut stage, &mut chance);
            thread::sleep(chance.span(1..600));
            if !chance.is(OVERLAP) {
                stage.end(victim);
                order(&mut stage, &mut chance);
            }
            if kill % COMPARED == 0 {
                stage.settle();
            }
        }
        let history = stage.finish();
        println!("{KILLS} kills in {:.0} s: {}", start.elapsed().as_secs_f64(), summary(&history));
        assert_eq!(check(&history), Vec::<String>::new());
        let acknowledged = |given: &&crate::history::Given| given.outcome == crate::history::Outcome::Acknowledged;
        assert!(history.orders.iter().filter(acknowledged).count() >= KILLS / 2, "hardly anything was promised");
    });
}

/// Somebody orders something at a node that runs.
fn order(stage: &mut Stage, chance: &mut Chance) {
    let running: Vec<usize> = (0..COUNT).filter(|node| !stage.is_broken(Fault::NodeKilled(*node))).collect();
    let Some(node) = running.get(chance.below(COUNT)).or(running.first()).copied() else { return };
    let site = chance.below(COUNT);
    if chance.is(500) {
        stage.drain(node, site, Reach::Everywhere);
    } else {
        stage.lift(node, site);
    }
}
