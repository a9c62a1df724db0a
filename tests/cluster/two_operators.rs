//! Two operators drain the last two sites at two nodes at the same moment. Broken, both may, and nothing serves.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use waypost::admin::api::{OrderOutcome, ProblemKind};
use waypost::model::Reach;

use crate::api::{Api, Trouble};
use crate::cluster::Cluster;
use crate::network::NAMES;
use crate::world::in_a_world;

const ROUNDS: usize = 200;

#[test]
fn of_two_operators_who_drain_the_last_two_sites_one_is_refused() {
    in_a_world("two_operators::of_two_operators_who_drain_the_last_two_sites_one_is_refused", |world| {
        let cluster = Cluster::start(world);
        cluster.wait_until_agreed();
        cluster.api(2).drain(NAMES[2], "the third", Reach::Everywhere).unwrap_or_else(|trouble| panic!("{trouble}"));
        cluster.wait_until_named(&[0, 1, 2], &[0, 1]);
        let start = Instant::now();
        let mut won = [0; 2];
        for round in 0..ROUNDS {
            // Each operator is at another node every time, and drains the other site.
            let nodes = [round % 3, (round + 1) % 3];
            let outcomes = at_once([cluster.api(nodes[0]), cluster.api(nodes[1])]);
            let winner = match &outcomes {
                [Ok(_), Err(trouble)] if is_refused(trouble) => 0,
                [Err(trouble), Ok(_)] if is_refused(trouble) => 1,
                _ => panic!("round {round}: {:?} and {:?}", told(&outcomes[0]), told(&outcomes[1])),
            };
            won[winner] += 1;
            let lifted = cluster.api(nodes[1 - winner]).lift(NAMES[winner], "next round");
            lifted.unwrap_or_else(|trouble| panic!("round {round}: {trouble}"));
        }
        println!(
            "{ROUNDS} rounds in {:.0} s: exactly one was refused, {} times the first and {} times the second",
            start.elapsed().as_secs_f64(),
            won[1],
            won[0]
        );
        // The exit code that operators see.
        cluster.nodes[0].order(&["drain", NAMES[0], "--reason", "test", "--yes"]);
        let refused = cluster.nodes[1].command(&["drain", NAMES[1], "--reason", "test", "--yes"]);
        assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
        cluster.wait_until_agreed();
        cluster.wait_until_named(&[0, 1, 2], &[1]);
    });
}

type Answer = Result<OrderOutcome, Trouble>;

/// Both operators order at the same moment.
fn at_once(apis: [Api; 2]) -> [Answer; 2] {
    let together = Barrier::new(2);
    let order = |operator: usize| {
        let (api, together) = (&apis[operator], &together);
        move || {
            together.wait();
            api.drain(NAMES[operator], "at the same moment", Reach::Everywhere)
        }
    };
    thread::scope(|scope| [scope.spawn(order(0)), scope.spawn(order(1))].map(|operator| operator.join().unwrap()))
}

/// Whether a safety rule refused it, and nothing else.
fn is_refused(trouble: &Trouble) -> bool {
    trouble.kind() == Some(ProblemKind::Refused)
}

fn told(answer: &Answer) -> String {
    match answer {
        Ok(outcome) => format!("{:?}", outcome.outcome),
        Err(trouble) => trouble.to_string(),
    }
}
