//! Two thousand endpoints flap. Broken, trouble with mail becomes trouble with etcd, just when it is needed.

use std::thread;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Manner, PATIENCE};
use crate::network::{COUNT, Cut, NAMES};
use crate::patience::wait_until;
use crate::world::in_a_world;

/// Endpoints in all, and in each of the sets of records that declare them.
const ENDPOINTS: usize = 2_001;
const OF_A_SET: usize = 87;
/// How long the store is watched.
const WINDOW: Duration = Duration::from_secs(15);
/// A node writes its votes this often in a second at most (DESIGN section 6), and at least every 2 s.
const MOST: f64 = 5.0;
/// By then six thousand endpoints have been probed thrice on a machine that can just do so.
const FIRST_LOOK: Duration = Duration::from_secs(300);
/// Writes that fall into a window from outside, or are about orders.
const EDGE: f64 = 3.0;
/// A record has two letters for each endpoint, and the position of each that is suspected, at most four digits and a comma;
/// then there are the key, and what a node says of itself.
const RECORD: f64 = (2 + 5) as f64 * ENDPOINTS as f64 + 1024.0;

/// Probes of two thousand addresses by three nodes on one machine: as seldom as will do.
const MONITOR: &str = r#"
kind = "tcp"
port = 25
interval = "10s"
timeout = "2s"
burst_gap = "500ms"
detector = "count"
"#;

#[test]
fn a_flap_storm_stays_under_the_bound() {
    in_a_world("storm::a_flap_storm_stays_under_the_bound", |world| {
        let mut cluster = Cluster::without_nodes(world);
        (0..COUNT).for_each(|site| cluster.network.widen(site, &network(site)));
        cluster.mails = (0..COUNT).map(|site| cluster.responder(site, [0, 0, 0, 0].into())).collect();
        let manner = Manner {
            monitor: MONITOR,
            zone: zone(),
            names: (0..ENDPOINTS / OF_A_SET).map(|set| format!("h{set}.example.org")).collect(),
            networks: (0..COUNT).map(network).collect(),
            ..Manner::default()
        };
        cluster.start_nodes(world, &manner);
        wait_until("every node knows how all endpoints are", FIRST_LOOK, || {
            (0..COUNT).all(|node| count(&cluster, node, |states| states.iter().all(|state| state == "up")))
        });
        cluster.wait_until_agreed();

        let rest = Rates::of(&cluster);
        println!("at rest:  {}", rest.told());
        rest.check();
        (0..COUNT).for_each(|site| cluster.network.cut(Cut::Flaps(site)));
        wait_until("verdicts change", PATIENCE, || {
            (0..COUNT).all(|node| count(&cluster, node, |states| states.iter().any(|state| state != "up")))
        });
        let storm = Rates::of(&cluster);
        println!("in storm: {}", storm.told());
        println!("bound:    {MOST} writes/s, {:.0} kB/s a node", MOST * RECORD / 1000.0);
        storm.check();
        assert!(storm.each.iter().zip(&rest.each).all(|(storm, rest)| storm.0 > rest.0), "the storm is none");
    });
}

/// What each node wrote in a while: writes and octets a second.
struct Rates {
    window: Duration,
    each: Vec<(f64, f64)>,
}

impl Rates {
    fn of(cluster: &Cluster) -> Self {
        let counters = || -> Vec<(f64, f64)> {
            let of = |node: usize, name: &str| cluster.api(node).metric(name);
            let both = |node| (of(node, "waypost_store_writes_total"), of(node, "waypost_store_written_bytes_total"));
            (0..COUNT).map(both).collect()
        };
        let (start, before) = (Instant::now(), counters());
        thread::sleep(WINDOW);
        let (after, window) = (counters(), start.elapsed());
        let seconds = window.as_secs_f64();
        let rate = |((writes, octets), (more_writes, more_octets)): (&(f64, f64), &(f64, f64))| {
            ((more_writes - writes) / seconds, (more_octets - octets) / seconds)
        };
        Self { window, each: before.iter().zip(&after).map(rate).collect() }
    }

    fn check(&self) {
        let edge = EDGE / self.window.as_secs_f64();
        for (node, (writes, octets)) in self.each.iter().enumerate() {
            assert!(*writes <= MOST + edge, "{} writes {writes:.1} times a second", NAMES[node]);
            assert!(*octets <= (MOST + edge) * RECORD, "{} writes {octets:.0} octets a second", NAMES[node]);
        }
    }

    fn told(&self) -> String {
        let told = |(node, (writes, octets)): (usize, &(f64, f64))| {
            format!("{} {writes:.1} writes/s, {:.1} kB/s", NAMES[node], octets / 1000.0)
        };
        self.each.iter().enumerate().map(told).collect::<Vec<_>>().join("; ")
    }
}

/// Whether a node's own opinions of all endpoints are as `wanted`.
fn count(cluster: &Cluster, node: usize, wanted: impl Fn(&[String]) -> bool) -> bool {
    let status = cluster.status(node);
    let endpoints = status.services.iter().flat_map(|service| &service.sites).flat_map(|site| &site.endpoints);
    let states: Vec<String> =
        endpoints.flat_map(|endpoint| &endpoint.monitors).map(|monitor| monitor.state.to_string()).collect();
    states.len() == ENDPOINTS && wanted(&states)
}

/// The addresses of a site's mail servers.
fn network(site: usize) -> String {
    format!("10.{}.0.0/20", 10 + site)
}

fn zone() -> String {
    let mut text =
        "$ORIGIN example.org.\n$TTL 1h\n@ SOA ns1 hostmaster 7 2h 15m 2w 5m\n@ NS ns1\nns1 A 10.0.1.2\n".to_owned();
    for endpoint in 0..ENDPOINTS {
        let (site, host) = (endpoint % COUNT, endpoint / COUNT + 1);
        let (set, high, low) = (endpoint / OF_A_SET, host / 250, host % 250 + 1);
        text.push_str(&format!("h{set} A 10.{}.{high}.{low}\n", 10 + site));
    }
    text
}
