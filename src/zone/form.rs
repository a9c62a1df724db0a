//! What the data of each record type looks like, for diagnostics.

use domain::base::iana::Rtype;

/// Types that people write by name, to guess what a misspelt one means.
const COMMON: [&str; 22] = [
    "A", "AAAA", "CAA", "CDNSKEY", "CDS", "CNAME", "DNAME", "DNSKEY", "DS", "HINFO", "HTTPS", "MX", "NAPTR", "NS",
    "PTR", "SOA", "SPF", "SRV", "SSHFP", "SVCB", "TLSA", "TXT",
];

/// The data of `rtype` as a noun phrase, and an example.
pub(super) const fn of(rtype: Rtype) -> (&'static str, &'static str) {
    match rtype {
        Rtype::A => ("an IPv4 address", "A 192.0.2.1"),
        Rtype::AAAA => ("an IPv6 address", "AAAA 2001:db8::1"),
        Rtype::NS => ("the name of a name server", "NS ns1.example.org."),
        Rtype::CNAME => ("a name", "CNAME www.example.org."),
        Rtype::DNAME => ("a name", "DNAME example.net."),
        Rtype::PTR => ("a name", "PTR host.example.org."),
        Rtype::MX => ("a preference from 0 to 65535 and a host", "MX 10 mx.example.org."),
        Rtype::SRV => ("priority, weight, port and target", "SRV 0 1 587 submission.example.org."),
        Rtype::SOA => (
            "primary name server, mailbox, serial, refresh, retry, expire, minimum",
            "SOA ns1.example.org. hostmaster.example.org. 1 2h 15m 2w 1h",
        ),
        Rtype::TXT | Rtype::SPF => ("strings of at most 255 octets each", "TXT \"v=spf1 mx -all\""),
        Rtype::CAA => ("flags, tag and value", "CAA 0 issue \"ca.example.net\""),
        Rtype::DS | Rtype::CDS => ("key tag, algorithm, digest type and digest", "DS 60485 13 2 2BB183AF…"),
        Rtype::DNSKEY | Rtype::CDNSKEY => ("flags, protocol, algorithm and key", "DNSKEY 257 3 13 GojIhhXUN4u54v54…"),
        Rtype::TLSA | Rtype::SMIMEA => ("usage, selector, matching type and certificate data", "TLSA 3 1 1 0D6FCE13…"),
        Rtype::SSHFP => ("algorithm, type and fingerprint", "SSHFP 4 2 123456789ABCDEF6…"),
        Rtype::NAPTR => (
            "order, preference, flags, service, expression and replacement",
            "NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:info@example.org!\" .",
        ),
        Rtype::HTTPS | Rtype::SVCB => ("priority, target and parameters", "HTTPS 1 . alpn=\"h2\""),
        Rtype::HINFO => ("CPU and system", "HINFO \"PC\" \"Linux\""),
        _ => ("the type's own form, or RFC 3597's", "TYPE65400 \\# 4 0A000001"),
    }
}

/// The record type that `word` most likely means.
pub(super) fn guess(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_uppercase();
    COMMON
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&word, known), known))
        .filter(|(distance, known)| *distance <= if known.len() > 3 { 2 } else { 1 })
        .min()
        .map(|(_, known)| known)
}

/// Types that questions and messages use and no zone holds (RFC 6895 section 3.1).
pub(super) const fn is_meta(rtype: Rtype) -> bool {
    let code = rtype.to_int();
    code == 0 || code == 41 || (code >= 128 && code <= 255)
}

/// Whether the token at `ix` of the data is free text, where a letter outside ASCII is octets, `@` is a character and
/// nothing may be right.
pub(super) const fn is_text(rtype: Rtype, ix: usize, is_last: bool) -> bool {
    match rtype {
        Rtype::TXT | Rtype::SPF | Rtype::HINFO | Rtype::CAA => true,
        // The replacement is a name.
        Rtype::NAPTR => !is_last,
        // The target is a name.
        Rtype::SVCB | Rtype::HTTPS => ix != 1,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_type_is_guessed() {
        for (word, guessed) in [("MXX", Some("MX")), ("cnmae", Some("CNAME")), ("TXTT", Some("TXT")), ("BANANA", None)]
        {
            assert_eq!(guess(word), guessed, "{word}");
        }
    }

    #[test]
    fn meta_types_are_known() {
        for (rtype, meta) in [(Rtype::ANY, true), (Rtype::OPT, true), (Rtype::A, false), (Rtype::URI, false)] {
            assert_eq!(is_meta(rtype), meta, "{rtype}");
        }
    }
}
