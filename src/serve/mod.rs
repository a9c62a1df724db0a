//! DNS over UDP, TCP, TLS, QUIC and HTTPS: sockets, packets, limits and counters around [`crate::answer`].
//!
//! Imports the core. One request handler answers for every transport; in front of it stands, for datagrams, a hot path that
//! copies what it answered before. The accept loops are ours. Never decides what is answered, never lets a query wait for
//! anything but a socket (updates and notifications wait for the node, beside the queries), and never lets one packet's panic
//! reach another's.

mod accept;
mod backstage;
mod bounds;
#[cfg(feature = "xdp")]
mod bypass;
mod certificate;
mod classes;
mod clock;
mod connections;
mod cookies;
mod counts;
mod demand;
mod dispatch;
mod draw;
mod durations;
mod exchange;
mod handler;
mod hot;
mod https;
mod inquiry;
mod kind;
mod named;
mod options;
mod quarantine;
mod quic;
mod rate_limit;
mod responder;
mod response;
mod server;
mod setup;
mod signatures;
mod sockets;
mod stream;
mod tcp;
mod tls;
mod transfer_out;
mod transfer_stream;
mod udp;
mod usage;
#[cfg(feature = "xdp")]
pub mod xdp;

pub use backstage::{Backstage, Nobody, Notification, UpdateRequest};
pub use certificate::CertificateError;
pub use counts::{PathCount, QueryCount, UsageCounts};
pub use durations::{DURATION_BUCKETS_US, DurationCounts};
pub use exchange::Outcome;
pub use hot::Hot;
pub use responder::{HotResponder, Responder};
pub use server::Server;
pub use setup::{Secrets, Setup};
pub use sockets::ServeError;
pub use usage::Usage;
