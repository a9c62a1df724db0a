//! The admin API from outside, with the built binary: who is let in over TLS, through a provider of identities and with
//! certificates, and whether all that it answers is as its document says.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `transport.rs` | certificates good, expired and of others; TLS read again; names that are ours |
//! | `people.rs` | users sign in, order about their sites only, and are out when they sign out |
//! | `provider.rs` | a real OpenID provider signs people in; forged ways back sign nobody in |
//! | `conditions.rs` | of two orders decided on the same orders one is given |
//! | `document.rs` | thousands of requests drawn from the OpenAPI document get what it says, and no 5xx |
//! | `authority.rs` | certificates for node and clients |
//! | `python.rs` | programs from PyPI in an environment of their own under `target/` |
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
#[path = "../failover/ports.rs"]
mod ports;
#[allow(dead_code)]
#[path = "../operations/scene.rs"]
mod scene;

mod authority;
mod conditions;
mod document;
mod people;
mod provider;
mod python;
mod transport;
