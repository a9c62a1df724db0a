//! The system's own echoes, in a network of the test's own: forbidden, allowed, dropped.

use std::fs;
use std::net::SocketAddr;

use waypost::health::FailureKind::{Timeout, Unreachable};

use crate::scene::{Wanted, expect};
use crate::world::in_a_world;

const RANGE: &str = "/proc/sys/net/ipv4/ping_group_range";

#[test]
fn echoes_are_heard_where_the_system_lets_them() {
    in_a_world("icmp::echoes_are_heard_where_the_system_lets_them", |world| {
        let at = |address: &str| SocketAddr::new(address.parse().unwrap(), 0);
        let (v4, v6) = (at("127.0.0.1"), at("::1"));
        let keys = "kind = \"icmp\"\ntimeout = \"10s\"\n";
        // Nobody's group is between 1 and 0.
        fs::write(RANGE, "1 0").unwrap();
        for address in [v4, v6] {
            expect(keys, address, Wanted::Inconclusive("sysctl -w net.ipv4.ping_group_range="));
        }
        fs::write(RANGE, "0 2147483647").unwrap();
        for address in [v4, v6] {
            let said = expect(keys, address, Wanted::Ok);
            assert_eq!(said, "> ICMP echo request\n< ICMP echo reply\n");
        }
        expect(keys, at("192.0.2.1"), Wanted::Failed(Unreachable, "network unreachable"));
        world.black_hole(v4.ip());
        expect("kind = \"icmp\"\ntimeout = \"300ms\"\n", v4, Wanted::Failed(Timeout, "waiting for the echo"));
        world.no_black_hole();
        expect(keys, v4, Wanted::Ok);
    });
}
