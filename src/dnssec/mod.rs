//! Signed zones (RFC 4033 to 4035): keys and their lives, canonical forms, chains of denial, signatures.
//!
//! Imports [`crate::model`]. Pure: the time and the random source are arguments. Never reads a file, and never decides
//! what is answered: it says what a signed zone contains.

mod key;

pub use key::{DnssecKey, KeyFault, KeyPhase, KeyRole};
