//! Datagrams that are more than the hot path takes, answered in tasks.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::bounds::{GENERAL_TASKS, GENERAL_WAITING};
use super::super::dispatch::waits;
use super::super::exchange::{Outcome, exchange};
use super::super::handler::Handler;
use crate::answer::Transport;

/// Where a reply goes, from which address, and through which socket.
pub(in super::super) trait WayBack: Send + 'static {
    /// Sends a reply without waiting: where there is no room, it is lost, and the client comes again.
    fn send(&mut self, reply: &mut [u8]) -> io::Result<()>;
}

/// A datagram that was handed over.
pub(in super::super) struct Passed<W> {
    pub(in super::super) packet: Vec<u8>,
    pub(in super::super) source: SocketAddr,
    pub(in super::super) way_back: W,
}

/// The way to the general path; bounded, so that who sends what is costly waits for nobody but others of the kind.
pub(in super::super) type Passing<W> = mpsc::Sender<Passed<W>>;

/// A way to the general path, and its other end.
pub(in super::super) fn passage<W>() -> (Passing<W>, mpsc::Receiver<Passed<W>>) {
    mpsc::channel(GENERAL_WAITING)
}

/// Answers what is handed over, until nobody is left to do so.
pub(in super::super) async fn serve<W: WayBack>(handler: Arc<Handler>, mut passed: mpsc::Receiver<Passed<W>>) {
    let mut tasks = JoinSet::new();
    while let Some(datagram) = passed.recv().await {
        while tasks.try_join_next().is_some() {}
        if !waits(&datagram.packet) {
            handler.tick();
            answer(&handler, datagram).await;
            continue;
        }
        // What waits for the disk must not hold up the queries behind it. Beyond the bound the datagram is lost, and its
        // sender comes again.
        let Some(place) = handler.waiting_place().filter(|_| tasks.len() < GENERAL_TASKS) else {
            handler.usage().count_unsent();
            continue;
        };
        let handler = Arc::clone(&handler);
        tasks.spawn(async move {
            answer(&handler, datagram).await;
            drop(place);
        });
    }
    while tasks.join_next().await.is_some() {}
}

async fn answer<W: WayBack>(handler: &Handler, mut datagram: Passed<W>) {
    let source = datagram.source;
    // Port 0 cannot be answered.
    if source.port() == 0 {
        handler.usage().count_discarded();
        return;
    }
    let Outcome::Reply(mut reply) = exchange(handler, &datagram.packet, source, Transport::Udp).await else { return };
    if let Err(error) = datagram.way_back.send(&mut reply) {
        tracing::debug!(%error, client = %source, "a reply could not be sent");
        handler.usage().count_unsent();
    }
}
