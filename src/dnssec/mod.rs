//! Signed zones (RFC 4033 to 4035): keys and their lives, canonical forms, chains of denial, signatures.
//!
//! Imports [`crate::model`] and the diagnostics of [`crate::config`]. Pure: the time and the random source are
//! arguments. Never reads a file, and never decides what is answered: it says what a signed zone contains.

mod bitmap;
pub mod bounds;
mod canonical;
mod chain;
pub mod ds;
mod key;
mod keyset;
mod keyset_name;
#[cfg(test)]
mod keyset_tests;
mod keyset_text;
pub mod lifecycle;
#[cfg(test)]
mod lifecycle_tests;
mod outlook;
mod secure;
mod signature;

pub use canonical::{OrderKey, names_in};
pub use chain::{Chain, Existing, Proof, Standing};
pub use key::{DnssecKey, KeyFault, KeyPhase, KeyRole};
pub use keyset::{AtParent, Duty, End, KeptKey, Keyset, KeysetError, SERIAL_PERIOD, TimesFault};
pub use keyset_name::{BadKeysetName, KeysetName};
pub use outlook::{Awaited, Coming, Turn, Use};
pub use secure::{Secure, apex_sets};
pub use signature::{Draft, Fingerprint, Signable, SigningFault, Window, renewal};
