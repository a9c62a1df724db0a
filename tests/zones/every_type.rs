//! A zone with every type is to us what it is to BIND and ldns, octet for octet.

use waypost::zone::write;

use super::programs::{checkzone, generic, has, ldns, read};

const ALL: &str = include_str!("all_types.zone");
/// Types in `all_types.zone`.
const TYPES: usize = 58;

#[test]
fn bind_reads_the_same_octets_from_the_file_and_from_us() {
    if !has("named-checkzone") {
        return;
    }
    let (zone, report) = read(ALL);
    let zone = zone.unwrap_or_else(|| panic!("{report}"));
    assert!(report.is_empty(), "{report}");
    let of_file = checkzone(ALL).unwrap();
    for text in [generic(&zone), write(&zone)] {
        let of_ours = checkzone(&text).unwrap_or_else(|said| panic!("{said}\n{text}"));
        let different = |one: &[String], other: &[String]| -> Vec<String> {
            one.iter().filter(|line| !other.contains(line)).cloned().collect()
        };
        let (lost, added) = (different(&of_file, &of_ours), different(&of_ours, &of_file));
        assert!(lost.is_empty() && added.is_empty(), "lost {lost:#?}\nadded {added:#?}");
        assert_eq!(of_ours.len(), of_file.len());
    }
    let mut types: Vec<u16> = zone.records().map(|(_, set)| u16::from(set.rtype)).collect();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), TYPES);
    println!("{} records of {} types are the same in BIND", of_file.len(), types.len());
}

#[test]
fn ldns_reads_the_same_from_the_file_and_from_us() {
    if !has("ldns-read-zone") {
        return;
    }
    // Directives and mnemonics of BIND, a class before the TTL, types that ldns has in RFC 3597's form
    // only, and a name that it does not take as relative.
    let lacks = ["$GENERATE", "SHA-256", "IN 60", "KEY   512", "NINFO", "AVC", "IPSECKEY 10 3"];
    let known: Vec<&str> = ALL.lines().filter(|line| !lacks.iter().any(|word| line.contains(word))).collect();
    let known = known.join("\n");
    let (zone, report) = read(&known);
    let zone = zone.unwrap_or_else(|| panic!("{report}"));
    assert_eq!(ldns(&generic(&zone)), ldns(&known));
}
