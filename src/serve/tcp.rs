//! DNS over TCP (RFC 7766).

use std::sync::Arc;

use tokio::net::TcpListener;

use super::accept::{Hall, accept};
use super::stream::{Talk, converse};
use crate::answer::Transport;

/// Serves a listener until the server stops.
pub(super) async fn serve(listener: Arc<TcpListener>, hall: Hall) {
    let (handler, stop) = (Arc::clone(&hall.handler), hall.stop.clone());
    accept(listener, Transport::Tcp, hall, move |stream, client, place| {
        let talk = Talk { handler: Arc::clone(&handler), client, transport: Transport::Tcp, place, stop: stop.clone() };
        converse(stream, talk)
    })
    .await;
}
