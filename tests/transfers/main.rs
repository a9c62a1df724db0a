//! Zone transfers out, transaction signatures, notifications and updates, seen from outside by real clients and real
//! secondaries.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `clients.rs` | dig and kdig transfer the declared zone, signed and not, whole and incremental |
//! | `round_trip.rs` | a zone with every record type comes out of a transfer as it went into the file |
//! | `refusals.rs` | wrong key, secret, algorithm, clock or address is refused as the RFCs say |
//! | `signatures.rs` | signed queries get signed replies, by the octet: UDP bounds, other opcodes, damaged messages |
//! | `secondaries.rs` | BIND, Knot, NSD, PowerDNS and unbound transfer the zone, take a new one, and serve it |
//! | `daemons.rs` | how these servers are configured |
//! | `updates.rs` | nsupdate and knsupdate reach the node, notifications too; nobody else does |
//! | `primary.rs` | Waypost as primary, in this process |
//! | `programs.rs` | running programs and servers of others |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod clients;
mod daemons;
#[path = "../failover/ports.rs"]
mod ports;
mod primary;
mod programs;
mod refusals;
mod round_trip;
mod secondaries;
mod signatures;
#[allow(dead_code)]
#[path = "../dns/support.rs"]
mod support;
mod updates;
