//! DNS over UDP and TCP: sockets, packets, limits and counters around [`crate::answer`].
//!
//! Imports the core. One [`handler::Handler`] (a request handler of hickory-server) answers for every transport; the
//! accept loops are ours. Never decides what is answered, never waits for anything but a socket, and never lets one
//! packet's panic reach another's.

mod bounds;
mod connections;
mod draw;
mod exchange;
mod handler;
mod inquiry;
mod response;
mod server;
mod tcp;
mod udp;
mod usage;

pub use server::{ServeError, Server};
pub use usage::{QueryCount, Usage, UsageCounts};
