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
const TYPE_SOA: u16 = 6;
const TYPE_OPT: u16 = 41;
const TYPE_TSIG: u16 = 250;
const TYPE_IXFR: u16 = 251;
const TYPE_AXFR: u16 = 252;

/// A query that gets a reply, be it an error.
#[derive(Clone, Debug)]
pub(super) struct Inquiry {
    /// Message ID.
    pub(super) id: u16,
    /// OPCODE.
    pub(super) opcode: OpCode,
    /// RD, copied to the reply.
    pub(super) recursion_desired: bool,
    /// The question, as far as it could be read.
    pub(super) question: Option<Question>,
    /// The octets of the question section in the message.
    pub(super) question_octets: std::ops::Range<usize>,
    /// The OPT record, as far as it could be read.
    pub(super) edns: Option<Extension>,
    /// The serial of the SOA that comes with the question: the one that the client has (RFC 1995 section 3), or the new
    /// one of a notification (RFC 1996 section 3.7).
    pub(super) serial: Option<u32>,
    /// Whether there is a TSIG record (RFC 8945).
    pub(super) signed: bool,
    /// What is wrong with it: the reply is this error.
    pub(super) fault: Option<ResponseCode>,
}

impl Inquiry {
    /// Reads a message that came by `transport`. `None` is one that must not be answered: too short for a header, or
    /// itself a response (answering those makes two servers talk to each other for ever).
    pub(super) fn read(packet: &[u8], transport: Transport) -> Option<Self> {
        let mut octets = Octets::new(packet);
        let id = octets.u16()?;
        let [high, _] = octets.u16()?.to_be_bytes();
        let counts = [octets.u16()?, octets.u16()?, octets.u16()?, octets.u16()?];
        if high & 0x80 != 0 {
            return None;
        }
        let mut inquiry = Self {
            id,
            opcode: OpCode::from_u8((high >> 3) & 0x0f),
            recursion_desired: high & 0x01 != 0,
            question: None,
            question_octets: HEADER..HEADER,
            edns: None,
            serial: None,
            signed: false,
            fault: None,
        };
        inquiry.fault = inquiry.read_sections(&mut octets, counts, transport).err();
        Some(inquiry)
    }

    /// Whether it is a sound query without a question, for a cookie (RFC 7873 section 5.4).
    pub(super) const fn is_for_cookie(&self) -> bool {
        self.question.is_none() && self.fault.is_none()
    }

    /// Whether a transfer is asked for (RFC 5936, RFC 1995).
    pub(super) fn is_transfer(&self) -> bool {
        let asks = |question: &Question| {
            question.class == DNSClass::IN && [TYPE_IXFR, TYPE_AXFR].contains(&u16::from(question.rtype))
        };
        self.opcode == OpCode::Query && self.question.as_ref().is_some_and(asks)
    }

    /// Whether it is a plain query, or an error: nothing that is signed, waits or takes several messages to answer.
    pub(super) fn is_plain(&self) -> bool {
        let is_more = matches!(self.opcode, OpCode::Notify | OpCode::Update) || self.is_transfer();
        !self.signed && (self.fault.is_some() || !is_more)
    }

    /// Takes a message that is more than a plain query for an error.
    pub(super) fn refuse_more(&mut self) {
        if self.fault.is_some() || self.is_plain() {
            return;
        }
        self.fault = match self.opcode {
            OpCode::Query if self.signed => Some(ResponseCode::NotAuth),
            OpCode::Query => None,
            _ => Some(ResponseCode::NotImp),
        };
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
        let rtype = self.question.as_ref().map(|question| u16::from(question.rtype));
        match self.opcode {
            OpCode::Query => {
                // An incremental transfer is asked for with the SOA that the client has (RFC 1995 section 3).
                let expected_authorities = u16::from(rtype == Some(TYPE_IXFR));
                // One question at most (RFC 9619), nothing answered, OPT and TSIG at most.
                if questions > 1
                    || answers != 0
                    || authorities > expected_authorities
                    || additionals > QUERY_ADDITIONALS
                {
                    return Err(ResponseCode::FormErr);
                }
            }
            // One zone, named as the owner of an SOA (RFC 1996 section 3.7, RFC 2136 section 3.1.1).
            OpCode::Notify | OpCode::Update if rtype == Some(TYPE_SOA) => {}
            OpCode::Notify | OpCode::Update => return Err(ResponseCode::FormErr),
            // The sections of other opcodes mean other things, so that no fault is looked for in them.
            _ => return Err(ResponseCode::NotImp),
        }
        for _ in 0..u32::from(answers) + u32::from(authorities) {
            let record = octets.record().ok_or(ResponseCode::FormErr)?;
            if self.opcode != OpCode::Update && record.rtype == TYPE_SOA {
                self.serial = self.serial.or(record.serial());
            }
        }
        for _ in 0..additionals {
            let record = self.sound(octets.record())?;
            match record.rtype {
                // RFC 6891 section 6.1.1: one, owned by the root.
                TYPE_OPT if self.edns.is_some() || !record.at_root => return self.sound(None),
                TYPE_OPT => {
                    let (edns, read) = Extension::read(&record, transport);
                    self.edns = edns;
                    read?;
                }
                TYPE_TSIG => self.signed = true,
                _ => {}
            }
        }
        self.sound(octets.is_at_end().then_some(()))?;
        // Errors from here on have an OPT in the reply if the query has one (RFC 6891 section 6.1.1).
        if self.edns.is_some_and(|edns| edns.version != 0) {
            return Err(ResponseCode::BADVERS);
        }
        // A query without a question asks for nothing but a cookie (RFC 7873 section 5.4).
        if questions == 0 && self.edns.is_none_or(|edns| edns.cookie.is_none()) {
            return Err(ResponseCode::FormErr);
        }
        Ok(())
    }

    /// What was read, or the fault of a message whose parts cannot be told apart: nothing it says of EDNS is reliable
    /// then, and the reply has no OPT (as those of NSD and Knot).
    fn sound<T>(&mut self, read: Option<T>) -> Result<T, ResponseCode> {
        if read.is_none() {
            self.edns = None;
        }
        read.ok_or(ResponseCode::FormErr)
    }
}

/// A record of a query, undecoded.
pub(super) struct RawRecord<'p> {
    at_root: bool,
    /// TYPE.
    pub(super) rtype: u16,
    /// CLASS; of an OPT the largest UDP reply.
    pub(super) class: u16,
    /// TTL; of an OPT extended RCODE, version and flags.
    pub(super) ttl: u32,
    /// RDATA; of an OPT the options.
    pub(super) rdata: &'p [u8],
}

impl RawRecord<'_> {
    /// Whether the owner is the root.
    pub(super) const fn is_at_root(&self) -> bool {
        self.at_root
    }

    /// The serial of an SOA: it stands 20 octets before the end, behind two names (RFC 1035 section 3.3.13).
    fn serial(&self) -> Option<u32> {
        let numbers = self.rdata.len().checked_sub(20).filter(|names| *names >= 2)?;
        self.rdata.get(numbers..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
    }
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

    /// The next record.
    pub(super) fn record(&mut self) -> Option<RawRecord<'p>> {
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
        for opcode in [1, 2, 3, 6, 15] {
            let mut packet = query(&[]);
            packet[2] = opcode << 3;
            assert_eq!(fault(&packet), Some(ResponseCode::NotImp), "opcode {opcode}");
        }
    }

    /// `example. SOA` with `opcode`, and the SOA of serial 7 in the section whose count stands at `section`.
    fn with_soa(opcode: u8, rtype: u8, section: usize) -> Vec<u8> {
        let mut packet = vec![0xab, 0xcd, opcode << 3, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        packet[section] = 1;
        packet.extend(b"\x07example\x00\x00");
        packet.extend([rtype, 0, 1]);
        packet.extend(b"\xc0\x0c\x00\x06\x00\x01\x00\x00\x00\x00\x00\x18\xc0\x0c\xc0\x0c\x00\x00\x00\x07");
        packet.extend([0; 16]);
        packet
    }

    #[test]
    fn notifications_and_updates_are_about_one_zone() {
        let read = |packet: &[u8]| Inquiry::read(packet, Transport::Udp).unwrap();
        let notification = read(&with_soa(4, 6, 7));
        assert_eq!((notification.fault, notification.serial, notification.is_plain()), (None, Some(7), false));
        let update = read(&with_soa(5, 6, 9));
        assert_eq!((update.fault, update.serial, update.is_plain()), (None, None, false));
        for opcode in [4, 5] {
            assert_eq!(fault(&with_soa(opcode, 1, 7)), Some(ResponseCode::FormErr), "a question for A");
            let mut none = with_soa(opcode, 6, 7);
            none[5] = 0;
            assert_eq!(fault(&none), Some(ResponseCode::FormErr), "no question");
        }
        let mut library = notification;
        library.refuse_more();
        assert_eq!(library.fault, Some(ResponseCode::NotImp));
    }

    #[test]
    fn an_incremental_transfer_tells_the_serial_that_the_client_has() {
        let inquiry = Inquiry::read(&with_soa(0, 251, 9), Transport::Tcp).unwrap();
        assert_eq!((inquiry.fault, inquiry.serial, inquiry.is_transfer()), (None, Some(7), true));
        assert_eq!(fault(&with_soa(0, 252, 9)), Some(ResponseCode::FormErr), "AXFR with an SOA");
        let mut short = with_soa(0, 251, 9);
        short[12 + 9 + 4 + 11] = 21;
        short.truncate(short.len() - 3);
        assert_eq!(Inquiry::read(&short, Transport::Tcp).unwrap().serial, None);
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
