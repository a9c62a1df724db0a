//! Probing: the monitors that speak to endpoints, and the prober that keeps thousands of them going.
//!
//! Lives here: TCP, SMTP and HTTP conversations, their TLS, metrics, JSON, agents and commands, and one light task per target that drives a
//! [`crate::health::Detector`]. Imports the core ([`crate::model`], [`crate::health`]), no other part of the shell.
//! Never decides what a result means (the detector does), never follows a redirect, never reads without a bound.
//! Start with [`Prober`].

mod agent;
pub mod bounds;
mod check;
mod exec;
mod exec_process;
mod exec_user;
mod exposition;
mod http;
mod json;
mod once;
mod prober;
mod prometheus;
mod reading;
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
pub use stats::{LatencyCounts, LatenessCounts, ProbeCount, Stats};
pub use target::{Opinion, Target, TargetStatus};
