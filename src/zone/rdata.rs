//! Record data: tokens of an entry to the message library's form.
//!
//! The tokens are read by the `domain` crate, one record at a time, or by `forms` where it lacks a type, and the wire
//! format is decoded by the message library, so that both agree on the octets. A type that the message library does not model stays octets.

use std::fmt::Write;

use bytes::Bytes;
use domain::base::iana::{Class, Rtype};
use domain::base::rdata::ComposeRecordData;
use domain::zonefile::inplace::{Entry, Zonefile};
use hickory_proto::rr::rdata::NULL;
use hickory_proto::rr::{RData, RecordType};
use hickory_proto::serialize::binary::{BinDecoder, BinEncodable, BinEncoder, NameEncoding, Restrict};

use super::bounds::MAX_RDATA_OCTETS;
use super::findings::{Finding, quote};
use super::lexer::Token;
use super::{form, forms, relative, ttl};
use crate::model::{Name, NameError};

/// What is wrong with record data.
#[derive(Debug)]
pub(super) struct RdataFault {
    /// Which token is meant; `None` is the end of the entry.
    pub(super) token: Option<usize>,
    /// What to report about it.
    pub(super) finding: Finding,
}

/// Reads record data relative to an origin.
pub(super) struct RdataReader {
    zonefile: Zonefile,
    /// The line of the entry that is read next, as the zone file counts them.
    line_number: usize,
    origin: Option<Name>,
    line: String,
    starts: Vec<usize>,
    wire: Vec<u8>,
}

impl RdataReader {
    /// A reader without an origin.
    pub(super) fn new() -> Self {
        Self {
            zonefile: Self::zonefile(None),
            line_number: 1,
            origin: None,
            line: String::new(),
            starts: Vec::new(),
            wire: Vec::new(),
        }
    }

    fn zonefile(origin: Option<&Name>) -> Zonefile {
        let mut zonefile = Zonefile::new();
        zonefile.set_default_class(Class::IN);
        let octets = origin.map(|origin| Bytes::copy_from_slice(origin.as_wire()));
        if let Some(name) = octets.and_then(|octets| domain::base::Name::from_octets(octets).ok()) {
            zonefile.set_origin(name);
        }
        zonefile
    }

    /// The data of a record of `rtype`, written as `tokens`, relative to `origin`.
    ///
    /// # Errors
    /// If the tokens are not data of that type; the token and a remedy are named.
    pub(super) fn read(&mut self, rtype: Rtype, tokens: &[Token<'_>], origin: &Name) -> Result<RData, RdataFault> {
        if self.origin.as_ref().is_none_or(|known| known.as_wire() != origin.as_wire()) {
            self.origin = Some(origin.clone());
            self.restart();
        }
        let is_generic = tokens.first().is_some_and(|token| token.raw == "\\#" && !token.quoted);
        if !is_generic && let Some(wire) = forms::read(rtype, tokens, origin) {
            return data(rtype, &wire?, is_generic);
        }
        let read_as = if is_generic { rtype } else { forms::written_as(rtype) };
        self.write_line(read_as, tokens, origin, is_generic)?;
        self.zonefile.extend_from_slice(self.line.as_bytes());
        self.wire.clear();
        match self.zonefile.next_entry() {
            Ok(Some(Entry::Record(record))) => {
                // Appending to a vector cannot fail.
                let Ok(()) = record.data().compose_rdata(&mut self.wire);
                self.line_number += 1;
            }
            // After anything else the scanner is in no state to go on.
            Ok(_) => {
                self.restart();
                return Err(self.fault(rtype, tokens, origin, usize::MAX, "the end of the entry"));
            }
            Err(error) => {
                let text = error.to_string();
                let mut parts = text.splitn(3, ':');
                let mut number = || parts.next().and_then(|number| number.parse().ok()).unwrap_or(0);
                let (line, column) = (number(), number());
                // An error about the last token is found when the line has ended.
                let column = if line == self.line_number { column } else { usize::MAX };
                self.restart();
                return Err(self.fault(rtype, tokens, origin, column, parts.next().unwrap_or_default().trim()));
            }
        }
        data(rtype, &self.wire, is_generic)
    }

    fn restart(&mut self) {
        self.zonefile = Self::zonefile(self.origin.as_ref());
        self.line_number = 1;
    }

    /// The record on one line, in the characters that the `domain` crate reads.
    fn write_line(
        &mut self,
        read_as: Rtype,
        tokens: &[Token<'_>],
        origin: &Name,
        is_generic: bool,
    ) -> Result<(), RdataFault> {
        self.line.clear();
        self.starts.clear();
        // Writing to a string cannot fail, here and below.
        let _ = write!(self.line, ". 0 IN TYPE{}", read_as.to_int());
        for (ix, token) in tokens.iter().enumerate() {
            if !token.joined || ix == 0 {
                self.line.push(' ');
            }
            self.starts.push(self.line.len());
            let is_text = !is_generic && form::is_text(read_as);
            let is_period = !is_generic && read_as == Rtype::SOA && ix >= 3;
            if is_text {
                self.write_token(token);
            } else if token.raw == "@" && !token.quoted {
                let _ = write!(self.line, "{origin}");
            } else if let Some(finding) = bad_word(read_as, token) {
                return Err(RdataFault { token: Some(ix), finding });
            } else if is_period && let Ok(seconds) = ttl::seconds(token.raw) {
                let _ = write!(self.line, "{seconds}");
            } else {
                self.write_token(token);
            }
        }
        self.line.push('\n');
        Ok(())
    }

    fn write_token(&mut self, token: &Token<'_>) {
        if token.quoted {
            self.line.push('"');
        }
        let mut characters = token.raw.chars();
        let mut octets = [0; 4];
        while let Some(character) = characters.next() {
            match character {
                '\\' => match characters.next() {
                    Some(escaped @ ' '..='~') => self.line.extend(['\\', escaped]),
                    Some(escaped) => self.write_octets(escaped.encode_utf8(&mut octets)),
                    None => self.line.push('\\'),
                },
                ' '..='~' => self.line.push(character),
                _ => self.write_octets(character.encode_utf8(&mut octets)),
            }
        }
        if token.quoted {
            self.line.push('"');
        }
    }

    fn write_octets(&mut self, text: &str) {
        for octet in text.bytes() {
            let _ = write!(self.line, "\\{octet:03}");
        }
    }

    /// What the `domain` crate said about `column` (from 1) of the line, in an operator's words.
    fn fault(&self, rtype: Rtype, tokens: &[Token<'_>], origin: &Name, column: usize, message: &str) -> RdataFault {
        let (expected, example) = form::of(rtype);
        // The position is often that of the token behind the bad one, which some messages tell more exactly.
        let at = match message {
            "expected IPv4 address" | "expected IPv6 address" => Some(0),
            "bad charstr" => tokens.iter().position(|token| token.raw.len() > 255),
            "bad name" | "long domain name" => {
                tokens.iter().position(|token| relative::absolute(token, origin).is_err())
            }
            _ => None,
        };
        let at = at.or_else(|| self.starts.iter().rposition(|start| *start < column));
        let word = at.and_then(|ix| tokens.get(ix)).map(|token| quote(token.raw)).unwrap_or_default();
        let remedy = format!("write the data as in {example}");
        let (token, finding) = match message {
            "unexpected end of entry" => {
                (None, Finding::error(format!("the end of the {rtype} record"), expected, remedy))
            }
            "trailing tokens" => {
                let remedy = format!("remove it, or write the data as in {example}");
                (at, Finding::error(format!("{word} after the data of {rtype}"), "the end of the record", remedy))
            }
            "bad charstr" => {
                let remedy = "split it into several quoted strings; readers join them without a space";
                (at, Finding::error("a string longer than 255 octets", expected, remedy))
            }
            "bad name" | "long domain name" => {
                let what = format!("{word}, which is not a domain name");
                (at, Finding::error(what, "labels of 1 to 63 octets, 255 in all", remedy))
            }
            "unknown record type with concrete data" => {
                let remedy = format!("write the octets in the form of RFC 3597, as in {example}");
                let what = format!("data of {rtype} in a form that this version does not read");
                (Some(0), Finding::error(what, "the form of RFC 3597", remedy))
            }
            _ => {
                // Some messages only say again what is expected.
                let why = if message.starts_with("expected") { String::new() } else { format!(" ({message})") };
                (at, Finding::error(format!("{word} in the data of {rtype}{why}"), expected, remedy))
            }
        };
        RdataFault { token, finding }
    }
}

/// What is wrong with a token that is a name or a number, where the `domain` crate does not say it.
fn bad_word(rtype: Rtype, token: &Token<'_>) -> Option<Finding> {
    if token.raw.is_empty() {
        let what = "an empty string where a name or number stands";
        return Some(Finding::error(what, form::of(rtype).0, "write the value, or remove the quotes"));
    }
    if !token.raw.is_ascii() {
        return Some(non_ascii(token.raw));
    }
    // The `domain` crate takes an empty label in the middle for the root, and goes on behind it.
    let is_empty_label = token.raw.contains("..") || (token.raw.starts_with('.') && token.raw.len() > 1);
    let name = token.raw.parse::<Name>();
    if is_empty_label && name == Err(NameError::EmptyLabel) {
        let what = format!("{}, which is not a domain name", quote(token.raw));
        return Some(Finding::error(what, "labels of 1 to 63 octets, 255 in all", "write one dot between two labels"));
    }
    None
}

/// A name or number with letters outside ASCII.
pub(super) fn non_ascii(raw: &str) -> Finding {
    Finding::error(
        format!("{} with characters outside ASCII", quote(raw)),
        "letters, digits, hyphens and underscores",
        "write an internationalized name in its xn-- form (RFC 5891)",
    )
}

/// The data that `wire` is.
fn data(rtype: Rtype, wire: &[u8], is_generic: bool) -> Result<RData, RdataFault> {
    if wire.len() > MAX_RDATA_OCTETS {
        let what = format!("{} octets of record data", wire.len());
        let finding = Finding::error(what, "at most 65535 octets", "split the data over several records");
        return Err(RdataFault { token: Some(0), finding });
    }
    decode(rtype, wire, is_generic).ok_or_else(|| {
        let what = format!("octets that are no data of {rtype}");
        let (expected, example) = form::of(rtype);
        let finding = Finding::error(what, expected, format!("write it in the type's own form, as in {example}"));
        RdataFault { token: Some(0), finding }
    })
}

/// The message library's form of the octets of record data; `None` if they are no data of the type.
pub(super) fn decode(rtype: Rtype, wire: &[u8], is_generic: bool) -> Option<RData> {
    let rtype = RecordType::from(rtype.to_int());
    let length = u16::try_from(wire.len()).ok()?;
    let unknown = || RData::Unknown { code: rtype, rdata: NULL::with(wire.to_vec()) };
    match RData::read(&mut BinDecoder::new(wire), rtype, Restrict::new(length)) {
        Ok(rdata) if is_rfc1035(rtype) || encodes_to(&rdata, wire) => Some(rdata),
        // What the library would not write as it was read is kept as octets: data is never altered.
        Ok(_) => Some(unknown()),
        Err(_) if is_rfc1035(rtype) || is_generic => None,
        // The `domain` crate read the type's own form, so the data is good; the library is stricter.
        Err(_) => Some(unknown()),
    }
}

/// The data as a file would have given it; `None` if it is no data of the type.
pub(super) fn checked(rtype: RecordType, rdata: &RData) -> Option<RData> {
    if rdata.record_type() != rtype {
        return None;
    }
    decode(Rtype::from_int(u16::from(rtype)), &wire(rdata)?, true)
}

/// The octets of record data, names in it whole; `None` if the message library cannot write it.
pub(super) fn wire(rdata: &RData) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut encoder = BinEncoder::new(&mut octets);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    rdata.emit(&mut encoder).ok()?;
    Some(octets)
}

/// Types that every message library encodes alike and other rooms take apart.
const fn is_rfc1035(rtype: RecordType) -> bool {
    matches!(
        rtype,
        RecordType::A
            | RecordType::AAAA
            | RecordType::CNAME
            | RecordType::MX
            | RecordType::NS
            | RecordType::PTR
            | RecordType::SOA
            | RecordType::SRV
            | RecordType::TXT
    )
}

fn encodes_to(rdata: &RData, octets: &[u8]) -> bool {
    wire(rdata).is_some_and(|written| written.eq_ignore_ascii_case(octets))
}
