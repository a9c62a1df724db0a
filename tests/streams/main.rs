//! Streams, plain and encrypted: real clients, rude clients, and ten thousand who only hold connections.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `tcp.rs` | pipelines, slow and half-closed clients, bounds, replies out of order, panics |
//! | `encrypted.rs` | DNS over TLS, QUIC and HTTPS with kdig, dig, and clients of our own |
//! | `certificates.rs` | certificates are swapped while in use, and a broken one never is |
//! | `crowd.rs` | ten thousand idle or slow clients keep nobody out |
//! | `scene.rs` | a server with every transport |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod certificates;
mod crowd;
mod encrypted;
mod scene;
mod tcp;

#[allow(dead_code)]
#[path = "../failover/dns.rs"]
mod dns;
#[allow(dead_code)]
#[path = "../failover/node.rs"]
mod node;
#[allow(dead_code)]
#[path = "../failover/patience.rs"]
mod patience;
#[path = "../failover/ports.rs"]
mod ports;
#[allow(dead_code)]
#[path = "../dns/support.rs"]
mod support;
