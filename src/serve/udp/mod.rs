//! Datagrams in and out: one thread for each core and address, each with a socket of its own.
//!
//! A worker answers what the hot path can answer and hands the rest over to the general path, which replies through the
//! same socket.

mod batch;
mod general;
mod socket;
mod worker;

#[cfg(feature = "xdp")]
pub(super) use general::{Passed, Passing, WayBack, passage, serve};
pub(super) use socket::bind;
pub(super) use worker::Workers;
