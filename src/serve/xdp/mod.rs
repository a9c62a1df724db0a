//! UDP past the kernel: queries are read from the queues of a network interface's driver and answered in place (AF_XDP).
//!
//! A small program in the driver ([`program`]) takes what is surely a query to an address that we serve; all else (TCP,
//! ping, fragments, other ports) goes to the kernel as ever. One worker a queue answers with an engine ([`Answer`]) of
//! its own; what that leaves to the general path is handed over ([`Elsewhere`]) and answered through an ordinary
//! socket on the same port. Everything works without this room too, only slower: where an interface cannot be had, its
//! queries simply reach the ordinary sockets.
//!
//! Imports the model. Never decides what is answered. `kernel.rs` is its one file with `unsafe`.

mod bounds;
mod error;
mod frame;
mod instruction;
mod interface;
mod kernel;
mod program;
mod targets;
mod worker;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

pub use bounds::LOOK;
pub use error::XdpError;
pub use worker::{Counts, Tally};

pub use super::hot::Hot;

use crate::model::XdpSettings;
use interface::{Host, Interface};

/// An engine of replies; one a worker.
pub trait Answer: Send {
    /// Before each batch: clocks, current tables.
    fn tick(&mut self);

    /// Writes the reply to `packet` into `reply`, whose length is the most it may take.
    fn respond(&mut self, packet: &[u8], source: SocketAddr, reply: &mut [u8]) -> Hot;

    /// After `respond` panicked at this packet, which then takes the general path.
    fn recover(&mut self, packet: &[u8], source: SocketAddr) {
        let _ = (packet, source);
    }
}

/// The way to the general path. It must not block: a worker waits for it.
pub trait Elsewhere: Send + Sync {
    /// Answers a datagram, or loses it.
    fn hand_over(&self, packet: Vec<u8>, source: SocketAddr, destination: SocketAddr);
}

/// All interfaces that are to be answered past the kernel.
pub struct Bypass<M, E> {
    settings: XdpSettings,
    listen: Vec<SocketAddr>,
    make: M,
    elsewhere: Arc<E>,
    working: BTreeMap<String, Interface>,
}

impl<A, M, E> Bypass<M, E>
where
    A: Answer + 'static,
    M: Fn() -> A,
    E: Elsewhere + 'static,
{
    /// None yet: call [`Self::look`]. `listen` are the addresses of DNS over UDP, with real ports; `make` gives an engine
    /// for each worker.
    #[must_use]
    pub fn new(settings: XdpSettings, listen: Vec<SocketAddr>, make: M, elsewhere: Arc<E>) -> Self {
        Self { settings, listen, make, elsewhere, working: BTreeMap::new() }
    }

    /// Puts to work what is not yet or no more, and follows the addresses of this host. To be called every [`LOOK`]:
    /// interfaces come and go.
    ///
    /// # Errors
    /// If an interface does not work; the others do. What it says is the same each time while the trouble lasts.
    pub fn look(&mut self) -> Result<(), XdpError> {
        let host = Host::look().map_err(|source| XdpError::System {
            interface: self.settings.interfaces.join(", "),
            what: "asking for the addresses of this host",
            source,
        })?;
        let mut trouble = Ok(());
        for name in self.settings.interfaces.clone() {
            trouble = trouble.and(self.look_at(&name, &host));
        }
        trouble
    }

    fn look_at(&mut self, name: &str, host: &Host) -> Result<(), XdpError> {
        if let Some(working) = self.working.get_mut(name) {
            let state = working.check(host).and_then(|()| working.follow(&self.listen, host));
            if state.is_err() {
                // Its queries take the way through the kernel until the next look.
                self.working.remove(name);
            }
            return state;
        }
        let opened = Interface::open(name, self.settings.mode, &self.listen, host, &self.make, &self.elsewhere)?;
        tracing::info!(interface = name, queues = opened.queues(), "queries are answered past the kernel");
        self.working.insert(name.to_owned(), opened);
        Ok(())
    }

    /// What became of the frames of each interface since it was put to work.
    #[must_use]
    pub fn tallies(&self) -> Vec<(&str, Counts)> {
        self.working.iter().map(|(name, interface)| (name.as_str(), interface.tally().counts())).collect()
    }
}
