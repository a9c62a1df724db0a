//! Octets of record data to their presentation format, for the types that people read.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::{BASE64, HEXUPPER};
use hickory_proto::rr::RecordType;

use super::forms_keys::{digest_length, fingerprint_length};
use crate::model::Name;

/// The mnemonic of `rtype` and `wire` in its own form; `None` if it is not written that way here, or the octets are
/// none that the form can say.
pub(super) fn of(rtype: RecordType, wire: &[u8]) -> Option<(String, String)> {
    let mut octets = Octets(wire);
    let data = match rtype {
        RecordType::A => Ipv4Addr::from(octets.take::<4>()?).to_string(),
        RecordType::AAAA => Ipv6Addr::from(octets.take::<16>()?).to_string(),
        RecordType::NS | RecordType::CNAME | RecordType::PTR | RecordType::DNAME => octets.name()?.to_string(),
        RecordType::MX => format!("{} {}", octets.u16()?, octets.name()?),
        RecordType::SRV => format!("{} {} {} {}", octets.u16()?, octets.u16()?, octets.u16()?, octets.name()?),
        RecordType::SOA => {
            let (primary, mailbox) = (octets.name()?, octets.name()?);
            let mut text = format!("{primary} {mailbox}");
            for _ in 0..5 {
                let _ = write!(text, " {}", u32::from_be_bytes(octets.take()?));
            }
            text
        }
        RecordType::TXT => octets.strings()?,
        RecordType::CAA => {
            let [flags] = octets.take()?;
            let tag = octets.string()?;
            if tag.is_empty() || !tag.iter().all(u8::is_ascii_alphanumeric) {
                return None;
            }
            format!("{flags} {} {}", String::from_utf8_lossy(tag), quoted(octets.rest()))
        }
        RecordType::DS | RecordType::CDS => {
            let (tag, [algorithm, digest]) = (octets.u16()?, octets.take()?);
            format!("{tag} {algorithm} {digest} {}", hex(octets.rest(), digest_length(digest))?)
        }
        RecordType::TLSA | RecordType::SMIMEA => {
            let [usage, selector, matching] = octets.take()?;
            format!("{usage} {selector} {matching} {}", hex(octets.rest(), None)?)
        }
        RecordType::SSHFP => {
            let [algorithm, kind] = octets.take()?;
            format!("{algorithm} {kind} {}", hex(octets.rest(), fingerprint_length(kind))?)
        }
        RecordType::DNSKEY | RecordType::CDNSKEY => {
            let (flags, [protocol, algorithm]) = (octets.u16()?, octets.take()?);
            let key = octets.rest();
            if key.is_empty() {
                return None;
            }
            format!("{flags} {protocol} {algorithm} {}", BASE64.encode(key))
        }
        _ => return None,
    };
    octets.0.is_empty().then(|| (rtype.to_string(), data))
}

/// Octets in the form of RFC 3597 section 5.
pub(super) fn generic(wire: &[u8]) -> String {
    if wire.is_empty() { "\\# 0".to_owned() } else { format!("\\# {} {}", wire.len(), HEXUPPER.encode(wire)) }
}

/// Octets of the length that a reader wants, or of any but none.
fn hex(octets: &[u8], length: Option<usize>) -> Option<String> {
    length.map_or(!octets.is_empty(), |length| octets.len() == length).then(|| HEXUPPER.encode(octets))
}

/// A string in quotes, octets outside printable ASCII as `\DDD`.
fn quoted(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() + 2);
    text.push('"');
    for octet in octets {
        match octet {
            b'"' | b'\\' => text.extend(['\\', char::from(*octet)]),
            b' '..=b'~' => text.push(char::from(*octet)),
            _ => {
                let _ = write!(text, "\\{octet:03}");
            }
        }
    }
    text.push('"');
    text
}

/// What is left of the data.
struct Octets<'w>(&'w [u8]);

impl<'w> Octets<'w> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take().map(u16::from_be_bytes)
    }

    fn name(&mut self) -> Option<Name> {
        let mut length = 0;
        loop {
            let label = usize::from(*self.0.get(length)?);
            length += 1 + label;
            if label == 0 {
                break;
            }
        }
        let (name, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Name::from_wire(name).ok()
    }

    fn string(&mut self) -> Option<&'w [u8]> {
        let (length, rest) = self.0.split_first()?;
        let (string, rest) = rest.split_at_checked(usize::from(*length))?;
        self.0 = rest;
        Some(string)
    }

    /// All strings to the end; `None` if there is none.
    fn strings(&mut self) -> Option<String> {
        let mut text = quoted(self.string()?);
        while !self.0.is_empty() {
            text.push(' ');
            text.push_str(&quoted(self.string()?));
        }
        Some(text)
    }

    fn rest(&mut self) -> &'w [u8] {
        std::mem::take(&mut self.0)
    }
}
