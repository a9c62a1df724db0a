//! Datagrams that are more than the hot path takes, answered in tasks.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::super::bounds::{GENERAL_TASKS, GENERAL_WAITING};
use super::super::dispatch::waits;
use super::super::exchange::{Outcome, exchange};
use super::super::handler::Handler;
use super::batch::WayBack;
use crate::answer::Transport;

/// A datagram that was handed over.
pub(super) struct Passed {
    pub(super) packet: Vec<u8>,
    pub(super) source: SocketAddr,
    /// Where the reply goes, and through which socket.
    pub(super) way_back: WayBack,
    pub(super) socket: Arc<UdpSocket>,
}

/// The way to the general path; bounded, so that who sends what is costly waits for nobody but others of the kind.
pub(super) type Passing = mpsc::Sender<Passed>;

/// A way to the general path, and its other end.
pub(super) fn passage() -> (Passing, mpsc::Receiver<Passed>) {
    mpsc::channel(GENERAL_WAITING)
}

/// Answers what is handed over, until nobody is left to do so.
pub(super) async fn serve(handler: Arc<Handler>, mut passed: mpsc::Receiver<Passed>) {
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

async fn answer(handler: &Handler, mut datagram: Passed) {
    let source = datagram.source;
    // Port 0 cannot be answered.
    if source.port() == 0 {
        handler.usage().count_discarded();
        return;
    }
    let Outcome::Reply(mut reply) = exchange(handler, &datagram.packet, source, Transport::Udp).await else { return };
    if let Err(error) = datagram.way_back.send(&datagram.socket, &mut reply) {
        tracing::debug!(%error, client = %source, "a reply could not be sent");
        handler.usage().count_unsent();
    }
}
