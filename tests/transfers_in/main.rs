//! Transfers with the servers of others: the built binary as secondary of BIND, Knot, NSD and PowerDNS, as consumer of their
//! catalog zones, and as primary that tells them of changes.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `secondary.rs` | zones come, follow NOTIFY, outlive their primary and expire; keys that are wrong bring nothing |
//! | `catalogs.rs` | members of catalog zones come and go |
//! | `notify.rs` | secondaries are told of changes, and Waypost is told by whom it should be |
//! | `primaries.rs` | servers of others with a zone |
//! | `secondaries.rs` | servers of others that want a zone |
//! | `scene.rs` | a node and what it says |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

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

mod catalogs;
mod notify;
mod primaries;
mod scene;
mod secondaries;
mod secondary;
