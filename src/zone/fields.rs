//! The fields of record data, one token after the other, to octets.

use std::str::FromStr;

use data_encoding::{BASE64, HEXUPPER_PERMISSIVE};
use domain::base::iana::Rtype;

use super::findings::{Finding, quote};
use super::lexer::Token;
use super::rdata::RdataFault;
use super::{form, relative};
use crate::model::Name;

/// A reader of the tokens of one record, and the octets so far.
pub(super) struct Fields<'a, 't> {
    rtype: Rtype,
    tokens: &'a [Token<'t>],
    origin: &'a Name,
    at: usize,
    wire: Vec<u8>,
}

impl<'a, 't> Fields<'a, 't> {
    /// A reader of data of `rtype`, whose names are relative to `origin`.
    pub(super) const fn new(rtype: Rtype, tokens: &'a [Token<'t>], origin: &'a Name) -> Self {
        Self { rtype, tokens, origin, at: 0, wire: Vec::new() }
    }

    /// The octets, if no token is left.
    pub(super) fn finish(self) -> Result<Vec<u8>, RdataFault> {
        let Some(extra) = self.tokens.get(self.at) else { return Ok(self.wire) };
        let what = format!("{} after the data of {}", quote(extra.raw), self.rtype);
        let remedy = format!("remove it, or write the data as in {}", form::of(self.rtype).1);
        Err(RdataFault { token: Some(self.at), finding: Finding::error(what, "the end of the record", remedy) })
    }

    /// Appends octets.
    pub(super) fn put(&mut self, octets: &[u8]) {
        self.wire.extend_from_slice(octets);
    }

    /// The token that is read next.
    pub(super) fn peek(&self) -> Option<&'a Token<'t>> {
        self.tokens.get(self.at)
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> Result<&'a Token<'t>, RdataFault> {
        let Some(token) = self.tokens.get(self.at) else {
            let (expected, example) = form::of(self.rtype);
            let what = format!("the end of the {} record", self.rtype);
            let finding = Finding::error(what, expected, format!("write the data as in {example}"));
            return Err(RdataFault { token: None, finding });
        };
        self.at += 1;
        Ok(token)
    }

    /// Takes the next token as what `read` makes of it; `what` says what is expected.
    pub(super) fn word<T>(&mut self, what: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, RdataFault> {
        let token = self.next()?;
        read(token.raw).ok_or_else(|| self.refuse(what))
    }

    /// The fault of the token that was taken last, where `what` is expected.
    pub(super) fn refuse(&self, what: &str) -> RdataFault {
        let at = self.at.saturating_sub(1);
        let word = self.tokens.get(at).map(|token| quote(token.raw)).unwrap_or_default();
        let remedy = format!("write the data as in {}", form::of(self.rtype).1);
        let finding = Finding::error(format!("{word} in the data of {}", self.rtype), what, remedy);
        RdataFault { token: Some(at), finding }
    }

    /// An octet.
    pub(super) fn u8(&mut self) -> Result<(), RdataFault> {
        let value: u8 = self.number("a number from 0 to 255")?;
        self.wire.push(value);
        Ok(())
    }

    /// Two octets.
    pub(super) fn u16(&mut self) -> Result<(), RdataFault> {
        let value: u16 = self.number("a number from 0 to 65535")?;
        self.put(&value.to_be_bytes());
        Ok(())
    }

    /// Four octets.
    pub(super) fn u32(&mut self) -> Result<(), RdataFault> {
        let value: u32 = self.number("a number from 0 to 4294967295")?;
        self.put(&value.to_be_bytes());
        Ok(())
    }

    fn number<T: FromStr>(&mut self, what: &str) -> Result<T, RdataFault> {
        self.word(what, number)
    }

    /// A name, whole.
    pub(super) fn name(&mut self) -> Result<(), RdataFault> {
        let token = self.next()?;
        let name = relative::absolute(token, self.origin)
            .map_err(|finding| RdataFault { token: Some(self.at.saturating_sub(1)), finding })?;
        self.put(name.as_wire());
        Ok(())
    }

    /// A string with its length (RFC 1035 section 3.3).
    pub(super) fn string(&mut self) -> Result<(), RdataFault> {
        let octets = self.octets()?;
        let Ok(length) = u8::try_from(octets.len()) else {
            return Err(self.refuse("a string of at most 255 octets"));
        };
        self.wire.push(length);
        self.put(&octets);
        Ok(())
    }

    /// A string without a length, which is all that is left of the data; never empty.
    pub(super) fn text(&mut self) -> Result<(), RdataFault> {
        let octets = self.octets()?;
        if octets.is_empty() {
            return Err(self.refuse("at least one character"));
        }
        self.put(&octets);
        Ok(())
    }

    /// As [`Self::text`], and may be empty.
    pub(super) fn rest(&mut self) -> Result<(), RdataFault> {
        let octets = self.octets()?;
        self.put(&octets);
        Ok(())
    }

    fn octets(&mut self) -> Result<Vec<u8>, RdataFault> {
        self.word("characters, or octets as \\000 to \\255", unescaped)
    }

    /// Hexadecimal digits of `length` octets, or of any, to the end of the record, which spaces may part.
    pub(super) fn hex(&mut self, length: Option<usize>) -> Result<(), RdataFault> {
        let what = length.map_or_else(
            || "a digest in pairs of hexadecimal digits".to_owned(),
            |length| format!("a digest of {} hexadecimal digits", 2 * length),
        );
        self.encoded(&what, |text| {
            let octets = HEXUPPER_PERMISSIVE.decode(text).ok();
            octets.filter(|octets| length.is_none_or(|length| octets.len() == length))
        })
    }

    /// Base64 to the end of the record, which spaces may part.
    pub(super) fn base64(&mut self) -> Result<(), RdataFault> {
        self.encoded("base64 with its padding", |text| BASE64.decode(text).ok())
    }

    fn encoded(&mut self, what: &str, decode: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Result<(), RdataFault> {
        let mut text = self.next()?.raw.to_owned();
        let first = self.at;
        while let Ok(token) = self.next() {
            text.push_str(token.raw);
        }
        match decode(text.as_bytes()) {
            Some(octets) if !octets.is_empty() => {
                self.put(&octets);
                Ok(())
            }
            _ => {
                self.at = first;
                Err(self.refuse(what))
            }
        }
    }

    /// Record types to the end of the record, as windows of bits (RFC 4034 section 4.1.2).
    pub(super) fn types(&mut self) -> Result<(), RdataFault> {
        let mut codes = Vec::new();
        while self.peek().is_some() {
            codes.push(self.word("record types", |word| word.parse::<Rtype>().ok())?.to_int());
        }
        codes.sort_unstable();
        for window in codes.chunk_by(|one, other| one >> 8 == other >> 8) {
            let mut bits = [0_u8; 32];
            let mut length = 0;
            for code in window {
                let [_, low] = code.to_be_bytes();
                let octet = usize::from(low / 8);
                if let Some(octet) = bits.get_mut(octet) {
                    *octet |= 0x80 >> (low % 8);
                }
                length = octet + 1;
            }
            let [number, _] = window.first().copied().unwrap_or_default().to_be_bytes();
            // At most 32.
            self.put(&[number, u8::try_from(length).unwrap_or(32)]);
            self.put(bits.get(..length).unwrap_or(&bits));
        }
        Ok(())
    }
}

/// A number in decimal digits alone: no sign, no unit.
pub(super) fn number<T: FromStr>(word: &str) -> Option<T> {
    let is_decimal = !word.is_empty() && word.bytes().all(|octet| octet.is_ascii_digit());
    is_decimal.then(|| word.parse().ok()).flatten()
}

/// The octets of a string with escapes; `None` if an escape is none.
pub(super) fn unescaped(raw: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(raw.len());
    let mut rest = raw.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        let first = rest.next()?;
        if first.is_ascii_digit() {
            let mut value = u16::from(first - b'0');
            for _ in 0..2 {
                value = value * 10 + u16::from(rest.next().filter(u8::is_ascii_digit)? - b'0');
            }
            octets.push(u8::try_from(value).ok()?);
        } else {
            octets.push(first);
        }
    }
    Some(octets)
}
