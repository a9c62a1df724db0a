//! A plain query, read without allocation.

use super::super::inquiry::Octets;
use super::super::options::Extension;
use crate::answer::{Labels, Transport};
use crate::model::Name;

const HEADER: usize = 12;
const CLASS_IN: u16 = 1;
const TYPE_OPT: u8 = 41;

/// Puts `from` into `to`, which is as long, with its letters in lower case: eight octets at once.
fn lower(from: &[u8], to: &mut [u8]) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let ((from, from_rest), (to, to_rest)) = (from.as_chunks::<8>(), to.as_chunks_mut::<8>());
    for (from, to) in from.iter().zip(to) {
        let octets = u64::from_le_bytes(*from);
        // The top bit of an octet says: from A on, and beyond Z. Sums of seven bits never carry into the next octet.
        let low = octets & (ONES * 0x7f);
        let (from_a, beyond_z) = (low + ONES * 0x3f, low + ONES * 0x25);
        let upper = from_a & !beyond_z & !octets & (ONES * 0x80);
        *to = (octets | upper >> 2).to_le_bytes();
    }
    for (from, to) in from_rest.iter().zip(to_rest) {
        *to = from.to_ascii_lowercase();
    }
}

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
    pub(super) rtype: u16,
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
        // Length octets are below 64, so none of them is an upper-case letter.
        lower(rest.get(..=at)?, name);
        let question = rest.get(..at + 5)?;
        let &[type_high, type_low, class_high, class_low] = rest.get(at + 1..)?.first_chunk()?;
        if u16::from_be_bytes([class_high, class_low]) != CLASS_IN {
            return None;
        }
        let edns = match (additionals, rest.get(at + 5..)?) {
            (0, []) => None,
            // Most have no options.
            (1, &[0, 0, TYPE_OPT, high, low, _, 0, flags, _, 0, 0]) => {
                Some(Extension::bare(u16::from_be_bytes([high, low]), flags & 0x80 != 0))
            }
            (1, record) => Some(Self::read_opt(record)?),
            _ => return None,
        };
        Some(Self {
            id: [id_high, id_low],
            recursion_desired: flags & 1 != 0,
            question,
            name,
            name_length,
            labels,
            rtype: u16::from_be_bytes([type_high, type_low]),
            edns,
        })
    }

    fn read_opt(octets: &[u8]) -> Option<Extension> {
        let mut octets = Octets::new(octets);
        let record = octets.record()?;
        if !record.is_at_root() || record.rtype != u16::from(TYPE_OPT) || !octets.is_at_end() {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_and_nothing_else_get_lower() {
        for length in 0..20 {
            for octet in 0..=u8::MAX {
                let from = vec![octet; length];
                let mut to = vec![0; length];
                lower(&from, &mut to);
                assert_eq!(to, from.to_ascii_lowercase());
            }
        }
        let every: Vec<_> = (0..=u8::MAX).collect();
        let mut to = vec![0; 256];
        lower(&every, &mut to);
        assert_eq!(to, every.to_ascii_lowercase());
    }
}
