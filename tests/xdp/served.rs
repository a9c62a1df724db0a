//! A whole node. Broken here, and an operator who turns `xdp` on gets other answers, or none.

use std::fs;

use crate::node::Node;
use crate::patience::wait_until;
use crate::wire::{PATIENCE, SERVER_V4, SERVER_V6, Wire, has_program};
use crate::world::{World, in_a_world};

const ZONE: &str = "$ORIGIN example.org.
$TTL 1h
@ SOA ns1 hostmaster 7 2h 15m 2w 5m
@ NS ns1
ns1 A 192.0.2.53
www A 192.0.2.80
www AAAA 2001:db8::80
";

const CONFIGURATION: &str = r#"[node]
name = "test"
listen = ["0.0.0.0:53", "[::]:53"]
xdp = ["wire0"]

[admin]
listen = "none"
socket = "admin.sock"

[state]
path = "state"

[dnssec]
keys = "keys"

[[zone]]
origin = "example.org"
file = "example.org.zone"
"#;

fn start(world: &World) -> Node {
    let directory = world.directory("node");
    fs::write(directory.join("example.org.zone"), ZONE).unwrap();
    let node = Node::start(&directory, "127.0.0.1:53".parse().unwrap(), CONFIGURATION);
    wait_until("a program is attached", PATIENCE, has_program);
    node
}

fn ask_everything(wire: &Wire) {
    for server in [SERVER_V4, SERVER_V6] {
        for way in ["+notcp", "+tcp"] {
            assert_eq!(
                wire.dig(server, &[way, "+short", "www.example.org", "A"]).trim(),
                "192.0.2.80",
                "{server} {way}"
            );
            let missing = wire.dig(server, &[way, "missing.example.org", "A"]);
            assert!(missing.contains("status: NXDOMAIN") && missing.contains("SOA"), "{server} {way}: {missing}");
        }
    }
}

#[test]
fn a_node_answers_past_the_kernel_and_its_tcp_through_it() {
    in_a_world("served::a_node_answers_past_the_kernel_and_its_tcp_through_it", |world| {
        let wire = Wire::new(&[]);
        let mut node = start(world);
        ask_everything(&wire);
        wire.ping();
        node.kill();
        wait_until("the program is gone", PATIENCE, || !has_program());
    });
}

#[test]
fn an_interface_may_go_and_come() {
    in_a_world("served::an_interface_may_go_and_come", |world| {
        let wire = Wire::new(&[]);
        let node = start(world);
        wire.cut();
        let told = |words: &str| fs::read_to_string(node.log()).unwrap().contains(words);
        wait_until("the node says so", PATIENCE, || told("there is no interface wire0"));
        assert!(node.client().answers(), "other interfaces are not touched");
        wire.join(&[]);
        wait_until("a program is attached again", PATIENCE, has_program);
        ask_everything(&wire);
    });
}
