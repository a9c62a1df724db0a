//! Drills, with the built binary on loopback addresses.
//!
//! | file | what it proves |
//! | --- | --- |
//! | `demo.rs` | a drill on the demo runs, reports and restores |
//! | `course.rs` | what a drill does to answers, journal, report and metrics, from its order to its end |
//! | `interrupted.rs` | whatever goes wrong meanwhile puts the site back at once, and a kill leaves no drain |
//! | `refused.rs` | a drill begins only where all is well |
//! | `schedule.rs` | schedules begin drills by themselves, once a period |
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

mod course;
mod demo;
mod interrupted;
mod journal;
mod refused;
mod schedule;
