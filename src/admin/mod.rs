//! The admin API: status, orders, explanations, events, metrics and the operator's page, over HTTP.
//!
//! Imports the core's nouns only. [`start`] serves one router on loopback TCP and on a Unix socket; what it shows and
//! does comes from a [`Control`], which the node implements. It decides who a caller is and what that caller may do,
//! never what an order means. Whoever opens the socket as root or as the node's own user is an administrator; every
//! other caller brings a bearer token.

mod access;
pub mod api;
mod audit;
#[cfg(test)]
mod audit_tests;
mod bounds;
mod cluster;
#[cfg(test)]
mod cluster_tests;
mod control;
mod events;
mod incident_markdown;
mod incidents;
#[cfg(test)]
mod incidents_tests;
mod orders;
mod page;
mod problem;
pub mod progress;
mod router;
mod server;
mod socket;
#[cfg(test)]
mod tests;
mod timetable;
mod tokens;
pub mod unison;
mod whatif;
pub mod words;

pub use audit::Audit;
pub use bounds::{ORDER_DEFAULT, ORDER_LONGEST};
pub use control::{Caller, Channel, Command, Control, Readiness};
pub use incidents::Incidents;
pub use problem::{Problem, ProblemDocument, ProblemKind};
pub use server::{AdminError, AdminServer, start};
