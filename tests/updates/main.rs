//! Dynamic updates (RFC 2136) with the clients that operators have: `nsupdate` of BIND and `knsupdate` of Knot.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `challenge.rs` | a certificate's challenge is visible as soon as it is acknowledged, and gone as soon as it is deleted |
//! | `refusals.rs` | other names, types, zones, keys and unsigned messages change nothing; prerequisites; bounds |
//! | `survival.rs` | what was acknowledged survives kill -9, reloads and changed files; serials never go back |
//! | `disk.rs` | a store that cannot be written: SERVFAIL, and nothing changed |
//! | `signed.rs` | a signed zone stays valid from one update to the next |
//! | `scene.rs` | a node that takes updates, and the clients |
//!
//! Without the clients the tests say so and do nothing; with `WAYPOST_REQUIRE_REAL` they fail.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../failover/dns.rs"]
mod dns;
#[path = "../failover/small_disk.rs"]
mod mount;
#[allow(dead_code)]
#[path = "../failover/node.rs"]
mod node;
#[allow(dead_code)]
#[path = "../failover/patience.rs"]
mod patience;
#[path = "../failover/ports.rs"]
mod ports;

mod challenge;
mod disk;
mod refusals;
mod scene;
mod signed;
mod survival;
