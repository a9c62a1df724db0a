//! EDNS, cookies and rate limits seen from outside, beside two servers that everybody trusts: Knot DNS and NSD.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `compliance.rs` | a table of queries as ISC's EDNS compliance tester sends them: answered as NSD and Knot answer |
//! | `differential.rs` | thousands of damaged queries: answered as Knot answers, but for explained differences (`explained.rs`) |
//! | `cookies.rs` | cookies made by one server are taken by another with the same secret |
//! | `flood.rs` | a flood in the name of one network costs neither another network nor who shows a cookie |
//! | `servers.rs` | Waypost, NSD and Knot with the same zone |
//! | `wire.rs` | queries by the octet, and what matters of replies |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod compliance;
mod cookies;
mod differential;
mod explained;
mod flood;
#[path = "../failover/ports.rs"]
mod ports;
mod servers;
mod wire;
