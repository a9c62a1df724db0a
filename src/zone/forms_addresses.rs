//! Addresses, prefixes and identifiers in record data: APL (RFC 3123), EUI48 and EUI64 (RFC 7043), ILNP (RFC 6742).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fields::{Fields, number};
use super::rdata::RdataFault;

/// IPv4 in lists of prefixes (IANA address family numbers).
const FAMILY_V4: u16 = 1;
/// IPv6 in lists of prefixes.
const FAMILY_V6: u16 = 2;
/// The bit of a prefix that is left out of the list.
const NEGATED: u8 = 0x80;

/// An IPv4 address, four octets.
pub(super) fn ipv4(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    let address = fields.word("an IPv4 address", |word| word.parse::<Ipv4Addr>().ok())?;
    fields.put(&address.octets());
    Ok(())
}

/// Four groups of hexadecimal digits between colons, eight octets.
pub(super) fn locator(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    let octets = fields.word("four groups of up to four hexadecimal digits, as in 2001:db8:1140:1000", |word| {
        let groups: Option<Vec<u16>> = word.split(':').map(group).collect();
        groups.filter(|groups| groups.len() == 4)
    })?;
    octets.iter().for_each(|group| fields.put(&group.to_be_bytes()));
    Ok(())
}

fn group(text: &str) -> Option<u16> {
    let is_hex = (1..=4).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_hexdigit());
    is_hex.then(|| u16::from_str_radix(text, 16).ok()).flatten()
}

/// Six pairs of hexadecimal digits between hyphens.
pub(super) fn eui48(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    identifier(fields, 6, "six pairs of hexadecimal digits, as in 00-00-5e-00-53-2a")
}

/// Eight pairs of hexadecimal digits between hyphens.
pub(super) fn eui64(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    identifier(fields, 8, "eight pairs of hexadecimal digits, as in 00-00-5e-ef-10-00-00-2a")
}

fn identifier(fields: &mut Fields<'_, '_>, pairs: usize, what: &str) -> Result<(), RdataFault> {
    let octets = fields.word(what, |word| {
        let pair = |text: &str| group(text).filter(|_| text.len() == 2).and_then(|value| u8::try_from(value).ok());
        let octets: Option<Vec<u8>> = word.split('-').map(pair).collect();
        octets.filter(|octets| octets.len() == pairs)
    })?;
    fields.put(&octets);
    Ok(())
}

/// Prefixes to the end of the record, as in `1:192.0.2.0/24 !2:2001:db8::/32`; there may be none.
pub(super) fn prefixes(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    while fields.peek().is_some() {
        let octets = fields.word("prefixes with their family, as in 1:192.0.2.0/24 or !2:2001:db8::/32", prefix)?;
        fields.put(&octets);
    }
    Ok(())
}

fn prefix(word: &str) -> Option<Vec<u8>> {
    let (negated, word) = word.strip_prefix('!').map_or((0, word), |rest| (NEGATED, rest));
    let (family, rest) = word.split_once(':')?;
    let family: u16 = number(family)?;
    let (address, length) = rest.split_once('/')?;
    let (address, most) = match (family, address.parse().ok()?) {
        (FAMILY_V4, IpAddr::V4(address)) => (address.octets().to_vec(), Ipv4Addr::BITS),
        (FAMILY_V6, IpAddr::V6(address)) => (address.octets().to_vec(), Ipv6Addr::BITS),
        _ => return None,
    };
    let length: u8 = number(length).filter(|length| u32::from(*length) <= most)?;
    // Zeros at the end are not sent (RFC 3123 section 4).
    let kept = address.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    let mut octets = family.to_be_bytes().to_vec();
    octets.push(length);
    octets.push(negated | u8::try_from(kept).ok()?);
    octets.extend_from_slice(address.get(..kept)?);
    Some(octets)
}
