//! ICMP: one echo through a datagram socket, which needs no privilege where `net.ipv4.ping_group_range` has our group.

use std::io;
use std::net::{IpAddr, SocketAddr};

use async_trait::async_trait;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use super::bounds::ECHO;
use super::check::{Conversation, Notes, Place};
use super::icmp_message::{TOKEN, is_reply, request};
use super::tcp::failure;
use super::transcript::Speaker;
use crate::health::{FailureKind, Outcome};

/// An ICMP monitor.
#[derive(Debug)]
pub(super) struct IcmpProbe;

impl IcmpProbe {
    async fn converse(place: Place<'_>, notes: &mut Notes) -> Result<(), Outcome> {
        let address = place.address.ip();
        let mut token = [0; TOKEN];
        getrandom::fill(&mut token)
            .map_err(|error| Outcome::Inconclusive(format!("no random number for an echo: {error}")))?;
        let socket = open(address).map_err(|error| forbidden(&error))?;
        notes.transcript.push(Speaker::Us, b"ICMP echo request");
        let echo = async {
            socket.connect(SocketAddr::new(address, 0)).await?;
            socket.send(&request(address, token)).await?;
            let mut datagram = [0; ECHO];
            loop {
                let length = socket.recv(&mut datagram).await?;
                if is_reply(datagram.get(..length).unwrap_or_default(), address, token) {
                    return Ok(());
                }
            }
        };
        match timeout_at(place.deadline, echo).await {
            Ok(heard) => heard.map_err(|error: io::Error| failure(&error, "waiting for the echo"))?,
            Err(_) => return Err(Outcome::failed(FailureKind::Timeout, "timed out waiting for the echo")),
        }
        notes.transcript.push(Speaker::Them, b"ICMP echo reply");
        Ok(())
    }
}

#[async_trait]
impl Conversation for IcmpProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        Self::converse(place, notes).await.err().unwrap_or(Outcome::Ok)
    }
}

/// A socket for UDP in name: sending and receiving are the same for datagrams of any protocol.
fn open(address: IpAddr) -> io::Result<UdpSocket> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(protocol))?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// The system forbids it: nothing is known about the endpoint.
fn forbidden(error: &io::Error) -> Outcome {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Outcome::Inconclusive(
            "this host forbids ICMP echoes to unprivileged programs; allow the group of waypost: \
             sysctl -w net.ipv4.ping_group_range=\"0 2147483647\" (it holds for IPv6 too)"
                .to_owned(),
        ),
        _ => failure(error, "opening the ICMP socket"),
    }
}
