//! Incidents: what failed together, from the first failed probe until all of it serves again, read from the journal alone.
//!
//! [`IncidentLog`] takes the events of one node's journal in order and groups verdicts and plans into [`Incident`]s; the same
//! events give the same incidents, whenever they are read. What they mean for the objectives of services is reckoned in
//! `budget`.

mod bounds;
mod budget;
mod incident;
mod log;
mod notices;
mod outage;
#[cfg(test)]
mod tests;

pub use bounds::{INCIDENTS_KEPT, QUIET};
pub use budget::{Budget, Month, Spent};
pub use incident::{Affected, EndpointTrouble, Incident, IncidentPhase, Measured, OrderAction, OrderGiven};
pub use log::IncidentLog;
pub use notices::{Missed, Notice};
