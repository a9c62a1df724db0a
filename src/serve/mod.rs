//! DNS over UDP and TCP: sockets, packets, limits and counters around [`crate::answer`].
//!
//! Imports the core. One request handler (of hickory-server's trait) answers for every transport; the
//! accept loops are ours. Never decides what is answered, never waits for anything but a socket, and never lets one
//! packet's panic reach another's.

mod backstage;
mod bounds;
mod connections;
mod draw;
mod exchange;
mod handler;
mod inquiry;
mod quarantine;
mod responder;
mod response;
mod server;
mod setup;
mod signatures;
mod tcp;
mod udp;
mod usage;

pub use backstage::{Backstage, Nobody, Notification, UpdateRequest};
pub use exchange::Outcome;
pub use responder::Responder;
pub use server::{ServeError, Server};
pub use setup::{Secrets, Setup};
pub use usage::{QueryCount, Usage, UsageCounts};
