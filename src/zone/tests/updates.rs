//! RFC 2136: prerequisites, updates, and what a key may not do. Broken, a client with the key of one challenge could
//! rewrite the zone, or a certificate would never come.

use std::sync::Arc;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{DNSClass, RData, Record, RecordType};
use proptest::prelude::*;

use super::{good, name, node};
use crate::model::{Name, SerialPolicy, UpdateRule, ZonePolicy};
use crate::zone::{Overlay, Update, Zone, write};

const FILE: &str = "www 300 A 192.0.2.1\nwww 300 A 192.0.2.2\nalias 300 CNAME www\ntext 300 TXT declared\n\
    a.b.deep 300 TXT x\nmx 300 MX 10 www\nmx 300 TXT beside\n*.wild 300 TXT star\n";

fn policy() -> Arc<ZonePolicy> {
    let rule = |key: &str, names: &[&str], types: &[RecordType]| UpdateRule {
        key: name(key),
        names: names.iter().map(|owner| name(&format!("{owner}.example.org"))).collect(),
        types: types.to_vec(),
    };
    let update = vec![
        rule("acme", &["_acme-challenge.mx", "text", "new.ent"], &[RecordType::TXT]),
        rule(
            "hosts",
            &["www", "alias", "mx", "text", "a.b.deep"],
            &[RecordType::A, RecordType::CNAME, RecordType::TXT],
        ),
    ];
    Arc::new(ZonePolicy { update, ..ZonePolicy::default() })
}

fn zone() -> Zone {
    let (zone, state) = good(FILE).with_policy(policy()).settled("example.org.", None, 0);
    assert_eq!((zone.serial(), state), (1, None));
    zone
}

fn full(owner: &str) -> Name {
    if owner == "@" { name("example.org") } else { name(&format!("{owner}.example.org")) }
}

fn record(owner: &Name, class: DNSClass, ttl: u32, data: RData) -> Record {
    let mut record = Record::from_rdata(owner.to_rr(), ttl, data);
    record.dns_class = class;
    record
}

fn txt(text: &str) -> RData {
    RData::TXT(hickory_proto::rr::rdata::TXT::new(vec![text.to_owned()]))
}

fn a(address: &str) -> RData {
    RData::A(address.parse::<std::net::Ipv4Addr>().unwrap().into())
}

fn cname(target: &str) -> RData {
    RData::CNAME(hickory_proto::rr::rdata::CNAME(full(target).to_rr()))
}

fn add(owner: &str, ttl: u32, data: RData) -> Record {
    record(&full(owner), DNSClass::IN, ttl, data)
}

fn delete(owner: &str, data: RData) -> Record {
    record(&full(owner), DNSClass::NONE, 0, data)
}

fn none(owner: &str, rtype: RecordType) -> Record {
    record(&full(owner), DNSClass::NONE, 0, RData::Update0(rtype))
}

fn any(owner: &str, rtype: RecordType) -> Record {
    record(&full(owner), DNSClass::ANY, 0, RData::Update0(rtype))
}

fn present(owner: &str, data: RData) -> Record {
    record(&full(owner), DNSClass::IN, 0, data)
}

/// The zone after `updates` of `key`, with its serial raised; itself where nothing changes.
fn updated(zone: &Zone, key: &str, prerequisites: &[Record], updates: &[Record]) -> Result<Zone, ResponseCode> {
    let key = name(key);
    let done = zone.updated(Update { key: &key, prerequisites, updates })?;
    Ok(done.map_or_else(|| zone.clone(), |done| done.zone.raised("example.org.", zone.serial(), 0).0))
}

/// The zone as written, with its serial as declared.
fn content(zone: &Zone) -> String {
    let line = |line: &str| line.replace(&format!(" {} 7200 ", zone.serial()), " 1 7200 ");
    write(zone).lines().map(|text| if text.contains("\tSOA\t") { line(text) } else { text.to_owned() } + "\n").collect()
}

fn texts(zone: &Zone, owner: &str) -> Vec<String> {
    let node = zone.node(&full(owner).key());
    let sets = node.into_iter().flat_map(|node| node.rrsets().to_vec());
    sets.flat_map(|set| set.rdata.into_iter().map(move |data| format!("{} {} {data}", set.ttl, set.rtype))).collect()
}

#[test]
fn a_challenge_comes_and_goes() {
    let before = zone();
    let challenge = "_acme-challenge.mx";
    let zone = updated(&before, "acme", &[], &[add(challenge, 60, txt("one"))]).unwrap();
    assert_eq!((zone.serial(), zone.declared_serial()), (2, 1));
    assert_eq!(texts(&zone, challenge), ["60 TXT one"]);
    let twice = updated(&zone, "acme", &[], &[add(challenge, 60, txt("two"))]).unwrap();
    assert_eq!(texts(&twice, challenge), ["60 TXT one", "60 TXT two"]);
    let same = updated(&twice, "acme", &[], &[add(challenge, 60, txt("one"))]).unwrap();
    assert_eq!(same.serial(), 3, "nothing changed");
    let gone = updated(&twice, "acme", &[], &[any(challenge, RecordType::TXT)]).unwrap();
    assert_eq!(gone.serial(), 4);
    assert!(gone.overlay().is_empty() && gone.node(&full(challenge).key()).is_none());
    assert_eq!(content(&gone), content(&before));
}

#[test]
fn every_prerequisite_has_its_rcode() {
    let zone = zone();
    let outside = |class, data| record(&name("example.net"), class, 0, data);
    let with_ttl = |mut record: Record| {
        record.ttl = 1;
        record
    };
    let any_type = RecordType::ANY;
    let rows: Vec<(Vec<Record>, Option<ResponseCode>)> = vec![
        (vec![any("www", any_type)], None),
        (vec![any("nowhere", any_type)], Some(ResponseCode::NXDomain)),
        // A name that only leads to others owns nothing.
        (vec![any("b.deep", any_type)], Some(ResponseCode::NXDomain)),
        (vec![none("nowhere", any_type)], None),
        (vec![none("b.deep", any_type)], None),
        (vec![none("WWW", any_type)], Some(ResponseCode::YXDomain)),
        (vec![any("www", RecordType::A)], None),
        (vec![any("www", RecordType::AAAA)], Some(ResponseCode::NXRRSet)),
        (vec![any("nowhere", RecordType::A)], Some(ResponseCode::NXRRSet)),
        (vec![none("www", RecordType::AAAA)], None),
        (vec![none("www", RecordType::A)], Some(ResponseCode::YXRRSet)),
        (vec![present("www", a("192.0.2.2")), present("WWW", a("192.0.2.1"))], None),
        (vec![present("www", a("192.0.2.2"))], Some(ResponseCode::NXRRSet)),
        (vec![present("www", a("192.0.2.2")), present("www", a("192.0.2.3"))], Some(ResponseCode::NXRRSet)),
        (vec![present("text", txt("declared"))], None),
        (vec![present("text", txt("Declared"))], Some(ResponseCode::NXRRSet)),
        // A wildcard is a name like others here.
        (vec![any("x.wild", RecordType::TXT)], Some(ResponseCode::NXRRSet)),
        (vec![outside(DNSClass::ANY, RData::Update0(any_type))], Some(ResponseCode::NotZone)),
        (vec![with_ttl(any("www", any_type))], Some(ResponseCode::FormErr)),
        (vec![record(&full("www"), DNSClass::ANY, 0, a("192.0.2.1"))], Some(ResponseCode::FormErr)),
        (vec![delete("www", a("192.0.2.1"))], Some(ResponseCode::FormErr)),
        (vec![record(&full("www"), DNSClass::CH, 0, a("192.0.2.1"))], Some(ResponseCode::FormErr)),
        (vec![present("www", RData::Update0(RecordType::A))], Some(ResponseCode::FormErr)),
        (vec![any("www", RecordType::AXFR)], Some(ResponseCode::FormErr)),
    ];
    for (prerequisites, rcode) in rows {
        let done = updated(&zone, "acme", &prerequisites, &[add("_acme-challenge.mx", 60, txt("x"))]);
        assert_eq!(done.as_ref().err(), rcode.as_ref(), "{prerequisites:?}");
        assert!(done.is_err() || done.unwrap().serial() == 2);
    }
}

#[test]
fn what_is_malformed_outside_or_not_allowed_changes_nothing() {
    let zone = zone();
    let rows: Vec<(&str, Record, ResponseCode)> = vec![
        ("acme", add("www", 60, txt("x")), ResponseCode::Refused),
        ("acme", add("_acme-challenge.mx", 60, a("192.0.2.9")), ResponseCode::Refused),
        ("acme", add("x._acme-challenge.mx", 60, txt("x")), ResponseCode::Refused),
        ("acme", any("mx", RecordType::ANY), ResponseCode::Refused),
        ("acme", any("@", RecordType::ANY), ResponseCode::Refused),
        ("hosts", any("mx", RecordType::ANY), ResponseCode::Refused),
        ("hosts", any("@", RecordType::SOA), ResponseCode::Refused),
        ("hosts", any("@", RecordType::NS), ResponseCode::Refused),
        ("hosts", add("_acme-challenge.mx", 60, txt("x")), ResponseCode::Refused),
        ("nobody", add("_acme-challenge.mx", 60, txt("x")), ResponseCode::Refused),
        ("acme", record(&name("example.net"), DNSClass::IN, 60, txt("x")), ResponseCode::NotZone),
        ("acme", record(&name("org"), DNSClass::ANY, 0, RData::Update0(RecordType::ANY)), ResponseCode::NotZone),
        ("acme", add("text", 60, RData::Update0(RecordType::TXT)), ResponseCode::FormErr),
        ("acme", record(&full("text"), DNSClass::ANY, 0, txt("x")), ResponseCode::FormErr),
        ("acme", record(&full("text"), DNSClass::ANY, 5, RData::Update0(RecordType::TXT)), ResponseCode::FormErr),
        ("acme", record(&full("text"), DNSClass::NONE, 5, txt("x")), ResponseCode::FormErr),
        ("acme", none("text", RecordType::TXT), ResponseCode::FormErr),
        ("acme", none("text", RecordType::ANY), ResponseCode::FormErr),
        ("acme", any("text", RecordType::AXFR), ResponseCode::FormErr),
        ("acme", record(&full("text"), DNSClass::CH, 60, txt("x")), ResponseCode::FormErr),
    ];
    for (key, bad, rcode) in rows {
        let good = add("text", 60, txt("first"));
        let done = updated(&zone, key, &[], &[good, bad.clone()]);
        // The good one is not made either; for keys that may not make it, it is refused itself.
        let refused = done.err();
        assert!(
            refused == Some(rcode) || (key == "nobody" && refused == Some(ResponseCode::Refused)),
            "{bad:?} {refused:?}"
        );
    }
}

#[test]
fn declared_sets_are_added_to_replaced_and_deleted() {
    let before = zone();
    let more = updated(&before, "hosts", &[], &[add("www", 60, a("192.0.2.3"))]).unwrap();
    assert_eq!(texts(&more, "www"), ["60 A 192.0.2.1", "60 A 192.0.2.2", "60 A 192.0.2.3"]);
    let fewer =
        updated(&before, "hosts", &[], &[delete("www", a("192.0.2.1")), delete("www", a("192.0.2.7"))]).unwrap();
    assert_eq!(texts(&fewer, "www"), ["300 A 192.0.2.2"]);
    let replaced = [any("text", RecordType::TXT), add("text", 30, txt("other"))];
    assert_eq!(texts(&updated(&before, "acme", &[], &replaced).unwrap(), "text"), ["30 TXT other"]);
    let gone = updated(&before, "hosts", &[], &[any("a.b.deep", RecordType::ANY)]).unwrap();
    assert!(["a.b.deep", "b.deep", "deep"].iter().all(|owner| gone.node(&full(owner).key()).is_none()));
    let back = updated(&gone, "hosts", &[], &[add("a.b.deep", 300, txt("x"))]).unwrap();
    assert!(back.overlay().is_empty(), "as declared again");
    assert_eq!(content(&back), content(&before));
    assert_eq!(back.serial(), 3);
    let bare = updated(&before, "hosts", &[], &[any("www", RecordType::ANY), any("www", RecordType::A)]).unwrap();
    assert!(node(&bare, "www.example.org").is_none());
    assert!(
        updated(&before, "hosts", &[], &[delete("text", txt("nothing of it")), any("www", RecordType::TXT)])
            .unwrap()
            .serial()
            == 1
    );
}

#[test]
fn names_on_the_way_to_a_record_come_and_go_with_it() {
    let zone = updated(&zone(), "acme", &[], &[add("new.ent", 60, txt("x"))]).unwrap();
    assert_eq!(zone.node(&full("ent").key()).unwrap().rrsets().len(), 0);
    let zone = updated(&zone, "acme", &[], &[delete("new.ent", txt("x"))]).unwrap();
    assert!(zone.node(&full("ent").key()).is_none());
}

#[test]
fn aliases_and_other_records_keep_out_of_each_others_way() {
    let before = zone();
    let ignored = [add("alias", 60, a("192.0.2.9")), add("www", 60, cname("mx")), add("mx", 60, cname("www"))];
    assert_eq!(updated(&before, "hosts", &[], &ignored).unwrap().serial(), 1);
    let moved = updated(&before, "hosts", &[], &[add("alias", 60, cname("mx"))]).unwrap();
    assert_eq!(texts(&moved, "alias"), ["60 CNAME mx.example.org."]);
    let swapped = [any("alias", RecordType::CNAME), add("alias", 60, a("192.0.2.9"))];
    let swapped = updated(&before, "hosts", &[], &swapped).unwrap();
    assert_eq!(texts(&swapped, "alias"), ["60 A 192.0.2.9"]);
    // A file that changes later wins: its records take no part of an overlay that they cannot stand beside.
    let file = FILE.replace("www 300 A 192.0.2.1\nwww 300 A 192.0.2.2", "www 300 CNAME mx") + "other 300 TXT x\n";
    let kept =
        updated(&before, "hosts", &[], &[add("www", 60, txt("beside")), add("text", 60, a("192.0.2.9"))]).unwrap();
    let later = good(&file).with_policy(policy()).with_overlay(kept.overlay());
    assert_eq!(texts(&later, "www"), ["300 CNAME mx.example.org."]);
    assert_eq!(texts(&later, "text").len(), 2);
    let alias = updated(&before, "hosts", &[], &[any("text", RecordType::TXT), add("text", 60, cname("www"))]).unwrap();
    let later = good(&format!("{FILE}text 300 A 192.0.2.5\n")).with_policy(policy()).with_overlay(alias.overlay());
    assert_eq!(texts(&later, "text"), ["300 A 192.0.2.5"]);
}

#[test]
fn bounds_hold_and_deletions_always_pass() {
    let before = zone();
    let many = |count: u32| -> Vec<Record> { (0..count).map(|n| add("text", 60, txt(&n.to_string()))).collect() };
    assert_eq!(updated(&before, "acme", &[], &many(1001)).err(), Some(ResponseCode::Refused));
    let mut zone = before;
    let mut refused = None;
    for round in 0..6 {
        let updates: Vec<Record> = (0..999).map(|n| add("text", 60, txt(&format!("{round} {n}")))).collect();
        match updated(&zone, "acme", &[], &updates) {
            Ok(done) => zone = done,
            Err(rcode) => refused = Some((round, rcode)),
        }
    }
    assert_eq!(refused, Some((5, ResponseCode::Refused)));
    let fewer = updated(&zone, "acme", &[], &[delete("text", txt("0 0"))]).unwrap();
    assert_eq!(fewer.serial(), zone.serial() + 1);
    let long = "x".repeat(200);
    let mut data = 0_usize;
    let refused = loop {
        let strings = (0..300).map(|_| long.clone()).collect();
        let big = RData::TXT(hickory_proto::rr::rdata::TXT::new(strings));
        match updated(&fewer, "acme", &[], &[add("_acme-challenge.mx", 60, big), add("text", 60, txt("y"))]) {
            Ok(_) if data > 2 => break None,
            Ok(_) => data += 1,
            Err(rcode) => break Some(rcode),
        }
    };
    assert_eq!(refused, None, "one large record is within the bounds");
    let large: Vec<Record> = (0..20)
        .map(|n| {
            let strings = (0..300).map(|_| format!("{n} {long}")).collect();
            add("_acme-challenge.mx", 60, RData::TXT(hickory_proto::rr::rdata::TXT::new(strings)))
        })
        .collect();
    assert_eq!(updated(&fewer, "acme", &[], &large).err(), Some(ResponseCode::Refused));
}

#[test]
fn an_overlay_is_the_same_after_a_restart() {
    let zone = zone();
    let updates = [add("_acme-challenge.mx", 60, txt("x")), any("text", RecordType::ANY)];
    let key = name("acme");
    let done = zone.updated(Update { key: &key, prerequisites: &[], updates: &updates }).unwrap().unwrap();
    assert_eq!(
        done.changes,
        ["deleted text.example.org. 300 TXT \"declared\"", "added _acme-challenge.mx.example.org. 60 TXT \"x\""]
    );
    let (served, state) = done.zone.raised("example.org.", zone.serial(), 0);
    let text = serde_json::to_string(&state).unwrap();
    let state = serde_json::from_str(&text).unwrap();
    let (again, changed) = good(FILE).with_policy(policy()).settled("example.org.", Some(&state), 99);
    assert_eq!(changed, None);
    assert_eq!((again.serial(), write(&again)), (served.serial(), write(&served)));
    // A rule that is gone takes its records along, and the serial still rises.
    let (plain, changed) = good(FILE).settled("example.org.", Some(&state), 99);
    assert_eq!(plain.serial(), 3);
    assert!(changed.unwrap().overlay.is_empty());
    assert_eq!(content(&plain), content(&good(FILE)));
}

#[test]
fn the_served_serial_follows_the_policy_and_never_goes_back() {
    let file = |serial: &str, more: &str| {
        let text =
            super::with_apex(&format!("{FILE}{more}")).replace("hostmaster 1 ", &format!("hostmaster {serial} "));
        super::read(&text).0.unwrap()
    };
    let unix = Arc::new(ZonePolicy { serial: SerialPolicy::UnixTime, ..ZonePolicy::clone(&policy()) });
    let load = |serial: &str, more: &str, last: Option<&_>, now| {
        file(serial, more).with_policy(Arc::clone(&unix)).settled("example.org.", last, now)
    };
    let (first, state) = load("1", "", None, 1_000_000);
    assert_eq!(first.serial(), 1_000_000);
    let state = state.unwrap();
    // The same content at another time, with another order and another declared serial, is the same.
    let (again, none) = load("2", "", Some(&state), 1_000_500);
    assert_eq!((again.serial(), none), (1_000_000, None));
    let (changed, state) = load("2", "more 60 A 192.0.2.1\n", Some(&state), 1_000_500);
    assert_eq!(changed.serial(), 1_000_500);
    // A clock that was set back.
    let (changed, state) = load("2", "", state.as_ref(), 5);
    assert_eq!(changed.serial(), 1_000_501);
    // An update within the same second.
    let raised = changed.clone().raised("example.org.", changed.serial(), 1_000_501).0;
    assert_eq!(raised.serial(), 1_000_502);
    // An operator who overtakes.
    let (overtaken, state) = load("2026010100", "", state.as_ref(), 1_000_600);
    assert_eq!(overtaken.serial(), 2_026_010_100);
    let (then, _) = load("2026010100", "more 60 A 192.0.2.1\n", state.as_ref(), 1_000_700);
    assert_eq!(then.serial(), 2_026_010_101);

    let keep =
        |serial: &str, more: &str, last: Option<&_>| file(serial, more).with_policy(policy()).settled("s", last, 9);
    let (zone, state) = keep("4294967295", "", None);
    assert_eq!((zone.serial(), state), (u32::MAX, None));
    let one = updated(&zone, "acme", &[], &[add("text", 60, txt("x"))]).unwrap();
    assert_eq!(one.serial(), 0, "serials wrap");
    let (one, state) = one.raised("s", 4, 0);
    // The file changes under a serial that was served already, then one that was not.
    let (later, raised) = keep("3", "more 60 A 192.0.2.1\n", Some(&state));
    assert_eq!(later.serial(), one.serial() + 1);
    let (later, _) = keep("40", "", raised.as_ref());
    assert_eq!(later.serial(), 40);
    assert!(later.is_of_same_file(&file("40", "x 1 A 192.0.2.1\n").with_policy(policy())));
    assert!(!later.is_of_same_file(&file("41", "").with_policy(policy())));
    assert!(changed.is_of_same_file(&file("9", "").with_policy(Arc::clone(&unix))));
    assert!(raised.is_some() && !changed.is_of_same_file(&file("9", "x 1 A 192.0.2.1\n").with_policy(unix)));
}

/// Any step at any of the names and types, allowed or not.
fn steps() -> impl Strategy<Value = Vec<Record>> {
    let owner = prop::sample::select(vec![
        "@",
        "www",
        "alias",
        "text",
        "mx",
        "_acme-challenge.mx",
        "new.ent",
        "a.b.deep",
        "b.deep",
        "deep",
    ]);
    let data = prop::sample::select(vec![
        a("192.0.2.1"),
        a("192.0.2.9"),
        txt("x"),
        txt("declared"),
        cname("www"),
        cname("mx"),
    ]);
    let step = (owner, data, 0_u8..4, prop::sample::select(vec![60_u32, 300])).prop_map(|(owner, data, kind, ttl)| {
        let rtype = data.record_type();
        match kind {
            0 => add(owner, ttl, data),
            1 => delete(owner, data),
            2 => any(owner, rtype),
            _ => any(owner, RecordType::ANY),
        }
    });
    prop::collection::vec(step, 1..4)
}

proptest! {
    #[test]
    fn no_update_touches_what_its_key_may_not(
        rounds in prop::collection::vec((prop::sample::select(vec!["acme", "hosts", "nobody"]), steps()), 1..8),
    ) {
        let mut served = zone();
        for (key, updates) in rounds {
            let before = served.clone();
            let Ok(after) = updated(&served, key, &[], &updates) else { continue };
            let rules: Vec<UpdateRule> = policy().update.iter().filter(|rule| rule.key == name(key)).cloned().collect();
            let may = |line: &str| rules.iter().any(|rule| {
                let mut fields = line.split('\t');
                let (owner, rtype) = (fields.next().unwrap(), fields.nth(2).unwrap());
                rule.names.contains(&name(owner)) && rule.types.iter().any(|allowed| allowed.to_string() == rtype)
            });
            let untouched = |zone: &Zone| -> Vec<String> { content(zone).lines().filter(|line| !may(line)).map(str::to_owned).collect() };
            prop_assert_eq!(untouched(&before), untouched(&after));
            let changed = content(&before) != content(&after);
            prop_assert_eq!(after.serial(), before.serial() + u32::from(changed));
            // What is served is what would be loaded from its text: no name too many, none missing, no CNAME beside others.
            let (reloaded, report) = super::read(&write(&after));
            let reloaded = reloaded.unwrap_or_else(|| panic!("{report}"));
            let owners = |zone: &Zone| { let mut all: Vec<_> = zone.nodes().map(|node| node.owner.key()).collect(); all.sort(); all };
            prop_assert_eq!(owners(&after), owners(&reloaded));
            prop_assert_eq!(write(&after), write(&reloaded));
            served = after;
        }
        // Applying an overlay again, also after its way through a store, is the same.
        let overlay = served.overlay();
        let again = served.clone().with_overlay(overlay.clone());
        prop_assert_eq!(content(&again), content(&served));
        prop_assert_eq!(&again.overlay(), &overlay);
        let kept = Overlay::of_sets(&overlay.to_sets());
        prop_assert_eq!(content(&good(FILE).with_policy(policy()).with_overlay(kept)), content(&served));
    }

    #[test]
    fn what_is_added_and_deleted_leaves_the_zone_as_it_was(texts in prop::collection::vec("[a-z]{1,8}", 1..6)) {
        let before = zone();
        let mut zone = before.clone();
        for text in &texts {
            zone = updated(&zone, "acme", &[], &[add("_acme-challenge.mx", 60, txt(text)), add("text", 300, txt(text))]).unwrap();
        }
        for text in texts.iter().filter(|text| *text != "declared") {
            zone = updated(&zone, "acme", &[], &[delete("_acme-challenge.mx", txt(text)), delete("text", txt(text))]).unwrap();
        }
        prop_assert_eq!(content(&zone), content(&before));
        prop_assert!(zone.overlay().is_empty());
    }
}
