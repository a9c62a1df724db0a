//! Plans: intents + consensus + safety rules -> who serves, in which tier and why (DESIGN section 7).
//!
//! Imports [`crate::model`] and [`crate::health`] (its tests also [`crate::zone`]). Never looks at a clock,
//! does I/O or draws random numbers: expired intents are left out by the caller, and how long ago the last change was is an
//! argument. The same inputs give the same plan.

mod assertions;
#[cfg(test)]
mod assertions_tests;
mod bounds;
mod capacity;
#[cfg(test)]
mod capacity_tests;
mod changes;
mod demand;
#[cfg(test)]
mod demand_tests;
mod dependencies;
#[cfg(test)]
mod dependencies_tests;
mod drill;
mod drill_calendar;
mod drill_course;
#[cfg(test)]
pub(crate) mod fixture;
mod flows;
mod headroom;
pub mod incidents;
mod local;
mod make;
pub mod notification;
mod outcomes;
mod recording;
mod refusal;
#[cfg(test)]
mod refusal_tests;
mod replay;
mod review;
#[cfg(test)]
mod rules;
mod schedule;
#[cfg(test)]
mod schedule_tests;
mod severe;
mod spill;
mod tiers;
mod ttl_steps;
mod turns;

pub use assertions::Shortfall;
pub use bounds::{DEMAND_HALF_LIFE, DEMAND_HOURS, DEMAND_VIEWS, REPEAT_TOLERANCE, TTL_FLOOR};
pub use capacity::{Forecast, SiteLoad, ViewLoad, forecast};
pub use changes::changes;
pub use demand::{Basis, Demand, Meters, Moment, ViewKey, ViewPeaks, ViewRate, basis, demands, known_well};
pub use dependencies::touched;
pub use drill::{Cause, Grounds, Unready, cause, concerned, order_of_drill, unready};
pub use drill_calendar::{Turn, turn};
pub use drill_course::{Answers, Caches, Deadlines, Nodes, Seen, next as next_of_drill};
pub use headroom::amount;
pub use local::{Offer, effective, offer};
pub use make::{Inputs, make};
pub use outcomes::outcomes;
pub use recording::{Record, Served, standings};
pub use refusal::Refusal;
pub use replay::{FLAP_WITHIN, Fared, History, Place, as_recorded, as_replayed};
pub use review::{Order, Pace, Reviewed, review};
pub use schedule::{at_last, in_effect, take_step};
pub use severe::{Shift, severe};
pub use spill::{Spill, may_spill, spills};
pub use ttl_steps::{Ahead, TtlCap, capped, ttl_caps};
pub use turns::whose_turn;
