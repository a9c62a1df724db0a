//! The admin API: status, orders, explanations, events, metrics and the operator's page, over HTTP.
//!
//! Imports the core's nouns only. [`start`] serves one router on loopback TCP and on a Unix socket; what it shows and
//! does comes from a [`Control`], which the node implements. It decides who a caller is and what that caller may do,
//! never what an order means. Whoever opens the socket as root or as the node's own user is an administrator; every
//! other caller brings a bearer token.

mod access;
pub mod api;
mod bounds;
mod cluster;
#[cfg(test)]
mod cluster_tests;
mod control;
mod drill_control;
mod drills;
#[cfg(test)]
mod drills_fake;
#[cfg(test)]
mod drills_tests;
mod events;
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
pub mod words_drill;

pub use bounds::{DRILL_LONGEST, ORDER_DEFAULT, ORDER_LONGEST};
pub use control::{Caller, Channel, Command, Control, Readiness};
pub use drill_control::{DrillCommand, DrillControl};
pub use problem::{Problem, ProblemDocument, ProblemKind};
pub use server::{AdminError, AdminServer, start};
