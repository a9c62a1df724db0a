//! Sealed records. Broken, whoever reads or writes the shared store learns or forges the secrets of all nodes.

use proptest::prelude::*;

use super::sealed::*;

/// The keys of a key file with one line for each of `octets`.
fn keys(octets: &[u8]) -> ClusterKeys {
    let lines: Vec<String> = octets.iter().map(|octet| data_encoding::BASE64.encode(&[*octet; 32])).collect();
    ClusterKeys::parse(&lines.join("\n")).unwrap()
}

fn text(text: &str) -> SecretText {
    SecretText::new(text)
}

#[test]
fn what_is_sealed_opens_under_the_same_name_and_key() {
    let sealed = keys(b"a").seal("cookies", 7, "ns1", Some(&text("00ff\n"))).unwrap();
    let opened = keys(b"a").open("cookies", &sealed).unwrap();
    assert_eq!(opened, Opened { version: 7, node: "ns1".into(), text: Some(text("00ff\n")) });
    let gone = keys(b"a").seal("cookies", 8, "ns2", None).unwrap();
    assert_eq!(keys(b"a").open("cookies", &gone).unwrap().text, None);
    assert_ne!(sealed, keys(b"a").seal("cookies", 7, "ns1", Some(&text("00ff\n"))).unwrap(), "the nonce is random");
}

#[test]
fn a_record_shows_neither_text_nor_digest_nor_key() {
    let secret = "canary-of-a-secret";
    let sealed = keys(b"a").seal("cookies", 7, "ns1", Some(&text(secret))).unwrap();
    let shown = String::from_utf8(sealed).unwrap();
    let digest = String::from(super::mirror::Digest::of(secret));
    for hidden in [secret, &data_encoding::BASE64.encode(secret.as_bytes()), &digest, "ns1", "YWFh"] {
        assert!(!shown.contains(hidden), "{hidden}: {shown}");
    }
    assert!(shown.contains(keys(b"a").id()) && shown.contains("\"version\":7"));
}

#[test]
fn no_record_opens_in_the_place_of_another() {
    let keys = keys(b"a");
    let sealed = keys.seal("dnssec/a.example", 7, "ns1", Some(&text("x"))).unwrap();
    assert_eq!(keys.open("dnssec/b.example", &sealed), Err(OpenError::Damaged { version: 7 }));
    let newer = String::from_utf8(sealed).unwrap().replace("\"version\":7", "\"version\":9");
    assert_eq!(keys.open("dnssec/a.example", newer.as_bytes()), Err(OpenError::Damaged { version: 9 }));
}

#[test]
fn another_key_is_told_from_damage() {
    let sealed = keys(b"a").seal("cookies", 7, "ns1", Some(&text("x"))).unwrap();
    let refused = keys(b"b").open("cookies", &sealed).unwrap_err();
    assert_eq!(refused, OpenError::OtherKey { version: 7, key: keys(b"a").id().to_owned() });
    assert!(refused.to_string().contains("sealed under another key"));
    for foreign in [&b""[..], b"{}", b"\xff", &vec![b'x'; RECORD_OCTETS + 1]] {
        assert_eq!(keys(b"a").open("cookies", foreign), Err(OpenError::Foreign));
    }
    let later = String::from_utf8(sealed.clone()).unwrap().replace("sealed/1", "sealed/2");
    assert_eq!(keys(b"a").open("cookies", later.as_bytes()), Err(OpenError::Foreign));
    let words = String::from_utf8(sealed).unwrap().replace(keys(b"a").id(), "a word\\u001b[2J");
    assert_eq!(keys(b"a").open("cookies", words.as_bytes()), Err(OpenError::Damaged { version: 7 }));
}

#[test]
fn the_first_key_seals_and_all_open() {
    let before = keys(b"a").seal("cookies", 1, "ns1", Some(&text("x"))).unwrap();
    let turning = keys(b"ba");
    assert_eq!(turning.open("cookies", &before).unwrap().version, 1);
    let after = turning.seal("cookies", 2, "ns1", Some(&text("x"))).unwrap();
    assert_eq!(keys(b"b").open("cookies", &after).unwrap().version, 2);
    assert!(matches!(keys(b"a").open("cookies", &after), Err(OpenError::OtherKey { version: 2, .. })));
}

#[test]
fn key_files_are_read_strictly_and_never_repeated() {
    let line = data_encoding::BASE64.encode(&[7; 32]);
    let short = data_encoding::BASE64.encode(&[7; 31]);
    for (file, fault) in [
        (String::new(), KeyFileFault::Empty),
        ("\n \n".into(), KeyFileFault::Empty),
        (format!("{line}\n{short}\n"), KeyFileFault::NoKey { line: 2 }),
        (format!("\n{line} {line}"), KeyFileFault::NoKey { line: 2 }),
        (format!("{line}\n").repeat(4), KeyFileFault::TooMany { line: 4 }),
    ] {
        let found = ClusterKeys::parse(&file).unwrap_err();
        assert_eq!(found, fault);
        assert!(!found.to_string().contains(&short));
    }
    let (one, other) = (ClusterKeys::generate().unwrap(), ClusterKeys::generate().unwrap());
    assert_ne!(one.reveal(), other.reveal());
    assert_eq!(one.reveal().len(), 45);
    let keys = ClusterKeys::parse(one.reveal()).unwrap();
    assert_eq!((keys.id().len(), format!("{keys:?}{one:?}")), (16, "ClusterKeys(..)SecretText(..)".to_owned()));
}

#[test]
fn a_record_has_a_bound_and_the_largest_keyset_in_use_fits() {
    let keys = keys(b"a");
    // Sixty keys of 500 octets.
    let long = text(&"private = \"0123456789\"\n".repeat(1_300));
    let record = keys.seal("dnssec/example.org", 1, "ns1", Some(&long)).unwrap();
    assert!(record.len() <= RECORD_OCTETS);
    assert_eq!(keys.open("dnssec/example.org", &record).unwrap().text, Some(long));
    let longer = text(&"x".repeat(60_000));
    assert_eq!(keys.seal("x", 1, "ns1", Some(&longer)), Err(SealError::TooLong { octets: 60_000 }));
}

proptest! {
    /// Whatever is done to a record, it opens as what was sealed or not at all.
    #[test]
    fn a_changed_record_never_opens_as_something_else(at in any::<prop::sample::Index>(), mask in 1..=255_u8) {
        let keys = keys(b"a");
        let mut record = keys.seal("cookies", 7, "ns1", Some(&text("a secret"))).unwrap();
        let sealed = keys.open("cookies", &record).unwrap();
        let place = at.index(record.len());
        record[place] ^= mask;
        if let Ok(opened) = keys.open("cookies", &record) {
            prop_assert_eq!(opened, sealed);
        }
    }

    #[test]
    fn octets_from_anywhere_are_refused(record in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(keys(b"a").open("cookies", &record).is_err());
    }
}
