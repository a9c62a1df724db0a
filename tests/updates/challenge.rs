//! The way of a certificate's challenge (RFC 8555 section 8.4): added, looked at at once, deleted.

use std::net::UdpSocket;

use hickory_proto::op::{Message, OpCode};
use hickory_proto::rr::RData;

use crate::scene::{CHALLENGE, PATIENCE, Scene};

#[test]
fn a_challenge_is_visible_when_it_is_acknowledged_and_gone_when_that_is() {
    let Some(scene) = Scene::start() else { return };
    let before = scene.serial();
    for (round, options) in [&[][..], &["-v"]].into_iter().enumerate() {
        let round = u32::try_from(round).unwrap();
        for token in ["first-token", "second-token"] {
            let added = format!("update add {CHALLENGE}. 60 TXT \"{token}\"");
            let said = scene.nsupdate(Some("acme"), "example.org", &added, options);
            assert!(said.good, "{said:?}");
            assert!(scene.texts(CHALLENGE).contains(&token.to_owned()));
        }
        assert_eq!(scene.texts(CHALLENGE), ["first-token", "second-token"]);
        assert_eq!(scene.serial(), before + 4 * round + 2);
        let one = format!("update delete {CHALLENGE}. TXT \"first-token\"");
        assert!(scene.nsupdate(Some("acme"), "example.org", &one, options).good);
        assert_eq!(scene.texts(CHALLENGE), ["second-token"]);
        let all = format!("update delete {CHALLENGE}. TXT");
        assert!(scene.nsupdate(Some("acme"), "example.org", &all, options).good);
        assert_eq!(scene.texts(CHALLENGE), [""; 0]);
        assert_eq!(scene.serial(), before + 4 * round + 4);
    }
    // What changes nothing is no change.
    scene.make("acme", &format!("update delete {CHALLENGE}. TXT"));
    assert_eq!(scene.serial(), before + 8);
    let events = scene.events();
    assert!(events.contains("zone updated"), "{events}");
    assert!(events.contains("by key acme.: added _acme-challenge.mx.example.org. 60 TXT \"first-token\""), "{events}");
    let metrics = scene.metrics();
    assert!(metrics.contains("waypost_dns_updates_total{rcode=\"NOERROR\"} 9"), "{metrics}");
}

#[test]
fn knots_client_is_understood() {
    let Some(scene) = Scene::start() else { return };
    let said = scene.knsupdate("acme", &format!("add {CHALLENGE}. 60 TXT \"of knot\""));
    assert!(said.good, "{said:?}");
    assert_eq!(scene.texts(CHALLENGE), ["of knot"]);
    let said = scene.knsupdate("hosts", "prereq nxrrset mx.example.org. A\nadd mx.example.org. 60 A 192.0.2.9");
    assert!(!said.good && said.text.contains("YXRRSET"), "{said:?}");
    let said = scene.knsupdate("hosts", "prereq yxrrset mx.example.org. A\nadd mx.example.org. 60 A 192.0.2.9");
    assert!(said.good, "{said:?}");
    assert_eq!(scene.dig("mx.example.org A"), ["192.0.2.1", "192.0.2.9"]);
    let said = scene.knsupdate("acme", &format!("del {CHALLENGE}. TXT"));
    assert!(said.good, "{said:?}");
    assert_eq!(scene.texts(CHALLENGE), [""; 0]);
}

#[test]
fn a_thousand_updates_in_a_row_are_all_made() {
    let Some(scene) = Scene::start() else { return };
    let before = scene.serial();
    let script: Vec<String> = (0..1000)
        .map(|n| {
            let old = n - 10;
            let gone =
                if old < 0 { String::new() } else { format!("update delete {CHALLENGE}. TXT \"token {old}\"\n") };
            format!("{gone}update add {CHALLENGE}. 60 TXT \"token {n}\"\nsend")
        })
        .collect();
    scene.make("acme", &script.join("\n"));
    assert_eq!(scene.serial(), before + 1000);
    let texts = scene.texts(CHALLENGE);
    assert_eq!(texts.len(), 10);
    assert!((990..1000).all(|n| texts.contains(&format!("token {n}"))), "{texts:?}");
}

#[test]
fn secondaries_are_told_and_get_what_updates_made() {
    let secondary = UdpSocket::bind("127.0.0.1:0").unwrap();
    secondary.set_read_timeout(Some(PATIENCE)).unwrap();
    let to = secondary.local_addr().unwrap();
    let more =
        format!("notify = [{{ address = \"{to}\" }}]\ntransfer = [{{ from = [\"127.0.0.1\"], key = \"none\" }}]\n");
    let Some(scene) = Scene::with(&more) else { return };
    scene.make("acme", &format!("update add {CHALLENGE}. 60 TXT \"told\""));
    let mut buffer = [0; 4096];
    let serial = loop {
        let (length, from) = secondary.recv_from(&mut buffer).unwrap();
        let message = Message::from_vec(&buffer[..length]).unwrap();
        assert_eq!(message.metadata.op_code, OpCode::Notify);
        let mut reply = buffer[..length].to_vec();
        reply[2] |= 0x80;
        secondary.send_to(&reply, from).unwrap();
        match &message.answers[0].data {
            // That of the start came first.
            RData::SOA(soa) if soa.serial > 7 => break soa.serial,
            _ => {}
        }
    };
    assert_eq!(serial, 8);
    let zone = scene.dig("example.org AXFR +tcp +noshort").join("\n");
    assert!(zone.contains("\"told\"") && zone.contains(" 8 "), "{zone}");
}
