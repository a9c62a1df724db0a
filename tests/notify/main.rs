//! Who is told of what happens and what runs then, with the built binary and real receivers on loopback addresses.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `webhooks.rs` | signed webhooks arrive whatever the receiver does at first, across a restart, and in no chat that redirects |
//! | `pages.rs` | PagerDuty and chats get what opens and closes; no secret is shown anywhere |
//! | `alerts.rs` | a real Alertmanager holds an alert while an incident is open, and no longer |
//! | `letters.rs` | a real Postfix takes the mail |
//! | `hooks.rs` | commands run when an endpoint changes state, in their bounds |
//! | `receiver.rs` | an HTTP server that answers as it is told and keeps what it got |
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
#[allow(dead_code)]
#[path = "../operations/scene.rs"]
mod scene;

mod alerts;
mod hooks;
mod letters;
mod pages;
mod receiver;
mod webhooks;
