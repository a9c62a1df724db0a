//! The listening sockets and the tasks that serve them.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::available_parallelism;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::bounds::{BACKLOG, LISTENER_REST, RATE_WATCH, RECEIVE_BUFFER};
use super::connections::Connections;
use super::handler::Handler;
use super::udp::Datagrams;
use super::{Setup, tcp, udp};

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
        /// `udp` or `tcp`.
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
        /// `udp` or `tcp`.
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
        /// `udp` or `tcp`.
        transport: &'static str,
    },
    /// IPv6 is switched off.
    #[error("cannot listen on {address} ({transport}): this host has no IPv6; leave the address out of node.listen")]
    NoIpv6 {
        /// The configured address.
        address: SocketAddr,
        /// `udp` or `tcp`.
        transport: &'static str,
    },
    /// Anything else that the system says.
    #[error("cannot listen on {address} ({transport}): {source}")]
    Io {
        /// The configured address.
        address: SocketAddr,
        /// `udp` or `tcp`.
        transport: &'static str,
        /// What the system says.
        source: io::Error,
    },
}

fn holder(address: &SocketAddr, transport: &str) -> String {
    let flag = if transport == "udp" { 'u' } else { 't' };
    let command = format!("ss -ln{flag}p 'sport = :{}'", address.port());
    if address.port() == 53 && address.ip().is_unspecified() {
        return format!("{command}; if it is systemd-resolved, listen on the addresses of this host one by one");
    }
    command
}

/// What Linux says of a family that the kernel was started without.
const EAFNOSUPPORT: i32 = 97;

impl ServeError {
    fn new(address: SocketAddr, transport: &'static str, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::AddrInUse => Self::InUse { address, transport },
            io::ErrorKind::PermissionDenied => Self::Permission { address, transport },
            io::ErrorKind::AddrNotAvailable => Self::NotOurs { address, transport },
            _ if source.raw_os_error() == Some(EAFNOSUPPORT) => Self::NoIpv6 { address, transport },
            _ => Self::Io { address, transport, source },
        }
    }
}

/// A running DNS server.
pub struct Server {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// Listens wherever `setup` says and answers from its tables, whichever are current at each query. Needs the context
    /// of a tokio runtime.
    ///
    /// # Errors
    /// If one address cannot be listened on; none is then.
    pub fn start(setup: Setup) -> Result<Self, ServeError> {
        let listen = setup.listen.clone();
        let mut sockets = Vec::with_capacity(listen.len());
        for address in listen {
            sockets.push(bind(address)?);
        }
        let handler = Arc::new(Handler::new(setup));
        let connections = Arc::new(Connections::default());
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let workers = available_parallelism().map_or(1, usize::from);
        for sockets in &sockets {
            for _ in 0..workers {
                let (datagrams, handler, stopped) =
                    (Arc::clone(&sockets.datagrams), Arc::clone(&handler), stopped.clone());
                tasks.spawn(supervise(stopped.clone(), move || {
                    udp::serve(Arc::clone(&datagrams), Arc::clone(&handler), stopped.clone())
                }));
            }
            let (listener, handler, connections, stopped) =
                (Arc::clone(&sockets.listener), Arc::clone(&handler), Arc::clone(&connections), stopped.clone());
            tasks.spawn(supervise(stopped.clone(), move || {
                tcp::serve(Arc::clone(&listener), Arc::clone(&handler), Arc::clone(&connections), stopped.clone())
            }));
        }
        let (watched, watching) = (Arc::clone(&handler), stopped.clone());
        tasks.spawn(supervise(stopped, move || watch_rate_limit(Arc::clone(&watched), watching.clone())));
        let addresses = sockets.iter().map(|sockets| sockets.address).collect();
        Ok(Self { tasks, stop, addresses })
    }

    /// Where the server listens, with real ports, in the order configured.
    #[must_use]
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Answers what has come in already, then stops listening.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Tells the node when clients begin to be limited, and when it is over, until `stop` turns true.
async fn watch_rate_limit(handler: Arc<Handler>, mut stop: watch::Receiver<bool>) {
    while tokio::time::timeout(RATE_WATCH, stop.wait_for(|stop| *stop)).await.is_err() {
        if let Some(state) = handler.rate_limit_news() {
            handler.backstage().part("rate limit", state).await;
        }
    }
}

/// Runs `serve` until the server stops: one that ends before, by whatever fault, is begun again.
async fn supervise<F: Future<Output = ()> + Send + 'static>(stop: watch::Receiver<bool>, serve: impl Fn() -> F) {
    loop {
        let mut task = JoinSet::new();
        task.spawn(serve());
        let ended = task.join_next().await;
        if *stop.borrow() {
            return;
        }
        if let Some(Err(error)) = ended {
            tracing::error!(%error, "a listener ended; it is begun again");
        }
        tokio::time::sleep(LISTENER_REST).await;
    }
}

/// The two sockets of an address.
struct Sockets {
    address: SocketAddr,
    datagrams: Arc<Datagrams>,
    listener: Arc<TcpListener>,
}

/// Ports that are tried where any will do: one that TCP has free may be taken for UDP.
const FREE_PORT_TRIES: usize = 16;

fn bind(address: SocketAddr) -> Result<Sockets, ServeError> {
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
    let datagrams = receive(bound).map_err(|source| ServeError::new(bound, "udp", source))?;
    Ok(Sockets { address: bound, datagrams: Arc::new(datagrams), listener: Arc::new(listener) })
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

fn receive(address: SocketAddr) -> io::Result<Datagrams> {
    // Without SO_REUSEADDR: a second server on the same port would take a part of the queries in silence.
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    prepare(&socket, address)?;
    // As much as the system allows; with less it works as well, only bursts are lost sooner.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.bind(&address.into())?;
    Datagrams::new(socket.into())
}

fn prepare(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // So that 0.0.0.0 and [::] can both be listened on.
        socket.set_only_v6(true)?;
    }
    Ok(())
}
