//! Which addresses are answered past the kernel: those that the configuration listens on and this host has.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use super::bounds::TARGETS_MOST;
use super::program::Target;

/// The targets of `listen` on a host with the addresses `own`. An address listened on stands for itself, a wildcard for
/// every address of its family: what is merely forwarded through this host must not be taken from the kernel. Addresses of
/// one link only are left to it as well: whom they mean hangs on the interface, which a datagram handed over does not tell.
pub(super) fn wanted(listen: &[SocketAddr], own: &[IpAddr]) -> BTreeSet<Target> {
    let of_one_link = |address: &IpAddr| matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
    let reachable = |address: &IpAddr| !address.is_loopback() && !address.is_unspecified() && !of_one_link(address);
    let of = |socket: &SocketAddr| -> Vec<IpAddr> {
        let family = |address: &&IpAddr| address.is_ipv4() == socket.is_ipv4();
        let all =
            if socket.ip().is_unspecified() { own.iter().filter(family).copied().collect() } else { vec![socket.ip()] };
        all.into_iter().filter(reachable).collect()
    };
    let sockets = listen.iter().flat_map(|socket| of(socket).into_iter().map(|ip| SocketAddr::new(ip, socket.port())));
    sockets.map(Target::new).take(TARGETS_MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(sockets: &[&str]) -> BTreeSet<Target> {
        sockets.iter().map(|socket| Target::new(socket.parse().unwrap())).collect()
    }

    fn listen(sockets: &[&str]) -> Vec<SocketAddr> {
        sockets.iter().map(|socket| socket.parse().unwrap()).collect()
    }

    #[test]
    fn a_wildcard_is_every_address_of_its_family_but_loopback() {
        let own: Vec<IpAddr> = ["127.0.0.1", "192.0.2.1", "198.51.100.1", "::1", "2001:db8::1", "fe80::1"]
            .map(|ip| ip.parse().unwrap())
            .to_vec();
        assert_eq!(wanted(&listen(&["0.0.0.0:53"]), &own), targets(&["192.0.2.1:53", "198.51.100.1:53"]));
        assert_eq!(wanted(&listen(&["[::]:5300"]), &own), targets(&["[2001:db8::1]:5300"]));
        assert_eq!(wanted(&listen(&["127.0.0.1:53", "[::1]:53"]), &own), targets(&[]));
        assert_eq!(wanted(&listen(&["203.0.113.9:53", "0.0.0.0:5"]), &[]), targets(&["203.0.113.9:53"]));
    }

    #[test]
    fn a_target_is_an_address_and_a_port_in_the_order_of_the_network() {
        let Target(octets) = Target::new("192.0.2.1:53".parse().unwrap());
        assert_eq!(octets, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1, 0, 53, 0, 0]);
        let Target(octets) = Target::new("[2001:db8::1]:258".parse().unwrap());
        assert_eq!(octets, [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 0, 0]);
    }
}
