//! What an operator does and what may go wrong meanwhile, with the built binary on loopback addresses.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `orders.rs` | drains survive a kill and end by themselves; safety rules refuse with exit code 3 |
//! | `scheduled.rs` | orders begin in their time or when a rule allows, drains rise by steps, TTLs step down ahead of both |
//! | `scheduled_full_disk.rs` | a step that the store cannot keep takes effect, and is kept when it can |
//! | `capacity.rs` | orders that the other sites could not carry are refused; `whatif` says who would carry what |
//! | `mistakes.rs` | a mistake in configuration or zone is refused with a diagnostic while queries are answered |
//! | `last_resort.rs` | with all sites down the declared records are answered |
//! | `degradations.rs` | broken databases, full disks, stepped clocks and taken ports cost what they must and no more |
//! | `composite.rs` | services leave a site with what they require; assertions hold orders back |
//! | `replay.rs` | what was recorded is replayed, under the same and under another configuration |
//! | `past.rs` | past answers are reproduced octet for octet, failures measured, and vandals of the journal found |
//! | `access.rs` | who may do what, and what is seen from outside |
//! | `secrets.rs` | secrets change with a reload, and never come from a file that others may read |
//! | `signing.rs` | a zone is signed in three steps, and stays so whatever happens to its keys |
//! | `small_disk.rs` | a node whose state directory is a small file system |
//! | `scene.rs` | a node with three sites that can be opened and closed |
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

mod access;
mod capacity;
mod composite;
mod degradations;
mod last_resort;
mod mistakes;
mod orders;
mod past;
mod replay;
mod scene;
mod scheduled;
mod scheduled_full_disk;
mod secrets;
mod signing;
mod small_disk;
