//! Zone files to trees, and the attribution of their records to sites.
//!
//! Imports [`crate::model`] and [`crate::config`] (for diagnostics). Never reads a file by itself: texts are passed in.

mod steered;
mod tree;

pub use steered::{Member, SteeredIx, SteeredSet};
pub use tree::{Node, RrSet, Zone, Zones};
