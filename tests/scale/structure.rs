//! Zones of a template share all but their names; what plans cost does not grow with zones.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use waypost::config;
use waypost::model::{Name, Settings, UpdateRule, ZonePolicy};
use waypost::zone::{self, Attribution, Include, Template, Zone, Zones};

use crate::hosted::{self, DOMAINS, OWN};

struct Nothing;

impl Include for Nothing {
    fn read(&self, _: &Path) -> Result<String, String> {
        Err("nothing is there".to_owned())
    }
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn settings() -> Settings {
    let text = format!("[node]\nname = \"a\"\n{}", hosted::SITES_AND_SERVICES);
    let (settings, report) = config::read(Path::new("waypost.toml"), &text);
    settings.unwrap_or_else(|| panic!("{report}"))
}

fn zones(domains: usize, own: usize) -> Zones {
    let file = Path::new("zone");
    let (template, report) = Template::load(&name(&hosted::domain(0)), file, &hosted::zone(1, ""), &Nothing);
    let template = template.unwrap_or_else(|| panic!("{report}"));
    let listed = (0..domains).map(|number| template.zone(name(&hosted::domain(number))).unwrap());
    let own = (0..own).map(|number| {
        let text = hosted::zone(1, &hosted::more(number));
        zone::load(&name(&hosted::own(number)), file, &text, &Nothing).0.unwrap()
    });
    listed.chain(own).collect()
}

fn trees(attribution: &Attribution) -> usize {
    attribution.zones.iter().map(Zone::tree_id).collect::<HashSet<_>>().len()
}

#[test]
fn what_is_steered_and_probed_does_not_grow_with_zones() {
    let settings = settings();
    let few = zone::attribute(zones(20, 2), &settings);
    let many = zone::attribute(zones(DOMAINS, OWN), &settings);
    assert_eq!(many.zones.len(), DOMAINS + OWN);
    assert_eq!((trees(&few), trees(&many)), (1 + 2, 1 + OWN), "one tree for all of the template");
    assert_eq!(many.steered.len(), few.steered.len());
    assert_eq!(many.topology.endpoints.len(), few.topology.endpoints.len());
    assert_eq!(many.report.iter().count(), few.report.iter().count());
    // The same marks for all: what is found for one is found for all.
    let fronts = |zone: &Zone| {
        let mut fronts: Vec<_> = zone.fronts().map(|(front, node)| (front.to_vec(), node.rrsets().len())).collect();
        fronts.sort();
        fronts
    };
    let of = |number| many.zones.get(&name(&hosted::domain(number))).unwrap();
    assert_eq!(of(0).tree_id(), of(DOMAINS - 1).tree_id());
    assert_eq!(fronts(of(0)), fronts(of(DOMAINS - 1)));
    assert!(of(1).fronts().flat_map(|(_, node)| node.rrsets()).any(|set| set.steered.is_some()));
}

#[test]
fn an_update_of_a_challenge_attributes_nothing_anew() {
    let settings = settings();
    let before = zone::attribute(zones(20, 3), &settings);
    let with = |more: &str| {
        let text = hosted::zone(2, more);
        zone::load(&name(&hosted::own(1)), Path::new("zone"), &text, &Nothing).0.unwrap()
    };
    let challenge = with("_acme-challenge TXT \"token\"\n");
    let after = before.with_zone(challenge.clone()).unwrap();
    assert_eq!((&after.steered, &after.topology), (&before.steered, &before.topology));
    let mut zones = before.zones.clone();
    zones.insert(challenge);
    let anew = zone::attribute(zones, &settings);
    assert_eq!(anew.steered, after.steered);
    let marks = |attribution: &Attribution| {
        let zone = attribution.zones.get(&name(&hosted::own(1))).unwrap().clone();
        let mut marks: Vec<_> = zone
            .fronts()
            .flat_map(|(front, node)| node.rrsets().iter().map(|set| (front.to_vec(), set.rtype, set.steered)))
            .collect();
        marks.sort();
        marks
    };
    assert_eq!(marks(&after), marks(&anew));
    assert!(marks(&after).iter().any(|(_, _, steered)| steered.is_some()));
    for other in ["mx-fra A 192.0.2.11\n", "new A 192.0.2.12\n", "alias CNAME mx-fra\n"] {
        assert!(before.with_zone(with(other)).is_none(), "{other}");
    }
}

#[test]
fn a_change_of_one_zone_leaves_all_others_as_they_are() {
    let settings = settings();
    let before = zone::attribute(zones(DOMAINS, OWN), &settings).zones;
    let policy = ZonePolicy {
        update: vec![UpdateRule { key: name("k"), names: vec![name(&hosted::own(7))], types: vec![] }],
        ..ZonePolicy::default()
    };
    let mut after = before.clone();
    after.insert(before.get(&name(&hosted::own(7))).unwrap().clone().with_policy(Arc::new(policy)));
    let after = zone::attribute(after, &settings).zones;
    let changed: Vec<String> = after.not_in(&before).map(|zone| zone.origin().to_string()).collect();
    assert_eq!(changed, [format!("{}.", hosted::own(7))]);
    let [listed, _] = after.shared();
    assert!(Arc::ptr_eq(&listed, &before.shared()[0]), "nothing is copied of a million zones");
}
