//! Probing: the monitors that speak to endpoints, and the prober that keeps thousands of them going.
//!
//! Lives here: TCP, mail and HTTP conversations, their TLS, and one light task per target that drives a
//! [`crate::health::Detector`]. Imports the core ([`crate::model`], [`crate::health`]), no other part of the shell.
//! Never decides what a result means (the detector does), never follows a redirect, never reads without a bound.
//! Start with [`Prober`].

pub mod bounds;
mod check;
mod http;
mod mail;
mod once;
mod prober;
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

pub use once::{Probed, once};
pub use prober::Prober;
pub use stats::{LatencyCounts, ProbeCount, Stats};
pub use target::{Opinion, Target, TargetStatus};
