//! Zone files to trees, and the attribution of their records to sites (DESIGN section 1).
//!
//! [`load`] reads a master file and reports every mistake in one run, [`from_records`] does the same for a transfer, and
//! [`write`] makes a master file again. [`Zone::updated`] makes a dynamic update, [`Zone::settled`] gives a zone the serial
//! to serve. [`catalog`] reads a zone as a list of zones. [`attribute`] finds the endpoints behind the records that
//! services steer. May import [`crate::model`], [`crate::config`] (for diagnostics) and [`crate::dnssec`] (for what signing
//! adds). Never opens a file: texts are passed in. Never changes what a zone declares: attribution only marks RRsets, and
//! updates are kept beside the declared zone.

mod attribution;
mod bounds;
mod catalog;
mod completeness;
mod draft;
mod fields;
mod findings;
mod form;
mod forms;
mod forms_addresses;
mod forms_keys;
mod forms_location;
mod forms_services;
mod generate;
mod head;
mod lexer;
mod lints;
mod master;
mod origins;
mod overlay;
mod prerequisites;
mod present;
mod rdata;
mod relative;
mod requirements;
mod selection;
mod serial;
mod signing;
mod steered;
mod table;
mod template;
mod transferred;
mod tree;
mod ttl;
mod update;
mod write;
mod zones;

pub use attribution::{Attribution, attribute};
pub use catalog::{Catalog, CatalogMember, catalog};
pub use master::{Include, load};
pub use origins::origins;
pub use overlay::Overlay;
pub use steered::{Member, SteeredIx, SteeredSet};
pub use template::Template;
pub use transferred::{TransferredRecord, from_records};
pub use tree::{Node, Place, RrSet, Zone};
pub use update::{Update, Updated};
pub use write::write;
pub use zones::Zones;

#[cfg(test)]
mod tests;
