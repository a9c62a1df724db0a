//! Accepting TCP connections, whatever is spoken on them.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::bounds::{LISTENER_REST, STOP};
use super::connections::{Admission, Connections, Entry};
use super::handler::Handler;
use crate::answer::Transport;

/// What all connections of a server share.
#[derive(Clone)]
pub(super) struct Hall {
    /// Who answers.
    pub(super) handler: Arc<Handler>,
    /// The places.
    pub(super) connections: Arc<Connections>,
    /// Turns true when the server stops.
    pub(super) stop: watch::Receiver<bool>,
}

impl Hall {
    /// A place for one more connection; counts who gets none.
    pub(super) fn admit(&self, client: SocketAddr, transport: Transport) -> Option<Admission> {
        let usage = self.handler.usage();
        let place = match self.connections.admit(client.ip()) {
            Entry::Admitted(place) | Entry::InPlaceOfAnother(place) => place,
            Entry::TurnedAway => {
                usage.count_turned_away();
                return None;
            }
        };
        usage.count_connection(transport);
        Some(place)
    }
}

/// Accepts connections until the server stops and hands each to `serve`, then lets those that are open finish what they
/// are at.
///
/// No error ends it: an aborted handshake is one client's, and descriptors come back. A panic in `serve` ends that
/// connection and no other.
pub(super) async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: Arc<TcpListener>,
    transport: Transport,
    hall: Hall,
    serve: impl Fn(TcpStream, SocketAddr, Admission) -> F,
) {
    let mut open = JoinSet::new();
    let mut stop = hall.stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while open.try_join_next().is_some() {}
        match accepted {
            Ok((stream, client)) => {
                if let Some(place) = hall.admit(client, transport) {
                    // Small replies must not wait for acknowledgements; a socket that refuses is merely slower.
                    let _ = stream.set_nodelay(true);
                    open.spawn(serve(stream, client, place));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(LISTENER_REST).await;
            }
        }
    }
    // Time for a query that is being answered; resting connections end by themselves.
    let _ = timeout(STOP, async { while open.join_next().await.is_some() {} }).await;
}
