//! Many zones: what must not grow with their number, and that a reload of all of them disturbs nobody who asks.
//! `tests/bench/scale.py` measures the same with a million.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `structure.rs` | zones of a template share all but their names; what plans cost does not grow with zones |
//! | `reload.rs` | reloads under queries lose none, and say what they changed in a few lines |
//! | `hosted.rs` | the zones of both |
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

mod hosted;
mod reload;
mod structure;
