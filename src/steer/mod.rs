//! Steering: client -> locale -> view; policies, MX ranking, TTL (DESIGN section 8).
//!
//! Imports [`crate::model`] and [`crate::zone`] (steered sets). Never looks at a clock, does I/O or draws
//! random numbers: a database arrives as bytes and a draw as an argument. A selection is never empty and names only
//! declared members.

mod atlas;
mod bounds;
mod centroids;
mod countries;
#[cfg(test)]
mod deferring;
mod distance;
mod draws;
mod locale;
mod mmdb;
#[cfg(test)]
mod mmdb_file;
#[cfg(test)]
mod mmdb_hostile;
mod packed;
mod policy;
mod ranges;
mod ranking;
#[cfg(test)]
mod rules;
mod select;
mod sighting;
#[cfg(test)]
mod spill_tests;
mod ttl;
#[cfg(test)]
mod vantage;
mod views;

pub use atlas::{ATTRIBUTION, ATTRIBUTION_URL, Atlas, GeoError};
pub use bounds::{DRAWS, MAX_VIEWS};
pub use centroids::{centroid, continent};
pub use countries::{Told, countries, first_in_service, told};
pub use draws::draw_cuts;
pub use select::{Pick, Selection, select};
pub use sighting::{Located, Sighting, SiteDistance};
pub use views::{Steering, ViewIx};
