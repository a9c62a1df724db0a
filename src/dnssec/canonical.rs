//! Canonical forms: the order of names and the octets that a signature covers (RFC 4034 section 6).

use std::ops::Range;

use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};

use super::SigningFault;

/// A name in a form that compares octet by octet as RFC 4034 section 6.1 orders names: labels from the root down, each
/// ended by 0, so that a name sorts right before everything below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey(Box<[u8]>);

impl OrderKey {
    /// The place of a lower-cased name in wire format.
    #[must_use]
    pub fn of(key: &[u8]) -> Self {
        let mut labels = Vec::with_capacity(8);
        let mut rest = key;
        while let Some((&length, after)) = rest.split_first()
            && length > 0
            && let Some((label, below)) = after.split_at_checked(usize::from(length))
        {
            labels.push(label);
            rest = below;
        }
        let mut octets = Vec::with_capacity(key.len() + 4);
        for label in labels.into_iter().rev() {
            for &octet in label {
                match octet {
                    // 0 ends a label, so that a 0 within one becomes two octets that sort between the end and 1.
                    0 => octets.extend([1, 1]),
                    1 => octets.extend([1, 2]),
                    other => octets.push(other),
                }
            }
            octets.push(0);
        }
        Self(octets.into())
    }
}

/// What stands before the next part of record data.
#[derive(Clone, Copy)]
enum Field {
    /// So many octets.
    Octets(usize),
    /// A character string: a length and so many octets.
    Text,
    /// A domain name, which is lower-cased.
    Name,
}

/// Types whose record data holds names that are lower-cased (RFC 4034 section 6.2, RFC 6840 section 5.1), up to the
/// last name. RRSIG is not here: it is never signed.
fn fields(rtype: RecordType) -> &'static [Field] {
    use Field::{Name, Octets, Text};
    match u16::from(rtype) {
        // NS, MD, MF, CNAME, MB, MG, MR, PTR, DNAME
        2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 39 => &[Name],
        // SOA, MINFO, RP
        6 | 14 | 17 => &[Name, Name],
        // MX, AFSDB, RT, KX
        15 | 18 | 21 | 36 => &[Octets(2), Name],
        // PX
        26 => &[Octets(2), Name, Name],
        // SRV
        33 => &[Octets(6), Name],
        // NAPTR
        35 => &[Octets(4), Text, Text, Text, Name],
        _ => &[],
    }
}

/// Where the names lie in uncompressed record data of `rtype`, of a type with names that are lower-cased. Data that does
/// not have the type's form has none from there on.
#[must_use]
pub fn names_in(rtype: RecordType, data: &[u8]) -> Vec<Range<usize>> {
    let mut names = Vec::new();
    let mut at = 0;
    for field in fields(rtype) {
        let rest = data.get(at..).unwrap_or_default();
        let length = match field {
            Field::Octets(count) => *count,
            Field::Text => rest.first().map_or(0, |length| usize::from(*length) + 1),
            Field::Name => name_length(rest),
        };
        if length > rest.len() {
            break;
        }
        if matches!(field, Field::Name) {
            names.push(at..at + length);
        }
        at += length;
    }
    names
}

/// Lower-cases the names in uncompressed record data of `rtype`.
pub(super) fn lower_names(rtype: RecordType, data: &mut [u8]) {
    for name in names_in(rtype, data) {
        // Length octets are below 64, so none of them is an upper-case letter.
        if let Some(octets) = data.get_mut(name) {
            octets.make_ascii_lowercase();
        }
    }
}

/// Octets of the uncompressed name at the start of `octets`.
fn name_length(octets: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&length) = octets.get(at)
        && length > 0
    {
        at += usize::from(length) + 1;
    }
    at + 1
}

/// Record data in canonical form.
pub(super) fn rdata(rdata: &RData) -> Result<Vec<u8>, SigningFault> {
    let mut octets = Vec::with_capacity(64);
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    rdata.emit(&mut encoder).map_err(|_| SigningFault::Unencodable)?;
    lower_names(rdata.record_type(), &mut octets);
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Name;

    fn name() -> impl Strategy<Value = Name> {
        let octet = prop_oneof![Just(0_u8), Just(1), Just(b'a'), Just(b'B'), any::<u8>()];
        prop::collection::vec(prop::collection::vec(octet, 1..4), 0..4)
            .prop_map(|labels| labels.iter().fold(Name::root(), |name, label| name.child(label).unwrap()))
    }

    proptest! {
        #[test]
        fn keys_order_as_names_do(one in name(), other in name()) {
            prop_assert_eq!(OrderKey::of(&one.key()).cmp(&OrderKey::of(&other.key())), one.cmp(&other));
        }

        #[test]
        fn any_data_can_be_lower_cased(rtype in any::<u16>(), mut data in prop::collection::vec(any::<u8>(), 0..80)) {
            let length = data.len();
            lower_names(RecordType::from(rtype), &mut data);
            prop_assert_eq!(data.len(), length);
        }
    }

    #[test]
    fn only_names_are_lower_cased() {
        let mut naptr = b"\x00\x0A\x00\x0B\x01U\x07E2U+sip\x03!A!\x04HoST\x00".to_vec();
        lower_names(RecordType::NAPTR, &mut naptr);
        assert_eq!(naptr, b"\x00\x0A\x00\x0B\x01U\x07E2U+sip\x03!A!\x04host\x00");
        let mut text = b"\x03TXT".to_vec();
        lower_names(RecordType::TXT, &mut text);
        assert_eq!(text, b"\x03TXT");
    }
}
