//! Health: what probe results say about an endpoint, and what several nodes' votes add up to.
//!
//! Lives here: the failure detector of one (endpoint, monitor), damping, and the sums of monitors and of votes (DESIGN
//! sections 5 and 6). Imports [`crate::model`] only. Never reads a clock, never does I/O, never draws at random:
//! time comes in as [`crate::model::Mono`] and `Timestamp`, results as [`Outcome`], so that months can be simulated.
//! Start with [`Detector`].

pub mod bounds;
mod combine;
#[cfg(test)]
mod combine_tests;
mod consensus;
mod council;
mod damping;
mod detector;
mod doubt;
mod evidence;
mod groups;
mod loss;
mod observation;
mod outcome;
mod overdue;
mod report;
mod schedule;
#[cfg(test)]
mod simulation;
mod terms;
mod tipping;

pub use bounds::{BALLOT_FRESHNESS, BALLOT_INTERVAL, STORE_LOST};
pub use combine::{Judgement, combine, combine_after};
pub use consensus::{consensus, is_fresh, severity};
pub use council::{Contact, Council, Seclusion, Voter};
pub use damping::Damping;
pub use detector::Detector;
pub use evidence::Evidence;
pub use loss::Loss;
pub use observation::Observation;
pub use outcome::{FailureKind, Finding, Outcome};
pub use overdue::OverdueBound;
pub use report::{Ballot, ballot_of, letters, witnessed};
pub use schedule::{Schedule, spread};
pub use terms::{Change, Depth, Order, Phase, ProbeNumber, Thresholds};
pub use tipping::{Failing, tipped};
