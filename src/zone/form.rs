//! What the data of each record type looks like, for diagnostics.

use domain::base::iana::Rtype;

/// Types that people write by name, to guess what a misspelt one means.
const COMMON: [&str; 28] = [
    "A",
    "AAAA",
    "CAA",
    "CDNSKEY",
    "CDS",
    "CERT",
    "CNAME",
    "CSYNC",
    "DNAME",
    "DNSKEY",
    "DS",
    "HINFO",
    "HTTPS",
    "LOC",
    "MX",
    "NAPTR",
    "NS",
    "OPENPGPKEY",
    "PTR",
    "SMIMEA",
    "SOA",
    "SPF",
    "SRV",
    "SSHFP",
    "SVCB",
    "TLSA",
    "TXT",
    "URI",
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
        Rtype::LOC => (
            "latitude, longitude, altitude, and optionally size and precisions",
            "LOC 52 22 23.000 N 4 53 32.000 E -2.00m 10m 100m 10m",
        ),
        Rtype::URI => ("priority, weight and target in quotes", "URI 10 1 \"https://www.example.org/\""),
        Rtype::CERT => ("type, key tag, algorithm and certificate in base64", "CERT PKIX 0 0 MIIBszCCAVmgAwIB…"),
        Rtype::CSYNC => ("serial, flags and record types", "CSYNC 66 3 A NS AAAA"),
        Rtype::RP => ("mailbox and the name of a TXT record", "RP hostmaster.example.org. contact.example.org."),
        Rtype::OPENPGPKEY => ("a key in base64", "OPENPGPKEY mQINBFit2jsBEADr…"),
        Rtype::AFSDB => ("subtype and host", "AFSDB 1 afs.example.org."),
        Rtype::RT | Rtype::KX | Rtype::LP => ("a preference from 0 to 65535 and a host", "KX 10 kx.example.org."),
        Rtype::PX => ("preference and two names", "PX 10 map822.example.org. mapx400.example.org."),
        Rtype::X25 => ("an address as digits", "X25 311061700956"),
        Rtype::ISDN => ("a number and optionally a subaddress", "ISDN 150862028003217 004"),
        Rtype::NSAPPTR => ("a name", "NSAP-PTR host.example.org."),
        Rtype::TALINK => ("two names", "TALINK h0.example.org. h2.example.org."),
        Rtype::GPOS => ("longitude, latitude and altitude", "GPOS -32.6882 116.8652 10.0"),
        Rtype::KEY | Rtype::RKEY => ("flags, protocol, algorithm and key", "KEY 512 3 13 GojIhhXUN4u54v54…"),
        Rtype::DLV | Rtype::TA => ("key tag, algorithm, digest type and digest", "DLV 60485 13 2 2BB183AF…"),
        Rtype::DHCID => ("an identifier in base64", "DHCID AAIBY2/AuCccgoJbsaxcQc9TUapptP69…"),
        Rtype::APL => ("prefixes with their family", "APL 1:192.0.2.0/24 !2:2001:db8::/32"),
        Rtype::EUI48 => ("six pairs of hexadecimal digits", "EUI48 00-00-5e-00-53-2a"),
        Rtype::EUI64 => ("eight pairs of hexadecimal digits", "EUI64 00-00-5e-ef-10-00-00-2a"),
        Rtype::NID => ("preference and node identifier", "NID 10 0014:4fff:ff20:ee64"),
        Rtype::L32 => ("preference and locator", "L32 10 192.0.2.0"),
        Rtype::L64 => ("preference and locator", "L64 10 2001:db8:1140:1000"),
        Rtype::NINFO | Rtype::AVC => ("strings of at most 255 octets each", "AVC \"app-name:example\""),
        _ => ("the type's own form, or RFC 3597's", "TYPE65400 \\# 4 0A000001"),
    }
}

/// The record type that `word` most likely means.
pub(super) fn guess(word: &str) -> Option<&'static str> {
    let most = |known: &str| if known.len() > 3 { 2 } else { 1 };
    let word = word.to_ascii_uppercase();
    COMMON
        .into_iter()
        // The distance is at least the difference in length; a word can be as long as the file.
        .filter(|known| known.len().abs_diff(word.len()) <= most(known))
        .map(|known| (strsim::damerau_levenshtein(&word, known), known))
        .filter(|(distance, known)| *distance <= most(known))
        .min()
        .map(|(_, known)| known)
}

/// Types that questions and messages use and no zone holds (RFC 6895 section 3.1).
pub(super) const fn is_meta(rtype: Rtype) -> bool {
    let code = rtype.to_int();
    code == 0 || code == 41 || (code >= 128 && code <= 255)
}

/// Whether the data is free text for the `domain` crate: a letter outside ASCII is octets, `@` is a character and nothing
/// may be right.
pub(super) const fn is_text(rtype: Rtype) -> bool {
    matches!(rtype, Rtype::TXT | Rtype::SPF | Rtype::HINFO)
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
