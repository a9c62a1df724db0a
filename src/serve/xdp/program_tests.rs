//! The program, loaded into the kernel and asked about frames. Needs root; without it these tests only say so.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use super::super::frame::testing::{query_ipv4, query_ipv6};
use super::super::kernel::{Map, MapKind, Program};
use super::*;

const MAC: Mac = [0x02, 0xff, 0xfe, 0, 0x80, 0x01];
const REDIRECT: u32 = 4;
const PASS: u32 = super::PASS as u32;

struct Scene {
    program: Program,
    targets: Map<{ Target::OCTETS }>,
    _sockets: Map<4>,
    _socket: xdp::socket::XdpSocketBuilder,
}

fn is_root() -> bool {
    let root = nix_is_root();
    if !root {
        assert!(std::env::var_os("WAYPOST_REQUIRE_REAL").is_none(), "needs root");
        eprintln!("NOT TESTED: only root may load programs into the kernel");
    }
    root
}

fn nix_is_root() -> bool {
    std::fs::read_to_string("/proc/self/status").unwrap().lines().any(|line| {
        line.strip_prefix("CapEff:").is_some_and(|caps| u64::from_str_radix(caps.trim(), 16).unwrap() & (1 << 39) != 0)
    })
}

fn scene(targets: &[&str]) -> Scene {
    let target_map = Map::new(MapKind::Hash, 16).unwrap();
    for target in targets {
        target_map.put(&Target::new(target.parse().unwrap()).0, 1).unwrap();
    }
    let sockets = Map::<4>::new(MapKind::Sockets, 1).unwrap();
    // A trial is on queue 0. The socket need not be bound to be found.
    let socket = xdp::socket::XdpSocketBuilder::new().unwrap();
    sockets.put_socket(0, &socket).unwrap();
    let code = program(MAC, target_map.as_raw_fd(), sockets.as_raw_fd()).unwrap();
    let program = Program::load(&code).unwrap_or_else(|(error, log)| panic!("{error}\n{log}"));
    Scene { program, targets: target_map, _sockets: sockets, _socket: socket }
}

fn client(ip: &str) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), 40_000)
}

/// A query of 30 octets from `client` to `server`, for the scene's interface.
fn query(client_ip: &str, server: &str) -> Vec<u8> {
    let (client, server) = (client(client_ip), server.parse().unwrap());
    let mut frame =
        if client.is_ipv4() { query_ipv4(client, server, &[7; 30]) } else { query_ipv6(client, server, &[7; 30]) };
    frame[..6].copy_from_slice(&MAC);
    frame
}

#[test]
fn queries_to_our_addresses_are_taken_and_nothing_else() {
    if !is_root() {
        return;
    }
    let scene = scene(&["192.0.2.1:53", "[2001:db8::1]:53", "198.51.100.1:5300"]);
    let judge = |frame: &[u8]| scene.program.judge(frame).unwrap();
    assert_eq!(judge(&query("203.0.113.5", "192.0.2.1:53")), REDIRECT);
    assert_eq!(judge(&query("203.0.113.5", "198.51.100.1:5300")), REDIRECT);
    assert_eq!(judge(&query("2001:db8::5", "[2001:db8::1]:53")), REDIRECT);
    for other in ["192.0.2.1:54", "192.0.2.2:53", "198.51.100.1:53"] {
        assert_eq!(judge(&query("203.0.113.5", other)), PASS, "{other}");
    }
    for other in ["[2001:db8::1]:54", "[2001:db8::2]:53", "[::ffff:192.0.2.1]:54"] {
        assert_eq!(judge(&query("2001:db8::5", other)), PASS, "{other}");
    }
    scene.targets.remove(&Target::new("192.0.2.1:53".parse().unwrap()).0).unwrap();
    assert_eq!(judge(&query("203.0.113.5", "192.0.2.1:53")), PASS);
}

#[test]
fn whatever_is_not_plain_goes_to_the_kernel() {
    if !is_root() {
        return;
    }
    let scene = scene(&["192.0.2.1:53", "[2001:db8::1]:53"]);
    let judge = |frame: &[u8]| scene.program.judge(frame).unwrap();
    let (four, six) = (query("203.0.113.5", "192.0.2.1:53"), query("2001:db8::5", "[2001:db8::1]:53"));
    let changed = |frame: &[u8], at: usize, octet: u8| {
        let mut frame = frame.to_vec();
        frame[at] = octet;
        frame
    };
    let cases: [(&str, Vec<u8>); 14] = [
        ("another interface", changed(&four, 5, 0x02)),
        ("another interface", changed(&six, 0, 0x06)),
        ("for all", {
            let mut all = four.clone();
            all[..6].fill(0xff);
            all
        }),
        ("ARP", changed(&four, 13, 0x06)),
        ("a VLAN tag", {
            let mut tagged = four.clone();
            tagged.splice(12..12, [0x81, 0, 0, 5]);
            tagged
        }),
        ("IP options", changed(&four, 14, 0x46)),
        ("TCP", changed(&four, 23, 6)),
        ("a first fragment", changed(&four, 20, 0x20)),
        ("a later fragment", changed(&four, 21, 0x05)),
        ("ICMPv6", changed(&six, 20, 58)),
        ("an extension header", changed(&six, 20, 0)),
        ("version 5 in an IPv6 frame", changed(&six, 14, 0x50)),
        ("longer than a frame of ours", {
            let mut long = four.clone();
            long.resize(1515, 0);
            long
        }),
        ("longer than a frame of ours", {
            let mut long = six.clone();
            long.resize(3000, 0);
            long
        }),
    ];
    for (what, frame) in cases {
        assert_eq!(judge(&frame), PASS, "{what}");
    }
    // "Don't fragment" is no fragment, and a short frame is padded.
    assert_eq!(judge(&changed(&four, 20, 0x40)), REDIRECT);
    assert_eq!(judge(&[four.clone(), vec![0; 1514 - four.len()]].concat()), REDIRECT);
    // Every frame cut short has a verdict; with its headers it is a query, however wrong its lengths.
    for length in 14..four.len() {
        assert_eq!(judge(&four[..length]), if length < 42 { PASS } else { REDIRECT }, "{length}");
    }
    for length in 14..six.len() {
        assert_eq!(judge(&six[..length]), if length < 62 { PASS } else { REDIRECT }, "{length}");
    }
}

#[test]
fn a_queue_that_nobody_reads_goes_to_the_kernel() {
    if !is_root() {
        return;
    }
    let targets = Map::<{ Target::OCTETS }>::new(MapKind::Hash, 16).unwrap();
    targets.put(&Target::new("192.0.2.1:53".parse().unwrap()).0, 1).unwrap();
    let sockets = Map::<4>::new(MapKind::Sockets, 1).unwrap();
    let code = program(MAC, targets.as_raw_fd(), sockets.as_raw_fd()).unwrap();
    let program = Program::load(&code).unwrap_or_else(|(error, log)| panic!("{error}\n{log}"));
    assert_eq!(program.judge(&query("203.0.113.5", "192.0.2.1:53")).unwrap(), PASS);
}
