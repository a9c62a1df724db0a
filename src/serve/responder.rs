//! Answers without a socket: the same handler that every transport has, for benchmarks and for hostile packets.

use std::net::SocketAddr;

use super::exchange::{Outcome, exchange};
use super::handler::Handler;
use super::{Setup, Usage};
use crate::answer::Transport;

/// A handler without listeners.
pub struct Responder(Handler);

impl Responder {
    /// A handler for what `setup` says; its listeners are left out.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self(Handler::new(setup))
    }

    /// What goes back to `source` for `packet`, a message without the length of streams.
    pub async fn respond(&self, packet: &[u8], source: SocketAddr, transport: Transport) -> Outcome {
        exchange(&self.0, packet, source, transport).await
    }

    /// The counters.
    #[must_use]
    pub fn usage(&self) -> &Usage {
        self.0.usage()
    }
}
