//! A node with three sites on loopback ports.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::node::Node;
use crate::patience::wait_until;
use crate::ports::free_port;

pub const PATIENCE: Duration = Duration::from_secs(40);

/// The sites with the declared address of each.
pub const SITES: [(&str, &str, &str); 3] =
    [("fra", "192.0.2.10", "DE"), ("iad", "198.51.100.10", "US"), ("nrt", "203.0.113.10", "JP")];

pub const ZONE: &str = "$ORIGIN example.org.
$TTL 1h
@ SOA ns1 hostmaster 7 2h 15m 2w 5m
@ NS ns1
ns1 A 192.0.2.53
@ MX 10 mx-fra
@ MX 10 mx-iad
@ MX 10 mx-nrt
mx-fra A 192.0.2.10
mx-iad A 198.51.100.10
mx-nrt A 203.0.113.10
mx A 192.0.2.10
mx A 198.51.100.10
mx A 203.0.113.10
www TXT \"hello\"
";

/// Accepts connections until dropped.
pub struct Site {
    pub address: SocketAddr,
    closed: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Site {
    pub fn open(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let closed = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&closed);
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if flag.load(Ordering::Acquire) {
                    return;
                }
                drop(connection);
            }
        });
        Self { address, closed, thread: Some(thread) }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::Release);
        let _woken = TcpStream::connect(self.address);
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A running node, its directory and its sites.
pub struct Scene {
    pub node: Node,
    pub directory: TempDir,
    pub admin: u16,
    open: BTreeMap<&'static str, Site>,
    addresses: BTreeMap<&'static str, SocketAddr>,
}

impl Scene {
    /// A node all of whose sites work.
    pub fn start() -> Self {
        Self::with(|text| text)
    }

    /// As [`Scene::start`], with the configuration changed before.
    pub fn with(change: impl FnOnce(String) -> String) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let open: BTreeMap<_, _> =
            SITES.iter().map(|(name, _, _)| (*name, Site::open((Ipv4Addr::LOCALHOST, 0).into()))).collect();
        let addresses: BTreeMap<_, _> = open.iter().map(|(name, site)| (*name, site.address)).collect();
        let (dns, admin) = (free_port(), free_port());
        std::fs::write(directory.path().join("example.org.zone"), ZONE).unwrap();
        let text = change(configuration(dns, admin, &addresses));
        let node = Node::start(directory.path(), (Ipv4Addr::LOCALHOST, dns).into(), &text);
        let scene = Self { node, directory, admin, open, addresses };
        scene.wait_for_admin();
        scene
    }

    pub fn wait_for_admin(&self) {
        wait_until("the admin API answers", PATIENCE, || self.node.command(&["status"]).status.success());
    }

    pub fn close(&mut self, site: &str) {
        self.open.remove(site).unwrap();
    }

    pub fn open(&mut self, site: &'static str) {
        self.open.insert(site, Site::open(self.addresses[site]));
    }

    /// The MX hosts without their domain, best first.
    pub fn mx(&self) -> Vec<String> {
        let hosts = self.node.client().mx("example.org.", None);
        hosts.iter().map(|host| host.trim_end_matches(".example.org.").to_owned()).collect()
    }

    pub fn names(&self, site: &str) -> bool {
        let address = SITES.iter().find(|(name, _, _)| *name == site).unwrap().1.parse().unwrap();
        self.mx().contains(&format!("mx-{site}"))
            || self.node.client().addresses("mx.example.org.", None).contains(&address)
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&self.node.order(&["status", "-o", "json"])).unwrap()
    }

    pub fn path(&self, file: &str) -> std::path::PathBuf {
        self.directory.path().join(file)
    }

    /// The exit code of a command and all that it printed.
    pub fn try_command(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.node.command(arguments);
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
    }
}

fn configuration(dns: u16, admin: u16, addresses: &BTreeMap<&str, SocketAddr>) -> String {
    let mut text = format!(
        r#"[node]
name = "test"
listen = ["127.0.0.1:{dns}"]

[admin]
listen = "127.0.0.1:{admin}"
socket = "admin.sock"

[state]
path = "state"

[rate_limit]
exempt = ["127.0.0.0/8"]

[[service]]
name = "mx"
names = ["example.org", "mx.example.org"]
types = ["MX", "A"]
ttl = "2s"
monitors = ["tcp"]

[monitor.tcp]
kind = "tcp"
port = 25
interval = "250ms"
burst_gap = "50ms"

[[zone]]
origin = "example.org"
file = "example.org.zone"

"#
    );
    for (name, address, country) in SITES {
        let network = Path::new(address).with_extension("0").display().to_string();
        text.push_str(&format!(
            "[[site]]\nname = \"{name}\"\nlocation = {{ country = \"{country}\" }}\nnetworks = [\"{network}/26\"]\n\n"
        ));
    }
    text.push_str("[monitor.tcp.addresses]\n");
    for (name, address, _) in SITES {
        text.push_str(&format!("\"{address}\" = \"{}\"\n", addresses[name]));
    }
    text
}
