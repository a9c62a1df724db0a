//! Sockets for datagrams: several on one address, one for each worker.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::super::bounds::RECEIVE_BUFFER;
use super::batch::tell_destinations;

/// How long a worker waits for a datagram before it looks whether it should end, and lets go of old tables.
const LOOK: Duration = Duration::from_millis(100);

/// `count` sockets bound to `address`, whose port is given, among which the system spreads the clients.
///
/// # Errors
/// If the address cannot be had; also where another server has the port, which would take a part of the queries in silence.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<UdpSocket>> {
    // Sockets that share an address are refused by nobody who shares it too: one that does not share finds out.
    let alone = bound(address, Sharing::Alone)?;
    if count <= 1 {
        return Ok(vec![alone]);
    }
    drop(alone);
    (0..count).map(|_| bound(address, Sharing::Shared)).collect()
}

/// Whether a socket shares its address with others of this user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sharing {
    Alone,
    Shared,
}

fn bound(address: SocketAddr, sharing: Sharing) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // So that 0.0.0.0 and [::] can both be listened on.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_port(sharing == Sharing::Shared)?;
    // As much as the system allows; with less it works as well, only bursts are lost sooner.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&address.into())?;
    socket.set_read_timeout(Some(LOOK))?;
    // Where nothing leaves any more, replies are lost and the worker is not.
    socket.set_write_timeout(Some(LOOK))?;
    let socket = UdpSocket::from(socket);
    if address.ip().is_unspecified() {
        // A resolver drops what comes from another address than it asked.
        tell_destinations(&socket)?;
    }
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free() -> SocketAddr {
        UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
    }

    #[test]
    fn workers_share_an_address_and_another_server_is_noticed() {
        let address = free();
        let sockets = bind(address, 3).unwrap();
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == address));
        for count in [1, 3] {
            assert_eq!(bind(address, count).unwrap_err().kind(), io::ErrorKind::AddrInUse, "{count}");
        }
        assert_eq!(UdpSocket::bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn clients_are_spread_among_the_workers() {
        let sockets = bind(free(), 2).unwrap();
        let address = sockets[0].local_addr().unwrap();
        for _ in 0..100 {
            UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"query", address).unwrap();
        }
        for socket in &sockets {
            socket.set_nonblocking(true).unwrap();
            let came = (0..100).take_while(|_| socket.recv(&mut [0; 10]).is_ok()).count();
            // By the addresses of the clients: that all hundred fall on one side does not happen.
            assert!((10..=90).contains(&came), "{came} of 100");
        }
    }
}
