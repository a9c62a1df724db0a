//! Probing: the monitors that speak to endpoints, and the prober that keeps thousands of them going.
//!
//! Lives here: the conversations of every kind of monitor, their TLS, and one light task per target that drives a
//! [`crate::health::Detector`]. Imports the core ([`crate::model`], [`crate::health`]), no other part of the shell.
//! Never decides what a result means (the detector does), never follows a redirect, never reads without a bound.
//! Start with [`Prober`].

mod agent;
mod bounded;
pub mod bounds;
mod check;
mod dns;
mod dns_message;
mod exchange;
mod exec;
mod exec_process;
mod exec_user;
mod exposition;
mod handshake;
mod history;
mod http;
mod icmp;
mod icmp_message;
mod json;
mod mail;
mod mysql;
mod mysql_wire;
mod once;
mod password;
mod postgres;
mod prober;
mod prometheus;
mod reading;
mod replication;
mod runs;
mod secret;
mod stats;
mod target;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod transcript;
mod watch;
mod wire;

pub use history::Sample;
pub use once::{Probed, once};
pub use password::readable_password;
pub use prober::{Observer, Prober};
pub use stats::{LatencyCounts, LatenessCounts, ProbeCount, Stats};
pub use target::{Opinion, Target, TargetStatus};
pub use tls::readable_anchors;
