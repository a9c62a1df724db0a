//! One changed octet fails: what the validators accept elsewhere is not accepted by default.

use std::net::UdpSocket;
use std::time::Duration;

use waypost::model::Denial;

use crate::scene::{PARENT, Scene, dig, verdict};
use crate::world::in_a_world;

/// Where the forger stands.
const FORGER: &str = "127.0.0.5:53";

/// Relays queries to the parent and changes the last octet of the only address in replies that have one.
fn forge(socket: &UdpSocket) {
    let mut buffer = [0; 4096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer) {
        let upstream = UdpSocket::bind("127.0.0.1:0").unwrap();
        upstream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        upstream.send_to(&buffer[..length], PARENT).unwrap();
        let Ok(length) = upstream.recv(&mut buffer) else { continue };
        let reply = &mut buffer[..length];
        if let Some(at) = reply.windows(4).position(|octets| octets == [203, 0, 113, 80]) {
            reply[at + 3] ^= 1;
        }
        socket.send_to(reply, client).unwrap();
    }
}

#[test]
fn a_forged_octet_fails() {
    in_a_world("forgery::a_forged_octet_fails", |world| {
        let socket = UdpSocket::bind(FORGER).unwrap();
        std::thread::spawn(move || forge(&socket));
        let _scene = Scene::start(&world.directory("unbound"), Denial::Nsec, &[FORGER]);
        let answer = dig(&["www.example.org", "A"]);
        assert_eq!(verdict(&answer), ("SERVFAIL".to_owned(), false), "{answer}");
        let answer = dig(&["example.org", "MX"]);
        assert_eq!(verdict(&answer), ("NOERROR".to_owned(), true), "what was not touched is good\n{answer}");
    });
}
