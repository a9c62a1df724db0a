//! A query as it came, read strictly.
//!
//! The message library reads generously: it takes a response for a request where the rest is malformed, several
//! questions, trailing octets and client subnets of any length. What may be answered is therefore settled here, on the
//! octets.

use hickory_proto::op::{OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, RecordType};

use super::bounds::QUERY_ADDITIONALS;
use super::options::Extension;
use crate::answer::{Question, Transport};
use crate::model::Name;

const HEADER: usize = 12;
const TYPE_OPT: u16 = 41;
const TYPE_TSIG: u16 = 250;
const TYPE_IXFR: u16 = 251;

/// A query that gets a reply, be it an error.
#[derive(Clone, Debug)]
pub(super) struct Inquiry {
    /// Message ID.
    pub(super) id: u16,
    /// OPCODE.
    pub(super) opcode: OpCode,
    /// RD, copied to the reply.
    pub(super) recursion_desired: bool,
    /// CD, copied to the reply (RFC 6895 section 2).
    pub(super) checking_disabled: bool,
    /// The question, as far as it could be read.
    pub(super) question: Option<Question>,
    /// The octets of the question section in the message.
    pub(super) question_octets: std::ops::Range<usize>,
    /// The OPT record, as far as it could be read.
    pub(super) edns: Option<Extension>,
    /// What is wrong with it: the reply is this error.
    pub(super) fault: Option<ResponseCode>,
}

impl Inquiry {
    /// Reads a message that came by `transport`. `None` is one that must not be answered: too short for a header, or itself a response
    /// (answering those makes two servers talk to each other for ever).
    pub(super) fn read(packet: &[u8], transport: Transport) -> Option<Self> {
        let mut octets = Octets::new(packet);
        let id = octets.u16()?;
        let [high, low] = octets.u16()?.to_be_bytes();
        let counts = [octets.u16()?, octets.u16()?, octets.u16()?, octets.u16()?];
        if high & 0x80 != 0 {
            return None;
        }
        let mut inquiry = Self {
            id,
            opcode: OpCode::from_u8((high >> 3) & 0x0f),
            recursion_desired: high & 0x01 != 0,
            checking_disabled: low & 0x10 != 0,
            question: None,
            question_octets: HEADER..HEADER,
            edns: None,
            fault: None,
        };
        inquiry.fault = inquiry.read_sections(&mut octets, counts, transport).err();
        Some(inquiry)
    }

    /// Whether it is a sound query without a question, for a cookie (RFC 7873 section 5.4).
    pub(super) const fn is_for_cookie(&self) -> bool {
        self.question.is_none() && self.fault.is_none()
    }

    fn read_sections(
        &mut self,
        octets: &mut Octets<'_>,
        counts: [u16; 4],
        transport: Transport,
    ) -> Result<(), ResponseCode> {
        let [questions, answers, authorities, additionals] = counts;
        if questions == 1 {
            self.question = Some(octets.question().ok_or(ResponseCode::FormErr)?);
            self.question_octets = HEADER..octets.at;
        }
        // The sections of other opcodes mean other things, so that no fault is looked for in them.
        if self.opcode != OpCode::Query {
            return Err(ResponseCode::NotImp);
        }
        let rtype = self.question.as_ref().map(|question| u16::from(question.rtype));
        // An incremental transfer is asked for with the SOA that the client has (RFC 1995 section 3).
        let expected_authorities = u16::from(rtype == Some(TYPE_IXFR));
        // One question at most (RFC 9619), nothing answered, OPT and TSIG at most.
        if questions > 1 || answers != 0 || authorities > expected_authorities || additionals > QUERY_ADDITIONALS {
            return Err(ResponseCode::FormErr);
        }
        for _ in 0..authorities {
            octets.record().ok_or(ResponseCode::FormErr)?;
        }
        let mut signed = false;
        for _ in 0..additionals {
            let record = octets.record().ok_or(ResponseCode::FormErr)?;
            match record.rtype {
                // RFC 6891 section 6.1.1: one, owned by the root.
                TYPE_OPT if self.edns.is_some() || !record.at_root => return Err(ResponseCode::FormErr),
                TYPE_OPT => {
                    let (edns, read) = Extension::read(&record, transport);
                    self.edns = Some(edns);
                    read?;
                }
                TYPE_TSIG => signed = true,
                _ => {}
            }
        }
        // Errors from here on have an OPT in the reply if the query has one (RFC 6891 section 6.1.1).
        if !octets.is_at_end() {
            return Err(ResponseCode::FormErr);
        }
        if self.edns.is_some_and(|edns| edns.version != 0) {
            return Err(ResponseCode::BADVERS);
        }
        // A query without a question asks for nothing but a cookie (RFC 7873 section 5.4).
        if questions == 0 && self.edns.is_none_or(|edns| edns.cookie.is_none()) {
            return Err(ResponseCode::FormErr);
        }
        // We share no key with anyone (RFC 8945 section 5.2).
        if signed { Err(ResponseCode::NotAuth) } else { Ok(()) }
    }
}

/// A record of a query, undecoded.
pub(super) struct RawRecord<'p> {
    at_root: bool,
    rtype: u16,
    /// CLASS; of an OPT the largest UDP reply.
    pub(super) class: u16,
    /// TTL; of an OPT extended RCODE, version and flags.
    pub(super) ttl: u32,
    /// RDATA; of an OPT the options.
    pub(super) rdata: &'p [u8],
}

/// A place in the octets of a message.
pub(super) struct Octets<'p> {
    packet: &'p [u8],
    at: usize,
}

impl<'p> Octets<'p> {
    /// The beginning of `packet`.
    pub(super) const fn new(packet: &'p [u8]) -> Self {
        Self { packet, at: 0 }
    }

    /// Whether nothing is left.
    pub(super) const fn is_at_end(&self) -> bool {
        self.at >= self.packet.len()
    }

    fn take(&mut self, count: usize) -> Option<&'p [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.packet.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|octets| u16::from_be_bytes(*octets))
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
    }

    fn question(&mut self) -> Option<Question> {
        let start = self.at;
        // Nothing stands before the name that it could point back to, so that it comes uncompressed.
        while let Some(length) = self.label()? {
            self.take(length)?;
        }
        let name = Name::from_wire(self.packet.get(start..self.at)?).ok()?;
        Some(Question { name, rtype: RecordType::from(self.u16()?), class: DNSClass::from(self.u16()?) })
    }

    /// The length of the next label, `None` for the root.
    fn label(&mut self) -> Option<Option<usize>> {
        match self.take(1)?.first()? {
            0 => Some(None),
            &length if length < 64 => Some(Some(usize::from(length))),
            _ => None,
        }
    }

    fn record(&mut self) -> Option<RawRecord<'p>> {
        let at_root = self.packet.get(self.at) == Some(&0);
        self.skip_name()?;
        let (rtype, class, ttl) = (self.u16()?, self.u16()?, self.u32()?);
        let length = self.u16()?;
        Some(RawRecord { at_root, rtype, class, ttl, rdata: self.take(usize::from(length))? })
    }

    /// Skips an owner name, which may end in a pointer backwards.
    fn skip_name(&mut self) -> Option<()> {
        let start = self.at;
        loop {
            if self.packet.get(self.at)? & 0xc0 == 0xc0 {
                let pointer = usize::from(self.u16()? & 0x3fff);
                return (pointer < start).then_some(());
            }
            match self.label()? {
                None => return Some(()),
                Some(length) => self.take(length)?,
            };
        }
    }

    /// The next option of an OPT record.
    pub(super) fn option(&mut self) -> Option<(u16, &'p [u8])> {
        let (code, length) = (self.u16()?, self.u16()?);
        Some((code, self.take(usize::from(length))?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `example. A` with an OPT that carries `options`.
    fn query(options: &[u8]) -> Vec<u8> {
        let mut packet = vec![0xab, 0xcd, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 1];
        packet.extend(b"\x07eXample\x00\x00\x01\x00\x01");
        packet.extend(b"\x00\x00\x29\x10\x00\x00\x00\x80\x00");
        packet.extend(u16::try_from(options.len()).unwrap().to_be_bytes());
        packet.extend(options);
        packet
    }

    fn fault(packet: &[u8]) -> Option<ResponseCode> {
        Inquiry::read(packet, Transport::Udp).unwrap().fault
    }

    #[test]
    fn a_query_is_read_whole() {
        let inquiry =
            Inquiry::read(&query(b"\x00\x03\x00\x00\x00\x08\x00\x07\x00\x01\x18\x00\xc0\x00\x02"), Transport::Udp)
                .unwrap();
        assert_eq!((inquiry.id, inquiry.fault, inquiry.recursion_desired), (0xabcd, None, true));
        let question = inquiry.question.unwrap();
        assert_eq!((question.name.as_wire(), question.rtype), (&b"\x07eXample\x00"[..], RecordType::A));
        let edns = inquiry.edns.unwrap();
        assert!(edns.nsid && edns.dnssec_ok);
        assert_eq!((edns.payload, edns.subnet.unwrap().to_string().as_str()), (4096, "192.0.2.0/24"));
    }

    #[test]
    fn responses_and_fragments_of_a_header_are_never_answered() {
        let mut packet = query(&[]);
        packet[2] |= 0x80;
        assert!(Inquiry::read(&packet, Transport::Udp).is_none());
        packet.truncate(20);
        assert!(Inquiry::read(&packet, Transport::Udp).is_none(), "a malformed response");
        assert!(Inquiry::read(&packet[..11], Transport::Udp).is_none());
    }

    #[test]
    fn malformed_queries_are_form_errors() {
        let well = query(&[]);
        assert_eq!(fault(&well), None);
        for end in 12..well.len() {
            assert_eq!(fault(&well[..end]), Some(ResponseCode::FormErr), "cut at {end}");
        }
        let with = |at: usize, octet: u8| {
            let mut packet = well.clone();
            packet[at] = octet;
            fault(&packet)
        };
        assert_eq!(with(5, 0), Some(ResponseCode::FormErr), "no question");
        assert_eq!(with(5, 2), Some(ResponseCode::FormErr), "two questions");
        assert_eq!(with(7, 1), Some(ResponseCode::FormErr), "an answer");
        assert_eq!(with(9, 1), Some(ResponseCode::FormErr), "an authority record");
        assert_eq!(with(11, 3), Some(ResponseCode::FormErr), "three additional records");
        assert_eq!(with(11, 0), Some(ResponseCode::FormErr), "trailing octets");
        assert_eq!(with(12, 0xc0), Some(ResponseCode::FormErr), "a pointer in the question");
        assert_eq!(with(25, 1), Some(ResponseCode::FormErr), "an OPT below the root");
        assert_eq!(with(31, 1), Some(ResponseCode::BADVERS));
        for options in [&b"\x00\x03\x00\x01"[..], b"\x00\x03\x00", b"\x00\x08\x00\x04\x00\x01\x21\x00"] {
            assert_eq!(fault(&query(options)), Some(ResponseCode::FormErr), "{options:?}");
        }
        let mut twice = well.clone();
        twice[11] = 2;
        twice.extend(b"\x00\x00\x29\x10\x00\x00\x00\x80\x00\x00\x00");
        assert_eq!(fault(&twice), Some(ResponseCode::FormErr), "two OPTs");
    }

    #[test]
    fn other_opcodes_are_not_implemented() {
        for opcode in [1, 2, 4, 5, 6, 15] {
            let mut packet = query(&[]);
            packet[2] = opcode << 3;
            assert_eq!(fault(&packet), Some(ResponseCode::NotImp), "opcode {opcode}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_without_a_panic(packet in prop::collection::vec(any::<u8>(), 0..100)) {
            let _ = Inquiry::read(&packet, Transport::Udp);
        }

        #[test]
        fn one_wrong_octet_is_read_without_a_panic(at in 0_usize..60, octet: u8) {
            let mut packet = query(b"\x00\x08\x00\x07\x00\x01\x18\x00\xc0\x00\x02");
            if let Some(place) = packet.get_mut(at) { *place = octet; }
            let _ = Inquiry::read(&packet, Transport::Udp);
        }
    }
}
