//! Names relative to an origin, and the final dot that people forget.

use hickory_proto::rr::RData;

use super::findings::{Finding, quote};
use super::lexer::Token;
use super::rdata::non_ascii;
use crate::model::{Name, NameError};

/// Top-level domains that at the end of a relative name mean a forgotten dot.
const KNOWN_TOP_LEVEL: [&[u8]; 5] = [b"com", b"net", b"org", b"edu", b"arpa"];

/// The name that `token` says; a name without a final dot is below `origin` (RFC 1035 section 5.1).
pub(super) fn absolute(token: &Token<'_>, origin: &Name) -> Result<Name, Finding> {
    if token.raw == "@" && !token.quoted {
        return Ok(origin.clone());
    }
    if !token.raw.is_ascii() {
        return Err(non_ascii(token.raw));
    }
    let name: Result<Name, NameError> = token.raw.parse();
    let name =
        if has_final_dot(token.raw) { name } else { name.and_then(|name| name.with_suffix(&Name::root(), origin)) };
    name.map_err(|why| {
        let what = format!("{}, where {why}", quote(token.raw));
        Finding::error(what, "a domain name", "write labels of 1 to 63 octets with dots between, 255 octets in all")
    })
}

/// Whether the text ends with a dot that is not escaped.
fn has_final_dot(raw: &str) -> bool {
    raw.strip_suffix('.').is_some_and(|rest| {
        let backslashes = rest.bytes().rev().take_while(|octet| *octet == b'\\').count();
        backslashes.is_multiple_of(2)
    })
}

/// A warning about a name that looks as if its final dot was forgotten, or an address stands in its place.
pub(super) fn suspicion(name: &Name, origin: &Name) -> Option<Finding> {
    let under_origin = name.with_suffix(origin, &Name::root()).ok()?;
    let labels: Vec<&[u8]> = under_origin.labels().collect();
    let is_number = |label: &&[u8]| label.iter().all(u8::is_ascii_digit);
    let repeats_origin = origin.label_count() >= 2 && under_origin.is_at_or_below(origin);
    let has_top_level = labels.len() >= 2
        && labels.last().is_some_and(|last| KNOWN_TOP_LEVEL.iter().any(|known| last.eq_ignore_ascii_case(known)));
    if repeats_origin || has_top_level {
        let expected = format!("{under_origin} with its final dot, or a name relative to {origin}");
        return Some(Finding::warning(format!("the name {name}"), expected, "add the final dot if it is missing"));
    }
    None.or_else(|| {
        (labels.len() == 4 && labels.iter().all(is_number)).then(|| {
            let what = format!("the name {name}");
            Finding::warning(what, "a name, not an address", "give the address a name and write that here")
        })
    })
}

/// The name that the data points to, for the types whose target is looked up.
pub(super) fn target(rdata: &RData) -> Option<Name> {
    match rdata {
        RData::NS(target) => Some(Name::from_rr(&target.0)),
        RData::CNAME(target) => Some(Name::from_rr(&target.0)),
        RData::MX(mx) => Some(Name::from_rr(&mx.exchange)),
        RData::SRV(srv) => Some(Name::from_rr(&srv.target)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zone::lexer::Lexer;

    fn read(text: &str, origin: &str) -> Result<String, String> {
        let mut tokens = Vec::new();
        Lexer::new(text).next_entry(&mut tokens);
        absolute(&tokens[0], &origin.parse().unwrap()).map(|name| name.to_string()).map_err(|finding| finding.what)
    }

    #[test]
    fn a_name_without_a_final_dot_is_relative() {
        for (text, name) in [
            ("@", "example.org."),
            ("www", "www.example.org."),
            ("www.example.net.", "www.example.net."),
            (".", "."),
            ("a\\.", "a\\..example.org."),
            ("a\\\\.", "a\\\\."),
            ("\\@", "\\@.example.org."),
            ("*", "*.example.org."),
        ] {
            assert_eq!(read(text, "example.org").as_deref(), Ok(name), "{text}");
        }
        assert_eq!(read("www", ".").as_deref(), Ok("www."));
        for text in ["a..b", "\\999", "bücher", &"a".repeat(64), &"a.".repeat(128)] {
            assert!(read(text, "example.org").is_err(), "{text}");
        }
    }

    #[test]
    fn a_forgotten_final_dot_is_noticed() {
        let origin: Name = "example.org".parse().unwrap();
        for (name, noticed) in [
            ("mx.example.org.example.org", true),
            ("example.org.example.org", true),
            ("mx.provider.com.example.org", true),
            ("192.0.2.1.example.org", true),
            ("mx.example.org", false),
            ("com.example.org", false),
            ("example.org", false),
            ("mx.provider.com", false),
        ] {
            assert_eq!(suspicion(&name.parse().unwrap(), &origin).is_some(), noticed, "{name}");
        }
    }
}
