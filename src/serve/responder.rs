//! Answers without a socket: the same handler that every transport has, for benchmarks and for hostile packets.

use std::net::SocketAddr;
use std::sync::Arc;

use super::exchange::{Outcome, exchange};
use super::handler::Handler;
use super::hot::{Hot, HotPath};
use super::{Setup, Usage};
use crate::answer::Transport;

/// A handler without listeners.
pub struct Responder(Arc<Handler>);

impl Responder {
    /// A handler for what `setup` says; its listeners are left out.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self(Arc::new(Handler::new(setup)))
    }

    /// What goes back to `source` for `packet`, a message without the length of streams, by the general path.
    pub async fn respond(&self, packet: &[u8], source: SocketAddr, transport: Transport) -> Outcome {
        exchange(&self.0, packet, source, transport).await
    }

    /// The hot path of one more worker for datagrams.
    #[must_use]
    pub fn hot(&self) -> HotResponder {
        HotResponder(HotPath::new(Arc::clone(&self.0)))
    }

    /// The counters.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        self.0.usage()
    }
}

/// The hot path without a socket.
pub struct HotResponder(HotPath);

impl HotResponder {
    /// Reads the clocks and takes the current tables, as is done for every batch of datagrams.
    pub fn tick(&mut self) {
        self.0.tick();
    }

    /// Answers `packet` from `source` into `reply`, which must have room for 1232 octets.
    pub fn respond(&mut self, packet: &[u8], source: SocketAddr, reply: &mut [u8]) -> Hot {
        self.0.respond(packet, source, reply)
    }
}
