//! SVCB and HTTPS (RFC 9460): priority, target and parameters; NAPTR (RFC 3403).

use std::net::{Ipv4Addr, Ipv6Addr};

use data_encoding::BASE64;

use super::fields::{Fields, number, unescaped};
use super::rdata::RdataFault;

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6HINT: u16 = 6;
const DOHPATH: u16 = 7;
const OHTTP: u16 = 8;
/// Keys by name (IANA registry of service parameter keys).
const KEYS: [(&str, u16); 9] = [
    ("mandatory", MANDATORY),
    ("alpn", ALPN),
    ("no-default-alpn", NO_DEFAULT_ALPN),
    ("port", PORT),
    ("ipv4hint", IPV4HINT),
    ("ech", ECH),
    ("ipv6hint", IPV6HINT),
    ("dohpath", DOHPATH),
    ("ohttp", OHTTP),
];
/// The key that is no key (RFC 9460 section 14.3.2).
const INVALID_KEY: u16 = 65_535;

/// Service parameters to the end of the record, in the order of their keys.
pub(super) fn parameters(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    let mut parameters: Vec<(u16, Vec<u8>)> = Vec::new();
    while fields.peek().is_some() {
        let (Key { number: key, is_named }, text) = key_and_text(fields)?;
        let octets = unescaped(text.unwrap_or_default());
        // A known key by its number has octets as its value, like an unknown one.
        let value = match text {
            Some(_) if is_named => octets.and_then(|octets| value(key, octets)),
            _ => octets,
        };
        let Some(value) = value.filter(|value| is_value(key, value)) else {
            return Err(fields.refuse(form_of(key)));
        };
        if parameters.iter().any(|(other, _)| *other == key) {
            return Err(fields.refuse("every parameter once"));
        }
        parameters.push((key, value));
    }
    parameters.sort_by_key(|(key, _)| *key);
    let has = |key: u16| parameters.iter().any(|(other, _)| *other == key);
    if has(NO_DEFAULT_ALPN) && !has(ALPN) {
        return Err(fields.refuse("alpn beside no-default-alpn (RFC 9460 section 7.1.1)"));
    }
    let mandatory = parameters.iter().find(|(key, _)| *key == MANDATORY).map(|(_, value)| value.as_slice());
    if !keys(mandatory.unwrap_or_default()).all(has) {
        return Err(fields.refuse("every mandatory parameter in the record (RFC 9460 section 8)"));
    }
    for (key, value) in parameters {
        let Ok(length) = u16::try_from(value.len()) else {
            return Err(fields.refuse("at most 65535 octets"));
        };
        fields.put(&key.to_be_bytes());
        fields.put(&length.to_be_bytes());
        fields.put(&value);
    }
    Ok(())
}

/// One parameter, written as `key`, `key=value` or `key="value"`.
fn key_and_text<'t>(fields: &mut Fields<'_, 't>) -> Result<(Key, Option<&'t str>), RdataFault> {
    let what = "a parameter: alpn=, port=, ipv4hint=, … or key0 to key65534";
    let token = fields.next()?;
    let (name, text) = match token.raw.split_once('=') {
        Some((name, text)) => (name, Some(text)),
        None => (token.raw, None),
    };
    let key = key(name).filter(|_| !token.quoted).ok_or_else(|| fields.refuse(what))?;
    let text = match (text, fields.peek()) {
        (Some(""), Some(value)) if value.quoted && value.joined => {
            fields.next()?;
            Some(value.raw)
        }
        _ => text,
    };
    if fields.peek().is_some_and(|token| token.joined) {
        fields.next()?;
        return Err(fields.refuse("a space between two parameters"));
    }
    Ok((key, text))
}

/// A key as it was written.
struct Key {
    number: u16,
    is_named: bool,
}

fn key(name: &str) -> Option<Key> {
    if let Some((_, key)) = KEYS.iter().find(|(known, _)| *known == name) {
        return Some(Key { number: *key, is_named: true });
    }
    let digits = name.strip_prefix("key")?;
    let key = number(digits).filter(|key| *key != INVALID_KEY && (digits == "0" || !digits.starts_with('0')))?;
    Some(Key { number: key, is_named: false })
}

/// The octets of the value that `text` says.
fn value(key: u16, text: Vec<u8>) -> Option<Vec<u8>> {
    let words = || std::str::from_utf8(&text).ok().map(|text| text.split(','));
    match key {
        MANDATORY => {
            let mut keys: Vec<u16> =
                words()?.map(|word| self::key(word).map(|key| key.number)).collect::<Option<_>>()?;
            keys.sort_unstable();
            Some(keys.into_iter().flat_map(u16::to_be_bytes).collect())
        }
        ALPN => protocols(&text),
        PORT => number::<u16>(std::str::from_utf8(&text).ok()?).map(|port| port.to_be_bytes().to_vec()),
        IPV4HINT => addresses(words()?, |word: &str| word.parse::<Ipv4Addr>().ok().map(|address| address.octets())),
        IPV6HINT => addresses(words()?, |word: &str| word.parse::<Ipv6Addr>().ok().map(|address| address.octets())),
        ECH => BASE64.decode(&text).ok(),
        _ => Some(text),
    }
}

fn addresses<'t, const N: usize>(
    words: impl Iterator<Item = &'t str>,
    read: impl Fn(&str) -> Option<[u8; N]>,
) -> Option<Vec<u8>> {
    words.map(read).collect::<Option<Vec<_>>>().map(|addresses| addresses.concat())
}

/// Protocol identifiers between commas; a backslash keeps a comma or a backslash in one (RFC 9460 appendix A.1).
fn protocols(text: &[u8]) -> Option<Vec<u8>> {
    let mut all = Vec::new();
    let mut one = Vec::new();
    let mut octets = text.iter();
    loop {
        match octets.next() {
            Some(b'\\') => one.push(*octets.next().filter(|octet| matches!(octet, b',' | b'\\'))?),
            Some(octet) if *octet != b',' => one.push(*octet),
            end => {
                all.push(u8::try_from(one.len()).ok()?);
                all.append(&mut one);
                if end.is_none() {
                    return Some(all);
                }
            }
        }
    }
}

fn keys(value: &[u8]) -> impl Iterator<Item = u16> {
    value.as_chunks().0.iter().map(|octets| u16::from_be_bytes(*octets))
}

/// Whether `value` is one that the key may have, however it was written.
fn is_value(key: u16, value: &[u8]) -> bool {
    match key {
        MANDATORY => {
            let listed: Vec<u16> = keys(value).collect();
            !listed.is_empty()
                && 2 * listed.len() == value.len()
                && !listed.contains(&MANDATORY)
                && listed.is_sorted_by(|a, b| a < b)
        }
        ALPN => {
            let mut rest = value;
            while let Some((length, after)) = rest.split_first() {
                match after.get(usize::from(*length)..) {
                    Some(after) if *length > 0 => rest = after,
                    _ => return false,
                }
            }
            !value.is_empty()
        }
        NO_DEFAULT_ALPN | OHTTP => value.is_empty(),
        PORT => value.len() == 2,
        IPV4HINT => !value.is_empty() && value.len().is_multiple_of(4),
        IPV6HINT => !value.is_empty() && value.len().is_multiple_of(16),
        ECH => !value.is_empty(),
        // RFC 9461 section 5: a template with the variable of the query.
        DOHPATH => std::str::from_utf8(value).is_ok_and(|path| path.starts_with('/') && path.contains("{?dns}")),
        _ => true,
    }
}

/// What the value of a key looks like.
const fn form_of(key: u16) -> &'static str {
    match key {
        MANDATORY => "keys between commas, none of them twice and not mandatory itself",
        ALPN => "protocols between commas, as in alpn=\"h2,h3\"",
        NO_DEFAULT_ALPN | OHTTP => "no value behind this key",
        PORT => "a port from 0 to 65535",
        IPV4HINT => "IPv4 addresses between commas",
        IPV6HINT => "IPv6 addresses between commas",
        ECH => "a list of configurations in base64",
        DOHPATH => "a path with the query's variable, as in /dns-query{?dns}",
        _ => "octets as characters or \\000 to \\255",
    }
}

/// The expression of NAPTR: nothing, or two parts and flags between three delimiters (RFC 3402 section 3.2).
pub(super) fn expression(fields: &mut Fields<'_, '_>) -> Result<(), RdataFault> {
    let is_good = fields.peek().and_then(|token| unescaped(token.raw)).is_some_and(|text| is_expression(&text));
    fields.string()?;
    let what = "an expression as in \"!^.*$!sip:info@example.org!\", with \\\\ for a backslash in it";
    if is_good { Ok(()) } else { Err(fields.refuse(what)) }
}

fn is_expression(text: &[u8]) -> bool {
    let Some((delimiter, rest)) = text.split_first() else { return true };
    if delimiter.is_ascii_digit() || matches!(delimiter, b'i' | b'\\' | 0) {
        return false;
    }
    let mut parts = vec![Vec::new()];
    let mut octets = rest.iter();
    while let Some(octet) = octets.next() {
        if octet == delimiter {
            parts.push(Vec::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(*octet);
            if *octet == b'\\' {
                part.extend(octets.next());
            }
        }
    }
    matches!(parts.as_slice(), [_, _, flags] if flags.is_empty() || flags == b"i")
}

#[cfg(test)]
mod tests {
    use domain::base::iana::Rtype;

    use super::*;
    use crate::model::Name;
    use crate::zone::lexer::Lexer;

    fn octets(text: &str) -> Option<Vec<u8>> {
        let mut tokens = Vec::new();
        Lexer::new(text).next_entry(&mut tokens);
        let root = Name::root();
        let mut fields = Fields::new(Rtype::SVCB, &tokens, &root);
        parameters(&mut fields).and_then(|()| fields.finish()).ok()
    }

    #[test]
    fn the_vectors_of_rfc_9460_appendix_d() {
        for (text, wire) in [
            ("port=53", &b"\0\x03\0\x02\0\x35"[..]),
            ("key667=hello", b"\x02\x9b\0\x05hello"),
            ("key667=\"hello\\210qoo\"", b"\x02\x9b\0\x09hello\xd2qoo"),
            ("ipv6hint=\"::1\"", b"\0\x06\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"),
            (
                "alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1",
                b"\0\0\0\x04\0\x01\0\x04\0\x01\0\x09\x02h2\x05h3-19\0\x04\0\x04\xc0\0\x02\x01",
            ),
            (r#"alpn="f\\\\oo\\,bar,h2""#, b"\0\x01\0\x0c\x08f\\oo,bar\x02h2"),
            (r"alpn=f\\\092oo\092,bar,h2", b"\0\x01\0\x0c\x08f\\oo,bar\x02h2"),
            ("key3=\"\\000\\053\" key65534=\"\" ohttp", b"\0\x03\0\x02\0\x35\0\x08\0\0\xff\xfe\0\0"),
        ] {
            assert_eq!(octets(text).as_deref(), Some(wire), "{text}");
        }
    }

    #[test]
    fn what_breaks_rfc_9460_is_refused() {
        for text in [
            "key123=abc key123=def",
            "mandatory",
            "alpn",
            "port",
            "ipv4hint",
            "ipv6hint",
            "no-default-alpn=abc alpn=h2",
            "no-default-alpn",
            "mandatory=key123",
            "mandatory=mandatory",
            "mandatory=key123,key123 key123=abc",
            "port=65536",
            "port=\"\"",
            "alpn=",
            "alpn=h2,,h3",
            r"alpn=h2\\",
            "ipv4hint=1.2.3",
            "key1=h2",
            "key03=x",
            "key65535=x",
            "key65536=x",
            "ech=A",
            "dohpath=/dns",
            "alpn=\"h2\"x",
            "alpn=h2\"x\"",
            "\"alpn=h2\"",
            "alpn=\\256",
            "unknown=1",
        ] {
            assert_eq!(octets(text), None, "{text}");
        }
    }

    #[test]
    fn an_expression_has_three_delimiters() {
        for text in ["", "!a!b!", "/a\\/b/c/i", "!^.*$!sip:x!"] {
            assert!(is_expression(text.as_bytes()), "{text}");
        }
        for text in ["!", "!a!b", "!a!b!c!", "!a!b!x", "1a1b1", "iaibi", "\\a\\b\\"] {
            assert!(!is_expression(text.as_bytes()), "{text}");
        }
    }
}
