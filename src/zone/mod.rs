//! Zone files to trees, and the attribution of their records to sites (DESIGN section 1).
//!
//! [`load`] reads a master file and reports every mistake in one run; [`attribute`] finds the endpoints behind the
//! records that services steer. May import [`crate::model`], [`crate::config`] (for
//! diagnostics) and [`crate::dnssec`] (for what signing adds). Never opens a
//! file: texts are passed in. Never changes what a zone declares: attribution only marks RRsets.

mod attribution;
mod bounds;
mod draft;
mod findings;
mod form;
mod head;
mod lexer;
mod lints;
mod master;
mod origins;
mod rdata;
mod relative;
mod selection;
mod signing;
mod steered;
mod tree;
mod ttl;

pub use attribution::{Attribution, attribute};
pub use master::{Include, load};
pub use origins::origins;
pub use signing::SERIAL_PERIOD;
pub use steered::{Member, SteeredIx, SteeredSet};
pub use tree::{Node, Place, RrSet, Zone, Zones};

#[cfg(test)]
mod tests;
