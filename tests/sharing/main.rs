//! Two nodes and a real etcd: keys and cookie secrets that one node has, both have. Broken, a zone is signed with other keys
//! at every name server, or the keys lie in etcd for everyone to read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../failover/dns.rs"]
mod dns;
#[allow(dead_code)]
#[path = "../etcd/member.rs"]
mod member;
#[allow(dead_code)]
#[path = "../failover/node.rs"]
mod node;
#[allow(dead_code)]
#[path = "../failover/patience.rs"]
mod patience;
#[path = "../failover/ports.rs"]
mod ports;

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use tempfile::TempDir;

use crate::member::Cluster;
use crate::node::{Node, executable};
use crate::patience::wait_until;
use crate::ports::free_port;

const PATIENCE: Duration = Duration::from_secs(90);
const ZONE: &str = "$ORIGIN example.org.\n$TTL 1h\n@ SOA ns1 hostmaster 7 2h 15m 2w 5m\n@ NS ns1\nns1 A 192.0.2.53\n";
const FIRST: &str = "000102030405060708090a0b0c0d0e0f";
const SECOND: &str = "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff";
const COOKIES: &str = "cookie.secrets";
const KEYSET: &str = "keys/example.org.keys";

/// A node that shares secrets, with its files.
struct Place {
    directory: TempDir,
    configuration: String,
    dns: SocketAddr,
}

impl Place {
    fn new(name: &str, etcd: &Cluster) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let dns = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let settings = etcd.settings();
        let configuration = format!(
            "[node]\nname = \"{name}\"\nlisten = [\"{dns}\"]\n[admin]\nlisten = \"none\"\nsocket = \"admin.sock\"\n[state]\n\
             path = \"state\"\nstore = \"etcd\"\netcd = {{ endpoints = {:?}, prefix = \"{}\" }}\n[cookies]\n\
             secrets = \"{COOKIES}\"\n[dnssec]\nkeys = \"keys\"\n[secrets]\nshare = true\nkey_file = \"cluster.key\"\n[[zone]]\n\
             origin = \"example.org\"\nfile = \"example.org.zone\"\ndnssec = true\n",
            settings.endpoints, settings.prefix
        );
        fs::write(directory.path().join("example.org.zone"), ZONE).unwrap();
        fs::write(directory.path().join("waypost.toml"), &configuration).unwrap();
        Self { directory, configuration, dns }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// Writes as an operator should: beside, and then in place of the other.
    fn write(&self, name: &str, text: &str) {
        let beside = self.path("new");
        fs::write(&beside, text).unwrap();
        fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
        fs::rename(beside, self.path(name)).unwrap();
    }

    /// `waypost key LINE`.
    fn key(&self, line: &str) {
        let mut command = Command::new(executable());
        command.arg("key").args(line.split_whitespace()).current_dir(self.directory.path());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn start(&self) -> Node {
        Node::start(self.directory.path(), self.dns, &self.configuration)
    }
}

fn is_signed(node: &Node) -> bool {
    let reply = node.client().ask("example.org.", RecordType::DNSKEY, None);
    reply.metadata.response_code == ResponseCode::NoError && !reply.answers.is_empty()
}

/// The halves of private keys that differ between keys.
fn private(keyset: &str) -> Vec<String> {
    let values = keyset.lines().filter_map(|line| line.strip_prefix("private = \"")?.strip_suffix('"'));
    values.map(|value| value[value.len() / 2..].to_owned()).collect()
}

#[test]
fn what_one_node_has_all_have_and_nobody_else() {
    let mut etcd = Cluster::start(1);
    let [first, second] = ["ns1", "ns2"].map(|name| Place::new(name, &etcd));
    first.key("cluster cluster.key");
    second.write("cluster.key", &first.read("cluster.key").unwrap());
    first.key("generate example.org");
    first.write(COOKIES, &format!("{FIRST}\n"));
    let same = |name: &str| first.read(name).is_some() && first.read(name) == second.read(name);

    // The second has nothing but the key of the cluster, and signs when it has the keys.
    let (one, mut two) = (first.start(), second.start());
    wait_until("the second node has the files", PATIENCE, || same(COOKIES) && same(KEYSET));
    wait_until("the second node signs", PATIENCE, || is_signed(&two));
    let healthy = |node: &Node| node.order(&["status", "-o", "json"]).contains("\"degradations\": []");
    wait_until("nothing is wrong any more", PATIENCE, || healthy(&one) && healthy(&two));
    for (name, mode) in [(COOKIES, 0o600), (KEYSET, 0o600), ("keys", 0o700)] {
        assert_eq!(fs::metadata(second.path(name)).unwrap().permissions().mode() & 0o7777, mode, "{name}");
    }

    // What changes at the second comes to the first, and is taken into use without a reload.
    second.key("rollover example.org --dnskey-ttl 1h");
    wait_until("the first node has the new key", PATIENCE, || same(KEYSET));
    let reloaded = |node: &Node| node.order(&["events", "-n", "100"]).matches("secrets changed").count();
    let before = reloaded(&one);
    second.write(COOKIES, &format!("{FIRST}\n{SECOND}\n"));
    wait_until("the first node uses the new secret", PATIENCE, || same(COOKIES) && reloaded(&one) > before);

    // Without the store both answer, a restarted one too; and what was changed meanwhile travels when it is back.
    etcd.kill(0);
    first.write(COOKIES, &format!("{SECOND}\n{FIRST}\n"));
    two.kill();
    two.serve();
    assert!(is_signed(&one) && is_signed(&two));
    etcd.restart(0);
    wait_until("the change arrives after all", PATIENCE, || same(COOKIES));
    assert_eq!(second.read(COOKIES), Some(format!("{SECOND}\n{FIRST}\n")));

    // Secrets are in these files alone.
    let mut said = etcd.etcdctl(&["get", "--prefix", ""]);
    assert!(said.contains("/secrets/v1/cookies") && said.contains("/secrets/v1/dnssec/example.org"), "{said}");
    for node in [&one, &two] {
        said += &fs::read_to_string(node.log()).unwrap();
        for command in [&["status", "-o", "json"][..], &["events", "-n", "1000", "-o", "json"]] {
            said += &node.order(command);
        }
    }
    said += &first.read("state/shared-files.json").unwrap();
    let keys = private(&first.read(KEYSET).unwrap());
    let cluster = first.read("cluster.key").unwrap();
    assert!(keys.len() >= 2);
    for secret in keys.iter().map(String::as_str).chain([FIRST, SECOND, cluster.trim()]) {
        let encoded = data_encoding::BASE64.encode(secret.as_bytes());
        assert!(!said.contains(secret) && !said.contains(&encoded), "a secret was told");
    }
}
