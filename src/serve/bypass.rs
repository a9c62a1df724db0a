//! The server's side of [`super::xdp`]: the hot path for its workers, the general path for what that leaves, and interfaces
//! kept at work.

use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Instant;

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn, SockaddrIn6, sendmsg};
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::timeout;

use super::accept::Hall;
use super::bounds::STOP;
use super::handler::Handler;
use super::hot::{Hot, HotPath};
use super::sockets::Sockets;
use super::udp::{Passed, Passing, WayBack, passage, serve};
use super::xdp::{Answer, Bypass, Elsewhere, LOOK};
use crate::model::XdpSettings;

/// The hot path of one worker.
struct Engine {
    path: HotPath,
    handler: Arc<Handler>,
}

impl Answer for Engine {
    fn tick(&mut self) {
        self.path.tick();
    }

    fn respond(&mut self, packet: &[u8], source: SocketAddr, reply: &mut [u8]) -> Hot {
        self.path.respond(packet, source, reply)
    }

    fn recover(&mut self, packet: &[u8], source: SocketAddr) {
        tracing::error!(client = %source, "a query made the hot path panic");
        self.handler.usage().count_panic();
        self.handler.quarantine().insert(packet, Instant::now());
        self.path.forget();
    }
}

/// Back from the address that was asked, through an ordinary socket that serves it.
struct Way {
    socket: Arc<UdpSocket>,
    client: SocketAddr,
    asked: IpAddr,
}

impl WayBack for Way {
    fn send(&mut self, reply: &mut [u8]) -> io::Result<()> {
        let (socket, octets, flags) = (self.socket.as_raw_fd(), [IoSlice::new(reply)], MsgFlags::MSG_DONTWAIT);
        match (self.client, self.asked) {
            (SocketAddr::V4(client), IpAddr::V4(asked)) => {
                let asked = libc::in_addr { s_addr: u32::from_ne_bytes(asked.octets()) };
                let none = libc::in_addr { s_addr: 0 };
                let from = libc::in_pktinfo { ipi_ifindex: 0, ipi_spec_dst: asked, ipi_addr: none };
                let from = [ControlMessage::Ipv4PacketInfo(&from)];
                sendmsg(socket, &octets, &from, flags, Some(&SockaddrIn::from(client)))?;
            }
            (SocketAddr::V6(client), IpAddr::V6(asked)) => {
                let asked = libc::in6_addr { s6_addr: asked.octets() };
                let from = libc::in6_pktinfo { ipi6_addr: asked, ipi6_ifindex: 0 };
                let from = [ControlMessage::Ipv6PacketInfo(&from)];
                sendmsg(socket, &octets, &from, flags, Some(&SockaddrIn6::from(client)))?;
            }
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
        Ok(())
    }
}

/// The way to the general path. What finds it full is lost, as in a socket's buffer.
struct Desk {
    passing: Passing<Way>,
    sockets: Vec<(SocketAddr, Arc<UdpSocket>)>,
    handler: Arc<Handler>,
}

impl Elsewhere for Desk {
    fn hand_over(&self, packet: Vec<u8>, source: SocketAddr, destination: SocketAddr) {
        let serves = |(address, _): &&(SocketAddr, Arc<UdpSocket>)| {
            let wildcard = address.ip().is_unspecified() && address.is_ipv4() == destination.is_ipv4();
            address.port() == destination.port() && (wildcard || address.ip() == destination.ip())
        };
        let passed = self.sockets.iter().find(serves).map(|(_, socket)| {
            let way_back = Way { socket: Arc::clone(socket), client: source, asked: destination.ip() };
            Passed { packet, source, way_back }
        });
        if passed.is_none_or(|passed| self.passing.try_send(passed).is_err()) {
            self.handler.usage().count_unsent();
        }
    }
}

/// Answers past the kernel wherever `settings` say, until the server stops.
///
/// # Errors
/// If the system has no descriptors left for the ways back.
pub(super) fn start(
    settings: XdpSettings,
    sockets: &[Sockets],
    hall: &Hall,
    tasks: &mut JoinSet<()>,
) -> io::Result<()> {
    if settings.interfaces.is_empty() {
        return Ok(());
    }
    let mut backs = Vec::with_capacity(sockets.len());
    for sockets in sockets {
        if let Some(socket) = sockets.datagrams.first() {
            backs.push((sockets.address, Arc::new(socket.try_clone()?)));
        }
    }
    let listen: Vec<SocketAddr> = backs.iter().map(|(address, _)| *address).collect();
    let handler = Arc::clone(&hall.handler);
    let (passing, passed) = passage();
    let desk = Arc::new(Desk { passing, sockets: backs, handler: Arc::clone(&handler) });
    let mut general = JoinSet::new();
    general.spawn(serve(Arc::clone(&handler), passed));
    let engine = move || Engine { path: HotPath::new(Arc::clone(&handler)), handler: Arc::clone(&handler) };
    tasks.spawn(keep(Bypass::new(settings, listen, engine, desk), general, hall.clone()));
    Ok(())
}

/// Keeps interfaces at work, and tells the node of those that are not.
async fn keep<M>(mut bypass: Bypass<M, Desk>, mut general: JoinSet<()>, mut hall: Hall)
where
    M: Fn() -> Engine + Send + 'static,
{
    loop {
        // The kernel may take its time, and a worker its last batch.
        let look = spawn_blocking(move || {
            let state = bypass.look();
            (bypass, state)
        });
        let Ok((back, state)) = look.await else {
            return tracing::error!("interfaces are no longer looked after");
        };
        bypass = back;
        let state = match state {
            Ok(()) => Ok("queries are answered past the kernel".to_owned()),
            Err(error) => Err(format!("{error}. Meanwhile its queries take the way through the kernel")),
        };
        hall.handler.backstage().part("xdp", state).await;
        if timeout(LOOK, hall.stop.wait_for(|stop| *stop)).await.is_ok() {
            break;
        }
    }
    // Ends the workers, and with them the way to the general path. What was handed over last is answered as well.
    let _ = spawn_blocking(move || drop(bypass)).await;
    let _ = timeout(STOP, async { while general.join_next().await.is_some() {} }).await;
}
