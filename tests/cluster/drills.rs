//! A drill among several nodes. Broken, the death of the node that runs one leaves a site drained everywhere, or a store that is lost
//! keeps it out.

use std::thread;

use waypost::model::Connection;

use crate::cluster::{Cluster, PATIENCE, node_name};
use crate::network::{COUNT, NAMES};
use crate::patience::{wait_for, wait_until};
use crate::world::in_a_world;

const ALL: [usize; COUNT] = [0, 1, 2];

/// A drill of the site at 0, run by `runner`, that all nodes follow.
fn drilling(cluster: &Cluster, runner: usize) {
    cluster.wait_until_agreed();
    let run = ["drill", "run", NAMES[0], "--for", "30m", "--reason", "test", "--yes"];
    wait_until("a drill begins", PATIENCE, || cluster.nodes[runner].command(&run).status.success());
    cluster.wait_until_named(&ALL, &[1, 2]);
}

fn orders(cluster: &Cluster, node: usize) -> usize {
    cluster.status(node).orders.len()
}

#[test]
fn the_others_end_the_drill_of_a_node_that_was_killed_and_its_restart_brings_nothing_back() {
    let name = "drills::the_others_end_the_drill_of_a_node_that_was_killed_and_its_restart_brings_nothing_back";
    in_a_world(name, |world| {
        let mut cluster = Cluster::start(world);
        drilling(&cluster, 1);
        cluster.nodes[1].kill();
        cluster.wait_until_named(&[0, 2], &ALL);
        wait_until("the store is rid of the order", PATIENCE, || orders(&cluster, 0) == 0);
        cluster.nodes[1].serve();
        cluster.wait_until_named(&ALL, &ALL);
        assert_eq!(orders(&cluster, 1), 0);

        // All at once: nobody is there who knows better.
        drilling(&cluster, 1);
        ALL.iter().for_each(|node| cluster.nodes[*node].kill());
        for node in ALL {
            cluster.nodes[node].serve();
            assert!(cluster.names(node, 0), "{} withholds it after its restart", NAMES[node]);
        }
        cluster.wait_until_named(&ALL, &ALL);
        wait_until("the store is rid of the order", PATIENCE, || ALL.iter().all(|node| orders(&cluster, *node) == 0));
    });
}

#[test]
fn the_loss_of_the_store_ends_a_drill_at_every_node() {
    in_a_world("drills::the_loss_of_the_store_ends_a_drill_at_every_node", |world| {
        let cluster = Cluster::start(world);
        drilling(&cluster, 1);
        ALL.iter().for_each(|site| cluster.members[*site].freeze());
        cluster.wait_until_named(&ALL, &ALL);
        ALL.iter().for_each(|site| cluster.members[*site].thaw());
        wait_until("all are connected", PATIENCE, || {
            ALL.iter().all(|node| cluster.connection(*node) == Connection::Connected)
        });
        wait_until("the store is rid of the order", PATIENCE, || ALL.iter().all(|node| orders(&cluster, *node) == 0));
        cluster.wait_until_named(&ALL, &ALL);
    });
}

/// The id of the drill that runs.
fn running(cluster: &Cluster, node: usize) -> String {
    let said = cluster.nodes[node].order(&["drill", "list"]);
    assert!(said.contains("running:"), "{said}");
    said.lines().next().unwrap().split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn a_node_that_is_lost_meanwhile_ends_a_drill() {
    in_a_world("drills::a_node_that_is_lost_meanwhile_ends_a_drill", |world| {
        let cluster = Cluster::start(world);
        drilling(&cluster, 1);
        let id = running(&cluster, 1);
        wait_until("no cache names it", PATIENCE, || cluster.nodes[1].order(&["drill", "list"]).contains("drained"));
        cluster.freeze_node(2);
        // What it answers nobody knows.
        cluster.wait_until_named(&[0, 1], &ALL);
        wait_until("its runner says why", PATIENCE, || {
            let said = cluster.nodes[1].order(&["drill", "show", &id]);
            said.contains("INTERRUPTED") && said.contains(&format!("{} is not heard of", node_name(NAMES[2])))
        });
        cluster.thaw_node(2);
        cluster.wait_until_named(&ALL, &ALL);
    });
}

#[test]
fn a_drill_is_ended_while_its_order_is_on_its_way() {
    in_a_world("drills::a_drill_is_ended_while_its_order_is_on_its_way", |world| {
        let cluster = Cluster::start(world);
        cluster.wait_until_agreed();
        let node = &cluster.nodes[1];
        ALL.iter().for_each(|site| cluster.members[*site].freeze());
        let id = thread::scope(|scope| {
            scope.spawn(|| node.command(&["drill", "run", NAMES[0], "--for", "30m", "--reason", "test", "--yes"]));
            let on_its_way = || {
                let said = node.order(&["drill", "list"]);
                let line = said.lines().find(|line| line.contains("ordering"))?;
                Some(line.split_whitespace().next()?.to_owned())
            };
            let (id, _) = wait_for("its order is on its way", PATIENCE, on_its_way);
            node.command(&["drill", "abort", &id, "--reason", "enough"]);
            ALL.iter().for_each(|site| cluster.members[*site].thaw());
            id
        });
        // Where the store was away for too long the order came not to stand, which is as well.
        wait_until("it is over", PATIENCE, || {
            let said = node.order(&["drill", "show", &id]);
            said.contains("ended it: enough") || said.contains("was not stored")
        });
        cluster.wait_until_named(&ALL, &ALL);
        wait_until("the store is rid of the order", PATIENCE, || ALL.iter().all(|node| orders(&cluster, *node) == 0));
    });
}

#[test]
fn a_drill_is_ended_at_any_node() {
    in_a_world("drills::a_drill_is_ended_at_any_node", |world| {
        let cluster = Cluster::start(world);
        drilling(&cluster, 1);
        let id = running(&cluster, 2);
        let ended = cluster.nodes[2].order(&["drill", "abort", &id, "--reason", "enough"]);
        assert!(ended.contains("ended it: enough"), "{ended}");
        cluster.wait_until_named(&ALL, &ALL);
        wait_until("its runner says so", PATIENCE, || {
            cluster.nodes[1].order(&["drill", "show", &id]).contains("INTERRUPTED")
        });
    });
}
