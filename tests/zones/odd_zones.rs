//! Odd zones: what is legal is accepted, what is wrong is refused, as `named-checkzone` does, and every difference has
//! its reason.

use super::programs::{checkzone, generic, has, read};

/// What is served of a zone file: `Yes`, or nothing.
use Verdict::{No, Yes};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Yes,
    No,
}

/// Text behind the apex, BIND's verdict, ours, and why they differ.
type Case = (&'static str, Verdict, Verdict, &'static str);

const LEGAL: &[Case] = &[
    ("a 0 A 192.0.2.1\n", Yes, Yes, ""),
    ("A 1W2D3H4M5S IN A 192.0.2.1\n", Yes, Yes, ""),
    ("a IN 60 A 192.0.2.1\na 60 IN A 192.0.2.2\n", Yes, Yes, ""),
    ("a CLASS1 TYPE1 192.0.2.1\n", Yes, Yes, ""),
    ("a in a 192.0.2.1\n", Yes, Yes, ""),
    ("a A 192.0.2.1\n\tAAAA ::1\n   TXT x\n", Yes, Yes, ""),
    ("a TXT ( \"one\" ; comment ( with ) \"\n \"two\" )\n", Yes, Yes, ""),
    ("a ( A\n192.0.2.1 )\n", Yes, Yes, ""),
    ("( a A 192.0.2.1 )\n", Yes, Yes, ""),
    ("a TXT x;y\n", Yes, Yes, ""),
    ("a TXT \"x;y\" z\\;w\n", Yes, Yes, ""),
    ("a TXT a\"b\"c\n", Yes, Yes, ""),
    ("a TXT \"\" \"\"\n", Yes, Yes, ""),
    ("a TXT \\000\\255\\\"\\\\\n", Yes, Yes, ""),
    ("a TXT @ $ *\n", Yes, Yes, ""),
    ("a TXT \"gr\u{fc}n\"\n", Yes, Yes, ""),
    ("a MX 0 .\n", Yes, Yes, ""),
    ("a MX 10 @\n", Yes, Yes, ""),
    ("_a._b.c-d TXT x\n", Yes, Yes, ""),
    ("*.*.a TXT x\n", Yes, Yes, ""),
    ("a.*.b TXT x\n", Yes, Yes, ""),
    ("\\097\\. TXT x\n", Yes, Yes, ""),
    ("\\@ TXT x\n", Yes, Yes, ""),
    ("a\\ b TXT x\n", Yes, Yes, ""),
    ("a CNAME .\n", Yes, Yes, ""),
    ("a CNAME a\n", Yes, Yes, ""),
    ("$ORIGIN sub\na A 192.0.2.1\n$ORIGIN .\nexample.org TXT x\n", Yes, Yes, ""),
    ("$TTL 2147483647\na A 192.0.2.1\n", Yes, Yes, ""),
    ("$ttl 5m\na A 192.0.2.1\n", Yes, Yes, ""),
    ("a A 192.0.2.1\na A 192.0.2.1\n", Yes, Yes, ""),
    ("a A 192.0.2.1\r\nb A 192.0.2.1\r\n", Yes, Yes, ""),
    ("a A 192.0.2.1", Yes, Yes, ""),
    ("d DNAME example.net.\nd TXT x\n", Yes, Yes, ""),
    ("sub NS ns.sub\nns.sub A 192.0.2.1\n", Yes, Yes, ""),
    ("sub NS ns.example.net.\na.sub TXT below\n", Yes, Yes, ""),
    ("a TYPE65400 \\# 0\na TYPE65401 \\# 2 ab cd\na A \\# 4 c0 00 02 01\n", Yes, Yes, ""),
    ("a TLSA 3 1 1 00112233445566778899aabbccddeeff 00112233445566778899AABBCCDDEEFF\n", Yes, Yes, ""),
    ("a LOC 1 N 2 E 3\n", Yes, Yes, ""),
    ("a CSYNC 0 0\n", Yes, Yes, ""),
    ("a CDS 0 0 0 00\na CDNSKEY 0 3 0 AA==\n", Yes, Yes, ""),
    ("a SVCB 1 . key1=\\002h2\na HTTPS 0 b\n", Yes, Yes, ""),
    ("a HTTPS 0 b alpn=h2\n", Yes, Yes, ""),
    ("a MX 10 192.0.2.1\n", Yes, Yes, ""),
    ("a DNAME b\nc.a A 192.0.2.1\n", Yes, Yes, ""),
    ("b.c.a A 192.0.2.1\na NS ns.a\n", Yes, Yes, ""),
    ("a HTTPS 1 . alpn=\"h2,h3\\\\,x\"\n", Yes, Yes, ""),
    ("a SRV 0 0 0 .\n", Yes, Yes, ""),
    ("a HINFO x y\n", Yes, Yes, ""),
    ("a NAPTR 0 0 \"\" \"\" \"\" .\n", Yes, Yes, ""),
    ("b.example.org. A 192.0.2.1\n", Yes, Yes, ""),
    ("other.example. A 192.0.2.1\n", Yes, Yes, ""),
    ("a AAAA ::ffff:192.0.2.1\na AAAA 1::\n", Yes, Yes, ""),
    ("a CAA 0 issue \";\"\na CAA 255 tbs x\n", Yes, Yes, ""),
    ("$GENERATE 0-3/2 a${-1,3,d} A 192.0.2.${1}\n", Yes, Yes, ""),
    ("\"a\" A 192.0.2.1\n", Yes, Yes, ""),
    ("a MX \"10\" b\n", No, Yes, "quotes change nothing of a number, and the sense is plain"),
    ("a A 192.0.2.1\nb.a A 192.0.2.1\n", Yes, Yes, ""),
    ("a DNSKEY 256 3 RSASHA256 AwEAAQ==\n", Yes, Yes, ""),
    ("a SSHFP 1 1 0011223344556677889900112233445566778899\n", Yes, Yes, ""),
    ("a NSEC b A TXT\na RRSIG A 13 3 60 20300101000000 20200101000000 1 example.org. AQID\n", Yes, Yes, ""),
    ("a RRSIG TXT 13 3 60 1893456000 1577836800 1 example.org. AQID\n", Yes, Yes, ""),
    ("a NSEC3PARAM 1 0 0 -\n", Yes, Yes, ""),
    ("a X25 311061700956\na SPF v=spf1\na NULL \\# 1 00\n", Yes, Yes, ""),
];

const WRONG: &[Case] = &[
    ("a A 192.0.2\n", No, No, ""),
    ("a A 192.0.2.256\n", No, No, ""),
    ("a A 192.0.2.01\n", No, No, ""),
    ("a A 0xc0000201\n", No, No, ""),
    ("a AAAA 192.0.2.1\n", No, No, ""),
    ("a AAAA 1:2:3:4:5:6:7:8:9\n", No, No, ""),
    ("a A\n", No, No, ""),
    ("a A 192.0.2.1 x\n", No, No, ""),
    ("a MX mx\n", No, No, ""),
    ("a MX 65536 mx\n", No, No, ""),
    ("a MX -1 mx\n", No, No, ""),
    ("a MX 0x10 mx\n", No, No, ""),
    ("a TXT\n", No, No, ""),
    ("a TXT \"open\n", No, No, ""),
    ("a TXT \\256\n", No, No, ""),
    ("a TXT ( x\n", No, No, ""),
    ("a TXT x )\n", No, No, ""),
    ("a..b A 192.0.2.1\n", No, No, ""),
    (".a A 192.0.2.1\n", No, No, ""),
    ("a NS ..\n", No, No, ""),
    ("a CNAME b\na A 192.0.2.1\n", No, No, ""),
    ("a CNAME b\na CNAME c\n", No, No, ""),
    ("d DNAME a.\nd DNAME b.\n", No, No, ""),
    ("@ SOA ns h 2 1 1 1 1\n", No, No, ""),
    ("a SOA ns h 2 1 1 1 1\n", No, No, ""),
    ("a BLAH x\n", No, No, ""),
    ("a CH A 192.0.2.1\n", No, No, ""),
    ("a 2147483648 A 192.0.2.1\n", Yes, No, "RFC 2181 section 8 has no such TTL; resolvers take it for 0"),
    ("a 1h30 A 192.0.2.1\n", No, No, ""),
    ("a 1x A 192.0.2.1\n", No, No, ""),
    ("$TTL\na A 192.0.2.1\n", No, No, ""),
    ("$BLAH x\n", No, No, ""),
    ("$ORIGIN\n", No, No, ""),
    ("$ORIGIN a..b\n", No, No, ""),
    ("$INCLUDE /nonexistent/zone\n", No, No, ""),
    ("$GENERATE 3-1 a$ A 192.0.2.$\n", No, No, ""),
    ("$GENERATE 1-3x a$ A 192.0.2.$\n", Yes, No, "what stands behind the range was meant as something"),
    ("$GENERATE 0-1 a$ A 192.0.2.$ x\n", No, No, ""),
    ("$GENERATE 0-1 a${-1,1,x} A 192.0.2.$\n", Yes, No, "BIND wraps -1 to ffffffff, which nobody means"),
    ("a TYPE65400 \\# 2 ab\n", No, No, ""),
    ("a TYPE65400 \\# 1 abcd\n", No, No, ""),
    ("a TYPE65400 \\# 1 xy\n", No, No, ""),
    ("a A \\# 3 000000\n", No, No, ""),
    ("a TYPE0 \\# 0\n", No, No, ""),
    ("a ANY \\# 0\n", No, No, ""),
    ("a OPT \\# 0\n", No, No, ""),
    ("a AXFR x\n", No, No, ""),
    ("a TYPE255 \\# 0\n", No, No, ""),
    ("a TYPE249 \\# 0\n", No, No, ""),
    ("a TLSA 3 1 1 XY\n", No, No, ""),
    ("a TLSA 3 1 1\n", No, No, ""),
    ("a DS 1 13 2 ABCD\n", No, No, ""),
    ("a SSHFP 4 2\n", No, No, ""),
    ("a SSHFP 1 1 0011\n", No, No, ""),
    ("a CAA 0 \"\" x\n", No, No, ""),
    ("a CAA 0 is-sue x\n", No, No, ""),
    ("a CAA 256 issue x\n", No, No, ""),
    ("a LOC 91 N 0 E 0m\n", No, No, ""),
    ("a URI 10 1\n", No, No, ""),
    ("a SVCB 1 . key1=\n", No, No, ""),
    ("a SVCB 1 . key1=h2\n", No, No, ""),
    ("a SVCB 1 . port=1 key3=x\n", No, No, ""),
    ("a HTTPS 1 . alpn=\n", No, No, ""),
    ("a HTTPS 1 . alpn=h2 alpn=h3\n", No, No, ""),
    ("a HTTPS 1 . mandatory=port\n", No, No, ""),
    ("a HTTPS 1 . no-default-alpn\n", No, No, ""),
    ("a NAPTR 0 0 \"\" \"\" \"!(\" .\n", No, No, ""),
    ("a OPENPGPKEY !!\n", No, No, ""),
    ("a CERT PGP 0 0 A\n", No, No, ""),
    ("a SRV 0 0 b\n", No, No, ""),
    ("a RP a\n", No, No, ""),
    ("a HINFO x\n", No, No, ""),
    ("a 60 60 A 192.0.2.1\n", No, No, ""),
    ("a IN IN A 192.0.2.1\n", No, No, ""),
    ("a ZONEMD 1 1 1 00\n", No, No, ""),
    ("@ CNAME b\n", No, No, ""),
    ("a NSEC3PARAM 1 0 0 -\nb NSEC3 1 0 0 - A A\n", No, No, ""),
    ("b\u{fc} A 192.0.2.1\n", Yes, No, "resolvers ask for its xn-- form, never for these octets"),
];

#[test]
fn odd_but_legal_zones_are_accepted() {
    check(LEGAL);
}

#[test]
fn wrong_zones_are_refused() {
    check(WRONG);
}

fn check(cases: &[Case]) {
    if !has("named-checkzone") {
        return;
    }
    let mut findings = Vec::new();
    for (text, bind, ours, why) in cases {
        let text = format!("$TTL 1h\n@ SOA ns.example.net. hostmaster 1 2h 15m 2w 1h\n@ NS ns.example.net.\n{text}");
        let verdict = |is_accepted| if is_accepted { Yes } else { No };
        let checked = checkzone(&text);
        let (zone, report) = read(&text);
        let seen = (verdict(checked.is_ok()), verdict(zone.is_some()));
        if seen != (*bind, *ours) {
            let said = checked.as_ref().err().cloned().unwrap_or_default();
            findings.push(format!("{seen:?} instead of {:?}:\n{text}\n{said}{report}", (bind, ours)));
        }
        if (bind != ours) == why.is_empty() {
            findings.push(format!("a difference has a reason, nothing else has: {text}"));
        }
        if let (Ok(of_file), Some(zone)) = (checked, zone) {
            let of_ours = checkzone(&generic(&zone)).unwrap();
            if of_file != of_ours {
                findings.push(format!("{text}\nis {of_file:#?}\nto BIND and to us {of_ours:#?}"));
            }
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n----\n"));
}
