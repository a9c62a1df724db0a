//! Datagrams in and out.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::timeout;

use super::bounds::{LAST_RUNS, LISTENER_REST};
use super::dispatch::waits;
use super::exchange::{Outcome, exchange};
use super::handler::Handler;
use crate::answer::Transport;

/// Octets of a receive buffer: the kernel may hand over a whole run of datagrams of one client as one.
const RUN: usize = 1 << 16;

/// A bound socket that knows which of its addresses each query came to.
///
/// A socket bound to a wildcard address has to answer from the very address that was asked: a resolver drops what
/// comes from another.
pub(super) struct Datagrams {
    socket: UdpSocket,
    state: UdpSocketState,
}

impl Datagrams {
    /// Takes over a bound socket, in the context of a runtime.
    pub(super) fn new(socket: std::net::UdpSocket) -> io::Result<Self> {
        let state = UdpSocketState::new((&socket).into())?;
        Ok(Self { socket: UdpSocket::from_std(socket)?, state })
    }

    async fn receive(&self, buffer: &mut [u8]) -> io::Result<RecvMeta> {
        let mut meta = [RecvMeta::default()];
        self.socket
            .async_io(Interest::READABLE, || {
                self.state.recv((&self.socket).into(), &mut [IoSliceMut::new(buffer)], &mut meta)
            })
            .await?;
        let [meta] = meta;
        Ok(meta)
    }

    async fn send(&self, contents: &[u8], destination: SocketAddr, src_ip: Option<IpAddr>) -> io::Result<()> {
        let transmit = Transmit { destination, ecn: None, contents, segment_size: None, src_ip };
        self.socket.async_io(Interest::WRITABLE, || self.state.try_send((&self.socket).into(), &transmit)).await
    }
}

/// Answers the datagrams of a socket until `stop` turns true, and then those that are waiting already.
pub(super) async fn serve(datagrams: Arc<Datagrams>, handler: Arc<Handler>, mut stop: watch::Receiver<bool>) {
    let mut buffer = vec![0; RUN];
    loop {
        let received = tokio::select! {
            received = datagrams.receive(&mut buffer) => received,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match received {
            Ok(meta) => answer_run(&datagrams, &handler, &buffer, &meta).await,
            Err(error) => {
                tracing::warn!(%error, "a datagram could not be received");
                tokio::time::sleep(LISTENER_REST).await;
            }
        }
    }
    for _ in 0..LAST_RUNS {
        match timeout(Duration::ZERO, datagrams.receive(&mut buffer)).await {
            Ok(Ok(meta)) => answer_run(&datagrams, &handler, &buffer, &meta).await,
            _ => return,
        }
    }
}

/// Answers a datagram that another way of ours received: from `destination`, which the socket serves.
#[cfg(feature = "xdp")]
pub(super) async fn answer_for(
    datagrams: &Arc<Datagrams>,
    handler: &Arc<Handler>,
    packet: &[u8],
    source: SocketAddr,
    destination: IpAddr,
) {
    let mut meta = RecvMeta::default();
    (meta.addr, meta.dst_ip, meta.len, meta.stride) = (source, Some(destination), packet.len(), packet.len());
    answer_run(datagrams, handler, packet, &meta).await;
}

async fn answer_run(datagrams: &Arc<Datagrams>, handler: &Arc<Handler>, buffer: &[u8], meta: &RecvMeta) {
    handler.tick();
    let run = buffer.get(..meta.len).unwrap_or_default();
    for packet in run.chunks(meta.stride.max(1)) {
        if waits(packet) {
            answer_later(datagrams, handler, packet, meta);
        } else {
            answer(datagrams, handler, packet, meta).await;
        }
    }
}

/// Answers in a task of its own: what waits for the disk must not hold up the queries behind it. Beyond the bound the
/// datagram is lost, and its sender comes again.
fn answer_later(datagrams: &Arc<Datagrams>, handler: &Arc<Handler>, packet: &[u8], meta: &RecvMeta) {
    let Some(place) = handler.waiting_place() else { return handler.usage().count_unsent() };
    let (datagrams, handler) = (Arc::clone(datagrams), Arc::clone(handler));
    let (packet, meta) = (packet.to_vec(), *meta);
    tokio::spawn(async move {
        answer(&datagrams, &handler, &packet, &meta).await;
        drop(place);
    });
}

async fn answer(datagrams: &Datagrams, handler: &Handler, packet: &[u8], meta: &RecvMeta) {
    // Port 0 cannot be answered.
    if meta.addr.port() == 0 {
        handler.usage().count_discarded();
        return;
    }
    if let Outcome::Reply(reply) = exchange(handler, packet, meta.addr, Transport::Udp).await
        && let Err(error) = datagrams.send(&reply, meta.addr, meta.dst_ip).await
    {
        tracing::debug!(%error, client = %meta.addr, "a reply could not be sent");
        handler.usage().count_unsent();
    }
}
