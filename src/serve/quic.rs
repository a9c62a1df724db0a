//! DNS over dedicated QUIC connections (RFC 9250).

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, EndpointConfig, Incoming, RecvStream, SendStream, TransportConfig, VarInt};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::accept::Hall;
use super::bounds::{HANDSHAKE, QUERY, REPLY, STOP, STREAM_QUERY, STREAMS_OF_CONNECTION};
use super::connections::Admission;
use super::exchange::{Outcome, exchange};
use super::inquiry::Inquiry;
use crate::answer::Transport;

/// Error codes of section 8.4.
const NO_ERROR: VarInt = VarInt::from_u32(0);
const INTERNAL_ERROR: VarInt = VarInt::from_u32(1);
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(4);

/// An endpoint at a bound socket.
///
/// # Errors
/// If the system or the TLS library refuses.
pub(super) fn listen(socket: UdpSocket, mut tls: rustls::ServerConfig, idle: Duration) -> io::Result<Endpoint> {
    // A query in the first flight could be replayed (section 4.5).
    tls.max_early_data_size = 0;
    let crypto = QuicServerConfig::try_from(tls).map_err(io::Error::other)?;
    let mut config = quinn::ServerConfig::with_crypto(Arc::new(crypto));
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(STREAMS_OF_CONNECTION))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        // Queries are small: nobody needs a window for more than one of the largest on each stream.
        .stream_receive_window(VarInt::from_u32(1 << 14))
        .receive_window(VarInt::from_u32(1 << 18))
        .max_idle_timeout(quinn::IdleTimeout::try_from(idle).ok())
        .datagram_receive_buffer_size(None);
    config.transport_config(Arc::new(transport));
    let runtime = quinn::default_runtime().ok_or_else(|| io::Error::other("no runtime"))?;
    Endpoint::new(EndpointConfig::default(), Some(config), socket, runtime)
}

/// Serves an endpoint until the server stops.
pub(super) async fn serve(endpoint: Endpoint, hall: Hall, handshakes: Arc<Semaphore>) {
    let mut open = JoinSet::new();
    let mut stop = hall.stop.clone();
    loop {
        let incoming = tokio::select! {
            incoming = endpoint.accept() => incoming,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        // An endpoint ends only when it is closed.
        let Some(incoming) = incoming else { return };
        while open.try_join_next().is_some() {}
        let Ok(turn) = Arc::clone(&handshakes).try_acquire_owned() else {
            hall.handler.usage().count_failed_handshake();
            incoming.refuse();
            continue;
        };
        // When many shake hands, clients first prove that they are where they say (RFC 9000 section 8.1.2).
        let is_crowded = handshakes.available_permits() < hall.handler.limits().handshakes / 2;
        if is_crowded && !incoming.remote_address_validated() && incoming.may_retry() {
            // Refused only if it may not be retried, which was asked for.
            let _ = incoming.retry();
            continue;
        }
        match hall.admit(incoming.remote_address(), Transport::Quic) {
            Some(place) => {
                let hall = hall.clone();
                open.spawn(async move {
                    let connection = shake(incoming, &hall, &place).await;
                    drop(turn);
                    if let Some(connection) = connection {
                        converse(connection, &hall, Arc::new(place)).await;
                    }
                });
            }
            None => incoming.refuse(),
        }
    }
    let _ = timeout(STOP, async { while open.join_next().await.is_some() {} }).await;
    endpoint.close(NO_ERROR, b"");
}

async fn shake(incoming: Incoming, hall: &Hall, place: &Admission) -> Option<Connection> {
    let client = incoming.remote_address();
    let shaken = tokio::select! {
        shaken = timeout(HANDSHAKE, incoming) => shaken,
        () = place.evicted() => {
            hall.handler.usage().count_evicted();
            return None;
        }
    };
    match shaken {
        Ok(Ok(connection)) => Some(connection),
        outcome => {
            hall.handler.usage().count_failed_handshake();
            tracing::debug!(?outcome, %client, "a QUIC handshake failed");
            None
        }
    }
}

/// Answers the streams of a connection, each with one query (section 4.2).
async fn converse(connection: Connection, hall: &Hall, place: Arc<Admission>) {
    let limits = hall.handler.limits();
    let at_once = Arc::new(Semaphore::new(limits.queries_per_connection));
    let most = limits.queries_per_connection;
    let mut queries = JoinSet::new();
    let mut stop = hall.stop.clone();
    loop {
        let stream = tokio::select! {
            stream = connection.accept_bi() => stream,
            () = place.evicted() => {
                hall.handler.usage().count_evicted();
                connection.close(EXCESSIVE_LOAD, b"");
                return;
            }
            _ = stop.wait_for(|stop| *stop) => break,
        };
        // The connection is over: its client left, rested too long or broke the rules.
        let Ok((send, receive)) = stream else { return };
        while queries.try_join_next().is_some() {}
        let Ok(turn) = Arc::clone(&at_once).acquire_owned().await else { return };
        place.work();
        let (hall, connection) = (hall.clone(), connection.clone());
        let (place, at_once) = (Arc::clone(&place), Arc::clone(&at_once));
        queries.spawn(async move {
            answer(&connection, send, receive, &hall).await;
            drop(turn);
            if at_once.available_permits() == most {
                place.rest();
            }
        });
    }
    let _ = timeout(STOP, async { while queries.join_next().await.is_some() {} }).await;
    connection.close(NO_ERROR, b"");
}

async fn answer(connection: &Connection, mut send: SendStream, mut receive: RecvStream, hall: &Hall) {
    let Ok(Ok(octets)) = timeout(QUERY, receive.read_to_end(STREAM_QUERY + 2)).await else {
        // Too slow or too long: this stream's own affair.
        let _ = receive.stop(PROTOCOL_ERROR);
        return;
    };
    let Some(query) = sole_query(&octets) else {
        connection.close(PROTOCOL_ERROR, b"one message with ID 0 a stream, with its length");
        return;
    };
    // QUIC has its own ways to keep a connection (section 4.3.3); read as on TCP, where the option means something.
    if Inquiry::read(query, Transport::Tcp).and_then(|inquiry| inquiry.edns).is_some_and(|edns| edns.keepalive) {
        connection.close(PROTOCOL_ERROR, b"edns-tcp-keepalive");
        return;
    }
    let messages: Box<dyn Iterator<Item = Vec<u8>> + Send> =
        match exchange(&hall.handler, query, connection.remote_address(), Transport::Quic).await {
            Outcome::Silence => {
                let _ = send.reset(INTERNAL_ERROR);
                return;
            }
            Outcome::Reply(reply) => Box::new(std::iter::once(reply)),
            Outcome::Transfer(messages) => messages,
        };
    for message in messages {
        let Ok(length) = u16::try_from(message.len()) else { return };
        let framed = [&length.to_be_bytes()[..], &message].concat();
        if !matches!(timeout(REPLY, send.write_all(&framed)).await, Ok(Ok(()))) {
            hall.handler.usage().count_unsent();
            return;
        }
    }
    // Already closed where the client left.
    let _ = send.finish();
    let _ = timeout(REPLY, send.stopped()).await;
}

/// The one message of a stream; `None` where it breaks section 4.2 or 4.2.1.
fn sole_query(octets: &[u8]) -> Option<&[u8]> {
    let (length, message) = octets.split_first_chunk::<2>()?;
    let is_whole = usize::from(u16::from_be_bytes(*length)) == message.len();
    (is_whole && message.starts_with(&[0, 0])).then_some(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_one_whole_message_with_id_0() {
        assert_eq!(sole_query(b"\x00\x03\x00\x00x"), Some(&b"\x00\x00x"[..]));
        for wrong in [&b""[..], b"\x00", b"\x00\x03\x00\x00", b"\x00\x02\x00\x00x", b"\x00\x03\x00\x01x", b"\x00\x00"] {
            assert_eq!(sole_query(wrong), None, "{wrong:?}");
        }
    }
}
