//! Steering: client -> locale -> view; policies, MX ranking, TTL (DESIGN section 8).
//!
//! Imports [`crate::model`], [`crate::zone`] (steered sets) and [`crate::plan`]. Never looks at a clock, does I/O or draws
//! random numbers: a database arrives as bytes and a draw as an argument. A selection is never empty and names only
//! declared members.

mod atlas;
mod bounds;
mod centroids;
mod distance;
mod draws;
mod mmdb;
mod packed;
mod ranges;
mod ranking;
mod select;
mod sighting;
mod ttl;
mod views;

pub use atlas::{ATTRIBUTION, ATTRIBUTION_URL, Atlas, GeoError};
pub use bounds::{DRAWS, MAX_VIEWS};
pub use centroids::{centroid, continent};
pub use draws::draw_cuts;
pub use select::{Pick, Selection, select};
pub use sighting::{Located, Sighting, SiteDistance};
pub use views::{Steering, ViewIx};
