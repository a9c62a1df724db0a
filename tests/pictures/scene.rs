//! Two nodes with everything that metrics tell of: a shared store, capacities, monitors that answer and one that does not,
//! encrypted transports, a transferred zone, an order with an end.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use tempfile::TempDir;

use crate::member::Cluster;
use crate::node::Node;
use crate::patience::wait_until;
use crate::ports::free_port;

const PATIENCE: Duration = Duration::from_secs(60);

/// Stands in secrets of the nodes and must stand nowhere else.
pub const CANARY: &str = "Y2FuYXJ5LWluLWEtdHNpZy1rZXktb2YtbWV0cmljcw==";

const ZONE: &str = "$ORIGIN example.org.
$TTL 1h
@ SOA ns1 hostmaster 7 2h 15m 2w 5m
@ NS ns1
ns1 A 192.0.2.53
@ MX 10 mx-fra
@ MX 10 mx-iad
mx-fra A 192.0.2.10
mx-iad A 198.51.100.10
";

/// A node with its directory.
pub struct Place {
    pub node: Node,
    pub admin: u16,
    _directory: TempDir,
}

/// The two nodes; the first has all there is.
pub struct Scene {
    pub first: Place,
    _second: Place,
    _site: TcpListener,
    _etcd: Cluster,
}

impl Scene {
    pub fn start() -> Self {
        let etcd = Cluster::start(1);
        // The kernel takes connections for whoever listens: that is all the monitor asks for.
        let site = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let up = site.local_addr().unwrap();
        let failing = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let down = failing.local_addr().unwrap();
        let primary = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let second = Place::start("iad-ns1", &etcd, primary, up, down, &transfers());
        let more = secondary(primary);
        let first = Place::start("fra-ns1", &etcd, SocketAddr::from(([127, 0, 0, 1], free_port())), up, down, &more);
        let scene = Self { first, _second: second, _site: site, _etcd: etcd };
        wait_until("the node answers", PATIENCE, || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, scene.first.admin)).is_ok()
        });
        wait_until("both sites are up", PATIENCE, || scene.page().matches("state=\"up\"} 1.0").count() == 2);
        drop(failing);
        wait_until("one is down", PATIENCE, || scene.page().contains("state=\"down\"} 1.0"));
        let node = &scene.first.node;
        node.order(&["drain", "iad", "--service", "mx", "--for", "1h", "--reason", "metrics", "--force"]);
        for name in ["example.org.", "transferred.example.", "nowhere.example.org."] {
            node.client().ask(name, RecordType::MX, None);
        }
        wait_until("the page tells of everything", PATIENCE, || {
            let page = scene.page();
            [
                "waypost_node_heard_age_seconds{",
                "waypost_rto_seconds{",
                "waypost_incident_began_timestamp_seconds ",
                "waypost_drained_by_timestamp_seconds{",
                "state=\"down\"} 1.0",
            ]
            .iter()
            .all(|part| page.contains(part))
                && page.contains("waypost_secondary_zone_expires_soonest_seconds ")
        });
        scene
    }

    /// The metrics page of the first node.
    pub fn page(&self) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.first.admin)).unwrap();
        write!(stream, "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

/// What the secondary needs of the second node: a zone, and a key to transfer it.
fn transfers() -> String {
    "[[zone]]\norigin = \"transferred.example\"\nfile = \"transferred.zone\"\ntransfer = [{ from = [\"127.0.0.0/8\"], key = \"xfer\" }]\n"
        .to_owned()
}

fn secondary(primary: SocketAddr) -> String {
    format!(
        "[[zone]]\norigin = \"transferred.example\"\nprimaries = [{{ address = \"{primary}\", key = \"xfer\" }}]\n\n\
         [encrypted]\ncertificate = \"fullchain.pem\"\nkey = \"privkey.pem\"\ntls = [\"127.0.0.1:{}\"]\n",
        free_port()
    )
}

impl Place {
    fn start(name: &str, etcd: &Cluster, dns: SocketAddr, up: SocketAddr, down: SocketAddr, more: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let admin = free_port();
        write_files(directory.path());
        let settings = etcd.settings();
        let text = format!(
            r#"[node]
name = "{name}"
site = "{site}"
listen = ["{dns}"]

[admin]
listen = "127.0.0.1:{admin}"
socket = "admin.sock"

[state]
path = "state"
store = "etcd"
etcd = {{ endpoints = {endpoints:?}, prefix = "{prefix}" }}

[[site]]
name = "fra"
location = {{ country = "DE" }}
networks = ["192.0.2.0/26"]
capacity = 1000

[[site]]
name = "iad"
location = {{ country = "US" }}
networks = ["198.51.100.0/26"]
capacity = 1000

[[service]]
name = "mx"
names = ["example.org"]
types = ["MX", "A"]
ttl = "2s"
monitors = ["tcp"]

[[notify]]
name = "chat"
kind = "slack"
url = "http://127.0.0.1:9/"

[[hook]]
name = "look"
on = ["down"]
command = ["/bin/true"]

[monitor.tcp]
kind = "tcp"
port = 25
interval = "250ms"
addresses = {{ "192.0.2.10" = "{up}", "198.51.100.10" = "{down}" }}

[[key]]
name = "xfer"
secret = "xfer.secret"

[[zone]]
origin = "example.org"
file = "example.org.zone"

[objectives]
rto = "1m"
availability = "99.9%"

[geo]
database = "absent.mmdb"

{more}"#,
            site = name.split('-').next().unwrap(),
            endpoints = settings.endpoints,
            prefix = settings.prefix,
        );
        let node = Node::start(directory.path(), dns, &text);
        Self { node, admin, _directory: directory }
    }
}

fn write_files(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(directory.join("example.org.zone"), ZONE).unwrap();
    let transferred = ZONE.replace("example.org.", "transferred.example.");
    fs::write(directory.join("transferred.zone"), transferred).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(["ns1.example.org".to_owned()]).unwrap().self_signed(&key).unwrap();
    for (name, text) in
        [("xfer.secret", CANARY.to_owned()), ("fullchain.pem", certificate.pem()), ("privkey.pem", key.serialize_pem())]
    {
        fs::write(directory.join(name), text).unwrap();
        fs::set_permissions(directory.join(name), fs::Permissions::from_mode(0o600)).unwrap();
    }
}
