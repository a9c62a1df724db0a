//! Where the demo listens: the well-known demo ports, or other free ones where those are taken.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use super::bounds::{ADMIN_PORT, DNS_PORT, LOOPBACK, PORT_ATTEMPTS, SMTP_PORT};

/// The addresses of one demo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// DNS over UDP and TCP.
    pub dns: SocketAddr,
    /// The admin API.
    pub admin: SocketAddr,
    /// The SMTP sites, one loopback address each.
    pub smtp: Vec<SocketAddr>,
}

/// Which transports must be free at a port.
#[derive(Clone, Copy)]
enum Transports {
    Tcp,
    UdpAndTcp,
}

impl Ports {
    /// Free addresses for DNS and admin API on 127.0.0.1 and for a site on each of `sites`.
    ///
    /// # Errors
    /// If an address is not this machine's or no port is free on it.
    pub fn choose(sites: &[Ipv4Addr]) -> io::Result<Self> {
        Ok(Self {
            dns: free(LOOPBACK, DNS_PORT, Transports::UdpAndTcp)?,
            admin: free(LOOPBACK, ADMIN_PORT, Transports::Tcp)?,
            smtp: sites.iter().map(|site| free(*site, SMTP_PORT, Transports::Tcp)).collect::<io::Result<_>>()?,
        })
    }
}

fn free(address: Ipv4Addr, wanted: u16, transports: Transports) -> io::Result<SocketAddr> {
    let address = IpAddr::V4(address);
    let mut outcome = claim(SocketAddr::new(address, wanted), transports);
    for _ in 0..PORT_ATTEMPTS {
        if outcome.is_ok() {
            break;
        }
        outcome = claim(SocketAddr::new(address, 0), transports);
    }
    outcome
}

/// Binds and lets go again; port 0 asks the system for a free one.
fn claim(address: SocketAddr, transports: Transports) -> io::Result<SocketAddr> {
    let bound = TcpListener::bind(address)?.local_addr()?;
    if matches!(transports, Transports::UdpAndTcp) {
        UdpSocket::bind(bound)?;
    }
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_replaced_by_a_free_one() {
        let holder = UdpSocket::bind((LOOPBACK, 0)).unwrap();
        let taken = holder.local_addr().unwrap();
        let other = free(LOOPBACK, taken.port(), Transports::UdpAndTcp).unwrap();
        assert_ne!(other.port(), taken.port());
        assert_ne!(other.port(), 0);
    }

    #[test]
    fn an_address_that_is_not_ours_is_an_error() {
        assert!(free(Ipv4Addr::new(203, 0, 113, 77), 2525, Transports::Tcp).is_err());
    }
}
