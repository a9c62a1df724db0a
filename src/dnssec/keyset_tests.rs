//! Keysets as text and at moments. Broken, a zone is signed with the wrong key, or a private key ends in a log.

use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use data_encoding::BASE64;
use jiff::Timestamp;
use proptest::prelude::*;

use super::{AtParent, DnssecKey, Duty, End, KeptKey, KeyPhase, Keyset, KeysetError, TimesFault};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn kept(duty: Duty, published: i64, end: Option<(i64, i64)>) -> KeptKey {
    let document = DnssecKey::generate(&SystemRandom::new()).unwrap();
    let mut kept = KeptKey::new(&document, at(published), at(published), duty).unwrap();
    kept.end = end.map(|(retired, removed)| End { retired: at(retired), removed: at(removed) });
    kept
}

fn parent(offered: i64, ds: Option<i64>) -> AtParent {
    AtParent { offered: at(offered), ds: ds.map(at) }
}

fn csk(active: i64, offered: i64, ds: Option<i64>) -> Duty {
    Duty::Csk { active: at(active), parent: parent(offered, ds) }
}

fn tags(keys: &[std::sync::Arc<DnssecKey>]) -> Vec<u16> {
    keys.iter().map(|key| key.tag()).collect()
}

fn lists(phase: &KeyPhase) -> [Vec<u16>; 4] {
    [tags(&phase.published), tags(&phase.sign_keys), tags(&phase.sign_zone), tags(&phase.offered)]
}

fn read(text: &str) -> Result<Keyset, Vec<String>> {
    let file = Path::new("keys/example.org.keys");
    Keyset::parse(file, text).map_err(|faults| faults.iter().map(ToString::to_string).collect())
}

#[test]
fn what_is_written_is_read() {
    let keys = vec![
        kept(Duty::Ksk { parent: parent(10, Some(20)) }, 0, None),
        kept(Duty::Zsk { active: at(0) }, 0, Some((30, 40))),
        kept(Duty::Zsk { active: at(30) }, 5, None),
    ];
    let keyset = Keyset::new(keys).unwrap();
    let text = keyset.to_text();
    let again = read(&text).unwrap();
    assert_eq!(again.to_text(), text);
    for second in [0, 5, 10, 20, 30, 40] {
        assert_eq!(lists(&again.at(at(second))), lists(&keyset.at(at(second))));
    }
    assert!(text.contains("\nactive = 2027-01-15T08:00:30Z\n"), "{text}");
    // Times as texts, as other tools may write them.
    let quoted = text.replace("published = 2027-01-15T08:00:00Z", "published = \"2027-01-15T09:00:00+01:00\"");
    assert_eq!(read(&quoted).unwrap().to_text(), text);
}

#[test]
fn every_fault_is_named_with_its_line_and_without_the_key() {
    let text = Keyset::new(vec![kept(csk(0, 0, None), 0, None)]).unwrap().to_text();
    let private = text.lines().find_map(|line| line.strip_prefix("private = ")).unwrap().to_owned();
    let tag = text.lines().find(|line| line.starts_with("tag")).unwrap().to_owned();
    let published = "published = 2027-01-15T08:00:00Z";
    let cases: [(&str, &str, &str); 16] = [
        (published, "", "keys/example.org.keys:4:1: error: found [[key]] without published"),
        (published, "published = \"soon\"", "published that is no time"),
        (published, "published = 2027-01-15T08:00:00", "published that is no time"),
        (published, "published = 2026-01-15T08:00:00Z", "published before created"),
        (published, "published = 2027-01-16T08:00:00Z", "active before published"),
        ("role = \"csk\"", "role = \"king\"", ":5:8: error: found an unknown role; expected csk, ksk or zsk"),
        ("role = \"csk\"", "role = \"zsk\"", "offered of a zsk; expected none"),
        ("role = \"csk\"", "role = \"ksk\"", "active of a ksk"),
        ("algorithm = 13", "algorithm = 8", "an algorithm that is not supported; expected 13"),
        (&tag, "tag = 1", "a tag that is not that of the key"),
        (&tag, "tag = 65536", "a tag that is none"),
        ("[[key]]", "[[key]]\nretired = 2028-01-15T08:00:00Z", "only one of retired and removed"),
        ("[[key]]", "[[key]]\ncolour = 1", ":5:1: error: found unknown key colour in [[key]]"),
        ("[[key]]", "[key]", "[[key]]"),
        (&private, "\"AAAA\"", "private that is no key"),
        (&private, "\"!\"", "private that is no base64"),
    ];
    for (from, to, said) in cases {
        let broken = text.replacen(from, to, 1);
        assert_ne!(broken, text, "{from}");
        let faults = read(&broken).unwrap_err();
        let said = said.replace(" in [[key]]", "");
        assert!(faults.iter().any(|fault| fault.contains(&said)), "{said}: {faults:?}");
    }
    let broken = text.replacen("role = \"csk\"", "role = \"king\"\ncolour = 1", 1).replacen("13", "8", 1);
    assert_eq!(read(&broken).unwrap_err().len(), 3, "all faults in one run");
    assert!(read("").unwrap_err()[0].contains("no csk or ksk"), "an empty file");
    assert!(read("[[key]\n").unwrap_err()[0].contains(":1:"));
    assert!(read(&" ".repeat(1 << 20)).unwrap_err()[0].contains("too long"));
}

proptest! {
    /// However a file is damaged, what is said of it never holds as many as 12 characters of the key in a row.
    #[test]
    fn no_damage_brings_a_private_key_into_a_message(place in 0.0..1.0_f64, what in "[\"\n=\\[\\]#a ]{0,3}", cut in 0_usize..12) {
        let text = Keyset::new(vec![kept(csk(0, 0, None), 0, None)]).unwrap().to_text();
        let private = text.lines().find_map(|line| line.strip_prefix("private = ")).unwrap().trim_matches('"').to_owned();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let place = (place * text.len() as f64) as usize;
        let broken = format!("{}{what}{}", &text[..place], text.get(place + cut..).unwrap_or_default());
        let said = match read(&broken) {
            Ok(keyset) => format!("{keyset:?}"),
            Err(faults) => format!("{faults:?}"),
        };
        for start in 0..private.len() - 12 {
            prop_assert!(!said.contains(&private[start..start + 12]), "{said}");
        }
    }
}

#[test]
fn keys_do_not_show_themselves() {
    let keyset = Keyset::new(vec![kept(csk(0, 0, None), 0, None)]).unwrap();
    let document = &keyset.keys()[0].document.0;
    let shown = format!("{keyset:?} {:?}", keyset.at(at(0)));
    assert!(!shown.contains(&BASE64.encode(document)) && !shown.contains(&format!("{document:?}")), "{shown}");
    assert!(shown.contains("Document(..)"));
}

#[test]
fn only_keys_that_make_a_complete_set_of_signatures_are_a_keyset() {
    let ksk = || kept(Duty::Ksk { parent: parent(0, None) }, 0, None);
    let zsk = || kept(Duty::Zsk { active: at(0) }, 0, None);
    assert_eq!(Keyset::new(vec![zsk()]).err(), Some(KeysetError::NoEntry));
    assert_eq!(Keyset::new(vec![ksk()]).err(), Some(KeysetError::NoZoneKey));
    assert_eq!(Keyset::new((0..65).map(|_| zsk()).collect()).err(), Some(KeysetError::TooMany));
    let one = ksk();
    assert_eq!(Keyset::new(vec![one.clone(), zsk(), one.clone()]).err(), Some(KeysetError::Twice(one.key.tag())));
    assert!(Keyset::new(vec![ksk(), zsk()]).is_ok());
}

#[test]
fn each_key_is_used_in_its_time() {
    let old = kept(csk(0, 5, Some(6)), 0, Some((50, 60)));
    let new = kept(csk(30, 30, Some(40)), 20, None);
    let (a, b) = (old.key.tag(), new.key.tag());
    let keyset = Keyset::new(vec![old, new]).unwrap();
    let expected = [
        (0, [vec![a], vec![a], vec![a], vec![]]),
        // The old key's end is known, so that the parent is not asked for it.
        (5, [vec![a], vec![a], vec![a], vec![]]),
        (20, [vec![a, b], vec![a, b], vec![a], vec![]]),
        (30, [vec![a, b], vec![a, b], vec![b], vec![b]]),
        (50, [vec![a, b], vec![b], vec![b], vec![b]]),
        (60, [vec![b], vec![b], vec![b], vec![b]]),
    ];
    for (second, lists_then) in expected {
        assert_eq!(lists(&keyset.at(at(second))), lists_then, "at {second}");
        assert_eq!(keyset.faults(at(second)), [], "at {second}");
    }
    let mut moments = vec![at(-1)];
    while let Some(next) = keyset.next_change(*moments.last().unwrap()) {
        moments.push(next);
    }
    assert_eq!(moments[1..], [0, 5, 6, 20, 30, 40, 50, 60].map(at));
}

#[test]
fn a_zone_is_never_left_without_a_signature() {
    // All over: the parent still points to the first one.
    let known = kept(csk(0, 0, Some(1)), 0, Some((50, 60)));
    let unknown = kept(csk(0, 0, None), 0, Some((50, 60)));
    let (a, b) = (known.key.tag(), unknown.key.tag());
    let keyset = Keyset::new(vec![known, unknown]).unwrap();
    assert_eq!(lists(&keyset.at(at(100))), [vec![a], vec![a], vec![a], vec![]]);
    assert_eq!(keyset.faults(at(100)), [TimesFault::NoEntry(a), TimesFault::NoZoneKey(a)]);
    assert!(lists(&keyset.at(at(0)))[0].contains(&b));

    // Nothing has begun: the clock is wrong, or the times are.
    let later = kept(csk(1_000, 1_000, None), 1_000, None);
    let latest = kept(csk(2_000, 2_000, None), 2_000, None);
    let a = later.key.tag();
    let keyset = Keyset::new(vec![later, latest]).unwrap();
    assert_eq!(lists(&keyset.at(at(0))), [vec![a], vec![a], vec![a], vec![]]);
    assert_eq!(keyset.faults(at(0)).len(), 2);

    // Retired by hand while the parent points to it only.
    let old = kept(csk(0, 0, Some(1)), 0, Some((10, 20)));
    let new = kept(csk(5, 5, None), 5, None);
    let (a, b) = (old.key.tag(), new.key.tag());
    let keyset = Keyset::new(vec![old, new]).unwrap();
    assert_eq!(lists(&keyset.at(at(100))), [vec![a, b], vec![b, a], vec![b], vec![b]]);
    assert_eq!(keyset.faults(at(100)), [TimesFault::ParentPointsBack(a)]);
}

/// A time from none of the moments to all orders of them.
fn moment() -> impl Strategy<Value = i64> {
    0_i64..100
}

proptest! {
    #[test]
    fn at_every_moment_there_is_a_complete_set_of_signatures(
        times in proptest::collection::vec((moment(), moment(), moment(), proptest::option::of(moment()), proptest::option::of((moment(), moment())), 0..3), 1..6),
        now in -10_i64..120,
    ) {
        let keys = times.into_iter().map(|(published, active, offered, ds, end, role)| {
            let duty = match role {
                0 => csk(active, offered, ds),
                1 => Duty::Ksk { parent: parent(offered, ds) },
                _ => Duty::Zsk { active: at(active) },
            };
            kept(duty, published, end)
        });
        let Ok(keyset) = Keyset::new(keys.collect()) else { return Ok(()) };
        let phase = keyset.at(at(now));
        let [published, sign_keys, sign_zone, offered] = lists(&phase);
        prop_assert!(!sign_keys.is_empty() && sign_zone.len() == 1);
        for tag in sign_keys.iter().chain(&sign_zone).chain(&offered) {
            prop_assert!(published.contains(tag));
        }
        prop_assert!(offered.iter().all(|tag| sign_keys.contains(tag)), "the parent would point to a key that does not sign");
        // Until the next change nothing changes.
        if let Some(next) = keyset.next_change(at(now)) {
            prop_assert_eq!(lists(&keyset.at(next - jiff::SignedDuration::from_nanos(1))), lists(&phase));
        } else {
            prop_assert_eq!(lists(&keyset.at(at(1_000_000))), lists(&phase));
        }
    }
}
