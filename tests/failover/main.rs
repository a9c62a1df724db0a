//! Failover seen from outside: the built binary, real mail servers, a real resolver, real faults.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `real_mail.rs` | real Postfix sites die, vanish and are drained while mail flows: nothing lost, nothing twice |
//! | `world.rs` | a network, mount and process namespace of its own, from which nothing escapes |
//! | `node.rs` | a Waypost node run from the built binary |
//! | `small_disk.rs` | the same, with little room for its state; for other tests |
//! | `dns.rs` | a DNS client with EDNS Client Subnet |
//! | `postfix.rs`, `unbound.rs` | real mail servers and a real resolver |
//! | `mail.rs` | letters that are sent all the time and counted at the end |
//! | `patience.rs` | waiting for what must come true |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod dns;
mod mail;
#[allow(dead_code)]
mod node;
mod patience;
#[allow(dead_code)]
mod postfix;
mod real_mail;
mod unbound;
#[allow(dead_code)]
mod world;
