//! Transaction signatures (RFC 8945): messages between servers that share a secret.
//!
//! Imports [`crate::model`]. Pure: the time is an argument. Never reads a file and never decides what a key may do.

mod bounds;
mod client;
mod digest;
mod error;
mod key;
mod record;
mod server;
#[cfg(test)]
mod tests;
mod wire;

pub use client::{ClientSession, sign_request};
pub use error::{TsigError, TsigRcode};
pub use key::{Key, Keyring};
pub use server::{Rejection, Session, Verified, verify_request};
