//! Transfers: Waypost as a secondary of other servers (RFC 1034 section 4.3.5, RFC 5936, RFC 1995, RFC 1996), and its word
//! to secondaries of its own that a zone changed.
//!
//! [`Secondaries`] asks primaries by the timers of each zone's SOA and whenever a NOTIFY says so, and gives what
//! they transfer, checked, to whoever started it; [`Herald`] sends NOTIFY. Imports the core ([`crate::model`],
//! [`crate::tsig`], [`crate::zone`]), no other part of the shell. Never writes a file, never serves a zone, and never
//! gives half of one: what breaks a rule of zones is refused as a whole, and what was held before stays.

mod assembly;
mod bounds;
mod check;
mod herald;
mod message;
mod records;
mod schedule;
mod secondaries;
mod slots;
mod stats;
#[cfg(test)]
mod tests;
mod wire;

pub use check::{Kind, Surroundings};
pub use herald::{Herald, Unanswered};
pub use schedule::{Held, Timers, is_after};
pub use secondaries::{Assignment, News, Secondaries, Standing};
pub use stats::{Stats, TransferCounts};
