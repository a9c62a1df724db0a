//! What an update may not do. After every refusal the zone is as it was.

use std::net::UdpSocket;
use std::time::Duration;

use crate::scene::{CHALLENGE, PATIENCE, Scene};

/// Key, what is asked, and the RCODE in the words of `nsupdate`.
const REFUSED: &[(Option<&str>, &str, &str)] = &[
    (Some("acme"), "update add www.example.org. 60 TXT \"x\"", "REFUSED"),
    (Some("acme"), "update add sub._acme-challenge.mx.example.org. 60 TXT \"x\"", "REFUSED"),
    (Some("acme"), "update add example.org. 60 TXT \"x\"", "REFUSED"),
    (Some("acme"), "update add _acme-challenge.mx.example.org. 60 CAA 0 issue \"evil.example\"", "REFUSED"),
    (Some("acme"), "update add _acme-challenge.mx.example.org. 60 CNAME evil.example.", "REFUSED"),
    (Some("acme"), "update add example.org. 60 NS evil.example.", "REFUSED"),
    (Some("acme"), "update delete mx.example.org. TXT", "REFUSED"),
    (Some("acme"), "update delete mx.example.org.", "REFUSED"),
    (Some("acme"), "update delete example.org.", "REFUSED"),
    (Some("acme"), "update delete example.org. SOA", "REFUSED"),
    (Some("hosts"), "update add _acme-challenge.mx.example.org. 60 TXT \"x\"", "REFUSED"),
    // One that may be made does not help another that may not.
    (Some("hosts"), "update add mx.example.org. 60 A 192.0.2.9\nupdate add www.example.org. 60 A 192.0.2.9", "REFUSED"),
    (Some("other"), "update add _acme-challenge.mx.example.org. 60 TXT \"x\"", "REFUSED"),
    (None, "update add _acme-challenge.mx.example.org. 60 TXT \"x\"", "REFUSED"),
    (Some("acme"), "update add evil.example. 60 TXT \"x\"", "NOTZONE"),
    (Some("hosts"), "prereq nxdomain mx.example.org.\nupdate add mx.example.org. 60 A 192.0.2.9", "YXDOMAIN"),
    (Some("hosts"), "prereq yxdomain no.example.org.\nupdate add mx.example.org. 60 A 192.0.2.9", "NXDOMAIN"),
    (Some("hosts"), "prereq nxrrset mx.example.org. A\nupdate add mx.example.org. 60 A 192.0.2.9", "YXRRSET"),
    (Some("hosts"), "prereq yxrrset mx.example.org. AAAA\nupdate add mx.example.org. 60 A 192.0.2.9", "NXRRSET"),
    (Some("hosts"), "prereq yxrrset mx.example.org. A 192.0.2.2\nupdate add mx.example.org. 60 A 192.0.2.9", "NXRRSET"),
    (Some("hosts"), "prereq nxdomain evil.example.\nupdate add mx.example.org. 60 A 192.0.2.9", "NOTZONE"),
];

#[test]
fn what_a_key_may_not_is_refused_and_changes_nothing() {
    let Some(scene) = Scene::start() else { return };
    let all = "example.org SOA mx.example.org A mx.example.org TXT www.example.org TXT";
    let before = scene.dig(all);
    for (key, lines, rcode) in REFUSED {
        for options in [&[][..], &["-v"]] {
            let said = scene.nsupdate(*key, "example.org", lines, options);
            assert!(!said.good && said.text.contains(rcode), "{key:?} {lines}: {said:?}");
        }
        assert_eq!(scene.dig(all), before, "{key:?} {lines}");
    }
    for (zone, owner) in [("plain.example", "mx.plain.example."), ("example.net", "mx.example.net.")] {
        let rcode = if zone == "plain.example" { "REFUSED" } else { "NOTAUTH" };
        let said = scene.nsupdate(Some("hosts"), zone, &format!("update add {owner} 60 A 192.0.2.9"), &[]);
        assert!(!said.good && said.text.contains(rcode), "{zone}: {said:?}");
    }
    let made = "prereq yxrrset mx.example.org. A 192.0.2.1\nprereq yxdomain alias.example.org.\n\
                prereq nxdomain no.example.org.\nprereq nxrrset mx.example.org. AAAA\n\
                update add mx.example.org. 60 A 192.0.2.9";
    scene.make("hosts", made);
    assert_eq!(scene.dig("mx.example.org A"), ["192.0.2.1", "192.0.2.9"]);
    assert!(!scene.events().contains("evil"));
}

#[test]
fn a_wrong_secret_and_a_changed_message_are_not_taken() {
    let Some(scene) = Scene::start() else { return };
    let script = format!("update add {CHALLENGE}. 60 TXT \"x\"");
    let forged = scene.nsupdate(None, "example.org", &script, &["-y", "hmac-sha256:acme:Zm9yZ2VkIGZvcmdlZCBmb3JnZWQ="]);
    assert!(!forged.good && (forged.text.contains("NOTAUTH") || forged.text.contains("TSIG")), "{forged:?}");
    // A message on its way that someone changes.
    let recorder = UdpSocket::bind("127.0.0.1:0").unwrap();
    recorder.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = recorder.local_addr().unwrap().port();
    let sending = std::thread::spawn({
        let address = scene.node.address();
        move || {
            let mut buffer = [0; 4096];
            let (length, client) = recorder.recv_from(&mut buffer).unwrap();
            let upstream = UdpSocket::bind("127.0.0.1:0").unwrap();
            upstream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            upstream.send_to(&buffer[..length], address).unwrap();
            let recorded = buffer[..length].to_vec();
            let mut reply = [0; 4096];
            let length = upstream.recv(&mut reply).unwrap();
            recorder.send_to(&reply[..length], client).unwrap();
            recorded
        }
    });
    let said = scene.nsupdate(Some("acme"), "example.org", &format!("server 127.0.0.1 {port}\n{script}"), &[]);
    assert!(said.good, "{said:?}");
    let mut recorded = sending.join().unwrap();
    assert_eq!(scene.texts(CHALLENGE), ["x"]);
    scene.make("acme", &format!("update delete {CHALLENGE}. TXT"));
    // One octet of the record changed: the signature no longer fits.
    let at = recorded.windows(2).position(|octets| octets == b"\x01x").unwrap();
    recorded[at + 1] = b'y';
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    client.send_to(&recorded, scene.node.address()).unwrap();
    let mut reply = [0; 4096];
    client.recv(&mut reply).unwrap();
    assert_eq!(reply[3] & 0x0f, 9, "NOTAUTH");
    assert_eq!(scene.texts(CHALLENGE), [""; 0]);
}

#[test]
fn updates_are_bounded() {
    let Some(scene) = Scene::start() else { return };
    let long = "x".repeat(250);
    let mut refused = None;
    // Ten records of some 1,250 octets each fit no more than 1 MiB.
    for round in 0..120 {
        let lines: Vec<String> = (0..10)
            .map(|n| {
                let data = format!("\"{round} {n}\" ").to_owned() + &format!("\"{long}\" ").repeat(4);
                let flush = if n % 3 == 2 { "\nsend" } else { "" };
                format!("update add {CHALLENGE}. 60 TXT {data}{flush}")
            })
            .collect();
        let said = scene.nsupdate(Some("acme"), "example.org", &lines.join("\n"), &["-v"]);
        if !said.good {
            refused = Some((round, said));
            break;
        }
    }
    let (round, said) = refused.unwrap();
    assert!(round > 50 && said.text.contains("REFUSED"), "{round} {said:?}");
    // Whoever deletes gets room again.
    scene.make("acme", &format!("update delete {CHALLENGE}. TXT\nsend\nupdate add {CHALLENGE}. 60 TXT \"room\""));
    assert_eq!(scene.texts(CHALLENGE), ["room"]);
}
