//! A plain query, read without allocation.

use hickory_proto::rr::RecordType;

use super::super::inquiry::Octets;
use super::super::options::Extension;
use crate::answer::{Labels, Transport};
use crate::model::Name;

const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
const TYPE_OPT: u16 = 41;

/// Where the names of queries are put in lower case, one after the other.
pub(super) struct Scratch {
    name: [u8; Name::MAX_OCTETS],
    labels: Labels,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { name: [0; Name::MAX_OCTETS], labels: Labels::default() }
    }
}

/// A query of class IN with one question and at most an OPT record.
pub(super) struct Query<'p> {
    /// Message ID.
    pub(super) id: [u8; 2],
    /// RD, copied to the reply.
    pub(super) recursion_desired: bool,
    /// The question as it came.
    pub(super) question: &'p [u8],
    /// The name in lower case.
    pub(super) name: &'p [u8],
    /// Octets of the name.
    pub(super) name_length: u8,
    /// Its labels.
    pub(super) labels: &'p Labels,
    /// QTYPE.
    pub(super) rtype: RecordType,
    /// The OPT record.
    pub(super) edns: Option<Extension>,
}

impl<'p> Query<'p> {
    /// Reads a query. `None` is everything else, sound or not: whoever reads it strictly says what it is.
    pub(super) fn read(packet: &'p [u8], scratch: &'p mut Scratch) -> Option<Self> {
        let (&[id_high, id_low, flags, _, 0, 1, 0, 0, 0, 0, 0, additionals], rest) =
            packet.split_first_chunk::<HEADER>()?
        else {
            return None;
        };
        // QR and OPCODE: a query.
        if flags & 0xf8 != 0 || additionals > 1 {
            return None;
        }
        let Scratch { name, labels } = scratch;
        labels.clear();
        let mut at = 0;
        loop {
            match *rest.get(at)? {
                0 => break,
                length if length < 64 && labels.push(at) => at += usize::from(length) + 1,
                _ => return None,
            }
        }
        labels.end_at(at);
        let name_length = u8::try_from(at + 1).ok()?;
        let name = name.get_mut(..=at)?;
        name.copy_from_slice(rest.get(..=at)?);
        // Length octets are below 64, so none of them is an upper-case letter.
        name.make_ascii_lowercase();
        let question = rest.get(..at + 5)?;
        let &[type_high, type_low, class_high, class_low] = rest.get(at + 1..)?.first_chunk()?;
        if u16::from_be_bytes([class_high, class_low]) != CLASS_IN {
            return None;
        }
        let mut octets = Octets::new(rest.get(at + 5..)?);
        let edns = if additionals == 1 { Some(Self::read_opt(&mut octets)?) } else { None };
        octets.is_at_end().then_some(Self {
            id: [id_high, id_low],
            recursion_desired: flags & 1 != 0,
            question,
            name,
            name_length,
            labels,
            rtype: RecordType::from(u16::from_be_bytes([type_high, type_low])),
            edns,
        })
    }

    fn read_opt(octets: &mut Octets<'_>) -> Option<Extension> {
        let record = octets.record()?;
        if !record.is_at_root() || record.rtype != TYPE_OPT {
            return None;
        }
        match Extension::read(&record, Transport::Udp) {
            (Some(edns), Ok(())) if edns.version == 0 => Some(edns),
            _ => None,
        }
    }

    /// The label that stands right in front of the octet `at` of the name, its length included.
    pub(super) fn label_before(&self, at: u8) -> &[u8] {
        let before = (0..self.labels.count()).rev().map(|label| self.labels.offset(label)).find(|offset| *offset < at);
        before.and_then(|from| self.name.get(usize::from(from)..usize::from(at))).unwrap_or_default()
    }
}
