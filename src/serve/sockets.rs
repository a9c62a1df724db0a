//! Listening: sockets of every kind, and why one cannot be had.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::thread::available_parallelism;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::bounds::{BACKLOG, RECEIVE_BUFFER};
use super::certificate::CertificateError;
use super::udp;

/// Why the server cannot listen. Every message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Someone else listens there.
    #[error(
        "cannot listen on {address} ({transport}): the port is in use; \
         find who holds it with: {}",
        holder(address, transport)
    )]
    InUse {
        /// The configured address.
        address: SocketAddr,
        /// `udp`, `tcp`, `tls`, `quic` or `https`.
        transport: &'static str,
    },
    /// Ports below 1024 need a capability.
    #[error(
        "cannot listen on {address} ({transport}): permission denied; ports below 1024 need a capability: \
         add AmbientCapabilities=CAP_NET_BIND_SERVICE to the systemd unit, \
         or run: setcap cap_net_bind_service=+ep /path/to/waypost"
    )]
    Permission {
        /// The configured address.
        address: SocketAddr,
        /// `udp`, `tcp`, `tls`, `quic` or `https`.
        transport: &'static str,
    },
    /// The host does not have the address.
    #[error(
        "cannot listen on {address} ({transport}): this host does not have the address; \
         see `ip address`, or listen on a wildcard address (0.0.0.0 or [::])"
    )]
    NotOurs {
        /// The configured address.
        address: SocketAddr,
        /// `udp`, `tcp`, `tls`, `quic` or `https`.
        transport: &'static str,
    },
    /// IPv6 is switched off.
    #[error("cannot listen on {address} ({transport}): this host has no IPv6; leave the address out of node.listen")]
    NoIpv6 {
        /// The configured address.
        address: SocketAddr,
        /// `udp`, `tcp`, `tls`, `quic` or `https`.
        transport: &'static str,
    },
    /// The certificate of encrypted transports cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// No threads for datagrams.
    #[error("cannot start a worker for datagrams: {0}; see `ulimit -u` and TasksMax of the systemd unit")]
    Threads(io::Error),
    /// Anything else that the system says.
    #[error("cannot listen on {address} ({transport}): {source}")]
    Io {
        /// The configured address.
        address: SocketAddr,
        /// `udp`, `tcp`, `tls`, `quic` or `https`.
        transport: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

fn holder(address: &SocketAddr, transport: &str) -> String {
    let flag = if matches!(transport, "udp" | "quic") { 'u' } else { 't' };
    let command = format!("ss -ln{flag}p 'sport = :{}'", address.port());
    if address.port() == 53 && address.ip().is_unspecified() {
        return format!("{command}; if it is systemd-resolved, listen on the addresses of this host one by one");
    }
    command
}

/// What Linux says of a family that the kernel was started without.
const EAFNOSUPPORT: i32 = 97;

impl ServeError {
    pub(super) fn new(address: SocketAddr, transport: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address, transport },
            io::ErrorKind::PermissionDenied => Self::Permission { address, transport },
            io::ErrorKind::AddrNotAvailable => Self::NotOurs { address, transport },
            _ if source.raw_os_error() == Some(EAFNOSUPPORT) => Self::NoIpv6 { address, transport },
            _ => Self::Io { address, transport, source },
        }
    }
}

/// The sockets of an address.
pub(super) struct Sockets {
    pub(super) address: SocketAddr,
    /// One for each worker.
    pub(super) datagrams: Vec<UdpSocket>,
    pub(super) listener: Arc<TcpListener>,
}

/// Ports that are tried where any will do: one that TCP has free may be taken for UDP.
const FREE_PORT_TRIES: usize = 16;

/// DNS over UDP and TCP at an address; port 0 gets one that both have free.
pub(super) fn bind(address: SocketAddr) -> Result<Sockets, ServeError> {
    let mut tries = if address.port() == 0 { FREE_PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_both(address) {
            Err(ServeError::InUse { .. }) if tries > 0 => {}
            bound => return bound,
        }
    }
}

fn bind_both(address: SocketAddr) -> Result<Sockets, ServeError> {
    let listener = listen(address).map_err(|source| ServeError::new(address, "tcp", source))?;
    let bound = listener.local_addr().map_err(|source| ServeError::new(address, "tcp", source))?;
    let workers = available_parallelism().map_or(1, usize::from);
    let datagrams = udp::bind(bound, workers).map_err(|source| ServeError::new(bound, "udp", source))?;
    Ok(Sockets { address: bound, datagrams, listener: Arc::new(listener) })
}

/// A listener for streams of `transport`.
pub(super) fn bind_stream(
    address: SocketAddr,
    transport: &'static str,
) -> Result<(SocketAddr, Arc<TcpListener>), ServeError> {
    let refused = |source| ServeError::new(address, transport, source);
    let listener = listen(address).map_err(refused)?;
    Ok((listener.local_addr().map_err(refused)?, Arc::new(listener)))
}

/// A socket for datagrams that others make sense of.
pub(super) fn bind_datagrams(address: SocketAddr, transport: &'static str) -> Result<UdpSocket, ServeError> {
    datagram_socket(address).map_err(|source| ServeError::new(address, transport, source))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of a former run that still wind down must not keep us from starting.
    socket.set_reuse_address(true)?;
    prepare(&socket, address)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn datagram_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    // Without SO_REUSEADDR: a second server on the same port would take a part of the queries in silence.
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    prepare(&socket, address)?;
    // As much as the system allows; with less it works as well, only bursts are lost sooner.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // So that 0.0.0.0 and [::] can both be listened on.
        socket.set_only_v6(true)?;
    }
    Ok(())
}
