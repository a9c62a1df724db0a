//! A reply in records, cut to what the client takes.

use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, MessageType, Metadata, ResponseCode};
use hickory_proto::rr::Record;
use hickory_proto::serialize::binary::{BinDecoder, BinEncodable, BinEncoder};
use hickory_server::net::NetError;
use hickory_server::server::{ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::{MessageResponseBuilder, Queries};

use super::bounds::{PADDING_BLOCK, STREAM_PAYLOAD, UDP_PAYLOAD, UDP_PLAIN};
use super::inquiry::Inquiry;
use super::options::{Extent, Terms, padding};
use super::signatures::shows_records;
use crate::answer::{Part, Reply, Transport};
use crate::dnssec::SigningFault;

const HEADER: usize = 12;
/// Octets of an option beside its data.
const OPTION_HEAD: usize = 4;

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
    /// Octets of the packet beside the OPT record.
    length: usize,
}

impl Response {
    /// The reply to `inquiry`, no larger than its client takes.
    pub(super) fn new(
        packet: &[u8],
        inquiry: &Inquiry,
        terms: &Terms<'_>,
        reply: &Reply<'_>,
        sign: Sign<'_>,
    ) -> Result<Self, ProtoError> {
        let limit = limit(inquiry, terms.transport);
        let mut response = Self::bare(packet, inquiry, reply.rcode)?;
        response.metadata.authoritative = reply.authoritative;
        for extent in [Extent::Everything, Extent::Needed] {
            response.edns = inquiry.edns.map(|asked| terms.extension(&asked, Some(reply), extent));
            // What only people read takes no room from what the client asked for (RFC 8914 section 3).
            let may_shrink =
                extent == Extent::Everything && inquiry.edns.is_some_and(|asked| terms.has_more(&asked, reply));
            if may_shrink && response.frame_length()? > usize::from(limit) {
                continue;
            }
            response.fill(reply, limit, sign)?;
            if !(may_shrink && response.metadata.truncation) {
                break;
            }
        }
        response.pad(inquiry, terms)?;
        Ok(response)
    }

    /// A reply without records: header, question, and an OPT where the query has one.
    pub(super) fn error(
        packet: &[u8],
        inquiry: &Inquiry,
        terms: &Terms<'_>,
        rcode: ResponseCode,
    ) -> Result<Self, ProtoError> {
        let mut response = Self::bare(packet, inquiry, rcode)?;
        response.edns = inquiry.edns.map(|asked| terms.extension(&asked, None, Extent::Needed));
        response.pad(inquiry, terms)?;
        Ok(response)
    }

    /// The same reply without any record, with TC: a client that exists asks again over TCP.
    pub(super) fn truncate(&mut self, inquiry: &Inquiry, terms: &Terms<'_>) {
        self.clear();
        self.metadata.truncation = true;
        self.edns = inquiry.edns.map(|asked| terms.extension(&asked, None, Extent::Needed));
    }

    /// The same reply as BADCOOKIE: a client that exists asks again with the cookie that this reply gives it
    /// (RFC 7873 section 5.2.3).
    pub(super) fn challenge(&mut self, inquiry: &Inquiry, terms: &Terms<'_>) {
        self.truncate(inquiry, terms);
        self.metadata.truncation = false;
        self.metadata.authoritative = false;
        self.metadata.response_code = ResponseCode::BADCOOKIE;
    }

    fn clear(&mut self) {
        self.metadata.truncation = false;
        for section in [&mut self.answers, &mut self.authorities, &mut self.additionals] {
            section.clear();
        }
        self.length = HEADER + self.queries.as_bytes().len();
    }

    /// Pads an encrypted reply, where the client asks for it, to a multiple of [`PADDING_BLOCK`] octets: an observer
    /// learns little from its length.
    fn pad(&mut self, inquiry: &Inquiry, terms: &Terms<'_>) -> Result<(), ProtoError> {
        if !inquiry.edns.is_some_and(|asked| terms.pads(&asked)) {
            return Ok(());
        }
        let bare = self.length + self.opt_length()? + OPTION_HEAD;
        let whole = bare.next_multiple_of(PADDING_BLOCK).min(usize::from(STREAM_PAYLOAD));
        if let (Some(edns), Some(length)) = (&mut self.edns, whole.checked_sub(bare)) {
            edns.options_mut().insert(padding(length));
        }
        Ok(())
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
            length: HEADER + question.len(),
        })
    }

    /// Octets of header, question and OPT.
    fn frame_length(&self) -> Result<usize, ProtoError> {
        Ok(HEADER + self.queries.as_bytes().len() + self.opt_length()?)
    }

    /// Octets of the OPT record.
    fn opt_length(&self) -> Result<usize, ProtoError> {
        let mut opt = Vec::new();
        if let Some(edns) = &self.edns {
            edns.emit(&mut BinEncoder::new(&mut opt))?;
        }
        Ok(opt.len())
    }

    /// Takes as many whole RRsets as fit into `limit` octets.
    ///
    /// TC is set where something that the client needs is missing (RFC 2181 section 9): an RRset of the answer, the
    /// authority of a negative answer or referral, in-domain glue (RFC 9471). Sibling glue may be missing.
    fn fill(&mut self, reply: &Reply<'_>, limit: u16, sign: Sign<'_>) -> Result<(), ProtoError> {
        self.clear();
        let opt = self.opt_length()?;
        let mut scratch = Vec::with_capacity(usize::from(UDP_PAYLOAD));
        let mut room = Room::new(&mut scratch, self.queries.as_bytes(), limit, opt)?;
        self.metadata.truncation = !self.fill_room(&mut room, reply, sign)?;
        self.length = room.0.offset();
        Ok(())
    }

    /// Whether everything that the client needs found room.
    fn fill_room(&mut self, room: &mut Room<'_>, reply: &Reply<'_>, sign: Sign<'_>) -> Result<bool, ProtoError> {
        for (parts, section) in [(&reply.answer, &mut self.answers), (&reply.authority, &mut self.authorities)] {
            for part in parts {
                if !room.take(part, section, sign)? {
                    return Ok(false);
                }
            }
        }
        for glue in &reply.additional {
            if !room.take(&glue.part, &mut self.additionals, sign)? && glue.required {
                return Ok(false);
            }
        }
        Ok(true)
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
