//! Probing: the monitors that speak to endpoints, and the prober that keeps thousands of them going.
//!
//! Lives here: TCP, TLS, SMTP, HTTP, DNS, ICMP, PostgreSQL and MySQL conversations, their TLS, and one light task per target that drives a
//! [`crate::health::Detector`]. Imports the core ([`crate::model`], [`crate::health`]), no other part of the shell.
//! Never decides what a result means (the detector does), never follows a redirect, never reads without a bound.
//! Start with [`Prober`].

mod bounded;
pub mod bounds;
mod check;
mod dns;
mod dns_message;
mod exchange;
mod handshake;
mod http;
mod icmp;
mod icmp_message;
mod mysql;
mod mysql_wire;
mod once;
mod password;
mod postgres;
mod prober;
mod replication;
mod smtp;
mod stats;
mod target;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod transcript;
mod watch;
mod wire;

pub use once::{Probed, once};
pub use prober::Prober;
pub use stats::{LatencyCounts, ProbeCount, Stats};
pub use target::{Opinion, Target, TargetStatus};
