//! Two histories in which the store fails, told step by step: for ten minutes it has no majority, and it is restored from a
//! backup that is too old.

use std::time::Duration;

use waypost::health::{Contact, Seclusion};
use waypost::model::{Connection, Mono, Reach, ServiceIx};

use crate::core::Core;
use crate::node::Node;
use crate::run::{Quiet, Run};
use crate::scenario::{Act, Command, Deed, Fault, Scenario, Shape, Verb};

/// When what is told of begins: everything is at rest before.
const BEGIN: Duration = Duration::from_secs(60);

fn fault(after: u64, fault: Fault, lasts: u64) -> Act {
    let deed = Deed::Fault { fault, lasts: Duration::from_secs(lasts) };
    Act { episode: 0, after: Duration::from_secs(after), deed }
}

/// An operator at a node orders something of a site, for hours.
fn order(after: u64, node: usize, verb: Verb, site: u8, reach: Reach) -> Act {
    let lasts = Duration::from_secs(4 * 3600);
    let deed = Deed::Command(Command { node, site, service: None, verb, force: false, reach, lasts });
    Act { episode: 0, after: Duration::from_secs(after), deed }
}

/// Four sites, a node in each of the first three, and what happens.
fn scenario(acts: Vec<Act>) -> Scenario {
    let shape = Shape {
        sites: 4,
        mx: 2,
        imap: 2,
        nodes: vec![Some(0), Some(1), Some(2)],
        domains: vec![None; 3],
        min_sites: 2,
    };
    Scenario { seed: 1, shape, episodes: vec![BEGIN], acts }
}

/// The scenario as far as it has come, told as it goes.
struct Story<'a> {
    run: Run<'a>,
    begins: Mono,
    ends: Mono,
}

impl<'a> Story<'a> {
    fn begin(scenario: &'a Scenario) -> Self {
        let mut run = Run::new(scenario, Core::Whole, Quiet::Leapt);
        run.until(Mono(BEGIN)).unwrap();
        let ends = run.set_out(0);
        Self { begins: run.now, run, ends }
    }

    /// Goes on to so many seconds after the beginning, and tells how everybody stands.
    fn until(&mut self, seconds: u64, title: &str) {
        self.run.until(self.begins.after(Duration::from_secs(seconds))).unwrap();
        println!("{seconds:>4} s  {title}");
        self.tell();
    }

    fn to_rest(&mut self, title: &str) {
        self.run.until(self.ends).unwrap();
        self.run.come_to_rest(self.ends).unwrap();
        println!("{:>4} s  {title}", self.run.now.since(self.begins).as_secs());
        self.tell();
    }

    fn tell(&self) {
        for node in self.run.nodes.iter() {
            let (name, orders, plan) = (&node.name, node.orders.version, &node.digest);
            if !node.alive {
                println!("        {name} is dead");
                continue;
            }
            let connection = connection(node, self.run.now).as_str();
            let followed: Vec<String> = node.intents().iter().map(words).collect();
            let followed = if followed.is_empty() { "nothing ordered".to_owned() } else { followed.join(", ") };
            println!(
                "        {name}, {connection}: mx at {:?}; orders {orders}: {followed}; plan {plan}",
                serving(node)
            );
        }
    }

    fn serving(&self) -> Vec<Vec<u8>> {
        self.run.nodes.iter().filter(|node| node.alive).map(serving).collect()
    }
}

fn words(intent: &waypost::model::Intent) -> String {
    let alone = if intent.reach == Reach::ThisNode { " --local" } else { "" };
    format!("{} {}{alone}", intent.kind.as_str(), intent.scope)
}

fn connection(node: &Node, now: Mono) -> Connection {
    match (node.council.seclusion(), node.contact(now)) {
        (Seclusion::CutOff, _) => Connection::CutOff,
        (Seclusion::Alone, _) => Connection::Alone,
        (Seclusion::None, Contact::Lost) => Connection::StoreLost,
        (Seclusion::None, Contact::Kept) => Connection::Connected,
    }
}

/// The sites at which a node answers `mx`.
fn serving(node: &Node) -> Vec<u8> {
    node.served.services[ServiceIx(0).get()].in_service.iter().map(|site| site.0).collect()
}

/// Broken, an etcd without a majority would stop failover, or a drain at one node would be lost or silently be followed there
/// alone for good.
#[test]
fn ten_minutes_without_a_majority() {
    let scenario = scenario(vec![
        fault(0, Fault::StoreLoss, 600),
        fault(60, Fault::SiteLoss { site: 3 }, 60),
        order(200, 0, Verb::Drain { permille: 1000 }, 2, Reach::Everywhere),
        order(220, 0, Verb::Drain { permille: 1000 }, 2, Reach::ThisNode),
        order(240, 2, Verb::Isolate, 3, Reach::ThisNode),
        fault(300, Fault::SiteLoss { site: 1 }, 60),
        fault(480, Fault::Crash { endpoint: 0 }, 30),
    ]);
    let mut story = Story::begin(&scenario);
    story.until(20, "the store has no majority");
    assert_eq!(story.serving(), [[0, 1, 2, 3]; 3]);
    assert!(story.run.nodes.iter().all(|node| connection(node, story.run.now) != Connection::Connected));
    story.until(80, "site 3 has been dead for 20 s");
    assert_eq!(story.serving(), [[0, 1, 2]; 3]);
    story.until(190, "site 3 has been back for 70 s");
    assert_eq!(story.serving(), [[0, 1, 2, 3]; 3]);
    let refused = story.run.tally.refused;
    story.until(210, "a drain of site 2 at n0 was refused");
    assert_eq!((story.run.tally.refused, story.run.nodes[0].intents().len()), (refused + 1, 0));
    story.until(250, "n0 drains site 2 by itself, n2 isolates site 3");
    assert_eq!(story.serving(), [vec![0, 1, 3], vec![0, 1, 2, 3], vec![0, 1, 2]]);
    story.until(330, "site 1 has been dead for 30 s, and n1 with it");
    assert_eq!(story.serving(), [[0, 3], [0, 2]]);
    story.until(590, "all sites are well; n1 has started without the store");
    assert_eq!(story.serving(), [vec![0, 1, 3], vec![0, 1, 2, 3], vec![0, 1, 2]]);
    story.to_rest("the store is back, and what one node followed all follow");
    assert_eq!(story.serving(), [[0, 1]; 3]);
    let nodes = &story.run.nodes;
    assert!(nodes.iter().all(|node| node.digest == nodes[0].digest && node.intents().len() == 2));
    assert!(nodes.iter().flat_map(Node::intents).all(|intent| intent.reach.is_everywhere()));
    assert_eq!(story.run.tally.offered, 2);
}

/// Broken, a restored etcd would give drained sites back their clients while somebody works on them.
#[test]
fn a_store_from_an_old_backup() {
    let scenario = scenario(vec![
        order(0, 0, Verb::Drain { permille: 1000 }, 2, Reach::Everywhere),
        order(10, 1, Verb::Isolate, 3, Reach::Everywhere),
        fault(30, Fault::StoreBack { changes: 1 }, 60),
        order(60, 2, Verb::Undrain, 2, Reach::Everywhere),
    ]);
    let mut story = Story::begin(&scenario);
    story.until(29, "two orders stand");
    assert_eq!(story.serving(), [[0, 1]; 3]);
    let orders = |story: &Story<'_>| story.run.nodes.iter().map(|node| node.orders.version).collect::<Vec<_>>();
    let known = orders(&story);
    story.until(55, "the store went back to the first of them");
    assert!(story.run.nodes.iter().all(|node| node.went_back.is_some()));
    assert_eq!((story.serving(), orders(&story)), (vec![vec![0, 1]; 3], known.clone()));
    let refused = story.run.tally.refused;
    story.until(85, "an undrain was refused");
    assert_eq!((story.serving(), orders(&story)), (vec![vec![0, 1]; 3], known.clone()));
    assert_eq!(story.run.tally.refused, refused + 1);
    story.to_rest("an operator has accepted it");
    assert_eq!(story.run.tally.accepted, 1);
    assert!(orders(&story).iter().all(|version| *version > known[0] && version.epoch == 1));
}
