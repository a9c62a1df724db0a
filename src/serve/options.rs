//! The OPT record of a query, and what the OPT of its reply says (RFC 6891).

use std::time::Duration;

use hickory_proto::op::{Edns, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;

use super::bounds::UDP_PAYLOAD;
use super::cookies::{ClientCookie, FullCookie};
use super::inquiry::{Octets, RawRecord};
use crate::answer::{ClientSubnet, Reply, Transport};

const OPTION_NSID: u16 = 3;
const OPTION_KEEPALIVE: u16 = 11;
const OPTION_PADDING: u16 = 12;
const OPTION_EXTENDED_ERROR: u16 = 15;

/// What the OPT record of a query says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extension {
    /// The largest UDP reply that the client takes.
    pub(super) payload: u16,
    /// EDNS version.
    pub(super) version: u8,
    /// DO (RFC 3225), copied to the reply.
    pub(super) dnssec_ok: bool,
    /// Whether the node's name is asked for (RFC 5001).
    pub(super) nsid: bool,
    /// Whom the client asks for.
    pub(super) subnet: Option<ClientSubnet>,
    /// The client's cookie (RFC 7873); of several the first.
    pub(super) cookie: Option<ClientCookie>,
    /// Whether the client asks how long its connection may rest (RFC 7828).
    pub(super) keepalive: bool,
    /// Whether the client pads, so that replies should be padded as well (RFC 7830).
    pub(super) padding: bool,
}

impl Extension {
    /// One of version 0 without options.
    pub(super) const fn bare(payload: u16, dnssec_ok: bool) -> Self {
        Self {
            payload,
            version: 0,
            dnssec_ok,
            nsid: false,
            subnet: None,
            cookie: None,
            keepalive: false,
            padding: false,
        }
    }

    /// Reads the OPT record of a query that came by `transport`: what could be read of it, beside what is wrong with the
    /// rest. `None` where its options cannot be told apart.
    pub(super) fn read(record: &RawRecord<'_>, transport: Transport) -> (Option<Self>, Result<(), ResponseCode>) {
        let [_, version, flags, _] = record.ttl.to_be_bytes();
        let mut extension = Self { version, ..Self::bare(record.class, flags & 0x80 != 0) };
        // Options of a version that we do not know may mean anything.
        if version != 0 {
            return (Some(extension), Ok(()));
        }
        let mut options = Octets::new(record.rdata);
        let mut sound = true;
        while !options.is_at_end() {
            let Some((code, data)) = options.option() else { return (None, Err(ResponseCode::FormErr)) };
            sound &= extension.take(code, data, transport).is_some();
        }
        (Some(extension), if sound { Ok(()) } else { Err(ResponseCode::FormErr) })
    }

    /// Takes an option; unknown ones are passed over (RFC 6891 section 6.1.2). `None` where it is malformed.
    fn take(&mut self, code: u16, data: &[u8], transport: Transport) -> Option<()> {
        match code {
            OPTION_NSID => self.nsid = true,
            OPTION_PADDING => self.padding = true,
            // On datagrams it means nothing (RFC 7828 section 3.2.1), and QUIC and HTTPS have their own ways.
            OPTION_KEEPALIVE if matches!(transport, Transport::Tcp | Transport::Tls) => {
                // Nothing, or a time (section 3.1), which only servers have a say in.
                matches!(data.len(), 0 | 2).then_some(())?;
                self.keepalive = true;
            }
            ClientCookie::CODE if self.cookie.is_none() => self.cookie = Some(ClientCookie::read(data)?),
            ClientSubnet::CODE if self.subnet.is_some() => return None,
            ClientSubnet::CODE => self.subnet = Some(ClientSubnet::from_option(data).ok()?),
            _ => {}
        }
        Some(())
    }
}

/// The server's side of a conversation, as far as the OPT of a reply tells it.
pub(super) struct Terms<'n> {
    /// Name of the node.
    pub(super) node: &'n str,
    /// How the query came.
    pub(super) transport: Transport,
    /// The cookie that the client gets, where it sent one.
    pub(super) cookie: Option<FullCookie>,
    /// How long a connection may rest between queries.
    pub(super) idle: Duration,
    /// Octets that the packet must have left for a signature behind the reply.
    pub(super) reserved: u16,
}

/// How much of the OPT there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All that was asked for, and extended errors.
    Everything,
    /// What the client's software goes by; what only people read stays behind.
    Needed,
}

impl Terms<'_> {
    /// The OPT of a reply to a query with `asked`. Flags and options that are not known do not come back.
    pub(super) fn extension(&self, asked: &Extension, reply: Option<&Reply<'_>>, extent: Extent) -> Edns {
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD).set_version(0).set_dnssec_ok(asked.dnssec_ok);
        let mut add = |code, data| edns.options_mut().insert(EdnsOption::Unknown(code, data));
        if let Some(cookie) = self.cookie {
            add(ClientCookie::CODE, cookie.to_vec());
        }
        if let (Some(subnet), Some(reply)) = (asked.subnet, reply) {
            add(ClientSubnet::CODE, subnet.to_option(reply.scope));
        }
        if asked.keepalive {
            // In units of 100 ms.
            let idle = u16::try_from(self.idle.as_millis() / 100).unwrap_or(u16::MAX);
            add(OPTION_KEEPALIVE, idle.to_be_bytes().to_vec());
        }
        if extent == Extent::Everything {
            if asked.nsid {
                add(OPTION_NSID, self.node.as_bytes().to_vec());
            }
            for note in reply.map(|reply| reply.notes.as_slice()).unwrap_or_default() {
                add(OPTION_EXTENDED_ERROR, [&note.code.to_be_bytes(), note.text.as_bytes()].concat());
            }
        }
        edns
    }

    /// Whether [`Extent::Everything`] is more than [`Extent::Needed`].
    pub(super) fn has_more(&self, asked: &Extension, reply: &Reply<'_>) -> bool {
        asked.nsid || !reply.notes.is_empty()
    }

    /// Whether the reply is padded: only where nobody between reads it anyway (RFC 7830 section 6).
    pub(super) const fn pads(&self, asked: &Extension) -> bool {
        asked.padding && self.transport.is_encrypted()
    }
}

/// A padding option of `length` octets of data.
pub(super) fn padding(length: usize) -> EdnsOption {
    EdnsOption::Unknown(OPTION_PADDING, vec![0; length])
}
