//! Transaction signatures (RFC 8945): messages between servers that share a secret.
//!
//! Imports [`crate::model`]. Pure: the time is an argument. Never reads a file and never decides what a key may do.

mod key;

pub use key::{Key, Keyring};
