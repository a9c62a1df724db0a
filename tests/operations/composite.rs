//! Broken here, and users are sent to mailboxes whose database is gone, or mail stays away for the same reason.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use crate::patience::wait_until;
use crate::ports::free_port;
use crate::scene::{PATIENCE, SITES, Scene, Site};

/// The addresses of IMAP and of its database at each site.
const MAILBOXES: [(&str, &str, &str); 3] = [
    ("fra", "192.0.2.20", "192.0.2.30"),
    ("iad", "198.51.100.20", "198.51.100.30"),
    ("nrt", "203.0.113.20", "203.0.113.30"),
];

const ZONE: &str = "$ORIGIN mail.example.
$TTL 1h
@ SOA ns1 hostmaster 7 2h 15m 2w 5m
@ NS ns1
ns1 A 192.0.2.53
";

fn open() -> BTreeMap<&'static str, Site> {
    SITES.iter().map(|(name, _, _)| (*name, Site::open((Ipv4Addr::LOCALHOST, 0).into()))).collect()
}

/// IMAP that requires a database at its site, in a zone of its own at `directory`, with a monitor of a disk that is only
/// shown and never answers.
fn services(directory: &Path, imap: &BTreeMap<&str, Site>, database: &BTreeMap<&str, Site>) -> String {
    let mut zone = ZONE.to_owned();
    let (mut imap_at, mut database_at) = (String::new(), String::new());
    for (site, mailbox, data) in MAILBOXES {
        zone.push_str(&format!("imap A {mailbox}\n{site}.db A {data}\n"));
        imap_at.push_str(&format!("\"{mailbox}\" = \"{}\"\n", imap[site].address));
        database_at.push_str(&format!("\"{data}\" = \"{}\"\n", database[site].address));
    }
    let file = directory.join("mail.example.zone");
    std::fs::write(&file, zone).unwrap();
    let (file, nobody) = (file.display(), free_port());
    let disk_at: String =
        MAILBOXES.iter().map(|(_, _, data)| format!("\"{data}\" = \"127.0.0.1:{nobody}\"\n")).collect();
    format!(
        r#"
[[service]]
name = "imap"
names = ["imap.mail.example"]
types = ["A"]
policy = "spread"
ttl = "2s"
monitors = ["imap"]
requires = ["database"]

[[service]]
name = "database"
names = ["*.db.mail.example"]
types = ["A"]
ttl = "2s"
monitors = ["database", "disk"]
health = {{ monitor_only = ["disk"] }}

[[assertion]]
name = "two-of-three"
service = "imap"
at_least = 2
of = ["fra", "iad", "nrt"]

[[zone]]
origin = "mail.example"
file = "{file}"

[monitor.imap]
kind = "tcp"
port = 143
interval = "250ms"
burst_gap = "50ms"
[monitor.imap.addresses]
{imap_at}
[monitor.database]
kind = "tcp"
port = 5432
interval = "250ms"
burst_gap = "50ms"
[monitor.database.addresses]
{database_at}
[monitor.disk]
kind = "tcp"
port = 9
interval = "250ms"
burst_gap = "50ms"
[monitor.disk.addresses]
{disk_at}
"#
    )
}

/// What the status says of `service` at `site`.
fn site(scene: &Scene, service: &str, site: &str) -> Value {
    let status = scene.status();
    let named = |list: &Value, name: &str| {
        let mut entries = list.as_array().unwrap().iter();
        entries.find(|entry| entry["name"] == name).unwrap().clone()
    };
    named(&named(&status["services"], service)["sites"], site)
}

fn mailboxes(scene: &Scene) -> Vec<&'static str> {
    let named = scene.node.client().addresses("imap.mail.example.", None);
    let is_named = |address: &str| named.contains(&address.parse::<IpAddr>().unwrap());
    MAILBOXES.iter().filter(|(_, mailbox, _)| is_named(mailbox)).map(|(site, _, _)| *site).collect()
}

fn order(scene: &Scene, order: &str, site: &str, service: &str, more: &[&str]) -> (i32, String) {
    let order = [order, site, "--service", service, "--for", "1h", "--reason", "test", "--yes"];
    scene.try_command(&[&order[..], more].concat())
}

#[test]
fn imap_leaves_a_site_with_its_database_while_mail_stays_and_assertions_hold_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let (imap, mut databases) = (open(), open());
    let scene = Scene::with(|text| text + &services(directory.path(), &imap, &databases));
    assert_eq!(mailboxes(&scene), ["fra", "iad", "nrt"]);

    // What is only shown is shown, and takes nothing down.
    let disk = |scene: &Scene| site(scene, "database", "fra")["endpoints"][0]["monitors"][1].clone();
    wait_until("the disk is seen to be down", PATIENCE, || disk(&scene)["state"] == "down");
    assert_eq!((disk(&scene)["name"].as_str(), disk(&scene)["part"].as_str()), (Some("disk"), Some("monitor_only")));
    assert_eq!(site(&scene, "database", "fra")["standing"], "serving");
    let (code, said) = scene.try_command(&["status"]);
    assert!(code == 0 && said.contains("no (monitor_only)"), "{said}");

    let gone: SocketAddr = databases.remove("fra").unwrap().address;
    wait_until("imap leaves fra", PATIENCE, || mailboxes(&scene) == ["iad", "nrt"]);
    let left = site(&scene, "imap", "fra");
    assert_eq!((left["standing"].as_str(), left["health"].as_str()), (Some("down"), Some("up")), "{left}");
    assert!(left["reason"].as_str().unwrap().starts_with("requires database: 0 of 1 addresses healthy"), "{left}");
    assert!(scene.mx().contains(&"mx-fra".to_owned()), "mail does not need the database");
    wait_until("it is written down", PATIENCE, || {
        scene.node.order(&["events", "-o", "jsonl"]).contains("imap: fra serving -> down (requires database: ")
    });

    // One more would be one too few, whether it is taken out itself or through what it requires.
    for service in ["imap", "database"] {
        let (code, said) = order(&scene, "drain", "iad", service, &[]);
        assert_eq!(code, 3, "{said}");
        for part in ["'two-of-three'", "service 'imap'", "1 of at least 2", "override the rule with --force"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    assert_eq!(mailboxes(&scene), ["iad", "nrt"]);
    let (code, said) = order(&scene, "drain", "iad", "imap", &["--force"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(mailboxes(&scene), ["nrt"]);
    let events = scene.node.order(&["events", "-o", "jsonl"]);
    assert!(events.contains("two-of-three") && events.contains("\"forced\":true"), "{events}");

    databases.insert("fra", Site::open(gone));
    wait_until("imap returns to fra", PATIENCE, || mailboxes(&scene) == ["fra", "nrt"]);
    databases.clear();
    wait_until("with no database left, all that is declared answers", PATIENCE, || mailboxes(&scene).len() == 3);
    assert_eq!(scene.mx().len(), 3);
}

#[test]
fn a_database_is_not_safe_to_power_off_while_answers_send_users_to_what_requires_it() {
    let directory = tempfile::tempdir().unwrap();
    let (imap, databases) = (open(), open());
    let scene = Scene::with(|text| text + &services(directory.path(), &imap, &databases));
    let (code, said) = order(&scene, "pin", "fra", "imap", &[]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = order(&scene, "drain", "fra", "database", &["--force"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(mailboxes(&scene), ["fra", "iad", "nrt"], "a pin ignores what the service requires");
    let wait = |timeout| scene.try_command(&["wait", "fra", "--service", "database", "--timeout", timeout]);
    let (code, said) = wait("1s");
    assert_eq!(code, 7, "{said}");
    assert!(said.contains("answers of imap still name"), "{said}");
    scene.node.order(&["undrain", "fra", "--service", "imap"]);
    assert_eq!(mailboxes(&scene), ["iad", "nrt"], "drained with its database");
    let reason = site(&scene, "imap", "fra")["reason"].as_str().unwrap().to_owned();
    assert!(reason.starts_with("requires database: drained by "), "{reason}");
    let (code, said) = wait("40s");
    assert!(code == 0 && said.contains("safe to power off"), "{said}");
}

#[test]
fn an_endpoint_failed_when_its_last_monitor_did_and_not_when_another_did_without_harm() {
    let second = open();
    let mut at: String =
        SITES[1..].iter().map(|(site, host, _)| format!("\"{host}\" = \"{}\"\n", second[site].address)).collect();
    at.push_str(&format!("\"192.0.2.10\" = \"127.0.0.1:{}\"\n", free_port()));
    let monitor = format!(
        "[monitor.second]\nkind = \"tcp\"\nport = 9\ninterval = \"250ms\"\nburst_gap = \"50ms\"\n[monitor.second.addresses]\n{at}"
    );
    let mut scene = Scene::with(|text| {
        let both =
            text.replace("monitors = [\"tcp\"]", "monitors = [\"tcp\", \"second\"]\nhealth = { mode = \"any\" }");
        assert_ne!(both, text);
        both + &monitor
    });
    let monitors = |scene: &Scene| site(scene, "mx", "fra")["endpoints"][0]["monitors"].clone();
    wait_until("one monitor is down and the other up", PATIENCE, || {
        let monitors = monitors(&scene);
        monitors[0]["state"] == "up" && monitors[1]["state"] == "down"
    });
    assert!(scene.names("fra"), "one of the two is enough");
    let closed = Timestamp::now();
    scene.close("fra");
    wait_until("fra leaves", PATIENCE, || !scene.names("fra"));
    let (_, said) = scene.try_command(&["events", "--kind", "verdict", "--site", "fra", "-n", "1", "-o", "json"]);
    let page: Value = serde_json::from_str(&said).unwrap();
    let first: Timestamp = page["events"][0]["first_failed"].as_str().unwrap().parse().unwrap();
    assert!(first >= closed, "{said}");
}
