//! The server's side of [`super::xdp`]: keeps interfaces at work, and answers what comes from there on the general path.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use super::accept::Hall;
use super::bounds::HANDED_OVER;
use super::handler::Handler;
use super::sockets::Sockets;
use super::udp::{self, Datagrams};
use super::xdp::{Answer, Bypass, Elsewhere, Hot, LOOK};
use crate::model::XdpSettings;

/// Leaves everything to the general path.
struct General;

impl Answer for General {
    fn tick(&mut self) {}

    fn respond(&mut self, _: &[u8], _: SocketAddr, _: &mut [u8]) -> Hot {
        Hot::Pass
    }
}

/// A datagram that came past the kernel.
struct Handed {
    packet: Vec<u8>,
    source: SocketAddr,
    destination: SocketAddr,
}

/// The way to the general path. What finds it full is lost, as in a socket's buffer.
struct Desk {
    way: Sender<Handed>,
    handler: Arc<Handler>,
}

impl Elsewhere for Desk {
    fn hand_over(&self, packet: Vec<u8>, source: SocketAddr, destination: SocketAddr) {
        if self.way.try_send(Handed { packet, source, destination }).is_err() {
            self.handler.usage().count_unsent();
        }
    }
}

/// Answers past the kernel wherever `settings` say, until the server stops.
pub(super) fn start(settings: XdpSettings, sockets: &[Sockets], hall: &Hall, tasks: &mut JoinSet<()>) {
    if settings.interfaces.is_empty() {
        return;
    }
    let (way, handed) = mpsc::channel(HANDED_OVER);
    let desk = Arc::new(Desk { way, handler: Arc::clone(&hall.handler) });
    let listen: Vec<SocketAddr> = sockets.iter().map(|sockets| sockets.address).collect();
    let replies = sockets.iter().map(|sockets| (sockets.address, Arc::clone(&sockets.datagrams))).collect();
    tasks.spawn(answer(handed, replies, hall.clone()));
    tasks.spawn(keep(Bypass::new(settings, listen, || General, desk), hall.clone()));
}

/// Keeps interfaces at work, and tells the node of those that are not.
async fn keep<M: Fn() -> General + Send + 'static>(mut bypass: Bypass<M, Desk>, mut hall: Hall) {
    loop {
        // The kernel may take its time, and a worker its last batch.
        let Ok((back, state)) = spawn_blocking(move || {
            let state = bypass
                .look()
                .map_err(|error| format!("{error}. Meanwhile its queries take the way through the kernel"));
            (bypass, state)
        })
        .await
        else {
            return tracing::error!("interfaces are no longer looked after");
        };
        bypass = back;
        let state = state.map(|()| "queries are answered past the kernel again".to_owned());
        hall.handler.backstage().part("xdp", state).await;
        if timeout(LOOK, hall.stop.wait_for(|stop| *stop)).await.is_ok() {
            // Ends the workers; their last datagrams are handed over before the way is closed.
            let _ = spawn_blocking(move || drop(bypass)).await;
            return;
        }
    }
}

/// Answers what is handed over, through the sockets that serve the addresses asked. Ends with its last sender.
async fn answer(mut handed: Receiver<Handed>, replies: Vec<(SocketAddr, Arc<Datagrams>)>, hall: Hall) {
    while let Some(Handed { packet, source, destination }) = handed.recv().await {
        let serves = |(address, _): &&(SocketAddr, Arc<Datagrams>)| {
            let wildcard = address.ip().is_unspecified() && address.is_ipv4() == destination.is_ipv4();
            address.port() == destination.port() && (wildcard || address.ip() == destination.ip())
        };
        if let Some((_, datagrams)) = replies.iter().find(serves) {
            udp::answer_for(datagrams, &hall.handler, &packet, source, destination.ip()).await;
        }
    }
}
