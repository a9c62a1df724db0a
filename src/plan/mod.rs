//! Plans: intents + consensus + safety rules -> who serves, in which tier and why (DESIGN section 7).
//!
//! Imports [`crate::model`] (its tests also [`crate::zone`]). Never looks at a clock, does I/O or draws random numbers:
//! expired intents are left out by the caller, and how long ago the last change was is an argument. The same inputs give
//! the same plan.

mod bounds;
mod capacity;
#[cfg(test)]
mod capacity_tests;
mod changes;
mod demand;
#[cfg(test)]
mod demand_tests;
#[cfg(test)]
pub(crate) mod fixture;
mod flows;
mod headroom;
mod make;
mod refusal;
mod review;
#[cfg(test)]
mod rules;
mod spill;
mod tiers;

pub use bounds::{DEMAND_HALF_LIFE, DEMAND_HOURS, DEMAND_VIEWS, REPEAT_TOLERANCE, SETTLE};
pub use capacity::{Forecast, SiteLoad, ViewLoad, forecast};
pub use changes::changes;
pub use demand::{Basis, Demand, Meters, Moment, ViewKey, ViewPeaks, ViewRate, basis, demands, known_well};
pub use headroom::amount;
pub use make::{Inputs, make};
pub use refusal::Refusal;
pub use review::{Order, Reviewed, review};
pub use spill::{Spill, may_spill, spills};
