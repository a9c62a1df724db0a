//! Waypost as secondary of one hidden primary.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

use crate::patience::wait_until;
use crate::primaries::{Kind, Primary};
use crate::scene::{PATIENCE, SECRET, Scene, free_address, write_secret, zone};

const FORTNIGHT: u32 = 1_209_600;

fn sections(primary: &Primary) -> String {
    format!(
        "[[zone]]\norigin = \"example.org\"\nprimaries = [{{ address = \"{}\", key = \"xfer\" }}]\n",
        primary.daemon.address
    )
}

fn texts(scene: &Scene, name: &str) -> Vec<String> {
    let message = scene.node.client().ask(name, RecordType::TXT, None);
    message.answers.iter().map(|record| record.data.to_string()).collect()
}

/// The zone comes, follows the primary by NOTIFY alone, and outlives it and the node.
fn follows(kind: Kind) {
    if !kind.is_installed() {
        return;
    }
    let address = free_address();
    let hosts: String = (1..=1500).map(|host| format!("host{host} A 192.0.2.53\n")).collect();
    let mut primary = Primary::start(kind, address, &zone(1, FORTNIGHT, &hosts));
    let mut scene = Scene::start(Scene::directory(), address, &sections(&primary));
    scene.wait_for_serial("example.org.", 1);
    assert_eq!(texts(&scene, "example.org."), ["version 1"]);
    assert_eq!(texts(&scene, "any.wild.example.org."), ["wildcard"]);
    assert_eq!(scene.node.client().addresses("host1500.example.org.", None).len(), 1);
    assert_eq!(scene.node.client().mx("example.org.", None), ["mx.example.org."]);
    assert!(scene.events().contains("example.org. serial 1 from"), "{}", scene.events());

    primary.change(&zone(2, FORTNIGHT, &hosts.replace("host7 A 192.0.2.53\n", "host7 A 192.0.2.54\nlate TXT new\n")));
    scene.wait_for_serial("example.org.", 2);
    assert_eq!(texts(&scene, "example.org."), ["version 2"]);
    assert_eq!(texts(&scene, "late.example.org."), ["new"]);
    assert_eq!(
        scene.node.client().addresses("host7.example.org.", None),
        ["192.0.2.54".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(scene.node.client().addresses("host8.example.org.", None).len(), 1);

    primary.daemon.end();
    assert_eq!(scene.serial("example.org."), Ok(2));
    scene.restart();
    // At once: the copy on disk needs no primary.
    assert_eq!(scene.serial("example.org."), Ok(2));
    assert_eq!(texts(&scene, "late.example.org."), ["new"]);
    wait_until("it is said that the primary is gone", PATIENCE, || {
        scene.trouble().is_some_and(|trouble| trouble.contains("as last transferred, serial 2"))
    });
    primary.daemon.serve();
}

#[test]
fn bind_is_followed() {
    follows(Kind::Bind);
}

#[test]
fn knot_is_followed() {
    follows(Kind::Knot);
}

#[test]
fn nsd_is_followed() {
    follows(Kind::Nsd);
}

#[test]
fn powerdns_is_followed() {
    follows(Kind::PowerDns);
}

#[test]
fn differences_are_enough_where_the_primary_has_them() {
    for kind in [Kind::Bind, Kind::Knot] {
        if !kind.is_installed() {
            return;
        }
        let address = free_address();
        let hosts: String = (1..=1500).map(|host| format!("host{host} A 192.0.2.53\n")).collect();
        let primary = Primary::start(kind, address, &zone(1, FORTNIGHT, &hosts));
        let scene = Scene::start(Scene::directory(), address, &sections(&primary));
        scene.wait_for_serial("example.org.", 1);
        let whole = octets(&scene);
        primary.change(&zone(2, FORTNIGHT, &hosts.replace("host7 A 192.0.2.53\n", "late TXT new\n")));
        scene.wait_for_serial("example.org.", 2);
        assert_eq!(texts(&scene, "late.example.org."), ["new"]);
        assert!(scene.node.client().ask("host7.example.org.", RecordType::A, None).answers.is_empty());
        let more = octets(&scene) - whole;
        assert!(whole > 20_000 && more < 2_000, "{kind:?}: {whole} octets, then {more}");
    }
}

/// The octets that transfers took so far, as the metrics say.
fn octets(scene: &Scene) -> u64 {
    let mut stream = UnixStream::connect(scene.directory.path().join("admin.sock")).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    let line = page.lines().find(|line| line.starts_with("waypost_zone_transfer_octets_total")).expect(&page);
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_wrong_key_brings_nothing_and_is_told_of() {
    for (kind, says) in [(Kind::Bind, "BADSIG"), (Kind::Knot, "BADSIG"), (Kind::Nsd, "BADSIG")] {
        if !kind.is_installed() {
            return;
        }
        let address = free_address();
        let primary = Primary::start(kind, address, &zone(1, FORTNIGHT, ""));
        let scene = Scene::start(Scene::directory(), address, &sections(&primary));
        scene.wait_for_serial("example.org.", 1);
        write_secret(scene.directory.path(), "YW5vdGhlciBzZWNyZXQgdGhhdCBpcyBub3Qgc2hhcmVk");
        scene.node.order(&["reload"]);
        primary.change(&zone(2, FORTNIGHT, ""));
        // A signed NOTIFY is not believed any more; one that nobody signed makes the node look.
        crate::notify::notify(std::net::Ipv4Addr::LOCALHOST, scene.address, "example.org.");
        wait_until("it is said why", PATIENCE, || scene.trouble().is_some_and(|trouble| trouble.contains(says)));
        assert_eq!(scene.serial("example.org."), Ok(1));
        write_secret(scene.directory.path(), SECRET);
        scene.node.order(&["reload"]);
        crate::notify::notify(std::net::Ipv4Addr::LOCALHOST, scene.address, "example.org.");
        scene.wait_for_serial("example.org.", 2);
        wait_until("nothing is wrong", PATIENCE, || scene.trouble().is_none());
    }
}

#[test]
fn a_zone_expires_for_the_node_and_for_the_one_after_it() {
    if !Kind::Bind.is_installed() {
        return;
    }
    let address = free_address();
    let mut primary = Primary::start(Kind::Bind, address, &zone(1, 5, ""));
    let mut scene = Scene::start(Scene::directory(), address, &sections(&primary));
    scene.wait_for_serial("example.org.", 1);
    // Longer than it expires in: it is checked in time.
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(scene.serial("example.org."), Ok(1));
    primary.daemon.end();
    scene.wait_for_error("example.org.", ResponseCode::ServFail);
    assert_eq!(extended_error(&scene), Some(14));
    let events = scene.events();
    assert!(events.contains("zone expired") && events.contains("example.org."), "{events}");
    wait_until("the status says so", PATIENCE, || {
        scene.trouble().is_some_and(|trouble| trouble.contains("example.org. is answered with SERVFAIL"))
    });
    scene.restart();
    assert_eq!(scene.serial("example.org."), Err(ResponseCode::ServFail), "the copy on disk has expired too");
    scene.node.order(&["reload"]);
    assert_eq!(scene.serial("example.org."), Err(ResponseCode::ServFail));
    primary.daemon.serve();
    scene.wait_for_serial("example.org.", 1);
    wait_until("nothing is wrong", PATIENCE, || scene.trouble().is_none());
}

/// The code of the extended error (RFC 8914) of the answer for the SOA.
fn extended_error(scene: &Scene) -> Option<u16> {
    let mut query = Message::query();
    query.metadata.id = 77;
    query.add_query(hickory_proto::op::Query::query("example.org.".parse().unwrap(), RecordType::SOA));
    query.set_edns(Edns::new());
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(&query.to_vec().unwrap(), scene.address).unwrap();
    let mut buffer = [0; 1500];
    let length = socket.recv(&mut buffer).unwrap();
    let message = Message::from_vec(&buffer[..length]).unwrap();
    match message.edns?.option(EdnsCode::Unknown(15))? {
        EdnsOption::Unknown(_, data) => Some(u16::from_be_bytes(data[..2].try_into().unwrap())),
        _ => None,
    }
}

#[test]
fn a_broken_version_leaves_the_one_before() {
    // Waypost refuses what BIND serves with a warning: an alias beside other data comes from no BIND, so the NS goes.
    if !Kind::PowerDns.is_installed() {
        return;
    }
    let address = free_address();
    let primary = Primary::start(Kind::PowerDns, address, &zone(1, FORTNIGHT, ""));
    let scene = Scene::start(Scene::directory(), address, &sections(&primary));
    scene.wait_for_serial("example.org.", 1);
    primary.change(&zone(2, FORTNIGHT, "").replace("@ NS ns1\n", ""));
    wait_until("it is said why", PATIENCE, || {
        scene.trouble().is_some_and(|trouble| trouble.contains("no NS at example.org."))
    });
    assert_eq!(scene.serial("example.org."), Ok(1));
    primary.change(&zone(3, FORTNIGHT, ""));
    scene.wait_for_serial("example.org.", 3);
}

#[test]
fn a_zone_that_was_never_transferred_is_unavailable_until_its_primary_is_there() {
    if !Kind::Knot.is_installed() {
        return;
    }
    let address = free_address();
    let mut primary = Primary::start(Kind::Knot, address, &zone(4, FORTNIGHT, ""));
    primary.daemon.end();
    let scene = Scene::start(Scene::directory(), address, &sections(&primary));
    assert_eq!(scene.serial("example.org."), Err(ResponseCode::ServFail));
    assert_eq!(extended_error(&scene), Some(14));
    primary.daemon.serve();
    scene.wait_for_serial("example.org.", 4);
    let copy = fs::read_to_string(scene.directory.path().join("state/secondary/example.org.zone")).unwrap();
    assert!(copy.contains("version 4"), "{copy}");
    // Another primary in its place, and the zone no longer at all.
    scene.configure("");
    scene.node.order(&["reload"]);
    scene.wait_for_error("example.org.", ResponseCode::Refused);
    scene.configure(&sections(&primary));
    scene.node.order(&["reload"]);
    assert_eq!(scene.serial("example.org."), Ok(4), "the copy is served again at once");
}

#[test]
fn a_transferred_zone_is_steered_like_any_other() {
    if !Kind::Bind.is_installed() {
        return;
    }
    let address = free_address();
    let hosts = |last: u8| format!("mail A 192.0.2.10\nmail A 198.51.100.{last}\n");
    let primary = Primary::start(Kind::Bind, address, &zone(1, FORTNIGHT, &hosts(10)));
    let sections = sections(&primary)
        + "[[site]]\nname = \"fra\"\nlocation = { country = \"DE\" }\nnetworks = [\"192.0.2.0/24\"]\n\
           [[site]]\nname = \"iad\"\nlocation = { country = \"US\" }\nnetworks = [\"198.51.100.0/24\"]\n\
           [[service]]\nname = \"mail\"\nnames = [\"mail.example.org\"]\ntypes = [\"A\"]\npolicy = \"spread\"\n";
    let scene = Scene::start(Scene::directory(), address, &sections);
    scene.wait_for_serial("example.org.", 1);
    let mail = || scene.node.client().addresses("mail.example.org.", None);
    assert_eq!(mail().len(), 2);
    scene.node.order(&["drain", "fra", "--yes", "--reason", "test"]);
    assert_eq!(mail(), ["198.51.100.10".parse::<std::net::IpAddr>().unwrap()]);
    primary.change(&zone(2, FORTNIGHT, &hosts(11)));
    scene.wait_for_serial("example.org.", 2);
    assert_eq!(mail(), ["198.51.100.11".parse::<std::net::IpAddr>().unwrap()]);
}
