//! A node starts while the store is out of reach. Broken, a power cut in one place makes a node forget what was ordered, or
//! keeps it from answering.

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use waypost::model::{Connection, Reach};

use crate::cluster::{Cluster, PATIENCE};
use crate::history::Answer;
use crate::network::{COUNT, NAMES};
use crate::observer::ask;
use crate::patience::wait_until;
use crate::world::{World, in_a_world};

/// The node that is started again.
const NODE: usize = 1;
/// Above what a node waits before it writes verdicts down.
const SAVED: Duration = Duration::from_secs(8);

#[test]
fn a_node_starts_without_the_store_from_what_it_kept() {
    in_a_world("restart::a_node_starts_without_the_store_from_what_it_kept", |world| {
        let mut cluster = set(world);
        // What it answers from its first answer on is what it knew before: it has probed nothing yet.
        cluster.nodes[NODE].serve();
        assert_eq!(named(&cluster), ["iad"], "orders and verdicts of before its end are forgotten");
        let status = cluster.status(NODE);
        assert_eq!(status.orders[0].intent.reason, "kept", "{:?}", status.orders);
        wait_until("it says that it has no store", PATIENCE, || cluster.connection(NODE) != Connection::Connected);
        assert_eq!(named(&cluster), ["iad"]);
        (0..COUNT).for_each(|site| cluster.members[site].thaw());
        heal(&cluster);
    });
}

#[test]
fn a_node_starts_without_the_store_though_what_it_kept_is_damaged() {
    in_a_world("restart::a_node_starts_without_the_store_though_what_it_kept_is_damaged", |world| {
        let mut cluster = set(world);
        let file = kept(world);
        let whole = fs::read(&file).unwrap();
        let overwritten = {
            let mut octets = whole.clone();
            let middle = octets.len() / 2;
            octets[..512].fill(0x5a);
            octets[middle..middle + 4096].fill(0x5a);
            octets
        };
        let cut_short = whole[..whole.len() / 3].to_vec();
        for (what, octets) in [("empty", Vec::new()), ("cut short", cut_short), ("overwritten", overwritten)] {
            fs::write(&file, octets).unwrap();
            let before = said(&cluster).len();
            cluster.nodes[NODE].serve();
            println!("{what}: answers {:?}", named(&cluster));
            for degradation in cluster.status(NODE).degradations {
                println!("{what}: {}: {}", degradation.part, degradation.detail);
            }
            let said = said(&cluster)[before..].to_owned();
            assert!(said.contains(&file.display().to_string()), "{what}: what was lost is not said: {said}");
            // With the store back it follows what the others follow, and its votes count again.
            (0..COUNT).for_each(|site| cluster.members[site].thaw());
            heal(&cluster);
            (0..COUNT).for_each(|site| cluster.members[site].freeze());
            cluster.nodes[NODE].kill();
        }
    });
}

/// A site is drained, another is dead, and everyone knows; then the store goes and the node is killed.
fn set(world: &World) -> Cluster {
    let mut cluster = Cluster::start(world);
    cluster.wait_until_agreed();
    cluster.api(0).drain(NAMES[0], "kept", Reach::Everywhere).unwrap_or_else(|trouble| panic!("{trouble}"));
    cluster.mails[2].kill().unwrap();
    cluster.wait_until_named(&[0, 1, 2], &[1]);
    thread::sleep(SAVED);
    (0..COUNT).for_each(|site| cluster.members[site].freeze());
    cluster.nodes[NODE].kill();
    cluster
}

/// The store is back: the node follows what the others follow.
fn heal(cluster: &Cluster) {
    let all = cluster.wait_until_agreed();
    assert_eq!(all[NODE].orders[0].intent.reason, "kept", "{:?}", all[NODE].orders);
    cluster.wait_until_named(&[0, 1, 2], &[1]);
}

fn named(cluster: &Cluster) -> Vec<String> {
    match ask(cluster.nodes[NODE].client()) {
        Answer::Names { mx, .. } => mx.into_iter().collect(),
        other => panic!("{} answers {other:?}", NAMES[NODE]),
    }
}

/// What the node has logged.
fn said(cluster: &Cluster) -> String {
    fs::read_to_string(cluster.nodes[NODE].log()).unwrap()
}

/// The file in which the node keeps what it knows.
fn kept(world: &World) -> PathBuf {
    Cluster::state(world, NODE).join("waypost.redb")
}
