//! UDP past the kernel, in network namespaces: a server and a client joined by a veth pair. Needs root.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `in_place.rs` | queries are answered in the driver's queues; all else, and everything after a kill, takes the kernel's way |
//! | `refusals.rs` | what cannot be had is said in words that help |
//! | `served.rs` | a whole node answers the same with and without, and goes on when its interface goes and comes |
//! | `wire.rs` | the two namespaces, and what is asked from the far one |
//! | `echo.rs` | the server that sends queries back |
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
#[allow(dead_code)]
#[path = "../failover/world.rs"]
mod world;

mod echo;
mod in_place;
mod refusals;
mod served;
mod wire;
