//! The monitors that read numbers and words, against the real programs that say them.
//!
//! Broken, a full disk or queue would go unnoticed, or an operator could not see what a monitor sees.
//!
//! Without the programs the tests say so and do nothing; with `WAYPOST_REQUIRE_REAL` they fail.
//!
//! | file | what it proves or provides |
//! | --- | --- |
//! | `exporter.rs` | thresholds on metrics of a real node exporter, and on a document of a real web server |
//! | `plugins.rs` | real Nagios plugins, and agents |
//! | `command.rs` | `waypost probe` through a node and without one; transcripts in the journal |
//! | `targets.rs` | targets from a monitor as an operator writes it |
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

mod command;
mod exporter;
mod plugins;
mod targets;
