//! What is asked, and by whom.

use std::net::IpAddr;

use hickory_proto::rr::{DNSClass, RecordType};

use super::ClientSubnet;
use crate::model::Name;

/// The question of a message (RFC 1035 section 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// QNAME, in the case it was asked in.
    pub name: Name,
    /// QTYPE.
    pub rtype: RecordType,
    /// QCLASS.
    pub class: DNSClass,
}

impl Question {
    /// A question of class IN.
    #[must_use]
    pub const fn new(name: Name, rtype: RecordType) -> Self {
        Self { name, rtype, class: DNSClass::IN }
    }
}

/// How the question came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// In a datagram, from a source address that anyone can forge.
    Udp,
    /// On a TCP connection (RFC 7766).
    Tcp,
    /// On a TLS connection (RFC 7858).
    Tls,
    /// On a stream of a QUIC connection (RFC 9250).
    Quic,
    /// In an HTTPS request (RFC 8484).
    Https,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Udp, Self::Tcp, Self::Tls, Self::Quic, Self::Https];

    /// The word used in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Quic => "quic",
            Self::Https => "https",
        }
    }

    /// Whether the source address is unproven and the reply small: all but UDP are streams.
    #[must_use]
    pub const fn is_datagram(self) -> bool {
        matches!(self, Self::Udp)
    }

    /// Whether nobody between sees the messages, so that their lengths are worth hiding (RFC 8467).
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        matches!(self, Self::Tls | Self::Quic | Self::Https)
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// Where the question came from, mostly a resolver.
    pub source: IpAddr,
    /// Whom the resolver asks for (RFC 7871), where it says.
    pub subnet: Option<ClientSubnet>,
    /// How the question came.
    pub transport: Transport,
    /// DO: signatures and proofs are wanted (RFC 3225).
    pub dnssec_ok: bool,
}

impl Client {
    /// A client that asks by itself, over UDP.
    #[must_use]
    pub const fn new(source: IpAddr) -> Self {
        Self { source, subnet: None, transport: Transport::Udp, dnssec_ok: false }
    }

    /// The address that steering goes by: the subnet's base address, or the source where no subnet is told.
    ///
    /// A subnet with source prefix 0 asks not to use the client's address; the resolver's own may be used then
    /// (RFC 7871 section 7.1.2).
    #[must_use]
    pub fn location(&self) -> IpAddr {
        match &self.subnet {
            Some(subnet) if subnet.source_prefix() > 0 => subnet.address(),
            _ => self.source.to_canonical(),
        }
    }
}
