//! Steering: where a client is, which site order follows, and which declared records it is answered with.
//!
//! Imports [`crate::model`] and the steered sets of [`crate::zone`]. Pure: databases are passed in as octets, chance as
//! a number drawn elsewhere. Never decodes a database per query: [`Atlas`] flattens it once, [`Steering`] turns it into
//! one range table of views a service. [`select`] is the rule that answers are never empty.

mod atlas;
mod bounds;
mod centroids;
mod distance;
mod draws;
mod ranges;
mod ranking;
mod select;
mod sighting;
mod steering;
mod ttl;
mod views;

pub use atlas::{Atlas, GeoError, Locale};
pub use distance::kilometres;
pub use draws::draw_cuts;
pub use select::{Pick, Selection, select};
pub use sighting::{Sighting, Source};
pub use steering::Steering;
pub use views::ViewIx;
