//! NOTIFY in both directions.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::RecordType;

use crate::patience::wait_until;
use crate::scene::{Daemon, PATIENCE, Scene, free_address, has, zone};
use crate::secondaries;

/// Sends an unsigned NOTIFY for `zone` from `source`. Gives the answer's code.
pub fn notify(source: Ipv4Addr, to: SocketAddr, zone: &str) -> ResponseCode {
    let mut message = Message::new(4711, MessageType::Query, OpCode::Notify);
    message.metadata.authoritative = true;
    message.add_query(Query::query(zone.parse().unwrap(), RecordType::SOA));
    let socket = UdpSocket::bind((IpAddr::V4(source), 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.send_to(&message.to_vec().unwrap(), to).unwrap();
    let mut buffer = [0; 512];
    let length = socket.recv(&mut buffer).unwrap();
    let reply = Message::from_vec(&buffer[..length]).unwrap();
    assert_eq!((reply.metadata.id, reply.metadata.op_code), (4711, OpCode::Notify));
    reply.metadata.response_code
}

#[test]
fn only_a_primary_may_notify() {
    let directory = Scene::directory();
    fs::write(directory.path().join("own.zone"), zone(1, 86_400, "")).unwrap();
    let sections = "[[zone]]\norigin = \"example.org\"\nprimaries = [{ address = \"127.0.0.2:9\" }]\n\
                    [[zone]]\norigin = \"own.example\"\nfile = \"own.zone\"\n";
    let scene = Scene::start(directory, free_address(), sections);
    let from = |last: u8, zone: &str| notify(Ipv4Addr::new(127, 0, 0, last), scene.address, zone);
    assert_eq!(from(2, "example.org."), ResponseCode::NoError);
    assert_eq!(from(3, "example.org."), ResponseCode::Refused);
    assert_eq!(from(2, "own.example."), ResponseCode::NotAuth);
    assert_eq!(from(2, "elsewhere.example."), ResponseCode::NotAuth);
}

/// A secondary has what the node has, again after every change.
fn tells(start: impl FnOnce(SocketAddr, SocketAddr) -> Daemon) {
    let (address, at) = (free_address(), free_address());
    let directory = Scene::directory();
    let file = directory.path().join("example.org.zone");
    fs::write(&file, zone(1, 1_209_600, "")).unwrap();
    let sections = format!(
        "[[zone]]\norigin = \"example.org\"\nfile = \"example.org.zone\"\n\
         transfer = [{{ from = [\"127.0.0.1\"], key = \"xfer\" }}]\n\
         notify = [{{ address = \"{at}\", key = \"xfer\" }}]\n"
    );
    let scene = Scene::start(directory, address, &sections);
    // After the node: BIND waits long before it asks a primary again that was not there.
    let secondary = start(at, address);
    let has = |serial: &str| {
        wait_until(&format!("the secondary has serial {serial}"), PATIENCE, || {
            secondary.dig(&["example.org", "SOA"]).split_whitespace().nth(6) == Some(serial)
        });
    };
    has("1");
    fs::write(&file, zone(2, 1_209_600, "late TXT new\n")).unwrap();
    scene.node.order(&["reload"]);
    has("2");
    assert!(secondary.dig(&["late.example.org", "TXT"]).contains("new"));
    // Without a command: the node sees the file.
    fs::write(&file, zone(3, 1_209_600, "")).unwrap();
    has("3");
    assert!(!scene.events().contains("notify unanswered"), "{}", scene.events());
}

#[test]
fn bind_is_told() {
    if has(&["named", "dig"]) {
        tells(secondaries::bind);
    }
}

#[test]
fn knot_is_told() {
    if has(&["knotd", "dig"]) {
        tells(secondaries::knot);
    }
}

#[test]
fn nsd_is_told() {
    if has(&["nsd", "dig"]) {
        tells(secondaries::nsd);
    }
}

#[test]
fn who_refuses_to_be_told_is_named() {
    if !has(&["named", "dig"]) {
        return;
    }
    // It knows no such zone.
    let stranger = secondaries::bind_without_zone();
    let directory = Scene::directory();
    fs::write(directory.path().join("example.org.zone"), zone(1, 86_400, "")).unwrap();
    let sections = format!(
        "[[zone]]\norigin = \"example.org\"\nfile = \"example.org.zone\"\nnotify = [{{ address = \"{}\" }}]\n",
        stranger.address
    );
    let scene = Scene::start(directory, free_address(), &sections);
    wait_until("the journal names it", PATIENCE, || {
        let events = scene.events();
        events.contains("notify unanswered") && events.contains(&stranger.address.to_string())
    });
}
