//! Three sites as networks of their own, joined by a router that can be told to drop.
//!
//! The test itself stands at the router: whatever is cut, it reaches everything, and sees what everybody else would.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::node::launched;
use crate::world::{World, run};

/// How many sites there are, each with a node, a member of etcd and a mail server.
pub const COUNT: usize = 3;
/// Their names, in file order.
pub const NAMES: [&str; COUNT] = ["fra", "iad", "nrt"];
/// The table of all faults.
const TABLE: &str = "inet faults";
/// Where clients and members speak to members of etcd.
const STORE_PORTS: &str = "{ 2379, 2380 }";

/// Where the node and the member of etcd of a site listen.
pub const fn machine(site: usize) -> Ipv4Addr {
    address(site, 2)
}

/// Where the mail server of a site listens.
pub const fn mail(site: usize) -> Ipv4Addr {
    address(site, 10)
}

/// Where the test itself is reached from a site.
pub const fn router(site: usize) -> Ipv4Addr {
    address(site, 1)
}

/// The networks of a site.
pub fn subnet(site: usize) -> String {
    format!("{}/24", address(site, 0))
}

const fn address(site: usize, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, site as u8 + 1, host)
}

/// What the router drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// Everything in and out of a site.
    Uplink(usize),
    /// Everything that goes into a site: what it says is still heard.
    Inbound(usize),
    /// Everything between two sites.
    Between(usize, usize),
    /// What members of etcd and their clients say to each other, in and out of a site.
    Store(usize),
    /// Mail for a site.
    Mail(usize),
    /// Every other connection to the mail servers of a site, with a refusal.
    Flaps(usize),
}

impl Cut {
    fn rules(self) -> Vec<String> {
        let port = |site: usize| NAMES[site];
        match self {
            Self::Uplink(site) => {
                vec![format!("iifname {} drop", port(site)), format!("oifname {} drop", port(site))]
            }
            Self::Inbound(site) => vec![format!("oifname {} drop", port(site))],
            Self::Between(a, b) => vec![
                format!("iifname {} oifname {} drop", port(a), port(b)),
                format!("iifname {} oifname {} drop", port(b), port(a)),
            ],
            Self::Store(site) => ["iifname", "oifname"]
                .iter()
                .flat_map(|way| {
                    ["sport", "dport"].map(|end| format!("{way} {} tcp {end} {STORE_PORTS} drop", port(site)))
                })
                .collect(),
            Self::Mail(site) => vec![format!("oifname {} tcp dport 25 drop", port(site))],
            Self::Flaps(site) => vec![format!(
                "oifname {} tcp dport 25 tcp flags syn / syn,ack numgen random mod 2 0 reject with tcp reset",
                port(site)
            )],
        }
    }
}

/// The networks of all sites. They end with the world.
pub struct Network {
    directory: PathBuf,
    cuts: BTreeSet<Cut>,
}

impl Network {
    /// Makes them.
    pub fn lay(world: &World) -> Self {
        let directory = world.directory("network");
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        let network = Self { directory, cuts: BTreeSet::new() };
        (0..COUNT).for_each(|site| network.join(site));
        network.apply();
        network
    }

    fn join(&self, site: usize) {
        let namespace = self.namespace(site);
        std::fs::write(&namespace, "").unwrap();
        run("unshare", &[&format!("--net={}", namespace.display()), "--", "true"]);
        let (port, router) = (NAMES[site], format!("{}/24", address(site, 1)));
        let peer = ["peer", "name", "uplink", "netns", namespace.to_str().unwrap()];
        run("ip", &[&["link", "add", port, "type", "veth"][..], &peer].concat());
        run("ip", &["address", "add", &router, "dev", port]);
        run("ip", &["link", "set", port, "up"]);
        for words in [
            format!("address add {}/24 dev uplink", machine(site)),
            format!("address add {}/24 dev uplink", mail(site)),
            "link set lo up".to_owned(),
            "link set uplink up".to_owned(),
            format!("route add default via {}", address(site, 1)),
        ] {
            self.inside(site, "ip", &words.split(' ').collect::<Vec<_>>());
        }
    }

    /// Makes all addresses of a network those of a site's machine.
    pub fn widen(&self, site: usize, network: &str) {
        run("ip", &["route", "add", network, "via", &machine(site).to_string()]);
        self.inside(site, "ip", &["route", "add", "local", network, "dev", "lo"]);
    }

    fn namespace(&self, site: usize) -> PathBuf {
        self.directory.join(NAMES[site])
    }

    /// What is written in front of a command that is to run in the network of a site. The process that runs is the
    /// command's own.
    pub fn launcher(&self, site: usize) -> Vec<String> {
        vec!["nsenter".to_owned(), format!("--net={}", self.namespace(site).display()), "--".to_owned()]
    }

    /// A program that is `program` in the network of a site.
    pub fn inside_of(&self, site: usize, program: &Path) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let name = program.file_name().unwrap().to_str().unwrap();
        let script = self.directory.join(format!("{}-{name}", NAMES[site]));
        let words = [self.launcher(site), vec![program.display().to_string()]].concat().join(" ");
        std::fs::write(&script, format!("#!/bin/sh\nexec {words} \"$@\"\n")).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        script
    }

    /// Runs a program in the network of a site; it must succeed.
    pub fn inside(&self, site: usize, program: &str, arguments: &[&str]) {
        let output = launched(&self.launcher(site), program).args(arguments).output().unwrap();
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Begins to drop.
    pub fn cut(&mut self, cut: Cut) {
        self.cuts.insert(cut);
        self.apply();
    }

    /// Lets through again what `cut` dropped.
    pub fn mend(&mut self, cut: Cut) {
        self.cuts.remove(&cut);
        self.apply();
    }

    /// All rules at once: there is no moment at which some of a cut's rules hold and others do not.
    fn apply(&self) {
        let rules = self.cuts.iter().flat_map(|cut| cut.rules());
        let rules: String = rules.map(|rule| format!("    {rule}\n")).collect();
        let text = format!(
            "table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n  chain forward {{\n    \
             type filter hook forward priority 0;\n{rules}  }}\n}}\n"
        );
        let mut nft = Command::new("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        nft.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(nft.wait().unwrap().success(), "nft does not take\n{text}");
    }
}
