//! One node here, two there, a site dies, and operators order on both sides. Broken, the sum of what is right on each side
//! is wrong for everyone.

use std::thread;
use std::time::Duration;

use waypost::model::{Connection, Reach, Tier};

use crate::checker::check;
use crate::cluster::PATIENCE;
use crate::network::{Cut, NAMES};
use crate::patience::wait_until;
use crate::stage::{Fault, Stage, summary};
use crate::world::in_a_world;

/// Until whoever could notice anything has.
const LONG: Duration = Duration::from_secs(30);

#[test]
fn orders_on_both_sides_of_a_partition_are_never_unsafe() {
    in_a_world("partition::orders_on_both_sides_of_a_partition_are_never_unsafe", |world| {
        let mut stage = Stage::set(world);
        let cuts = [Fault::Cut(Cut::Between(0, 1)), Fault::Cut(Cut::Between(0, 2))];
        cuts.into_iter().for_each(|cut| stage.begin(cut));
        stage.cluster.wait_until_named(&[1, 2], &[1, 2]);
        wait_until("the smaller side knows that it is cut off", PATIENCE, || {
            stage.cluster.connection(0) == Connection::CutOff
        });
        stage.begin(Fault::MailDead(2));
        stage.cluster.wait_until_named(&[1, 2], &[1]);

        // The larger side: the last site in service stays, what is out already may be drained.
        let exit = |node: usize, words: &[&str]| {
            let output = stage.cluster.nodes[node].command(&[words, &["--reason", "test"]].concat());
            let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            println!("{} at {}: exit {:?}: {}", words.join(" "), NAMES[node], output.status.code(), said.trim());
            output.status.code().unwrap()
        };
        assert_eq!(exit(1, &["drain", NAMES[1], "--yes"]), 3);
        assert_eq!(exit(2, &["isolate", NAMES[1], "--yes"]), 3);
        // The smaller side: nothing that others would have to follow.
        assert_eq!(exit(0, &["drain", NAMES[1], "--yes"]), 5);
        stage.drain(2, 0, Reach::Everywhere);
        stage.drain(0, 1, Reach::ThisNode);
        stage.hear_operators();
        stage.cluster.wait_until_named(&[0], &[0, 2]);
        thread::sleep(LONG);
        stage.cluster.wait_until_named(&[1, 2], &[1]);

        cuts.into_iter().for_each(|cut| stage.end(cut));
        let all = stage.cluster.wait_until_agreed();
        for order in &all[0].orders {
            println!("stands afterwards: {} ({})", order.intent.scope, order.intent.reason);
        }
        // Whatever became of both orders, a site stays in service.
        assert_eq!(all[0].services[0].tier, Tier::Serving, "{:?}", all[0].services);
        stage.settle();
        let history = stage.finish();
        println!("{}", summary(&history));
        assert_eq!(check(&history), Vec::<String>::new());
    });
}
