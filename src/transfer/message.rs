//! Messages as octets (RFC 1035 section 4): the few requests that this room sends, and a reader of replies.
//!
//! Record data stays octets with the names in it whole, whatever its type; the zone room judges what they mean.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;

use crate::model::Name;

/// Class IN.
const CLASS_IN: u16 = 1;
/// Octets of a header.
const HEADER: usize = 12;
/// Links of a compressed name; every one leads backward, so the bound only ends names that are made to cost.
const POINTERS: usize = 64;

/// What a message asks (RFC 1035 section 4.1.1, RFC 1996 section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opcode {
    /// QUERY, transfers included.
    Query,
    /// NOTIFY.
    Notify,
}

impl Opcode {
    const fn code(self) -> u8 {
        match self {
            Self::Query => 0,
            Self::Notify => 4,
        }
    }
}

/// A record as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RawRecord {
    pub(super) owner: Name,
    pub(super) rtype: RecordType,
    pub(super) ttl: u32,
    /// Names in it are whole.
    pub(super) data: Vec<u8>,
}

impl RawRecord {
    /// The serial, of a SOA.
    pub(super) fn serial(&self) -> Option<u32> {
        // Five numbers of 32 bits end the data, the serial first (RFC 1035 section 3.3.13).
        let numbers = self.data.len().checked_sub(20).filter(|_| self.rtype == RecordType::SOA)?;
        let serial = self.data.get(numbers..numbers.checked_add(4)?)?;
        Some(u32::from_be_bytes(serial.try_into().ok()?))
    }

    /// Whether it is the SOA of `zone`.
    pub(super) fn is_soa_of(&self, zone: &Name) -> bool {
        self.rtype == RecordType::SOA && self.owner == *zone
    }
}

/// A request about `zone` with `rtype` in its question. `soa` goes to the answer section of a NOTIFY (RFC 1996 section 3.7)
/// and to the authority section of an IXFR (RFC 1995 section 3).
pub(super) fn request(id: u16, opcode: Opcode, zone: &Name, rtype: RecordType, soa: Option<&RawRecord>) -> Vec<u8> {
    let mut octets = Vec::with_capacity(512);
    octets.extend(id.to_be_bytes());
    // A NOTIFY has AA set (RFC 1996 section 3.3).
    let flags = u16::from(opcode.code()) << 11 | if opcode == Opcode::Notify { 0x0400 } else { 0 };
    octets.extend(flags.to_be_bytes());
    let with_soa = u16::from(soa.is_some());
    let (answers, authorities) = if opcode == Opcode::Notify { (with_soa, 0) } else { (0, with_soa) };
    for count in [1, answers, authorities, 0] {
        octets.extend(count.to_be_bytes());
    }
    octets.extend(zone.as_wire());
    octets.extend(u16::from(rtype).to_be_bytes());
    octets.extend(CLASS_IN.to_be_bytes());
    if let Some(soa) = soa {
        octets.extend(soa.owner.as_wire());
        octets.extend(u16::from(soa.rtype).to_be_bytes());
        octets.extend(CLASS_IN.to_be_bytes());
        octets.extend(soa.ttl.to_be_bytes());
        octets.extend(u16::try_from(soa.data.len()).unwrap_or_default().to_be_bytes());
        octets.extend(&soa.data);
    }
    octets
}

/// A reply as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) rcode: ResponseCode,
    pub(super) authoritative: bool,
    pub(super) truncated: bool,
    /// The question, which messages after the first of a transfer may leave out (RFC 5936 section 2.2.1).
    pub(super) question: Option<(Name, RecordType)>,
    pub(super) answers: Vec<RawRecord>,
}

/// A response code by its name in the registry.
pub(super) fn rcode_word(rcode: ResponseCode) -> String {
    let word = match rcode {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::NotAuth => "NOTAUTH",
        ResponseCode::NotZone => "NOTZONE",
        other => return format!("RCODE {}", u16::from(other)),
    };
    word.to_owned()
}

/// Whether `octets` are the beginning of a reply to the request `id`. What is not is another's, or forged.
pub(super) fn is_reply_to(octets: &[u8], id: u16, opcode: Opcode) -> bool {
    let [a, b, flags, _, ..] = octets else { return false };
    u16::from_be_bytes([*a, *b]) == id && flags & 0x80 != 0 && flags >> 3 & 0x0f == opcode.code()
}

/// Reads a reply up to the end of its answer section.
///
/// # Errors
/// What is malformed.
pub(super) fn read(octets: &[u8]) -> Result<Reply, &'static str> {
    let mut reader = Reader { octets, at: 2 };
    let [high, low] = reader.array("the header")?;
    let [questions, answers, _, _] = [(); 4].map(|()| reader.u16("the header"));
    let (questions, answers) = (questions?, answers?);
    reader.at = HEADER;
    let mut question = None;
    for _ in 0..questions {
        let name = reader.name("the question")?;
        let rtype = RecordType::from(reader.u16("the question")?);
        if reader.u16("the question")? != CLASS_IN || question.replace((name, rtype)).is_some() {
            return Err("a question of another class, or several");
        }
    }
    // A record takes at least 11 octets; what the header claims beyond is not reserved.
    let mut records = Vec::with_capacity(usize::from(answers).min(octets.len() / 11));
    for _ in 0..answers {
        records.push(reader.record()?);
    }
    Ok(Reply {
        rcode: ResponseCode::from_low(low & 0x0f),
        authoritative: high & 0x04 != 0,
        truncated: high & 0x02 != 0,
        question,
        answers: records,
    })
}

/// Walks through a message.
struct Reader<'m> {
    octets: &'m [u8],
    at: usize,
}

impl<'m> Reader<'m> {
    fn take(&mut self, length: usize, what: &'static str) -> Result<&'m [u8], &'static str> {
        let end = self.at.checked_add(length).ok_or(what)?;
        let taken = self.octets.get(self.at..end).ok_or(what)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], &'static str> {
        self.take(N, what)?.try_into().map_err(|_| what)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, &'static str> {
        Ok(u16::from_be_bytes(self.array(what)?))
    }

    /// A name, which may be compressed (RFC 1035 section 4.1.4).
    fn name(&mut self, what: &'static str) -> Result<Name, &'static str> {
        let mut wire = Vec::with_capacity(32);
        let (mut at, mut after, mut links) = (self.at, None, 0);
        loop {
            let length = *self.octets.get(at).ok_or(what)?;
            match length {
                0xc0.. => {
                    let low = *self.octets.get(at + 1).ok_or(what)?;
                    let target = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    links += 1;
                    if target >= at || links > POINTERS {
                        return Err("a compressed name that does not lead backward");
                    }
                    after = after.or(Some(at + 2));
                    at = target;
                }
                0x40.. => return Err("a label of an unknown type"),
                _ => {
                    let end = at + 1 + usize::from(length);
                    wire.extend(self.octets.get(at..end).ok_or(what)?);
                    at = end;
                    if length == 0 {
                        break;
                    }
                    if wire.len() > Name::MAX_OCTETS {
                        return Err("a name of more than 255 octets");
                    }
                }
            }
        }
        self.at = after.unwrap_or(at);
        Name::from_wire(&wire).map_err(|_| "a name of more than 255 octets")
    }

    fn record(&mut self) -> Result<RawRecord, &'static str> {
        const WHAT: &str = "a record";
        let owner = self.name(WHAT)?;
        let rtype = RecordType::from(self.u16(WHAT)?);
        if self.u16(WHAT)? != CLASS_IN {
            return Err("a record of another class than IN");
        }
        let ttl = u32::from_be_bytes(self.array(WHAT)?);
        let length = usize::from(self.u16(WHAT)?);
        let end = self.at.checked_add(length).filter(|end| *end <= self.octets.len()).ok_or("a cut record")?;
        let mut data = Vec::with_capacity(length);
        let (fixed, strings, names) = layout(rtype);
        data.extend(self.within(fixed, end)?);
        for _ in 0..strings {
            let length = self.within(1, end)?;
            data.extend(length);
            data.extend(self.within(length.first().map_or(0, |length| usize::from(*length)), end)?);
        }
        for _ in 0..names {
            data.extend(self.name(WHAT)?.as_wire());
        }
        if self.at > end {
            return Err("record data that is longer than it says");
        }
        data.extend(self.within(end - self.at, end)?);
        Ok(RawRecord { owner, rtype, ttl, data })
    }

    /// The next octets of record data that ends at `end`.
    fn within(&mut self, length: usize, end: usize) -> Result<&'m [u8], &'static str> {
        if self.at.checked_add(length).is_none_or(|after| after > end) {
            return Err("record data that is shorter than its type wants");
        }
        self.take(length, "a cut record")
    }
}

/// Where names lie in the data of types that may have them compressed (RFC 3597 section 4): behind so many octets and then
/// so many character-strings, so many names. Everything else is octets.
fn layout(rtype: RecordType) -> (usize, usize, usize) {
    match u16::from(rtype) {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR; NXT; DNAME, which some compress.
        2..=5 | 7..=9 | 12 | 30 | 39 => (0, 0, 1),
        // SOA, MINFO, RP.
        6 | 14 | 17 => (0, 0, 2),
        // MX, AFSDB, RT, KX.
        15 | 18 | 21 | 36 => (2, 0, 1),
        // PX.
        26 => (2, 0, 2),
        // SRV.
        33 => (6, 0, 1),
        // NAPTR.
        35 => (4, 3, 1),
        // SIG.
        24 => (18, 0, 1),
        _ => (0, 0, 0),
    }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::Message;
    use hickory_proto::rr::rdata::{MX, NAPTR, SOA, SRV, TXT};
    use hickory_proto::rr::{RData, Record, rdata};
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn soa(serial: u32) -> RawRecord {
        let mut data = [name("ns.example").as_wire(), name("h.example").as_wire()].concat();
        data.extend([serial, 1, 2, 3, 4].map(u32::to_be_bytes).concat());
        RawRecord { owner: name("example"), rtype: RecordType::SOA, ttl: 60, data }
    }

    #[test]
    fn requests_are_as_other_libraries_read_them() {
        let octets = request(7, Opcode::Notify, &name("example"), RecordType::SOA, Some(&soa(9)));
        let message = Message::from_vec(&octets).unwrap();
        assert_eq!(message.metadata.op_code, hickory_proto::op::OpCode::Notify);
        assert!(message.metadata.authoritative && !message.metadata.recursion_desired);
        assert_eq!((message.queries.len(), message.answers.len(), message.authorities.len()), (1, 1, 0));
        let RData::SOA(read) = &message.answers[0].data else { panic!("no SOA") };
        assert_eq!(read.serial, 9);
        let octets = request(7, Opcode::Query, &name("example"), RecordType::IXFR, Some(&soa(9)));
        let message = Message::from_vec(&octets).unwrap();
        assert_eq!((message.metadata.id, message.answers.len(), message.authorities.len()), (7, 0, 1));
        assert_eq!(message.queries[0].query_type(), RecordType::IXFR);
        assert!(!message.metadata.authoritative);
    }

    #[test]
    fn compressed_names_in_record_data_are_made_whole() {
        let rr = |text: &str| hickory_proto::rr::Name::from_ascii(text).unwrap();
        let mut message = Message::response(0x1234, hickory_proto::op::OpCode::Query);
        let data = [
            RData::SOA(SOA::new(rr("ns.example."), rr("h.example."), 77, 1, 2, 3, 4)),
            RData::MX(MX::new(10, rr("mx.example."))),
            RData::SRV(SRV::new(1, 2, 3, rr("srv.example."))),
            RData::NAPTR(NAPTR::new(1, 2, b"u"[..].into(), b"sip"[..].into(), b""[..].into(), rr("x.example."))),
            RData::TXT(TXT::new(vec!["example".into()])),
            RData::NS(rdata::NS(rr("ns.example."))),
        ];
        for data in data {
            message.add_answer(Record::from_rdata(rr("example."), 300, data));
        }
        let octets = message.to_vec().unwrap();
        assert!(is_reply_to(&octets, 0x1234, Opcode::Query));
        assert!(!is_reply_to(&octets, 0x1235, Opcode::Query) && !is_reply_to(&octets, 0x1234, Opcode::Notify));
        let reply = read(&octets).unwrap();
        assert_eq!(reply.answers[0].serial(), Some(77));
        for (raw, record) in reply.answers.iter().zip(&message.answers) {
            use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};
            let mut whole = Vec::new();
            let mut encoder = BinEncoder::new(&mut whole);
            encoder.set_name_encoding(NameEncoding::Uncompressed);
            record.data.emit(&mut encoder).unwrap();
            assert_eq!(raw.data, whole, "{}", raw.rtype);
        }
    }

    #[test]
    fn names_that_lead_forward_or_in_circles_are_refused() {
        let head = [0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for question in [&[0xc0, 12][..], &[0xc0, 14, 0xc0, 12], &[1, b'a', 0xc0, 12], &[0x40, 1], &[63, 1], &[0xc0]] {
            assert!(read(&[&head[..], question, &[0, 1, 0, 1]].concat()).is_err(), "{question:?}");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&octets);
        }

        #[test]
        fn a_message_with_changed_octets_is_read_or_refused(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut octets = request(7, Opcode::Notify, &name("www.example"), RecordType::SOA, Some(&soa(9)));
            for (at, octet) in changes {
                let at = at.index(octets.len());
                octets[at] = octet;
            }
            let _ = read(&octets);
            octets.truncate(cut.index(octets.len()));
            if let Ok(reply) = read(&octets) {
                for record in reply.answers {
                    let _ = record.serial();
                }
            }
        }
    }
}
