//! From the first key to the last step of a rollover, as an operator types it.

use std::fs;

use super::scene::{Scene, hours};

fn states(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(role, state)| ((*role).to_owned(), (*state).to_owned())).collect()
}

#[test]
fn a_combined_key_is_made_and_replaced() {
    let scene = Scene::new();
    let made = scene.key("generate Example.org").well();
    assert!(made.stdout.contains("(csk) in"), "{made:?}");
    for said in ["dnssec = true", "waypost reload", "waypost key ds", "undo: delete"] {
        assert!(made.stderr.contains(said), "no {said:?} in {made:?}");
    }
    assert_eq!(Scene::mode(&scene.file("example.org")), 0o600);
    assert_eq!(Scene::mode(&scene.keys()), 0o700);
    assert_eq!(scene.states("example.org"), states(&[("csk", "signs everything")]));

    scene.pass("example.org", hours(48));
    let waits = scene.key("list").well();
    assert!(waits.stdout.contains("waits for its DS at the parent"), "{waits:?}");
    scene.key("rollover example.org --ds-published").well();
    let again = scene.key("rollover example.org --ds-published").well();
    assert!(again.stderr.contains("nothing to do"), "{again:?}");

    let before = fs::read(scene.file("example.org")).unwrap();
    let dry = scene.key("rollover example.org --dry-run").well();
    assert!(dry.stdout.contains("begins to sign the zone") && dry.stderr.contains("nothing was changed"), "{dry:?}");
    assert_eq!(fs::read(scene.file("example.org")).unwrap(), before);

    let begun = scene.key("rollover example.org").well();
    for said in ["begins to sign the zone", "is offered to the parent", "you: have the parent take the DS of key"] {
        assert!(begun.stdout.contains(said), "no {said:?} in {begun:?}");
    }
    assert!(begun.stderr.contains("undo: waypost key rollover --cancel --role csk --keyset example.org"), "{begun:?}");
    assert_eq!(Scene::mode(&scene.file("example.org")), 0o600);
    let all = "signs everything";
    assert_eq!(scene.states("example.org"), states(&[("csk", all), ("csk", "signs the DNSKEY RRset")]));
    scene.key("rollover example.org").refused(3, &["a rollover of the csk is under way", "remedy:"]);
    scene
        .key("rollover example.org --ds-published")
        .refused(3, &["is known to every cache from", "remedy: keep the DS"]);

    scene.pass("example.org", hours(26));
    assert_eq!(scene.states("example.org"), states(&[("csk", "signs the DNSKEY RRset"), ("csk", all)]));
    let told = scene.key("rollover example.org --ds-published").well();
    assert!(told.stdout.contains("stops signing") && !told.stdout.contains("you:"), "{told:?}");
    assert_eq!(scene.keyset("example.org")["awaited"], serde_json::Value::Null);
    scene.pass("example.org", hours(26));
    assert_eq!(scene.states("example.org"), states(&[("csk", "retired, still published"), ("csk", all)]));
    scene.key("rollover example.org").refused(3, &["under way", "wait until it has ended"]);
    scene.pass("example.org", hours(26));
    assert_eq!(scene.states("example.org"), states(&[("csk", "removed"), ("csk", all)]));
    scene.key("rollover example.org").well();
    let left: Vec<_> = fs::read_dir(scene.keys()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["example.org.keys"], "nothing is left behind");
}

#[test]
fn the_keys_of_a_pair_are_replaced_apart() {
    let scene = Scene::new();
    scene.key("generate --keyset hosted --split").well();
    let (keys, zone) = ("signs the DNSKEY RRset", "signs the zone");
    assert_eq!(scene.states("hosted"), states(&[("ksk", keys), ("zsk", zone)]));
    scene.key("rollover --keyset hosted").refused(2, &["has no csk", "--role ksk or --role zsk"]);
    scene.pass("hosted", hours(48));

    let begun = scene.key("rollover --keyset hosted --role zsk").well();
    assert!(begun.stdout.contains("begins to sign the zone") && begun.stdout.contains("leaves the DNSKEY RRset"));
    assert_eq!(scene.states("hosted")[1..], states(&[("zsk", zone), ("zsk", "published, signs nothing yet")]));
    // The other role is not held up.
    scene.key("rollover --keyset hosted --role ksk").well();
    scene.key("rollover --keyset hosted --role zsk").refused(3, &["a rollover of the zsk is under way"]);
    scene.pass("hosted", hours(26));
    assert_eq!(scene.states("hosted")[1..3], states(&[("zsk", "retired, still published"), ("zsk", zone)]));
    scene.pass("hosted", hours(26));
    assert_eq!(scene.states("hosted")[1..3], states(&[("zsk", "removed"), ("zsk", zone)]));
    scene.key("rollover --keyset hosted --role zsk").well();
}

#[test]
fn a_rollover_is_taken_back() {
    let scene = Scene::new();
    scene.key("generate example.org").well();
    scene.key("rollover example.org --cancel").refused(1, &["no rollover of the csk is under way"]);
    scene.pass("example.org", hours(48));
    let old = scene.keyset("example.org")["keys"][0]["tag"].clone();
    scene.key("rollover example.org").well();
    let back = scene.key("rollover example.org --cancel").well();
    assert!(back.stdout.contains("is taken back") && !back.stderr.contains("undo"), "{back:?}");
    assert_eq!(scene.states("example.org"), states(&[("csk", "signs everything"), ("csk", "removed")]));

    scene.key("rollover example.org").well();
    scene.pass("example.org", hours(30));
    scene.key("rollover example.org --cancel").refused(3, &["offered to the parent", "add --force"]);
    scene.key("rollover example.org --cancel --force").well();
    let keyset = scene.keyset("example.org");
    assert_eq!(keyset["awaited"]["tag"], old, "{keyset}");
    scene.pass("example.org", hours(60));
    assert_eq!(scene.states("example.org")[0].1, "signs everything");
}

#[test]
fn the_ttls_of_the_zone_and_what_is_typed_decide_the_times() {
    let scene = Scene::new();
    let zone = "@ 172800 IN SOA ns hostmaster 1 3600 600 86400 300\n@ 60 IN NS ns\nns 604800 IN A 192.0.2.1\n";
    fs::write(scene.path().join("example.zone"), zone).unwrap();
    let configuration = "[node]\nname = \"n\"\n[dnssec]\nkeys = \"keys\"\n[[zone]]\norigin = \"example.org\"\n\
                         file = \"example.zone\"\ndnssec = true\n";
    fs::write(scene.path().join("waypost.toml"), configuration).unwrap();
    let seconds = |line: &str| {
        let document = scene.run(line).well().json();
        let keys = document["keysets"][0]["keys"].as_array().unwrap().clone();
        let time = |name: &str| keys.last().unwrap()[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let _gone = fs::remove_file(scene.file("example.org"));
        time("offered").as_second() - time("created").as_second()
    };
    let typed = seconds("key generate example.org -o json --zone-ttl 30m --propagation 5m");
    assert_eq!(typed, 35 * 60);
    assert_eq!(seconds("key generate example.org -o json"), 604_800 + 3_600);
    // Where the zone's file cannot be read, that is said.
    fs::write(scene.path().join("example.zone"), "nonsense").unwrap();
    let made = scene.run("key generate example.org").well();
    assert!(made.stderr.contains("example.zone has errors; see --zone-ttl"), "{made:?}");
}
