//! DNS: one query to a name server, over UDP and, where the reply was truncated, over TCP (RFC 1035 section 4.2, RFC 7766).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use async_trait::async_trait;
use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;
use tokio::time::timeout_at;

use super::bounds::DATAGRAM;
use super::check::{Conversation, Notes, Place};
use super::dns_message::{judge, note, query, reply};
use super::tcp;
use super::tcp::failure;
use super::transcript::Speaker;
use crate::health::{FailureKind, Outcome};
use crate::model::{DnsCheck, Transport};

const AWAITED: &str = "waiting for the reply";

/// A DNS monitor.
#[derive(Debug)]
pub(super) struct DnsProbe {
    check: DnsCheck,
}

impl DnsProbe {
    pub(super) fn new(check: &DnsCheck) -> Self {
        Self { check: check.clone() }
    }

    async fn converse(&self, place: Place<'_>, notes: &mut Notes) -> Result<Outcome, Outcome> {
        let query = query(&self.check, random_id()?);
        let octets =
            query.to_vec().map_err(|error| Outcome::Inconclusive(format!("the query cannot be written: {error}")))?;
        let asked = Asked { query, octets };
        let desired = if self.check.recursion { "desired" } else { "not desired" };
        let question = format!("{} {}, recursion {desired}", self.check.name, self.check.rtype);
        notes.transcript.push(Speaker::Us, question.as_bytes());
        let reply = match self.check.transport {
            Transport::Tcp => asked.over_tcp(place, notes).await?,
            Transport::Udp => {
                let reply = asked.over_udp(place, notes).await?;
                if reply.metadata.truncation {
                    notes.transcript.push(Speaker::Note, b"truncated, asking again over TCP");
                    asked.over_tcp(place, notes).await?
                } else {
                    reply
                }
            }
        };
        note(&reply, &mut notes.transcript);
        Ok(judge(&self.check, &reply))
    }
}

/// A query ready to be sent.
struct Asked {
    query: Message,
    octets: Vec<u8>,
}

impl Asked {
    /// Asks over a connected socket: the system passes on what comes from the server's address alone, and ICMP errors.
    async fn over_udp(&self, place: Place<'_>, notes: &mut Notes) -> Result<Message, Outcome> {
        let sending = async {
            let socket = UdpSocket::bind(SocketAddr::new(unspecified(place.address.ip()), 0)).await?;
            socket.connect(place.address).await?;
            Ok(socket)
        };
        let socket: UdpSocket = sending.await.map_err(|error| failure(&error, "connecting"))?;
        // On one host, the socket can be given the very port that nobody listens on, and then hears itself.
        if socket.local_addr().is_ok_and(|local| local == place.address) {
            return Err(Outcome::failed(FailureKind::Refused, "connection refused"));
        }
        let mut strangers: Option<&str> = None;
        let hearing = async {
            socket.send(&self.octets).await.map_err(|error| failure(&error, "sending the query"))?;
            let mut datagram = vec![0; DATAGRAM];
            loop {
                let length = socket.recv(&mut datagram).await.map_err(|error| failure(&error, AWAITED))?;
                match reply(datagram.get(..length).unwrap_or_default(), &self.query) {
                    Ok(reply) => return Ok(reply),
                    Err(what) => {
                        if strangers.replace(what) != Some(what) {
                            notes.transcript.push(Speaker::Note, format!("ignored {what}").as_bytes());
                        }
                    }
                }
            }
        };
        timeout_at(place.deadline, hearing).await.unwrap_or_else(|_| {
            let heard = strangers.map(|what| format!("; what came was {what}")).unwrap_or_default();
            Err(Outcome::failed(FailureKind::Timeout, format!("timed out {AWAITED}{heard}")))
        })
    }

    /// Asks over a connection of its own, with the length in front (RFC 1035 section 4.2.2).
    async fn over_tcp(&self, place: Place<'_>, notes: &mut Notes) -> Result<Message, Outcome> {
        let mut stream = tcp::connect(place.address, place.deadline).await?;
        notes.connected.get_or_insert(place.start.elapsed());
        let exchange = async {
            let length = u16::try_from(self.octets.len()).unwrap_or(u16::MAX);
            stream.write_all(&[&length.to_be_bytes()[..], &self.octets].concat()).await?;
            let mut octets = vec![0; usize::from(stream.read_u16().await?)];
            stream.read_exact(&mut octets).await?;
            Ok(octets)
        };
        let octets = timeout_at(place.deadline, exchange)
            .await
            .map_err(|_| Outcome::failed(FailureKind::Timeout, format!("timed out {AWAITED} over TCP")))?
            .map_err(|error| failure(&error, "waiting for the reply over TCP"))?;
        reply(&octets, &self.query)
            .map_err(|what| Outcome::failed(FailureKind::Protocol, format!("what came over TCP is {what}")))
    }
}

#[async_trait]
impl Conversation for DnsProbe {
    async fn hold(&self, place: Place<'_>, notes: &mut Notes) -> Outcome {
        self.converse(place, notes).await.unwrap_or_else(|ended| ended)
    }
}

/// An ID that nobody on the way can guess (RFC 5452 section 9.2).
fn random_id() -> Result<u16, Outcome> {
    let mut id = [0; 2];
    getrandom::fill(&mut id)
        .map_err(|error| Outcome::Inconclusive(format!("no random number for a query: {error}")))?;
    Ok(u16::from_be_bytes(id))
}

/// The address that stands for all of the family of `address`.
fn unspecified(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}
