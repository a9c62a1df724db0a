//! Updates and notifications reach the node, from those who may.

use std::io::Write;
use std::net::IpAddr;
use std::process::{Command, Stdio};

use hickory_proto::rr::{DNSClass, RData, RecordType};
use waypost::model::ZonePolicy;
use waypost::serve::Notification;

use crate::primary::{Primary, SECRET, key_argument, policy, xfer, zone};
use crate::programs::{ask, has};
use crate::support::{ZONE, name};

fn primary() -> Primary {
    let closed = ZonePolicy { update: Vec::new(), ..policy() };
    Primary::start(vec![
        zone("example.org", ZONE, &policy()),
        zone("faulty.example", ZONE, &policy()),
        zone("closed.example", ZONE, &closed),
    ])
}

/// What nsupdate or knsupdate says to these commands.
fn update(program: &str, primary: &Primary, key: Option<&str>, commands: &str) -> String {
    let mut arguments = vec!["-t", "5"];
    if let Some(key) = key {
        arguments.extend(["-y", key]);
    }
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let server = format!("server 127.0.0.1 {}\n", primary.address.port());
    child.stdin.take().unwrap().write_all(format!("{server}{commands}\nsend\nquit\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat()
}

const CHALLENGE: &str = "zone example.org\nprereq nxdomain nobody.example.org\n\
                         update delete _acme-challenge.example.org TXT\n\
                         update add _acme-challenge.example.org 60 TXT \"token\"";

#[test]
fn a_signed_update_reaches_the_node_as_it_was_sent() {
    if !has(&["nsupdate", "knsupdate"]) {
        return;
    }
    let primary = primary();
    for (program, more) in [("nsupdate", ""), ("knsupdate", "")] {
        let said = update(program, &primary, Some(&xfer()), &format!("{more}{CHALLENGE}"));
        assert_eq!(said.trim(), "", "{program}");
        let request = primary.recorder.updates.lock().unwrap().pop().expect(program);
        assert_eq!((request.zone, request.key), (name("example.org"), name("xfer")), "{program}");
        assert_eq!(request.from, IpAddr::from([127, 0, 0, 1]));
        let [absent] = &request.prerequisites[..] else { panic!("{:?}", request.prerequisites) };
        assert_eq!((absent.dns_class, absent.record_type()), (DNSClass::NONE, RecordType::ANY));
        assert_eq!(absent.name.to_string(), "nobody.example.org.");
        let [delete, add] = &request.updates[..] else { panic!("{:?}", request.updates) };
        assert_eq!((delete.dns_class, delete.record_type()), (DNSClass::ANY, RecordType::TXT));
        assert!(matches!(delete.data, RData::Update0(_)), "without data");
        assert_eq!((add.dns_class, add.ttl, add.data.to_string()), (DNSClass::IN, 60, "token".to_owned()));
    }
}

#[test]
fn nobody_else_changes_anything() {
    if !has(&["nsupdate"]) {
        return;
    }
    let primary = primary();
    let other = key_argument("hmac-sha512", "xfer-512", SECRET);
    let wrong = key_argument("hmac-sha256", "xfer", b"another secret");
    let closed = "zone closed.example\nupdate add x.closed.example 60 TXT x";
    let foreign = "zone example.net\nupdate add x.example.net 60 TXT x";
    let child = "zone www.example.org\nupdate add x.www.example.org 60 TXT x";
    for (key, commands, error) in [
        (None, CHALLENGE, "REFUSED"),
        (Some(&other), CHALLENGE, "REFUSED"),
        (Some(&wrong), CHALLENGE, "BADSIG"),
        (Some(&xfer()), closed, "REFUSED"),
        (Some(&xfer()), foreign, "NOTAUTH"),
        (Some(&xfer()), child, "NOTAUTH"),
    ] {
        let said = update("nsupdate", &primary, key.map(String::as_str), commands);
        assert!(said.contains(error), "{key:?} {commands}: {said}");
    }
    assert!(primary.recorder.updates.lock().unwrap().is_empty());
}

#[test]
fn a_panic_in_an_update_is_contained() {
    if !has(&["nsupdate", "dig"]) {
        return;
    }
    let primary = primary();
    let said = update("nsupdate", &primary, Some(&xfer()), "zone faulty.example\nupdate add x.faulty.example 60 TXT x");
    // The reply of last resort is not signed, and so nsupdate does not believe it.
    assert!(!said.trim().is_empty(), "{said}");
    assert!(primary.usage.counts().panics > 0);
    let said = update("nsupdate", &primary, Some(&xfer()), CHALLENGE);
    assert_eq!(said.trim(), "", "others do not notice");
    assert!(ask("dig", &primary, &["www.example.org", "A"]).contains("203.0.113.80"));
}

#[test]
fn notifications_reach_the_node() {
    if !has(&["kdig"]) {
        return;
    }
    let primary = primary();
    let notify = |more: &[&str]| ask("kdig", &primary, &[&["+nocrypto"][..], more].concat());
    let said = notify(&["example.org", "-t", "NOTIFY=17"]);
    assert!(said.contains("NOERROR") && said.contains("NOTIFY") && said.contains("qr aa"), "{said}");
    assert!(said.contains(";; example.org.") && said.contains("SOA"), "the question comes back: {said}");
    let said = notify(&["+tcp", "-y", &xfer(), "example.org", "-t", "NOTIFY"]);
    assert!(said.contains("NOERROR") && said.contains("TSIG"), "{said}");
    let said = notify(&["example.net", "-t", "NOTIFY=1"]);
    assert!(said.contains("NOTAUTH"), "{said}");
    let wrong = key_argument("hmac-sha256", "xfer", b"another secret");
    let said = notify(&["-y", &wrong, "example.org", "-t", "NOTIFY=18"]);
    assert!(said.contains("BADSIG"), "{said}");
    let told = |zone: &str, key: Option<&str>, serial| Notification {
        zone: name(zone),
        from: IpAddr::from([127, 0, 0, 1]),
        key: key.map(name),
        serial,
    };
    let expected = [
        told("example.org", None, Some(17)),
        told("example.org", Some("xfer"), None),
        told("example.net", None, Some(1)),
    ];
    assert_eq!(*primary.recorder.notifications.lock().unwrap(), expected);
}
