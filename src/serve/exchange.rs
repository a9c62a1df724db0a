//! One packet in, at most one packet out, whatever happens in between.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use futures_util::FutureExt;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::Request;

use super::Usage;
use super::handler::Handler;
use super::quarantine::Quarantine;
use super::response::Response;
use crate::answer::Transport;

/// What goes back for one packet.
pub enum Outcome {
    /// Nothing: it must not be answered.
    Silence,
    /// One message.
    Reply(Vec<u8>),
    /// The messages of a transfer (RFC 5936 section 2.2), made as they are asked for; on streams only.
    Transfer(Box<dyn Iterator<Item = Vec<u8>> + Send>),
}

/// One message, or nothing.
impl From<Option<Vec<u8>>> for Outcome {
    fn from(reply: Option<Vec<u8>>) -> Self {
        reply.map_or(Self::Silence, Self::Reply)
    }
}

/// What goes back for `packet`, a message without the length of streams.
pub(super) async fn exchange(handler: &Handler, packet: &[u8], source: SocketAddr, transport: Transport) -> Outcome {
    // Datagrams come in batches, whose receiver reads the clocks.
    if !transport.is_datagram() {
        handler.tick();
    }
    let begun = Instant::now();
    let outcome = outcome(handler, packet, source, transport);
    let outcome = contained(handler.usage(), handler.quarantine(), packet, source, outcome).await;
    handler.usage().observe(begun.elapsed());
    outcome
}

/// Contains a panic: it is counted, and the query that caused it gets SERVFAIL, for a while without being handled. Others
/// do not notice.
async fn contained(
    usage: &Usage,
    quarantine: &Quarantine,
    packet: &[u8],
    source: SocketAddr,
    outcome: impl Future<Output = Outcome>,
) -> Outcome {
    if quarantine.holds(packet, Instant::now()) {
        usage.count_quarantined();
        return server_failure(packet).into();
    }
    // What a panic may leave half done is this query's own; shared counters and tables are changed in single steps.
    match AssertUnwindSafe(outcome).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_) => {
            usage.count_panic();
            quarantine.insert(packet, Instant::now());
            tracing::error!(client = %source, query = %hex(packet), "a query made the handler panic; answered SERVFAIL");
            server_failure(packet).into()
        }
    }
}

async fn outcome(handler: &Handler, packet: &[u8], source: SocketAddr, transport: Transport) -> Outcome {
    match handler.dispatch(packet, source, transport).await {
        Some(outcome) => outcome,
        None => reply(handler, packet, source, transport).into(),
    }
}

/// The reply to a plain query.
fn reply(handler: &Handler, packet: &[u8], source: SocketAddr, transport: Transport) -> Option<Vec<u8>> {
    let protocol = match transport {
        Transport::Udp => Protocol::Udp,
        Transport::Tcp => Protocol::Tcp,
        Transport::Tls => Protocol::Tls,
        Transport::Quic => Protocol::Quic,
        Transport::Https => Protocol::Https,
    };
    let response = match Request::from_bytes(packet.to_vec(), source, protocol) {
        Ok(_) => handler.respond(packet, source, transport)?,
        // What the library cannot read gets its error, or silence, by our own reading of it.
        Err(_) => handler.respond_unread(packet, source, transport)?,
    };
    encode(&response)
}

/// The packet of a response.
pub(super) fn encode(response: &Response) -> Option<Vec<u8>> {
    let encoded = response.encode();
    encoded.inspect_err(|error| tracing::error!(%error, "a reply could not be encoded")).ok()
}

/// SERVFAIL with nothing but the header, made without any of the code that may just have failed.
fn server_failure(packet: &[u8]) -> Option<Vec<u8>> {
    let &[id_high, id_low, flags, ..] = packet.first_chunk::<12>()?;
    if flags & 0x80 != 0 {
        return None;
    }
    // QR, OPCODE and RD of the query; RCODE 2.
    Some(vec![id_high, id_low, 0x80 | (flags & 0x79), 0x02, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// The packet for the log, bounded.
fn hex(packet: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(packet.get(..512).unwrap_or(packet))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_counted_and_answered_with_a_server_failure() {
        let (usage, quarantine) = (Usage::new(Instant::now()), Quarantine::default());
        let source = SocketAddr::from(([192, 0, 2, 1], 53));
        let query = [0xab, 0xcd, 0x01, 0x10, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
        let faulty = || async { panic!("a fault") };
        let failure = [0xab, 0xcd, 0x81, 0x02, 0, 0, 0, 0, 0, 0, 0, 0];
        let failed = |outcome| matches!(outcome, Outcome::Reply(reply) if reply == failure);
        assert!(failed(contained(&usage, &quarantine, &query, source, faulty()).await));
        let fragment = contained(&usage, &quarantine, &query[..5], source, faulty()).await;
        assert!(matches!(fragment, Outcome::Silence));
        assert_eq!(usage.counts().panics, 2);
        // Again: not handled, and so no panic.
        assert!(failed(contained(&usage, &quarantine, &query, source, faulty()).await));
        assert_eq!((usage.counts().panics, usage.counts().quarantined), (2, 1));
    }
}
