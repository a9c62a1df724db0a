//! The store that all nodes share loses its majority. Broken, a fault of etcd becomes a fault of mail.

use std::thread;
use std::time::{Duration, Instant};

use waypost::model::{Connection, EventKind};

use crate::checker::check;
use crate::cluster::{PATIENCE, node_name};
use crate::network::NAMES;
use crate::patience::wait_until;
use crate::stage::{Fault, Stage, summary};
use crate::world::in_a_world;

/// How long the store is lost.
const OUTAGE: Duration = Duration::from_secs(60);

#[test]
fn without_a_majority_of_the_store_answers_follow_health_and_orders_wait() {
    in_a_world("store_lost::without_a_majority_of_the_store_answers_follow_health_and_orders_wait", |world| {
        let mut stage = Stage::set(world);
        let lost = [Fault::MemberFrozen(1), Fault::MemberKilled(2)];
        lost.into_iter().for_each(|fault| stage.begin(fault));
        let struck = Instant::now();
        for node in 0..3 {
            wait_until("the node says that the store is lost", PATIENCE, || {
                stage.cluster.connection(node) != Connection::Connected
            });
        }
        println!("all nodes say that they lost the store after {:.1} s", struck.elapsed().as_secs_f64());

        let dead = Fault::MailDead(2);
        let (from, out, back) = (Instant::now(), [0, 1], [0, 1, 2]);
        stage.begin(dead);
        stage.cluster.wait_until_named(&[0, 1, 2], &out);
        println!("{} died: out of all answers after {:.2} s", NAMES[2], from.elapsed().as_secs_f64());

        let drain = ["drain", NAMES[0], "--for", "1h", "--reason", "new switch", "--yes"];
        let refused = stage.cluster.nodes[1].command(&drain);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(5), "{said}");
        assert!(said.contains("store"), "{said}");
        println!("a drain is refused: {}", said.trim());

        stage.end(dead);
        stage.cluster.wait_until_named(&[0, 1, 2], &back);
        println!("{} is back in all answers", NAMES[2]);

        let said = stage.cluster.nodes[1].order(&[&drain[..], &["--local"]].concat());
        println!("with --local it is taken: {}", said.trim());
        stage.cluster.wait_until_named(&[1], &[1, 2]);
        assert!(stage.cluster.names(0, 0) && stage.cluster.names(2, 0), "only the node that was asked follows");
        let status = stage.cluster.status(1);
        assert!(!status.orders[0].intent.reach.is_everywhere(), "{:?}", status.orders);
        let shown = stage.cluster.nodes[1].order(&["status"]);
        assert!(shown.contains("local") || shown.contains("this node"), "{shown}");

        // By now nobody's vote counts at others any more.
        thread::sleep(OUTAGE.saturating_sub(struck.elapsed()));
        for node in 0..3 {
            assert_eq!(stage.cluster.connection(node), Connection::Alone, "{}", NAMES[node]);
            assert!(!stage.cluster.status(node).degradations.is_empty());
        }
        let healed = Instant::now();
        lost.into_iter().for_each(|fault| stage.end(fault));
        stage.cluster.wait_until_named(&[0, 1, 2], &[1, 2]);
        let all = stage.settle();
        println!("all nodes at one {:.1} s after the return of the store", healed.elapsed().as_secs_f64());
        for status in &all {
            let intent = &status.orders[0].intent;
            assert!(intent.reach.is_everywhere() && intent.reason == "new switch", "{intent:?}");
        }
        let lifted = stage.cluster.nodes[2].order(&["undrain", NAMES[0]]);
        println!("{}", lifted.trim());
        stage.cluster.wait_until_all_serve();

        // What was done by hand is none of the wishes that the checker knows.
        let mut history = stage.finish();
        println!("{}", summary(&history));
        history.settled.remove(0);
        assert_eq!(check(&history), Vec::<String>::new());
        let told = |event: &&waypost::model::Event| matches!(&event.kind, EventKind::Degraded { .. });
        assert!(history.journals[&node_name(NAMES[0])].iter().filter(told).count() > 0);
    });
}

#[test]
fn what_lies_under_an_order_of_one_node_is_there_when_that_is_lifted() {
    in_a_world("store_lost::what_lies_under_an_order_of_one_node_is_there_when_that_is_lifted", |world| {
        let mut stage = Stage::set(world);
        let drained = stage.cluster.nodes[0].order(&["drain", NAMES[2], "--for", "1h", "--reason", "for all", "--yes"]);
        assert!(drained.contains("acknowledged by"), "{drained}");
        stage.cluster.wait_until_named(&[0, 1, 2], &[0, 1]);
        let lost = [Fault::MemberFrozen(0), Fault::MemberKilled(2)];
        lost.into_iter().for_each(|fault| stage.begin(fault));
        wait_until("the node says that the store is lost", PATIENCE, || {
            stage.cluster.connection(1) != Connection::Connected
        });
        stage.cluster.nodes[1].order(&["pin", NAMES[2], "--for", "1h", "--reason", "here", "--local", "--yes"]);
        stage.cluster.wait_until_named(&[1], &[0, 1, 2]);
        stage.cluster.nodes[1].order(&["undrain", NAMES[2]]);
        stage.cluster.wait_until_named(&[1], &[0, 1]);
        lost.into_iter().for_each(|fault| stage.end(fault));
        wait_until("the store is back", PATIENCE, || stage.cluster.connection(1) == Connection::Connected);
        // Long enough for a node to clear what it holds for over.
        thread::sleep(Duration::from_secs(5));
        for node in 0..3 {
            let orders = stage.cluster.status(node).orders;
            assert_eq!(orders.len(), 1, "{orders:?}");
            assert_eq!(orders[0].intent.reason, "for all");
        }
        stage.cluster.wait_until_named(&[0, 1, 2], &[0, 1]);
    });
}
