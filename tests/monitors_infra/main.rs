//! The monitors of infrastructure against the real servers they are for.
//!
//! Broken, a monitor would call a dead or stale server good, or withdraw one that works, because it misreads what real
//! servers say.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `web.rs` | nginx: http, https, tls and tcp monitors, with certificates that are good, over, ending and for somebody else |
//! | `resolver.rs` | unbound: answers, refusals, failures with extended errors, truncation |
//! | `postgres.rs` | PostgreSQL: a primary and its streaming replica, paused, late, promoted, silent, dead |
//! | `mysql.rs` | MariaDB: a primary and its replica, delayed, with stopped threads, silent, dead |
//! | `icmp.rs` | the system's own echoes, allowed, forbidden and dropped |
//! | `scene.rs` | a directory, servers as users without privileges, and probes as a configuration text says |
//! | `certificates.rs` | an authority and what it signs |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, missing_docs)]

mod certificates;
mod icmp;
mod mysql;
#[allow(dead_code)]
#[path = "../failover/patience.rs"]
mod patience;
#[path = "../failover/ports.rs"]
mod ports;
mod postgres;
mod resolver;
mod scene;
mod web;
#[allow(dead_code)]
#[path = "../failover/world.rs"]
mod world;
