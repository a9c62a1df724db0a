//! A reply in records, cut to what the client takes.

use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, MessageType, Metadata, ResponseCode};
use hickory_proto::rr::Record;
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::serialize::binary::{BinDecoder, BinEncodable, BinEncoder};
use hickory_server::net::NetError;
use hickory_server::server::{ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{MessageResponseBuilder, Queries};

use super::bounds::{STREAM_PAYLOAD, UDP_PAYLOAD, UDP_PLAIN};
use super::inquiry::{Extension, Inquiry};
use super::signatures::shows_records;
use crate::answer::{ClientSubnet, Part, Reply, Transport};
use crate::dnssec::SigningFault;

const OPTION_NSID: u16 = 3;
const OPTION_EXTENDED_ERROR: u16 = 15;
const HEADER: usize = 12;

/// Makes the signatures of an RRset.
pub(super) type Sign<'s> = &'s dyn Fn(&Part<'_>) -> Result<Vec<Record>, SigningFault>;

/// Everything that goes into the packet.
pub(super) struct Response {
    pub(super) metadata: Metadata,
    pub(super) queries: Queries,
    pub(super) answers: Vec<Record>,
    pub(super) authorities: Vec<Record>,
    pub(super) additionals: Vec<Record>,
    pub(super) edns: Option<Edns>,
}

impl Response {
    /// The reply to `inquiry`, no larger than its client takes.
    pub(super) fn new(
        packet: &[u8],
        inquiry: &Inquiry,
        transport: Transport,
        reply: &Reply<'_>,
        node: &str,
        sign: Sign<'_>,
    ) -> Result<Self, ProtoError> {
        let limit = limit(inquiry, transport);
        let mut response = Self::bare(packet, inquiry, reply.rcode)?;
        response.metadata.authoritative = reply.authoritative;
        response.edns = inquiry.edns.map(|asked| extension(&asked, reply, node));
        if response.frame_length()? > usize::from(limit) {
            // A name of 255 octets asked with the smallest payload: what only people read stays behind.
            response.edns = inquiry.edns.map(|asked| bare_extension(&asked, reply));
        }
        response.fill(reply, limit, sign)?;
        Ok(response)
    }

    /// A reply without records: header, question, and an OPT where the query has one.
    pub(super) fn error(packet: &[u8], inquiry: &Inquiry, rcode: ResponseCode) -> Result<Self, ProtoError> {
        let mut response = Self::bare(packet, inquiry, rcode)?;
        response.edns = inquiry.edns.map(|asked| plain_extension(&asked));
        Ok(response)
    }

    fn bare(packet: &[u8], inquiry: &Inquiry, rcode: ResponseCode) -> Result<Self, ProtoError> {
        let mut metadata = Metadata::new(inquiry.id, MessageType::Response, inquiry.opcode);
        metadata.recursion_desired = inquiry.recursion_desired;
        metadata.checking_disabled = inquiry.checking_disabled;
        metadata.response_code = rcode;
        // The question as it came, octet for octet, so that its case is kept.
        let question = packet.get(inquiry.question_octets.clone()).unwrap_or_default();
        let queries = Queries::read(&mut BinDecoder::new(question), usize::from(!question.is_empty()))?;
        Ok(Self {
            metadata,
            queries,
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            edns: None,
        })
    }

    /// Octets of header, question and OPT.
    fn frame_length(&self) -> Result<usize, ProtoError> {
        let mut opt = Vec::new();
        if let Some(edns) = &self.edns {
            edns.emit(&mut BinEncoder::new(&mut opt))?;
        }
        Ok(HEADER + self.queries.as_bytes().len() + opt.len())
    }

    /// Takes as many whole RRsets as fit into `limit` octets.
    ///
    /// TC is set where something that the client needs is missing (RFC 2181 section 9): an RRset of the answer, the
    /// authority of a negative answer or referral, in-domain glue (RFC 9471). Sibling glue may be missing.
    fn fill(&mut self, reply: &Reply<'_>, limit: u16, sign: Sign<'_>) -> Result<(), ProtoError> {
        let opt = self.frame_length()? - HEADER - self.queries.as_bytes().len();
        let mut scratch = Vec::with_capacity(usize::from(UDP_PAYLOAD));
        let mut room = Room::new(&mut scratch, self.queries.as_bytes(), limit, opt)?;
        for (parts, section) in [(&reply.answer, &mut self.answers), (&reply.authority, &mut self.authorities)] {
            for part in parts {
                if !room.take(part, section, sign)? {
                    self.metadata.truncation = true;
                    return Ok(());
                }
            }
        }
        for glue in &reply.additional {
            if !room.take(&glue.part, &mut self.additionals, sign)? && glue.required {
                self.metadata.truncation = true;
                return Ok(());
            }
        }
        Ok(())
    }

    /// Hands the reply to a transport of the server library, or of ours.
    pub(super) async fn send<R: ResponseHandler>(&self, transport: &mut R) -> Result<ResponseInfo, NetError> {
        let message = MessageResponseBuilder::new(&self.queries, self.edns.as_ref()).build(
            self.metadata,
            &self.answers,
            &self.authorities,
            &[],
            &self.additionals,
        );
        transport.send_response(message).await
    }
}

/// The most octets that the reply may have (RFC 6891 section 6.2.3, RFC 9715).
fn limit(inquiry: &Inquiry, transport: Transport) -> u16 {
    if transport.is_datagram() {
        inquiry.edns.map_or(UDP_PLAIN, |edns| edns.payload.clamp(UDP_PLAIN, UDP_PAYLOAD))
    } else {
        STREAM_PAYLOAD
    }
}

/// The OPT of every reply to a query that has one.
fn plain_extension(asked: &Extension) -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD).set_version(0).set_dnssec_ok(asked.dnssec_ok);
    edns
}

/// The OPT with what the client's software goes by.
fn bare_extension(asked: &Extension, reply: &Reply<'_>) -> Edns {
    let mut edns = plain_extension(asked);
    if let Some(subnet) = asked.subnet {
        let data = subnet.to_option(reply.scope);
        edns.options_mut().insert(EdnsOption::Unknown(ClientSubnet::CODE, data));
    }
    edns
}

/// The OPT with all that was asked for, and extended errors (RFC 8914).
fn extension(asked: &Extension, reply: &Reply<'_>, node: &str) -> Edns {
    let mut edns = bare_extension(asked, reply);
    if asked.nsid {
        edns.options_mut().insert(EdnsOption::Unknown(OPTION_NSID, node.as_bytes().to_vec()));
    }
    for note in &reply.notes {
        let data = [&note.code.to_be_bytes(), note.text.as_bytes()].concat();
        edns.options_mut().insert(EdnsOption::Unknown(OPTION_EXTENDED_ERROR, data));
    }
    edns
}

/// The space left in the packet, measured by encoding as the packet will be.
struct Room<'b>(BinEncoder<'b>);

impl<'b> Room<'b> {
    /// The space beside header, question and an OPT of `opt` octets.
    fn new(scratch: &'b mut Vec<u8>, question: &[u8], limit: u16, opt: usize) -> Result<Self, ProtoError> {
        let mut encoder = BinEncoder::new(scratch);
        encoder.emit_vec(&[0; HEADER])?;
        encoder.emit_vec(question)?;
        encoder.set_max_size(limit.saturating_sub(u16::try_from(opt).unwrap_or(u16::MAX)));
        Ok(Self(encoder))
    }

    /// Adds the RRset's records and their signatures to `section` if all of them fit.
    fn take(&mut self, part: &Part<'_>, section: &mut Vec<Record>, sign: Sign<'_>) -> Result<bool, ProtoError> {
        let (start, known) = (self.0.offset(), section.len());
        let signatures = sign(part).map_err(|fault| ProtoError::from(fault.to_string()))?;
        let records = part.records().filter(|_| shows_records(part));
        for record in records.chain(signatures) {
            match record.emit(&mut self.0) {
                Ok(()) => section.push(record),
                Err(ProtoError::MaxBufferSizeExceeded(_)) => {
                    self.0.set_offset(start);
                    self.0.trim();
                    section.truncate(known);
                    return Ok(false);
                }
                Err(other) => return Err(other),
            }
        }
        Ok(true)
    }
}
