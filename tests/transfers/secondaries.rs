//! Real secondaries transfer the zone, are told of a new one, transfer it, and serve what the primary declares.

use std::net::SocketAddr;

use waypost::model::TransferRule;

use crate::daemons;
use crate::primary::{Primary, local_rule, policy, zone};
use crate::programs::{Daemon, has, output, wait_until};

/// What every secondary keeps: everyday types, glue, wildcard, alias, and several messages of hosts.
const ZONE: &str = r#"$TTL 3600
@         IN SOA ns1 hostmaster 1 7200 900 1209600 300
          IN NS  ns1
          IN NS  ns2.example.net.
          IN MX  10 mx-fra
          IN TXT "v=spf1 -all" "second; string"
          IN CAA 0 issue "ca.example.net"
ns1       IN A   192.0.2.53
mx-fra 60 IN A   192.0.2.10
          IN AAAA 2001:db8:f::10
mail      IN A   192.0.2.20
          IN A   198.51.100.20
www       IN CNAME mail
*.wild    IN TXT "wildcard"
a.b.c     IN A   203.0.113.81
old       IN DNAME new
_25._tcp.mail IN TLSA 3 1 1 0D6FCE13243AA70D6FCE13243AA70D6FCE13243AA70D6FCE13243AA70D6FCE13
_imaps._tcp IN SRV 0 1 993 mail
sub       IN NS  ns.sub
          IN DS  60485 13 2 2BB183AF5F22588179A53B0A98631FAD1A292118AABBCCDDEEFF001122334455
ns.sub    IN A   203.0.113.83
$GENERATE 1-1500 host$ A 192.0.2.53
"#;

/// The zone with another serial, a record more and one less.
fn later() -> String {
    ZONE.replace("hostmaster 1 ", "hostmaster 2 ").replace("a.b.c     IN A", "new.a.b.c IN TXT arrived\na.b.x     IN A")
}

fn primary() -> Primary {
    Primary::start(vec![served(ZONE)])
}

/// The zone for whoever holds a key, and at one address for who cannot sign.
fn served(text: &str) -> waypost::zone::Zone {
    let mut policy = policy();
    policy.transfer.push(TransferRule { from: vec!["127.0.0.0/8".parse().unwrap()], key: None });
    zone("example.org", text, &policy)
}

/// The zone for whoever holds a key.
fn guarded(text: &str) -> waypost::zone::Zone {
    zone("example.org", text, &policy())
}

/// Everything in the zone, as dig transfers it from `address`, sorted, each record once.
fn whole(address: SocketAddr, more: &[&str]) -> Vec<String> {
    let port = address.port().to_string();
    let common = ["@127.0.0.1", "-p", &port, "+noall", "+answer", "+noidnout"];
    let said = output("dig", &[&common[..], more, &["example.org", "AXFR"]].concat());
    let form = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    let mut lines: Vec<String> =
        said.lines().filter(|line| !line.starts_with(';') && !line.contains("TSIG")).map(form).collect();
    lines.sort();
    lines.dedup();
    lines
}

fn serial(daemon: &Daemon) -> String {
    let said = daemon.dig(&["example.org", "SOA"]);
    said.split_whitespace().nth(6).unwrap_or_default().to_owned()
}

fn notify(daemon: &Daemon, serial: u32) {
    let port = daemon.address.port().to_string();
    let said = output("kdig", &["@127.0.0.1", "-p", &port, "example.org", "-t", &format!("NOTIFY={serial}")]);
    assert!(said.contains("NOERROR"), "{said}");
}

/// `daemon` has the zone, takes the next one when told, and gives the same as the primary.
fn follows(primary: &Primary, daemon: &Daemon, next: waypost::zone::Zone, gives_transfers: bool) {
    let has_serial = |wanted: &str| {
        wait_until(&format!("serial {wanted}"), || serial(daemon) == wanted, || daemon.logs());
    };
    has_serial("1");
    assert!(daemon.dig(&["a.b.c.example.org", "A"]).contains("203.0.113.81"));
    primary.replace(vec![next]);
    notify(daemon, 2);
    has_serial("2");
    assert!(daemon.dig(&["new.a.b.c.example.org", "TXT"]).contains("arrived"));
    assert!(!daemon.dig(&["a.b.c.example.org", "A"]).contains("203.0.113.81"), "what is gone is gone");
    for (question, rtype, answer) in [
        ("host1500.example.org", "A", "192.0.2.53"),
        ("any.wild.example.org", "TXT", "wildcard"),
        ("mail.example.org", "A", "198.51.100.20"),
        ("www.example.org", "A", "192.0.2.20"),
        ("_25._tcp.mail.example.org", "TLSA", "3 1 1"),
    ] {
        let said = daemon.dig(&[question, rtype]);
        assert!(said.contains(answer), "{question} {rtype}: {said}");
    }
    if gives_transfers {
        let ours = whole(primary.address, &["-y", &crate::primary::xfer()]);
        assert_eq!(ours.len(), later().lines().count() - 1 + 1500 - 1, "{:?}", &ours[..5]);
        assert_eq!(whole(daemon.address, &[]), ours);
    }
    assert!(primary.transfers("complete") >= 2);
    assert_eq!(primary.transfers("failed"), 0);
}

#[test]
fn bind_follows() {
    if !has(&["named", "dig", "kdig"]) {
        return;
    }
    let primary = Primary::start(vec![guarded(ZONE)]);
    follows(&primary, &daemons::bind(primary.address), guarded(&later()), true);
}

#[test]
fn knot_follows() {
    if !has(&["knotd", "dig", "kdig"]) {
        return;
    }
    let primary = Primary::start(vec![guarded(ZONE)]);
    follows(&primary, &daemons::knot(primary.address), guarded(&later()), true);
}

#[test]
fn nsd_follows() {
    if !has(&["nsd", "dig", "kdig"]) {
        return;
    }
    let primary = Primary::start(vec![guarded(ZONE)]);
    follows(&primary, &daemons::nsd(primary.address), guarded(&later()), true);
}

#[test]
fn powerdns_follows() {
    if !has(&["pdns_server", "pdnsutil", "sqlite3", "dig", "kdig"]) {
        return;
    }
    let primary = Primary::start(vec![guarded(ZONE)]);
    follows(&primary, &daemons::powerdns(primary.address), guarded(&later()), true);
}

#[test]
fn unbound_follows_without_a_key() {
    if !has(&["unbound", "dig", "kdig"]) {
        return;
    }
    let primary = primary();
    follows(&primary, &daemons::unbound(primary.address), served(&later()), false);
}

/// A secondary without the key gets nothing, and the right one beside it is not held up.
#[test]
fn a_secondary_without_the_key_gets_nothing() {
    if !has(&["unbound", "named", "dig", "kdig"]) {
        return;
    }
    let mut policy = policy();
    policy.transfer.push(TransferRule { from: vec!["192.0.2.0/24".parse().unwrap()], ..local_rule(None) });
    let primary = Primary::start(vec![zone("example.org", ZONE, &policy)]);
    let (wrong, right) = (daemons::unbound(primary.address), daemons::bind(primary.address));
    wait_until("refused", || primary.transfers("refused") > 0, || wrong.logs());
    wait_until("serial 1", || serial(&right) == "1", || right.logs());
    assert!(!wrong.dig(&["a.b.c.example.org", "A"]).contains("203.0.113.81"));
}
