//! dig and kdig transfer the zone.

use std::collections::BTreeSet;

use crate::primary::{Primary, SECRET, key_argument, local_rule, policy, xfer, zone};
use crate::programs::{ask, has};
use crate::support::ZONE;
use waypost::model::ZonePolicy;

/// Records that dig or kdig printed, in one form, without comments.
fn records(output: &str) -> Vec<String> {
    let lines = output.lines().filter(|line| !line.starts_with(';') && !line.trim().is_empty());
    let form = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    lines.filter(|line| !line.contains("TSIG")).map(form).collect()
}

fn primary() -> Primary {
    Primary::start(vec![zone("example.org", ZONE, &policy())])
}

#[test]
fn the_declared_zone_comes_whole_with_every_algorithm() {
    if !has(&["dig", "kdig"]) {
        return;
    }
    let primary = primary();
    let mut seen = BTreeSet::new();
    for (algorithm, name) in [("hmac-sha256", "xfer"), ("hmac-sha384", "xfer-384"), ("hmac-sha512", "xfer-512")] {
        let key = key_argument(algorithm, name, SECRET);
        for program in ["dig", "kdig"] {
            let output = ask(program, &primary, &["-y", &key, "example.org", "AXFR"]);
            assert!(!output.contains("verify") && !output.contains("BADSIG"), "{program} {name}: {output}");
            assert!(output.contains("TSIG"), "the reply is signed: {output}");
            let records = records(&output);
            assert_eq!(records.len(), ZONE.lines().count(), "{output}");
            assert!(records[0].contains("soa") && records[0] == *records.last().unwrap(), "{records:?}");
            // Nothing is steered: the addresses of the site that is down are there.
            assert!(records.contains(&"mail.example.org. 3600 in a 192.0.2.20".to_owned()), "{records:?}");
            assert!(records.contains(&"ns.sub.example.org. 3600 in a 203.0.113.83".to_owned()), "glue: {records:?}");
            seen.insert(records);
        }
    }
    assert_eq!(seen.len(), 1, "all saw the same");
    assert_eq!(primary.transfers("complete"), 6);
    let steered = ask("dig", &primary, &["+short", "mail.example.org", "A"]);
    assert_eq!(steered.trim(), "198.51.100.20");
}

#[test]
fn whoever_may_without_a_key_needs_none() {
    if !has(&["dig", "kdig"]) {
        return;
    }
    let open = ZonePolicy { transfer: vec![local_rule(None)], ..ZonePolicy::default() };
    let primary = Primary::start(vec![zone("example.org", ZONE, &open)]);
    for more in [&[][..], &["-y", &xfer()]] {
        let output = ask("kdig", &primary, &[more, &["example.org", "AXFR"]].concat());
        assert_eq!(records(&output).len(), ZONE.lines().count(), "{output}");
    }
}

#[test]
fn incremental_transfers_are_the_soa_or_the_whole_zone() {
    if !has(&["dig", "kdig"]) {
        return;
    }
    let text = ZONE.replace("hostmaster 1 ", "hostmaster 5 ");
    let primary = Primary::start(vec![zone("example.org", &text, &policy())]);
    let whole = ZONE.lines().count();
    for (serial, count) in [(5, 1), (6, 1), (4, whole), (4_000_000_000_u32, whole)] {
        let question = format!("IXFR={serial}");
        for program in ["dig", "kdig"] {
            let output = ask(program, &primary, &["-y", &xfer(), "example.org", &question]);
            assert_eq!(records(&output).len(), count, "{program} {question}: {output}");
            assert!(!output.contains("verify"), "{output}");
        }
    }
    // Over UDP only the SOA comes, whatever the client has (RFC 1995 section 4).
    let output = ask("dig", &primary, &["+notcp", "-y", &xfer(), "example.org", "IXFR=4"]);
    let records = records(&output);
    assert!(records.len() == 1 && records[0].contains(" 5 7200 "), "{output}");
    assert_eq!((primary.transfers("soa"), primary.transfers("complete")), (5, 4));
}

#[test]
fn a_large_zone_takes_many_messages() {
    if !has(&["dig", "kdig"]) {
        return;
    }
    let text = format!("{ZONE}$GENERATE 1-20000 host$ A 192.0.2.53\n");
    let primary = Primary::start(vec![zone("example.org", &text, &policy())]);
    for program in ["dig", "kdig"] {
        let output = ask(program, &primary, &["-y", &xfer(), "example.org", "AXFR"]);
        assert!(!output.contains("verify"), "every message is signed");
        assert_eq!(records(&output).len(), ZONE.lines().count() + 20_000);
        assert!(output.to_lowercase().contains("messages"), "{}", &output[output.len() - 400..]);
    }
}

#[test]
fn a_connection_serves_queries_after_a_transfer() {
    if !has(&["kdig"]) {
        return;
    }
    let primary = primary();
    let output =
        ask("kdig", &primary, &["+tcp", "+keepopen", "-y", &xfer(), "example.org", "AXFR", "www.example.org", "A"]);
    assert!(output.contains("203.0.113.80") && output.matches("SOA").count() >= 2, "{output}");
}
