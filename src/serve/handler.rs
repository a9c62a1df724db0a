//! The one request handler: every transport's queries, ours and those of the server library, are answered here.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use hickory_proto::ProtoError;
use hickory_proto::op::{Header, HeaderCounts, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_server::net::runtime::Time;
use hickory_server::net::xfer::Protocol;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};

use super::draw::draw;
use super::inquiry::Inquiry;
use super::quarantine::Quarantine;
use super::response::Response;
use super::signatures::Signatures;
use super::{Setup, Usage};
use crate::answer::{Client, Part, Transport};

/// Answers queries from the current tables.
pub(super) struct Handler {
    setup: Setup,
    signatures: Signatures,
    quarantine: Quarantine,
}

impl Handler {
    /// A handler for what `setup` says.
    pub(super) fn new(setup: Setup) -> Self {
        Self { setup, signatures: Signatures::new(), quarantine: Quarantine::default() }
    }

    /// The counters.
    pub(super) fn usage(&self) -> &Usage {
        &self.setup.usage
    }

    /// The messages that are not handled for a while.
    pub(super) const fn quarantine(&self) -> &Quarantine {
        &self.quarantine
    }

    /// The reply to a packet, `None` for one that must not be answered.
    pub(super) fn respond(&self, packet: &[u8], source: SocketAddr, transport: Transport) -> Option<Response> {
        self.respond_to(packet, self.read(packet)?, source, transport)
    }

    /// The same for a packet that the server library cannot read: an error, whatever we can read of it.
    pub(super) fn respond_unread(&self, packet: &[u8], source: SocketAddr, transport: Transport) -> Option<Response> {
        let mut inquiry = self.read(packet)?;
        inquiry.fault = inquiry.fault.or(Some(ResponseCode::FormErr));
        self.respond_to(packet, inquiry, source, transport)
    }

    fn read(&self, packet: &[u8]) -> Option<Inquiry> {
        let inquiry = Inquiry::read(packet);
        if inquiry.is_none() {
            self.usage().count_discarded();
        }
        inquiry
    }

    fn respond_to(
        &self,
        packet: &[u8],
        inquiry: Inquiry,
        source: SocketAddr,
        transport: Transport,
    ) -> Option<Response> {
        let response = self.answer(packet, &inquiry, source, transport).or_else(|error| {
            tracing::error!(%error, "a reply could not be made; answered SERVFAIL");
            Response::error(packet, &inquiry, ResponseCode::ServFail)
        });
        let response = response.ok()?;
        let rtype = inquiry.question.as_ref().map_or(RecordType::ZERO, |question| question.rtype);
        let metadata = &response.metadata;
        self.usage().count_query(transport, metadata.response_code, rtype, metadata.truncation);
        Some(response)
    }

    fn answer(
        &self,
        packet: &[u8],
        inquiry: &Inquiry,
        source: SocketAddr,
        transport: Transport,
    ) -> Result<Response, ProtoError> {
        let question = match (&inquiry.question, inquiry.fault) {
            (Some(question), None) => question,
            (_, fault) => return Response::error(packet, inquiry, fault.unwrap_or(ResponseCode::FormErr)),
        };
        let client = Client {
            source: source.ip(),
            subnet: inquiry.edns.and_then(|edns| edns.subnet),
            transport,
            dnssec_ok: inquiry.edns.is_some_and(|edns| edns.dnssec_ok),
        };
        let tables = self.setup.tables.load();
        let reply = tables.decide(question, &client, draw());
        let now = unix_time();
        let sign = |part: &Part<'_>| self.signatures.of(part, now, self.usage());
        let response = Response::new(packet, inquiry, transport, &reply, &self.setup.node, &sign)?;
        // Counted before the packet leaves, so that a site is never named without being counted as named.
        let named = reply.named.iter().filter(|named| !tables.is_host(named.set));
        for named in named.filter(|_| !response.answers.is_empty()) {
            self.usage().name_sites(&tables, named.service, named.sites, Duration::from_secs(named.ttl.into()));
        }
        Ok(response)
    }
}

#[async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut transport: R) -> ResponseInfo {
        let kind = match request.protocol() {
            Protocol::Udp => Transport::Udp,
            Protocol::Tls => Transport::Tls,
            Protocol::Quic => Transport::Quic,
            Protocol::Https => Transport::Https,
            // What is added to the library is another stream.
            _ => Transport::Tcp,
        };
        let sent = match self.respond(request.as_slice(), request.src(), kind) {
            Some(response) => response.send(&mut transport).await,
            None => Ok(unsent(request)),
        };
        sent.unwrap_or_else(|error| {
            tracing::debug!(%error, client = %request.src(), "a reply could not be sent");
            self.usage().count_unsent();
            unsent(request)
        })
    }
}

/// The wall clock in seconds since 1970: signatures hold by it.
fn unix_time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

/// What the library is told of a request without a reply.
fn unsent(request: &Request) -> ResponseInfo {
    let metadata = Metadata::new(request.metadata.id, MessageType::Response, OpCode::Query);
    ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
}
