//! A reply in records, cut to what the client takes.

use hickory_proto::ProtoError;
use hickory_proto::op::{Edns, MessageType, Metadata, ResponseCode};
use hickory_proto::rr::Record;
use hickory_proto::serialize::binary::{BinDecoder, BinEncodable, BinEncoder};
use hickory_server::zone_handler::{MessageResponseBuilder, Queries};

use super::bounds::{PADDING_BLOCK, STREAM_PAYLOAD, UDP_PAYLOAD, UDP_PLAIN};
use super::demand::Asked;
use super::inquiry::Inquiry;
use super::options::{Extent, Terms, padding};
use super::signatures::shows_records;
use crate::answer::{Part, Reply, Transport};
use crate::dnssec::SigningFault;
use crate::model::Name;

const HEADER: usize = 12;
/// Octets of a question behind its name.
const TYPE_AND_CLASS: usize = 4;
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
    /// Whose views its steered records answer: counted when it is sent.
    pub(super) asked: Asked,
    /// How many last octets of the question's name are the apex of its zone: names of the reply are written as pointers
    /// into the question as far as they lie within it.
    apex: usize,
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
        let limit = limit(inquiry, terms.transport).saturating_sub(terms.reserved);
        let mut response = Self::bare(packet, inquiry, reply.rcode)?;
        response.metadata.authoritative = reply.authoritative;
        response.apex = reply.within.map_or(usize::MAX, |apex| apex.as_wire().len());
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
        let bare = self.length + self.opt_length()? + OPTION_HEAD + usize::from(terms.reserved);
        let whole = bare.next_multiple_of(PADDING_BLOCK).min(usize::from(STREAM_PAYLOAD));
        if let (Some(edns), Some(length)) = (&mut self.edns, whole.checked_sub(bare)) {
            edns.options_mut().insert(padding(length));
        }
        Ok(())
    }

    fn bare(packet: &[u8], inquiry: &Inquiry, rcode: ResponseCode) -> Result<Self, ProtoError> {
        let mut metadata = Metadata::new(inquiry.id, MessageType::Response, inquiry.opcode);
        metadata.recursion_desired = inquiry.recursion_desired;
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
            asked: Asked::default(),
            apex: usize::MAX,
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
        let limit = usize::from(limit).saturating_sub(opt);
        let mut room = Room::new(&mut scratch, self.queries.as_bytes(), self.apex, limit)?;
        self.metadata.truncation = !self.fill_room(&mut room, reply, sign)?;
        self.length = room.encoder.offset();
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

    /// The packet.
    pub(super) fn encode(&self) -> Result<Vec<u8>, ProtoError> {
        let mut packet = Vec::with_capacity(usize::from(UDP_PLAIN));
        let mut encoder = begin(&mut packet, self.queries.as_bytes(), self.apex)?;
        // The library writes header and question over the ones that the pointers lead to.
        encoder.set_offset(0);
        let message = MessageResponseBuilder::new(&self.queries, self.edns.as_ref()).build(
            self.metadata,
            &self.answers,
            &self.authorities,
            &[],
            &self.additionals,
        );
        // The response fits the client already; the encoder's own cutting would split RRsets.
        message.destructive_emit(&mut encoder)?;
        Ok(packet)
    }
}

/// An encoder behind header and question, which knows the question's name and its ancestors up to the last `apex` octets
/// as targets of pointers (RFC 1035 section 4.1.4).
///
/// Of the ancestors above the apex nothing is gained but an octet or two, and replies would differ by what the names of
/// hosted zones have in common with the names of their host. The targets are in lower case, so that a reply does not
/// change its form with the case of the question (RFC 4343).
fn begin<'b>(packet: &'b mut Vec<u8>, question: &[u8], apex: usize) -> Result<BinEncoder<'b>, ProtoError> {
    let mut encoder = BinEncoder::new(packet);
    encoder.emit_vec(&[0; HEADER])?;
    encoder.emit_vec(&question.to_ascii_lowercase())?;
    let name = question.len().saturating_sub(TYPE_AND_CLASS);
    let mut at = 0;
    while let Some(&length) = question.get(at)
        && length > 0
        && (at == 0 || name - at >= apex)
    {
        // The encoder knows names without their root.
        encoder.store_label_pointer(HEADER + at, HEADER + name - 1);
        at += usize::from(length) + 1;
    }
    Ok(encoder)
}

/// The sections of a reply behind its question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
    Additional,
}

/// A reply without OPT, laid out as a packet, of which any number of RRsets from the front are what fits a client.
pub(super) struct Layout {
    /// From the header on, which is not filled in.
    pub(super) octets: Vec<u8>,
    /// The RRsets in order.
    pub(super) parts: Vec<LaidPart>,
}

/// An RRset of a [`Layout`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LaidPart {
    /// Where it ends.
    pub(super) end: usize,
    /// Its records and their signatures.
    pub(super) records: u16,
    /// Where it belongs.
    pub(super) section: Section,
    /// Whether a reply without it is truncated.
    pub(super) required: bool,
}

impl Layout {
    /// Lays out `reply` to `question`, up to the first RRset that fits no datagram.
    pub(super) fn new(question: &[u8], reply: &Reply<'_>, sign: Sign<'_>) -> Result<Self, ProtoError> {
        let apex = reply.within.map_or(usize::MAX, |apex| apex.as_wire().len());
        let mut octets = Vec::with_capacity(usize::from(UDP_PAYLOAD));
        let mut room = Room::new(&mut octets, question, apex, usize::from(STREAM_PAYLOAD))?;
        let answers = reply.answer.iter().map(|part| (part, Section::Answer, true));
        let authorities = reply.authority.iter().map(|part| (part, Section::Authority, true));
        let additionals = reply.additional.iter().map(|glue| (&glue.part, Section::Additional, glue.required));
        let mut parts = Vec::new();
        for (part, section, required) in answers.chain(authorities).chain(additionals) {
            let mut records = Vec::new();
            let fits = room.take(part, &mut records, sign)?;
            let end = if fits { room.encoder.offset() } else { usize::MAX };
            parts.push(LaidPart { end, records: u16::try_from(records.len()).unwrap_or(u16::MAX), section, required });
            // However short the question that it is sent to.
            if end.saturating_sub(HEADER + question.len()) > usize::from(UDP_PAYLOAD) {
                break;
            }
        }
        Ok(Self { octets, parts })
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
struct Room<'b> {
    encoder: BinEncoder<'b>,
    /// Octets that there are, those taken included.
    limit: usize,
}

impl<'b> Room<'b> {
    /// `limit` octets, of which header and question are taken.
    fn new(scratch: &'b mut Vec<u8>, question: &[u8], apex: usize, limit: usize) -> Result<Self, ProtoError> {
        let mut encoder = begin(scratch, question, apex)?;
        // A name is written whole before a pointer takes its place: what fits then may not fit for a moment.
        encoder.set_max_size(u16::try_from(limit + Name::MAX_OCTETS).unwrap_or(u16::MAX));
        Ok(Self { encoder, limit })
    }

    /// Adds the RRset's records and their signatures to `section` if all of them fit.
    fn take(&mut self, part: &Part<'_>, section: &mut Vec<Record>, sign: Sign<'_>) -> Result<bool, ProtoError> {
        let (start, known) = (self.encoder.offset(), section.len());
        let signatures = sign(part).map_err(|fault| ProtoError::from(fault.to_string()))?;
        let records = part.records().filter(|_| shows_records(part));
        for record in records.chain(signatures) {
            let fits = match record.emit(&mut self.encoder) {
                Ok(()) => self.encoder.offset() <= self.limit,
                Err(ProtoError::MaxBufferSizeExceeded(_)) => false,
                Err(other) => return Err(other),
            };
            if !fits {
                self.encoder.set_offset(start);
                self.encoder.trim();
                section.truncate(known);
                return Ok(false);
            }
            section.push(record);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::time::Duration;

    use hickory_proto::op::Message;
    use hickory_proto::rr::rdata::opt::EdnsCode;
    use hickory_proto::rr::rdata::{A, TXT};
    use hickory_proto::rr::{RData, RecordType};
    use proptest::prelude::*;

    use super::*;
    use crate::answer::Note;
    use crate::model::Name;

    /// `a.example. A` with an OPT that offers `payload` octets and carries `options`.
    fn query(payload: u16, options: &[u8]) -> Vec<u8> {
        let mut packet = vec![0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1];
        packet.extend(b"\x01a\x07example\x00\x00\x01\x00\x01\x00\x00\x29");
        packet.extend(payload.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        packet.extend(options);
        packet
    }

    fn part(rtype: RecordType, rdata: Vec<RData>) -> Part<'static> {
        let owner: Name = "a.example".parse().unwrap();
        Part { owner, rtype, ttl: 60, rdata: Cow::Owned(rdata), signer: None }
    }

    fn addresses(count: u32) -> Part<'static> {
        part(RecordType::A, (0..count).map(|address| RData::A(A(address.into()))).collect())
    }

    fn terms(transport: Transport) -> Terms<'static> {
        Terms { node: "test-ns1", transport, cookie: Some([7; 24]), idle: Duration::from_secs(10), reserved: 0 }
    }

    fn reply(answer: Vec<Part<'static>>) -> Reply<'static> {
        Reply { answer, ..Reply::empty(ResponseCode::NoError) }
    }

    fn emitted(response: &Response) -> Vec<u8> {
        response.encode().unwrap()
    }

    fn respond(query: &[u8], transport: Transport, reply: &Reply<'_>) -> (Vec<u8>, Message) {
        let inquiry = Inquiry::read(query, transport).unwrap();
        assert_eq!(inquiry.fault, None);
        let response = Response::new(query, &inquiry, &terms(transport), reply, &|_| Ok(Vec::new())).unwrap();
        let packet = emitted(&response);
        let message = Message::from_vec(&packet).unwrap();
        (packet, message)
    }

    fn has(message: &Message, code: u16) -> bool {
        message.edns.as_ref().is_some_and(|edns| edns.option(EdnsCode::from(code)).is_some())
    }

    const NSID: &[u8] = &[0, 3, 0, 0];
    const KEEPALIVE: &[u8] = &[0, 11, 0, 0];
    const PADDING: &[u8] = &[0, 12, 0, 2, 0, 0];

    #[test]
    fn encrypted_replies_are_padded_where_the_client_pads() {
        for count in [0, 1, 7, 20, 27, 28, 29, 100, 1000] {
            let answer = reply(if count == 0 { Vec::new() } else { vec![addresses(count)] });
            for transport in Transport::ALL {
                let (packet, message) = respond(&query(1232, PADDING), transport, &answer);
                assert_eq!(has(&message, 12), transport.is_encrypted(), "{transport:?}");
                if transport.is_encrypted() {
                    assert_eq!(packet.len() % PADDING_BLOCK, 0, "{count} addresses are {} octets", packet.len());
                }
                let (_, message) = respond(&query(1232, &[]), transport, &answer);
                assert!(!has(&message, 12), "not asked for");
            }
        }
        let inquiry = Inquiry::read(&query(1232, PADDING), Transport::Tls).unwrap();
        let error = Response::error(&query(1232, PADDING), &inquiry, &terms(Transport::Tls), ResponseCode::Refused);
        assert_eq!(emitted(&error.unwrap()).len(), PADDING_BLOCK);
    }

    #[test]
    fn padding_ends_where_a_message_does() {
        // What is left to the end of 65,535 octets is less than a block.
        let strings = (0..256).map(|_| "x".repeat(254)).chain(["x".repeat(159)]).collect();
        let long = part(RecordType::TXT, vec![RData::TXT(TXT::new(strings))]);
        let (packet, message) = respond(&query(1232, PADDING), Transport::Tls, &reply(vec![long]));
        assert_eq!((packet.len(), message.metadata.truncation, has(&message, 12)), (65_535, false, true));
    }

    #[test]
    fn a_connection_may_rest_as_long_as_the_reply_says() {
        for transport in Transport::ALL {
            let (_, message) = respond(&query(1232, KEEPALIVE), transport, &reply(vec![addresses(1)]));
            let expected = matches!(transport, Transport::Tcp | Transport::Tls);
            assert_eq!(has(&message, 11), expected, "{transport:?}");
            if expected {
                let edns = message.edns.unwrap();
                let option = edns.option(EdnsCode::Keepalive).unwrap();
                assert_eq!(*option, hickory_proto::rr::rdata::opt::EdnsOption::Unknown(11, vec![0, 100]));
            }
        }
        let malformed = [0, 11, 0, 1, 0];
        let fault = |transport| Inquiry::read(&query(1232, &malformed), transport).unwrap().fault;
        assert_eq!((fault(Transport::Tcp), fault(Transport::Udp)), (Some(ResponseCode::FormErr), None));
    }

    #[test]
    fn what_only_people_read_takes_no_room_from_answers() {
        let noted = |count| Reply { notes: vec![Note::last_resort("mx")], ..reply(vec![addresses(count)]) };
        let (packet, message) = respond(&query(512, NSID), Transport::Udp, &noted(10));
        assert!(packet.len() <= 512 && has(&message, 3) && has(&message, 15) && has(&message, 10));
        // These fit without them only.
        let (packet, message) = respond(&query(512, NSID), Transport::Udp, &noted(27));
        assert!(packet.len() <= 512 && !has(&message, 3) && !has(&message, 15) && has(&message, 10));
        assert_eq!((message.answers.len(), message.metadata.truncation), (27, false));
        let (packet, message) = respond(&query(512, NSID), Transport::Udp, &noted(40));
        assert!(packet.len() <= 512 && has(&message, 10));
        assert_eq!((message.answers.len(), message.metadata.truncation), (0, true));
    }

    #[test]
    fn a_limited_reply_is_no_larger_than_its_query() {
        let query = query(1232, &[&[0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8][..], NSID].concat());
        let inquiry = Inquiry::read(&query, Transport::Udp).unwrap();
        let terms = terms(Transport::Udp);
        let make = || Response::new(&query, &inquiry, &terms, &reply(vec![addresses(9)]), &|_| Ok(Vec::new())).unwrap();
        let mut truncated = make();
        truncated.truncate(&inquiry, &terms);
        let mut challenged = make();
        challenged.challenge(&inquiry, &terms);
        for (response, rcode, truncation) in
            [(truncated, ResponseCode::NoError, true), (challenged, ResponseCode::BADCOOKIE, false)]
        {
            let packet = emitted(&response);
            // The cookie of the server is what is more.
            assert!(packet.len() <= query.len() + 16);
            let message = Message::from_vec(&packet).unwrap();
            assert_eq!((message.metadata.response_code, message.metadata.truncation), (rcode, truncation));
            assert!(message.answers.is_empty() && has(&message, 10) && !has(&message, 3));
        }
    }

    proptest! {
        #[test]
        fn no_reply_is_longer_than_its_client_takes_and_each_is_measured_exactly(
            payload: u16,
            counts in prop::collection::vec(1_u32..40, 0..6),
            padded: bool,
            transport in prop::sample::select(Transport::ALL.to_vec()),
        ) {
            let options = if padded { [NSID, PADDING].concat() } else { NSID.to_vec() };
            let query = query(payload, &options);
            let inquiry = Inquiry::read(&query, transport).unwrap();
            let answer = reply(counts.into_iter().map(addresses).collect());
            let response = Response::new(&query, &inquiry, &terms(transport), &answer, &|_| Ok(Vec::new())).unwrap();
            let packet = emitted(&response);
            prop_assert_eq!(packet.len(), response.length + response.opt_length().unwrap());
            prop_assert!(packet.len() <= usize::from(limit(&inquiry, transport)));
            prop_assert_eq!(padded && transport.is_encrypted(), has(&Message::from_vec(&packet).unwrap(), 12));
        }
    }
}
