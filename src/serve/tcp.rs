//! Streams in and out (RFC 7766).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::bounds::{LISTENER_REST, PROGRESS, QUERY, REPLY, STOP, STREAM_QUERY};
use super::connections::{Admission, Connections};
use super::exchange::{Outcome, exchange};
use super::handler::Handler;
use crate::answer::Transport;

/// Accepts connections until `stop` turns true, then lets those that are open finish their query.
///
/// No error ends it: an aborted handshake is one client's, and descriptors come back.
pub(super) async fn serve(
    listener: Arc<TcpListener>,
    handler: Arc<Handler>,
    connections: Arc<Connections>,
    mut stop: watch::Receiver<bool>,
) {
    let mut open = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        while open.try_join_next().is_some() {}
        match accepted {
            Ok((stream, client)) => match connections.admit(client.ip()) {
                Some(place) => {
                    open.spawn(converse(stream, client, Arc::clone(&handler), place, stop.clone()));
                }
                None => handler.usage().count_turned_away(),
            },
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

/// Answers the queries of one connection in their order.
async fn converse(
    mut stream: TcpStream,
    client: SocketAddr,
    handler: Arc<Handler>,
    place: Admission,
    mut stop: watch::Receiver<bool>,
) {
    // Small replies must not wait for acknowledgements; a socket that refuses is merely slower.
    let _ = stream.set_nodelay(true);
    loop {
        let mut first = [0];
        let began = tokio::select! {
            began = timeout(place.idle(), stream.read_exact(&mut first)) => began,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        let (Ok(Ok(_)), [high]) = (began, first) else { return };
        let Ok(Ok(query)) = timeout(QUERY, read_query(&mut stream, high)).await else { return };
        let mut messages: Box<dyn Iterator<Item = Vec<u8>> + Send> =
            match exchange(&handler, &query, client, Transport::Tcp).await {
                Outcome::Silence => return,
                Outcome::Reply(reply) => Box::new(std::iter::once(reply)),
                Outcome::Transfer(messages) => messages,
            };
        for message in &mut messages {
            let Ok(length) = u16::try_from(message.len()) else { return };
            let framed = [&length.to_be_bytes()[..], &message].concat();
            if !matches!(timeout(REPLY, stream.write_all(&framed)).await, Ok(Ok(()))) {
                handler.usage().count_unsent();
                return;
            }
        }
    }
}

/// The rest of a query of which the first length octet was read.
async fn read_query(stream: &mut TcpStream, high: u8) -> io::Result<Vec<u8>> {
    let mut low = [0];
    fill(stream, &mut low).await?;
    let [low] = low;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > STREAM_QUERY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut query = vec![0; length];
    fill(stream, &mut query).await?;
    Ok(query)
}

/// Fills `buffer`, as long as something comes in time.
async fn fill(stream: &mut TcpStream, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        let count = timeout(PROGRESS, stream.read(buffer)).await??;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer = std::mem::take(&mut buffer).get_mut(count..).unwrap_or_default();
    }
    Ok(())
}
