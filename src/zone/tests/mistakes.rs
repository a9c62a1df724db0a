//! Mistakes in zone files: every one is reported in one run, with its line, what is expected, and the remedy.

use super::{Files, load, name, read, with_apex};
use std::path::Path;

/// Text behind the apex (which is lines 1 and 2), line of the error, and words of its report.
const ERRORS: &[(&str, usize, &[&str])] = &[
    ("www A 300.1.1.1\n", 3, &["300.1.1.1", "IPv4", "A 192.0.2.1"]),
    ("www AAAA 192.0.2.1\n", 3, &["192.0.2.1", "IPv6"]),
    ("www A\n", 3, &["the end of the A record", "IPv4"]),
    ("www A 192.0.2.1 192.0.2.2\n", 3, &["'192.0.2.2' after the data of A"]),
    ("www MXX 10 mx\n", 3, &["'MXX'", "did you mean MX?"]),
    ("www 192.0.2.1\n", 3, &["TTL '192.0.2.1'"]),
    ("www\n", 3, &["without a type"]),
    ("@ MX mx\n", 3, &["'mx' in the data of MX", "preference", "MX 10 mx.example.org."]),
    ("@ MX 70000 mx\n", 3, &["'70000'", "0 to 65535"]),
    ("www CH A 192.0.2.1\n", 3, &["class 'CH'", "class IN"]),
    ("www 3000000000 A 192.0.2.1\n", 3, &["TTL '3000000000'", "2147483647"]),
    ("www 1h30 A 192.0.2.1\n", 3, &["TTL '1h30'", "1h30m"]),
    ("$TTL 1y\n", 3, &["TTL '1y'"]),
    ("$TTL\n", 3, &["$TTL without a value"]),
    ("$GENERATE\n", 3, &["$GENERATE without range", "host$ A"]),
    ("$GENERATE 9-1 h$ A 192.0.2.$\n", 3, &["range '9-1'", "start at most stop"]),
    ("$GENERATE 1-9 h${0,3,q} A 192.0.2.$\n", 3, &["'${0,3,q}'", "a base of d, o, x"]),
    ("$GENERATE 1-9 h$ MX 10 mx$\n", 3, &["2 values", "in quotes"]),
    ("$GENERATE 1-9 h$ A\n", 3, &["0 values", "one value"]),
    ("$GENERATE 1-9 h$ MXX x\n", 3, &["did you mean MX?"]),
    ("$GENERATE 250-300 h$ A 192.0.2.$\n", 3, &["'192.0.2.256'", "IPv4"]),
    ("$GENERATE 0-65536 h$ A 192.0.2.1\n", 3, &["65537 records where 65536 are left"]),
    ("$GENERATE 0-9 h$ A 192.0.2.1\n$GENERATE 0-65529 i$ A 192.0.2.1\n", 4, &["65530 records where 65526 are left"]),
    ("$GENERATE 0-9 h${-1,2,x} A 192.0.2.1\n", 3, &["the number -1 in base 8 or 16"]),
    ("$GENERATE 0-9 @ SOA \"a b 1 1 1 1 1\"\n", 3, &["a second SOA"]),
    ("$INCLUDE missing\n", 3, &["zones/missing", "no such file"]),
    ("$IMPORT x\n", 3, &["'$IMPORT'", "$INCLUDE"]),
    ("$ORIGIN a b\n", 3, &["'b' after $ORIGIN"]),
    ("www CNAME a\nwww A 192.0.2.1\n", 4, &["A beside CNAME at www.example.org.", "line 3"]),
    ("www A 192.0.2.1\nwww CNAME a\n", 4, &["CNAME beside A", "remove", "line 3"]),
    ("@ CNAME a\n", 3, &["CNAME beside SOA", "replace the CNAME by addresses"]),
    ("www CNAME a\nwww CNAME b\n", 4, &["a second CNAME", "line 3"]),
    ("d DNAME example.net.\nd DNAME example.com.\n", 4, &["a second DNAME", "line 3"]),
    ("@ SOA ns h 2 1 1 1 1\n", 3, &["a second SOA", "exactly one", "line 1"]),
    ("sub SOA ns h 2 1 1 1 1\n", 3, &["a SOA at sub.example.org."]),
    ("@ SOA ns h 1 2 3\n", 3, &["the end of the SOA record", "serial"]),
    ("www TXT \"open\nnext A 192.0.2.1\n", 3, &["quote that is not closed"]),
    ("\nwww TXT ( \"a\"\nnext A 192.0.2.1\n", 4, &["parenthesis that is not closed"]),
    ("www TXT a )\n", 3, &["closing parenthesis without"]),
    ("www TXT a\\\nb TXT x\n", 3, &["backslash at the end"]),
    ("a..b A 192.0.2.1\n", 3, &["'a..b'", "label is empty"]),
    ("b\u{fc}cher A 192.0.2.1\n", 3, &["outside ASCII", "xn--"]),
    ("@ NS b\u{fc}cher\n", 3, &["outside ASCII", "xn--"]),
    ("@ NS a..b\n", 3, &["'a..b'", "not a domain name"]),
    ("d DNAME a..b\n", 3, &["'a..b'", "not a domain name"]),
    ("d RP a .b\n", 3, &["'.b'", "not a domain name"]),
    ("@ NS \"\"\n", 3, &["an empty string"]),
    ("x TYPE65400 \\# 4 00\n", 3, &["TYPE65400"]),
    ("x TYPE65400 abc\n", 3, &["RFC 3597"]),
    ("x LOC 52 60 23.000 N 4 53 32.000 E -2.00m\n", 3, &["'60' in the data of LOC", "minutes below 60"]),
    ("x LOC 91 N 4 E 0m\n", 3, &["'91'", "degrees up to 90"]),
    ("x LOC 9 N 4 E\n", 3, &["the end of the LOC record", "latitude"]),
    ("x URI 10 1 \"\"\n", 3, &["URI", "at least one character"]),
    ("x CERT PGPX 0 0 AQID\n", 3, &["'PGPX'", "certificate type"]),
    ("x CERT PGP 0 0 A\n", 3, &["'A' in the data of CERT", "base64"]),
    ("x CSYNC 66 3 A NX\n", 3, &["'NX'", "record types"]),
    ("x EUI48 00-00-5e-00-53\n", 3, &["six pairs"]),
    ("x APL 1:192.0.2.0/33\n", 3, &["'1:192.0.2.0/33'", "prefixes"]),
    ("x KX 10 kx extra\n", 3, &["'extra' after the data of KX"]),
    ("x KX 70000 kx\n", 3, &["'70000'", "0 to 65535"]),
    ("x ATMA 00\n", 3, &["ATMA", "RFC 3597"]),
    ("x A \\# 3 000000\n", 3, &["no data of A", "IPv4"]),
    ("x ANY 1\n", 3, &["'ANY'", "only questions"]),
    ("x TXT \\300\n", 3, &["in the data of TXT"]),
    ("x CAA 0 issue\n", 3, &["the end of the CAA record", "flags, tag and value"]),
    ("x DS 1 13 9 XYZ\n", 3, &["'XYZ'", "digest"]),
    ("x DS 1 13 2 ABCD\n", 3, &["'ABCD'", "64 hexadecimal digits"]),
    ("x DNSKEY 257 3 ECDSA AQID\n", 3, &["'ECDSA'", "an algorithm"]),
];

#[test]
fn every_mistake_has_its_line_and_remedy() {
    for (text, line, words) in ERRORS {
        let (zone, report) = read(&with_apex(text));
        assert!(zone.is_none(), "{text}");
        let errors: Vec<_> = report.errors().collect();
        assert_eq!(errors.len(), 1, "{text}\n{report}");
        assert_eq!(errors[0].line, *line, "{text}\n{report}");
        assert_eq!(errors[0].file, Path::new("zones/test.zone"));
        assert!(!errors[0].expected.is_empty() && !errors[0].remedy.is_empty(), "{report}");
        let said = errors[0].to_string();
        for word in *words {
            assert!(said.contains(word), "missing {word:?} for {text}\n{said}");
        }
    }
}

#[test]
fn a_string_of_more_than_255_octets_is_refused() {
    let (_, report) = read(&with_apex(&format!("x TXT {}\n", "x".repeat(256))));
    assert!(report.to_string().contains("longer than 255 octets"), "{report}");
    assert!(read(&with_apex(&format!("x TXT {}\n", "x".repeat(255)))).0.is_some());
}

#[test]
fn an_rrset_has_a_bound() {
    let records = |count: u32| {
        let lines: String = (0..count).map(|ix| format!("x A 10.0.{}.{}\n", ix / 256, ix % 256)).collect();
        read(&with_apex(&lines))
    };
    assert!(records(4096).0.is_some());
    let (zone, report) = records(4097);
    assert!(zone.is_none());
    assert_eq!(report.errors().map(|error| error.line).collect::<Vec<_>>(), [4099]);
}

#[test]
fn what_the_whole_file_lacks_is_said_of_the_file() {
    for (text, words) in [
        ("", &["no SOA at example.org.", "no NS at example.org."][..]),
        ("@ 1h SOA ns.example.net. h 1 1 1 1 1\n", &["no NS at example.org."]),
        ("@ 1h SOA ns.example.net. h 1 1 1 1 1\nlab 1h NS ns.example.net.\n", &["no NS at example.org."]),
        ("@ 1h NS ns.example.net.\n", &["no SOA at example.org."]),
        (
            "example.net. 1h SOA ns h 1 1 1 1 1\nexample.net. 1h NS ns\n",
            &["SOA of example.net. in the file of example.org."],
        ),
    ] {
        let (zone, report) = read(text);
        assert!(zone.is_none());
        let errors: Vec<_> = report.errors().map(|error| (error.line, error.what.clone())).collect();
        assert_eq!(errors.len(), words.len(), "{report}");
        for (line, what) in errors {
            assert_eq!(line, 0);
            assert!(words.iter().any(|word| what.contains(word)), "{report}");
        }
    }
}

#[test]
fn all_mistakes_are_reported_in_one_run_and_one_never_causes_another() {
    let text = "@ 1h SOA ns hostmaster 1 2h 15m\n@ 1h NS ns.example.net.\na..b A 192.0.2.1\n  TXT \"of the refused owner\"\n\
        c A 1\nd TXT \"open\n  A 2\ne MX 10\nf A 192.0.2.1\n";
    let (_, report) = read(text);
    assert_eq!(report.errors().map(|error| error.line).collect::<Vec<_>>(), [1, 3, 5, 6, 7, 8], "{report}");
}

#[test]
fn a_missing_ttl_is_reported_once() {
    let (_, report) = read("@ NS ns.example.net.\na A 192.0.2.1\n@ 1h SOA ns.example.net. h 1 1 1 1 1\n");
    let errors: Vec<_> = report.errors().map(|error| (error.line, error.what.as_str())).collect();
    assert_eq!(errors, [(1, "no TTL")]);
}

#[test]
fn a_flood_of_mistakes_is_counted() {
    let (_, report) = read(&with_apex(&"x A 1\n".repeat(1000)));
    assert_eq!(report.errors().count(), 101);
    assert!(report.to_string().contains("900 more errors"), "{report}");
}

#[test]
fn a_mistake_in_an_included_file_names_that_file() {
    let files = Files::of([("zones/hosts", "\nwww A 1\n")]);
    let text = with_apex("$INCLUDE hosts\n");
    let (_, report) = load(&name("example.org"), Path::new("zones/test.zone"), &text, &files);
    let errors: Vec<_> = report.errors().map(|error| (error.file.as_path(), error.line, error.column)).collect();
    assert_eq!(errors, [(Path::new("zones/hosts"), 2, 7)]);
}

#[test]
fn a_mistake_is_pointed_at() {
    for (text, column, length) in [
        ("www\tA 300.1.1.1\n", 7, 9),
        ("www IN A 192.0.2.1 junk ; no\n", 20, 4),
        ("\"www\" MX 10 a..b\n", 13, 4),
        ("www TXT \"\u{e9}\" \"open\n", 13, 1),
    ] {
        let (_, report) = read(&with_apex(text));
        let error = report.errors().next().unwrap();
        assert_eq!((error.line, error.column, error.length), (3, column, length), "{report}");
    }
}

#[test]
fn what_looks_wrong_is_a_warning() {
    for (text, line, word) in [
        ("www.example.org A 192.0.2.1\n", 3, "final dot"),
        ("@ MX 10 mx.provider.com\n", 3, "final dot"),
        ("@ MX 10 192.0.2.1\n", 3, "not an address"),
        ("www 60 A 192.0.2.1\nwww 30 A 192.0.2.2\n", 4, "one TTL"),
        ("other.example. A 192.0.2.1\n", 3, "not in this zone"),
        ("\n\nlab NS ns.lab\n", 5, "ns.lab.example.org. without an address"),
    ] {
        let (zone, report) = read(&with_apex(text));
        assert!(zone.is_some(), "{report}");
        let warnings: Vec<_> = report.warnings().collect();
        assert_eq!(warnings.len(), 1, "{text}\n{report}");
        assert_eq!(warnings[0].line, line, "{report}");
        assert!(warnings[0].to_string().contains(word), "missing {word:?}\n{report}");
    }
}

#[test]
fn files_that_include_each_other_many_times_end() {
    // Each line reads all of the next file, without a record ever: only the number of files bounds it.
    let wide = |next: &str| format!("$INCLUDE {next}\n").repeat(40);
    let files = Files::of([
        ("zones/a", wide("b").as_str()),
        ("zones/b", wide("c").as_str()),
        ("zones/c", wide("d").as_str()),
        ("zones/d", ""),
    ]);
    let (zone, report) = load(&name("example.org"), Path::new("zones/test.zone"), &with_apex("$INCLUDE a\n"), &files);
    assert!(zone.is_none());
    assert!(report.to_string().contains("more than 16384 files"), "{report}");
    assert!(report.errors().count() <= 101);
}
