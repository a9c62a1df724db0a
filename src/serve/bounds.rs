//! Bounds of the serve room.

use std::time::Duration;

/// The largest UDP reply in octets, whatever the client offers: fits every path without fragments (RFC 9715).
pub(super) const UDP_PAYLOAD: u16 = 1232;

/// The largest UDP reply in octets to a client without EDNS (RFC 1035 section 4.2.1), and the least that counts as
/// an offer (RFC 6891 section 6.2.3).
pub(super) const UDP_PLAIN: u16 = 512;

/// The largest reply in octets on a stream.
pub(super) const STREAM_PAYLOAD: u16 = u16::MAX;

/// The largest query in octets that is read from a stream: a name, an OPT with padding and a signature fit well.
pub(super) const STREAM_QUERY: usize = 4096;

/// The most additional records in a query: OPT and TSIG.
pub(super) const QUERY_ADDITIONALS: u16 = 2;

/// How long each read of a query that has begun may take.
pub(super) const PROGRESS: Duration = Duration::from_millis(500);

/// How long the whole of a query that has begun may take.
pub(super) const QUERY: Duration = Duration::from_secs(5);

/// How long a client may take to accept a reply.
pub(super) const REPLY: Duration = Duration::from_secs(10);

/// How long a listener rests after an error before it goes on: descriptors are short then, and spinning helps nobody.
pub(super) const LISTENER_REST: Duration = Duration::from_millis(100);

/// How long connections may finish what they are at when the server stops.
pub(super) const STOP: Duration = Duration::from_secs(2);

/// Connections that the system may hold for us before they are accepted.
pub(super) const BACKLOG: i32 = 1024;

/// Octets of a socket's receive buffer: a burst of two thousand queries waits here instead of being lost, where
/// the system (`net.core.rmem_max`) allows as much. Where more
/// come in than can be answered it is always full, and what waits longer has left the cache: with four times as much, a
/// twentieth fewer replies were measured.
pub(super) const RECEIVE_BUFFER: usize = 1 << 20;

/// How many waiting receptions a UDP worker still answers when the server stops: a flood must not hold it.
pub(super) const LAST_RUNS: usize = 4096;

/// Signatures in one generation of one of the sixteen parts of the cache: with both generations 131,072, some 20 MiB.
pub(super) const SIGNATURES_OF_SHARD: usize = 4096;

/// How long a message that made the handler panic is not handled again.
pub(super) const QUARANTINE: Duration = Duration::from_secs(60);

/// The most messages in quarantine.
pub(super) const QUARANTINED: usize = 1024;

/// How old a server cookie may be, in seconds (RFC 9018 section 4.3).
pub(super) const COOKIE_LIFETIME: i32 = 3600;

/// The age from which a client gets another server cookie, in seconds (RFC 9018 section 4.3).
pub(super) const COOKIE_RENEWAL: i32 = 1800;

/// How far in the future a server cookie may have been made, in seconds: clocks of two servers differ.
pub(super) const COOKIE_FUTURE: i32 = 300;

/// How much of its rate a client network may take at once.
pub(super) const RATE_BURST: Duration = Duration::from_secs(1);

/// Cells of the rate limiter: a client network and a kind of response each. Eight octets each, 512 KiB together.
pub(super) const RATE_CELLS: usize = 1 << 16;

/// How long nobody must have been limited before rate limiting counts as over.
pub(super) const RATE_CALM: Duration = Duration::from_secs(60);

/// How often it is looked at whether rate limiting began or ended.
pub(super) const RATE_WATCH: Duration = Duration::from_secs(1);

/// Encrypted replies are padded to a multiple of this many octets (RFC 8467 section 4.1).
pub(super) const PADDING_BLOCK: usize = 468;

/// Octets of a message of a transfer, unless a single record needs more: within what compression pointers reach
/// (RFC 1035 section 4.1.4), and few enough that a transfer takes little memory.
pub(super) const TRANSFER_MESSAGE: u16 = 16_384;

/// The most datagrams whose reply waits for the node: updates and notifications.
pub(super) const WAITING_DATAGRAMS: usize = 64;

/// How long a TLS or QUIC handshake may take, the wait for its turn included.
pub(super) const HANDSHAKE: Duration = Duration::from_secs(5);

/// The most streams of one QUIC or HTTP/2 connection at a time.
pub(super) const STREAMS_OF_CONNECTION: u32 = 100;

/// The most octets of the header fields of an HTTPS request.
pub(super) const HEADER_OCTETS: u32 = 16 << 10;

/// How long the header of an HTTP/1.1 request may take.
pub(super) const HEADER_TIME: Duration = Duration::from_secs(5);

/// The largest certificate or key file in octets.
pub(super) const CERTIFICATE_OCTETS: u64 = 1 << 20;

/// Octets of memory that the replies take which all UDP workers together keep made.
pub(super) const BODY_OCTETS: usize = 256 << 20;

/// The most of it that one part of a worker's takes: 65,536 replies of 256 octets.
pub(super) const BODY_OCTETS_OF_MEMO: usize = 16 << 20;

/// Datagrams that wait for the general path.
pub(super) const GENERAL_WAITING: usize = 1024;

/// The most replies of the general path that wait for the node.
pub(super) const GENERAL_TASKS: usize = WAITING_DATAGRAMS;

/// Views of all services together whose answers a worker counts: half a megabyte, enough for 64 services with as many views
/// as a service may have. Where there are more, the last ones are counted as one, and services beyond not at all.
pub(super) const DEMAND_CELLS: usize = 1 << 16;
