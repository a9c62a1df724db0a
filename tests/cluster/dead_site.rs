//! A data center's mail dies. Broken, some resolvers are still sent there, because some node has not noticed.
//!
//! Real Postfix at all three sites, and probes at default settings.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use waypost::cli::demo::Authority;
use waypost::model::{Event, EventKind};

use crate::cluster::{Cluster, Manner, PATIENCE};
use crate::history::{Answer, Seen};
use crate::network::{COUNT, NAMES, mail};
use crate::observer::Observer;
use crate::patience::wait_for;
use crate::postfix::Postfix;
use crate::world::{World, in_a_world};

/// How often a site dies; each time another one, because a site that comes back is damped for longer every time.
const DEATHS: usize = 5;
/// Between two looks at the answers.
const GAP: Duration = Duration::from_millis(10);
/// What fails within 5 s of others is doubted for a while, and that is not what is measured here.
const REST: Duration = Duration::from_secs(6);
/// How far apart the nodes may be (issue "Several nodes, one decision").
const APART: SignedDuration = SignedDuration::from_secs(1);

#[test]
fn a_dead_site_leaves_all_nodes_together() {
    in_a_world("dead_site::a_dead_site_leaves_all_nodes_together", |world| {
        let (cluster, sites) = set(world);
        let mut spreads = Vec::new();
        for death in 0..DEATHS {
            let site = death % COUNT;
            thread::sleep(REST);
            let observer = Observer::start(&cluster, GAP);
            let struck = Timestamp::now();
            sites[site].kill();
            let others: Vec<_> = (0..COUNT).filter(|other| *other != site).collect();
            cluster.wait_until_named(&[0, 1, 2], &others);
            thread::sleep(10 * GAP);
            let answers = observer.finish().answers;
            let answered = answers.values().map(|seen| withdrawn(seen, site));
            // Journals are written a moment after answers have changed.
            let in_journal = |node| {
                wait_for("the plan is journalled", PATIENCE, || planned(&cluster.api(node).journal(), site, struck)).0
            };
            let planned: Vec<_> = (0..COUNT).map(in_journal).collect();
            let spread = planned.iter().max().unwrap().duration_since(*planned.iter().min().unwrap());
            println!(
                "{} killed: out of the plans after {}, out of the answers after {}; {:.3} s apart",
                NAMES[site],
                seconds(planned.into_iter(), struck),
                seconds(answered, struck),
                spread.as_secs_f64(),
            );
            spreads.push(spread);
            sites[site].start();
            cluster.wait_until_all_serve();
        }
        cluster.wait_until_agreed();
        spreads.sort_unstable();
        let median = spreads[DEATHS / 2];
        println!("median {:.3} s apart, most {:.3} s", median.as_secs_f64(), spreads[DEATHS - 1].as_secs_f64());
        assert!(median <= APART, "the nodes withdraw a dead site {median:#} apart");
    });
}

fn set(world: &World) -> (Cluster, Vec<Postfix>) {
    let mut cluster = Cluster::without_nodes(world);
    let authority = Authority::new(Timestamp::now()).unwrap();
    let postfix = |site: usize| {
        let (name, address) = (NAMES[site], IpAddr::from(mail(site)));
        let postfix = Postfix::site(world, name, &format!("mx-{name}.example.org"), address, &authority);
        postfix.launched_by(cluster.network.launcher(site))
    };
    let sites: Vec<_> = (0..COUNT).map(postfix).collect();
    sites.iter().for_each(Postfix::start);
    let anchor = world.directory("authority").join("ca.pem");
    std::fs::write(&anchor, authority.certificate()).unwrap();
    let monitor = format!(
        "kind = \"smtp\"\nport = 25\ntls = \"starttls\"\nca = \"{}\"\nrecipient = \"probe@example.org\"",
        anchor.display()
    );
    cluster.start_nodes(world, &Manner { monitor: &monitor, ..Manner::default() });
    cluster.wait_until_all_serve();
    cluster.wait_until_agreed();
    (cluster, sites)
}

/// When a node's plan took a site out.
fn planned(journal: &[Event], site: usize, after: Timestamp) -> Option<Timestamp> {
    let phrase = format!("mx: {} serving -> down", NAMES[site]);
    let is_it = |event: &&Event| {
        let EventKind::Plan { changes, .. } = &event.kind else { return false };
        event.time > after && changes.iter().any(|change| change.starts_with(&phrase))
    };
    journal.iter().find(is_it).map(|event| event.time)
}

/// When a node's answers named a site for the first time no more.
fn withdrawn(seen: &[Seen], site: usize) -> Timestamp {
    let names = |answer: &Answer| match answer {
        Answer::Names { mx, addresses } => mx.contains(NAMES[site]) || addresses.contains(NAMES[site]),
        other => panic!("a node answers {other:?}"),
    };
    seen.iter().find(|seen| !names(&seen.answer)).expect("the answers are seen to change").span.from
}

fn seconds(times: impl Iterator<Item = Timestamp>, since: Timestamp) -> String {
    let each = times.map(|time| format!("{:.2}", time.duration_since(since).as_secs_f64()));
    format!("{} s", each.collect::<Vec<_>>().join("/"))
}
