//! Three sites, each with a node, a member of etcd and a mail server.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use waypost::admin::api::{ClusterStatus, NodeStatus, Status};
use waypost::cli::demo::{SiteArgs, SiteProcess};
use waypost::model::Connection;

use crate::api::Api;
use crate::history::Answer;
use crate::member::Member;
use crate::network::{COUNT, NAMES, Network, machine, mail, subnet};
use crate::node::{Node, executable};
use crate::observer::ask;
use crate::patience::{wait_for, wait_until};
use crate::world::{World, run};

/// Far beyond every goal: machines differ.
pub const PATIENCE: Duration = Duration::from_secs(90);
const DNS_PORT: u16 = 53;
/// Lines of each node's log that are told where a test fails.
const TOLD: usize = 30;
const COUNTRIES: [&str; COUNT] = ["DE", "US", "JP"];

/// Probes that notice fast, and forget as fast: whatever happened before a fault, the next one is judged alike.
pub const BRISK: &str = r#"
kind = "smtp"
port = 25
tls = "none"
interval = "250ms"
timeout = "1s"
burst_gap = "50ms"
detector = "count"
"#;

/// All of it. Whatever runs ends with it.
pub struct Cluster {
    // Dropped in this order.
    pub nodes: Vec<Node>,
    pub mails: Vec<SiteProcess>,
    pub members: Vec<Member>,
    pub network: Network,
}

/// What the nodes of a cluster are told.
pub struct Manner<'m> {
    /// The keys of `[monitor.smtp]`.
    pub monitor: &'m str,
    /// The zone example.org, and the names of it that are steered as service `mx`.
    pub zone: String,
    /// See `zone`.
    pub names: Vec<String>,
    /// The networks of each site besides those of its machines.
    pub networks: Vec<String>,
    /// More sections, by site.
    pub more: Vec<String>,
}

impl Default for Manner<'_> {
    fn default() -> Self {
        Self {
            monitor: BRISK,
            zone: zone(),
            names: ["example.org".to_owned(), "mx.example.org".to_owned()].into(),
            networks: vec![String::new(); COUNT],
            more: vec![String::new(); COUNT],
        }
    }
}

impl Cluster {
    /// A cluster of which everything works and every node knows it.
    ///
    /// # Panics
    /// If that does not come about.
    pub fn start(world: &World) -> Self {
        Self::start_as(world, &Manner::default())
    }

    /// As [`Cluster::start`], with nodes that are told `manner`.
    pub fn start_as(world: &World, manner: &Manner<'_>) -> Self {
        let mut cluster = Self::without_nodes(world);
        cluster.mails = (0..COUNT).map(|site| cluster.responder(site, mail(site).into())).collect();
        cluster.start_nodes(world, manner);
        cluster.wait_until_all_serve();
        cluster
    }

    /// Networks and a store, and nothing else yet.
    pub fn without_nodes(world: &World) -> Self {
        let network = Network::lay(world);
        let members: Vec<_> = (0..COUNT).map(|site| Member::start(world, &network, site)).collect();
        wait_until("etcd has a majority", PATIENCE, || members.iter().all(Member::is_healthy));
        Self { nodes: Vec::new(), mails: Vec::new(), members, network }
    }

    /// Starts a small mail server at a site.
    pub fn responder(&self, site: usize, address: IpAddr) -> SiteProcess {
        let host = format!("mx-{}.example.org", NAMES[site]);
        let args = SiteArgs { host, listen: SocketAddr::new(address, 25), certificate: None, key: None };
        SiteProcess::start(&self.network.inside_of(site, &executable()), args).unwrap()
    }

    /// Starts a node at each site.
    pub fn start_nodes(&mut self, world: &World, manner: &Manner<'_>) {
        for site in 0..COUNT {
            let directory = world.directory(&format!("node-{}", NAMES[site]));
            std::fs::write(directory.join("example.org.zone"), &manner.zone).unwrap();
            let text = configuration(site, &world.memory(&state_of(site)), manner);
            let dns = SocketAddr::from((machine(site), DNS_PORT));
            self.nodes.push(Node::start_by(self.network.launcher(site), &directory, dns, &text));
        }
        (0..COUNT).for_each(|site| drop(self.status(site)));
    }

    /// The directory in which a node keeps its state.
    pub fn state(world: &World, site: usize) -> PathBuf {
        world.directory(&state_of(site))
    }

    /// The admin API of a node.
    pub fn api(&self, site: usize) -> Api {
        Api::new(self.nodes[site].configuration().with_file_name("admin.sock"))
    }

    /// What a node says of itself, as soon as it does: the admin API opens a moment after the first answers.
    pub fn status(&self, site: usize) -> Status {
        wait_for(&format!("{} says how it is", NAMES[site]), PATIENCE, || self.api(site).status().ok()).0
    }

    /// How a node says that it is connected.
    pub fn connection(&self, site: usize) -> Connection {
        self.status(site).cluster.unwrap().connection
    }

    /// Whether a node's answers name the mail server of a site.
    pub fn names(&self, node: usize, site: usize) -> bool {
        match ask(self.nodes[node].client()) {
            Answer::Names { mx, addresses } => mx.contains(NAMES[site]) || addresses.contains(NAMES[site]),
            other => panic!("{} answers {other:?}", NAMES[node]),
        }
    }

    /// Waits until the answers of some nodes name exactly some sites by MX.
    pub fn wait_until_named(&self, nodes: &[usize], sites: &[usize]) {
        let wanted = sites.iter().map(|site| NAMES[*site].to_owned()).collect();
        for node in nodes {
            let named = || match ask(self.nodes[*node].client()) {
                Answer::Names { mx, .. } => mx,
                other => panic!("{} answers {other:?}", NAMES[*node]),
            };
            wait_until(&format!("{} names {wanted:?}", NAMES[*node]), PATIENCE, || named() == wanted);
        }
    }

    /// Waits until all nodes name all sites.
    pub fn wait_until_all_serve(&self) {
        let all: Vec<_> = (0..COUNT).collect();
        self.wait_until_named(&all, &all);
    }

    /// Waits until every node hears every other, and all of them follow the same orders with the same plan. Gives what
    /// they say then.
    ///
    /// # Panics
    /// If they do not come together.
    pub fn wait_until_agreed(&self) -> Vec<Status> {
        let start = Instant::now();
        loop {
            match self.agreed() {
                Ok(all) => return all,
                Err(why) => assert!(start.elapsed() < PATIENCE, "the nodes do not come together: {why}"),
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What all nodes say of themselves, or why they are not at one.
    fn agreed(&self) -> Result<Vec<Status>, String> {
        let all = (0..COUNT).map(|site| self.api(site).status().map_err(|trouble| trouble.to_string()));
        let all = all.collect::<Result<Vec<Status>, String>>()?;
        let clusters: Vec<&ClusterStatus> = all.iter().map(|status| status.cluster.as_ref().unwrap()).collect();
        let first = clusters[0];
        let is_whole = |node: &NodeStatus| {
            let follows = node.lag == 0 && node.local_orders.is_empty() && !node.diverges;
            node.fresh && node.connection == Connection::Connected && follows
        };
        let is_at_one = |cluster: &&ClusterStatus| {
            cluster.connection == Connection::Connected
                && cluster.nodes.len() == COUNT
                && cluster.nodes.iter().all(is_whole)
                && (cluster.orders, &cluster.plan) == (first.orders, &first.plan)
        };
        if clusters.iter().all(is_at_one) { Ok(all) } else { Err(format!("{clusters:#?}")) }
    }

    /// SIGSTOP to a node.
    pub fn freeze_node(&self, site: usize) {
        run("kill", &["-STOP", &self.nodes[site].pid().to_string()]);
    }

    /// SIGCONT to a node.
    pub fn thaw_node(&self, site: usize) {
        run("kill", &["-CONT", &self.nodes[site].pid().to_string()]);
    }

    /// The site that each node stands in, by the node's name.
    pub fn stands_in() -> BTreeMap<String, String> {
        NAMES.iter().map(|site| (node_name(site), (*site).to_owned())).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        for (node, name) in self.nodes.iter().zip(NAMES) {
            let log = std::fs::read_to_string(node.log()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("the end of the log of {name}:\n{}", lines[lines.len().saturating_sub(TOLD)..].join("\n"));
        }
    }
}

fn state_of(site: usize) -> String {
    format!("state-{}", NAMES[site])
}

/// The name of the node of a site.
pub fn node_name(site: &str) -> String {
    format!("{site}-ns1")
}

/// A zone with a mail server at each site.
fn zone() -> String {
    let mut text = "$ORIGIN example.org.\n$TTL 1h\n@ SOA ns1 hostmaster 7 2h 15m 2w 5m\n@ NS ns1\n".to_owned();
    text.push_str(&format!("ns1 A {}\n", machine(0)));
    for site in 0..COUNT {
        let (name, address) = (NAMES[site], mail(site));
        text.push_str(&format!("@ MX 10 mx-{name}\nmx-{name} A {address}\nmx A {address}\n"));
    }
    text
}

fn configuration(site: usize, state: &Path, manner: &Manner<'_>) -> String {
    let quoted = |words: &[String]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    // Its own member first: it is the nearest.
    let members: Vec<String> = (0..COUNT).map(|step| Member::client_url((site + step) % COUNT)).collect();
    let mut text = format!(
        r#"[node]
name = "{name}"
site = "{site}"
listen = ["{dns}:{DNS_PORT}"]

[admin]
listen = "none"
socket = "admin.sock"

[state]
store = "etcd"
path = "{state}"
etcd = {{ endpoints = [{members}], prefix = "/waypost/test" }}

[safety]
settle = "0s"

[rate_limit]
exempt = ["10.0.0.0/8"]

[geo]
networks = {{ "10.0.0.0/8" = "fra" }}

[[service]]
name = "mx"
names = [{names}]
types = ["MX", "A"]
ttl = "2s"
monitors = ["smtp"]

[monitor.smtp]
{monitor}

[[zone]]
origin = "example.org"
file = "example.org.zone"
"#,
        name = node_name(NAMES[site]),
        site = NAMES[site],
        dns = machine(site),
        state = state.display(),
        members = quoted(&members),
        names = quoted(&manner.names),
        monitor = manner.monitor.trim(),
    );
    for (site, name) in NAMES.iter().enumerate() {
        let networks: Vec<_> =
            [subnet(site), manner.networks[site].clone()].into_iter().filter(|network| !network.is_empty()).collect();
        text.push_str(&format!(
            "\n[[site]]\nname = \"{name}\"\nlocation = {{ country = \"{}\" }}\nnetworks = [{}]\n",
            COUNTRIES[site],
            quoted(&networks)
        ));
    }
    text.push_str(&manner.more[site]);
    text
}
