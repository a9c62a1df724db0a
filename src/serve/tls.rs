//! DNS over TLS (RFC 7858).

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::accept::{Hall, accept};
use super::bounds::HANDSHAKE;
use super::connections::Admission;
use super::handler::Handler;
use super::stream::{Talk, converse};
use crate::answer::Transport;

/// Who may shake hands, and with what.
#[derive(Clone)]
pub(super) struct Reception {
    acceptor: TlsAcceptor,
    /// Handshakes at the same time: they are what a flood of connections costs most.
    handshakes: Arc<Semaphore>,
}

impl Reception {
    /// A reception with `config`; `handshakes` is shared by all transports.
    pub(super) fn new(config: Arc<rustls::ServerConfig>, handshakes: Arc<Semaphore>) -> Self {
        Self { acceptor: config.into(), handshakes }
    }

    /// Shakes hands; `None` with a client that does not, or not in time, where too many do already, and where the place is
    /// needed for another.
    pub(super) async fn shake(
        &self,
        stream: TcpStream,
        client: SocketAddr,
        place: &Admission,
        handler: &Handler,
    ) -> Option<TlsStream<TcpStream>> {
        let shaken = async {
            let _turn = self.handshakes.acquire().await.ok()?;
            match self.acceptor.accept(stream).await {
                Ok(stream) => Some(stream),
                Err(error) => {
                    tracing::debug!(%error, %client, "a TLS handshake failed");
                    None
                }
            }
        };
        let stream = tokio::select! {
            stream = timeout(HANDSHAKE, shaken) => stream.ok().flatten(),
            () = place.evicted() => {
                handler.usage().count_evicted();
                None
            }
        };
        if stream.is_none() {
            handler.usage().count_failed_handshake();
        }
        stream
    }
}

/// Serves a listener until the server stops.
pub(super) async fn serve(listener: Arc<TcpListener>, hall: Hall, reception: Reception) {
    let (handler, stop) = (Arc::clone(&hall.handler), hall.stop.clone());
    accept(listener, Transport::Tls, hall, move |stream, client, place| {
        let (handler, stop, reception) = (Arc::clone(&handler), stop.clone(), reception.clone());
        async move {
            let Some(stream) = reception.shake(stream, client, &place, &handler).await else { return };
            converse(stream, Talk { handler, client, transport: Transport::Tls, place, stop }).await;
        }
    })
    .await;
}
