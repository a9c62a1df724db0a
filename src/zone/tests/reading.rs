//! What a master file says is what the zone holds.

use std::path::Path;

use hickory_proto::rr::{RData, RecordType};
use proptest::prelude::*;

use super::{Files, good, load, name, node, read, records, with_apex};

#[test]
fn owners_ttls_classes_and_types_in_every_order() {
    let zone = good(
        "$TTL 1h30m\nwww A 192.0.2.1\nwww 60 IN A 192.0.2.2\nwww IN 60 A 192.0.2.3\n\tCLASS1 aaaa 2001:DB8::1\n\
         a.B 1d txt plain\nabsolute.example.org. A 192.0.2.4\n$ORIGIN sub\n@ TYPE1 192.0.2.5\nx A ( 192.0.2.6\n)\n",
    );
    let all = records(&zone);
    for expected in [
        "www.example.org. 60 A 192.0.2.1",
        "www.example.org. 60 A 192.0.2.3",
        "www.example.org. 5400 AAAA 2001:db8::1",
        "a.B.example.org. 86400 TXT plain",
        "absolute.example.org. 5400 A 192.0.2.4",
        "sub.example.org. 5400 A 192.0.2.5",
        "x.sub.example.org. 5400 A 192.0.2.6",
    ] {
        assert!(all.iter().any(|record| record == expected), "missing: {expected}\n{all:#?}");
    }
}

#[test]
fn a_record_without_ttl_has_the_last_stated_one() {
    let zone = good("a 60 A 192.0.2.1\nb A 192.0.2.1\n");
    assert_eq!(node(&zone, "b.example.org").unwrap().rrset(RecordType::A).unwrap().ttl, 60);
    let (zone, report) = read("@ SOA ns.example.net. h 1 2h 15m 2w 77\n@ NS ns.example.net.\n");
    assert_eq!(node(&zone.unwrap(), "example.org").unwrap().rrset(RecordType::NS).unwrap().ttl, 77);
    assert_eq!(report.warnings().count(), 1);
}

#[test]
fn at_signs_and_relative_names_in_data() {
    let zone = good("@ MX 10 @\n@ MX 20 mx\nwww CNAME @\n_x._tcp SRV 0 0 25 mx.example.net.\n@ TXT @\n");
    let all = records(&zone).join("\n");
    for expected in
        ["MX 10 example.org.", "MX 20 mx.example.org.", "CNAME example.org.", "0 0 25 mx.example.net.", "TXT @"]
    {
        assert!(all.contains(expected), "missing: {expected}\n{all}");
    }
}

fn text_of(zone: &crate::zone::Zone, owner: &str) -> Vec<Vec<u8>> {
    match node(zone, owner).unwrap().rrset(RecordType::TXT).unwrap().rdata.as_slice() {
        [RData::TXT(text)] => text.txt_data.iter().map(|part| part.to_vec()).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn strings_keep_quotes_escapes_and_letters() {
    let zone = good(
        "a TXT \"a;b (c) \\\"d\\\"\" e\\;f \\065\\ \\\\\nb TXT \"\" \"gr\u{fc}n\"\nc TXT \"x\"\"y\"z\nd TXT (\n \"one\" ; 1\n \"two\" )\n",
    );
    assert_eq!(text_of(&zone, "a.example.org"), [b"a;b (c) \"d\"".to_vec(), b"e;f".to_vec(), b"A \\".to_vec()]);
    assert_eq!(text_of(&zone, "b.example.org"), [b"".to_vec(), "gr\u{fc}n".as_bytes().to_vec()]);
    assert_eq!(text_of(&zone, "c.example.org"), [b"x".to_vec(), b"y".to_vec(), b"z".to_vec()]);
    assert_eq!(text_of(&zone, "d.example.org"), [b"one".to_vec(), b"two".to_vec()]);
}

#[test]
fn escaped_owners() {
    let zone = good("a\\.b A 192.0.2.1\n\\* A 192.0.2.1\n* A 192.0.2.2\nc\\032d A 192.0.2.3\n");
    assert_eq!(node(&zone, "a\\.b.example.org").unwrap().owner.label_count(), 3);
    assert_eq!(node(&zone, "c\\032d.example.org").unwrap().rrsets().len(), 1);
    assert_eq!(node(&zone, "*.example.org").unwrap().rrset(RecordType::A).unwrap().rdata.len(), 2);
}

#[test]
fn every_name_between_an_owner_and_the_apex_exists() {
    let zone = good("a.b.C.example.org. A 192.0.2.1\nc A 192.0.2.1\n*.w.x TXT t\n");
    assert!(node(&zone, "b.c.example.org").unwrap().rrsets().is_empty());
    assert!(node(&zone, "w.x.example.org").unwrap().rrsets().is_empty());
    assert!(node(&zone, "x.example.org").unwrap().rrsets().is_empty());
    assert!(node(&zone, "org").is_none());
    // The name's own record decides its case over that of a name below it.
    assert_eq!(node(&zone, "C.example.org").unwrap().owner.to_string(), "c.example.org.");
    assert_eq!(node(&zone, "B.c.example.org").unwrap().owner.to_string(), "b.C.example.org.");
}

#[test]
fn repetitions_are_dropped_and_the_lowest_ttl_used() {
    let (zone, report) = read(&with_apex("a 60 A 192.0.2.1\nA 60 A 192.0.2.1\na 30 A 192.0.2.2\nb MX 1 M\nb MX 1 m\n"));
    let zone = zone.unwrap();
    let set = node(&zone, "a.example.org").unwrap().rrset(RecordType::A).unwrap();
    assert_eq!((set.rdata.len(), set.ttl), (2, 30));
    assert_eq!(node(&zone, "b.example.org").unwrap().rrset(RecordType::MX).unwrap().rdata.len(), 1);
    assert_eq!(report.iter().map(|warning| warning.line).collect::<Vec<_>>(), [5]);
}

#[test]
fn types_beyond_those_that_are_modelled_keep_their_octets() {
    let zone = good(
        "a TYPE65400 \\# 3 0a 0b 0c\nb TYPE65401 \\# 0\nc A \\# 4 C0000201\nd DNAME example.net.\n\
         e SMIMEA 3 1 1 ABCD\nf SPF \"v=spf1 -all\"\ng CDS 1 13 9 ABCD\nh CAA 0 issue \"ca.example.net\"\n\
         i SSHFP 4 9 ABCD\nj HTTPS 1 . alpn=\"h2,h3\" port=443\nk NAPTR 100 10 \"u\" \"E2U+sip\" \"!^.*$!sip:i@x!\" @\n\
         l URI \\# 6 000a000161 62\nm DS 1 13 9 ABCD\nn TLSA 3 1 1 ABCD\no RP a b\np LOC \\# 1 00\n",
    );
    let octets = |owner: &str| match &node(&zone, owner).unwrap().rrsets()[0].rdata[0] {
        RData::Unknown { rdata, .. } => rdata.anything.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(octets("a.example.org"), [10, 11, 12]);
    assert!(octets("b.example.org").is_empty());
    assert_eq!(octets("d.example.org"), b"\x07example\x03net\x00");
    assert_eq!(octets("f.example.org"), b"\x0bv=spf1 -all");
    assert!(matches!(node(&zone, "c.example.org").unwrap().rrsets()[0].rdata[0], RData::A(_)));
    let types: Vec<u16> = ('a'..='p')
        .map(|owner| node(&zone, &format!("{owner}.example.org")).unwrap().rrsets()[0].rtype.into())
        .collect();
    assert_eq!(types, [65400, 65401, 1, 39, 53, 99, 59, 257, 44, 65, 35, 256, 43, 52, 17, 29]);
}

#[test]
fn includes_are_relative_to_their_file_and_restore_what_they_change() {
    let files = Files::of([
        ("zones/parts/hosts", "$ORIGIN deep\n@ A 192.0.2.1\n$INCLUDE more\n"),
        ("zones/parts/more", "x A 192.0.2.2\n"),
    ]);
    let text = with_apex("www A 192.0.2.9\n$INCLUDE parts/hosts sub ; comment\n A 192.0.2.8\nlast A 192.0.2.3\n");
    let (zone, report) = load(&name("example.org"), Path::new("zones/test.zone"), &text, &files);
    let zone = zone.unwrap_or_else(|| panic!("{report}"));
    assert!(node(&zone, "deep.sub.example.org").is_some());
    assert!(node(&zone, "x.deep.sub.example.org").is_some());
    assert_eq!(node(&zone, "www.example.org").unwrap().rrset(RecordType::A).unwrap().rdata.len(), 2);
    let (place, _) = node(&zone, "x.deep.sub.example.org").unwrap().placed_rrsets().next().unwrap();
    assert_eq!((zone.file(place), place.line), (Path::new("zones/parts/more"), 1));
    assert!(node(&zone, "last.example.org").is_some());
}

#[test]
fn a_directive_generates_records_that_stand_on_its_line() {
    let zone = good(
        "a A 192.0.2.9\n$GENERATE 1-5/2 h${0,3} 60 IN A 192.0.2.$\n TXT last\n$GENERATE 1-2 m MX \"1$ mx$\"\n\
         $GENERATE 10-11 ${0,3,n} PTR x\\$$.example.net.\n$GENERATE 1-1 t TXT \"\\\"a b\\\" c\"\n",
    );
    let all = records(&zone);
    for expected in [
        "h001.example.org. 60 A 192.0.2.1",
        "h005.example.org. 60 A 192.0.2.5",
        "a.example.org. 60 TXT last",
        "m.example.org. 60 MX 12 mx2.example.org.",
        "b.0.example.org. 60 PTR x\\$11.example.net.",
    ] {
        assert!(all.iter().any(|record| record == expected), "missing: {expected}\n{all:#?}");
    }
    assert_eq!(text_of(&zone, "t.example.org"), [b"a b".to_vec(), b"c".to_vec()]);
    let (place, _) = node(&zone, "h005.example.org").unwrap().placed_rrsets().next().unwrap();
    assert_eq!((zone.file(place), place.line), (Path::new("zones/test.zone"), 4));
}

#[test]
fn a_file_that_includes_itself_is_refused_once() {
    let text = with_apex("$INCLUDE test.zone\n");
    let files = Files::of([("zones/test.zone", text.as_str())]);
    let (zone, report) = load(&name("example.org"), Path::new("zones/test.zone"), &text, &files);
    assert!(zone.is_none());
    let errors: Vec<_> = report.errors().map(|error| (error.line, error.what.clone())).collect();
    assert_eq!(errors, [(3, "$INCLUDE 9 levels deep".to_owned())]);
}

#[test]
fn names_outside_the_zone_are_ignored_with_a_warning() {
    let (zone, report) = read(&with_apex("ns.example.net. A 192.0.2.1\n"));
    assert!(node(&zone.unwrap(), "ns.example.net").is_none());
    let warnings: Vec<_> = report.iter().map(|warning| (warning.line, warning.column)).collect();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].0, 3);
}

#[test]
fn the_root_zone_loads() {
    let text = ". 1h SOA a.root. h.root. 1 1 1 1 1\n. 1h NS a.root.\na.root. 1h A 192.0.2.1\n";
    let (zone, report) = load(&name("."), Path::new("root"), text, &Files::default());
    assert!(report.is_empty(), "{report}");
    assert!(node(&zone.unwrap(), "root").unwrap().rrsets().is_empty());
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_read() {
    let text = format!(
        "\u{feff}{}",
        with_apex("a A 192.0.2.1\n b TXT \"x\"\n").replace(" b TXT", "b TXT").replace('\n', "\r\n")
    );
    let (zone, report) = read(&text);
    assert_eq!(zone.unwrap_or_else(|| panic!("{report}")).nodes().count(), 3);
}

/// Fragments that make texts which get far into the reader.
fn fragment() -> impl Strategy<Value = String> {
    let words = [
        "@",
        "a",
        "*",
        ".",
        "\n",
        "\n",
        "\n ",
        " ",
        " ",
        " ",
        "\t",
        "\r\n",
        "(",
        ")",
        "\"",
        "\"\"",
        ";",
        "\\",
        "\\#",
        "\\# 4 0a000001",
        "\\# 0",
        "\\300",
        "\\0",
        "\\.",
        "$TTL",
        "$ORIGIN",
        "$INCLUDE",
        "$GENERATE",
        "$",
        "IN",
        "CH",
        "A",
        "AAAA",
        "NS",
        "MX",
        "SOA",
        "TXT",
        "SRV",
        "CNAME",
        "DNAME",
        "PTR",
        "CAA",
        "TLSA",
        "SMIMEA",
        "SSHFP",
        "DS",
        "CDS",
        "DNSKEY",
        "NAPTR",
        "HTTPS",
        "SVCB",
        "NSEC",
        "NSEC3",
        "NSEC3PARAM",
        "RRSIG",
        "HINFO",
        "MINFO",
        "RP",
        "OPENPGPKEY",
        "IPSECKEY",
        "ZONEMD",
        "CDNSKEY",
        "CSYNC",
        "SPF",
        "TYPE65400",
        "TYPE0",
        "TYPE255",
        "LOC",
        "URI",
        "1h",
        "0",
        "10",
        "65536",
        "4294967296",
        "192.0.2.1",
        "2001:db8::1",
        "example.org.",
        "mx",
        "alpn=\"h2\"",
        "alpn=",
        "port=1",
        "key1=\"a b\"",
        "mandatory=alpn",
        "ipv4hint=1.2.3.4",
        "ech=AAAA",
        "no-default-alpn",
        "ABCD",
        "AwEAAQ==",
        "20300101000000",
        "issue",
        "-",
        "\u{e9}",
        "\0",
        "\u{7f}",
        "\u{1f4e7}",
    ];
    prop_oneof![
        8 => prop::sample::select(words.to_vec()).prop_map(|word| format!("{word} ")),
        3 => prop::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => (0_usize..300).prop_map(|length| "x".repeat(length)),
    ]
}

proptest! {
    #[test]
    fn any_text_is_a_zone_or_a_report(text in ".{0,200}") {
        let (zone, report) = read(&text);
        prop_assert_eq!(zone.is_none(), report.has_errors());
    }

    #[test]
    fn any_words_are_a_zone_or_a_report(words in prop::collection::vec(fragment(), 0..40)) {
        let text = with_apex(&words.concat());
        let files = Files::of([("zones/mx", text.as_str())]);
        let (zone, report) = load(&name("example.org"), Path::new("zones/test.zone"), &text, &files);
        prop_assert_eq!(zone.is_none(), report.has_errors());
        let lines = text.lines().count();
        for diagnostic in report.iter() {
            prop_assert!(diagnostic.line <= lines);
            prop_assert!(!diagnostic.what.is_empty() && !diagnostic.remedy.is_empty());
        }
    }

    #[test]
    fn any_data_of_any_type_is_read_or_refused(
        rtype in prop_oneof![0_u16..70, Just(99), Just(257), any::<u16>()],
        words in prop::collection::vec(fragment(), 0..8),
    ) {
        let words = words.concat().replace('\n', " ");
        let (zone, report) = read(&with_apex(&format!("x TYPE{rtype} {words}\n")));
        prop_assert_eq!(zone.is_none(), report.has_errors());
    }

    #[test]
    fn any_strings_come_back_octet_for_octet(strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..256), 1..4)) {
        let mut text = "x TXT".to_owned();
        for string in &strings {
            text.push_str(" \"");
            string.iter().for_each(|octet| text.push_str(&format!("\\{octet:03}")));
            text.push('"');
        }
        let zone = good(&format!("{text}\n"));
        prop_assert_eq!(text_of(&zone, "x.example.org"), strings);
    }

    #[test]
    fn generic_octets_of_any_type_never_panic(rtype in any::<u16>(), octets in prop::collection::vec(any::<u8>(), 0..64)) {
        let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        let (zone, report) = read(&with_apex(&format!("x TYPE{rtype} \\# {} {hex}\n", octets.len())));
        prop_assert_eq!(zone.is_none(), report.has_errors());
    }
}
