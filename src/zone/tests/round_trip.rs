//! What is loaded, written or transferred, and read again is the same zone. Broken, a secondary would serve something
//! else than its primary, and an update would change more than it says.

use std::path::Path;

use hickory_proto::rr::{RData, RecordType};
use proptest::prelude::*;

use super::{Files, good, load, name, read, with_apex};
use crate::model::Name;
use crate::zone::{Template, TransferredRecord, Zone, from_records, rdata, write};

/// A record: owner, type, TTL and octets of data.
type Line = (String, RecordType, u32, Vec<u8>);

/// Everything that a zone says, in its order.
fn content(zone: &Zone) -> Vec<Line> {
    let mut lines = Vec::new();
    for (node, set) in zone.records() {
        let owner = node.owner.to_string();
        lines.extend(set.rdata.iter().map(|data| (owner.clone(), set.rtype, set.ttl, rdata::wire(data).unwrap())));
    }
    lines
}

fn transferred(zone: &Zone) -> Vec<TransferredRecord> {
    let records = zone.records().flat_map(|(node, set)| {
        set.rdata.iter().map(|rdata| TransferredRecord {
            owner: node.owner.clone(),
            rtype: set.rtype,
            ttl: set.ttl,
            rdata: rdata.clone(),
        })
    });
    records.collect()
}

fn assert_round_trips(zone: &Zone) {
    let text = write(zone);
    let (again, report) = load(zone.origin(), Path::new("again"), &text, &Files::default());
    let again = again.unwrap_or_else(|| panic!("{report}\n{text}"));
    assert_eq!(content(&again), content(zone), "{text}");
    assert_eq!(again.serial(), zone.serial());
    let (again, report) = from_records(zone.origin(), transferred(zone), Path::new("transfer"));
    let again = again.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(content(&again), content(zone));
    assert!(again.nodes().all(|node| zone.node(&node.owner.key()).is_some()));
    assert_eq!(again.nodes().count(), zone.nodes().count());
}

#[test]
fn every_form_comes_back() {
    assert_round_trips(&good(
        "a.b.c A 192.0.2.1\nC AAAA 2001:db8::1\nm MX 10 M\nm MX 10 @\ns SRV 0 1 25 m\nw CNAME .\n* TXT \"a\\\"b\\\\\" \"\" gr\u{fc}n\n\
         d DNAME example.net.\nk CAA 0 issue \"ca.example.net; a=\\\"b\\\"\"\nk DS 1 13 9 ABCD\nk CDS 0 0 0 00\n\
         k TLSA 3 1 1 ABCD\nk SSHFP 4 9 ABCD\nk DNSKEY 257 3 13 AwEAAQ==\nk HTTPS 1 . alpn=\"h2,h3\" port=443\n\
         k TYPE65400 \\# 3 0a 0b 0c\nk TYPE65401 \\# 0\nk NAPTR 1 1 \"u\" \"x\" \"!a!b!\" .\nk SPF x\nk HINFO a b\n\
         \\@ A 192.0.2.1\n\\$ORIGIN A 192.0.2.1\na\\.b\\032c\\; A 192.0.2.1\nk SMIMEA 3 1 1 AB\nk DS \\# 4 00010102\nk SSHFP \\# 3 040201\nk RP a b\n",
    ));
    let root = ". 1h SOA a.root. h.root. 1 1 1 1 1\n. 1h NS a.root.\na.root. 1h A 192.0.2.1\n";
    assert_round_trips(&load(&name("."), Path::new("root"), root, &Files::default()).0.unwrap());
}

#[test]
fn records_are_in_canonical_order_with_the_soa_first() {
    let zone = good("z A 192.0.2.1\nA.z A 192.0.2.1\n@ A 192.0.2.1\na TXT x\na A 192.0.2.1\n");
    let order: Vec<String> = zone.records().map(|(node, set)| format!("{} {}", node.owner, set.rtype)).collect();
    let apex = ["example.org. SOA", "example.org. A", "example.org. NS"];
    let below = ["a.example.org. A", "a.example.org. TXT", "z.example.org. A", "A.z.example.org. A"];
    assert_eq!(order, [&apex[..], &below[..]].concat());
}

#[test]
fn transferred_records_follow_the_rules_of_a_file() {
    let zone = good("a A 192.0.2.1\n");
    let record = |owner: &str, rtype, rdata: RData| TransferredRecord { owner: name(owner), rtype, ttl: 1, rdata };
    let address = || RData::A("192.0.2.9".parse().unwrap());
    let text = RData::TXT(hickory_proto::rr::rdata::TXT::new(vec!["x".to_owned()]));
    let alias = RData::CNAME(hickory_proto::rr::rdata::CNAME(name("example.net").to_rr()));
    let unknown = |code: u16, octets: &[u8]| RData::Unknown {
        code: RecordType::from(code),
        rdata: hickory_proto::rr::rdata::NULL::with(octets.to_vec()),
    };
    for (more, word) in [
        (record("a.example.org", RecordType::CNAME, alias), "CNAME beside A"),
        (record("b.example.org", RecordType::A, text), "no data of A"),
        (record("b.example.org", RecordType::MX, unknown(15, &[0])), "no data of MX"),
    ] {
        let records = [transferred(&zone), vec![more]].concat();
        let (refused, report) = from_records(zone.origin(), records, Path::new("transfer"));
        assert!(refused.is_none());
        assert!(report.to_string().contains(word), "missing {word:?}: {report}");
        assert_eq!(report.errors().count(), 1, "{report}");
    }
    let outside = [transferred(&zone), vec![record("a.example.net", RecordType::A, address())]].concat();
    let (kept, report) = from_records(zone.origin(), outside, Path::new("transfer"));
    assert_eq!(content(&kept.unwrap()), content(&zone));
    assert_eq!(report.warnings().count(), 1, "{report}");
    let (none, report) = from_records(zone.origin(), Vec::new(), Path::new("transfer"));
    assert!(none.is_none());
    assert_eq!(report.errors().count(), 2, "{report}");
}

#[test]
fn a_repeated_soa_and_ttls_beyond_the_bound_are_taken_as_rfc_2181_says() {
    let zone = good("a A 192.0.2.1\n");
    let mut records = transferred(&zone);
    records.push(records[0].clone());
    records.iter_mut().for_each(|record| record.ttl |= 0x8000_0000);
    let (zone, report) = from_records(zone.origin(), records, Path::new("transfer"));
    assert!(report.is_empty(), "{report}");
    assert!(zone.unwrap().records().all(|(_, set)| set.ttl == 0 && set.rdata.len() == 1));
}

#[test]
fn a_zone_of_a_template_is_the_zone_that_its_text_makes() {
    let text = with_apex(
        "a MX 10 b\na SRV 1 1 1 b\na KX 10 b\na AFSDB 1 b\na RT 1 b\na PX 1 b c\na LP 10 b\na TALINK b c\na NSAP-PTR b\n\
         a IPSECKEY 10 3 2 b AQID\na IPSECKEY 10 1 2 192.0.2.1 AQID\na SVCB 1 b alpn=h2\na HTTPS 1 b\na RP b c\na MINFO b c\n\
         a NAPTR 1 1 \"\" \"\" \"\" b\na NSEC b A\na RRSIG A 13 3 60 20300101000000 20200101000000 1 b AQID\n\
         d DNAME b\ne CNAME b\nf PTR b\ng NS b\n",
    );
    let (template, report) = Template::load(&name("example.org"), Path::new("template"), &text, &Files::default());
    let zone = template.unwrap_or_else(|| panic!("{report}")).zone(name("hosted.example")).unwrap();
    let (alone, report) = load(&name("hosted.example"), Path::new("template"), &text, &Files::default());
    assert_eq!(content(&zone.standalone()), content(&alone.unwrap_or_else(|| panic!("{report}"))));
}

#[test]
fn a_zone_of_a_template_is_written_with_its_own_names() {
    let text = with_apex("a MX 10 mail.b\nb A 192.0.2.1\n");
    let (template, report) = Template::load(&name("example.org"), Path::new("template"), &text, &Files::default());
    let zone = template.unwrap_or_else(|| panic!("{report}")).zone(name("hosted.example")).unwrap();
    let (again, report) = load(zone.origin(), Path::new("again"), &write(&zone), &Files::default());
    assert_eq!(content(&again.unwrap_or_else(|| panic!("{report}"))), content(&zone.standalone()));
    assert!(write(&zone).contains("a.hosted.example.\t3600\tIN\tMX\t10 mail.b.hosted.example."), "{}", write(&zone));
}

/// A record on a line: any owner, and any data in the form of RFC 3597.
fn line() -> impl Strategy<Value = String> {
    let label = prop::collection::vec(any::<u8>(), 1..4);
    let owner = prop::collection::vec(label, 0..3).prop_map(|labels| {
        labels.iter().fold(name("example.org"), |name: Name, label| name.child(label).unwrap()).to_string()
    });
    let rtype = prop_oneof![1_u16..70, Just(99), Just(257), 250_u16..264, Just(65400)];
    let octets = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        // Data with names and strings in it.
        prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(3), Just(b'a'), Just(192)], 0..24),
    ];
    (owner, rtype, 0_u32..3, octets).prop_map(|(owner, rtype, ttl, octets)| {
        let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        format!("{owner} {ttl} TYPE{rtype} \\# {} {hex}\n", octets.len())
    })
}

proptest! {
    #[test]
    fn any_zone_comes_back(lines in prop::collection::vec(line(), 0..12)) {
        // What does not stand alone is left out.
        let alone: String = lines.into_iter().filter(|line| read(&with_apex(line)).0.is_some()).collect();
        if let (Some(zone), _) = read(&with_apex(&alone)) {
            assert_round_trips(&zone);
        }
    }
}
