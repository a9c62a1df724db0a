//! Listening: TCP, with TLS or on loopback, and the Unix socket, with bounds on connections, headers and idle time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use super::access::{Line, Peer};
use super::bounds::{ACCEPT_PAUSE, HANDSHAKE_TIME, HEADER_BYTES, HEADER_TIME, HEADERS, STOP_TIME, WRITE_TIME};
use super::places::Places;
use super::rests::{Seat, accompany};
use super::router::{self, Shared};
use super::socket::Socket;
use super::steady::Steady;
use super::tls::{self, Armour, Shown, TlsError};
use super::{Channel, Control};
use crate::model::AdminTls;

/// Why the admin API cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The TCP address cannot be used.
    #[error("the admin API cannot listen on {address}: {source}; free the address or change admin.listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// TLS cannot be spoken.
    #[error("the admin API does not listen on {address}, for it cannot speak TLS there: {source}")]
    Tls {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: TlsError,
    },
    /// Another process answers on the socket.
    #[error("another node answers on '{}'; stop it or change admin.socket", path.display())]
    SocketInUse {
        /// The socket.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("the admin socket '{}' cannot be made: {source}; make its directory writable or change admin.socket", path.display())]
    Socket {
        /// The socket or its directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running admin API. Stops when dropped.
pub struct AdminServer {
    address: Option<SocketAddr>,
    stop: watch::Sender<()>,
    listeners: Vec<JoinHandle<()>>,
    _socket: Option<Box<dyn Send + Sync>>,
}

/// Serves `control` on `listen`, with TLS where `tls` is given, and on `socket`.
///
/// # Errors
/// If an address or the socket cannot be used.
pub async fn start(
    listen: Option<SocketAddr>,
    tls: Option<AdminTls>,
    socket: Option<PathBuf>,
    control: Arc<dyn Control>,
) -> Result<AdminServer, AdminError> {
    let armour = match (listen, tls) {
        (Some(address), Some(files)) => {
            Some(Arc::new(Armour::read(files).map_err(|source| AdminError::Tls { address, source })?))
        }
        _ => None,
    };
    let tcp = match listen {
        Some(address) => {
            Some(TcpListener::bind(address).await.map_err(|source| AdminError::Listen { address, source })?)
        }
        None => None,
    };
    let socket = match socket {
        Some(path) => Some(Socket::bind(&path).await?),
        None => None,
    };
    let address = tcp.as_ref().and_then(|listener| listener.local_addr().ok());
    let (stop, stopping) = watch::channel(());
    let owner = socket.as_ref().map(|socket| socket.owner);
    let router = router::routes(&Shared::new(Arc::clone(&control), owner, stopping.clone()));
    let mut listeners = Vec::new();
    if let Some(armour) = &armour {
        listeners.push(tokio::spawn(tls::watch(Arc::clone(armour), Arc::clone(&control), stopping.clone())));
    }
    if let Some(listener) = tcp {
        let places = Places::new(Arc::clone(&control));
        listeners.push(tokio::spawn(serve(Listener::Tcp(listener, armour), places, router.clone(), stopping.clone())));
    }
    let mut file: Option<Box<dyn Send + Sync>> = None;
    if let Some(socket) = socket {
        let (listener, guard) = socket.into_parts();
        file = Some(Box::new(guard));
        listeners.push(tokio::spawn(serve(Listener::Unix(listener), Places::new(control), router, stopping)));
    }
    Ok(AdminServer { address, stop, listeners, _socket: file })
}

impl AdminServer {
    /// The TCP address that is listened on.
    #[must_use]
    pub const fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Stops listening, lets open requests finish for a second, and removes the socket.
    pub async fn stop(self) {
        drop(self.stop);
        for listener in self.listeners {
            // It ends by itself; a panic in it has been logged and there is nothing left to stop.
            let _ended = listener.await;
        }
    }
}

enum Listener {
    Tcp(TcpListener, Option<Arc<Armour>>),
    Unix(UnixListener),
}

/// An accepted connection.
enum Connection {
    Tcp(Steady<TcpStream>, Channel, Option<Arc<ServerConfig>>),
    Unix(Steady<UnixStream>, Channel),
}

impl Listener {
    async fn accept(&self) -> std::io::Result<Connection> {
        match self {
            Self::Tcp(listener, armour) => {
                let (stream, peer) = listener.accept().await?;
                let config = armour.as_ref().map(|armour| armour.config());
                Ok(Connection::Tcp(
                    Steady::new(stream, WRITE_TIME),
                    Channel::Tcp { peer: peer.ip().to_canonical() },
                    config,
                ))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let uid = stream.peer_cred()?.uid();
                Ok(Connection::Unix(Steady::new(stream, WRITE_TIME), Channel::Socket { uid }))
            }
        }
    }
}

impl Connection {
    const fn channel(&self) -> Channel {
        match self {
            Self::Tcp(_, channel, _) | Self::Unix(_, channel) => *channel,
        }
    }

    /// Serves it to its end.
    async fn serve(self, seat: &Arc<Seat>, router: Router, stopping: watch::Receiver<()>) {
        match self {
            Self::Tcp(stream, channel, None) => {
                let peer = Peer { channel, line: Line::Plain, shown: None };
                talk(stream, peer, seat, router, stopping).await;
            }
            Self::Tcp(stream, channel, Some(config)) => {
                if let Some((stream, peer)) = shake_hands(stream, channel, config).await {
                    talk(stream, peer, seat, router, stopping).await;
                }
            }
            Self::Unix(stream, channel) => {
                let peer = Peer { channel, line: Line::Plain, shown: None };
                talk(stream, peer, seat, router, stopping).await;
            }
        }
    }
}

/// A connection over TLS, and who is at its other end; `None` where none comes about.
async fn shake_hands(
    stream: Steady<TcpStream>,
    channel: Channel,
    config: Arc<ServerConfig>,
) -> Option<(TlsStream<Steady<TcpStream>>, Peer)> {
    let shaken = tokio::time::timeout(HANDSHAKE_TIME, TlsAcceptor::from(config).accept(stream)).await;
    match shaken {
        Ok(Ok(stream)) => {
            let (_, connection) = stream.get_ref();
            let shown = connection.peer_certificates().and_then(|chain| Shown::of(chain.first()?));
            Some((stream, Peer { channel, line: Line::Tls, shown: shown.map(Arc::new) }))
        }
        Ok(Err(error)) => {
            tracing::debug!(%channel, %error, "no TLS with the admin API");
            None
        }
        Err(_) => None,
    }
}

/// Accepts until told to stop, then waits for what is open.
async fn serve(listener: Listener, places: Places, router: Router, mut stopping: watch::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopping.changed() => break,
            accepted = listener.accept() => accepted,
        };
        while connections.try_join_next().is_some() {}
        match accepted {
            Ok(connection) => {
                let Some(held) = places.take(connection.channel()).await else { continue };
                let (router, stopping) = (router.clone(), stopping.clone());
                connections.spawn(async move {
                    tokio::select! {
                        () = connection.serve(held.seat(), router, stopping) => {}
                        () = held.seat().cut() => {}
                    }
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the admin API could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    let finished = async { while connections.join_next().await.is_some() {} };
    // What is open after that is cut off when the set is dropped.
    let _late = tokio::time::timeout(STOP_TIME, finished).await;
}

/// Serves one connection to its end, or to the end of its current request once the node stops.
pub(super) async fn talk(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    seat: &Arc<Seat>,
    router: Router,
    mut stopping: watch::Receiver<()>,
) {
    let channel = peer.channel;
    let service = service_fn(|request: hyper::Request<Incoming>| {
        let (router, peer) = (router.clone(), peer.clone());
        let (parts, body) = request.into_parts();
        let (body, answered) = accompany(seat, Body::new(body));
        async move {
            let mut request = hyper::Request::from_parts(parts, body);
            request.extensions_mut().insert(peer);
            let response: Result<Response, Infallible> = router.oneshot(request).await;
            response.map(|response| response.map(answered))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(HEADER_BYTES)
        .max_headers(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%channel, %error, "an admin connection ended early");
    }
}
