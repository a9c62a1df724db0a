//! Sockets for datagrams: several on one address, one for each worker, and none for anybody else.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::super::bounds::RECEIVE_BUFFER;
use super::batch::tell_destinations;

/// How long a worker waits for a datagram before it looks whether it should end, and lets go of old tables.
const LOOK: Duration = Duration::from_millis(100);

/// `count` sockets bound to `address`, among which the system spreads the clients.
pub(crate) fn bind(address: SocketAddr, count: usize) -> io::Result<Vec<UdpSocket>> {
    let mut bound = address;
    let mut sockets = Vec::with_capacity(count);
    for ix in 0..count.max(1) {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            // So that 0.0.0.0 and [::] can both be listened on.
            socket.set_only_v6(true)?;
        }
        // Refused by one that is bound without, so that another server on the port is noticed.
        socket.set_reuse_port(count > 1)?;
        // As much as the system allows; with less it works as well, only bursts are lost sooner.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        socket.bind(&bound.into())?;
        socket.set_read_timeout(Some(LOOK))?;
        let socket = UdpSocket::from(socket);
        if ix == 0 {
            bound = socket.local_addr()?;
        }
        if address.ip().is_unspecified() {
            // A resolver drops what comes from another address than it asked.
            tell_destinations(&socket)?;
        }
        sockets.push(socket);
    }
    for socket in &sockets {
        // From now on nobody else may join: a second server would take a part of the queries in silence.
        SockRef::from(socket).set_reuse_port(false)?;
    }
    Ok(sockets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_share_an_address_and_nobody_else_gets_it() {
        let sockets = bind("127.0.0.1:0".parse().unwrap(), 3).unwrap();
        let address = sockets[0].local_addr().unwrap();
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == address));
        for count in [1, 3] {
            let refused = bind(address, count).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AddrInUse, "{count}");
        }
        assert_eq!(UdpSocket::bind(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}
