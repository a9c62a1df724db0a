//! A zone with every record type comes out of a transfer as it went into the file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use waypost::model::Name;
use waypost::zone::Zone;

use crate::primary::{Primary, policy, xfer, zone};
use crate::programs::{ask, has, output};

const ALL_TYPES: &str = include_str!("../zones/all_types.zone");
/// What ldns knows, and says in one way: the rest is compared by our own reader above.
const PLAIN: &str = r#"$ORIGIN example.org.
$TTL 1h
@           SOA   ns1 hostmaster ( 2026010101 2h 15m 2w 1h )
            NS    ns1
            NS    ns.example.net.
            MX    10 mx
            TXT   "v=spf1 mx -all" "second string"
            CAA   0 issue "ca.example.net"
            DNSKEY 257 3 13 GojIhhXUN4u54v54ToQmj/Ba+0PZPqKzA3nWFg6bMxTr4vAFkBrXf9BTOgMHdv0uEDeMcwO6jXmQ/8p3E0H4bA==
            HINFO "PC" "Linux"
            RP    hostmaster contact
            LOC   52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
contact     TXT   "call us"
ns1         A     192.0.2.1
            AAAA  2001:db8::1
mx  60      A     192.0.2.2
www         CNAME mx
old         DNAME example.net.
*.wild      TXT   "wildcard"
sub         NS    ns.sub
            DS    60485 15 2 2BB183AF5F22588179A53B0A98631FAD1A292118AABBCCDDEEFF001122334455
ns.sub      A     192.0.2.53
hidden.sub  TXT   "occluded"
_25._tcp.mx TLSA  3 1 1 0D6FCE13243AA70D6FCE13243AA70D6FCE13243AA70D6FCE13243AA70D6FCE13
_imaps._tcp SRV   0 1 993 mx
_x._udp     NAPTR 100 10 "U" "E2U+sip" "!^.*$!sip:info@example.org!" .
1.2.0       PTR   mx
host        SSHFP 4 2 123456789ABCDEF67890123456789ABCDEF67890123456789ABCDEF123456789
            AFSDB 1 mx
            KX    10 mx
            EUI48 00-00-5e-00-53-2a
            TYPE65400 \# 3 0a0b0c
UPPER       TXT   "Case"
"#;

/// A master file as `ldns-read-zone -c` says it: canonical, one record a line; sorted, each once.
fn canonical(directory: &Path, text: &str) -> Vec<String> {
    let file = directory.join("zone");
    fs::write(&file, text).unwrap();
    let said = output("ldns-read-zone", &["-c", file.to_str().unwrap()]);
    assert!(!said.contains("rror"), "{said}");
    let mut lines: Vec<String> = said.lines().map(|line| line.replace('\t', " ").trim().to_owned()).collect();
    lines.sort();
    lines.dedup();
    lines
}

#[test]
fn ldns_reads_the_same_from_the_file_and_from_the_transfer() {
    if !has(&["dig", "kdig", "ldns-read-zone"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let primary = Primary::start(vec![zone("example.org", PLAIN, &policy())]);
    let declared = canonical(directory.path(), PLAIN);
    assert!(declared.len() > 30, "{declared:#?}");
    for program in ["dig", "kdig"] {
        let transferred = ask(program, &primary, &["+noall", "+answer", "-y", &xfer(), "example.org", "AXFR"]);
        let lines: Vec<_> = transferred.lines().filter(|line| !line.contains("TSIG")).collect();
        // The SOA comes twice, and ldns takes one.
        let once = lines[..lines.len() - 1].join("\n") + "\n";
        assert_eq!(canonical(directory.path(), &once), declared, "{program}");
    }
}

/// Owners and RRsets with their order left out.
fn content(zone: &Zone) -> BTreeMap<(Name, u16), (u32, Vec<String>)> {
    let sets = zone.records().map(|(node, set)| {
        let mut rdata: Vec<String> = set.rdata.iter().map(|data| format!("{data:?}").to_lowercase()).collect();
        rdata.sort();
        ((node.owner.clone(), u16::from(set.rtype)), (set.ttl, rdata))
    });
    sets.collect()
}

#[test]
fn every_record_type_survives_the_transfer() {
    if !has(&["dig"]) {
        return;
    }
    let declared = zone("example.org", ALL_TYPES, &policy());
    let primary = Primary::start(vec![declared.clone()]);
    // In words, and in octets, where nobody's way of reading takes part.
    for form in ["+nounknownformat", "+unknownformat"] {
        let said = ask("dig", &primary, &["+noall", "+answer", form, "-y", &xfer(), "example.org", "AXFR"]);
        let lines: Vec<_> = said.lines().filter(|line| !line.contains("TSIG")).collect();
        let types: BTreeSet<_> = lines.iter().filter_map(|line| line.split_whitespace().nth(3)).collect();
        assert!(types.len() > 55, "{types:?}");
        let transferred = zone("example.org", &(lines.join("\n") + "\n"), &policy());
        let (ours, theirs) = (content(&declared), content(&transferred));
        for (at, set) in &ours {
            assert_eq!(theirs.get(at), Some(set), "{form}: {at:?}");
        }
        assert_eq!(ours.len(), theirs.len());
    }
}
