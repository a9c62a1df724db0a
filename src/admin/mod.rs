//! The admin API: status, orders, explanations, events, metrics and the operator's pages, over HTTP.
//!
//! Imports the core's nouns only. [`start`] serves one router on loopback TCP and on a Unix socket; what it shows and
//! does comes from a [`Control`], which the node implements. It decides who a caller is and what that caller may do,
//! never what an order means. Whoever opens the socket as root or as the node's own user is an administrator; every
//! other caller brings a bearer token, or signs in to the dashboard and has a session.

mod access;
pub mod api;
mod api_orders;
mod api_tokens;
mod audit;
#[cfg(test)]
mod audit_tests;
mod beat;
mod bounds;
mod cluster;
#[cfg(test)]
mod cluster_tests;
mod condition;
mod control;
mod cookie;
mod crowd;
mod difference;
#[cfg(test)]
mod difference_fake;
mod document;
mod drill_control;
mod drills;
#[cfg(test)]
mod drills_fake;
#[cfg(test)]
mod drills_tests;
mod entrance_control;
#[cfg(test)]
mod entrance_fake;
#[cfg(test)]
mod entrance_tests;
mod events;
#[cfg(test)]
mod exhaustion_tests;
mod failures;
mod incident_markdown;
mod incidents;
#[cfg(test)]
mod incidents_tests;
mod ledger;
mod notifications;
#[cfg(test)]
mod notifications_fake;
mod oidc;
mod operation;
mod operations;
mod orders;
mod pages;
mod password;
mod places;
mod problem;
pub mod progress;
mod rehearsal;
#[cfg(test)]
mod rehearsal_fake;
mod rests;
mod router;
mod same_origin;
mod server;
mod session;
mod sights;
#[cfg(test)]
mod sights_tests;
mod sign_in;
mod socket;
mod span;
#[cfg(test)]
pub(crate) mod status_samples;
mod steady;
#[cfg(test)]
mod tests;
mod timetable;
mod tls;
mod tokens;
#[cfg(test)]
mod unattended_tests;
pub mod unison;
mod visit;
mod whatif;
pub mod words;
pub mod words_drill;

pub use audit::Audit;
pub use beat::{Beat, Pulse};
pub use bounds::{DRILL_LONGEST, ORDER_DEFAULT, ORDER_LONGEST};
pub use control::{Caller, Channel, Command, Control, Lifting, Readiness};
pub use difference::Differences;
pub use drill_control::{DrillCommand, DrillControl};
pub use entrance_control::{Count, Entrance, SignInEntry, Tally};
pub use incidents::Incidents;
pub use notifications::Notifications;
pub use problem::{Problem, ProblemDocument, ProblemKind};
pub use rehearsal::{Deed, Proposal, Rehearsals};
pub use server::{AdminError, AdminServer, start};
pub use session::Session;
pub use tls::TlsError;
